"""Layers, Shift and Choose in the states that need no browser: nothing known, asked, failed, answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
import streamlit as st
from PIL import Image

from tests.support.depth_pages import LAYERS, RANK, SHARED, embedding_known, known, press, profile_known
from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered, is_clean, network_known, open_page, pictures_known, texts, training
from tltk import home
from tltk.analyses.advise.result import AdviseResult, NetworkResult, ProbeResult, SuggestionResult
from tltk.analyses.advise.spec import AdviseSpec
from tltk.analyses.classify.result import ClassifyResult, LearnerResult, ReweightingResult, WeightedPicture
from tltk.analyses.classify.spec import ClassifySpec
from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.rank.result import Candidate, RankResult
from tltk.analyses.two_sample.result import ClassTest, MeasureTest, TellingColumn, TellingWord, TwoSampleResult, Witness
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.dashboard.plan import FIRST
from tltk.jobs import provenance, queue
from tltk.runs.run import Run, all_runs
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.study import source_spec


def labels(app: Any) -> list[str]:
    return [button.label for button in app.button]


def test_layers_asks_before_it_computes_and_queues_what_it_says() -> None:
    known()
    app = open_page("layers")
    is_clean(app)
    assert "Examine all layers" in labels(app)
    press(app, "Examine all layers")
    is_clean(app)
    [job] = queue.jobs()
    assert job.light
    spec = Run.at(job.run).spec
    assert spec == ProfileSpec(**SHARED, pictures=500)
    assert "Stop" in labels(app)


def test_layers_shows_what_it_knows() -> None:
    known()
    profile_known()
    embedding_known("pca")
    app = open_page("layers")
    is_clean(app)
    assert [m.label for m in app.multiselect] == ["Shown under the handle"]
    assert app.multiselect[0].value == ["probe_target", "mmd"]
    assert "Filled marks: p ≤ .05 after Benjamini and Hochberg's correction. Over all 12 tests." in texts(app)
    assert "trustworthiness 0.90" in texts(app)
    assert "domain mixing 0.25" in texts(app)
    app.multiselect[0].set_value(["knn_target"]).run()
    is_clean(app)
    assert app.multiselect[0].value == ["knn_target"]


def test_layers_may_look_at_the_plans_few_labels_alone() -> None:
    known()
    app = open_page("layers")
    app.toggle[0].set_value(True).run()
    press(app, "Examine all layers")
    is_clean(app)
    [job] = queue.jobs()
    assert Run.at(job.run).spec == ProfileSpec(**{**SHARED, "target": FIRST.target}, pictures=500)


def test_the_handle_on_design_carries_what_is_known() -> None:
    network_known()
    pictures_known(FIRST.target)
    assert [o["name"] for o in lanes_of(open_page("design"))] == ["Rate per layer, at the start"]
    profile_known()  # of random weights: it says nothing of a network that is to be trained on a source
    assert len(lanes_of(open_page("design"))) == 1
    source = source_spec(FIRST)
    assert source is not None
    profile_known(weights=f"run:{source.run_id}")
    lanes = lanes_of(open_page("design"))
    assert [o["name"] for o in lanes] == ["Probe accuracy, target", "MMD", "Rate per layer, at the start"]
    assert lanes[0]["predicts"] and lanes[1]["null_hi"] == [0.05] * 6
    assert lanes[2]["values"] == [FIRST.optim.lr] * 6
    frozen = lanes_of(open_page("design", boundary="2", strategy="fine_tune"))[-1]["values"]
    assert frozen[:2] == [None, None] and frozen[2:] == [FIRST.optim.lr] * 4


def lanes_of(app: Any) -> list[dict[str, Any]]:
    """The overlays that the freeze handle was given."""
    is_clean(app)
    return HANDLES[-1]


HANDLES: list[list[dict[str, Any]]] = []


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch) -> None:
    from tltk.dashboard import freeze_handle as module

    check_overlays = module.check_overlays
    HANDLES.clear()

    def watch(overlays: Any, depth: int) -> Any:
        HANDLES.append(list(overlays))
        return check_overlays(overlays, depth)

    monkeypatch.setattr(module, "check_overlays", watch)


def test_a_question_that_failed_says_why_and_can_be_asked_again() -> None:
    known()
    run = Run.create(ProfileSpec(**SHARED, pictures=500))
    run.write_status(state="failed", message="The weights of x are not on this machine.")
    app = open_page("layers")
    is_clean(app)
    assert "The weights of x are not on this machine." in texts(app)
    press(app, "Ask again")
    is_clean(app)
    assert [job.run for job in queue.jobs()] == [run.id]


def test_an_answer_about_pictures_that_changed_says_so_and_can_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known()
    profile_known()
    run = Run.at(ProfileSpec(**SHARED, pictures=500, measures=("mmd",)).run_id)
    home.write_atomic(run.path / provenance.FILE, json.dumps({"folder:/pictures": "then"}))
    app = open_page("layers")
    assert "has changed" not in texts(app)  # nothing lies there now
    monkeypatch.setattr(provenance, "source_version", lambda name: "now")
    st.cache_data.clear()
    app = open_page("layers")
    is_clean(app)
    assert "What is in folder:/pictures has changed since this was computed." in texts(app)
    press(app, "Ask again")
    is_clean(app)
    assert [job.run for job in queue.jobs()] == [run.id] and run.result() is None


def test_runs_of_the_backbone_can_be_looked_at_and_compared() -> None:
    known()
    run = training()
    spec = json.loads((run.path / "spec.json").read_text())
    spec["net"]["backbone"] = "test_resnet"
    home.write_atomic(run.path / "spec.json", json.dumps(spec))
    (run.path / "model.safetensors").touch()
    app = open_page("layers")
    is_clean(app)
    weights, after = app.selectbox[0], app.selectbox[1]
    assert weights.value == f"run:{run.id}"
    assert "scratch" in after.options[1]


def test_shift_says_what_the_domains_are_and_tests_them() -> None:
    known()
    profile_known(("mmd", "coral"))
    rows = [
        MeasureTest(m, 0.3, 0.0, 0.1, p, 4.0, p_holm=family, p_bh=p, self_value=0.2, self_lo=0.0, self_hi=0.1, self_n=1)
        for m, p, family in (("mmd", 0.005, 0.01), ("energy", 0.03, 0.06), ("coral", 0.4, 0.4))
    ]
    why = "frechet must be a number that float32 can hold."
    rows.append(MeasureTest("frechet", None, None, None, None, None, why=why))
    spec = TwoSampleSpec(
        **SHARED, pictures=500, layer=0, measures=("coral", "energy", "frechet", "mmd", "sliced_wasserstein")
    )
    shown = [Witness(0, [1, 2], [0.1, 0.2])]
    answered(
        spec,
        TwoSampleResult(
            layer=0,
            name="stem",
            names=LAYERS,
            table=rows,
            mixed=0.15,
            labels=["0", "1", "2", "3"],
            witness={"source": shown, "target": shown},
            n={"source": 2, "target": 2},
            seconds={},
            per_class={"0": 0.2, "1": 0.4},
            conditional=0.3,
            tests=3,
            correction="Over all 3 tests.",
            classes=[
                ClassTest(c, v, -0.1, 0.1, 0.01, 3.0, p_holm=0.02, p_bh=0.01, source=7, target=9)
                for c, v in (("0", 0.2), ("1", 0.4))
            ],
            within=None,
            class_correction="Over both classes.",
            label_shift="The domains must have the same classes by name for this estimate. They do not.",
        ),
    )
    Image.new("RGB", (32 * 40, 40)).save(Run.create(spec).path / "pictures.png")
    app = open_page("shift")
    is_clean(app)
    assert "At stem" in texts(app)
    table = app.dataframe[0].value
    assert list(table.iloc[:, -1]) == ["shift", "no shift seen", "no shift seen", "not computed"]  # by Holm's p
    assert (
        list(table["p (Holm)"][:3]) == ["0.01", "0.06", "0.4"]
        and list(table["Halves of the target (95%)"][:2]) == ["0 … 0.1"] * 2
    )
    assert "Over all 3 tests." in texts(app) and "frechet must be a number that float32 can hold." in texts(app)
    assert "Halves hold 1 examples of each domain" in texts(app)
    assert list(app.dataframe[1].value["Pictures"]) == ["7 and 9"] * 2 and "Classes: Over both classes." in texts(app)
    assert list(app.dataframe[1].value["Class"]) == ["1", "0"]  # the one that moved most comes first
    assert "same classes by name" in texts(app)
    assert "Only in the source" in texts(app)


def test_shift_shows_words_and_sentences_of_texts() -> None:
    known()
    profile_known(("mmd", "coral"))
    spec = TwoSampleSpec(
        **SHARED, pictures=500, layer=0, measures=("coral", "energy", "frechet", "mmd", "sliced_wasserstein")
    )
    said = ["the <b>phone</b>", "the cable", "a film", "a *plot*"]
    found = TwoSampleResult(
        layer=0,
        name="stem",
        names=LAYERS,
        table=[],
        mixed=0.15,
        labels=["0", "1", "0", "1"],
        witness={"source": [Witness(0, [2], [0.1])], "target": [Witness(3, [1], [0.1])]},
        n={"source": 2, "target": 2},
        seconds={},
        per_class={},
        conditional=None,
        label_shift="none",
        texts=said,
        words=[TellingWord("the", 1.0, 0.0, 3.1), TellingWord("film", 0.0, 0.5, -2.2)],
    )
    answered(spec, found)
    app = open_page("shift")
    is_clean(app)
    told = texts(app)
    assert "Words of the source" in told and "Sentences of the target alone" in told
    tables = [list(frame.value["Word"]) for frame in app.dataframe if "Word" in frame.value]
    assert tables == [["the"], ["film"]]
    assert all(text in told for text in said) and "Only in the source" not in told
    given = "\n".join(str(element.value) for element in app.markdown)
    assert "<b>phone" not in given and "a *plot*" not in given


def test_shift_shows_columns_and_rows_of_tables() -> None:
    known()
    profile_known(("mmd", "coral"))
    spec = TwoSampleSpec(
        **SHARED, pictures=500, layer=0, measures=("coral", "energy", "frechet", "mmd", "sliced_wasserstein")
    )
    found = TwoSampleResult(
        layer=0,
        name="stem",
        names=LAYERS,
        table=[],
        mixed=0.15,
        labels=["0", "1", "0", "1"],
        witness={"source": [Witness(0, [2], [0.1])], "target": [Witness(3, [1], [0.1])]},
        n={"source": 2, "target": 2},
        seconds={},
        per_class={},
        conditional=None,
        label_shift="none",
        texts=["age 1", "age 2", "age 3", "age 4 <b>"],
        columns=[TellingColumn("age", 1.5, 3.5, -2.0), TellingColumn("pay", 1.0, 0.5, 0.25)],
    )
    answered(spec, found)
    app = open_page("shift")
    is_clean(app)
    told = texts(app)
    [frame] = [one.value for one in app.dataframe if "Column" in one.value]
    assert list(frame["Column"]) == ["age", "pay"] and list(frame["Difference in deviations"]) == [-2.0, 0.25]
    assert "Rows of the target alone" in told and "age 4 <b>" in told and "Words of the source" not in told


def weighed() -> tuple[ClassifySpec, ClassifyResult]:
    """The question of the page Shift about weights, and an answer: two reweightings with two pictures on either end."""
    spec = ClassifySpec(
        **SHARED,
        pictures=500,
        layer="0",
        labels="source",
        learners=("ridge",),
        reweightings=("domain_classifier", "kliep", "kmm"),
    )

    def learned(way: str, accuracy: float) -> LearnerResult:
        name = f"ridge+{way}" if way else "ridge"
        return LearnerResult(name, "ridge", "", way, accuracy, accuracy - 0.1, accuracy + 0.1, 1, 3, 0.5, 1.0, [{}], 5)

    def weights(way: str, effective: float, first: int) -> ReweightingResult:
        most = [WeightedPicture(7, 9.5, "3", first), WeightedPicture(5, 4.25, "1", first + 1)]
        least = [WeightedPicture(8, 0.001, "8", first + 2)]
        return ReweightingResult(way, 400, effective, most, least)

    return spec, ClassifyResult(
        rows=[learned("kliep", 0.61), learned("", 0.5), learned("domain_classifier", 0.4)],
        pairs=[],
        sentence="Which is best cannot be told.",
        remarks=["The target's labels were used for the test alone."],
        left_out={"ridge+kmm": "All weights are 0."},
        weights=[weights("domain_classifier", 300.0, 0), weights("kliep", 12.0, 3)],
        layer=0,
        layer_name="stem",
        width=8,
        labels="source",
        seeds=[0, 1, 2],
        n_train=[400] * 3,
        n_test=100,
        classes=10,
        majority=0.1,
        seconds={},
    )


def test_shift_weighs_the_pictures_of_the_source_and_shows_them() -> None:
    known()
    spec, found = weighed()
    app = open_page("shift")
    press(app, "Weigh the source's pictures")
    is_clean(app)
    [job] = queue.jobs()
    assert Run.at(job.run).spec == spec
    queue.remove(job.run)
    answered(spec, found)
    Image.new("RGB", (32 * 40, 40)).save(Run.create(spec).path / "pictures.png")
    app = open_page("shift")
    is_clean(app)
    [table] = [one.value for one in app.dataframe if "Weights" in one.value.columns]
    assert list(table["Weights"]) == ["none: all pictures count alike", "kliep", "domain classifier"]
    assert list(table["Accuracy on the target"]) == ["50.0%", "61.0%", "40.0%"]
    said = texts(app)
    assert "its 400 pictures tell as much as 300 that count alike (75%)." in said
    assert "its 400 pictures tell as much as 12 that count alike (3%). Few pictures decide" in said
    assert "ridge+kmm is left out: All weights are 0." in said.replace("\\", "")
    images = [one for group in app.image for one in group.proto.imgs]
    captions = ["3, weight 9.5", "1, weight 4.2", "8, weight 0.001"] * 2
    assert [one.caption for one in images] == captions
    assert [one.alt for one in images] == [f"Picture of {caption}" for caption in captions]
    (Run.create(spec).path / "pictures.png").unlink()
    app = open_page("shift")
    assert "the numbers above still hold" in texts(app) and not app.image


def test_shift_weighs_nothing_without_a_reweighting() -> None:
    known()
    app = open_page("shift")
    app.multiselect(key="shift:reweightings").set_value([]).run()
    is_clean(app)
    assert "Choose a reweighting above." in texts(app)
    assert "Weigh the source's pictures" not in labels(app)


def test_an_answer_of_before_without_corrections_is_still_shown() -> None:
    known()
    row = {
        "measure": "mmd",
        "value": 0.3,
        "null_lo": 0.0,
        "null_hi": 0.1,
        "p": 0.005,
        "effect": 4.0,
        "self_lo": 0.0,
        "self_hi": 0.1,
    }
    spec = TwoSampleSpec(
        **SHARED, pictures=500, layer=0, measures=("coral", "energy", "frechet", "mmd", "sliced_wasserstein")
    )
    answered(
        spec,
        {
            "layer": 0,
            "name": "stem",
            "names": LAYERS,
            "table": [row],
            "mixed": 0.15,
            "labels": ["0", "1"],
            "witness": {"source": [], "target": []},
            "n": {"source": 2, "target": 2},
            "seconds": {},
            "per_class": {},
            "conditional": None,
            "label_shift": "None.",
        },
    )
    Image.new("RGB", (32 * 40, 40)).save(Run.create(spec).path / "pictures.png")
    app = open_page("shift")
    is_clean(app)
    assert list(app.dataframe[0].value.iloc[:, -1]) == ["shift"]
    assert "Nothing is typical of the source alone" in texts(app)


def test_shift_asks_what_each_measure_sees_of_each_dial_and_shows_it() -> None:
    known()
    size = FIRST.target.size
    names = ("coral", "energy", "frechet", "mmd", "sliced_wasserstein")  # those chosen for the table above
    spec = DialResponseSpec(
        DataSpec("shapes", size=size), NetSpec("test_resnet"), 0, names, pictures=200, permutations=39
    )
    app = open_page("shift")
    press(app, "Turn every dial")
    is_clean(app)
    assert [Run.at(job.run).spec for job in queue.jobs()] == [spec]
    rows = [
        {"level": level, "value": v, "effect": v, "p": p, "lo": -1.0, "hi": 1.0}
        for level, v, p in ((0.0, 0.1, 0.6), (0.05, 0.8, 0.2), (0.1, 9.0, 0.025))
    ]
    answered(
        spec,
        {
            "layer": 0,
            "name": "stem",
            "names": LAYERS,
            "measures": list(names),
            "n": 200,
            "permutations": 39,
            "dials": [{"name": "blur", "label": "Blur", "shares": [0.0, 0.5, 1.0], "levels": [0.0, 0.05, 0.1]}],
            "cells": {m: {"blur": rows} for m in names},
            "seen": {m: {"blur": 2} for m in names},
            "alarms": {m: 0.0 for m in names},
            "seconds": {"all": 1.0},
        },
    )
    app = open_page("shift")
    is_clean(app)
    assert "Turn every dial" not in labels(app)
    assert "with 200 examples of each domain at stem" in texts(app)
    chosen = next(s for s in app.selectbox if s.label == "Measure")
    assert chosen.value == "coral"
    chosen.set_value("mmd").run()
    is_clean(app)


def test_the_shift_lab_opens_with_its_dials() -> None:
    known()
    app = open_page("shift")
    press(app, "Open the shift lab")
    is_clean(app)
    dials = [n.label for n in app.number_input]
    assert dials.count("Hue") == 2
    next(n for n in app.number_input if n.label == "Rotation").set_value(30.0).run()
    is_clean(app)
    assert "rotation=30" in str(app.query_params)


def ranked(places: tuple[tuple[int, int], ...], order: str) -> None:
    """A ranking as the worker leaves it."""
    rows = [
        Candidate(
            backbone=name,
            weights="scratch",
            scores={"logme": s, "probe": 0.4},
            width=64,
            parameters=10**6,
            why={"leep": "leep asks the classifier."},
            seconds=1.0,
            interval={"logme": (s - 0.05, s + 0.05)},
            places={"logme": ends, "probe": (1, 3)},
            notes={"probe": "There is no interval: look at more pictures."},
        )
        for (name, s), ends in zip(
            (("resnet10t", 0.3), ("test_resnet", 0.2), ("mobilenetv2_035", 0.1)), places, strict=True
        )
    ]
    answered(
        RANK,
        RankResult(
            rows=tuple(rows),
            scores=["logme", "leep", "probe"],
            by="logme",
            order=order,
            n=100,
            fewest=8,
            classes=10,
            majority=0.25,
        ),
    )


def own(backbone: str, accuracy: float, seed: int = 0) -> None:
    """A finished training of the user's own on the plan's target."""
    run = Run.create(TransferSpec(FIRST.target, NetSpec(backbone, "scratch"), seed=seed))
    home.write_atomic(run.path / "result.json", json.dumps({"accuracy": accuracy}))


def test_choose_ranks_in_plain_words_and_marks_the_scores_by_what_is_trained_by_now() -> None:
    ranked(((1, 1), (2, 2), (3, 3)), "Every place is told: resnet10t comes first.")
    app = open_page("choose")
    is_clean(app)
    assert "gets 40% right; always naming the most frequent class, 25%." in texts(app)
    assert "Looks best: resnet10t" in texts(app) and "Every place is told: resnet10t comes first." in texts(app)
    assert "leep" not in app.dataframe[0].value.columns
    assert "leep is left out" in texts(app)
    assert "None of these networks has been trained" in texts(app) and len(app.dataframe) == 2
    for backbone, accuracy in (("resnet10t", 0.785), ("test_resnet", 0.8), ("mobilenetv2_035", 0.5)):
        own(backbone, accuracy)
    own("resnet10t", 0.785, seed=1)
    app = open_page("choose")
    is_clean(app)
    assert "You have trained it here: 78.5% on the test examples, mean of 2 runs." in texts(app)
    assert list(app.dataframe[0].value["Test accuracy, trained"]) == [0.785, 0.8, 0.5]
    assert "1 to 2 runs of the best of 1 setting" in texts(app)
    marks = app.dataframe[2].value
    assert marks["Regret"][0] == "1.5 points" and marks["Trained candidates"][0] == 3
    assert marks["95% interval"][0] != "1.00 … 1.00" and marks["p"][0] == "0.5"


def test_choose_does_not_name_a_first_that_cannot_be_told() -> None:
    ranked(((1, 2), (1, 2), (3, 3)), "Which comes first cannot be told: resnet10t, test_resnet.")
    app = open_page("choose")
    is_clean(app)
    assert "Place 1–2: resnet10t" in texts(app) and "Place 1–2: test_resnet" in texts(app)
    assert "Third: mobilenetv2_035" in texts(app) and "Looks best" not in texts(app)
    assert list(app.dataframe[0].value["Place"]) == ["1–2", "1–2", "3"]
    spans = app.dataframe[1].value
    assert spans["logme"][0] == "0.25 … 0.35, place 1–2" and spans["probe"][0].startswith("There is no interval")
    assert "tenths of the 100 examples (jackknife), 8 of the smallest class" in texts(app)


def test_a_ranking_of_before_is_still_shown() -> None:
    rows = [
        {
            "backbone": "resnet10t",
            "weights": "scratch",
            "scores": {"logme": 0.3},
            "width": 64,
            "parameters": 10**6,
            "why": {},
            "trained": 0.8,
            "seconds": 1.0,
        }
    ]
    answered(RANK, {"rows": rows, "marks": {"logme": "Too few."}, "n": 100, "classes": 10})
    app = open_page("choose")
    is_clean(app)
    assert "Looks best: resnet10t" in texts(app) and "You have trained it here" not in texts(app)
    assert "most frequent" not in texts(app)  # it holds no such share, and ten classes say nothing of it


def test_choose_queues_its_question() -> None:
    app = open_page("choose")
    press(app, "Rank them")
    is_clean(app)
    assert [run.spec for run in all_runs()] == [RANK]


def test_choose_lists_weights_by_what_they_are_and_never_by_an_id() -> None:
    for lr in (0.1, 0.2):
        run = Run.create(TransferSpec(target=DataSpec("digits", shots=5), optim=OptimSpec(lr=lr)))
        (run.path / "model.safetensors").write_bytes(b"x")
        run.write_status(state="done")
    named = Run.create(TransferSpec(net=NetSpec("test_resnet", weights=f"run:{run.id}", boundary=2), seed=3))
    (named.path / "model.safetensors").write_bytes(b"x")
    named.write_status(state="done")
    app = open_page("choose")
    is_clean(app)
    options = app.multiselect[0].options
    assert "resnet10t · trained on digits, 5 labels per class" in options
    assert "resnet10t · trained on digits, 5 labels per class (2)" in options, "two that are alike are told apart"
    assert "test_resnet · trained on digits, fine tune from layer 2, seed 3" in options
    assert not [option for option in options if run.id[:6] in option or "@" in option]
    named.write_label(name="My best")
    assert "test_resnet · My best" in open_page("choose").multiselect[0].options


def test_choose_gives_no_advice_on_new_weights() -> None:
    app = open_page("choose")
    assert "add a candidate that has some" in texts(app) and "Ask for advice" not in labels(app)


def test_choose_advises_how_to_use_the_network_and_tells_its_record() -> None:
    first = SuggestionResult("feature_extraction", 5, "Why so.", "Change of that.", 0.01, "test_resnet", "hub:a")
    other = SuggestionResult("lp_ft", 0, "A good head first.", "More labels.", None, "test_resnet", "hub:a")
    found = AdviseResult(
        suggestions=[first, other],
        sentence="Try feature_extraction on test_resnet.",
        few=True,
        similar="yes",
        per_class=5,
        n_train=50,
        classes=10,
        best_layer=5,
        probes=[ProbeResult("stem", 0.4, 0.3, 0.05, 0.15)],
        distance=0.2,
        p=0.005,
        record="In 3 of 4 races here that tried what was advised, nothing else was told to be better.",
        networks=[
            NetworkResult("test_resnet", "hub:a", 0.5, 1, None, ""),
            NetworkResult("test_vit", "hub:b", None, 0, 9.0, "A picture takes 9 ms, more than 5."),
        ],
    )
    names = ("test_resnet@hub:a", "test_vit@hub:b")
    app = open_page("choose")
    app.multiselect[0].set_value(["resnet10t@scratch", *names]).run()
    app.number_input(key="choose:ms").set_value(5.0).run()
    is_clean(app)
    asked = AdviseSpec(
        FIRST.target, FIRST.source, candidates=names, pictures=500, latency=5.0, epochs=FIRST.optim.epochs
    )
    answered(asked, found)
    app.run()
    is_clean(app)
    said = texts(app)
    for part in (
        "**feature_extraction** at boundary 5 of **test_resnet** (hub weights a), about 0.1 minutes a training",
        "Why: Why so.",
        "What would change this advice: Change of that.",
        "- **lp_ft** at boundary 0 of **test_resnet** (hub weights a). A good head first. More labels.",
        found.record,
    ):
        assert part in said.replace("\\", ""), part
    assert "test_vit (hub weights b) was left out: A picture takes 9 ms, more than 5." in said.replace("\\", "")
    assert "MMD² of source and target" in said


@pytest.mark.parametrize("name", ["layers", "shift"])
def test_no_source_is_said_or_left_out(name: str) -> None:
    known()
    app = open_page("shift")
    next(s for s in app.selectbox if s.label == "Source").set_value("none").run()
    is_clean(app)
    assert "A shift needs two domains" in texts(app)

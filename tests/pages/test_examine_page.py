"""Examine: asks what is asked with a click alone, and shows the sheets with their lists."""

from __future__ import annotations

import msgspec
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered, is_clean, open_page, texts, training
from tests.support.results import trained
from tltk import home
from tltk.analyses.confusion.result import Answered, ConfusionResult
from tltk.analyses.confusion.spec import ConfusionSpec
from tltk.analyses.duplicates.result import Copy, DuplicatesResult, PartPair
from tltk.analyses.duplicates.spec import DuplicatesSpec
from tltk.analyses.errors.result import ErrorsResult, Mistake
from tltk.analyses.errors.spec import ErrorsSpec
from tltk.analyses.label_noise.result import LabelNoiseResult, Suspect
from tltk.analyses.label_noise.spec import LabelNoiseSpec
from tltk.analyses.nearest.result import NearestResult, Neighbour, Query
from tltk.analyses.nearest.spec import NearestSpec
from tltk.analyses.neighbours.result import LayerNeighbours, Near, NeighboursResult
from tltk.analyses.neighbours.spec import NeighboursSpec
from tltk.analyses.saliency.result import Attribution, Explained, RandomisedLayer, SaliencyResult
from tltk.analyses.saliency.spec import SaliencySpec
from tltk.dashboard import confusion_view
from tltk.jobs import queue
from tltk.runs.run import Run
from tltk.specs.knobs import Spec
from tltk.specs.parts import NetSpec
from tltk.specs.training import TransferSpec

HOSTILE = "**bold** ![x](http://a.b/c)"
CLASSES = ["a", HOSTILE]


def done() -> Run:
    run = training()
    home.write_atomic(run.path / "result.json", msgspec.json.encode(trained(classes=CLASSES)))
    (run.path / "model.safetensors").write_bytes(b"kept")
    return run


def mistakes(run: Run) -> ErrorsResult:
    found = [Mistake(7, "cats/7.png", 0, 1, 0.97, 0.03), Mistake(9, "cats/9.png", 1, 0, 0.91, 0.09)]
    return ErrorsResult(run.id, "resnet10t", "digits", "test", CLASSES, 40, 0, 5, 0, found, ["A remark."])


def maps(run: Run, depends: bool | None) -> SaliencyResult:
    explained = [Explained(7, "cats/7.png", 0, 1, 0.9, 1, 0.05, False)]
    check = [RandomisedLayer(5, "head", 0.4, 0.2, 0.6, 0.0), RandomisedLayer(0, "stem", 0.1, 0.0, 0.2, 0.1)]
    said = f"The sentence for {depends}."
    return SaliencyResult(
        run.id,
        "resnet10t",
        "digits",
        "test",
        CLASSES,
        "grad_cam",
        3,
        "layer3.0",
        4,
        4,
        explained,
        check,
        3,
        depends,
        said,
        [],
    )


def keep(spec: Spec, result: object) -> None:
    answered(spec, result)
    Image.new("RGB", (300, 160)).save(Run.at(spec.run_id).path / "pictures.png")


def page(question: str = "Mistakes", **query: str) -> AppTest:
    app = open_page("examine", **query)
    if question != "Mistakes":
        app.session_state["held:examine:question"] = question
        app.run()
    is_clean(app)
    return app


def labels_of(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_nothing_is_computed_before_a_click() -> None:
    run = done()
    known = trained(classes=[str(digit) for digit in range(10)])  # those of its target
    home.write_atomic(run.path / "result.json", msgspec.json.encode(known))
    app = page()
    assert queue.jobs() == [] and "Ask" in labels_of(app)
    assert f"tltk errors {run.id}" in str([code.value for code in app.code])
    next(b for b in app.button if b.label == "Ask").click().run()
    is_clean(app)
    assert len(queue.jobs()) == 1
    assert Run.at(ErrorsSpec(run.id).run_id).spec == ErrorsSpec(run.id)


def test_mistakes_are_shown_with_their_sheet_and_as_csv() -> None:
    run = done()
    keep(ErrorsSpec(run.id), mistakes(run))
    app = page()
    assert "5 of 40 pictures are taken for another class, 12.5%" in texts(app).replace("**", "")
    table = app.dataframe[0].value
    assert list(table["picture"]) == ["cats/7.png", "cats/9.png"] and list(table["taken for"]) == [HOSTILE, "a"]
    assert len(app.get("image")) == 1 and "A remark." in texts(app)
    assert [b.proto.label for b in app.get("download_button")] == ["Download as CSV"]
    (Run.at(ErrorsSpec(run.id).run_id).path / "pictures.png").unlink()
    app = page()
    assert not app.get("image") and "were deleted" in texts(app)


@pytest.mark.parametrize(("depends", "kind"), [(True, "success"), (False, "error"), (None, "warning")])
def test_maps_come_with_the_check_of_their_worth(depends: bool | None, kind: str) -> None:
    run = done()
    keep(SaliencySpec(run.id), maps(run, depends))
    app = page("Where it looks")
    [box] = getattr(app, kind)
    assert f"The sentence for {depends}" in box.value
    assert list(app.dataframe[0].value["randomised from"]) == ["5 head", "0 stem"]
    assert len(app.get("image")) == 1


def test_nearest_training_pictures_are_listed_and_no_bare_path_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    run = done()
    spec = run.spec
    assert isinstance(spec, TransferSpec)
    near = Query("digits[3]", "a", HOSTILE, 0.9, 1.0, [Neighbour(5, "digits[5]", HOSTILE, 0.25)])
    found = NearestResult(run.id, "resnet10t", "digits", 90, 5, "features", "cosine", [near], [], 1, [])
    keep(NearestSpec(run.id, (spec.target.name,), part="test"), found)
    app = page("Nearest")
    assert list(app.dataframe[0].value["nearest"]) == ["digits[5]"] and len(app.get("image")) == 1
    monkeypatch.setattr("tltk.dashboard.examine_view._where", lambda *_: ("/etc/pictures", "all"))
    app = page("Nearest")
    assert not app.dataframe and "Ask" not in labels_of(app) and "A domain must be a name" in texts(app)


def test_words_are_shaded_and_shown_as_text_whatever_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    run = done()
    monkeypatch.setattr("tltk.dashboard.examine_view.noun_of", lambda _: "texts")
    words = [Attribution("<b onload=x>", "", 0.5), Attribution("dull", "", -0.25), Attribution("odd", "", None)]
    told = Explained(3, "a: b", 0, 1, 0.9, 1, 0.1, False, words, 1.0, 0.75)
    found = msgspec.structs.replace(
        maps(run, True), backbone="vectors:v.txt", method="integrated_gradients", pictures=[told], baseline="a mean"
    )
    keep(SaliencySpec(run.id), found)
    app = page("Where it looks")
    [drawn] = [e.proto.body for e in app.get("html") if "tltk-words" in e.proto.body]
    assert "<b onload" not in drawn and "&lt;b onload=x&gt;" in drawn and 'title="dull: -0.25"' in drawn
    strong, weak = (drawn.index(text) for text in ("55%", "28%"))
    assert strong < weak and "does not know it" in drawn
    assert "Integrated gradients" in texts(app) and not app.get("image")


def test_labels_and_copies_of_the_target_are_listed() -> None:
    run = done()
    spec = run.spec
    assert isinstance(spec, TransferSpec)
    suspect = Suspect(3, "cats/3.png", "train", 0, 1, 0.02, 0.98)
    noise = LabelNoiseResult(
        "digits",
        "all",
        CLASSES,
        50,
        "resnet10t",
        "scratch",
        5,
        "features",
        5,
        0.9,
        0.02,
        [0.9, 0.8],
        [[24, 1], [0, 25]],
        [suspect],
        1,
        [],
    )
    keep(LabelNoiseSpec(spec.target, NetSpec(spec.net.backbone, weights=spec.net.weights)), noise)
    app = page("Labels")
    assert "1 of 50 labels are likely wrong" in texts(app).replace("**", "")
    assert list(app.dataframe[0].value["likely"]) == [HOSTILE]
    copy = Copy(1, "a/1.png", "train", "a", 2, "a/2.png", "test", "a", "near", 3)
    copies = DuplicatesResult("digits", "", 50, 0, 1, [PartPair("train", "test", 1, 0, 0)], [copy], 1, ["Too good."])
    keep(DuplicatesSpec(spec.target, seed=spec.seed), copies)
    app = page("Copies")
    assert list(app.dataframe[0].value["copy"]) == ["a/2.png"] and "Too good." in texts(app)


def test_a_training_that_is_not_done_says_so() -> None:
    training("failed", "The reason.")
    app = page()
    assert "must have finished" in texts(app) and not app.dataframe


# -- confusion ----------------------------------------------------------------------------------------------------


def answers(run: Run, other: str = "") -> ConfusionResult:
    """Five pictures of two classes; another training answers otherwise on two."""
    sure = [(0, 1, 0.9, 0, 0.6), (0, 1, 0.7, 1, 0.8), (1, 0, 0.6, 1, 0.7), (0, 0, 0.8, 0, 0.9), (1, 1, 0.7, 0, 0.5)]
    shown = [
        Answered(10 + i, f"{i}.png", c, k, p, *((o, q) if other else (None, None)))
        for i, (c, k, p, o, q) in enumerate(sure)
    ]
    beside = [[6, 2], [1, 3]] if other else []
    lost, gained = (2, 1) if other else (0, 0)
    counts = [[4, 4], [2, 2]]
    return ConfusionResult(
        run.id, other, "resnet10t", "digits", "test", CLASSES, 12, 0, 0, counts, beside, lost, gained, shown, []
    )


def shown(app: AppTest, column: str = "name") -> list[str]:
    return list(app.dataframe[0].value[column])


def pick_class(app: AppTest, label: str, value: str) -> AppTest:
    next(s for s in app.selectbox if s.label == label).set_value(value).run()
    is_clean(app)
    return app


def test_a_cell_of_the_matrix_opens_its_pictures() -> None:
    run = done()
    keep(ConfusionSpec(run.id), answers(run))
    app = page("Confusion")
    assert "6 of 12 pictures are named right, 50.0%" in texts(app).replace("**", "")
    assert [e for e in app.get("bidi_component") if e.proto.component_name.endswith("tltk_plot")]
    assert shown(app) == ["0.png", "1.png", "2.png"] and shown(app, "sure")[0] == 90.0, "all mistakes, the surest first"
    assert "3 of 6, the surest" in texts(app), "of the rest it is told that they are not shown"
    pick_class(app, "Class", "a")
    assert shown(app) == ["0.png", "1.png"]
    pick_class(app, "Taken for", "a")
    assert shown(app) == ["3.png"]
    pick_class(app, "Class", "")
    assert shown(app) == ["3.png", "2.png"]


def test_a_click_on_a_cell_is_the_choice_of_both_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    run = done()
    keep(ConfusionSpec(run.id), answers(run))
    clicks = [[2]]  # the second row, the first column
    monkeypatch.setattr(confusion_view, "pick", lambda *_, **__: clicks.pop() if clicks else None)
    app = page("Confusion")
    assert shown(app) == ["2.png"]
    chosen = {s.label: s.value for s in app.selectbox}
    assert (chosen["Class"], chosen["Taken for"]) == (HOSTILE, "a")


def test_pictures_on_which_two_trainings_differ_have_both_confidences() -> None:
    run, other = done(), training(boundary=3)
    home.write_atomic(other.path / "result.json", msgspec.json.encode(trained(classes=CLASSES)))
    (other.path / "model.safetensors").write_bytes(b"kept")
    keep(ConfusionSpec(run.id, against=other.id), answers(run, other.id))
    app = page("Confusion", run=run.id)
    beside = next(s for s in app.selectbox if s.label == "Beside another training")
    assert len(beside.options) == 2
    beside.set_value(other.id).run()
    is_clean(app)
    assert "on 2 pictures it is right and this one wrong, on 1 the reverse" in texts(app)
    app.button_group(key="widget:confusion:show").set_value("lost").run()
    is_clean(app)
    assert shown(app) == ["0.png", "2.png"] and shown(app, "there") == ["a", HOSTILE]
    assert [f"{v:.0f}" for v in shown(app, "sure there")] == ["60", "70"]
    app.button_group(key="widget:confusion:show").set_value("gained").run()
    assert shown(app) == ["4.png"]
    pick_class(app, "Class", "a")
    assert not app.dataframe and "There are no such pictures" in texts(app)


def test_a_picture_is_followed_through_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    run = done()
    keep(ConfusionSpec(run.id), answers(run))
    near = [Near(1, "7.png", HOSTILE, 0.1), Near(2, "8.png", "a", 0.2)]
    layers = [LayerNeighbours(i, name, near, near[:1], 0.5) for i, name in enumerate(("stem", "features"))]
    asked = NeighboursSpec(run.id, index=11)
    keep(asked, NeighboursResult(run.id, "digits", 11, "1.png", "a", "digits", "old <digits>", (90, 80), layers))
    chosen = answers(run).pictures[1]
    monkeypatch.setattr(confusion_view, "_picked", lambda *_: chosen)
    app = page("Confusion")
    table = app.dataframe[1].value
    assert list(table["layer"]) == ["stem", "features"] and table["target: classes"][0] == f"{HOSTILE} 1, a 1"
    assert all(url.startswith("data:image/jpeg") for url in table["source"]) and table["nearer to the target"][0] == 50
    assert "Among 90 training pictures of digits and 80 of old" in texts(app)


def test_the_class_that_is_chosen_is_chosen_in_other_views_that_know_it() -> None:
    run = done()
    keep(ConfusionSpec(run.id), answers(run))
    app = page("Confusion")
    pick_class(app, "Class", "a")
    assert app.session_state["chosen:class"] == "a"

    def view() -> None:
        from tltk.dashboard import class_choice

        class_choice.menu(["b", "a"], "here")
        class_choice.menu(["x"], "there")

    other = AppTest.from_function(view)
    other.session_state["chosen:class"] = "a"
    other.run()
    assert [s.value for s in other.selectbox] == ["a", ""]
    other.selectbox[0].set_value("b").run()
    assert [s.value for s in other.run().selectbox] == ["b", ""]


def test_mistakes_are_those_of_the_class_that_is_chosen() -> None:
    run = done()
    wrong = [
        Mistake(i, f"{i}.png", label, named, 0.9, 0.1) for i, (label, named) in enumerate([(0, 1), (1, 2), (2, 0)])
    ]
    classes = ["a", "b", "c", "never wrong"]
    keep(ErrorsSpec(run.id), msgspec.structs.replace(mistakes(run), classes=classes, mistakes=wrong))
    app = page()
    pick_class(app, "Class", "a")
    is_clean(app)
    assert list(app.dataframe[0].value["picture"]) == ["0.png", "2.png"]
    assert "in 2." in texts(app)
    pick_class(app, "Class", "never wrong")
    assert not app.dataframe and "None of the 3 most confident mistakes is of never wrong" in texts(app)

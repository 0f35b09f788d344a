"""The workbench: what a visit shows and asks, what is kept and how it is laid over the layers, what is refused."""

from __future__ import annotations

import dataclasses
import json
from base64 import b64encode
from typing import Any

import msgspec
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.support import ledgers
from tests.support.depth_pages import profile_known
from tests.support.domain_pages import known
from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered, comparison, is_clean, network_known, open_page, texts
from tests.support.results import DIGITS, LAYERS, compared, embedded, inspected
from tltk import home
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.feature_maps.result import ClassAnswer, FeatureMap, FeatureMapsResult, MappedLayer
from tltk.analyses.feature_maps.spec import FeatureMapsSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.pictures.result import PicturesResult
from tltk.analyses.pictures.spec import PicturesSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.dashboard.plan import FIRST
from tltk.jobs import queue
from tltk.results.transfer import Flip, Flips
from tltk.runs.run import Run, all_runs
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.reading import with_absolute_paths
from tltk.studies.compare.spec import CompareSpec

PIXEL = b64encode(b"a picture").decode()


def kinds() -> list[str]:
    """Of what is queued, in order."""
    return [Run.at(job.run).spec.kind for job in queue.jobs()]


def press(app: AppTest, label: str) -> AppTest:
    found = next(b for b in app.button if b.label == label).click().run()
    is_clean(found)
    return found


def components(app: AppTest, name: str) -> list[dict[str, Any]]:
    """What components of this name were given."""
    found = [element.proto for element in app.get("bidi_component")]
    return [json.loads(proto.json) for proto in found if proto.component_name.endswith(name)]


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def looked() -> None:
    """Both domains and the network are known, with the places of the pictures on the sheets."""
    for spec in (FIRST.source, FIRST.target):
        assert spec is not None
        known(spec, inspected(shown_index=list(range(100, 120))))
    network_known()


def maps(picture: int, head: list[ClassAnswer], weights: str = "scratch") -> None:
    """What the layers make of a picture of the target, as a worker would have told it."""
    layers = [
        MappedLayer(i, name, 8, 9 - i, 9 - i, [FeatureMap(c, 0.5, -0.1, 2.0, PIXEL) for c in (3, 5)])
        for i, name in enumerate(LAYERS)
    ]
    spec = FeatureMapsSpec(FIRST.target, NetSpec("test_resnet", weights), picture, "all")
    found = FeatureMapsResult(
        "blended_digits", "all", picture, "7", PIXEL, "test_resnet", weights, layers, head, "" if head else "No head."
    )
    answered(with_absolute_paths(spec), found)


def test_a_visit_asks_nothing_and_shows_the_first_question() -> None:
    app = open_page("workbench")
    is_clean(app)
    assert kinds() == [] and not list(all_runs())
    assert app.title[0].value == "Workbench"
    assert "A network first learns from the *source*" in texts(app) and "13 short trainings" in texts(app)
    assert not components(app, "freeze_handle")


def test_one_click_asks_for_the_pictures_and_the_layers_and_nothing_else() -> None:
    app = press(open_page("workbench"), "Show the pictures and the layers")
    assert sorted(kinds()) == [DescribeSpec.kind, InspectSpec.kind, InspectSpec.kind]
    assert "Building test" in texts(app) and texts(app).count("Reading the pictures") == 2


def test_the_button_queues_the_comparison_that_the_bar_tells() -> None:
    app = open_page("workbench", **{"first-seed": "7"})
    app.select_slider[0].set_value(2).run()
    press(app, "Compare with scratch")
    [run] = [run for run in all_runs() if isinstance(run.spec, CompareSpec)]
    assert isinstance(run.spec, CompareSpec)
    assert (run.spec.target.shots, run.spec.first_seed, run.spec.source is not None) == (2, 7, True)
    assert app.query_params["run"] in (run.id, [run.id])
    assert "The source network" in texts(app) and "Both arms" in texts(app)
    assert kinds().count(InspectSpec.kind) == 2, "who compares wants to see what is compared"


def test_what_is_kept_stands_on_the_axis_of_the_layers() -> None:
    looked()
    profile_known()
    maps(100, [ClassAnswer("7", 0.75), ClassAnswer("1", 0.25)])
    app = open_page("workbench", source="none", shots="10")  # whose weights are those of the profile
    is_clean(app)
    [handle] = components(app, "freeze_handle")
    names = [lane["name"] for lane in handle["overlays"]]
    assert names == ["Probe accuracy, target", "MMD", "Rate per layer, at the start"]
    assert handle["dense"] and len(handle["maps"]["layers"]) == len(LAYERS)
    first = handle["maps"]["layers"][0][0]
    assert first["src"].endswith(PIXEL) and "channel 3 of 8, 9 × 9 places" in first["text"]
    assert handle["maps"]["head"] == [["7", 0.75], ["1", 0.25]]
    assert "<dd>7 · 75.0%</dd>" in html(app)
    [target] = components(app, "thumbnails")
    assert len(target["pictures"]) == 20 and target["pictures"][1]["text"] == "1, target" and target["chosen"] == 0
    assert kinds() == []


def test_a_click_on_a_picture_asks_what_the_layers_make_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    looked()
    app = open_page("workbench")
    assert "Click a picture" in texts(app) and kinds() == []
    clicks = [3]  # a browser sends a click once
    monkeypatch.setattr(
        "tltk.dashboard.workbench_data.thumbnails",
        lambda *_, key, **__: clicks.pop() if clicks and "target" in key else None,
    )
    app.run()
    is_clean(app)
    [job] = queue.jobs()
    spec = Run.at(job.run).spec
    assert isinstance(spec, FeatureMapsSpec)
    assert (spec.picture, spec.part, spec.target.name) == (103, "all", "blended_digits")


def test_the_pictures_stay_while_other_labels_are_counted() -> None:
    looked()
    app = open_page("workbench")
    app.select_slider[0].set_value(5).run()
    is_clean(app)
    assert kinds() == [InspectSpec.kind], "what the user changes is asked for at once"
    assert len(components(app, "thumbnails")) == 2 and "Reading the pictures" in texts(app)


@pytest.mark.parametrize("label", ["helps", "hurts", "cannot tell"])
def test_a_verdict_is_told_with_its_interval(label: str) -> None:
    run = comparison(label)
    app = open_page("workbench", run=run.id)
    is_clean(app)
    words = {"helps": "▲ Transfer helps", "hurts": "▼ Transfer hurts", "cannot tell": "● Cannot tell"}[label]
    assert words in texts(app) and f"The sentence that says {label}." in texts(app)
    gap = {"helps": "+20.0", "hurts": "−20.0", "cannot tell": "+1.0"}[label]
    low, high = {"helps": ("+15.0", "+25.0"), "hurts": ("−25.0", "−15.0"), "cannot tell": ("−4.0", "+6.0")}[label]
    assert f'aria-label="Gap {gap} points, 95% interval {low} to {high}."' in html(app)
    assert "<dt>steps to scratch's best</dt><dd>3.0 × fewer</dd>".replace("'", "&#x27;") in html(app)
    assert kinds() == []


def test_a_verdict_of_another_plan_says_so_and_leads_back() -> None:
    run = comparison("helps")
    app = open_page("workbench", run=run.id, boundary="2")
    is_clean(app)
    assert "Of another plan than the one beside it." in texts(app)
    before = app.session_state["plan"]
    app = press(app, "Show its plan")
    assert app.session_state["plan"] == run.spec and "Of another plan" not in texts(app)
    assert press(app, "undo").session_state["plan"] == before


def test_only_the_sentence_up_to_the_interval_is_told_and_the_first_remark() -> None:
    run, _ = ledgers.study()
    found = compared("helps", 0.2)
    sentence = "Transfer helps: it is better. The gap is 20 points (95% interval 15 … 25). More of it. Mind one. Two."
    verdict = dataclasses.replace(found.verdict, sentence=sentence, remarks=("Mind one.", "Two."))
    result = msgspec.structs.replace(found, verdict=verdict)
    home.write_atomic(run.path / "result.json", msgspec.json.encode(result))
    app = open_page("workbench", run=run.id)
    is_clean(app)
    assert "It is better. The gap is 20 points (95% interval 15 … 25)." in texts(app)
    assert "More of it" not in texts(app)
    assert "Mind one. And 1 more to mind, on Curves." in texts(app)


def test_the_strip_shows_what_flips_and_opens() -> None:
    run, _ = ledgers.study()
    flips = Flips(
        [4],
        [1, 9],
        [Flip(4, 0, [0] * 3, [1] * 3), Flip(1, 1, [0, 0, 1], [1] * 3), Flip(9, 1, [0] * 3, [1] * 3)],
        DIGITS,
    )
    home.write_atomic(run.path / "result.json", msgspec.json.encode(compared("helps", 0.2, flips=flips)))
    app = open_page("workbench", run=run.id)
    is_clean(app)
    assert "Right after transfer, wrong from scratch: 2 · the reverse: 1" in html(app)
    app = press(app, "Show the pictures")
    assert kinds() == [PicturesSpec.kind]
    assert isinstance(run.spec, CompareSpec)
    spec = with_absolute_paths(PicturesSpec(run.spec.target, (4, 1, 9)))
    answered(spec, PicturesResult([4, 1, 9], [0, 1, 1], DIGITS, 20))
    Image.new("RGB", (32 * 40, 40)).save(Run.at(spec.run_id).path / "pictures.png")
    queue.remove(spec.run_id)
    app = open_page("workbench", run=run.id)
    is_clean(app)
    [shown] = components(app, "thumbnails")
    assert [(one["number"], one["caption"]) for one in shown["pictures"]] == [(1, ["1", "0"]), (9, ["1", "0"])]
    app = press(app, "Open the pictures that flip")
    assert "Right from scratch, wrong after transfer" in texts(app)
    app = press(app, "Close")
    assert "Right from scratch, wrong after transfer" not in texts(app)


def test_an_embedding_is_drawn_small_and_opened_large() -> None:
    looked()
    spec = EmbedSpec(
        dataclasses.replace(FIRST.target, shots=0), FIRST.source, NetSpec("test_resnet"), pictures=500, method="pca"
    )
    answered(with_absolute_paths(spec), embedded())
    app = open_page("workbench")
    is_clean(app)
    assert "Embedding at stem" in html(app)
    app = press(app, "Open the embedding")
    assert "Click a point to see what it is" in texts(app) and kinds() == []


def test_layers_are_measured_once_there_are_weights() -> None:
    looked()
    assert "Measure every layer" not in [b.label for b in open_page("workbench").button], "there are no weights yet"
    press(open_page("workbench", source="none"), "Measure every layer")
    [job] = queue.jobs()
    spec = Run.at(job.run).spec
    assert isinstance(spec, ProfileSpec) and (spec.net.weights, spec.target.shots, spec.source) == ("scratch", 0, None)


def test_a_plan_that_is_refused_is_told_and_queues_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("TLTK_ROOTS", str(tmp_path / "open"))
    known(dataclasses.replace(FIRST.target, name="folder:/etc"), inspected(["passwd", "b"]))
    app = open_page("workbench", target="folder:/etc", source="none", weights="store:some")
    is_clean(app)
    assert "TLTK_ROOTS" in texts(app) and "passwd" not in texts(app) + html(app)
    app = press(app, "Compare with scratch")
    assert "TLTK_ROOTS" in texts(app) and kinds() == []


def test_a_link_to_a_folder_is_named_and_read_after_a_click_alone(tmp_path: Any) -> None:
    folder = tmp_path / "set"
    for name in (f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(9)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no picture")  # only a worker looks into it
    app = open_page("workbench", target=f"folder:{folder}", source="none", shots="1")
    is_clean(app)
    assert f"on this machine: {folder}. Nothing of it has been read." in texts(app) and kinds() == []
    app = press(app, "Show the pictures and the layers")
    assert not app.warning, texts(app)
    assert InspectSpec(DataSpec(f"folder:{folder}", shots=1, size=36, val=0.15, test=0.44)) in [
        Run.at(job.run).spec for job in queue.jobs()
    ]


ROWS_PLAN = {"target": "transactions", "source": "transactions:prices=1", "size": "16", "backbone": "mlp"}


def test_a_plan_on_rows_speaks_of_rows_on_the_whole_screen() -> None:
    app = open_page("workbench", **ROWS_PLAN)
    is_clean(app)
    said = texts(app) + html(app) + str([b.label for b in app.button])
    assert "of which there are many rows" in said and "Show the rows and the layers" in said
    assert "Rows that flip" in said and "the network mlp of 16 columns" in texts(open_page("layers", **ROWS_PLAN))
    assert "picture" not in said.replace("wb-picture", "").lower()

"""Use in every state that needs no browser: nothing trained, asked, answered, refused, written and downloaded."""

from __future__ import annotations

import io
import os
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from tests.support.executors import Inline
from tests.support.finished import CLASSES, finished
from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import is_clean, open_page, texts, training
from tests.support.words import table
from tltk import home
from tltk.analyses.evaluate.spec import EvaluateSpec
from tltk.analyses.explain.result import ExplainResult
from tltk.analyses.explain.spec import ExplainSpec
from tltk.analyses.export.spec import ABOUT, FORMS, ExportSpec
from tltk.analyses.predict.files import Predictions
from tltk.analyses.predict.spec import PredictSpec
from tltk.dashboard import brought, hand_over_view, permitted
from tltk.errors import BadSpec
from tltk.jobs import queue
from tltk.runs.run import Run
from tltk.specs.command import read_command
from tltk.weights.handover import import_zip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of three classes of folders, one of which a training of `finished` knows; one file is no picture."""
    for name in ("c", "a cat", "zebra"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(3):
            coarse = np.random.default_rng(i).integers(0, 256, (5, 5, 3), np.uint8)
            Image.fromarray(coarse).resize((70, 70)).save(tmp_path / "set" / name / f"{i}.png")
    (tmp_path / "set" / "c" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "set"


def use(run: Run, section: str = "Predict") -> AppTest:
    app = open_page("use", run=run.id)
    app.button_group(key="widget:use:section").set_value(section).run()
    is_clean(app)
    return app


def press(app: AppTest, label: str) -> None:
    next(b for b in app.button if b.label == label).click().run()
    is_clean(app)


def asked() -> Any:
    """The spec of the one job that is queued."""
    [job] = queue.jobs()
    return Run.at(job.run).spec


def answer(app: AppTest) -> Run:
    """What a worker does with the one job that is queued; then the page runs again."""
    [job] = queue.jobs()
    queue.remove(job.run)
    run = Run.at(job.run)
    Inline().submit(run.spec, again=True)
    app.run()
    is_clean(app)
    return run


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Label of a button → name of its file, and what gives its content."""
    found: dict[str, Any] = {}
    button = DeltaGenerator.download_button

    def draw(self: Any, label: str, data: Any, file_name: str, *args: Any, **more: Any) -> Any:
        found[label] = (file_name, data)
        return button(self, label, data, file_name, *args, **more)

    monkeypatch.setattr(DeltaGenerator, "download_button", draw)
    monkeypatch.setattr(st, "download_button", partial(draw, st._main))
    return found


# -- which training ----------------------------------------------------------------------------------------------


def test_only_what_is_done_and_has_weights_can_be_chosen() -> None:
    run, _ = finished()
    training("failed", "The reason.")
    without = training()  # done, but without weights
    app = open_page("use")
    is_clean(app)
    [menu] = [s for s in app.selectbox if s.label == "Run"]
    assert len(menu.options) == 1 and app.query_params["run"] in (run.id, [run.id])
    app = open_page("use", run=without.id)
    is_clean(app)
    assert "must be done and have its weights" in texts(app)


def test_a_training_without_labels_is_handed_over_and_not_asked() -> None:
    run, _ = finished(labels="none")
    for section in ("Predict", "Evaluate"):
        assert "must have learned from labels" in texts(use(run, section))
    assert "Write it" in [b.label for b in use(run, "Hand over").button]


def test_train_and_runs_lead_here() -> None:
    run, _ = finished()
    labels = [link.proto.label for link in open_page("train", run=run.id).get("page_link")]
    assert "Use it: predict, evaluate, hand over" in labels
    assert "Use it: predict, evaluate, hand over" not in [
        link.proto.label for link in open_page("train", run=training().id).get("page_link")
    ]


# -- predict -----------------------------------------------------------------------------------------------------


def test_a_folder_is_predicted_and_what_was_not_read_is_named(folder: Path, downloads: dict[str, Any]) -> None:
    run, _ = finished()
    app = use(run)
    assert "Choose pictures above" in texts(app) and "Predict" not in [b.label for b in app.button]
    app.text_input(key="widget:use:words").set_value(str(folder)).run()
    press(app, "Predict")
    assert asked() == PredictSpec(run.id, (f"folder:{folder}",))
    found = Predictions.of(answer(app))
    shown, unread = (frame.value for frame in app.dataframe)
    assert list(shown["class"]) == found.classes and len(shown) == 9
    assert list(shown["probability"]) == found.result.probability
    assert all(url.startswith("data:image/jpeg;base64,") for url in shown["picture"])
    assert len(set(shown["picture"])) == 3, "three pictures, in three folders each"
    assert "broken.jpg" in unread["file"][0] and unread["why"][0]
    assert f"tltk predict {run.id} {folder}" in [c.value for c in app.code]
    assert set(downloads) >= {"Predictions (CSV)", "Predictions (JSON lines)"}
    name, make = downloads["Predictions (CSV)"]
    assert name.endswith(".csv") and make().startswith(b"picture,class,probability,not_read,p_a cat")
    assert make().count(b"\n") == 11


def test_pictures_that_are_brought_are_kept_once_under_their_names(folder: Path) -> None:
    run, _ = finished()
    app = use(run)
    data = (folder / "c" / "0.png").read_bytes()
    app.file_uploader(key="use:files").set_value(
        [("my cat.png", data, "image/png"), ("b.png", data, "image/png")]
    ).run()
    is_clean(app)
    press(app, "Predict")
    kept = [Path(path) for path in asked().paths]
    assert [path.name for path in kept] == ["my cat.png", "b.png"] and kept[0].parent == kept[1].parent
    assert all(path.is_relative_to(home.folder("pictures")) for path in kept)
    answer(app)
    assert list(app.dataframe[0].value["name"]) == ["my cat.png", "b.png"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\a.png", "a.png"),
        (".hidden.png", "hidden.png"),
        ("..", "picture"),
        ("", "picture"),
        ("a\x00\n\u202eb.png", "a_x00_n_u202eb.png"),
        ("x" * 300 + ".jpeg", "x" * 100 + ".jpeg"),
    ],
)
def test_a_name_from_a_browser_is_no_path(name: str, kept: str) -> None:
    assert brought.safe_name(name) == kept


@pytest.mark.parametrize("words", ["/nowhere/at/all", "digits~fog:9", "folder:/nowhere", "\u202e", "nothing"])
def test_words_that_name_nothing_are_told_and_queue_nothing(words: str) -> None:
    app = use(finished()[0])
    app.text_input(key="widget:use:words").set_value(words).run()
    is_clean(app)
    if "Predict" in [b.label for b in app.button]:
        press(app, "Predict")
    assert app.error and queue.jobs() == []


def test_nothing_outside_the_permitted_folders_is_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = finished()
    Inline().submit(PredictSpec(run.id, (str(folder),)))  # even what is known is not shown
    monkeypatch.setenv("TLTK_ROOTS", str(tmp_path / "open"))
    for words in (str(folder), f"folder:{folder}", "/etc/hostname", f"{tmp_path}/open/../set", f"archive:{folder}.zip"):
        app = use(run)
        app.text_input(key="widget:use:words").set_value(words).run()
        is_clean(app)
        assert "TLTK_ROOTS" in texts(app) and not app.dataframe and "Predict" not in [b.label for b in app.button]
    for spec in (
        PredictSpec(run.id, ("digits", "/etc")),
        PredictSpec(run.id, ("digits/../../etc",)),
        PredictSpec(run.id, ("subset:3+8@folder:/etc",)),
        EvaluateSpec(run.id, ("digits", "folder:/etc")),
    ):
        with pytest.raises(BadSpec, match="TLTK_ROOTS"):
            permitted.check(spec)
    permitted.check(PredictSpec(run.id, ("digits", "shapes:hue=1", "digits~fog:3", f"{tmp_path}/open/a.png")))


def test_a_failure_is_its_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    app = use(finished()[0])
    app.text_input(key="widget:use:words").set_value(str(tmp_path / "bad.png")).run()
    press(app, "Predict")
    answer(app)
    assert "None is: " in texts(app) and "Ask again" in [b.label for b in app.button]


# -- try it ------------------------------------------------------------------------------------------------------


def test_one_picture_is_tried_at_once_in_one_view() -> None:
    run, net = finished()
    app = use(run)
    coarse = np.random.default_rng(5).integers(0, 256, (5, 5, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((64, 64)).save(buffer, "PNG")
    app.file_uploader(key="use:files").set_value([("mine.png", buffer.getvalue(), "image/png")]).run()
    is_clean(app)
    spec = asked()
    assert isinstance(spec, ExplainSpec) and Path(spec.picture).name == "mine.png"
    explained = answer(app)
    with torch.no_grad():
        x = torch.from_numpy(np.array(Image.open(spec.picture)).transpose(2, 0, 1)[None].copy())
        p = net(net.normalise(x.float() / 255))[1].double().softmax(1)[0].numpy()
    table = app.dataframe[0].value
    assert list(table["class"]) == [CLASSES[c] for c in np.argsort(-p)]
    np.testing.assert_allclose(table["probability"], 100 * np.sort(p)[::-1], atol=1e-3)
    text = texts(app)
    assert f"It sees {CLASSES[p.argmax()]}" in text.replace("**", "") and "which places of this layer speak" in text
    assert "most like it" in text and len(app.get("imgs") or app.get("image")) == 3
    found = explained.read(ExplainResult)
    assert found is not None and found.method == "grad_cam" and len(found.nearest.neighbours) == 7
    for name in ("seen.png", "map.png", "pictures.png"):
        (explained.path / name).unlink()
    app.run()
    is_clean(app)
    assert "This picture was deleted." in texts(app) and any(f"tltk explain {run.id}" in c.value for c in app.code)


def test_a_picture_that_cannot_be_read_is_told_and_not_tried_again_by_itself() -> None:
    app = use(finished()[0])
    app.file_uploader(key="use:files").set_value([("bad.png", b"no picture", "image/png")]).run()
    answer(app)
    assert "The picture must be readable. It is not" in texts(app) and queue.jobs() == []
    assert "Ask again" in [b.label for b in app.button]


def test_the_camera_is_off_until_it_is_wanted() -> None:
    app = use(finished()[0])
    assert not app.get("camera_input")
    app.toggle(key="widget:use:camera").set_value(True).run()
    is_clean(app)
    assert [one.proto.label for one in app.get("camera_input")] == ["Camera"]


# -- evaluate ----------------------------------------------------------------------------------------------------


def test_domains_are_tested_and_their_figures_shown(folder: Path) -> None:
    run, _ = finished()
    other, _ = finished(seed=1)
    name = f"folder:{folder}"
    app = use(run, "Evaluate")
    app.multiselect(key=f"use:on:{run.id}").set_value([name]).run()
    app.selectbox(key="widget:use:tested").set_value("all").run()
    app.selectbox(key=f"use:against:{run.id}").set_value(other.id).run()
    press(app, "Evaluate")
    assert asked() == EvaluateSpec(run.id, (name,), "all", other.id)
    answer(app)
    shown = {m.label: m.value for m in app.metric}
    assert set(shown) == {"Accuracy", "Balanced accuracy", "Macro-F1", "ROC AUC", "Most frequent class"}
    assert shown["Most frequent class"] == "50.0%"
    text = texts(app)
    for words in ("2 classes matched by name", "zebra", "Calibration error (ECE)", f"of run {other.id}", "fitted"):
        assert words in text
    assert list(app.dataframe[-1].value["class"]) == ["a cat", "c"]
    assert len([e for e in app.get("bidi_component") if e.proto.component_name.endswith("tltk_plot")]) == 2
    command = f"tltk evaluate {run.id} --on {name} --part all --against {other.id}"
    assert command in [c.value for c in app.code]


def test_several_domains_are_a_table_and_one_is_shown_in_full(folder: Path) -> None:
    run, _ = finished()
    app = use(run, "Evaluate")
    names = [f"folder:{folder}", f"folder:{folder}~fog:3"]
    app.multiselect(key=f"use:on:{run.id}").set_value(names).run()
    app.selectbox(key="widget:use:tested").set_value("all").run()
    press(app, "Evaluate")
    answer(app)
    assert list(app.dataframe[0].value["Domain"]) == names
    one = next(s for s in app.selectbox if s.label == "In full")
    one.set_value(1).run()
    is_clean(app)
    assert names[1] in texts(app)


def test_a_domain_that_knows_no_class_is_told(tmp_path: Path) -> None:
    run, _ = finished()
    app = use(run, "Evaluate")
    app.multiselect(key=f"use:on:{run.id}").set_value(["rendered_digits"]).run()
    press(app, "Evaluate")
    assert "must have a class that the training knows by name" in texts(app) and queue.jobs() == []


# -- hand over ---------------------------------------------------------------------------------------------------


def test_every_form_has_its_line_and_its_command() -> None:
    run, _ = finished()
    app = use(run, "Hand over")
    radio = app.radio(key="widget:use:form")
    assert list(radio.options) == list(FORMS) and list(radio.proto.captions) == list(ABOUT.values())
    for form in FORMS:
        app.radio(key="widget:use:form").set_value(form).run()
        is_clean(app)
        shown = [c.value for c in app.code]
        assert any(line.startswith(f"tltk export {run.id} --to {form} tltk-{run.id}") for line in shown)
        assert f"tltk serve {run.id}" in shown


def test_a_run_of_rows_is_asked_for_tables_and_never_speaks_of_pictures(tmp_path: Path) -> None:
    words = f"tltk run --target table:{table(tmp_path / 'rows.csv')} --size 16 --backbone mlp?layers=2 --epochs 1 --device cpu"
    run = Inline().submit(read_command(words))
    app = use(run)
    assert "Choose rows above" in texts(app) and not [one for one in app.toggle if one.label == "Use a camera"]
    (tmp_path / "new.csv").write_text("age,Colour\n30,red\n,blue\n")
    app.text_input(key="widget:use:words").set_value(str(tmp_path / "new.csv")).run()
    press(app, "Predict")
    answer(app)
    assert "2 rows: " in texts(app)
    app.button_group(key="widget:use:section").set_value("Hand over").run()
    captions = list(app.radio(key="widget:use:form").proto.captions)
    assert len(captions) == len(FORMS) and "Columns of rows" in captions[FORMS.index("onnx")]
    assert not [line for line in (*captions, texts(app)) if "icture" in line or "timm" in line]


@pytest.mark.parametrize("form", ["script", "safetensors", "torchscript", "card", "zip"])
def test_what_is_written_can_be_downloaded(
    form: str, downloads: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = finished()
    app = use(run, "Hand over")
    app.radio(key="widget:use:form").set_value(form).run()
    press(app, "Write it")
    spec = asked()
    assert isinstance(spec, ExportSpec) and (spec.run, spec.to) == (run.id, form)
    assert Path(spec.file).is_relative_to(home.folder("exports"))
    answer(app)
    name, make = downloads["Download"]
    content = make()
    if form in ("script", "torchscript", "safetensors"):
        assert "Checked: its probabilities" in texts(app)
    if form == "script":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert sorted(archive.namelist()) == [f"tltk-{run.id}/{n}" for n in ("model.safetensors", "predict.py")]
        assert name == f"tltk-{run.id}-script.zip"
    else:
        assert name == f"tltk-{run.id}{hand_over_view.ENDINGS[form]}" and content == Path(spec.file).read_bytes()
    assert str(home.home()) not in texts(app)
    press(app, "Write it anew")  # over what is there
    answer(app)
    assert downloads["Download"][1]() and not app.error
    if form == "zip":
        (tmp_path / name).write_bytes(content)
        monkeypatch.setenv("TLTK_HOME", str(tmp_path / "elsewhere"))
        assert import_zip(tmp_path / name).weights == [run.id]


def test_what_cannot_be_written_is_its_sentence() -> None:
    run, _ = finished(head="cosine")
    app = use(run, "Hand over")
    app.radio(key="widget:use:form").set_value("folder").run()
    press(app, "Write it")
    answer(app)
    assert "must end in timm's own classifier" in texts(app) and not app.get("download_button")
    assert CLASSES and os.sep

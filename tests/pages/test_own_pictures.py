"""One's own pictures on Domains, without a browser: brought, gathered, found on the machine; a plan proposed and taken."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.support.domain_pages import known
from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered, is_clean, open_page, texts
from tests.support.results import inspected
from tltk import home
from tltk.analyses.advise.result import AdviseResult
from tltk.analyses.propose.result import ProposeResult, SidesResult
from tltk.analyses.propose.spec import ProposeSpec
from tltk.dashboard import brought, drop, own_view, staging
from tltk.dashboard.plan import FIRST
from tltk.jobs import queue
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths
from tltk.weights.store import Card, Entry

CARD = Card("shipped", "test_resnet", "0" * 64, 1, 1)


def picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _a_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tltk.weights.store.entries", lambda: [Entry(tmp_path, CARD, True)])


def opened(way: str) -> AppTest:
    app = open_page("domains")
    app.button_group(key="widget:own:way").set_value(way).run()
    is_clean(app)
    return app


def press(app: AppTest, label: str) -> None:
    next(b for b in app.button if b.label.startswith(label)).click().run()
    is_clean(app)


def target(app: AppTest) -> DataSpec:
    found: DataSpec = app.session_state["plan"].target
    return found


def arrive(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> None:
    """The next page finds that these files have arrived from the browser."""

    def zone(token: str, what: str, *, key: str) -> int:
        place = staging._places[token]
        place.folder.mkdir()
        for i, (name, content) in enumerate(files.items()):
            (place.folder / str(i)).write_bytes(content)
            place.names.append(name)
        monkeypatch.setattr(drop, "drop_zone", lambda *_, **__: 0)
        return len(files)

    monkeypatch.setattr(drop, "drop_zone", zone)


def test_a_folder_that_is_dropped_is_the_target_and_a_plan_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(monkeypatch, {f"<b>set</b>/{name}/{i}.png": picture(i) for name in "ab" for i in range(3)})
    app = open_page("domains")
    is_clean(app)
    spec = target(app)
    folder = Path(spec.name.removeprefix("folder:"))
    assert folder.parent.parent == home.folder("pictures") and len(list(folder.rglob("*.png"))) == 6
    assert (spec.shots, spec.n, spec.group_by, spec.size) == (0, 0, "", FIRST.target.size)
    kinds = [Run.at(job.run).spec.kind for job in queue.jobs()]
    assert kinds.count("propose") == 1 and "look" in kinds
    assert "Brought before" in texts(app)
    [menu] = [s for s in app.selectbox if s.label == "Brought before"]
    assert len(menu.options) == 1 and "6 files" in menu.options[0]
    press(app, "Delete")
    assert not folder.exists() and brought.known() == []


def test_files_without_folders_are_told_how_to_be_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(monkeypatch, {"1.png": picture(1), "2.png": picture(2)})
    app = open_page("domains")
    is_clean(app)
    assert "These lie in none" in texts(app) and target(app) == FIRST.target
    assert list(home.folder("pictures").iterdir()) == []


def test_an_archive_may_be_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("domains")
    app.button_group(key="widget:own:side").set_value("Source").run()
    arrive(monkeypatch, {"set.zip": b"PK\3\4"})
    app.run()
    is_clean(app)
    source = app.session_state["plan"].source
    assert source.name.startswith("archive:") and source.name.endswith("set.zip") and target(app) == FIRST.target


def test_class_by_class_needs_no_camera_and_makes_a_domain() -> None:
    app = opened("Class by class")
    assert "Two classes at least need pictures; 0 of them have some now." in texts(app)
    assert not app.get("camera_input"), "a page that is opened asks for no camera"
    app.text_input(key="own:name:class 1").set_value("../a/cat").run()
    is_clean(app)
    for name, seeds in (("../a/cat", (1, 2, 1)), ("class 2", (3, 4))):
        app.button_group[[g.label for g in app.button_group].index("Class")].set_value(name).run()
        files = [(f"{seed}.png", picture(seed), "image/png") for seed in seeds]
        app.file_uploader(key=f"own:files:{name}:0").set_value(files).run()
        is_clean(app)
    press(app, "Use these 5 pictures of 2 classes")
    folder = Path(target(app).name.removeprefix("folder:"))
    assert folder.parent.parent == home.folder("pictures")
    assert sorted(path.parent.name for path in folder.rglob("*.png")) == ["_a_cat"] * 3 + ["class 2"] * 2
    assert "0 of them have some now" in texts(app), "the next ones begin anew"


def test_a_folder_of_the_machine_is_found_below_what_pages_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", ".hidden"):
        (tmp_path / "open" / "set" / name).mkdir(parents=True)
    (tmp_path / "open" / "set" / "readme.txt").write_text("")
    (tmp_path / "open" / "out").symlink_to("/etc")
    monkeypatch.setenv("TLTK_ROOTS", str(tmp_path / "open"))
    app = opened("On this machine")
    assert next(b for b in app.button if b.label == "Up").disabled
    into = next(s for s in app.selectbox if s.label == "Open a folder")
    assert into.options == ["set"] and "1 link is not shown: it leads out of the folders" in texts(app)
    into.set_value("set").run()
    is_clean(app)
    assert next(s for s in app.selectbox if s.label == "Open a folder").options == ["a", "b"]
    assert "2 folders, 1 file." in texts(app)
    press(app, "Up")
    app.session_state["own:here"] = str(tmp_path / "open" / "out")
    app.run()
    is_clean(app)
    assert "passwd" not in texts(app) and "may read only below" in texts(app)
    app.session_state["own:here"] = "/etc"
    app.run()
    is_clean(app)
    assert str(tmp_path / "open") in texts(app).replace("\\", ""), "what leads elsewhere leads back"
    app.session_state["own:here"] = str(tmp_path / "open" / "set")
    app.run()
    press(app, "Use set")
    assert target(app).name == f"folder:{tmp_path}/open/set"
    monkeypatch.setenv("TLTK_ROOTS", "")
    assert "No folder of this machine is open" in texts(opened("On this machine"))


def proposal(technique: str = "fine_tune@3") -> ProposeResult:
    advice = AdviseResult([], "", False, "yes", 60, 120, 2, 2, [], None, None, "")
    why = "There are many labels."
    return ProposeResult(
        96, "It is large.", SidesResult(120, 80, 105, 300), technique, "test_resnet", "store:shipped", 3, 6, why,
        "With fewer, another.", "Of 2 networks, the best.", 2.4, advice,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("technique", "strategy"), [("fine_tune@3", "fine_tune"), ("feature_extraction", "feature_extraction")]
)
def test_the_proposed_plan_is_told_with_its_reasons_and_taken_with_one_click(
    technique: str, strategy: str, tmp_path: Path
) -> None:
    for i in range(12):
        file = tmp_path / "set" / "ab"[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(i))
    spec = DataSpec(f"folder:{tmp_path}/set", size=36)
    known(spec, inspected(channels=3))
    assert FIRST.source is not None
    known(FIRST.source, inspected())
    app = open_page("domains")
    app.session_state["plan"] = dataclasses.replace(FIRST, target=spec)
    app.run()
    is_clean(app)
    press(app, "Propose a plan")
    asked = own_view.question(spec)
    assert asked == ProposeSpec(spec, ("test_resnet@store:shipped",))
    assert [Run.at(job.run).spec for job in queue.jobs()][-1] == with_absolute_paths(asked)
    queue.remove(queue.jobs()[-1].run)
    answered(asked, proposal(technique))
    app.run()
    is_clean(app)
    text = texts(app)
    for words in (
        "96 px",
        "It is large.",
        "There are many labels. With fewer, another.",
        "about 2 min",
        "80 to 300 px",
    ):
        assert words in text
    press(app, "Take this plan")
    taken: Any = app.session_state["plan"]
    assert (taken.target.size, taken.target.name, taken.source) == (96, spec.name, None)
    assert (taken.net.backbone, taken.net.weights, taken.net.boundary) == ("test_resnet", "store:shipped", 3)
    assert taken.strategy.name == strategy and msgspec.to_builtins(taken.optim) == msgspec.to_builtins(FIRST.optim)

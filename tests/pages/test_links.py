"""A link does nothing by being opened: no work, no folder read, no name of a stranger's followed as Markdown."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.depth_pages import RANK, SHARED, embedding_known, profile_known
from tests.support.domain_pages import known
from tests.support.executors import Idle
from tests.support.pages import (
    ROOT,
    answered,
    comparison,
    is_clean,
    markdown,
    network_known,
    open_page,
    texts,
    training,
)
from tests.support.pages import _no_workers as _no_workers
from tests.support.results import inspected as seen
from tests.support.values import present
from tltk import home
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.rank.spec import RankSpec
from tltk.dashboard import permitted
from tltk.dashboard.chrome import PAGES
from tltk.dashboard.plan import FIRST
from tltk.dashboard.words import plain
from tltk.errors import BadSpec, RunProblem
from tltk.jobs import queue
from tltk.runs.run import Run, all_runs
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.reading import with_absolute_paths
from tltk.specs.training import TransferSpec

ASKING = ("domains", "design", "layers", "shift")  # pages that look at the plan's pictures and network


def buttons(app: Any) -> list[str]:
    return [button.label for button in app.button]


@pytest.mark.parametrize("name", ASKING)
@pytest.mark.parametrize("kind", ["folder", "archive", "npz"])
def test_a_link_reads_no_path_before_a_click(name: str, kind: str, tmp_path: Path) -> None:
    place = tmp_path / "secret"
    place.mkdir()
    app = open_page(name, target=f"{kind}:{place}", source="none")
    is_clean(app)
    assert f"on this machine: {place}. Nothing of it has been read." in texts(app) or name in ("layers", "shift")
    assert not [job for job in queue.jobs() if isinstance(Run.at(job.run).spec, InspectSpec)]


def test_the_click_reads_what_was_named_and_nothing_else(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png", "dog/2.png", "dog/3.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"no picture")  # only a worker looks into it
    app = open_page("domains", target=f"folder:{tmp_path / 'set'}", source=f"folder:{tmp_path / 'other'}")
    assert buttons(app).count("Read it") == 2 and not queue.jobs()
    [b for b in app.button if b.label == "Read it"][1].click().run()
    is_clean(app)
    assert [Run.at(job.run).spec for job in queue.jobs()] == [
        with_absolute_paths(InspectSpec(app.session_state["plan"].target))
    ]
    assert buttons(app).count("Read it") == 1


def test_twenty_links_queue_nothing() -> None:
    links = [{"target": "rendered_digits", "n": "2000000", "size": str(size)} for size in range(200, 206)]
    links += [{"size": str(size)} for size in range(41, 45)] + [{"data-seed": str(seed)} for seed in range(1, 4)]
    links += [{"shots": "3"}, {"backbone": "resnet18"}, {"source": "shapes:hue=1"}, {"target": "digits~fog:3"}]
    before = set()
    for name in ASKING:
        open_page(name)  # what a page asks without a link
    before = {job.run for job in queue.jobs()}
    assert len(before) <= 3
    for link in links:
        for name in ("domains", "design"):
            is_clean(open_page(name, **link))
    assert {job.run for job in queue.jobs()} <= before


OPENED: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if (
        event in ("open", "os.listdir", "os.scandir")
        and arguments
        and isinstance(arguments[0], str | bytes | os.PathLike)
    ):
        OPENED.append(os.fsdecode(arguments[0]))


@pytest.fixture(scope="module")
def _watched() -> None:
    sys.addaudithook(_watch)  # there is no way to take it off again


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("place", ["permitted", "outside", "link"])
def test_a_link_with_a_plan_leaves_the_home_as_it_was(
    name: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _watched: None
) -> None:
    secret = tmp_path / ("open" if place == "permitted" else "out") / "secret"
    for folder in (tmp_path / "open", secret / "cat", secret / "dog"):
        folder.mkdir(parents=True)
    for file in ("cat/1.png", "dog/1.png", "a.csv", "a.npz", "a.zip", "w.safetensors"):
        (secret / file).write_bytes(b"label,file\ncat,1.png\n")
    monkeypatch.setenv("TLTK_ROOTS", str(tmp_path / "open"))
    (tmp_path / "open" / "link").symlink_to(secret)
    path = tmp_path / "open" / "link" if place == "link" else secret
    OPENED.clear()
    links = [
        {"target": f"folder:{path}", "source": f"archive:{path}/a.zip", "weights": f"file:{path}/w.safetensors"},
        {"target": f"csv:{path}/a.csv?root={path}", "source": f"npz:{path}/a.npz~fog:2", "shots": "3"},
    ]
    if place == "permitted":
        links += [
            {"strategy": "fine_tune"},  # the first plan, but by a link
            {"strategy": "lp_ft", "boundary": "2", "size": "40", "term": "coral:weight=1", "backbone": "resnet18"},
            {"target": "shapes:hue=1", "n": "2000000", "run": "0123456789ab"},
        ]
    for link in links:
        app = open_page(name, **link)
        is_clean(app)
        assert not queue.jobs() and not list(home.folder("runs").iterdir()), link
    assert OPENED, "the watch sees nothing"
    assert not [one for one in OPENED if f"{os.sep}secret" in one or f"{os.sep}open{os.sep}link" in one]


def test_questions_of_a_visitor_are_bounded_and_equal_ones_are_one() -> None:
    specs = [TransferSpec(seed=seed) for seed in range(permitted.MOST_WAITING + 1)]
    for spec in specs[:-1]:
        first, second = permitted.submit(spec), permitted.submit(spec)
        assert first == second
    assert len(queue.jobs()) == permitted.MOST_WAITING
    with pytest.raises(RunProblem, match="At most 20 questions of yours may wait at once"):
        permitted.submit(specs[-1])
    assert len(queue.jobs()) == permitted.MOST_WAITING and not Run.at(specs[-1].run_id).path.exists()
    permitted.submit(specs[3])  # which waits already
    Idle().submit(specs[-1])  # the shell is not limited
    assert len(queue.jobs()) == permitted.MOST_WAITING + 1
    queue.mark_started(specs[0].run_id, [0], 1, 1.0)
    permitted.submit(TransferSpec(seed=99))
    with pytest.raises(RunProblem, match="stop some on Runs"):
        permitted.resume(Run.create(TransferSpec(seed=100)))


def test_who_presses_too_often_reads_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permitted, "MOST_WAITING", 1)
    for seeds in ("7", "8"):
        app = open_page("workbench", **{"first-seed": seeds})
        for _ in range(2):
            next(b for b in app.button if b.label == "Compare with scratch").click().run()
            is_clean(app)
    assert "At most 1 questions of yours may wait" in texts(app)
    assert len(queue.jobs()) == 1


def test_what_the_user_chooses_himself_needs_no_second_click() -> None:
    app = open_page("domains", target="shapes:hue=1", source="none")
    assert "Make them" in buttons(app) and not queue.jobs()
    next(s for s in app.selectbox if s.label == "Target").set_value("digits").run()
    is_clean(app)
    assert "Make them" not in buttons(app)
    assert app.session_state["plan"].target.name in [
        r.spec.data.name for r in all_runs() if isinstance(r.spec, InspectSpec)
    ]


def test_a_corruption_does_not_make_a_linked_folder_the_users_own(tmp_path: Path) -> None:
    app = open_page("domains", target=f"folder:{tmp_path}", source="none")
    next(s for s in app.selectbox if s.label == "Corruption").set_value("fog").run()
    is_clean(app)
    assert "Read it" in buttons(app) and not queue.jobs()


# -- which folders ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ASKING)
def test_a_folder_outside_is_refused_in_a_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_ROOTS", str(tmp_path / "open"))
    known(dataclasses.replace(FIRST.target, name="folder:/etc"), seen(["passwd"]))  # even what is known is not shown
    app = open_page(name, target="folder:/etc", source="none")
    is_clean(app)
    if name in ("domains", "design"):
        assert "TLTK_ROOTS" in texts(app) and "Got '/etc'." in texts(app)
    assert "Read it" not in buttons(app) and "passwd" not in texts(app)
    assert not [job for job in queue.jobs() if isinstance(Run.at(job.run).spec, InspectSpec)]


def test_nothing_is_launched_from_a_page_that_reads_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_ROOTS", str(tmp_path))
    app = open_page("design", weights="file:/etc/hostname", source="none")
    for label in ("Compare with scratch", "Train once"):
        next(b for b in app.button if b.label == label).click().run()
        is_clean(app)
        assert "TLTK_ROOTS" in texts(app)
    app = open_page("weights")
    app.text_input(key="weights:path").set_value("/etc/hostname").run()
    next(b for b in app.button if b.label == "Check it").click().run()
    is_clean(app)
    assert "TLTK_ROOTS" in texts(app)
    assert all(isinstance(Run.at(job.run).spec, InspectSpec | DescribeSpec) for job in queue.jobs())


@pytest.mark.parametrize("where", ["class", "picture", "deep", "through", "table", "inside", "nowhere"])
def test_a_link_out_of_the_permitted_folders_is_not_followed(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "in" / "set", tmp_path / "out"
    for folder in (inside / "cat", inside / "dog" / "deep", outside, tmp_path / "in" / "other"):
        folder.mkdir(parents=True)
    for folder in (inside / "cat", inside / "dog", outside, tmp_path / "in" / "other"):
        for i in range(1, 5):
            (folder / f"{i}.png").write_bytes(f"{folder} {i}".encode())
    rows = [f"{name}/{i}.png,{name}" for name in ("cat", "dog") for i in range(1, 5)]
    (inside / "t.csv").write_text("\n".join(["file,label", *rows, "dog/5.png,dog"]))
    link, leads = {
        "class": (inside / "bird", outside),
        "picture": (inside / "dog" / "5.png", outside / "1.png"),
        "deep": (inside / "dog" / "deep" / "more", outside),
        "through": (tmp_path / "in" / "other" / "on", outside),
        "table": (inside / "dog" / "5.png", outside / "1.png"),
        "inside": (inside / "bird", tmp_path / "in" / "other"),
        "nowhere": (inside / "dog" / "5.png", tmp_path / "not there"),
    }[where]
    link.symlink_to(leads)
    (inside / "back").symlink_to(inside.parent / "other" if where == "through" else inside)  # a ring, or a way on
    monkeypatch.setenv("TLTK_ROOTS", str(tmp_path / "in"))
    asked = InspectSpec(DataSpec(f"csv:{inside}/t.csv" if where == "table" else f"folder:{inside}"))
    if where in ("inside", "nowhere"):
        assert permitted.submit(asked)
        return
    with pytest.raises(BadSpec, match=f"no link that leads out of .*{link.name}"):
        permitted.submit(asked)
    assert not queue.jobs()
    monkeypatch.setenv("TLTK_ROOTS", f"{tmp_path}/in{os.pathsep}{outside}")
    assert permitted.submit(asked), "both are open now"


def test_the_permitted_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside / "deep", outside):
        folder.mkdir(parents=True)
    (inside / "link").symlink_to(outside)
    (inside / "loop").symlink_to(inside / "loop")
    monkeypatch.setenv("TLTK_ROOTS", os.pathsep.join(["", str(inside)]))

    def check(path: str, kind: str = "folder") -> None:
        permitted.check(InspectSpec(DataSpec(f"{kind}:{path}")))

    for path in (
        inside,
        inside / "deep",
        inside / "deep" / ".." / "deep",
        inside / "not there",
        f"{inside}/deep~fog:3",
    ):
        check(str(path))
    for path in (
        outside,
        inside / ".." / "out",
        inside / "link",
        f"{inside}/link~fog:3",
        inside / "link" / "x",
        "/",
        "/etc",
        "etc",
        f"{inside}x",
        "~nosuchuser/x",
        "~",
        "a\0b",
        "//server/share",
        inside / "loop" / "x" / ".." / ".." / ".." / "out",
    ):
        for kind in ("folder", "archive", "npz"):
            with pytest.raises(BadSpec, match="TLTK_ROOTS"):
                check(str(path), kind)
    brought = home.folder("pictures") / "mine.png"
    permitted.check(EmbedSpec(picture=str(brought)))
    for spec in (
        EmbedSpec(picture="/etc/x.png"),
        EmbedSpec(after="file:/etc/x"),
        RankSpec(candidates=("resnet18@file:/etc/x",)),
        TransferSpec(net=NetSpec(weights="file:/etc/x")),
        ImportWeightsSpec("file:/etc/x"),
        dataclasses.replace(FIRST, source=DataSpec("folder:/etc")),
    ):
        with pytest.raises(BadSpec, match="TLTK_ROOTS"):
            permitted.check(spec)


def test_who_may_read_what_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TLTK_ROOTS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert permitted.roots("127.0.0.1") == permitted.roots("localhost") == [Path.home(), tmp_path]
    assert permitted.roots("0.0.0.0") == permitted.roots(None) == permitted.roots("10.0.0.1") == []
    monkeypatch.setenv("TLTK_ROOTS", "")
    assert permitted.roots("127.0.0.1") == []


def test_pages_queue_only_through_the_check() -> None:
    files = [*(ROOT / "pages").glob("*.py"), *(ROOT / "tltk" / "dashboard").glob("*.py")]
    assert len(files) > 20
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            asks = node.attr if isinstance(node, ast.Attribute) else ""
            if asks in ("submit", "resume", "cancel", "delete") and path.name != "permitted.py":
                assert ast.unparse(node) == f"permitted.{asks}", f"{path.name}: {ast.unparse(node)}"


# -- runs and values in a link ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["workbench", "train", "curves"])
@pytest.mark.parametrize("asked", ["doesnotexist", "../../etc", "0123456789ab"])
def test_a_run_that_is_absent_is_not_replaced_by_another(name: str, asked: str) -> None:
    comparison("helps")
    app = open_page(name, run=asked)
    is_clean(app)
    assert f"Run {asked} is not here" in texts(app)
    assert not app.metric and "The sentence that says" not in texts(app)
    assert app.query_params["run"] in (asked, [asked])
    if name == "workbench":
        assert [b.label for b in app.button] == ["Begin anew"] and not app.selectbox, "nothing else is shown"
        app.button[0].click().run()
        is_clean(app)
        assert "run" not in app.query_params and "Compare with scratch" in buttons(app)
    else:
        select = next(s for s in app.selectbox if s.label == "Run")
        select.set_value(next(r.id for r in all_runs() if _is_of(name, r))).run()
        is_clean(app)
        assert app.metric and "is not here" not in texts(app)


def _is_of(name: str, run: Run) -> bool:
    return isinstance(run.spec, TransferSpec) == (name == "train")


def test_a_run_of_the_other_kind_is_named_with_its_page() -> None:
    study = comparison("helps")
    one = next(c.id for c in study.children())
    assert f"Run {study.id} is a comparison" in texts(open_page("train", run=study.id))
    assert f"Run {one} is a training" in texts(open_page("curves", run=one))


def test_going_to_another_page_is_no_link() -> None:
    study = comparison("helps")
    app = open_page("workbench", run=study.id)
    del app.query_params["run"]
    app.switch_page(str(ROOT / "pages" / "train.py")).run()
    is_clean(app)
    assert app.metric and "is not here" not in texts(app)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"boundary": "banana"}, "boundary must be a whole number. Got 'banana'."),
        ({"lr": "a lot"}, "lr must be a number. Got 'a lot'."),
        ({"epochs": "2.5"}, "epochs must be a whole number. Got '2.5'."),
        ({"boundary": "9" * 5000}, "boundary must be a whole number"),
        ({"lr": "nan"}, "must be a finite number"),
    ],
)
def test_a_value_that_cannot_be_meant_is_told_in_our_words(link: dict[str, str], said: str) -> None:
    app = open_page("workbench", **link)
    is_clean(app)
    assert said in texts(app) and "invalid literal" not in texts(app) and "could not convert" not in texts(app)


# -- names ---------------------------------------------------------------------------------------------------------

NAME = (
    "a![p](http://evil.example/p.png)[Sign in](http://evil.example/x)<img src=x>:red[b]:blue-badge[g]:material/lock:"
    ":small[h]`c`$d$**e**"
)
SHORT = "![p](http://evil.example)<img src=x>:red[b]:material/lock:**e**"  # a run's name has 80 characters at most
LIVE = re.compile(
    r"(?<!\\)!\\?\[|(?<!\\)\]\(|(?<!\\)<img|(?<!\\):(?:red|blue-badge|small)|:material/lock|http://evil|(?<!\\)`c|(?<!\\)\*\*e"
)
AS_TEXT = ("selectbox", "multiselect", "select_slider", "slider")  # kinds whose options Streamlit shows as they are
PLAIN = {  # fields that Streamlit shows as they are, or does not show
    "id",
    "json",
    "mixed_data",
    "placeholder",
    "value",
    "default",
    "default_value",
    "raw_values",
    "raw_value",
    "form_id",
    "query_string",
    "url",
    "url_path",
    "page",
    "page_script_hash",
    "code_text",
    "set_value",
    "alt",
    "styler",
    "columns",
    "element_id",
    "query_param_key",
    "arrow_data",
    "page_name",
    "main_script_path",
    "bind_query_param",
}


def words(message: Any, kind: str = "") -> Iterator[str]:
    """Every text of an element that may be read as Markdown."""
    for field, value in message.ListFields():
        if field.name in PLAIN or (field.name == "options" and kind in AS_TEXT):
            continue
        several = value if field.is_repeated else [value]
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        for one in several:
            if field.message_type is not None:
                yield from words(one)
            elif isinstance(one, str):
                yield one


def everything(node: Any) -> Iterator[Any]:
    for child in getattr(node, "children", {}).values():
        yield child
        yield from everything(child)


def rendered(app: Any) -> list[tuple[str, str]]:
    """(kind, text) of all that is on the page."""
    found = []
    for node in everything(app._tree):
        proto = getattr(node, "proto", None)
        if proto is not None and hasattr(proto, "ListFields") and node.type not in ("code", "json", "bidi_component"):
            found += [(node.type, text) for text in words(proto, node.type)]
    return found


def hostile() -> dict[str, str]:
    """A home in which everything that a stranger can name bears the name; the link that shows it."""
    target = dataclasses.replace(FIRST.target, name=f"folder:/{NAME}")
    source = dataclasses.replace(present(FIRST.source), name=f"folder:/s{NAME}")
    told = seen([NAME, "b" + NAME], counts=[500, 3], skipped=[[f"x/{NAME}.jpg", NAME]], licence=NAME, source=NAME)
    for spec in (target, source):
        known(with_absolute_paths(spec), told)
    network_known()
    for state, message in (("failed", NAME), ("stopped", NAME), ("done", "")):
        run = Run.create(TransferSpec(target=target, net=NetSpec("test_resnet"), seed=len(state)))
        run.write_status(state=state, message=message, epoch=1, epochs=2)
        run.write_label(name=SHORT, note=NAME, tags=["![p](http://evil.example)"])
    waiting = Run.create(TransferSpec(target=target, seed=77))
    waiting.write_status(state="waiting", message=NAME)
    queue.add(waiting.id)
    shared = {**SHARED, "target": dataclasses.replace(target, shots=0), "source": source}
    answered(
        RankSpec(target=target, candidates=(f"{NAME}@scratch",), pictures=500),
        {
            "classes": 2,
            "rows": [
                {
                    "backbone": NAME,
                    "weights": f"file:/{NAME}",
                    "scores": {},
                    "why": {"logme": NAME, "probe": NAME},
                    "trained": None,
                }
            ],
            "marks": {"logme": NAME, "probe": NAME},
        },
    )
    assert shared
    failed = Run.create(InspectSpec(DataSpec(f"folder:/f{NAME}")))
    failed.write_status(state="failed", message=NAME)
    trained = training()  # done, with a result whose classes bear the name
    found = json.loads((trained.path / "result.json").read_text())
    found["classes"] = [f"{NAME}{number}" for number in range(len(found["classes"]))]
    home.write_atomic(trained.path / "result.json", json.dumps(found))
    trained.write_label(name=SHORT, note=NAME)
    return {"target": target.name, "source": source.name}


@pytest.mark.parametrize("name", PAGES)
def test_names_are_text_on_every_page(name: str) -> None:
    link = hostile()
    for more in (
        {},
        {"source": "none", "weights": f"file:/{NAME}", "strategy": NAME},
        {"backbone": NAME},
        {"boundary": NAME},
        {"run": NAME},
    ):
        app = open_page(name, **(link | more))
        assert not app.exception
        live = [(kind, text) for kind, text in rendered(app) if LIVE.search(text) and kind != "html"]
        assert not live, live
        for element in app.get("html"):
            assert "<img src=x" not in element.proto.body


def test_names_are_text_where_they_were_chosen() -> None:
    """The checks above would pass on pages that show no name at all."""
    app = open_page("domains", **hostile())
    next(b for b in app.button if b.label == "Read the pictures again")
    assert plain(NAME) in markdown(app)
    run = next(
        r
        for r in all_runs()
        if r.status.message == NAME and isinstance(r.spec, TransferSpec) and r.status.state == "failed"
    )
    assert plain(NAME) in markdown(open_page("train", run=run.id))
    assert "Sign in" in texts(open_page("design", backbone=NAME))


def test_the_end_of_a_run_is_told_as_text() -> None:
    run = Run.create(TransferSpec(seed=5))
    run.write_label(name=SHORT)
    run.write_status(state="waiting")
    queue.add(run.id)
    app = open_page("runs")
    queue.remove(run.id)
    run.write_status(state="stopped")
    app.run()
    is_clean(app)
    told = [text for kind, text in rendered(app) if kind == "toast"]
    assert any(plain(SHORT) in text for text in told) and not any(LIVE.search(text) for text in told)


def test_pictures_of_a_selection_are_captioned_and_told_as_text() -> None:
    from PIL import Image

    from tests.support.depth_pages import known as plan_known

    plan_known()
    profile_known()
    embedding_known("umap")
    app = open_page("layers")
    is_clean(app)
    assert RANK and Image


@pytest.mark.parametrize(
    "text",
    [NAME, "http://evil.example", "www.evil.example", "a@b.example", ":smile:", "1. x", "- x", "# x", "a\n\n    b", ""],
)
def test_plain_keeps_every_sign(text: str) -> None:
    shown = re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", plain(text)).replace("\u2060", "")
    assert shown == " ".join(text.split())
    assert "\n" not in plain(text)

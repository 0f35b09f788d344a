"""A run as one file: what is in it, that it loads nothing, and that names stay text."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.pages import STUDIES, comparison, network_known, self_taught, study, training
from tests.support.pages import _no_workers as _no_workers
from tests.support.results import raced
from tests.support.shell import tltk
from tltk import __version__, home
from tltk.errors import BadSpec, RunProblem
from tltk.report.content import content, tell, title
from tltk.report.files import html_bytes
from tltk.report.numbers import as_csv, records
from tltk.report.page import MODULES, in_lines, modules
from tltk.report.protocol import protocol
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.studies.race.spec import RaceSpec
from tltk.studies.sweep.spec import SweepSpec

KINDS = [*STUDIES, "compare", "transfer"]
HOSTILE = "<script>alert(1)</script> & \"'</title><img src=x>"


class Parts(HTMLParser):
    """The tags of a page with their attributes, its text, and its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts = "", list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def made(kind: str) -> Run:
    return {"compare": lambda: comparison("helps"), "transfer": training}.get(kind, lambda: study(kind))()


def figures(page: Parts) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(page.scripts[0])["figures"]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_of_each_kind_says_what_was_found_and_how(kind: str) -> None:
    run = made(kind)
    said, page = content(run), Parts(html_bytes(run).decode())
    assert said.sentence and said.sentence in page.text and run.id in page.text
    assert len(figures(page)) == len(page.named("figure")) == len(said.charts) >= 1
    assert all(figure["data"] for figure in figures(page))
    for row in said.table:
        assert all(cell in page.text for cell in row)
    for row in said.ledger:
        assert all(cell in page.text for cell in row)
    assert len(page.named("tr")) == len(said.table) + len(said.ledger) > 1
    assert len(said.ledger) > 1 and all(sentence in page.text for sentence in said.ledger_notes)
    for sentence in (*said.remarks, *said.details):
        assert sentence in page.text
    assert "blended_digits" in page.text or kind == "transfer"
    for name in ("tltk", "torch", "timm"):
        assert said.versions[name] in page.text
    assert said.versions["tltk"] == __version__


def test_a_report_of_a_training_without_labels_has_no_accuracy() -> None:
    run = self_taught()
    said, page = content(run), html_bytes(run).decode()
    assert "it has no accuracy" in said.sentence and "52.0% of the test pictures" in said.sentence
    assert said.table == [
        ["part", "rotation", "rotation.accuracy"],
        *([p, "1.25", "0.44"] for p in ("validation", "test")),
    ]
    assert [chart.alt.partition(" over")[0] for chart in said.charts] == ["Loss of the terms"]
    assert "Test accuracy" not in page and "ross-entropy" not in page
    shown = tltk("runs", "show", run.id)
    assert shown.exit_code == 0 and "it has no accuracy" in shown.output and "test accuracy" not in shown.output
    [row] = records(msgspec.convert(run.result(), TrainingResult))
    assert row["accuracy"] is None


def test_the_title_has_the_last_part_of_a_path_and_the_protocol_the_whole() -> None:
    spec = RaceSpec(target=DataSpec("subset:0-4@npz:/some/where/usps.npz"), source=DataSpec("folder:/my photos/ants"))
    assert title(spec) == "ants → subset:0-4@usps.npz"
    assert title(RaceSpec(target=DataSpec("shapes:hue=0.2"))) == "shapes:hue=0.2"
    assert "npz:/some/where/usps.npz" in dict(protocol(spec))["Target"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_loads_nothing(kind: str) -> None:
    text = html_bytes(made(kind)).decode()
    page = Parts(text)
    assert not {name for _, attributes in page.tags for name in attributes} & {
        "src",
        "href",
        "srcset",
        "data",
        "poster",
    }
    assert {tag for tag, _ in page.tags} <= set(
        [
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "main",
            "header",
            "p",
            "h1",
            "h2",
            "div",
            "figure",
            "figcaption",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "ul",
            "li",
            "dl",
            "dt",
            "dd",
            "pre",
            "code",
            "script",
        ]
    )
    assert "@import" not in text.partition("</style>")[0] and "url(" not in text.partition("</style>")[0]
    [policy] = [m["content"] for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy and policy.startswith("default-src 'none';") and "http" not in policy and "'self'" not in policy
    assert sum("plotly.js v" in script[:200] for script in page.scripts) == 1
    assert len(page.scripts) == 3 and "prefers-color-scheme: dark" in text


def test_the_modules_become_one_script() -> None:
    text = modules()
    assert not re.search(r"^\s*(import|export)\b", text, re.M)
    defined = re.findall(r"^(?:function|const|let|class) (\w+)", text, re.M)
    assert len(defined) == len(set(defined)), "a name that two modules have would end the script"
    assert len(MODULES) == 3 and "drawAll();" in text


def test_names_are_text_in_a_report() -> None:
    spec = RaceSpec(target=DataSpec(f"folder:/{HOSTILE}"), source=DataSpec(HOSTILE), arms=(HOSTILE, "b"))
    run = Run.create(spec)
    found = msgspec.structs.replace(raced(names=(HOSTILE, "b")), sentence=HOSTILE, remarks=[HOSTILE])
    home.write_atomic(run.path / "result.json", msgspec.json.encode(found))
    run.write_status(state="done")
    run.write_label(name="<b>My</b> race", note=f"A note {HOSTILE}")
    text = html_bytes(run).decode()
    page = Parts(text)
    assert len(page.scripts) == 3 and not page.named("img") and not page.named("b")
    assert page.text.count("<script>alert(1)</script>") >= 6, "as text, in title, sentence, table, protocol"
    assert "<b>My</b> race" in page.text
    assert "<script>alert" not in text and "alert(1)" in str(figures(page))
    assert "<script" not in str(figures(page)), "in a figure a tag would be drawn as one"


def test_the_command_in_a_report_asks_for_the_same_again() -> None:
    spec = RaceSpec(target=DataSpec("folder:/a b"), source=DataSpec("x"), arms=("lora:rank=4,alpha=8", "scratch"))
    lines = in_lines(to_command(spec))
    assert len(lines.splitlines()) > 3 and shlex.split(lines.replace("\\\n", "")) == shlex.split(to_command(spec))
    assert spec == read_spec(spec.to_json())


def test_the_protocol_names_what_was_asked_and_not_what_is_left_aside() -> None:
    said = {kind: dict(protocol(STUDIES[kind][0])) for kind in STUDIES}
    assert "5 labels per class" in said["race"]["Target"] and "labels" not in said["labels"]["Target"]
    assert said["labels"]["Labels per class"] == "5, 10, 40"
    assert "for the test" not in said["cross_validate"]["Target"] and said["cross_validate"]["Folds"] == "3"
    assert "weights trained on the source first" in said["race"]["Network"], "net.weights is ignored"
    assert said["sweep"]["Network"] == "resnet10t", "the arms say which weights"
    assert (
        "rate" not in said["race"]["Optimisation"] and said["race"]["Learning rates searched"] == "0.0003, 0.001, 0.003"
    )
    alone = dict(protocol(RaceSpec(net=NetSpec(weights="hub:", boundary=2))))
    assert alone["Network"] == "resnet10t, weights hub:, boundary 2" and "Source" not in alone
    assert "Optimisation on the source" not in alone
    adapted = dict(protocol(RaceSpec(source=DataSpec("digits"), labels="source", arms=("source_only", "dann"))))
    assert "Optimisation on the source" not in adapted, "source and target are learned from together"
    halves = dict(protocol(SweepSpec(halves="random")))
    assert "Optimisation on the source" in halves and "Optimisation on the source" in said["atlas"]


def test_figures_are_rows_for_other_programs() -> None:
    rows = {kind: records(result) for kind, (_, result) in STUDIES.items()}
    assert [row["name"] for row in rows["race"]] == ["lora+l2_sp", "fine_tune", "scratch"]
    assert [(row["name"], row["shots"], row["accuracy"]) for row in rows["labels"]][2:4] == [
        ("scratch", 40, 0.9),
        ("fine_tune", 5, 0.5),
    ]
    assert len(rows["sweep"]) == 15 and rows["sweep"][2]["gap"] == -0.2
    table = list(csv.DictReader(io.StringIO(as_csv(raced(adapts=True)))))
    assert float(table[0]["picks.information_maximisation"]) == 0.7 and float(table[0]["hi"]) == 0.84


def test_a_name_that_a_spreadsheet_would_compute_is_quoted() -> None:
    table = list(csv.reader(io.StringIO(as_csv(raced(names=("=1+1", "b", "c"))))))
    assert table[1][0] == "'=1+1" and table[2][0] == "b"


def test_a_study_with_lines_alone_is_told_by_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from tltk.studies.race import table

    monkeypatch.delattr(table, "rows")
    monkeypatch.setattr(table, "lines", lambda found: [found.sentence, "", "a  line"])
    told = tell(RaceSpec, raced())
    assert told.table == [[raced().sentence], ["a  line"]] and not told.sentence


# -- the verb --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [".html", ".csv", ".json", ".HTML"])
def test_report_writes_each_format(end: str, tmp_path: Path) -> None:
    run, file = study("race"), tmp_path / f"race{end}"
    done = tltk("report", run.id[:8], str(file), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"id": run.id, "file": str(file), "bytes": file.stat().st_size}
    assert "Wrote" in tltk("report", run.id, str(file)).stdout
    if end == ".json":
        body = json.loads(file.read_text(encoding="utf-8"))
        assert read_spec(json.dumps(body["spec"])).run_id == run.id == body["id"]
        assert body["result"] == msgspec.to_builtins(raced()) and body["command"].startswith("tltk race ")
        assert body["versions"]["tltk"] == __version__


def test_what_cannot_be_reported_is_a_sentence(tmp_path: Path) -> None:
    run = study("race")
    done = tltk("report", run.id, str(tmp_path / "race.pdf"))
    assert done.exit_code == 2 and "FILE must end in .html, .csv, .json" in done.stderr
    done = tltk("report", run.id, str(tmp_path / "nowhere" / "race.html"))
    assert done.exit_code == 2 and "FILE must be a place to write to" in done.stderr
    waits = study("sweep", "stopped")
    done = tltk("report", waits.id, str(tmp_path / "sweep.html"))
    assert done.exit_code == 1 and "must be done" in done.stderr and "It is stopped: The reason." in done.stderr
    with pytest.raises(RunProblem):
        content(waits)
    network_known()
    [answer] = [r for r in map(Run, home.folder("runs").iterdir()) if r.spec.kind == "describe"]
    with pytest.raises(BadSpec, match="of a training or a study"):
        content(answer)
    assert not list(tmp_path.glob("*.html"))


def test_how_often_it_is_validated_stands_in_words() -> None:
    said = dict(protocol(TransferSpec(optim=OptimSpec(evaluate=5))))["Optimisation"]
    assert "validated every 5 epochs" in said and "evaluate" not in said
    assert "validated" not in dict(protocol(TransferSpec(optim=OptimSpec())))["Optimisation"]

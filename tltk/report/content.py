"""What a report of a run says."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import re
import time
from dataclasses import dataclass, field
from typing import Any

from tltk import __version__
from tltk.errors import BadSpec, RunProblem
from tltk.plots import learning
from tltk.plots.chart import Chart, charts_of
from tltk.report.protocol import protocol
from tltk.results.ledger import Ledger
from tltk.results.training import TrainingResult
from tltk.results.words import adaptation_in_words, outcome_in_words, percent, spent_in_words, tasks_in_words
from tltk.runs.run import Run
from tltk.specs import command
from tltk.specs.nouns import reword
from tltk.specs.reading import result_class
from tltk.studies import ledger as accounts
from tltk.studies.compare import table as compare_table
from tltk.studies.compare.result import CompareResult

KINDS = {"transfer": "Training", "compare": "Scratch against transfer"}


@dataclass(frozen=True)
class Content:
    """What a report says; texts are as they came, with whatever marks they hold.

    Attributes:
        kind: What was run, in words.
        title: The run's name, or its domains.
        run: Its id.
        written: When it ended.
        sentence: What it found.
        charts: Its figures.
        table: Rows of cells, the head first.
        head: What the cells are.
        details: Sentences beside the table.
        remarks: What must be known before the figures are trusted.
        protocol: What was asked for, by name.
        command: The same as a command of the shell.
        versions: Of what it is computed with, by name.
        note: What somebody wrote on the run.
        ledger: What each arm cost, the head first; none where no training is there any more.
        ledger_head: What its cells are.
        ledger_notes: When pre-training pays off, and where budgets differ.
    """

    kind: str
    title: str
    run: str
    written: str
    sentence: str
    charts: list[Chart]
    table: list[list[str]]
    head: str
    details: list[str]
    remarks: list[str]
    protocol: list[tuple[str, str]]
    command: str
    versions: dict[str, str]
    note: str = ""
    ledger: list[list[str]] = field(default_factory=list)
    ledger_head: str = ""
    ledger_notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Told:
    """What a result says in words and cells."""

    sentence: str
    table: list[list[str]]
    details: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    head: str = ""


def content(run: Run) -> Content:
    """Read a run that is done.

    Args:
        run: A training or a study.

    Raises:
        BadSpec: It is another kind of run.
        RunProblem: It is not done, or its result is of another version.
    """
    found, spec = read(run), run.spec
    told, status, spent = tell(type(spec), found), run.status, ledger_of(run)
    return Content(
        kind=KINDS.get(spec.kind, spec.kind.replace("_", " ").capitalize()),
        title=run.label.name or title(spec),
        run=run.id,
        written=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(status.updated)),
        sentence=told.sentence,
        charts=_charts(run, found),
        table=told.table,
        head=told.head,
        details=told.details,
        remarks=told.remarks,
        protocol=[*protocol(spec), *_spent(run, found)],
        command=command.to_command(spec),
        versions=versions(),
        note=run.label.note,
        ledger=[] if spent is None else accounts.table(spent),
        ledger_head="" if spent is None else f"{accounts.caption(spent)}.",
        ledger_notes=[] if spent is None else [*spent.sentences, *spent.flags],
    )


def ledger_of(run: Run) -> Ledger | None:
    """What each arm cost, each with all its pre-training; None where no training is there any more.

    Args:
        run: A training or a study.
    """
    try:
        return accounts.ledger(run)
    except RunProblem:
        return None


def read(run: Run) -> Any:
    """The result of a training or a study.

    Raises:
        BadSpec: It is another kind of run.
        RunProblem: It is not done, or its result is of another version.
    """
    spec = run.spec
    if not spec.trains:
        raise BadSpec(
            f"A report is of a training or a study. Run {run.id} is of kind {spec.kind!r}; `tltk runs show {run.id}` "
            f"prints what it found."
        )
    found = run.read(result_class(type(spec)))
    if found is None:
        why = run.diverged or run.status.message
        raise RunProblem(
            f"Run {run.id} must be done before there is something to report. It is {run.status.state}"
            f"{f': {why}' if why else '.'}"
        )
    return found


def tell(kind: type[Any], found: Any) -> Told:
    """Sentence, table and remarks of a result.

    Args:
        kind: Class of the spec. Table and details are `rows` and `details` of its folder's `table.py`.
        found: The result.
    """
    if isinstance(found, TrainingResult):
        return _of_training(found)
    if isinstance(found, CompareResult):
        return _of_comparison(found)
    name = f"{kind.__module__.rpartition('.')[0]}.table"
    module = importlib.import_module(name) if importlib.util.find_spec(name) else None
    if module is None:
        return Told(_field(found, "sentence", ""), [])
    if not hasattr(module, "rows"):  # a table that is lines alone
        return Told("", [[line] for line in module.lines(found) if line])
    details = module.details(found) if hasattr(module, "details") else []
    head = getattr(module, "HEAD", "")
    return Told(_field(found, "sentence", ""), module.rows(found), details, _field(found, "remarks", []), head)


def versions() -> dict[str, str]:
    """Of tltk, torch and timm on this machine; none of them is imported."""
    found = {"tltk": __version__}
    for name in ("torch", "timm"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed here"
    return found


def _charts(run: Run, found: Any) -> list[Chart]:
    """What is to be seen first comes first: of a comparison its curves, of other studies what they weigh."""
    own, curves = charts_of(type(run.spec), found, learning.idle_of(run)), learning.charts(run)
    return [*curves, *own] if isinstance(found, CompareResult) else [*own, *curves]


def _field(found: Any, name: str, default: Any) -> Any:
    return found.get(name, default) if isinstance(found, dict) else getattr(found, name, default)


def title(spec: Any) -> str:
    """`rendered_digits → digits`, or the target alone; of a path its last part, since the protocol has it whole.

    Args:
        spec: A training, or a study.
    """
    if not hasattr(spec, "target"):
        return ", ".join(map(_short, getattr(spec, "domains", ()))) or str(spec.kind)
    source = getattr(spec, "source", None)
    weights = getattr(getattr(spec, "net", None), "weights", "")
    begins = source.name if source is not None else weights if weights != "scratch" else ""
    return f"{_short(begins)} → {_short(spec.target.name)}" if begins else _short(spec.target.name)


def _short(name: str) -> str:
    return re.sub(r"\b\w+:[^@]*[/\\](?=[^\s/\\])", "", name)


def _spent(run: Run, found: Any) -> list[tuple[str, str]]:
    """What was used: trainings, steps, pictures, the test, time."""
    spent, children = [], {child.id for child in run.children()}
    if children:
        spent.append(("Trainings", str(len(children))))
    body = found.verdict if isinstance(found, CompareResult) else found
    for name, title in (("steps", "Steps of a training"), ("images", "Pictures seen by a training")):
        values = [getattr(one, name) for one in getattr(found, "arms", [body]) if hasattr(one, name)]
        if any(values):
            low, high = min(values), max(values)
            spent.append((title, f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"))
    if n_test := getattr(body, "n_test", 0) or len(getattr(body, "labels", ())):
        spent.append(("Test pictures", f"{n_test:,}"))
    if run.status.seconds:
        spent.append(("Time", f"{run.status.seconds:,.0f} s"))
    return spent


def _of_training(found: TrainingResult) -> Told:
    n_val = f"{found.n_val:,}" if found.n_val else "–"
    if found.self_taught is not None:
        rows = [["part", *(name.removeprefix("term.") for name in found.self_taught.test)]]
        for part, figures in (("validation", found.self_taught.val), ("test", found.self_taught.test)):
            rows.append([part, *(f"{value:.4g}" for value in figures.values())])
    else:
        rows = [
            ["part", "pictures", "accuracy", "macro-F1", "cross-entropy"],
            ["validation", n_val, percent(found.val_accuracy or 0.0), "–", f"{found.val_loss:.3f}"],
            [
                "test",
                f"{len(found.labels):,}",
                percent(found.accuracy or 0.0),
                percent(found.macro_f1 or 0.0),
                f"{found.loss:.3f}",
            ],
        ]
    details = [
        f"{found.frozen_tensors} tensors are frozen; {found.frozen_moved} of them moved.",
        f"Trained for {found.epochs:,} epochs, {found.steps:,} steps, in {found.seconds:.1f} s on {found.device}.",
        *filter(None, [spent_in_words(found)]),
        *adaptation_in_words(found),
        *tasks_in_words(found),
        *([] if found.fitting is None else [found.fitting.sentence]),
    ]
    return Told(outcome_in_words(found), rows, details, list(dict.fromkeys([*found.cautions, *found.remarks])))


def _of_comparison(found: CompareResult) -> Told:
    v = found.verdict
    sentence = v.sentence
    for remark in v.remarks:
        sentence = sentence.replace(f" {remark}", "")
    return Told(
        sentence,
        compare_table.rows(found),
        compare_table.details(found),
        list(v.remarks),
        reword(compare_table.HEAD, found.noun),
    )

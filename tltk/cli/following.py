"""What the verbs of the shell share: options from specs, following a run, printing it, failing in sentences."""

from __future__ import annotations

import dataclasses
import errno
import importlib
import importlib.util
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from tltk import home
from tltk.analyses.rank.agreement import with_agreement
from tltk.analyses.rank.result import RankResult
from tltk.analyses.rank.spec import RankSpec
from tltk.data import account
from tltk.data.names import escape_text
from tltk.errors import BadSpec, MachineProblem, RunProblem, TltkError, abbreviate
from tltk.jobs import executor, wait
from tltk.jobs.predicting import whole_id
from tltk.results.training import TrainingResult
from tltk.results.words import (
    accuracy_in_words,
    adaptation_in_words,
    self_taught_in_words,
    spent_in_words,
    tasks_in_words,
)
from tltk.runs import index
from tltk.runs.index import RunEntry
from tltk.runs.run import Run
from tltk.specs import command
from tltk.specs.knobs import Spec
from tltk.specs.reading import read_spec, result_class, spec_kinds
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.compare.study import FIRST_QUESTION
from tltk.verdicts.metrics import ACCURACY, WORDS
from tltk.weights.weightfile import sanitise

FILES = {  # flag → help, for verbs whose spec names such files
    "png": "Write the pictures of the answer to this file, a contact sheet.",
    "csv": "Write the list to this file.",
}


class Verb(click.Group):
    """Click with our way of failing: a sentence on stderr, 1 for a failed run, 2 for bad input."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; a `TltkError`, or a fault of the machine, is its sentence, nothing more."""
        try:
            return super().invoke(ctx)
        except TltkError as fault:
            _fail(ctx, fault)
        except (OSError, MemoryError) as fault:
            found = None if getattr(fault, "errno", None) == errno.EPIPE else MachineProblem.of(fault)
            if found is None:  # whoever read what we print has gone, which click knows
                raise
            _fail(ctx, found)
        except UnicodeEncodeError as fault:  # click itself looks for the paths that it is given
            text = "An argument must be text that this system can write. Got {}; check how it was typed or passed on."
            _fail(ctx, BadSpec(text.format(abbreviate(str(fault.object)))))


def _fail(ctx: click.Context, fault: TltkError) -> None:
    """Its sentence, and 1 where a run or the machine failed, 2 where what was asked for is wrong."""
    is_asked = isinstance(fault, MachineProblem) and fault.errno in (errno.ENAMETOOLONG, errno.ELOOP)
    click.echo(escape_text(str(fault)), err=True)
    ctx.exit(1 if isinstance(fault, RunProblem) and not is_asked else 2)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")(function)


def out(body: Any, wanted: bool = True) -> None:
    """Print JSON, if it is wanted."""
    if wanted:
        click.echo(json.dumps(body, indent=1, default=str))


def spec_options(kind: type[Spec]) -> Callable[..., Any]:
    """A click option for every knob of the spec."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(command.flags(kind)):
            rule = option.knob
            span = f" [{rule.lo:g} … {rule.hi:g}]" if rule.lo is not None and rule.hi is not None else ""
            names = f" One of {', '.join(filter(None, rule.choices))}." if rule.choices else ""
            flag = f"--{option.flag}/--no-{option.flag}" if isinstance(rule.default, bool) else f"--{option.flag}"
            function = click.option(
                flag,
                option.key,
                type=type(rule.default),
                default=None,
                help=f"{rule.help}{names}{span} Default {_default(option)}.",
            )(function)
        parts = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
        if "terms" in parts:
            about = "What else is minimised, NAME or NAME:KNOB=VALUE,…; see `tltk terms`. May be repeated."
            function = click.option("--term", multiple=True, help=about)(function)
        if "adapter" in parts:
            about = "What of a learning layer learns, NAME or NAME:KNOB=VALUE,…; see `tltk adapters`."
            function = click.option("--adapter", help=about)(function)
        if "strategy" in parts:
            function = click.option("--knob", multiple=True, help="A knob of the strategy, NAME=VALUE.")(function)
            function = click.option("--strategy", help="How the weights are used; see `tltk strategies`.")(function)
        for name, (_, about) in command.list_options(kind).items():
            if name not in kind.words:
                function = click.option(f"--{name}", help=about)(function)
        for form in kind.files:
            function = click.option(f"--{form}", type=click.Path(path_type=Path), help=FILES[form])(function)
        several = command.list_options(kind)
        for name in reversed(kind.words):  # not required, since a file of --spec may have them
            shown = f"[{name.upper()}]…" if name in several else f"[{name.upper()}]"
            function = click.argument(name, nargs=-1 if name in several else 1, required=False, metavar=shown)(function)
        about = "A JSON file; - is the standard input."
        function = click.option("--spec", "spec_file", type=click.Path(path_type=Path), help=about)(function)
        function = click.option(
            "--again", is_flag=True, help="Run it once more though it is done; what was found stays."
        )(function)
        function = click.option("--detach", is_flag=True, help="Queue it and return at once.")(function)
        function = click.option("--timeout", default=0.0, help="Stop it after this many seconds; 0 = never.")(function)
        return json_option(function)

    return decorate


def _default(option: command.Option) -> str:
    """What an option stands for that is not given, in words."""
    return "none" if option.optional or option.knob.default == "" else str(option.knob.default)


def _table(kind: type[Spec]) -> Callable[[Any], Iterable[str]] | None:
    """How a result of this kind is printed: `lines` of the folder's `table.py`; None where there is none."""
    table = f"{kind.__module__.rpartition('.')[0]}.table"
    if importlib.util.find_spec(table) is None:
        return None
    found: Callable[[Any], Iterable[str]] = importlib.import_module(table).lines
    return found


def asked_for(kind: type[Spec], given: dict[str, Any]) -> Spec:
    """The spec that the flags of a verb ask for, or the one that the file of `--spec` holds.

    Args:
        kind: Of the verb.
        given: Flags by name.

    Raises:
        BadSpec: It cannot be meant.
    """
    file = given.pop("spec_file")
    if "run" in kind.words and given["run"]:
        given["run"] = whole_id(given["run"])
    if isinstance(given.get("runs"), str):
        given["runs"] = ",".join(whole_id(one.strip()) if one.strip() else "" for one in given["runs"].split(","))
    if file is None:
        # A comparison that names neither domains nor weights is about the question that the first page asks.
        is_first = kind is CompareSpec and all(given.get(key) is None for key in ("target", "source", "weights"))
        return command.build_spec(kind, given, FIRST_QUESTION if is_first else None)
    spec = read_spec(_read_spec(file))
    if not isinstance(spec, kind):
        raise click.UsageError(f"{file} must hold a spec of kind {kind.kind!r}. It holds {spec.kind!r}.")
    return spec


def launch(kind: type[Spec], given: dict[str, Any]) -> None:
    """Queue what was asked for, follow it, and print how it ended, an answer as the table of its kind."""
    as_json = given.pop("as_json")
    wanted = {form: given.pop(form) for form in kind.files}
    for form, path in wanted.items():
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise click.UsageError(f"--{form} must be a file in a folder that exists. Got {str(path)!r}.")
    spec = asked_for(kind, given)
    run = executor().submit(spec, again=given["again"], timeout=given["timeout"])
    if not given["detach"]:
        follow(run)
    report(run, as_json)
    end(run, given["detach"])
    for form, path in wanted.items():
        if path is not None and executor().state(run.id) == "done":
            _write_file(run, form, path, as_json)


def _write_file(run: Run, form: str, path: Path, as_json: bool) -> None:
    """Write the pictures of a run to a file, or its result as CSV; said unless JSON is printed."""
    if form == "png" and not (run.path / "pictures.png").is_file():
        click.echo("There is no picture to show, so none was written.", err=True)
        return
    if form == "png":
        data = (run.path / "pictures.png").read_bytes()
    else:
        kind = type(run.spec)
        table = importlib.import_module(f"{kind.__module__.rpartition('.')[0]}.table")
        data = str(table.as_csv(run.read(result_class(kind)))).encode()
    try:
        path.write_bytes(data)
    except OSError as fault:
        raise click.UsageError(f"--{form} must be a place to write to. It is not: {fault}.") from None
    if not as_json:
        click.echo(f"Wrote {path}, {len(data):,} bytes.")


def _read_spec(file: Path) -> bytes:
    """The text of a spec: a file's, a pipe's, or with - what comes in."""
    if str(file) != "-":
        return home.read_user_file(file, "--spec")
    found = sys.stdin.buffer.read(home.MAX_USER_FILE_BYTES + 1)
    if len(found) > home.MAX_USER_FILE_BYTES:
        raise BadSpec(f"--spec must be no longer than {home.MAX_USER_FILE_BYTES >> 20} MB. What came in is longer.")
    return found


def end(run: Run, detached: bool) -> None:
    """A run that was followed and stopped before its end is not done: exit code 1; 2 where it cannot be meant."""
    if not detached and executor().state(run.id) != "done":
        sys.exit(2 if run.status.refused else 1)


def follow(run: Run) -> None:
    """Wait for the end, with a progress bar where there is a terminal; Ctrl-C asks the run to stop."""
    from tqdm import tqdm

    bar = tqdm(total=1, disable=not sys.stderr.isatty(), unit="epoch", leave=False)
    told = {""}

    def watch(run: Run) -> None:
        status = run.status
        if bar.disable and status.state == "waiting" and status.message not in told:  # as for a cluster
            told.add(status.message)
            click.echo(status.message, err=True)
        bar.total = status.epochs or 1
        bar.n = status.epoch
        bar.set_description(status.message or f"{run.id} {status.state}")

    try:
        wait(run, watch)
    except KeyboardInterrupt:
        executor().cancel(run.id)
        click.echo(f"Asked run {run.id} to stop; `tltk runs resume {run.id}` goes on with it.", err=True)
        raise
    finally:
        bar.close()


def summary(run: Run, attempt: int = 0) -> dict[str, Any]:
    """A run as JSON: id, kind, state, message, progress, spec and result.

    Args:
        run: Which.
        attempt: The number of an earlier attempt that is meant; 0 = what is there now.
    """
    folder = run.attempt(attempt) if attempt else run
    status, spec, label = folder.status, run.spec, run.label
    return {
        "id": run.id,
        "kind": spec.kind,
        "name": label.name,
        "note": label.note,
        "tags": list(label.tags),
        "state": folder.status.state if attempt else executor().state(run.id),
        "message": status.message,
        "epoch": status.epoch,
        "epochs": status.epochs,
        "seconds": status.seconds,
        "device": status.device,
        "path": str(folder.path),
        **summarise_request(index.facts(spec)),
        "accuracy": index.accuracy(folder.result()),
        "spec": json.loads(spec.to_json()),
        "result": _result(folder, spec),
        "children": [c.id for c in folder.children()],
        "earlier": [] if attempt else [_attempt(run, number) for number in run.attempts()],
    }


def _attempt(run: Run, number: int) -> dict[str, Any]:
    """An earlier attempt in short."""
    folder = run.attempt(number)
    status, result = folder.status, folder.result() or {}
    verdict = result.get("verdict")
    return {
        "number": number,
        "state": status.state,
        "accuracy": index.accuracy(result),
        "verdict": verdict.get("label", "") if isinstance(verdict, dict) else "",
        "seconds": status.seconds,
        "updated": status.updated,
        "path": str(folder.path),
    }


def listing(entries: Sequence[RunEntry]) -> bytes:
    """Runs as JSON, each as `summary` has it without result, children and earlier attempts."""
    folder = home.folder("runs")
    found = [
        {
            "id": e.id,
            "kind": e.kind,
            "name": e.name,
            "note": e.note,
            "tags": e.tags.split(),
            "state": e.state,
            "message": e.message,
            "epoch": e.epoch,
            "epochs": e.epochs,
            "seconds": e.seconds,
            "device": e.device,
            "path": str(folder / e.id),
            **summarise_request({name: getattr(e, name) for name in ASKED}),
            "accuracy": e.accuracy,
            "spec": msgspec.Raw(e.asked.encode()),
        }
        for e in entries
    ]
    return msgspec.json.format(msgspec.json.encode(found), indent=1)


def _result(run: Run, spec: Spec) -> dict[str, Any] | None:
    """What it found, as JSON prints it."""
    found = run.result()
    if found is None or not isinstance(spec, RankSpec):
        return found
    try:
        shown: dict[str, Any] = msgspec.to_builtins(_read_result(run, spec))
    except RunProblem:  # of another version: as it is
        return found
    return shown


def _read_result(run: Run, spec: Spec) -> Any:
    """What it found, as the class of its kind; a ranking with what has been trained by now."""
    found = run.read(result_class(type(spec)))
    return with_agreement(found, spec) if isinstance(spec, RankSpec) and isinstance(found, RankResult) else found


ASKED = ("kind", "source", "target", "backbone", "weights", "strategy", "boundary", "lr", "seed")


def summarise_request(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a run asked for in a few words, from its `tltk.runs.index.facts`; None where its kind has no such thing."""
    kind = spec_kinds().get(facts["kind"], TransferSpec)
    is_study = kind.trains and kind is not TransferSpec
    here = is_study and facts["source"]  # its weights are trained in its course
    return {
        **{name: facts[name] or None for name in ("target", "backbone")},
        "weights": None if here else facts["weights"] or None,
        "strategy": facts["strategy"] or None,
        "boundary": facts["boundary"],
        "lr": facts["lr"],
        "seed": None if is_study else facts["seed"],
    }


COLUMNS = ("run", "name", "result", "target", "backbone", "weights", "strategy", "cut", "rate", "seed", "time")
NARROW = 100  # letters that a line of a terminal has at least
SHRINK = ("name", "target", "backbone", "weights", "strategy")  # columns that are shortened to fit
LEAST = 8  # and down to how many letters


def format_table(found: Sequence[RunEntry]) -> list[str]:
    """Runs as a table that fits the terminal, a line each; none for no runs."""
    rows = [list(COLUMNS), *(_cells(e) for e in found)]
    if not any(row[1] for row in rows[1:]):  # nobody has named any
        rows = [[row[0], *row[2:]] for row in rows]
    columns = rows[0]
    narrow = [i for i, name in enumerate(columns) if name in SHRINK]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    available = max(NARROW, shutil.get_terminal_size((NARROW, 24)).columns) - 2 * (len(columns) - 1)
    while sum(widths) > available and widths[widest := max(narrow, key=lambda i: widths[i])] > LEAST:
        widths[widest] -= 1
    lines = ["  ".join(_shorten(c, w).ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return lines if found else []


def _cells(e: RunEntry) -> list[str]:
    figure = e.verdict
    if not figure and e.accuracy is not None:
        figure = f"{100 * e.accuracy:.1f}%"
    if e.kind != TransferSpec.kind and not figure:  # a figure says of itself what kind of run it is of
        figure = e.kind
    figure = figure if e.state == "done" else e.state if e.kind == TransferSpec.kind else f"{e.kind} {e.state}"
    r = summarise_request({name: getattr(e, name) for name in ASKED})
    weights = r["weights"] if r["weights"] is not None else f"of {e.source}" if e.source and e.backbone else ""
    return [
        e.id,
        sanitise(" ".join(filter(None, [e.name, *(f"#{tag}" for tag in e.tags.split())]))),
        sanitise(figure) or "done",
        short(e.target),
        sanitise(e.backbone),
        short(weights),
        sanitise(e.strategy),
        "" if e.boundary is None else str(e.boundary),
        "" if e.lr is None else f"{e.lr:g}",
        "" if r["seed"] is None else str(r["seed"]),
        took(e.seconds),
    ]


def short(name: str) -> str:
    """A domain or weights in few letters, on one line: the last part of a path, the first digits of a run."""
    kind, _, path = name.partition(":")
    if "/" in path:
        return sanitise(path.rstrip("/").rpartition("/")[2])
    return re.sub(r"^(run:[0-9a-f]{6})[0-9a-f]*", r"\1", sanitise(name))


def took(seconds: float) -> str:
    """`4.1 s`, `12 min` or `3.5 h`; empty for none."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds else ""
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _shorten(text: str, width: int) -> str:
    """Both ends of a text that is too long; they tell names apart better than its beginning alone."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def report(run: Run, as_json: bool, attempt: int = 0) -> None:
    """How a run ended, or an earlier attempt at it: in a sentence or two, or as JSON.

    Args:
        run: It has ended, or was asked for by its id.
        as_json: Print one JSON object instead of sentences.
        attempt: Number of an earlier attempt; 0 = the last.
    """
    if as_json:
        out(summary(run, attempt))
        return
    folder, label = run.attempt(attempt) if attempt else run, run.label
    state = folder.status.state if attempt else executor().state(run.id)
    click.echo(f"run {run.id} · {f'attempt {attempt} · ' if attempt else ''}{state} · {folder.path}")
    if label.name or label.tags:
        click.echo(sanitise(" ".join(filter(None, [label.name, *(f"#{tag}" for tag in label.tags)])), 800))
    for line in label.note.splitlines():
        click.echo(sanitise(line, 2000))
    if run.spec.trains:
        click.echo(in_words(run.spec, folder.status.seconds))
    for line in _result_lines(folder) or filter(None, [folder.status.message]):
        click.echo(line)
    note = folder.written_status().note
    if note and folder.result():
        click.echo(note)
    if not attempt:
        for number in run.attempts():
            click.echo(_attempt_in_words(_attempt(run, number)))


def _attempt_in_words(a: dict[str, Any]) -> str:
    """An earlier attempt, a line."""
    figure = a["verdict"] or ("" if a["accuracy"] is None else f"{a['accuracy']:.3f}")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(a["updated"])) if 0 < a["updated"] < 2**32 else ""
    words = [f"earlier {a['number']}", a["state"], sanitise(figure), took(a["seconds"]), when]
    return " · ".join(filter(None, words))


def _result_lines(run: Run) -> list[str]:
    """What it found, a line each: of a training in sentences, of other kinds the table of their folder."""
    spec, lines = run.spec, _table(type(run.spec))
    try:
        if isinstance(spec, TransferSpec):
            return _of_training(run.read(TrainingResult), spec)
        found = None if lines is None else _read_result(run, spec)
        return [] if found is None or lines is None else list(lines(found))
    except RunProblem as fault:
        return [f"{fault} `tltk runs show {run.id} --json` prints what is there; `--again` makes it once more."]


def _of_training(found: TrainingResult | None, spec: TransferSpec) -> list[str]:
    if found is None:
        return []
    half = " in bfloat16" if found.precision == "bfloat16" else ""
    known = f"test accuracy {accuracy_in_words(found)}, macro-F1 {100 * (found.macro_f1 or 0):.1f}%"
    if found.metric != ACCURACY and found.score is not None:
        known += f", {WORDS[found.metric]} {100 * found.score:.1f}%"
    said = [] if found.self_taught is None else self_taught_in_words(found.self_taught, found.noun)
    return [
        *said,
        f"{'trained' if said else known} after {found.steps:,} steps in "
        f"{found.seconds:.1f} s on {found.device}{half}; {found.frozen_tensors} frozen tensors, "
        f"{found.frozen_moved} moved.",
        *([] if found.fitting is None else [found.fitting.sentence]),
        *adaptation_in_words(found),
        *(escape_text(line) for line in tasks_in_words(found)),
        *filter(None, [spent_in_words(found)]),
        *(escape_text(line) for line in account.describe_fields(spec.target.name, found)),
        *(f"caution  {sentence}" for sentence in found.cautions),
    ]


def in_words(spec: Spec, seconds: float) -> str:
    """What a training or a comparison asked for, in a line, and how long it took."""
    r, source = summarise_request(index.facts(spec)), getattr(spec, "source", None)
    weights = r["weights"] if r["weights"] is not None else f"weights of {source.name}" if source else ""
    words = [r["target"], f"{r['backbone']} from {weights}"]
    words += [f"{r['strategy']} at boundary {r['boundary']}"] if r["strategy"] else []
    words += [f"rate {r['lr']:g}"] if r["lr"] is not None else []
    words += [f"seed {r['seed']}"] if r["seed"] is not None else []
    words += [took(seconds)] if seconds else []
    return sanitise(" · ".join(words), 400)


def print_answer(question: Spec, as_json: bool, *, again: bool = False) -> None:
    """Ask a worker what takes seconds, and print its answer: as the table of its kind, or as JSON.

    Args:
        question: What is asked; its folder has a `table.py`.
        as_json: Whether to print the result as it is kept.
        again: Whether to ask anew where there is an answer: what it is about may have changed.

    Raises:
        RunProblem: There is no answer.
    """
    run = executor().submit(question, again=again)
    follow(run)
    result, lines = run.result(), _table(type(question))
    if result is None or lines is None:
        raise RunProblem(f"Run {run.id} must have an answer. It is {run.status.state}; ask again.")
    out(result, as_json)
    if not as_json:
        for line in lines(run.as_result(result, result_class(type(question)))):
            click.echo(line)

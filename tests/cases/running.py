"""Makes the inputs and sees what comes of them."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from click.testing import CliRunner

from tests.cases import archives, arrays, checkpoints, folders, homes, pixels, sounds, tables
from tests.cases.outcomes import Refused, Resumed, Right, Row, Stands, Taken
from tests.support.engine import MEASURED
from tltk import data, home
from tltk.analyses.import_weights.analysis import import_weights
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.analyses.inspect.analysis import domain_summary
from tltk.analyses.inspect.spec import InspectSpec
from tltk.cli import main as cli
from tltk.data import account
from tltk.data.cautions import cautions
from tltk.errors import TltkError
from tltk.jobs import queue
from tltk.jobs.checking import check
from tltk.jobs.worker import execute
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import with_absolute_paths
from tltk.specs.training import TransferSpec
from tltk.weights import weightfile
from tltk.weights.reader import read

MODULES: tuple[ModuleType, ...] = (folders, archives, tables, pixels, arrays, sounds, checkpoints, homes)
FINE = ("another.pth", "absurd.pth")  # weights of another backbone, and what can be looked at and not be trained from
PATIENCE = 120  # seconds that a training of milliseconds may take to begin


def recipes() -> dict[str, Callable[[Path], None]]:
    """All recipes by name."""
    return {
        name: made
        for module in MODULES
        for name, made in vars(module).items()
        if inspect.isfunction(made)
        and list(inspect.signature(made).parameters) == ["root"]
        and name[0] != "_"
        and made.__module__ == module.__name__
    }


def make(name: str, root: Path) -> Path:
    """Run one recipe in a folder, unless it was run there."""
    done = root.with_name(f"{root.name}.made")
    if not done.exists():
        root.mkdir(parents=True)
        recipes()[name](root)
        done.touch()
    return root


def spec_of(row: Row, root: Path) -> DataSpec:
    """What asks for this input, small."""
    return DataSpec(row.source.format(root), size=16)


def outcome(row: Row, root: Path) -> tuple[str, list[str]]:
    """What came of it in a few words, and what was wrong with that."""
    others = {"file": _of_weights, "home": _of_home, "resume": _of_resumed}
    if (kind := row.source.partition(":")[0]) in others:
        return others[kind](row, root)
    spec, wrong = spec_of(row, root), list[str]()
    try:
        asked = with_absolute_paths(InspectSpec(spec))
        check(asked)
    except TltkError as refusal:
        return f"refused: {refusal}", _of_sentence(row, str(refusal))
    try:
        domain = data.load(asked.data)
        found = msgspec.to_builtins(domain_summary(domain, asked.data)[0])
    except TltkError as late:
        return f"refused late: {late}", ["it was found by the worker only"]
    if isinstance(row.outcome, Refused):
        return f"read: {found['n']} pictures of {len(found['classes'])} classes", ["it must be refused"]
    division = domain.split(asked.data, 0)
    said = [*account.describe_domain(domain, division, asked.data), *cautions(domain, division)]
    text = " ".join([*said, json.dumps(found["tree"]), *(f"{name} ({reason})" for name, reason in domain.skipped)])
    if isinstance(row.outcome, Right):
        wrong += _of_numbers(row.outcome, found)
        wrong += [f"{words!r} is not said in {text}" for words in row.outcome.says if words not in text]
    wrong += [f"{c!r} is no text to show" for c in found["classes"] if not c.isprintable()]
    told = f"{found['n']:,} pictures of {len(found['classes']):,} classes: {found['train']} / {found['val']} / {found['test']}"
    return told, wrong


def net_of(row: Row, root: Path) -> NetSpec:
    """What asks for these weights."""
    backbone = row.outcome.backbone if isinstance(row.outcome, Taken) else "test_resnet"
    return NetSpec(backbone, row.source.format(root))


def _of_weights(row: Row, root: Path) -> tuple[str, list[str]]:
    source = row.source.format(root)
    try:
        check(TransferSpec(DataSpec("digits"), net_of(row, root)))
    except TltkError as refusal:
        late = []
        try:
            import_weights(ImportWeightsSpec(weights=source))
        except TltkError as theirs:  # the worker has no other opinion
            late = [] if str(theirs).endswith(".") else [f"no sentence: {theirs}"]
        else:
            late = [] if Path(source).name in FINE else ["the worker reads it"]
        return f"refused: {refusal}", _of_sentence(row, str(refusal)) + late
    try:
        found = import_weights(ImportWeightsSpec(weights=source))
    except TltkError as fault:
        return f"refused late: {fault}", ["it was found by the worker only"]
    told = f"{found.backbone} at {found.part or 'the top'}, {found.classifier}"
    if not isinstance(row.outcome, Taken):
        return f"read: {told}", ["it must be refused"]
    wanted, wrong = row.outcome, list[str]()
    for what in ("backbone", "part", "classes", "channels"):
        if (its := getattr(found, what)) != getattr(wanted, what):
            wrong.append(f"{what} is {its!r}, not {getattr(wanted, what)!r}")
    text = " ".join(found.notes)
    wrong += [f"{words!r} is not said in {text!r}" for words in wanted.says if words not in text]
    if not wanted.says and text:
        wrong.append(f"there is nothing to say, and it says {text!r}")
    body = read(weightfile.resolve_path(source.partition(":")[2]), wanted.backbone).body
    options = {"in_chans": wanted.channels} if wanted.channels != 3 else {}
    for name, tensor in checkpoints.network(wanted.backbone, **options).state_dict().items():
        if name in body and tensor.is_floating_point():
            off = float((body[name].float() - tensor - wanted.plus).abs().max())
            wrong += [f"{name} is off by {off}"] if off > wanted.near else []
        elif name not in body and not name.startswith(("fc.", "head.")):
            wrong.append(f"{name} is missing")
    return f"read: {told}", wrong


VERBS = (
    ["runs"],
    ["run", "--target", "digits", "--detach"],
    ["look", "digits"],
    ["weights", "list"],
    ["layers", "test_vit"],
)


def _shell(*words: str) -> tuple[int, str, list[str]]:
    """Exit code and output of a verb, and what is wrong with it."""
    done = CliRunner().invoke(cli.main, list(words))
    fell = done.exception is not None and not isinstance(done.exception, SystemExit)
    wrong = [f"{words} fell: {done.exception!r}"] if fell else []
    if "Traceback" in done.output or "fault of ours" in done.output:
        wrong.append(f"{words} says {done.output}")
    return done.exit_code, done.output, wrong


def _of_home(row: Row, root: Path) -> tuple[str, list[str]]:
    """Verbs in this home, or in a copy of it where it can be lived in."""
    place, wrong = Path(row.source.format(root).partition(":")[2]), list[str]()
    if isinstance(row.outcome, Refused):
        said = ""
        with homes.living_in(place):
            for words in VERBS:
                code, output, fell = _shell(*words)
                wrong += fell + ([f"{words} has exit code {code}"] if code not in (1, 2) else [])
                wrong += _of_sentence(row, output.strip())
                said = output.strip()
        return f"refused: {said}", wrong
    assert isinstance(row.outcome, Stands)
    with tempfile.TemporaryDirectory() as scratch, homes.living_in(Path(scratch) / "home") as copy:
        shutil.copytree(place, copy)
        wrong += _of_damaged(row.outcome, place.name)
        state = row.outcome.state
        if aside := row.outcome.aside:
            wrong += [] if list(copy.rglob(aside)) else [f"{aside} is not there"]
        else:
            wrong += [f"{found} was set aside" for found in copy.rglob("*.damaged*")]
    return f"stands: the run is {state}", wrong


def _of_damaged(wanted: Stands, name: str) -> list[str]:
    hurt = homes.STUDY if name.startswith("children") else homes.HURT
    others = [spec for spec in (homes.WHOLE, homes.HURT, homes.STUDY) if spec is not hurt]
    jobs = [job.run for job in queue.jobs()]
    code, listing, wrong = _shell("runs")
    wrong += [f"runs has exit code {code}"] if code else []
    wrong += [f"run {spec.run_id} is not listed" for spec in (hurt, *others) if spec.run_id not in listing]
    for words in (
        ["runs", "--json"],
        ["runs", "show", hurt.run_id],
        ["runs", "export", hurt.run_id, str(home.home() / "x.zip")],
    ):
        wrong += _shell(*words)[2]
    for spec in others:
        code, output, fell = _shell("runs", "show", spec.run_id)
        wrong += fell + ([] if "done" in output and not code else [f"{spec.run_id} is no longer done: {output}"])
    state = Run.at(hurt.run_id).status.state
    wrong += [] if state == wanted.state else [f"the run is {state}, not {wanted.state}"]
    return wrong + ([] if jobs == [] else [f"queued: {jobs}"])


def _of_resumed(row: Row, root: Path) -> tuple[str, list[str]]:
    """A training that is stopped in its course, and resumed when this lies there."""
    change = Path(row.source.format(root).partition(":")[2])
    with tempfile.TemporaryDirectory() as scratch, homes.living_in(Path(scratch) / "home"):
        place = Path(scratch) / "input"
        shutil.copytree(root / "before", place)
        run = Run.create(
            TransferSpec(
                DataSpec(f"folder:{place}/pictures", size=16),
                NetSpec("test_resnet", f"file:{place}/weights.safetensors"),
                optim=OptimSpec(epochs=1000, batch_size=4, device="cpu"),
            )
        )
        _trained(run, 2)
        before, status = run.rows()[0], run.status
        wrong = (
            [] if status.state == "stopped" and before else [f"it was not stopped: {status.state}, {status.message}"]
        )
        shutil.rmtree(place)
        shutil.copytree(change, place)
        if isinstance(row.outcome, Refused):
            code, output, fell = _shell("runs", "resume", run.id, "--detach")
            wrong += fell + ([f"exit code {code}"] if code != 2 else []) + _of_sentence(row, output.strip())
            wrong += [f"queued: {jobs}"] if (jobs := queue.jobs()) else []
            return f"refused: {output.strip().replace(scratch, '…')}", wrong
        assert isinstance(row.outcome, Resumed)
        _trained(run, (before[-1].epoch if before and not row.outcome.again else 0) + 2)
        after, note = run.rows()[0], run.written_status().note
        earlier = Run(run.path / "earlier" / "1")
        if row.outcome.again:
            wrong += (
                [] if "was started again" in note and f"{row.outcome.again}{place}" in note else [f"it says {note!r}"]
            )
            wrong += [] if earlier.path.exists() and earlier.rows()[0] == before else ["what was found before is gone"]
        else:
            wrong += [] if not note and not earlier.path.exists() else [f"it began again: {note}"]
            first, second = ([r for r in rows if r.epoch <= 2 and r.name not in MEASURED] for rows in (before, after))
            what = [[(r.epoch, r.step, r.split, r.name, r.value) for r in rows] for rows in (first, second)]
            wrong += [] if first and what[0] == what[1] else ["its rows are not those of before"]
        steps = [r.step for r in after if (r.split, r.name) == ("train", "loss")]
        wrong += [] if steps and steps == sorted(set(steps)) else ["steps are lost, or there twice"]
        return f"{'began again' if row.outcome.again else 'went on'}: {note.replace(scratch, '…')}", wrong


def _trained(run: Run, epochs: int) -> None:
    """Train as a worker does, and ask to stop once so many epochs have been written."""
    ended = threading.Event()

    def watch() -> None:
        until = time.monotonic() + PATIENCE
        while not ended.wait(0.02) and time.monotonic() < until:
            rows = run.rows()[0]
            if rows and rows[-1].epoch > epochs:
                break
        run.ask_to_stop()

    handler, watcher = signal.getsignal(signal.SIGTERM), threading.Thread(target=watch)
    watcher.start()
    try:
        execute(run)
    finally:
        ended.set()
        watcher.join()
        signal.signal(signal.SIGTERM, handler)
        home.remove(run.stop_file)


def _of_sentence(row: Row, sentence: str) -> list[str]:
    if not isinstance(row.outcome, Refused):
        return [f"it must be read, and was refused: {sentence}"]
    wrong = [
        f"{words!r} is not in: {sentence}" for words in row.outcome.says if not re.search(_pattern(words), sentence)
    ]
    return wrong + ([] if sentence.isprintable() else [f"it holds control characters: {sentence!r}"])


def _pattern(words: str) -> str:
    return "|".join(re.escape(part) for part in words.split("|"))


def _of_numbers(wanted: Right, found: dict[str, Any]) -> list[str]:
    wrong = []
    if (found["n"], len(found["classes"])) != (wanted.pictures, wanted.classes):
        wrong.append(f"{found['n']} pictures of {len(found['classes'])} classes, not as meant")
    sizes = (found["train"], found["val"], found["test"])
    if wanted.sizes is not None and sizes != wanted.sizes:
        wrong.append(f"train, val, test are {sizes}, not {wanted.sizes}")
    return wrong

"""What strangers send: mutated specs, flags, archives, pictures, tensors and home files.

Each case is drawn from its kind, the seed and its number alone, so that `--first N --count 1` makes it once more. It is
handled in a process of its own batch, whose memory is measured; the parent ends one that takes too long or too
much and goes on behind the case. The right outcome of a case is an answer or a sentence. Counted as faults:

    tracebacks  any error that is not a sentence of ours
    escapes     anything written, changed or removed outside the home and the case's own folder
    code run    a pickle, script or name that left its mark
    stuck       no end within the limit of a case
    memory      the most that a case took above what the process held before it
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

LIMIT = 60.0  # seconds of a case
GIGABYTE = 1 << 30
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """How one case went."""

    kind: str
    number: int
    outcome: str  # answer · sentence · traceback · stuck · memory
    what: str = ""
    escapes: tuple[str, ...] = ()
    code_run: bool = False
    memory: int = 0  # bytes above the base

    @property
    def is_fault(self) -> bool:
        """Whether it is none of the two right outcomes, or did what none may."""
        is_right = self.outcome in ("answer", "sentence")
        return not is_right or bool(self.escapes) or self.code_run or self.memory > GIGABYTE


@dataclass
class Tally:
    """The cases of one kind."""

    cases: list[Case] = field(default_factory=list)

    def line(self, kind: str) -> list[str]:
        """Its row of the table."""
        found = self.cases
        count = {name: sum(c.outcome == name for c in found) for name in ("answer", "sentence", "traceback", "stuck")}
        most = max((c.memory for c in found), default=0)
        return [
            kind,
            f"{len(found):,}",
            f"{count['answer']:,}",
            f"{count['sentence']:,}",
            f"{count['traceback']:,}",
            f"{sum(bool(c.escapes) for c in found)}",
            f"{sum(c.code_run for c in found)}",
            f"{count['stuck']:,}",
            f"{most / 1e6:,.0f}",
        ]


HEAD = ["kind", "cases", "answers", "sentences", "tracebacks", "escapes", "code run", "stuck", "memory, MB above base"]


# -- the process that handles a batch ---------------------------------------------------------------------------


def resident(high: bool = False) -> int:
    """Bytes that this process holds, or at most held since `forget_peak`."""
    wanted = "VmHWM" if high else "VmRSS"
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(wanted))
    import psutil

    return int(psutil.Process().memory_info().rss)


def forget_peak() -> None:
    """From here on the peak is counted anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def snapshot(folder: Path) -> dict[str, Any]:
    """What lies there, by name, with size and time."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):
            status = path.lstat()
            found[str(path.relative_to(folder))] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def batch(kind: str, first: int, count: int, seed: int, folder: Path, limit: float) -> None:
    """Handle these cases, and print each as a line of JSON when it has ended."""
    from tests.benchmarks import fuzz_cases

    inside, outside = folder / "inside", folder / "outside"
    for place in (inside, outside):
        place.mkdir(parents=True, exist_ok=True)
    (outside / "keep.txt").write_text("mine", encoding="ascii")
    (outside / "tltk").mkdir(exist_ok=True)
    mark = folder / "ran"
    os.environ.update(TLTK_HOME=str(inside / "home"), TLTK_FUZZ_MARK=str(mark))
    os.chdir(inside)
    handle = fuzz_cases.KINDS[kind](inside, outside, mark)
    sys.stdout.flush()
    for number in range(first, first + count):
        before, beside = snapshot(outside), {path.name for path in folder.iterdir()}
        case = run_case(kind, number, partial(handle, fuzz_cases.draw(seed, kind, number)), limit)
        after = snapshot(outside)
        escapes = [name for name in {*before, *after} if before.get(name) != after.get(name)]
        escapes += sorted({path.name for path in folder.iterdir()} - beside - {mark.name})
        case = Case(**{**asdict(case), "escapes": tuple(escapes), "code_run": mark.exists()})
        mark.unlink(missing_ok=True)
        REPLY.write(json.dumps(asdict(case)) + "\n")
        REPLY.flush()


def run_case(kind: str, number: int, do: Callable[[], str], limit: float) -> Case:
    """One case, its outcome and its memory."""
    from tltk.errors import TltkError

    def late(*_: object) -> None:
        raise Late

    start = resident()
    forget_peak()
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        outcome, what = "answer", do()
    except Late:
        outcome, what = "stuck", last_line()
    except TltkError as fault:
        outcome, what = "sentence", str(fault)
        if not told(what):
            outcome = "traceback"
    except (SystemExit, Exception):
        outcome, what = "traceback", last_line()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return Case(kind, number, outcome, what[:300], memory=max(resident(high=True) - start, 0))


class Late(BaseException):
    """The time of a case is up."""


def told(text: str) -> bool:
    """Whether this is a sentence for a person, not what Python says to itself."""
    return bool(text.strip()) and "Traceback" not in text and "Internal error in tltk" not in text


def last_line() -> str:
    """The error with the place in our files where it came up."""
    kind, fault, trace = sys.exc_info()
    ours = [f for f in traceback.extract_tb(trace) if "/tltk/" in f.filename]
    where = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"{kind.__name__ if kind else ''}: {str(fault)[:160]}{where}"


REPLY = sys.stdout


# -- the parent ---------------------------------------------------------------------------------------------------


def cases(kind: str, count: int, seed: int, first: int = 0, limit: float = LIMIT, size: int = 200) -> Iterator[Case]:
    """All cases of a kind, in batches of `size`; one that brings its process down is told and passed over."""
    at, end = first, first + count
    while at < end:
        with tempfile.TemporaryDirectory(prefix="tltk-fuzz-", ignore_cleanup_errors=True) as folder:
            for case in _batch(kind, at, min(size, end - at), seed, Path(folder), limit):
                at = case.number + 1
                yield case


def _batch(kind: str, first: int, count: int, seed: int, folder: Path, limit: float) -> Iterator[Case]:
    words = [
        sys.executable,
        "-m",
        "tests.benchmarks.bench_fuzz",
        "--batch",
        kind,
        "--first",
        str(first),
        "--count",
        str(count),
        "--seed",
        str(seed),
        "--folder",
        str(folder),
        "--limit",
        str(limit),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    log = folder / "log.txt"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT, env=environment, start_new_session=True
        )
        guard = Watch(process, limit)
        last = first - 1
        assert process.stdout is not None
        try:
            for line in process.stdout:
                guard.heard()
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    body = json.loads(line)
                    case = Case(**{**body, "escapes": tuple(body["escapes"])})
                    last = case.number
                    yield case
        except GeneratorExit:  # nobody asks for the rest
            guard.kill("")
            raise
        finally:
            guard.end()
            process.stdout.close()
            process.wait()
    if last < first + count - 1:  # it ended in the middle of the next case
        why = guard.why or f"its process ended with code {process.returncode}"
        outcome = "stuck" if guard.why == "stuck" else "memory" if guard.why == "memory" else "traceback"
        yield Case(kind, last + 1, outcome, f"{why}: {log.read_text(errors='replace')[-200:]}", memory=guard.most)


class Watch:
    """Ends a batch whose case takes far too long or far too much, where it cannot do so itself."""

    def __init__(self, process: subprocess.Popen[bytes], limit: float) -> None:
        self.process, self.limit, self.why, self.most = process, limit, "", 0
        self._heard, self._over = time.monotonic() + 60, threading.Event()  # the imports come first
        threading.Thread(target=self._look, daemon=True).start()

    def heard(self) -> None:
        """A case has ended."""
        self._heard = time.monotonic()

    def end(self) -> None:
        """The process is gone."""
        self._over.set()

    def _look(self) -> None:
        import psutil

        while not self._over.wait(0.05):
            with contextlib.suppress(psutil.Error):
                held = psutil.Process(self.process.pid).memory_info().rss
                self.most = max(self.most, held)
                if held > 4 * GIGABYTE:
                    self.kill("memory")
            if time.monotonic() - self._heard > self.limit + 20:
                self.kill("stuck")

    def kill(self, why: str) -> None:
        """End it at once."""
        self.why = why
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)


def main() -> None:
    global REPLY
    from tests.benchmarks.fuzz_cases import KINDS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="cases of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="only this kind; may be repeated")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that a case may take")
    parser.add_argument("--all", action="store_true", help="print every case, not the faults alone")
    parser.add_argument("--batch", choices=list(KINDS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.batch:
        # What the engine prints goes to the log; the real standard output carries one line for each case.
        REPLY = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        batch(options.batch, options.first, options.count, options.seed, options.folder, options.limit)
        REPLY.flush()
        os._exit(0)
    from tests.benchmarks.rounds import table

    tallies: dict[str, Tally] = {}
    faults: list[Case] = []
    for kind in options.kind or list(KINDS):
        tally = tallies[kind] = Tally()
        for case in cases(kind, options.count, options.seed, options.first, options.limit):
            tally.cases.append(case)
            faults += [case] if case.is_fault else []
            if case.is_fault or options.all:
                print(f"{kind} {case.number}: {case.outcome} {case.what} {list(case.escapes) or ''}", flush=True)
    print(f"\nSeed {options.seed}, cases {options.first} to {options.first + options.count - 1} of each kind.\n")
    table(HEAD, [tally.line(kind) for kind, tally in tallies.items()])
    print(f"\n{len(faults)} faults." if faults else "\nNo faults.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

"""`python -m tltk.runs.sync`: carries runs between this machine's copy of a home and its object store. One per copy.

It belongs to no page and no training, so neither waits for the network. Where the store cannot be reached it tries
again, ever more rarely; what is to be carried stays in the copy. It ends by itself when nobody has looked for a while
and all is sent. In a home that is a folder none of this happens. No torch here.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from tltk import home
from tltk.errors import RunProblem, TltkError, machine_errors
from tltk.runs import fetching, sending
from tltk.runs.mirror import SYNC, Copy, State, state_at
from tltk.runs.objects import Store, fault_sentence
from tltk.runs.run import ACTIVE, Run

SHORTEST_SECONDS = 0.2  # between two steps
TICK_SECONDS = 1.0  # between two looks at what was written here
POLL_SECONDS = 3.0  # between two looks at the store, while somebody looks
QUIET_POLL_SECONDS = 30.0  # the same, while nobody does
LOOKED_SECONDS = 60.0  # for so long somebody who asked counts as looking
IDLE_SECONDS = 900.0  # with nothing to do and nobody who looks
LONGEST_PAUSE_SECONDS = 60.0  # between two tries to reach the store
FETCH_SECONDS = 120.0  # that whoever needs a whole run waits for it
HURRY = "hurry"  # a file: somebody waits for what others wrote
LEFTOVER_SECONDS = 24 * 3600.0  # after which what was fetched in vain is removed


class Report(msgspec.Struct, frozen=True):
    """How it stands, for whoever asks: `sync/report.json` of the copy.

    Attributes:
        at: When it was written, in seconds since 1970.
        pulled: When all that others wrote was last fetched.
        unsent: How many runs have something to be sent.
        fault: What the store or the machine has against it; "" = nothing.
        requests: Kind → how many were made.
    """

    at: float = 0.0
    pulled: float = 0.0
    unsent: int = 0
    fault: str = ""
    requests: dict[str, int] = {}


def folder() -> Path:
    """Where the process and those who ask it leave word for each other."""
    return home.home() / SYNC


def report() -> Report:
    """How it stands."""
    return home.read_json(folder() / "report.json", Report) or Report()


def ensure() -> None:
    """Note that somebody looks, and start the process unless it is there; nothing in a home that is a folder."""
    if not home.address() or os.environ.get("TLTK_SYNC") == "0":
        return
    wanted = folder() / "wanted"
    with contextlib.suppress(OSError):
        if 0 <= time.time() - wanted.stat().st_mtime < TICK_SECONDS:
            return
    with machine_errors(wanted):
        wanted.parent.mkdir(parents=True, exist_ok=True)
        wanted.touch()
    lock = FileLock(folder() / "sync.lock")
    try:
        home.acquire(lock, 0)
    except Timeout:
        return
    lock.release()
    Store(home.address())  # says what is not installed to whoever asks
    with machine_errors(wanted), open(folder() / "log.txt", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tltk.runs.sync"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.home(),
            start_new_session=os.name == "posix",
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that no zombie stays


def wait_for_others(seconds: float) -> str:
    """Wait until what others wrote before this call is here; why it is not, or "".

    Args:
        seconds: The longest.
    """
    if not home.address():
        return ""
    began, until = time.time(), time.monotonic() + seconds  # a clock that is set must not make it longer
    ensure()
    with machine_errors(folder()):
        (folder() / HURRY).touch()
    while time.monotonic() < until:
        now = report()
        if now.pulled >= began:
            return ""
        if now.fault and now.at >= began:
            break
        time.sleep(0.1)
    return (
        f"The store of this home, {home.shown(home.address())}, cannot be reached; what is shown is what was known "
        f"before: {report().fault or _silence()}"
    )


def _silence() -> str:
    """Why the process that carries says nothing; a full disk keeps it from that too."""
    try:
        home.check_writable()
    except TltkError as fault:
        return str(fault)
    return f"it did not answer in time. {folder() / 'log.txt'} may say more."


def trouble() -> str:
    """What whoever looks at a page should know: that the store has not been reached for a while; "" = all is well."""
    if not home.address():
        return ""
    now = report()
    if not now.fault or 0 <= time.time() - now.pulled < LOOKED_SECONDS:
        return ""
    later = f" Runs that have still to be sent: {now.unsent}; that is done later." if now.unsent else ""
    return (
        f"The store of this home cannot be reached, so what other machines did lately is not shown.{later} {now.fault}"
    )


def lacks(run_id: str) -> bool:
    """Whether something of a run, such as its weights, lies in the store and not here."""
    if not home.address():
        return False
    run = Run.at(run_id)
    return not (run.path / "spec.json").is_file() or bool(_state(run_id).main.absent)


def size_in_store(run_id: str, name: str) -> int:
    """Bytes of a file of a run that lies in the store alone; −1 = none does."""
    found = _state(run_id).main.absent.get(name) if home.address() else None
    return found.size if found is not None else -1


def _state(run_id: str) -> State:
    return state_at(folder() / "states" / f"{home.check_id(run_id)}.json")


def complete(run_id: str, seconds: float = FETCH_SECONDS) -> None:
    """Bring a run here whole, with its weights; nothing where it is.

    Args:
        run_id: Which.
        seconds: The longest that is waited for it.

    Raises:
        RunProblem: It is not here by then.
    """
    if not lacks(run_id):
        return
    asked, until = folder() / "asked" / home.check_id(run_id), time.monotonic() + seconds
    with machine_errors(asked):
        asked.parent.mkdir(parents=True, exist_ok=True)
        asked.touch()
    while asked.exists() and time.monotonic() < until:
        ensure()
        time.sleep(0.1)
    if lacks(run_id):
        raise RunProblem(
            f"Run {run_id} must be here whole. It is not after {seconds:g} s: "
            f"{report().fault or 'the store does not have all of it yet.'} Try again later."
        )


def wait_until_sent(run_id: str, seconds: float) -> bool:
    """Wait until the store has all of a run, for a machine that is about to go; whether it has.

    Args:
        run_id: Which.
        seconds: The longest.
    """
    if not home.address():
        return True
    until = time.monotonic() + seconds
    copy = Copy(home.home(), Store(home.address()), knows=False)
    while True:
        copy.marks[run_id] = copy.state(run_id).mark
        if copy.is_sent(run_id):
            return True
        if time.monotonic() > until:
            return False
        ensure()
        time.sleep(0.2)


class Sync:
    """The loop.

    Args:
        copy: Of the home.
    """

    def __init__(self, copy: Copy) -> None:
        self.copy, self.report = copy, Report()
        self.failed = 0  # tries in a row
        self.told = set[str]()
        self.listed = dict(copy.listed)
        self.polled = self.purged = 0.0
        with contextlib.suppress(OSError):
            for path in copy.incoming.iterdir():
                if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                    path.unlink()

    def step(self) -> float:
        """Carry once what is to be carried; seconds until the next time."""
        began, faults = time.monotonic(), list[str]()

        def hear(run: str, fault: Exception) -> None:
            """A fault of ours is about one run; any other is the store's, and the next run would meet it too."""
            if not isinstance(fault, TltkError):
                raise fault
            faults.append(f"Run {run}: {fault}")

        try:
            self._answer()
            hurry = self.copy.folder / HURRY
            if hurry.exists():
                hurry.unlink(missing_ok=True)
                self.polled = 0.0
            if began - self.polled > (POLL_SECONDS if self._is_watched() else QUIET_POLL_SECONDS) or not self.polled:
                at = time.time()
                fetching.pull(self.copy, hear)
                self.polled = time.monotonic()
                self.report = msgspec.structs.replace(self.report, pulled=at)
                self._note_listed()
            sending.push(self.copy, hear)
            if time.monotonic() - self.purged > LEFTOVER_SECONDS or not self.purged:
                fetching.purge(self.copy)
                self.purged = time.monotonic()
            self.failed = 0
        except Exception as fault:  # of the store, of the network or of the disk: all may pass
            self.failed += 1
            faults.append(fault_sentence(fault, home.address()))
            if faults[-1] not in self.told and faults[-1].startswith(type(fault).__name__):
                traceback.print_exc()  # of a fault that nobody foresaw
        for sentence in faults:
            if sentence not in self.told:
                print(sentence, flush=True)
        self.told = set(faults)
        self._write(faults)
        if self.failed:
            return min(2.0 ** min(self.failed - 1, 10), LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1.0)
        return max(TICK_SECONDS, 10 * (time.monotonic() - began) if not faults else TICK_SECONDS)

    def _answer(self) -> None:
        """Bring whole what somebody waits for."""
        with contextlib.suppress(FileNotFoundError):
            for path in sorted((self.copy.folder / "asked").iterdir()):
                with contextlib.suppress(TltkError):  # not all of it can be seen yet
                    fetching.fetch(self.copy, home.check_id(path.name))
                    path.unlink(missing_ok=True)

    def _note_listed(self) -> None:
        if self.copy.listed != self.listed:
            self.listed = dict(self.copy.listed)
            home.write_atomic(self.copy.folder / "listed.json", msgspec.json.encode(self.listed))

    def _write(self, faults: list[str]) -> None:
        self.report = Report(
            time.time(),
            self.report.pulled,
            len(self.copy.unsent()),
            faults[0] if faults else "",
            dict(self.copy.store.requests),
        )
        with contextlib.suppress(TltkError):
            home.write_atomic(self.copy.folder / "report.json", msgspec.json.encode(self.report))

    def _is_watched(self, seconds: float = LOOKED_SECONDS) -> bool:
        try:
            return 0 <= time.time() - (self.copy.folder / "wanted").stat().st_mtime < seconds
        except OSError:
            return False

    def is_asked(self) -> bool:
        """Whether somebody waits for something."""
        return (self.copy.folder / HURRY).exists() or any((self.copy.folder / "asked").glob("*"))

    def is_idle(self) -> bool:
        """Whether nobody has looked for a while, all is sent, and nothing runs here."""
        if self._is_watched(home.setting("TLTK_SUPERVISOR_IDLE", IDLE_SECONDS)) or self.copy.unsent():
            return False
        own = (Run(self.copy.runs / run) for run in self.copy.here() if self.copy.state(run).owner == self.copy.writer)
        return not any(run.status.state in ACTIVE for run in own)


def main() -> int:
    """Serve, unless another process does."""
    try:
        with home.hold_lock_at(folder() / "sync.lock", 1):
            sync = Sync(Copy(home.home(), Store(home.address())))
            while True:
                pause = sync.step()
                if not sync.failed and sync.is_idle():
                    return 0
                time.sleep(SHORTEST_SECONDS)
                until = time.monotonic() + pause - SHORTEST_SECONDS
                while time.monotonic() < until and (sync.failed or not sync.is_asked()):
                    time.sleep(SHORTEST_SECONDS)
    except Timeout:
        return 0
    except TltkError as fault:
        print(fault, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())

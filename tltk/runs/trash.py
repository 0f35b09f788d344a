"""Deleted runs, kept for a while so that they can be put back: folders `trash/<id>.<seconds>` of the home."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from tltk import home
from tltk.errors import RunProblem, UnknownName, machine_errors

DAYS = 7  # after which a deleted run goes for good, once something else is deleted


@dataclass(frozen=True)
class Deleted:
    """A run that can be put back.

    Attributes:
        id: Of the run.
        at: When it was deleted, in seconds since 1970.
        path: Where it lies now.
    """

    id: str
    at: float
    path: Path


def entries() -> list[Deleted]:
    """What can be put back, the last deleted first."""
    found = []
    for path in home.folder("trash").iterdir():
        run_id, _, at = path.name.partition(".")
        if at.isdecimal():
            found.append(Deleted(run_id, int(at) / 1000, path))
    return sorted(found, key=lambda one: -one.at)


def put(folder: Path) -> None:
    """Move the folder of a run here; what has lain here for `DAYS` goes for good."""
    empty(DAYS)
    at = int(1000 * time.time())
    with contextlib.suppress(FileNotFoundError):  # gone already
        while (place := home.folder("trash") / f"{folder.name}.{at}").exists():
            at += 1
        folder.rename(place)


def tell_others(run_id: str) -> None:
    """Note that a run was deleted here, so that it goes from a home in an object store too."""
    if home.address():
        folder = home.home() / "sync" / "deleted"
        with machine_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / run_id).touch()


def put_back(run_id: str) -> Path:
    """Move a run back from here, as it was deleted last.

    Raises:
        UnknownName: It is not here.
        RunProblem: There is a run of this id again.
    """
    known = entries()
    hits = [one for one in known if run_id and one.id.startswith(run_id)]
    if len({one.id for one in hits}) != 1:
        raise UnknownName.among("A deleted run", run_id, dict.fromkeys(one.id for one in hits or known))
    place = home.folder("runs") / hits[0].id
    with home.hold_lock("claim.lock"), machine_errors(place):
        if place.exists():
            raise RunProblem(f"Run {hits[0].id} must not be there to be put back. It is there again; delete it first.")
        hits[0].path.rename(place)
    return place


def empty(days: float = 0.0) -> int:
    """Remove for good what was deleted so many days ago or earlier; how many runs that were."""
    gone = [one for one in entries() if time.time() - one.at >= days * 86_400]
    for one in gone:
        with machine_errors(one.path):
            home.remove(one.path)
    return len(gone)

"""What became of every file: how a tree was understood, what was left out, what the parts are and come from.

Plain data and sentences, for `look`, trainings and comparisons alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tltk.data.parts import FREE, PARTS
from tltk.results.account import Branch, LeftOut, Part

if TYPE_CHECKING:
    from tltk.data.domain import Domain, Split
    from tltk.results.training import TrainingResult
    from tltk.specs.parts import DataSpec

LOUD_SHARE = 0.1  # share of a class's files whose loss is told by name
MAX_NAMED_FILES = 5  # left-out files that a result names


@dataclass(frozen=True)
class Account:
    """How the files of a domain were understood, and what should be said of it."""

    tree: tuple[Branch, ...] = ()
    notes: tuple[str, ...] = ()


def describe_losses(there: dict[str, int], used: dict[str, int], why: dict[str, str]) -> list[str]:
    """A sentence for each class that loses much.

    Args:
        there: Class → files in it that may be pictures.
        used: Class → those that are read.
        why: Class → the reason for one of its losses.
    """
    found = []
    for name, n in there.items():
        lost = n - used.get(name, 0)
        if lost > LOUD_SHARE * n:
            found.append(f"Class {name} loses {lost:,} of its {n:,} files: {why.get(name, 'they cannot be read')}.")
    return found


def parts(domain: Domain, split: Split, spec: DataSpec) -> dict[str, Part]:
    """Size and origin of train, val and test.

    Args:
        domain: The pictures.
        split: Their division.
        spec: What the division was made from.

    Returns:
        train, val and test, each with its size and its origin in a few words.
    """
    found: dict[str, Part] = {}
    present = set() if domain.given is None else set(domain.given.tolist()) - {FREE}
    folders = {role: ", ".join(b.folder for b in domain.account.tree if b.role == role) for role in PARTS.values()}
    for number, role in PARTS.items():
        n = len(getattr(split, role))
        if number in present:
            origin = f"the folder {folders[role]}" if folders[role] else f"the {role} part of the data"
            cut = [p for k, p in PARTS.items() if k not in present]
            if role == "train" and cut:
                origin += f", less what is held out for {' and '.join(cut)}"
        elif role == "train":
            origin = "the rest"
        else:
            share = getattr(spec, role)
            origin = f"{share:.0%} drawn from {'the train part' if present else 'all pictures'}"
        if role == "train" and spec.shots:
            origin += f"; {spec.shots} of each class"
        found[role] = Part(n, origin)
    return found


def describe_parts(found: Mapping[str, Part]) -> str:
    """`Train 26 (…), validation 8 (…), test 12 (…).`"""
    words = {"train": "Train", "val": "validation", "test": "test"}
    return ", ".join(f"{words[role]} {p.n:,} ({p.origin})" for role, p in found.items()) + "."


def training_data_fields(domain: Domain, split: Split, spec: DataSpec) -> dict[str, Any]:
    """The fields of a result that say what it was trained and tested on.

    `remarks` are the sentences of `notes` and `left_out`, for a verdict to repeat.

    Args:
        domain: As it was loaded.
        split: Its division, whose three parts are counted.
        spec: Says how the parts were made: `val`, `test` and `shots`.
    """
    return {
        "parts": parts(domain, split, spec),
        "left_out": LeftOut(len(domain.skipped), list(domain.skipped[:MAX_NAMED_FILES])),
        "notes": list(domain.account.notes),
        "remarks": remarks(domain),
    }


def remarks(domain: Domain) -> list[str]:
    """What must be said of a domain before a number is believed: losses and doubts, then what was left out."""
    return [*domain.account.notes, *_describe_left_out(domain.name, len(domain.skipped), domain.skipped)]


def describe_domain(domain: Domain, split: Split, spec: DataSpec) -> list[str]:
    """The remarks, then the sizes of the parts and where each comes from.

    Args:
        domain: As it was loaded.
        split: Its division, whose three parts are counted.
        spec: Says how the parts were made: `val`, `test` and `shots`.
    """
    return [*remarks(domain), describe_parts(parts(domain, split, spec))]


def describe_fields(name: str, found: TrainingResult) -> list[str]:
    """The same sentences from a result; of one of an earlier version, as many as it tells.

    Args:
        name: The domain's.
        found: What a training found.
    """
    left = _describe_left_out(name, found.left_out.n, found.left_out.first)
    return [*found.notes, *left, *([describe_parts(found.parts)] if found.parts else [])]


def _describe_left_out(name: str, n: int, first: Sequence[Sequence[str]]) -> list[str]:
    if not n:
        return []
    some = "; ".join(f"{file} ({reason})" for file, reason in first[:3])
    what = "file or folder was" if n == 1 else "files or folders were"
    return [f"{n:,} {what} left out of {name}: {some}{' …' if n > 3 else '.'}"]

"""What became of every file: how a tree was understood, what was left out, what the parts are and come from.

Plain data and sentences, for `look`, trainings and comparisons alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tltk.data.parts import FREE, PARTS
from tltk.errors import DataProblem
from tltk.results.account import Branch, Groups, LeftOut, Part
from tltk.specs.nouns import PICTURES, counted

if TYPE_CHECKING:
    from tltk.data.domain import Domain, Split
    from tltk.results.training import TrainingResult
    from tltk.specs.parts import DataSpec

LOUD_SHARE = 0.1  # share of a class's files whose loss is told by name
MAX_NAMED_FILES = 5  # left-out files that a result names
MAX_REASONS = 3  # for losses that a sentence tells


@dataclass(frozen=True)
class Account:
    """How the files of a domain were understood, and what should be said of it."""

    tree: tuple[Branch, ...] = ()
    notes: tuple[str, ...] = ()


def describe_losses(there: Mapping[str, int], used: Mapping[str, int], why: Mapping[str, Counter[str]]) -> list[str]:
    """A sentence for each class that loses much.

    Args:
        there: Class → files in it that may be pictures.
        used: Class → those that are read.
        why: Class → the reasons for its losses, each with how many files it holds of.
    """
    found = []
    for name, n in there.items():
        lost = n - used.get(name, 0)
        if lost > LOUD_SHARE * n:
            found.append(f"Class {name} loses {lost:,} of its {n:,} files: {_commonest(why.get(name, Counter()))}.")
    return found


def _commonest(reasons: Counter[str]) -> str:
    """The reasons with their numbers, the commonest first; a single one without. Figures after a colon do not count."""
    if len(reasons) < 2:
        return next(iter(reasons), "they cannot be read")
    kinds, whole = Counter[str](), dict[str, set[str]]()
    for reason, n in reasons.items():
        kinds[_kind(reason)] += n
        whole.setdefault(_kind(reason), set()).add(reason)
    first = kinds.most_common(MAX_REASONS)
    told = [f"{min(whole[kind]) if len(whole[kind]) == 1 else kind} ({n:,})" for kind, n in first]
    rest = reasons.total() - sum(n for _, n in first)
    return "; ".join([*told, *([f"others ({rest:,})"] if rest else [])])


def _kind(reason: str) -> str:
    return reason.partition(": ")[0]


def refuse_lost_classes(what: str, noun: str, lost: Sequence[str], skipped: Sequence[tuple[str, str]]) -> DataProblem:
    """That nothing of some classes can be used, and a file with the commonest reason.

    Args:
        what: The domain as error sentences name it.
        noun: What its examples are called.
        lost: The classes.
        skipped: Their files, each with the reason.
    """
    name, reason = most_telling(skipped)[0]
    return DataProblem(
        f"Every class of {what} must hold {noun} that can be used. None can be in {', '.join(lost[:12])}: {name}: "
        f"{reason}. Check the files, or remove the folder."
    )


def most_telling(skipped: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What was left out, one of each reason first, and of these the commonest.

    Args:
        skipped: Files, each with the reason.
    """
    counts, first = Counter(_kind(reason) for _, reason in skipped), dict[str, tuple[str, str]]()
    for one in skipped:
        first.setdefault(_kind(one[1]), one)
    told = [first[kind] for kind, _ in counts.most_common()]
    return [*told, *(one for one in skipped if first[_kind(one[1])] is not one)]


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
    groups = domain.groups(spec)
    present = set() if domain.given is None else set(domain.given.tolist()) - {FREE}
    folders = {role: ", ".join(b.folder for b in domain.account.tree if b.role == role) for role in PARTS.values()}
    for number, role in PARTS.items():
        n = len(getattr(split, role))
        if spec.folds:
            origin = _of_folds(role, spec)
        elif number in present:
            origin = f"the folder {folders[role]}" if folders[role] else f"the {role} part of the data"
            cut = [p for k, p in PARTS.items() if k not in present]
            if role == "train" and cut:
                origin += f", less what is held out for {' and '.join(cut)}"
        elif role == "train":
            origin = "the rest"
        else:
            share = getattr(spec, role)
            origin = f"{share:.0%} drawn from {'the train part' if present else f'all {domain.noun}'}"
        if role == "train" and spec.shots:
            origin += f"; {spec.shots} of each class"
        mine = 0 if groups is None else len(np.unique(groups.numbers[getattr(split, role)]))
        found[role] = Part(n, origin, mine)
    return found


def _of_folds(role: str, spec: DataSpec) -> str:
    """Where a part of a division into folds comes from."""
    if role == "test":
        return f"fold {spec.fold} of {spec.folds}"
    return f"{spec.val:.0%} drawn from the other folds" if role == "val" else "the rest"


def group_cautions(name: str, found: Groups | None) -> list[str]:
    """That pictures of one group are trained on and tested: a sentence, or none.

    Args:
        name: The domain's.
        found: Its groups.
    """
    if found is None or not found.across:
        return []
    return [
        f"{found.across:,} of {found.n:,} groups of {name} ({found.by}) lie in more than one part, which came with the "
        f"data: what is measured is too good for new groups. Divide the data by group instead."
    ]


def describe_parts(found: Mapping[str, Part]) -> str:
    """`Train 26 (…), validation 8 (…), test 12 (…).`"""
    words = {"train": "Train", "val": "validation", "test": "test"}
    return ", ".join(f"{words[role]} {p.n:,}{_in_groups(p)} ({p.origin})" for role, p in found.items()) + "."


def _in_groups(part: Part) -> str:
    return f" in {part.groups:,} group{'s' * (part.groups != 1)}" if part.groups else ""


def groups(domain: Domain, split: Split, spec: DataSpec) -> Groups | None:
    """The groups of a domain's pictures; None where nothing says which belong together.

    Args:
        domain: The pictures.
        split: Their division.
        spec: Says how groups are told.
    """
    found = domain.groups(spec)
    if found is None:
        return None
    counts = np.bincount(found.numbers, minlength=len(found.classes))
    largest = int(counts.argmax())
    held = [set(found.numbers[index].tolist()) for index in (split.train, split.val, split.test)]
    across = len((held[0] & held[1]) | (held[0] & held[2]) | (held[1] & held[2]))
    by = spec.group_by or f"column:{domain.files.group}"
    return Groups(by, len(counts), int(counts.max()), found.classes[largest], across)


def describe_groups(found: Groups, noun: str = PICTURES) -> str:
    """`12 groups by folder, the largest p3 with 40 pictures; each lies in one part.`

    Args:
        found: The groups.
        noun: What the examples are called.
    """
    largest = f"the largest, {found.largest_name}, with {counted(found.largest, noun)}"
    apart = f"{found.across:,} of them lie in more than one part" if found.across else "none of them lies in two parts"
    return f"{found.n:,} groups by {found.by}, {largest}; {apart}."


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
        "left_out": LeftOut(len(domain.skipped), most_telling(domain.skipped)[:MAX_NAMED_FILES]),
        "notes": list(domain.account.notes),
        "remarks": [*remarks(domain), *group_cautions(domain.name, groups(domain, split, spec))],
    }


def remarks(domain: Domain) -> list[str]:
    """What must be said of a domain before a number is believed: losses and doubts, then what was left out."""
    return [*domain.account.notes, *_describe_left_out(domain.name, len(domain.skipped), most_telling(domain.skipped))]


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
    if all(", line " in file for file, _ in first[:3]):
        what = "line was" if n == 1 else "lines were"
    return [f"{n:,} {what} left out of {name}: {some}{' …' if n > 3 else '.'}"]

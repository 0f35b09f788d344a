"""Classes of two domains, matched by name."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Sequence

import numpy as np

from tltk.data.domain import Domain, Ints, Split
from tltk.errors import DataProblem, abbreviate

UNKNOWN = -1  # the number of a class that is not on the list


def class_numbers(domain: Domain, classes: Sequence[str]) -> Ints:
    """The number of each example's class on a list of names, (n,); `UNKNOWN` where it is not on it.

    Args:
        domain: The examples.
        classes: Names, by number; they are compared in NFC.
    """
    found: Ints = match_classes(domain.classes, classes)[domain.labels]
    return found


def match_classes(names: Sequence[str], classes: Sequence[str]) -> Ints:
    """The number of each of these names on a list of classes; `UNKNOWN` where it is not on it.

    Args:
        names: To look up.
        classes: Names, by number; they are compared in NFC.
    """
    numbers = {_normal(name): i for i, name in enumerate(classes)}
    return np.array([numbers.get(_normal(name), UNKNOWN) for name in names], np.int64)


def shared_classes(domain: Domain, other: Domain) -> list[str]:
    """The classes of a domain that another has too, by name.

    Args:
        domain: Whose order they are in.
        other: The other.
    """
    theirs = {_normal(name) for name in other.classes}
    return [name for name in domain.classes if _normal(name) in theirs]


def with_classes(domain: Domain, split: Split, classes: Sequence[str]) -> tuple[Domain, Split, int]:
    """The domain with its labels numbered by this list; examples of other classes are in no part of the split.

    Args:
        domain: The examples.
        split: Their parts.
        classes: Names, by number.

    Returns:
        Domain, split, and how many examples of the split are left out.

    Raises:
        DataProblem: A part of the split would be empty.
    """
    labels = class_numbers(domain, classes)
    parts = {name: index[labels[index] != UNKNOWN] for name, index in dataclasses.asdict(split).items()}
    left = sum(len(index) for index in dataclasses.asdict(split).values()) - sum(map(len, parts.values()))
    if not all(map(len, parts.values())):
        mine, theirs = (abbreviate(", ".join(names)) for names in (domain.classes, classes))
        raise DataProblem(
            f"Two domains must have classes of the same name. {domain.name} has {mine}; the other has {theirs}. "
            f"Rename the classes of one of them."
        )
    return dataclasses.replace(domain, labels=labels, classes=tuple(classes)), Split(**parts), left


def union_of_classes(domain: Domain, other: Domain) -> list[str]:
    """The classes of the first, then those of the second that the first has not, by name.

    Args:
        domain: The first.
        other: The second.
    """
    mine = {_normal(name) for name in domain.classes}
    return [*domain.classes, *(name for name in other.classes if _normal(name) not in mine)]


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)

"""Attributes: what is known of each example beside its class, such as the colour of a drawn shape. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tltk.errors import DataProblem, UnknownName

if TYPE_CHECKING:
    from tltk.data.domain import Domain

Ints = NDArray[np.int64]
PARITY = "parity"


@dataclass(frozen=True, eq=False)
class Attribute:
    """One of several values for each example.

    Attributes:
        classes: Names of the values, by number.
        numbers: (n,) int64 in 0 … len(classes) − 1.
    """

    classes: tuple[str, ...]
    numbers: Ints


def derived_attributes(labels: Ints, classes: Sequence[str]) -> dict[str, Attribute]:
    """What follows from the classes' names: `parity` where each of them is a whole number, as those of digits are.

    Args:
        labels: (n,) class of each example.
        classes: Names, by number.
    """
    if not all(name.isdecimal() for name in classes):
        return {}
    odd = np.array([int(name) % 2 for name in classes], np.int64)
    return {PARITY: Attribute(("even", "odd"), odd[labels])}


def check_attributes(name: str, attributes: Mapping[str, Attribute], n: int) -> None:
    """Refuse attributes that do not belong to n examples.

    Args:
        name: The domain as error sentences name it.
        attributes: By name.
        n: Examples of the domain.

    Raises:
        DataProblem: Numbers of another shape or type, or beyond the names.
    """
    for which, attribute in attributes.items():
        numbers = attribute.numbers
        if numbers.shape != (n,) or numbers.dtype != np.int64:
            raise DataProblem(
                f"The attribute {which} of {name} must have one int64 number per example. Got {numbers.dtype} of shape "
                f"{numbers.shape}."
            )
        if n and not 0 <= numbers.min() <= numbers.max() < len(attribute.classes):
            raise DataProblem(
                f"Numbers of the attribute {which} of {name} must lie between 0 and {len(attribute.classes) - 1}. Got "
                f"{numbers.min()} to {numbers.max()}."
            )


def attribute_to_learn(domain: Domain, which: str, index: Ints) -> Attribute:
    """The attribute of a domain, if there is something to be learned of it beside the class.

    Args:
        domain: Whose examples.
        which: Name of the attribute.
        index: Positions of the examples that are learned from.

    Raises:
        UnknownName: The domain knows no such attribute.
        DataProblem: It is the same for all of them, or the class by another name.
    """
    require_attribute(domain.name, which, tuple(domain.attributes))
    attribute = domain.attributes[which]
    values, classes = attribute.numbers[index], domain.labels[index]
    if len(np.unique(values)) < 2:
        raise DataProblem(
            f"An attribute that is learned must differ from picture to picture. {which} is "
            f"{attribute.classes[values[0]]!r} in all training pictures of {domain.name}; name another one."
        )
    pairs = len(np.unique(np.stack([values, classes]), axis=1).T)
    if pairs == len(np.unique(values)) == len(np.unique(classes)):
        raise DataProblem(
            f"An attribute that is learned beside the class must be another thing than the class. {which} of "
            f"{domain.name} is the class by another name; name another attribute."
        )
    return attribute


def require_attribute(name: str, which: str, known: Sequence[str]) -> None:
    """Refuse an attribute that a domain does not know.

    Args:
        name: The domain as error sentences name it.
        which: Name of the attribute.
        known: Names of those that it knows.

    Raises:
        DataProblem: It knows none at all.
        UnknownName: It knows others.
    """
    if not known:
        raise DataProblem(
            f"A task beside the class needs an attribute that the domain knows of each picture. {name} knows none; "
            f"take shapes, digits or another domain whose classes are numbers, or leave the task out."
        )
    if which not in known:
        raise UnknownName.among(f"An attribute of {name}", which, known)

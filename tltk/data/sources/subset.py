"""Some classes of another domain: `subset:first@digits`, `subset:0-4+7@mnist`, `subset:cat+dog@folder:PATH`."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from tltk import data
from tltk.data.decode import gather
from tltk.data.domain import Domain, Ints, Progress
from tltk.errors import BadSpec, DataProblem, abbreviate
from tltk.specs.parts import DataSpec

SEEDED = True  # the other domain may be drawn by the seed
HALVES = ("first", "second", "even", "odd")
_RANDOM = re.compile(r"random([12])(?:-(\d{1,6}))?")
_SPAN = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Some classes of another domain, such as one half of them, to transfer from one half to the other.

    The halves `first` and `second` are in the order of the classes, `even` and `odd` take turns, `random1` and
    `random2` (or `random1-7`, by the seed 7) are drawn; else classes by number (`0-4+7`) or by name (`cat+dog`).

    Reference:
        Yosinski, Clune, Bengio and Lipson (2014), How transferable are features in deep neural networks?, NeurIPS, §3
        (halves of ImageNet's classes, drawn and dissimilar). arXiv:1411.1792.

    Args:
        spec: As for the other domain; its name is the whole `subset:…`.
        argument: Which classes, then @ and the name of the other domain.
        progress: Called with (done, total) pictures.
    """
    choice, inner = _divide(argument)
    whole = data.load(dataclasses.replace(spec, name=inner), progress)
    classes = chosen_classes(choice, whole.classes)
    at = np.flatnonzero(np.isin(whole.labels, classes))
    number = {c: i for i, c in enumerate(classes)}
    labels = np.array([number[c] for c in whole.labels[at].tolist()], np.int64)
    return Domain.of(
        spec.name,
        gather(whole.images, at),
        labels,
        [whole.classes[c] for c in classes],
        licence=whole.licence,
        source=f"{whole.source}; {len(classes)} of {len(whole.classes)} classes",
        given=None if whole.given is None else whole.given[at],
        skipped=whole.skipped,
        origins=whole.origins[at],
        account=whole.account,
        twins=_twins(whole.twins, at),
        reading=whole.reading,
        attributes={
            which: dataclasses.replace(one, numbers=one.numbers[at]) for which, one in whole.attributes.items()
        },
        files=whole.files.take(at),
        kind=whole.kind,
        columns=whole.columns,
    )


def noun_of(argument: str) -> str:
    """What the other domain's examples are called."""
    return data.noun_of(_divide(argument)[1])


def modality_of(argument: str) -> str:
    """That of the other domain."""
    return data.modality_of(_divide(argument)[1])


def check(argument: str) -> str:
    """The argument in one spelling.

    Raises:
        BadSpec: No choice of classes, or no domain after it.
        UnknownName: No such domain.
    """
    choice, inner = _divide(argument)
    kind, rest = data.parse(inner)
    how = data.corruption(inner)
    suffix = f"~{how.name}:{how.severity}" if how else ""
    return f"{choice}@{kind}{':' if rest else ''}{rest}{suffix}"


def source_version(argument: str) -> str:
    """Changes with the choice and with what the other domain reads.

    Raises:
        DataProblem: Nothing can be read there.
    """
    return f"{argument}|{data.source_version(_divide(argument)[1])}"


def family(argument: str) -> str:
    """That of the other domain: they hold the same examples."""
    return data.family(_divide(argument)[1])


def class_names(argument: str) -> tuple[str, ...]:
    """Those that are chosen, where the name of the other domain tells what it has."""
    choice, inner = _divide(argument)
    whole = data.class_names(inner)
    return tuple(whole[c] for c in chosen_classes(choice, whole)) if whole else ()


def attribute_names(argument: str) -> tuple[str, ...]:
    """Those of the other domain."""
    return data.attribute_names(_divide(argument)[1])


def chosen_classes(choice: str, classes: tuple[str, ...]) -> list[int]:
    """The numbers of the classes that a choice means, ascending.

    Args:
        choice: A half, or numbers and names joined by `+`.
        classes: Names, by number.

    Raises:
        DataProblem: A class that is not there, or fewer than two.
    """
    n = len(classes)
    found: list[int]
    if choice in HALVES:
        halves = {"first": range(n // 2), "second": range(n // 2, n), "even": range(0, n, 2), "odd": range(1, n, 2)}
        found = list(halves[choice])
    elif drawn := _RANDOM.fullmatch(choice):
        order = np.random.default_rng(int(drawn[2] or 0)).permutation(n).tolist()
        found = sorted(order[: n // 2] if drawn[1] == "1" else order[n // 2 :])
    else:
        found = sorted({c for part in choice.split("+") for c in _classes(part.strip(), classes)})
    if len(found) < 2:
        raise DataProblem(f"A subset must hold two classes or more. {choice!r} of {n} classes holds {len(found)}.")
    return found


def _classes(part: str, classes: tuple[str, ...]) -> list[int]:
    """A name first, since classes may be called by numbers; then a number or a span of them."""
    if part in classes:
        return [classes.index(part)]
    span = _SPAN.fullmatch(part)
    if span:
        low, high = int(span[1]), int(span[2] or span[1])
        if low <= high < len(classes):
            return list(range(low, high + 1))
    raise DataProblem(
        f"A subset must name classes that are there: {abbreviate(', '.join(classes))}, or their numbers 0 to "
        f"{len(classes) - 1}. Got {part!r}."
    )


def _divide(argument: str) -> tuple[str, str]:
    choice, at, inner = argument.partition("@")
    if not at or not choice.strip() or not inner.strip():
        raise BadSpec(
            f"A subset must say which classes, and of what: subset:first@digits, subset:0-4@digits, "
            f"subset:cat+dog@folder:PATH. Got {argument!r}."
        )
    if inner.startswith("subset:"):
        raise BadSpec(f"A subset must be of another domain than a subset. Got {argument!r}.")
    return choice.strip(), inner


def _twins(twins: Ints, at: Ints) -> Ints:
    """Positions of first copies within the subset."""
    first: dict[int, int] = {}
    return np.array([first.setdefault(t, i) for i, t in enumerate(twins[at].tolist())], np.int64)

"""What one training, or two, make of the same pictures."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from tltk.analyses.confusion.result import Answered, ConfusionResult
from tltk.analyses.confusion.spec import ConfusionSpec
from tltk.analyses.known_pictures import KnownPictures, check_channels, known_pictures
from tltk.analyses.network import count_seen, rebuild
from tltk.analyses.predict.inputs import domain_spec
from tltk.analyses.sample import Context, Sample, contact_sheet
from tltk.analyses.trained import TrainedRun, open_training
from tltk.data.file_names import picture_names
from tltk.errors import BadSpec
from tltk.specs.nouns import reword

MOST = 1600  # pictures on the sheet
FLIPS = 96  # of those that were lost, and of those that were gained

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def confusion(spec: ConfusionSpec, context: Context) -> tuple[ConfusionResult, Image.Image]:
    """Counts of all answers, and the surest pictures of each kind.

    Raises:
        BadSpec, UnknownName, WeightsMissing: As for `open_training`; or the two trainings know other classes.
        DataProblem: A domain that cannot be read, or has no class that the training knows.
    """
    spec.check()
    trained, name = open_training(spec.run), spec.on
    name = name or trained.spec.target.name
    known, p = _answers(trained, name, spec, context)
    classes, labels, predicted = trained.result.classes, known.labels, p.argmax(1)
    sure = p[np.arange(len(p)), predicted]
    other, other_sure = None, None
    if spec.against:
        against = open_training(spec.against)
        if sorted(against.result.classes) != sorted(classes):
            raise BadSpec(
                f"Two trainings that are compared must know the same classes. Run {against.run.id} knows "
                f"{len(against.result.classes)}, run {trained.run.id} {len(classes)}, or by other names; take another."
            )
        theirs, q = _answers(against, name, spec, context)
        if not np.array_equal(theirs.index, known.index):
            raise BadSpec(
                f"Two trainings that are compared must have divided {name} alike. Run {against.run.id} has another "
                f"{spec.part} part; ask about all pictures, with --part all."
            )
        numbers = np.array([classes.index(one) for one in against.result.classes])
        other, other_sure = numbers[q.argmax(1)], q.max(1)
    at = choose(labels, predicted, sure, other, other_sure, spec.each)
    names = picture_names(domain_spec(name, trained.spec), known.domain)
    seen = count_seen(trained.spec, known.domain, known.index, context.load)
    result = ConfusionResult(
        run=trained.run.id,
        against=spec.against.removeprefix("run:"),
        backbone=trained.spec.net.backbone,
        domain=known.domain.name,
        part=spec.part,
        classes=classes,
        n=len(labels),
        left_out=known.left_out,
        seen=seen,
        counts=count(labels, predicted, len(classes)),
        other_counts=[] if other is None else count(labels, other, len(classes)),
        lost=0 if other is None else int(((predicted != labels) & (other == labels)).sum()),
        gained=0 if other is None else int(((predicted == labels) & (other != labels)).sum()),
        pictures=[
            Answered(
                int(known.index[i]),
                names[known.index[i]],
                int(labels[i]),
                int(predicted[i]),
                round(float(sure[i]), 9),
                None if other is None else int(other[i]),
                None if other_sure is None else round(float(other_sure[i]), 9),
            )
            for i in at
        ],
        remarks=[reword(one, known.domain.noun) for one in _remarks(known, seen, trained)],
    )
    return result, contact_sheet([Sample(known.domain, known.index[at], torch.from_numpy(labels[at]))])


def count(labels: Ints, answers: Ints, classes: int) -> list[list[int]]:
    """Pictures of each class, by row, that are taken for each, by column.

    Args:
        labels: Class numbers, (n,).
        answers: What each picture is taken for, (n,).
        classes: How many.
    """
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (labels, answers), 1)
    found: list[list[int]] = table.tolist()
    return found


def choose(
    labels: Ints, predicted: Ints, sure: Floats, other: Ints | None, other_sure: Floats | None, each: int
) -> Ints:
    """Positions of the pictures to show: those on which two trainings differ, then the surest of each kind of answer.

    Args:
        labels: Class numbers, (n,).
        predicted: What each picture is taken for, (n,).
        sure: The probability of that, (n,).
        other: What another training takes it for, (n,); None = there is none.
        other_sure: The probability of that, (n,).
        each: At most so many of each class and answer.
    """
    found: list[int] = []
    if other is not None and other_sure is not None:
        for mask in ((predicted != labels) & (other == labels), (predicted == labels) & (other != labels)):
            at = np.flatnonzero(mask)
            found += at[np.argsort(-(sure * other_sure)[at], kind="stable")][:FLIPS].tolist()
    cells: list[list[int]] = []
    for c in np.unique(labels):
        for k in np.unique(predicted[labels == c]):
            at = np.flatnonzero((labels == c) & (predicted == k))
            cells.append(at[np.argsort(-sure[at], kind="stable")][:each].tolist())
    cells.sort(key=lambda cell: bool(labels[cell[0]] == predicted[cell[0]]))  # mistakes first
    found += [i for cell in cells for i in cell]
    return np.array(list(dict.fromkeys(found))[:MOST], np.int64)


def _answers(trained: TrainedRun, name: str, spec: ConfusionSpec, context: Context) -> tuple[KnownPictures, Floats]:
    """The pictures that a training knows the classes of, and its probabilities, (n, classes)."""
    net = rebuild(trained)
    known = known_pictures(name, spec.part, trained, context.load)
    check_channels(known.domain, net)
    context.callbacks.notify(f"Testing on {len(known.index):,} {known.domain.noun} of {known.domain.name}.")
    logits = net.answer(known.domain.images, known.index, spec.batch, context.callbacks.check)[1]
    p: Floats = logits.double().softmax(1).numpy()
    return known, p


def _remarks(known: KnownPictures, seen: int, trained: TrainedRun) -> list[str]:
    found = []
    if seen:
        found.append(
            f"{seen:,} of the {len(known.index):,} pictures of {known.domain.name} are among those that run "
            f"{trained.run.id} learned from: on them it is right more often than on new ones."
        )
    if known.left_out:
        found.append(f"{known.left_out:,} pictures of classes that the training does not know were left out.")
    return found

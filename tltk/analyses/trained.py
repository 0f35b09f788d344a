"""A finished training as something to use: what it was asked, what it found, where its weights lie. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tltk.data.classes import UNKNOWN, match_classes
from tltk.errors import BadSpec, DataProblem, UnknownName, WeightsMissing
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec
from tltk.weights import store

PREFIX = "run:"


@dataclass(frozen=True)
class TrainedRun:
    """A training that has ended, with the weights that it kept.

    Attributes:
        run: Its folder.
        spec: What it was asked for.
        result: What it found.
        weights: The file of its weights, head included.
    """

    run: Run
    spec: TransferSpec
    result: TrainingResult
    weights: Path


def run_name(text: str) -> str:
    """`ID` as weights are named, `run:ID`, so that a run that was trained anew is noticed; empty stays empty."""
    text = text.strip()
    return text if not text or text.startswith(PREFIX) else PREFIX + text


def open_training(name: str, classes: bool = True) -> TrainedRun:
    """The training of that name, which must know classes unless only its features are asked for.

    Args:
        name: `run:ID`, or `run:ID@EPOCH` for a snapshot.
        classes: Whether its head is asked; without, a training that learned without labels will do.

    Raises:
        UnknownName: There is no such run.
        BadSpec: It is no training, or one without labels, whose head was not trained.
        WeightsMissing: It has not finished, or kept no weights.
    """
    where = name.removeprefix(PREFIX)
    if not where:
        raise BadSpec("A finished training must be named by its id. None is; `tltk runs --kind transfer` lists them.")
    run = Run.open(where.partition("@")[0])
    spec = run.spec
    if not isinstance(spec, TransferSpec):
        raise BadSpec(
            f"A run that names classes must be a training. Run {run.id} is of kind {spec.kind}; "
            f"`tltk runs show {run.id} --json` lists its children, which may be trainings."
        )
    if classes and spec.labels == "none":
        raise BadSpec(
            f"A run that names classes must have learned from labels. Run {run.id} learned without them (labels "
            f"none), and its head is not trained; train a head on its weights: "
            f"tltk run --weights run:{run.id} --backbone {spec.net.backbone}."
        )
    result = run.read(TrainingResult)
    if result is None:
        how = "diverged" if run.diverged else run.status.state
        raise WeightsMissing(f"Run {run.id} must have finished before it can be used. It is {how}.")
    return TrainedRun(run, spec, result, store.run_weights(where.replace(where.partition("@")[0], run.id, 1))[1])


def check_positive(trained: TrainedRun, positive: str) -> None:
    """Refuse a positive class of a training that does not know it, or knows not just two.

    Args:
        trained: The training.
        positive: Name of the class; empty = none is named.

    Raises:
        BadSpec: The training does not know two classes.
        UnknownName: It is neither of the two.
    """
    classes = trained.result.classes
    if positive and len(classes) != 2:
        raise BadSpec(
            f"A threshold is for one of two classes. Run {trained.run.id} knows {len(classes)}; leave out --positive."
        )
    if positive and positive not in classes:
        raise UnknownName.among("The positive class", positive, classes)


def check_shared(trained: TrainedRun, domain: str, classes: Sequence[str]) -> None:
    """Refuse a domain none of whose classes the training knows.

    Args:
        trained: The training.
        domain: Name of the domain.
        classes: Names of its classes.

    Raises:
        DataProblem: The training knows none of them.
    """
    if (match_classes(classes, trained.result.classes) == UNKNOWN).all():
        raise no_shared_class(trained, domain, classes)


def no_shared_class(trained: TrainedRun, domain: str, classes: Sequence[str]) -> DataProblem:
    """What is said of a domain none of whose classes the training knows.

    Args:
        trained: The training.
        domain: Name of the domain.
        classes: Names of its classes.
    """
    return DataProblem(
        f"A domain must have a class that the training knows by name. {domain} has {', '.join(classes[:8])}; "
        f"run {trained.run.id} knows {', '.join(trained.result.classes[:8])}."
    )


def check_explained(trained: TrainedRun, of: str, others: Sequence[str]) -> None:
    """Refuse to explain what is neither a class of the training nor one of these words.

    Args:
        trained: The training.
        of: What is asked for.
        others: Words that are allowed beside the names of classes.

    Raises:
        UnknownName: It is neither.
    """
    if of not in others and of not in trained.result.classes:
        raise UnknownName.among("The class to explain", of, [*others, *trained.result.classes])


def find_place(names: Sequence[str], layer: str) -> int:
    """The number of a layer; as many as there are layers = what enters the head.

    Args:
        names: Of the layers, in order.
        layer: Name or number; empty = what enters the head.

    Raises:
        BadSpec: There are fewer layers.
        UnknownName: No layer of that name.
    """
    known, text = [*names, "features"], layer.strip()
    if not text:
        return len(names)
    if text.isdecimal():
        if int(text) > len(names):
            raise BadSpec(f"layer must be from 0 to {len(names)}, or a name. Got {text}.")
        return int(text)
    if text not in known:
        raise UnknownName.among("layer", text, known)
    return known.index(text)

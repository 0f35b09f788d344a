"""One candidate's scores, each with its interval or with the reason why it has none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tltk.analyses.rank.spec import PROBE
from tltk.errors import BadSpec, TltkError
from tltk.probes.linear import probe
from tltk.training.callbacks import Callbacks
from tltk.transferability import scores
from tltk.transferability.jackknife import interval, leave_out_groups, replicates

OF_SOURCE_HEAD = ("leep", "nce")  # what the classifier of the weights' own task says of the pictures
SHARES = ("knn", PROBE)  # accuracies, 0 … 1
AT_MOST_NOUGHT = ("leep", "nce", "nleep")
FAULTS = (TltkError, ValueError, ArithmeticError, RuntimeError)  # of a score: scikit-learn's and torch's among them


@dataclass(frozen=True)
class Material:
    """What scores are computed of.

    Attributes:
        features: What enters the head, (n, d).
        labels: Class numbers, (n,).
        head: Weight (classes, d) and bias (classes,) of the source task's classifier; None where there is none.
        seed: Of folds and divisions.
    """

    features: Tensor
    labels: Tensor
    head: tuple[Tensor, Tensor] | None
    seed: int


@dataclass
class Scores:
    """What was found of one candidate, score by score.

    Attributes:
        value: Where it could be computed.
        interval: 95% of it, lower and upper end.
        why: Why it could not be computed.
        notes: What is to be known of it.
        replicates: The score without each tenth of the pictures, (10,), where it may tell candidates apart.
    """

    value: dict[str, float] = field(default_factory=dict)
    interval: dict[str, tuple[float, float]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    replicates: dict[str, Tensor] = field(default_factory=dict)

    def add(self, name: str, material: Material, callbacks: Callbacks) -> None:
        """Compute one score, and how far it would move with other pictures; what cannot be says why.

        Args:
            name: Of the score, as in `tltk.transferability`.
            material: Features and labels that it is computed from.
            callbacks: Of which `check` ends the computation by raising where the user asked for that.
        """
        callbacks.check()
        try:
            value = score(name, material)
        except FAULTS as fault:
            self.why[name] = str(fault) if isinstance(fault, TltkError) else f"{name} cannot be computed: {fault}."
            return
        if not math.isfinite(value):
            self.why[name] = f"{name} is no number for these features; look for a dead layer."
            return
        self.value[name] = value
        try:
            found = _replicates(name, material, callbacks)
        except FAULTS as fault:
            self.notes[name] = f"There is no interval: {fault}"
            return
        self.interval[name] = _clamp(name, interval(value, found))
        n, d = material.features.shape
        if name == "hscore" and d >= n:
            self.notes[name] = (
                f"H-score saturates where there are as many features as pictures: {d} and {n}. It gives "
                f"no order there; look at more pictures."
            )
        else:
            self.replicates[name] = found


def score(name: str, of: Material) -> float:
    """One score; more is better.

    Raises:
        BadSpec: It needs the classifier of the source task, and there is none.
    """
    if name == PROBE:
        return probe("ridge", of.features, of.labels, seed=of.seed).accuracy
    function: Callable[..., float] = scores[name]
    if name not in OF_SOURCE_HEAD:
        return function(of.features, of.labels)
    if of.head is None or of.head[0].shape[1] != of.features.shape[1]:
        raise BadSpec(f"{name} asks the classifier of the source task. These weights have none.")
    probabilities = torch.softmax(of.features @ of.head[0].T + of.head[1], 1)
    return function(probabilities if name == "leep" else probabilities.argmax(1), of.labels)


def _replicates(name: str, of: Material, callbacks: Callbacks) -> Tensor:
    """The score without each tenth of the pictures."""

    def score_of(rows: Tensor) -> float:
        callbacks.check()
        return score(name, Material(of.features[rows], of.labels[rows], of.head, of.seed))

    return replicates(score_of, leave_out_groups(of.labels, of.seed))


def _clamp(name: str, ends: tuple[float, float]) -> tuple[float, float]:
    """An interval, no wider than the score can be."""
    lo, hi = ends
    if name in SHARES:
        lo, hi = max(lo, 0.0), min(hi, 1.0)
    return lo, min(hi, 0.0) if name in AT_MOST_NOUGHT else hi

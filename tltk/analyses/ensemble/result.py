"""What an ensemble came to."""

from __future__ import annotations

import msgspec


class MemberResult(msgspec.Struct, frozen=True):
    """One training of an ensemble.

    Attributes:
        run: Its id.
        trained_on: The domain whose labels it learned from.
        backbone: Its network.
        val: Accuracy on the target's validation pictures, 0 … 1.
        accuracy: Accuracy on its test pictures, 0 … 1.
        scores: likelihood, leep and logme → the score on the validation pictures, in nats a picture.
        weights: The same names → its weight in that ensemble; all of an ensemble add up to 1.
        seen: Of the pictures that validate or test here, those that it learned from.
    """

    run: str
    trained_on: str
    backbone: str
    val: float
    accuracy: float
    scores: dict[str, float]
    weights: dict[str, float]
    seen: int


class MixtureResult(msgspec.Struct, frozen=True):
    """One way to average, or the best member alone.

    Attributes:
        name: uniform, likelihood, leep, logme, or best: the member with the best validation accuracy.
        val: Accuracy on the validation pictures, 0 … 1.
        accuracy: Accuracy on the test pictures, 0 … 1.
        gap: The same less that of the uniform ensemble.
        lo: Lower end of the 95% interval of the gap, for other test pictures.
        hi: Upper end.
    """

    name: str
    val: float
    accuracy: float
    gap: float
    lo: float
    hi: float


class EnsembleResult(msgspec.Struct, frozen=True):
    """Every member, and every way to average them.

    Attributes:
        members: By validation accuracy, best first.
        mixtures: uniform, likelihood, leep, logme and best.
        sentence: Whether weights help.
        remarks: What must be known before the figures are trusted.
        n_val: Validation pictures, which alone make the weights.
        n_test: Test pictures.
        temperature: Of the softmax.
    """

    members: list[MemberResult]
    mixtures: list[MixtureResult]
    sentence: str
    remarks: list[str]
    n_val: int
    n_test: int
    temperature: float

"""What a soup came to."""

from __future__ import annotations

import msgspec


class TasteResult(msgspec.Struct, frozen=True):
    """One network, or several together.

    Attributes:
        name: A run's id, uniform, greedy or ensemble.
        val: Accuracy on the validation pictures, 0 … 1.
        accuracy: Accuracy on the test pictures, 0 … 1.
        gap: The same less that of the run with the best validation accuracy.
        lo: Lower end of the 95% interval of the gap, for other test pictures.
        hi: Upper end.
        parts: The runs that it is made of.
    """

    name: str
    val: float
    accuracy: float
    gap: float
    lo: float
    hi: float
    parts: list[str]


class SoupResult(msgspec.Struct, frozen=True):
    """Every run, the soups and the ensemble.

    Attributes:
        rows: The runs by validation accuracy, then uniform, greedy and ensemble.
        sentence: Whether a soup is better than the best run.
        remarks: What must be known before the figures are trusted.
        n_test: Test pictures.
        weights: Where the greedy soup is kept, as in store:NAME; empty where it is not.
    """

    rows: list[TasteResult]
    sentence: str
    remarks: list[str]
    n_test: int
    weights: str

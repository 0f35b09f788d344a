"""Several things compared in pairs, so that they are ranked as far as they can be told apart."""

from __future__ import annotations

import msgspec


class PairResult(msgspec.Struct, frozen=True):
    """Two techniques, or two learners, on the same pictures with the same seeds.

    Attributes:
        first: The yardstick.
        second: The other.
        gap: Accuracy of the second less that of the first, −1 … 1.
        lo: Lower end of its interval, at a level at which all pairs hold together (Bonferroni).
        hi: Upper end.
        label: helps, hurts, no difference or cannot tell: what the second does against the first.
    """

    first: str
    second: str
    gap: float
    lo: float
    hi: float
    label: str

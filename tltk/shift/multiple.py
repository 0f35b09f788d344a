"""p-values of several tests at once: corrected, and what that means in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

ALPHA = 0.05


def holm(p: Sequence[float]) -> list[float]:
    """Holm's p-values: at p ≤ .05 the chance of any false finding among all tests is at most 5%, however they depend.

    p̃_(i) = max_{j ≤ i} min(1, (m − j + 1) p_(j)), p_(1) ≤ … ≤ p_(m).

    Reference: Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=p.__getitem__)
    found, highest = [1.0] * len(p), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[i]))
        found[i] = round(highest, 12)  # else 3 · 1/60 is above .05
    return found


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's p-values: of the findings at p ≤ .05 at most 5% are false, on average.

    p̃_(i) = min_{j ≥ i} min(1, m/j · p_(j)), p_(1) ≤ … ≤ p_(m). It holds for independent tests and for those that
    depend positively, as layers and measures of the same pictures do.

    Reference: Benjamini & Hochberg (1995), Controlling the false discovery rate, JRSS B 57; positive dependence:
    Benjamini & Yekutieli (2001), Annals of Statistics 29.

    Example:
        >>> benjamini_hochberg([0.01, 0.04, 0.03])
        [0.03, 0.04, 0.04]
    """
    order = sorted(range(len(p)), key=p.__getitem__, reverse=True)
    found, least = [1.0] * len(p), 1.0
    for place, i in enumerate(order):
        least = min(least, len(p) / (len(p) - place) * p[i])
        found[i] = round(least, 12)
    return found


def correct_p_values(p: Sequence[float]) -> list[tuple[float, float]]:
    """Each p-value by Holm and by Benjamini and Hochberg, over all of them.

    Example:
        >>> correct_p_values([0.01, 0.04])
        [(0.02, 0.02), (0.04, 0.04)]
    """
    return list(zip(holm(p), benjamini_hochberg(p), strict=True))


def describe_correction(tests: int, permutations: int) -> str:
    """Over how many tests p-values are corrected, and whether the permutations are enough for that.

    Args:
        tests: How many.
        permutations: Of each test: no p is below 1 / (permutations + 1).

    Example:
        >>> describe_correction(1, 199)
        'One test: nothing to correct.'
    """
    if tests < 2:
        return "One test: nothing to correct." if tests else "No test was made."
    text = (
        f"p is of each test alone. Two corrections are made over all {tests} tests: Holm's keeps the chance of any "
        f"false finding at 5% or less, Benjamini and Hochberg's the expected share of false ones among the findings."
    )
    if tests > ALPHA * (permutations + 1) + 1e-9:
        enough = math.ceil(tests / ALPHA - 1e-9) - 1
        text += (
            f" With {permutations} permutations Holm's p cannot fall below {min(1.0, tests / (permutations + 1)):.2g}; "
            f"for .05 it takes {enough:,} or more."
        )
    return text

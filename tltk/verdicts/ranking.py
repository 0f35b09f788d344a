"""Techniques or learners, ranked as far as they can be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from tltk.results.ranking import PairResult
from tltk.verdicts.judge import DELTA, Floats, classify_interval, paired_interval

LEVEL = 0.95


def compare_pairs(scores: Mapping[str, Floats], order: Sequence[str], delta: float = DELTA) -> list[PairResult]:
    """Every pair, the one with the higher mean first, at a level at which all of them hold together.

    Args:
        scores: Name → right or wrong, (seeds, test pictures).
        order: The names, best first.
        delta: The largest difference, as a share, that does not matter.
    """
    every = list(combinations(order, 2))
    found = []
    for first, second in every:
        gap, lo, hi = paired_interval(scores[second] - scores[first], 1 - (1 - LEVEL) / len(every))
        found.append(PairResult(first, second, gap, lo, hi, classify_interval(lo, hi, len(scores[first]), delta)))
    return found


def ranks(name: str, order: Sequence[str], pairs: Sequence[PairResult]) -> tuple[int, int]:
    """The best and the worst rank that cannot be ruled out.

    Args:
        name: One of them.
        order: All names.
        pairs: Of all of them.
    """
    settled = [pair for pair in pairs if pair.label == "hurts"]
    better = sum(pair.second == name for pair in settled)
    return 1 + better, len(order) - sum(pair.first == name for pair in settled)

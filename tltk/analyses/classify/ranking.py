"""Learners ranked as far as they can be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from tltk.analyses.classify.result import LearnerPair
from tltk.probes.linear import wilson
from tltk.verdicts.judge import Floats, classify_interval, paired_interval

LEVEL = 0.95


def accuracy_interval(scores: Floats) -> tuple[float, float, float]:
    """Mean accuracy and its 95 % interval, for other seeds and test pictures; of one seed Wilson's, for pictures alone.

    Args:
        scores: Right or wrong, (seeds, test pictures).
    """
    if len(scores) > 1:
        mean, lo, hi = paired_interval(scores, LEVEL)
        return mean, max(lo, 0.0), hi
    return float(scores.mean()), *wilson(int(scores.sum()), scores.shape[1])


def compare_pairs(scores: Mapping[str, Floats], order: Sequence[str]) -> list[LearnerPair]:
    """Every pair, the one with the higher mean first, at a level at which all of them hold together.

    Args:
        scores: Name → right or wrong, (seeds, test pictures).
        order: The names, best first.
    """
    every = list(combinations(order, 2))
    found = []
    for first, second in every:
        gap, lo, hi = paired_interval(scores[second] - scores[first], 1 - (1 - LEVEL) / len(every))
        found.append(LearnerPair(first, second, gap, lo, hi, classify_interval(lo, hi, len(scores[first]))))
    return found


def ranks(name: str, order: Sequence[str], pairs: Sequence[LearnerPair]) -> tuple[int, int]:
    """The best and the worst rank that cannot be ruled out.

    Args:
        name: Of the learner.
        order: All names.
        pairs: Of all of them.
    """
    settled = [pair for pair in pairs if pair.label == "hurts"]
    better = sum(pair.second == name for pair in settled)
    return 1 + better, len(order) - sum(pair.first == name for pair in settled)


def sentence(order: Sequence[str], scores: Mapping[str, Floats], pairs: Sequence[LearnerPair]) -> str:
    """Which does best, as far as can be told.

    Args:
        order: Best first.
        scores: Name → right or wrong, (seeds, test pictures).
        pairs: Of all of them.
    """
    best, seeds = order[0], len(scores[order[0]])
    figure = f"{100 * scores[best].mean():.1f} % of the test pictures right"
    over = f"{seeds} seed{'' if seeds == 1 else 's'}"
    if len(order) == 1:
        return f"{best}: {figure} ({over})."
    over = f"{over}, every pair at a level at which all {len(pairs)} hold together"
    rivals = [pair.second for pair in pairs if pair.first == best and pair.label != "hurts"]
    if seeds < 3:
        return f"Which is best cannot be told from {seeds} seed{'' if seeds == 1 else 's'}: {best} has {figure}."
    if not rivals:
        return f"{best} is ahead of all others: {figure} ({over})."
    if len(rivals) == len(order) - 1:
        return f"Which is best cannot be told: {best} has the highest mean, {figure}, but none is told apart ({over})."
    listed = rivals[0] if len(rivals) == 1 else f"{', '.join(rivals[:-1])} and {rivals[-1]}"
    return f"{best} has the highest mean, {figure}; {listed} cannot be told apart from it ({over})."

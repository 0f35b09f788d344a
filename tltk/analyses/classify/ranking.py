"""Learners ranked as far as they can be told apart, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tltk.probes.linear import wilson
from tltk.results.ranking import PairResult
from tltk.verdicts.judge import Floats, mean_interval
from tltk.verdicts.ranking import LEVEL


def accuracy_interval(scores: Floats) -> tuple[float, float, float]:
    """Mean accuracy and its 95% interval, for other seeds and test pictures; of one seed Wilson's, for pictures alone.

    Args:
        scores: Right or wrong, (seeds, test pictures).
    """
    if len(scores) > 1:
        return mean_interval(scores, LEVEL)
    return float(scores.mean()), *wilson(int(scores.sum()), scores.shape[1])


def sentence(order: Sequence[str], scores: Mapping[str, Floats], pairs: Sequence[PairResult]) -> str:
    """Which does best, as far as can be told.

    Args:
        order: Best first.
        scores: Name → right or wrong, (seeds, test pictures).
        pairs: Of all of them.
    """
    best, seeds = order[0], len(scores[order[0]])
    figure = f"{100 * scores[best].mean():.1f}% of the test pictures right"
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

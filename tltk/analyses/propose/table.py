"""A proposed plan, as the shell prints it."""

from __future__ import annotations

from tltk.analyses.propose.result import ProposeResult


def lines(result: ProposeResult) -> list[str]:
    """The plan with its reasons.

    Args:
        result: Of the question.
    """
    spent = "" if result.minutes is None else f" A training takes about {max(result.minutes, 0.1):.1f} minutes here."
    return [
        f"Size: {result.size} px. {result.why_size}",
        f"Weights: {result.backbone}@{result.weights}. {result.why_weights}",
        f"Technique: {result.technique} at boundary {result.boundary} of {result.depth}. {result.why} {result.change}"
        + spent,
    ]

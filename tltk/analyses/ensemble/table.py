"""An ensemble, as the shell prints it."""

from __future__ import annotations

from tltk.analyses.ensemble.result import EnsembleResult
from tltk.results.text import align_left, number
from tltk.verdicts.judge import format_points


def lines(result: EnsembleResult) -> list[str]:
    """The sentence, a line for each member with its weights, one for each way to average, and what must be known.

    Args:
        result: Of the question.
    """
    names = list(result.members[0].weights)
    members = [["run", "trained on", "network", "validation", "test", *(f"weight by {name}" for name in names)]]
    for one in result.members:
        weights = [number(one.weights[name]) for name in names]
        members.append([one.run, one.trained_on, one.backbone, _share(one.val), _share(one.accuracy), *weights])
    mixtures = [["average", "validation", "test", "against uniform, 95% interval"]]
    for row in result.mixtures:
        gap = f"{format_points(row.gap)} ({format_points(row.lo)} … {format_points(row.hi)})"
        mixtures.append([row.name, _share(row.val), _share(row.accuracy), "" if row.name == "uniform" else gap])
    return [result.sentence, "", *align_left(members), "", *align_left(mixtures), "", *result.remarks]


def _share(share: float) -> str:
    return format_points(share, False)

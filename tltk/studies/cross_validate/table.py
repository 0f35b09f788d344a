"""A cross-validation, as the shell prints it."""

from __future__ import annotations

from tltk.results.text import align_left
from tltk.studies.cross_validate.result import CrossValidateResult, FoldedArmResult
from tltk.verdicts.judge import format_points
from tltk.verdicts.metrics import ACCURACY, MACRO_F1, WORDS

HEAD = "Figures of the test in %, means over the folds of all repeats"


def lines(result: CrossValidateResult) -> list[str]:
    """The sentence, a line for each technique, each fold, and what must be known.

    Args:
        result: Of the cross-validation.
    """
    return [result.sentence, "", *align_left(rows(result)), "", *details(result), "", *result.remarks]


def rows(result: CrossValidateResult) -> list[list[str]]:
    """The table, its head first: a row for each technique, then the gap.

    Args:
        result: Of the cross-validation.
    """
    weighed = WORDS[result.metric]
    beside = ACCURACY if result.metric == MACRO_F1 else MACRO_F1
    head = ["technique", weighed, "95% interval", WORDS[beside], "worst fold … best", "rate", "seconds"]
    found = [head, *(_cells(arm, beside) for arm in result.arms)]
    if result.gap is not None:
        gap = f"{format_points(result.gap.lo)} … {format_points(result.gap.hi)}"
        found.append(["gap", format_points(result.gap.gap), gap, "", "", "", ""])
    return found


def details(result: CrossValidateResult) -> list[str]:
    """A line for each fold of each repeat.

    Args:
        result: Of the cross-validation.
    """
    found = []
    for i, one in enumerate(result.arms[0].folds):
        each = ", ".join(f"{arm.name} {_share(arm.folds[i].score)}%" for arm in result.arms)
        repeat = f"Repeat {one.repeat}, fold" if result.repeats > 1 else "Fold"
        found.append(f"{repeat} {one.fold}, {one.n_test:,} tested: {each}.")
    return found


def _cells(arm: FoldedArmResult, beside: str) -> list[str]:
    scores, rates = [one.score for one in arm.folds], sorted({one.lr for one in arm.folds})
    rate = f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} … {rates[-1]:g}"
    return [
        arm.name,
        _share(arm.score),
        f"{_share(arm.lo)} … {_share(arm.hi)}",
        _share(getattr(arm, beside)),
        f"{_share(min(scores))} … {_share(max(scores))}",
        rate,
        f"{arm.seconds:.1f}",
    ]


def _share(value: float) -> str:
    return format_points(value, False)

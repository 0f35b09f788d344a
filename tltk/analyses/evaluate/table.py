"""An evaluation, as the shell prints it."""

from __future__ import annotations

from collections.abc import Iterator

from tltk import data
from tltk.analyses.evaluate.result import DomainScore, EvaluateResult, Figure
from tltk.data.names import escape_text
from tltk.errors import abbreviate
from tltk.results.text import NONE, align_left, columns
from tltk.verdicts.judge import format_points

SHOWN = 40  # classes of a domain, and cells of what is confused
CONFUSED = 8


def lines(found: EvaluateResult) -> Iterator[str]:
    """A line for each domain, then each domain's classes, what is confused with what, and calibration.

    Args:
        found: Of the question.
    """
    noun = data.noun_of(found.domains[0].domain, found.backbone)
    head = ["domain", noun, "accuracy", "majority", "balanced", "macro-F1", "AUC", "top 5"]
    rows = [head]
    for one in found.domains:
        figures = [figure(one.accuracy), share(one.majority), figure(one.balanced_accuracy), figure(one.macro_f1)]
        rows.append([one.domain, f"{one.n:,}", *figures, figure(one.auc), share(one.top5)])
    yield from map(escape_text, align_left(rows))
    for one in found.domains:
        yield ""
        yield from map(escape_text, _of_domain(one, found.classes, noun))
    yield ""
    yield from map(escape_text, found.remarks)


def _of_domain(one: DomainScore, classes: list[str], noun: str) -> Iterator[str]:
    """Everything of a domain but its line in the table."""
    yield from describe_classes(one, noun)
    head, rows = table_of_classes(one, noun)
    yield from columns(head, rows[:SHOWN])
    if len(rows) > SHOWN:
        yield f"… and {len(rows) - SHOWN:,} more; --json has them all."
    yield from describe_figures(one, classes, noun)


def describe_classes(one: DomainScore, noun: str = "pictures") -> Iterator[str]:
    """Which classes of a domain are tested, and which are not, in sentences.

    Args:
        one: Of a domain.
        noun: What the examples are called.
    """
    yield f"{one.domain}: {len(one.matched)} classes matched by name, part {one.part}, {one.n:,} {noun}."
    if one.unknown:
        yield f"Left out, since the training does not know them: {_names(one.unknown)} ({one.left_out:,} {noun})."
    if one.absent:
        yield f"Known to the training and not in the domain, so wrong where predicted: {_names(one.absent)}."


def table_of_classes(one: DomainScore, noun: str = "pictures") -> tuple[list[str], list[list[str]]]:
    """Head and rows of the figures of each class.

    Args:
        one: Of a domain.
        noun: What the examples are called.
    """
    rows = [
        [c.name, f"{c.n:,}", *map(share, (c.precision, c.recall, c.f1, c.average_precision, c.auc, c.recall_at_5_fpr))]
        for c in one.classes
    ]
    return ["class", noun, "precision", "recall", "F1", "AP", "AUC", "recall at 5% FPR"], rows


def describe_figures(one: DomainScore, classes: list[str], noun: str = "pictures") -> Iterator[str]:
    """What is confused with what, calibration, threshold and the other training, in sentences.

    Args:
        one: Of a domain.
        classes: Names, by class number of the training.
        noun: What the examples are called.
    """
    wrong = [
        (n, classes[i], classes[j]) for i, row in enumerate(one.confusion) for j, n in enumerate(row) if n and i != j
    ]
    if wrong:
        told = (f"{true} for {said} {n:,}" for n, true, said in sorted(wrong, key=lambda cell: -cell[0])[:CONFUSED])
        yield f"Taken most often: {', '.join(told)}."
    if one.average_precision is not None:
        recall = one.recall_at_5_fpr
        more = "" if recall is None else f"; mean recall at 5% false positives {figure(recall)}"
        yield f"Mean average precision {figure(one.average_precision)}{more}."
    plain, scaled = one.reliability, one.scaled
    text = f"Calibration error (ECE) {plain.ece:.3f}, loss {plain.loss:.3f}, Brier {plain.brier:.3f}"
    if scaled is not None:
        text += f"; at temperature {scaled.temperature:.3g}: {scaled.ece:.3f}, {scaled.loss:.3f}, {scaled.brier:.3f}"
    yield f"{text}."
    if one.threshold is not None:
        t = one.threshold
        yield (
            f"{t.positive} from a probability of {t.threshold:.3f} on (chosen on {t.n_val:,} validation {noun}): "
            f"balanced accuracy {share(t.balanced_accuracy)}, sensitivity {share(t.sensitivity)}, specificity "
            f"{share(t.specificity)}."
        )
    if one.rival is not None:
        yield one.rival.sentence


def figure(one: Figure | None) -> str:
    """A share in per cent with its interval."""
    if one is None:
        return NONE
    ends = "" if one.lo is None or one.hi is None else f" ({share(one.lo)} … {share(one.hi)})"
    return f"{share(one.value)}{ends}"


def share(value: float | None) -> str:
    """A share in per cent."""
    return NONE if value is None else format_points(value, False)


def _names(names: list[str]) -> str:
    return abbreviate(", ".join(names))

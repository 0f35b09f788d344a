"""Classical learners as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.classify.result import ClassifyResult, LearnerResult, WeightedPicture
from tltk.results.text import columns, number

LISTED = 10  # pairs that are printed; the others are counted


def lines(found: ClassifyResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield found.sentence
    yield ""
    head = ["learner", "rank", "accuracy", "95% interval", "macro-F1", "seconds", "hyper-parameters"]
    yield from columns(head, [_cells(row) for row in found.rows])
    yield ""
    unsettled = [f"{pair.first} and {pair.second}" for pair in found.pairs if pair.label != "hurts"]
    if unsettled:
        first, rest = ("; ".join(unsettled[:LISTED]), len(unsettled) - LISTED)
        yield f"Pairs that cannot be told apart: {first}{f'; and {rest} more' if rest > 0 else ''}."
    for why in dict.fromkeys(found.left_out.values()):
        names = [name for name, reason in found.left_out.items() if reason == why]
        yield f"Left out: {', '.join(names)}. {why}"
    for one in found.weights:
        yield (
            f"{one.name}: {one.n:,} weighted examples tell as much as {one.effective:,.0f} equal ones; largest: "
            f"{_pictures(one.largest)}; least: {_pictures(one.least)}"
        )
    yield from found.remarks


def _cells(row: LearnerResult) -> list[str]:
    ranks = f"{row.best_rank}" if row.best_rank == row.worst_rank else f"{row.best_rank}–{row.worst_rank}"
    interval = f"{number(row.lo, '%')} … {number(row.hi, '%')}"
    figures = [number(row.accuracy, "%"), interval, number(row.macro_f1, "%"), f"{row.seconds:.1f}"]
    return [row.name, ranks, *figures, _chosen(row)]


def _chosen(row: LearnerResult) -> str:
    """Each hyper-parameter with the values that the seeds chose: C = 0.01|0.1."""
    values = {name: dict.fromkeys(_value(one[name]) for one in row.chosen) for name in row.chosen[0]}
    return ", ".join(f"{name} = {'|'.join(each)}" for name, each in values.items())


def _value(value: int | float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


def _pictures(some: list[WeightedPicture]) -> str:
    return ", ".join(f"{one.at} ({one.label}) {one.weight:.2g}" for one in some[:3])

"""A comparison, as the shell prints it."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.data import account
from tltk.data.names import escape_text
from tltk.results.text import align_left
from tltk.results.transfer import TransferMetric
from tltk.specs.nouns import counted, reword
from tltk.studies.budget import gflops
from tltk.studies.compare.result import CompareResult
from tltk.verdicts.judge import format_points
from tltk.verdicts.transfer import speed_up_in_words

HEAD = "Both arms at the end, means over the seeds; steps and pictures are of each training"
TITLES = {
    "jump_start": "Jump-start (accuracy at the first evaluation)",
    "slope": "Slope (gain by a straight line through the curve)",
    "asymptote": "Asymptote (accuracy over the last quarter)",
    "area_ratio": "Area ratio (area under the curve)",
}
UNITS = {"step": "steps", "epoch": "epochs", "images": "pictures", "seconds": "seconds", "gflops": "FLOPs"}


def lines(result: CompareResult) -> Iterator[str]:
    """The sentence, a line for each arm, what the curves tell, which pictures flip, and where pictures come from.

    Args:
        result: Of the comparison.
    """
    yield escape_text(result.verdict.sentence)
    yield ""
    yield from align_left(rows(result))
    yield ""
    yield from (escape_text(line) for line in details(result))


def rows(result: CompareResult) -> list[list[str]]:
    """The table, its head first: a row for each arm, then the gap.

    Args:
        result: Of the comparison.
    """
    v = result.verdict
    found = [["arm", "test accuracy", "rate", "steps", result.noun, "FLOPs"]]
    for arm, score, rate in (("scratch", v.scratch, v.scratch_lr), ("transfer", v.transfer, v.transfer_lr)):
        spent = v.budget.get(arm, {})
        budget = [_span(spent.get(what, (0, 0))) for what in ("steps", "images")]
        cost = result.mean_gflops.get(arm)
        flops = "–" if cost is None else gflops(cost)
        found.append([arm, f"{format_points(score, False)}%", f"{rate:g}", *budget, flops])
    interval = f"{100 * v.level:g}% interval"
    gap = f"{format_points(v.gap)} points ({format_points(v.lo)} … {format_points(v.hi)})"
    return [*found, [f"gap ({interval})", gap, "", "", "", ""]]


def details(result: CompareResult) -> list[str]:
    """Transfer metrics, speed-ups, flips, the search for rates, and the parts of the target, a sentence each.

    Args:
        result: Of the comparison.
    """
    units = {over: reword(unit, result.noun) for over, unit in UNITS.items()}
    found = [metric_in_words(one) for one in result.metrics]
    told = [f"{speed_up_in_words(one, units[one.over])}" for one in result.speed_ups]
    if told:
        found.append(f"To be as accurate as scratch at its best, transfer needs {'; '.join(told)}.")
    if result.flips is not None:
        lost, gained = len(result.flips.lost), len(result.flips.gained)
        found.append(
            f"In most seeds {counted(lost, f'test {result.noun}')} {'are' if lost != 1 else 'is'} right from scratch "
            f"and wrong after transfer, and {gained:,} the reverse."
        )
    for arm, tried in result.verdict.search.items():
        if tried:
            rates = ", ".join(f"{rate}: {100 * score:.1f}%" for rate, score in tried.items())
            edge = result.verdict.at_edge.get(arm)
            warning = f"; the best is the {edge} that was tried" if edge else ""
            found.append(f"Validation accuracy of {arm} by rate: {rates}{warning}.")
    return [*found, *([account.describe_parts(result.parts)] if result.parts else [])]


def metric_in_words(one: TransferMetric) -> str:
    """`Jump-start (…): transfer 40.0% − scratch 30.0% = +10.0 points (95% interval +5.0 … +15.0, 3 seeds).`"""
    if one.name == "area_ratio":
        figures = f"{format_points(one.value)}% more below transfer's curve than below scratch's"
    else:
        both = f"transfer {format_points(one.transfer, False)}%, scratch {format_points(one.scratch, False)}%"
        figures = f"{format_points(one.value)} points ({both})"
    seeds = f"{one.seeds} seed{'s' * (one.seeds != 1)}"
    ends = (
        "" if one.lo is None or one.hi is None else f"95% interval {format_points(one.lo)} … {format_points(one.hi)}, "
    )
    return f"{TITLES[one.name]}: {figures}; {ends}{seeds}."


def _span(span: tuple[int, int]) -> str:
    if not any(span):
        return "–"
    return f"{span[0]:,}" if span[0] == span[1] else f"{span[0]:,} to {span[1]:,}"

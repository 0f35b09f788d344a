"""Advice, as the shell prints it."""

from __future__ import annotations

from tltk.analyses.advise.result import AdviseResult
from tltk.results.text import align_left, number
from tltk.verdicts.judge import format_points


def lines(result: AdviseResult) -> list[str]:
    """The advice, the others, what each layer knows, and the record.

    Args:
        result: Of the question.
    """
    rows = [["layer", "probe", "random weights", "difference, 95% interval"]]
    for p in result.probes:
        gap = f"{format_points(p.accuracy - p.random)} ({format_points(p.lo)} … {format_points(p.hi)})"
        rows.append([p.layer, format_points(p.accuracy, False), format_points(p.random, False), gap])
    others = []
    for one in result.suggestions:
        minutes = "" if one.minutes is None else f" About {max(one.minutes, 0.1):.1f} minutes a training."
        others.append(f"{one.technique} at boundary {one.boundary} of {one.backbone}: {one.why} {one.change}{minutes}")
    apart = []
    if result.distance is not None and result.p is not None:
        told = "apart" if result.p < 0.05 else "not told to be apart"
        apart = [
            f"Source and target are {told} in what enters the head: MMD² {result.distance:.4f}, p = {result.p:.3f}."
        ]
    names = [["network", "LogME", "ms a picture", ""]] if result.networks else []
    for network in result.networks:
        figures = [number(network.logme), number(network.milliseconds)]
        names.append([f"{network.backbone}@{network.weights}", *figures, network.why])
    networks = [*align_left(names), ""] if names else []
    return [result.sentence, "", *others, "", *networks, *align_left(rows), "", *apart, result.record]

"""A race, as the shell prints it."""

from __future__ import annotations

from tltk.studies.race.result import ArmResult, RaceResult
from tltk.verdicts.judge import format_points


def lines(result: RaceResult) -> list[str]:
    """The sentence, a line for each arm, and what must be known.

    Args:
        result: Of the race.
    """
    adapts = any(arm.oracle is not None for arm in result.arms)
    forgets = any(arm.source_after is not None for arm in result.arms)
    head = ["rank", "technique", "accuracy", "95 % interval", "rate"]
    head += ["label-free pick", "oracle (target labels)"] if adapts else []
    head += ["source, before", "source, after"] if forgets else []
    head += ["learns", "seconds"]
    rows = [head, *(_cells(arm, adapts, forgets) for arm in result.arms)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [result.sentence, "", *table, "", *result.remarks]


def _cells(arm: ArmResult, adapts: bool, forgets: bool) -> list[str]:
    ranks = f"{arm.best_rank}" if arm.best_rank == arm.worst_rank else f"{arm.best_rank}–{arm.worst_rank}"
    found = [ranks, arm.name, _share(arm.accuracy), f"{_share(arm.lo)} … {_share(arm.hi)}", f"{arm.lr:g}"]
    if adapts:
        picked = arm.picks.get("information_maximisation", arm.picks.get("entropy"))
        found += [_share(picked), _share(arm.oracle)]
    if forgets:
        found += [_share(arm.source_before), _share(arm.source_after)]
    learns = f"{arm.n_learned / arm.n_parameters:.1%}" if arm.n_parameters else "–"
    return [*found, learns, f"{arm.seconds:.1f}"]


def _share(value: float | None) -> str:
    return "–" if value is None else format_points(value, False)

"""A race, as the shell prints it."""

from __future__ import annotations

from tltk.results.text import align_left
from tltk.studies.race.result import ArmResult, RaceResult
from tltk.verdicts.judge import format_points

HEAD = "Test accuracy in %, best first; learns is the share of the network's parameters"


def lines(result: RaceResult) -> list[str]:
    """The sentence, a line for each arm, and what must be known.

    Args:
        result: Of the race.
    """
    return [result.sentence, "", *align_left(rows(result)), "", *result.remarks]


def rows(result: RaceResult) -> list[list[str]]:
    """The table, its head first: a row for each arm, best first.

    Args:
        result: Of the race.
    """
    adapts = any(arm.oracle is not None for arm in result.arms)
    forgets = any(arm.source_after is not None for arm in result.arms)
    head = ["rank", "technique", "accuracy", "95% interval", "rate"]
    head += ["label-free pick", "oracle (target labels)"] if adapts else []
    head += ["source, before", "source, after"] if forgets else []
    return [[*head, "learns", "seconds"], *(_cells(arm, adapts, forgets) for arm in result.arms)]


def ranks(arm: ArmResult) -> str:
    """`1`, or `2–4` where it cannot be told from others."""
    return f"{arm.best_rank}" if arm.best_rank == arm.worst_rank else f"{arm.best_rank}–{arm.worst_rank}"


def label_free(arm: ArmResult) -> float | None:
    """Accuracy of the epoch that a criterion without target labels picks; None where there is none."""
    return arm.picks.get("information_maximisation", arm.picks.get("entropy"))


def _cells(arm: ArmResult, adapts: bool, forgets: bool) -> list[str]:
    found = [ranks(arm), arm.name, _share(arm.accuracy), f"{_share(arm.lo)} … {_share(arm.hi)}", f"{arm.lr:g}"]
    if adapts:
        found += [_share(label_free(arm)), _share(arm.oracle)]
    if forgets:
        found += [_share(arm.source_before), _share(arm.source_after)]
    learns = f"{arm.n_learned / arm.n_parameters:.1%}" if arm.n_parameters else "–"
    return [*found, learns, f"{arm.seconds:.1f}"]


def _share(value: float | None) -> str:
    return "–" if value is None else format_points(value, False)

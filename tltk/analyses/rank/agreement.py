"""What the user's own finished trainings say of a ranking, joined when it is shown: they go on after the asking."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from tltk.analyses.rank.spec import RankSpec
from tltk.runs import index
from tltk.transferability.weighted_tau import regret, tau_interval, tau_p, weighted_tau

NEEDED = 3  # candidates of one's own to mark a score by


@dataclasses.dataclass(frozen=True)
class Trained:
    """The best setting of a network on the target: mean test accuracy over its `runs`, best of so many `settings`."""

    accuracy: float
    runs: int
    settings: int


def joined(found: dict[str, Any], spec: RankSpec) -> dict[str, Any]:
    """A ranking with what has been trained by now.

    Args:
        found: As `rank` left it.
        spec: The question.

    Returns:
        The same; in rows `trained`, `trained_runs` and `trained_settings`; `marks`, score → n, τ with its interval
        and p, regret, or why there is no mark; `trained_is`, what these accuracies are.
    """
    own = trained(spec)
    rows = []
    for row in found["rows"]:
        its = own.get((row["backbone"], row["weights"]))
        rows.append(
            {
                **row,
                "trained": its.accuracy if its else None,
                "trained_runs": its.runs if its else 0,
                "trained_settings": its.settings if its else 0,
            }
        )
    marks = {name: _mark(name, rows) for name in found.get("scores", spec.scores)}
    return {**found, "rows": rows, "marks": marks, "trained_is": _said(rows)}


def trained(spec: RankSpec) -> dict[tuple[str, str], Trained]:
    """The user's own finished trainings on this target, by backbone and weights.

    Of several strategies and settings the one with the best mean over its runs counts: what the network can do here.
    """
    groups: dict[tuple[str, str], dict[str, list[float]]] = {}
    for backbone, weights, setting, accuracy in index.accuracies(spec.target):
        groups.setdefault((backbone, weights), {}).setdefault(setting, []).append(accuracy)
    found = {}
    for key, settings in groups.items():
        best = max(settings.values(), key=lambda values: sum(values) / len(values))
        found[key] = Trained(sum(best) / len(best), len(best), len(settings))
    return found


def _said(rows: list[dict[str, Any]]) -> str:
    """What "trained" means, and over how many settings and runs."""
    own = [row for row in rows if row["trained"] is not None]
    if not own:
        return "None of these networks has been trained on this target yet."
    settings, runs = ([row[f"trained_{k}"] for row in own] for k in ("settings", "runs"))
    return (
        f"Trained: accuracy on the test pictures, mean over the runs of a network's best setting. Here "
        f"{_span(runs, 'run')} of the best of {_span(settings, 'setting')}; the best of many on test pictures is "
        f"optimistic, so only networks with equally many settings are compared fairly."
    )


def _span(counts: list[int], word: str) -> str:
    lo, hi = min(counts), max(counts)
    return (f"{lo}" if lo == hi else f"{lo} to {hi}") + f" {word}{'' if hi == 1 else 's'}"


def _mark(name: str, rows: list[dict[str, Any]]) -> dict[str, Any] | str:
    """How well a score ranked the candidates that the user has trained too."""
    both = [(r["scores"][name], r["trained"]) for r in rows if name in r["scores"] and r["trained"] is not None]
    if len(both) < NEEDED:
        return f"To judge a score, three candidates must be trained on this target. There are {len(both)}."
    given, accuracies = [a for a, _ in both], [b for _, b in both]
    tau = weighted_tau(given, accuracies)
    if math.isnan(tau):
        return "A mark needs scores and accuracies that differ. They do not."
    lo, hi = tau_interval(tau, len(both))
    p = tau_p(given, accuracies)
    return {"n": len(both), "tau": tau, "lo": lo, "hi": hi, "p": p, "regret": 100 * regret(given, accuracies)}

"""How well a ranking agrees with the user's own finished trainings, found when it is shown: they go on after it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from tltk.analyses.rank.result import Agreement, Candidate, JudgedRanking, RankResult, TrainedCandidate
from tltk.analyses.rank.spec import RankSpec
from tltk.runs import index
from tltk.transferability.weighted_tau import regret, tau_interval, tau_p, weighted_tau

NEEDED = 3  # candidates of one's own to judge a score by


@dataclasses.dataclass(frozen=True)
class BestTraining:
    """The best setting of a network on the target, of so many `settings`.

    Attributes:
        accuracy: On the test pictures, mean over its runs, 0 … 1; None where there is no run.
        runs: Of that setting.
        settings: Of which it is the best.
    """

    accuracy: float | None
    runs: int
    settings: int


def with_agreement(found: RankResult, spec: RankSpec) -> JudgedRanking:
    """A ranking with what has been trained by now, and how well each score agrees with that.

    Args:
        found: As `rank` left it.
        spec: The question.
    """
    own = best_trainings(spec)
    rows = tuple(_with_training(row, own.get((row.backbone, row.weights))) for row in found.rows)
    scored = {name: getattr(found, name) for name in RankResult.__struct_fields__ if name != "rows"}
    marks = {name: _agreement(name, rows) for name in found.scores or spec.scores}
    return JudgedRanking(rows=rows, marks=marks, trained_is=_meaning(rows), **scored)


def best_trainings(spec: RankSpec) -> dict[tuple[str, str], BestTraining]:
    """The user's own finished trainings on this target, by backbone and weights.

    Of several strategies and settings the one with the best mean over its runs counts: what the network can do here.
    """
    groups: dict[tuple[str, str], dict[str, list[float]]] = {}
    for backbone, weights, setting, accuracy in index.accuracies(spec.target):
        groups.setdefault((backbone, weights), {}).setdefault(setting, []).append(accuracy)
    found = {}
    for key, settings in groups.items():
        best = max(settings.values(), key=lambda values: sum(values) / len(values))
        found[key] = BestTraining(sum(best) / len(best), len(best), len(settings))
    return found


def _with_training(row: Candidate, best: BestTraining | None) -> TrainedCandidate:
    scored = {name: getattr(row, name) for name in Candidate.__struct_fields__}
    own = best or BestTraining(None, 0, 0)
    return TrainedCandidate(**scored, trained=own.accuracy, trained_runs=own.runs, trained_settings=own.settings)


def _meaning(rows: Sequence[TrainedCandidate]) -> str:
    """What "trained" means, and over how many settings and runs."""
    own = [row for row in rows if row.trained is not None]
    if not own:
        return "None of these networks has been trained on this target yet."
    runs, settings = [row.trained_runs for row in own], [row.trained_settings for row in own]
    return (
        f"Trained: accuracy on the test pictures, mean over the runs of a network's best setting. Here "
        f"{_span(runs, 'run')} of the best of {_span(settings, 'setting')}; the best of many on test pictures is "
        f"optimistic, so only networks with equally many settings are compared fairly."
    )


def _span(counts: list[int], word: str) -> str:
    lo, hi = min(counts), max(counts)
    return (f"{lo}" if lo == hi else f"{lo} to {hi}") + f" {word}{'' if hi == 1 else 's'}"


def _agreement(name: str, rows: Sequence[TrainedCandidate]) -> Agreement | str:
    """How well a score ranked the candidates that the user has trained too; or why that cannot be told."""
    both = [(row.scores[name], row.trained) for row in rows if name in row.scores and row.trained is not None]
    if len(both) < NEEDED:
        return f"To judge a score, three candidates must be trained on this target. There are {len(both)}."
    given, accuracies = [a for a, _ in both], [b for _, b in both]
    tau = weighted_tau(given, accuracies)
    if math.isnan(tau):
        return "To judge a score, its values and the accuracies must differ. They do not."
    lo, hi = tau_interval(tau, len(both))
    return Agreement(len(both), tau, lo, hi, tau_p(given, accuracies), 100 * regret(given, accuracies))

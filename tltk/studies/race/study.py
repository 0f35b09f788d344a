"""Techniques side by side, at one budget: the study that ranks as far as can be told. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tltk import data
from tltk.results.ranking import PairResult
from tltk.results.training import TrainingResult
from tltk.specs.nouns import reword
from tltk.specs.training import TransferSpec
from tltk.studies import technique
from tltk.studies.arms import Arm, Measured, measure, n_searched, source_training
from tltk.studies.budget import budget_flags
from tltk.studies.race.result import ArmResult, RaceResult
from tltk.studies.race.spec import RaceSpec
from tltk.studies.study import Stage, Study, Wanted
from tltk.verdicts.judge import format_points, mean_interval
from tltk.verdicts.ranking import LEVEL, compare_pairs, ranks


def source_spec(spec: RaceSpec) -> TransferSpec | None:
    """The training of the source network; None where the weights come from elsewhere."""
    if spec.source is None or spec.labels != "target":
        return None
    return source_training(spec.source, spec.target, spec.net, spec.source_optim, spec.views, spec.first_seed)


def arm(spec: RaceSpec, word: str) -> Arm:
    """The trainings of one technique.

    Args:
        spec: The race.
        word: The technique.
    """
    base = TransferSpec(
        target=spec.target, net=spec.net, views=spec.views, optim=spec.optim, source=spec.source, labels=spec.labels
    )
    return technique.arm(word, base, source_spec(spec), spec.forgetting)


def examples(spec: RaceSpec) -> list[TransferSpec]:
    """A training of each arm, and that of the source: what is checked before anything is queued.

    Raises:
        BadSpec: Two techniques are the same training.
    """
    source = source_spec(spec)
    made = {word: arm(spec, word)(spec.optim.lr, spec.first_seed) for word in spec.arms}
    technique.refuse_alike(made)
    found = list(made.values())
    return found if source is None else [source, *found]


def n_trainings(spec: RaceSpec) -> int:
    """How many trainings it needs, unless the grid of rates grows."""
    own = 0 if source_spec(spec) is None else 1
    return own + n_searched(len(spec.arms), spec.lrs) + len(spec.arms) * spec.seeds


def race(spec: RaceSpec) -> Study[RaceResult]:
    """Train the source where there is one, search each technique's rate, measure all of them, rank.

    Args:
        spec: What is compared.
    """
    source = source_spec(spec)
    before = [] if source is None else [Wanted("source", "source", source)]
    found = yield from measure(
        {w: arm(spec, w) for w in spec.arms}, spec.lrs, spec.first_seed, spec.seeds, spec.widen, before
    )
    yield Stage((), "Ranking.")
    return rank(found, spec)


def rank(found: Measured, spec: RaceSpec) -> RaceResult:
    """Every arm and every pair, with intervals.

    Args:
        found: What the trainings came to.
        spec: The race.
    """
    order = sorted(found.scores, key=lambda name: -float(found.scores[name].mean()))
    pairs = compare_pairs(found.scores, order, spec.delta)
    arms = [arm_result(found, name, *ranks(name, order, pairs)) for name in order]
    first = found.results[order[0]][0]
    return RaceResult(
        arms,
        pairs,
        reword(sentence(arms, pairs, spec), data.noun_learned(spec)),
        remarks(found, arms, first),
        list(range(spec.first_seed, spec.first_seed + spec.seeds)),
        len(first.labels),
        first.n_train,
        found.search.accuracy,
    )


def arm_result(found: Measured, name: str, best: int, worst: int) -> ArmResult:
    """What one arm came to.

    Args:
        found: What the trainings came to.
        name: Of the arm.
        best: Its best rank that cannot be ruled out.
        worst: Its worst.
    """
    results = found.results[name]

    def mean(what: str) -> float:
        return float(np.mean([getattr(r, what) for r in results]))

    accuracy, lo, hi = mean_interval(found.scores[name], LEVEL)
    known = results[0].gflops is not None
    adapted = [r.adaptation for r in results if r.adaptation is not None]
    names = sorted({p.criterion for one in adapted for p in one.picks})
    picks = {c: float(np.mean([p.accuracy for one in adapted for p in one.picks if p.criterion == c])) for c in names}
    measured = results[0].source_accuracy is not None
    return ArmResult(
        name,
        accuracy,
        lo,
        hi,
        best,
        worst,
        found.search.best_rates[name],
        found.search.at_edge.get(name, ""),
        mean("macro_f1"),
        mean("steps"),
        mean("images"),
        mean("gflops") if known else None,
        mean("seconds"),
        results[0].n_learned,
        results[0].n_parameters,
        mean("source_accuracy_before") if results[0].source_accuracy_before is not None else None,
        mean("source_accuracy") if measured else None,
        picks,
        float(np.mean([one.oracle.accuracy for one in adapted])) if adapted else None,
    )


def sentence(arms: Sequence[ArmResult], pairs: Sequence[PairResult], spec: RaceSpec) -> str:
    """Who is ahead, as far as can be told.

    Args:
        arms: Best first.
        pairs: Every pair of them.
        spec: The race.
    """
    best = arms[0]
    rivals = [p.second for p in pairs if p.first == best.name and p.label != "hurts"]
    figure = f"{format_points(best.accuracy, False)}% of the test pictures right"
    seeds = f"{spec.seeds} seeds"
    if not rivals and len(pairs) == 1:
        low, high = (format_points(-end, False) for end in (pairs[0].hi, pairs[0].lo))
        gap = f"{format_points(-pairs[0].gap, False)} points (95% interval {low} … {high}, {seeds})"
        return f"{best.name} is ahead of {pairs[0].second} by {gap}: {figure}."
    if len(pairs) > 1:
        seeds += f", every pair at a level at which all {len(pairs)} hold together"
    if not rivals:
        return f"{best.name} is ahead of all others: {figure} ({seeds})."
    if len(rivals) == len(arms) - 1:
        return (
            f"Cannot tell which is best: {best.name} has the highest mean, {figure}, but none is told apart from it "
            f"({seeds})."
        )
    return f"{best.name} has the highest mean, {figure}; {_and(rivals)} cannot be told apart from it ({seeds})."


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def remarks(found: Measured, arms: Sequence[ArmResult], first: TrainingResult) -> list[str]:
    """What must be known before the figures are trusted.

    Args:
        found: What the trainings came to.
        arms: Best first.
        first: A result, for what is said of the target.
    """
    said = [
        f"The rate of {a.name}, {a.lr:g}, is the {a.at_edge} that was tried: another may do better."
        for a in arms
        if a.at_edge
    ]
    said += budget_flags(found.results)
    if any(a.oracle is not None for a in arms):
        said.append(
            "The accuracy is that of the last epoch. The oracle's uses the target's labels, which nobody would have."
        )
    told = set(first.remarks)  # of the best arm; what others have beside is their techniques'
    for a in arms:
        said += [f"{a.name}: {remark}" for remark in found.results[a.name][0].remarks if remark not in told]
    return [*said, *first.remarks]

"""Cross-validation of one technique or two: every fold of every repeat, and an interval that knows what they share.

No torch here. In each fold the rate is searched on validation pictures of the other folds, so the test fold decides
nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tltk import data
from tltk.results.ranking import PairResult
from tltk.results.training import TrainingResult
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.studies import technique
from tltk.studies.arms import Arm, Search, n_searched, result_of, search, search_seed, source_training
from tltk.studies.budget import budget_flags
from tltk.studies.cross_validate.result import CrossValidateResult, FoldedArmResult, FoldResult
from tltk.studies.cross_validate.spec import CrossValidateSpec
from tltk.studies.study import Stage, Study, Wanted
from tltk.verdicts.judge import MIN_SEEDS, Floats, classify_interval, format_points
from tltk.verdicts.metrics import ACCURACY, MACRO_F1, WORDS
from tltk.verdicts.resampled import corrected_interval, repeats_needed

LEVEL = 0.95
MAX_REMARKS = 20  # folds may each say something else
Cell = tuple[int, int]  # repeat and fold, from 1


def cells(spec: CrossValidateSpec) -> list[Cell]:
    """Every fold of every repeat."""
    return [(repeat, fold) for repeat in range(1, spec.repeats + 1) for fold in range(1, spec.folds + 1)]


def target_of(spec: CrossValidateSpec, cell: Cell) -> DataSpec:
    """The target with one of its folds as the test.

    Args:
        spec: The study.
        cell: Repeat and fold.
    """
    return dataclasses.replace(spec.target, folds=spec.folds, repeat=cell[0], fold=cell[1])


def source_spec(spec: CrossValidateSpec, cell: Cell) -> TransferSpec | None:
    """The training of the source network; None where the weights come from elsewhere.

    Args:
        spec: The study.
        cell: Repeat and fold, whose test pictures it does without.
    """
    if spec.source is None:
        return None
    target = target_of(spec, cell)
    return source_training(spec.source, target, spec.net, spec.source_optim, spec.views, spec.first_seed)


def arms_of(spec: CrossValidateSpec, cell: Cell) -> dict[str, Arm]:
    """Each technique's trainings on one fold.

    Args:
        spec: The study.
        cell: Repeat and fold.
    """
    base = TransferSpec(
        target=target_of(spec, cell), net=spec.net, views=spec.views, optim=spec.optim, source=spec.source
    )
    return {word: technique.arm(word, base, source_spec(spec, cell)) for word in spec.arms}


def _sources(spec: CrossValidateSpec) -> list[Wanted]:
    """The trainings of the source, each once: one for all folds, unless source and target may share pictures."""
    found = {one.run_id: one for cell in cells(spec) if (one := source_spec(spec, cell)) is not None}
    return [Wanted("source", "source", one) for one in found.values()]


def examples(spec: CrossValidateSpec) -> list[TransferSpec]:
    """A training of each arm, and that of the source: what is checked before anything is queued.

    Raises:
        BadSpec: Both techniques are the same training.
    """
    made = {word: make(spec.optim.lr, spec.first_seed) for word, make in arms_of(spec, (1, 1)).items()}
    technique.refuse_alike(made)
    source = source_spec(spec, (1, 1))
    return [*([] if source is None else [source]), *made.values()]


def n_trainings(spec: CrossValidateSpec) -> int:
    """How many trainings it needs, unless the grid of rates grows."""
    every = len(cells(spec))
    searched = n_searched(len(spec.arms), spec.lrs) * (every if spec.nested else 1)
    return len(_sources(spec)) + searched + len(spec.arms) * every


def cross_validate(spec: CrossValidateSpec) -> Study[CrossValidateResult]:
    """Train the source where there is one, search rates fold by fold, test every fold, weigh.

    Args:
        spec: What is tested.
    """
    every, seed = cells(spec), search_seed(spec.first_seed)
    if sources := _sources(spec):
        for run in (yield Stage(tuple(sources), "Training the source network.")):
            result_of(run)
    searched = every if spec.nested else every[:1]
    if len(set(spec.lrs)) > 1:  # all that is sure to be asked for, side by side
        grid = [
            Wanted(word, "search", make(lr, seed))
            for cell in searched
            for lr in sorted(set(spec.lrs))
            for word, make in arms_of(spec, cell).items()
        ]
        yield Stage(tuple(grid), "Searching for the learning rate of every fold.")
    rates: dict[Cell, Search] = {}
    for cell in searched:
        rates[cell] = yield from search(arms_of(spec, cell), spec.lrs, seed, spec.widen)
    rates = {cell: rates.get(cell, rates[every[0]]) for cell in every}
    wanted = [
        Wanted(word, "measure", make(rates[cell].best_rates[word], spec.first_seed + cell[0] - 1))
        for cell in every
        for word, make in arms_of(spec, cell).items()
    ]
    runs = yield Stage(tuple(wanted), "Testing every fold.")
    yield Stage((), "Computing the interval.")
    results = {w: [result_of(r) for r, one in zip(runs, wanted, strict=True) if one.arm == w] for w in spec.arms}
    return weigh(spec, results, rates)


def weigh(
    spec: CrossValidateSpec, results: Mapping[str, Sequence[TrainingResult]], rates: Mapping[Cell, Search]
) -> CrossValidateResult:
    """Means over the folds and, of two techniques, their gap, with intervals.

    Args:
        spec: The study.
        results: Arm → its trainings, in the order of `cells`.
        rates: Cell → what its search for rates found.
    """
    arms = [_arm(spec, word, results[word], rates) for word in spec.arms]
    first = results[spec.arms[0]]
    gap = None
    if len(arms) == 2:
        one, other = (np.array([f.score for f in arm.folds]) for arm in arms)
        gap = _pair(spec, other - one, _step(first))
    tested = first[: spec.folds]
    n_pictures = sum(len(r.labels) for r in tested)
    n_groups = sum(r.parts["test"].groups for r in tested if "test" in r.parts)
    return CrossValidateResult(
        arms,
        gap,
        sentence(spec, arms, gap, n_pictures, n_groups, first[0].metric),
        _remarks(spec, arms, results, rates),
        spec.folds,
        spec.repeats,
        n_pictures,
        n_groups,
        {
            word: {f"{cell[0]}/{cell[1]}": found.accuracy[word] for cell, found in rates.items()}
            for word in spec.arms
            if rates[1, 1].accuracy[word]
        },
        first[0].metric,
    )


def _ratio(spec: CrossValidateSpec) -> float:
    """Test pictures to all others, of which each fold learns."""
    return 1 / (spec.folds - 1)


def _step(results: Sequence[TrainingResult]) -> float:
    """What one picture of the smallest fold counts."""
    return 1 / min(len(r.labels) for r in results)


def _arm(
    spec: CrossValidateSpec, word: str, results: Sequence[TrainingResult], rates: Mapping[Cell, Search]
) -> FoldedArmResult:
    folds = [
        FoldResult(
            *cell,
            _score(one),
            one.accuracy or 0.0,
            one.macro_f1 or 0.0,
            rates[cell].best_rates[word],
            len(one.labels),
            one.n_train,
        )
        for cell, one in zip(cells(spec), results, strict=True)
    ]
    mean, lo, hi = corrected_interval(np.array([one.score for one in folds]), _ratio(spec), LEVEL, _step(results))

    def over(what: str) -> float:
        return float(np.mean([getattr(r, what) for r in results]))

    accuracy, macro_f1 = (float(np.mean([getattr(one, name) for one in folds])) for name in (ACCURACY, MACRO_F1))
    spent = (over("steps"), over("images"), over("seconds"))
    return FoldedArmResult(word, mean, max(lo, 0.0), min(hi, 1.0), accuracy, macro_f1, folds, *spent)


def _score(result: TrainingResult) -> float:
    """What was asked for of the test pictures; in results of earlier versions their accuracy."""
    return result.score if result.score is not None else float(np.equal(result.predictions, result.labels).mean())


def _pair(spec: CrossValidateSpec, difference: Floats, step: float) -> PairResult:
    gap, lo, hi = corrected_interval(difference, _ratio(spec), LEVEL, step)
    lo, hi = max(lo, -1.0), min(hi, 1.0)
    return PairResult(spec.arms[0], spec.arms[1], gap, lo, hi, classify_interval(lo, hi, len(difference), spec.delta))


# -- in words --------------------------------------------------------------------------------------------


def sentence(
    spec: CrossValidateSpec,
    arms: Sequence[FoldedArmResult],
    gap: PairResult | None,
    n_pictures: int,
    n_groups: int,
    metric: str = ACCURACY,
) -> str:
    """How good one technique is, or which of two is better, with folds and repeats.

    Args:
        spec: The study.
        arms: What each came to.
        gap: The second against the first; None where there is one.
        n_pictures: That were tested in each repeat.
        n_groups: That were kept whole; 0 = none.
        metric: What is weighed.
    """
    noun = data.noun_learned(spec)
    whole = f", {n_groups:,} groups kept whole" if n_groups else ""
    over = f"{spec.folds} folds × {spec.repeats} repeat{'s' * (spec.repeats > 1)} of {n_pictures:,} {noun}{whole}"
    if gap is None:
        one = arms[0]
        interval = f"95% interval {_share(one.lo)} … {_share(one.hi)}"
        return f"{one.name} {_reached(one.score, metric, noun)} ({interval}, {over})."
    one, other = arms
    interval = f"95% interval {format_points(gap.lo)} … {format_points(gap.hi)}, {over}"
    both = f"{other.name} {_reached(other.score, metric, noun)}, {one.name} {_share(one.score)}%"
    start = {
        "helps": f"{other.name} is better than {one.name}",
        "hurts": f"{other.name} is worse than {one.name}",
        "no difference": f"No difference between {other.name} and {one.name}",
        "cannot tell": f"Cannot tell {other.name} from {one.name}",
    }[gap.label]
    told = f"{start}: {both}. The gap is {format_points(gap.gap)} points ({interval})."
    return " ".join([told, *_advice(spec, arms, gap)])


def _reached(score: float, metric: str, noun: str) -> str:
    """`gets 93.2% of the pictures of unseen folds right`."""
    if metric == ACCURACY:
        return f"gets {_share(score)}% of the {noun} of unseen folds right"
    return f"reaches {_share(score)}% {WORDS[metric]} on unseen folds"


def _share(value: float) -> str:
    return format_points(value, False)


def _advice(spec: CrossValidateSpec, arms: Sequence[FoldedArmResult], gap: PairResult) -> list[str]:
    """What would settle a gap that cannot be told."""
    if gap.label != "cannot tell":
        return []
    difference = np.array([b.score - a.score for a, b in zip(*(arm.folds for arm in arms), strict=True)])
    if len(difference) < MIN_SEEDS:
        return [f"A verdict needs at least {MIN_SEEDS} folds in all."]
    if abs(gap.gap) <= spec.delta or not difference.any():
        return [f"A gap as small as this takes more {data.noun_learned(spec)} to be told from none."]
    wanted = repeats_needed(difference, spec.folds, abs(gap.gap), LEVEL)
    if wanted is None:
        return [f"More repeats alone would not settle a gap of this size: it takes more {data.noun_learned(spec)}."]
    return [f"About {wanted} repeats would settle a gap of this size, if it stays."]


def _remarks(
    spec: CrossValidateSpec,
    arms: Sequence[FoldedArmResult],
    results: Mapping[str, Sequence[TrainingResult]],
    rates: Mapping[Cell, Search],
) -> list[str]:
    """What must be known before the figures are trusted."""
    said = []
    every = list(rates.values())
    for arm in arms:
        for edge in ("lowest", "highest"):
            n = sum(one.at_edge.get(arm.name) == edge for one in every)
            if n:
                where = "every fold" if n == len(every) else f"{n} of {len(every)} folds"
                said.append(f"In {where} the rate of {arm.name} is the {edge} that was tried: another may do better.")
    if not spec.nested and len(set(spec.lrs)) > 1:
        said.append(
            f"The rate is the first fold's: its validation {data.noun_learned(spec)} test in other folds, so their "
            f"figures are a little optimistic."
        )
    said += budget_flags({word: own[:1] for word, own in results.items()})  # folds differ by a picture, arms may not
    every_remark = [remark for own in results.values() for one in own for remark in one.remarks]
    return list(dict.fromkeys([*said, *every_remark]))[:MAX_REMARKS]

"""Arms of a study under one budget: rates are searched for each on a seed of its own, then every seed is measured.

Studies are made of this: arms in, results out. No torch here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tltk import data
from tltk.errors import RunProblem
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.studies.study import Stage, Wanted
from tltk.tasks import Classification

Arm = Callable[[float, int], TransferSpec]  # (learning rate, seed) → the training
WIDEN = 2  # how often a grid whose best rate lies at its edge is widened
RATES = (1e-7, 10.0)  # that a rate may have


@dataclass(frozen=True)
class Search:
    """What the search for rates found.

    Attributes:
        best_rates: Arm → the rate with the best validation accuracy, of the weights that would be tested.
        accuracy: Arm → rate, as text → that accuracy; 0 where the training diverged. Empty where one rate was given.
        at_edge: Arm → "lowest" or "highest", where the best rate lies at an edge of what was tried.
    """

    best_rates: dict[str, float]
    accuracy: dict[str, dict[str, float]]
    at_edge: dict[str, str]

    @classmethod
    def of(
        cls, arms: Sequence[str], rates: Sequence[float], found: Mapping[tuple[str, float], TrainingResult | None]
    ) -> Search:
        """The best rate of each arm.

        Args:
            arms: Their names.
            rates: What was tried; a single one is not searched.
            found: (arm, rate) → result of its training; None = it diverged.

        Raises:
            RunProblem: Every rate of an arm diverged.
        """
        tried = sorted(set(rates))
        if len(tried) == 1:
            return cls(dict.fromkeys(arms, tried[0]), {arm: {} for arm in arms}, {})
        chosen, accuracy, at_edge = {}, {}, {}
        for arm in arms:
            # A rate at which the loss stopped being a number has lost; that is what a search is for.
            rank = {lr: result.tested_scores for lr in tried if (result := found[arm, lr]) is not None}
            if not rank:
                raise RunProblem(f"At every rate that was tried, the {arm} arm diverged. Lower the rates to search.")
            best = max(rank, key=lambda lr: (rank[lr][0], -rank[lr][1]))
            chosen[arm] = best
            accuracy[arm] = {f"{lr:g}": rank[lr][0] if lr in rank else 0.0 for lr in tried}
            if best in (tried[0], tried[-1]):
                at_edge[arm] = "lowest" if best == tried[0] else "highest"
        return cls(chosen, accuracy, at_edge)


def search_seed(first_seed: int) -> int:
    """The seed on which rates are searched: far from those that are measured, however many are added later.

    A rate that is chosen on a measured seed suits that seed's luck, and the gap is biased by it.
    """
    return (first_seed + 2**30) % (2**31 - 1)


def search(
    arms: Mapping[str, Arm], rates: Sequence[float], seed: int, widen: int = WIDEN, before: Sequence[Wanted] = ()
) -> Generator[Stage, list[Run], Search]:
    """Search each arm's rate; where a best rate lies at an edge, the grid grows there, for all arms alike.

    Args:
        arms: Name → its training at a rate and a seed.
        rates: The grid to begin with; a single rate is not searched.
        seed: Of these trainings.
        widen: How often the grid may grow.
        before: Trainings whose weights some of these begin with, such as that of the source: what does not wait for
            them is trained beside them.

    Raises:
        RunProblem: Every rate of an arm diverged, or a training before has no result.
    """
    tried = sorted(set(rates))
    found: dict[tuple[str, float], TrainingResult | None] = {}
    if len(tried) == 1:
        if before:
            for run in (yield Stage(tuple(before), _sentence(before, False))):
                result_of(run)
        return Search.of(list(arms), tried, found)
    for left in range(widen, -1, -1):
        wanted = [
            Wanted(arm, "search", make(lr, seed))
            for lr in tried
            for arm, make in arms.items()
            if (arm, lr) not in found
        ]
        runs = yield Stage((*before, *wanted), _sentence(before, True))
        for run in runs[: len(before)]:
            result_of(run)
        runs, before = runs[len(before) :], ()
        for one, run in zip(wanted, runs, strict=True):
            found[one.arm, one.lr] = None if run.diverged else result_of(run)
        best = Search.of(list(arms), tried, found)
        more = _further(tried, set(best.at_edge.values()))
        if not left or not more:
            break
        tried = sorted({*tried, *more})
    return best


def _sentence(before: Sequence[Wanted], searching: bool) -> str:
    """What the status says meanwhile."""
    if not before:
        return "Searching for each arm's learning rate."
    network = "the source network" if len(before) == 1 else "networks on the sources"
    return f"Training {network}, and searching for each arm's learning rate." if searching else f"Training {network}."


def _further(rates: Sequence[float], edges: set[str]) -> list[float]:
    """One rate more beyond each of these edges, as far off as the grid's own steps are wide."""
    found = []
    for edge, end, beside in (("lowest", rates[0], rates[1]), ("highest", rates[-1], rates[-2])):
        rate = float(f"{end * end / beside:.2g}")
        if edge in edges and RATES[0] <= rate <= RATES[1]:
            found.append(rate)
    return found


@dataclass(frozen=True)
class Measured:
    """What every arm came to.

    Attributes:
        search: The rates.
        results: Arm → results of its seeds, in order.
        scores: Arm → score of each test example, (seeds, examples), 0 … 1.
        runs: Arm → its runs.
    """

    search: Search
    results: dict[str, list[TrainingResult]]
    scores: dict[str, NDArray[np.float64]]
    runs: dict[str, list[Run]]


def measure(
    arms: Mapping[str, Arm],
    rates: Sequence[float],
    first_seed: int,
    seeds: int,
    widen: int = WIDEN,
    before: Sequence[Wanted] = (),
) -> Generator[Stage, list[Run], Measured]:
    """Search each arm's rate, then train every seed of every arm at its rate.

    Args:
        arms: Name → its training at a rate and a seed.
        rates: The grid to search.
        first_seed: The others follow.
        seeds: How many are measured.
        widen: How often the grid may grow.
        before: Trainings whose weights some of these begin with.

    Raises:
        RunProblem: Every rate of an arm diverged, or a training has no result.
    """
    found = yield from search(arms, rates, search_seed(first_seed), widen, before)
    wanted = [
        Wanted(arm, "measure", make(found.best_rates[arm], seed))
        for seed in range(first_seed, first_seed + seeds)
        for arm, make in arms.items()
    ]
    runs = yield Stage(tuple(wanted), "Measuring every arm, seed by seed.")
    by_arm = {arm: [r for r, w in zip(runs, wanted, strict=True) if w.arm == arm] for arm in arms}
    results = {arm: [result_of(run) for run in own] for arm, own in by_arm.items()}
    scores = {arm: scores_of(own) for arm, own in results.items()}
    return Measured(found, results, scores, by_arm)


def n_searched(n_arms: int, rates: Sequence[float], widen: int = 0) -> int:
    """Trainings of a search; where the grid grows, more.

    Args:
        n_arms: How many arms.
        rates: The grid.
        widen: How often the grid is taken to grow.
    """
    grid = len(set(rates))
    return 0 if grid == 1 else n_arms * (grid + widen)


def result_of(run: Run) -> TrainingResult:
    """The result of a finished training.

    Raises:
        RunProblem: It has none.
    """
    result = run.read(TrainingResult)
    if result is None:
        raise RunProblem(f"Run {run.id} must have a result. It is {run.status.state}: {run.status.message}")
    return result


def scores_of(results: Sequence[TrainingResult]) -> NDArray[np.float64]:
    """The score of each test example, (seeds, examples), 0 … 1."""
    task = Classification(len(results[0].classes))
    return np.array([task.scores(one) for one in results])


def source_training(
    source: DataSpec, target: DataSpec, net: NetSpec, optim: OptimSpec, views: ViewSpec, seed: int
) -> TransferSpec:
    """The run that trains the source network.

    Where source and target can hold the same examples, it does without those that test the target.

    Args:
        source: What it is trained on.
        target: What it is for.
        net: Its architecture.
        optim: How it is trained.
        views: Augmentation.
        seed: Of its first weights.
    """
    return TransferSpec(
        target=source,
        net=net.anew,
        optim=optim,
        views=views,
        seed=seed,
        # The few labels are drawn from what is left for training: they decide nothing here.
        without=dataclasses.replace(target, shots=0) if data.family(source.name) == data.family(target.name) else None,
    )

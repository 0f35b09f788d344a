"""The verdict of several comparisons of one plan together."""

from __future__ import annotations

from typing import Any

import numpy as np

from tltk.analyses.pool.result import PooledRunResult, PoolResult
from tltk.analyses.pool.spec import PoolSpec, plan_of
from tltk.analyses.sample import Context
from tltk.errors import BadSpec, RunProblem
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.tasks.classification import Classification
from tltk.verdicts.judge import judge

ARMS = ("scratch", "transfer")


def pool(spec: PoolSpec, context: Context) -> PoolResult:
    """Weigh comparisons as repeats: x[r, i], mean over the seeds of run r of the score of test picture i, for each arm.

    Each run is one repeat, not each of its seeds, since these share a source network and searched rates; the verdict is
    `judge`'s on the two arms' x. Runs that share a seed with one before them are left out.

    Reference:
        The interval is `paired_interval`'s: Searle, Casella and McCulloch (1992), Variance components, §4.3.
        Bouthillier et al. (2021), Accounting for variance in machine learning benchmarks, MLSys, §4: every source of
        variation is drawn anew in each repeat. arXiv:2103.03098.

    Raises:
        BadSpec: What `spec.check` refuses; runs that are no comparisons, or not of one plan.
        RunProblem: One has not finished, or its trainings are gone; fewer than two share no seeds.
        UnknownName: No such run.
    """
    spec.check()
    runs = sorted((Run.open(name) for name in spec.runs), key=lambda run: (_first_seed(run), run.id))
    if len({plan_of(run.spec) for run in runs}) > 1:
        raise BadSpec("The runs that are pooled must differ in their first seed alone. These differ in more.")
    rows: dict[str, list[Any]] = {arm: [] for arm in ARMS}
    kept, left_out, taken = [], [], set[int]()
    first: TrainingResult | None = None
    for run in runs:
        context.callbacks.check()
        arms = _measured(run)
        seeds = sorted(arms[ARMS[0]])
        if taken & set(seeds):
            left_out.append(run.id)
            continue
        taken |= set(seeds)
        first = first or arms[ARMS[0]][seeds[0]]
        means = {}
        for arm in ARMS:
            results = [arms[arm][seed] for seed in seeds]
            if any(one.labels != first.labels for one in results):
                raise RunProblem(f"Run {run.id} must have the others' test pictures. It has not; run it again.")
            task = Classification(len(first.classes))
            means[arm] = np.array([task.scores(one) for one in results]).mean(0)
            rows[arm].append(means[arm])
        kept.append(PooledRunResult(run.id, seeds, *(float(means[arm].mean()) for arm in ARMS)))
    if first is None or len(kept) < 2:
        raise RunProblem("Pooling needs two comparisons without a seed in common. These have some; choose other seeds.")
    found = judge(
        np.array(rows["scratch"]),
        np.array(rows["transfer"]),
        labels=[first.classes[label] for label in first.labels],
        seeds=[one.seeds[0] for one in kept],
        level=spec.level,
        delta=getattr(runs[0].spec, "delta", 0.01),
        names=("scratch", "transfer"),
        metric=first.metric,
    )
    return PoolResult(found, kept, left_out, _remarks(kept, left_out))


def _first_seed(run: Run) -> int:
    plan_of(run.spec)  # refuses what is no comparison
    return int(getattr(run.spec, "first_seed", 0))


def _measured(run: Run) -> dict[str, dict[int, TrainingResult]]:
    """Arm → seed → what its training found.

    Raises:
        RunProblem: The comparison has not finished, or its trainings were deleted.
    """
    if run.status.state != "done":
        raise RunProblem(f"Run {run.id} must have finished before it is pooled. It is {run.status.state}.")
    found: dict[str, dict[int, TrainingResult]] = {arm: {} for arm in ARMS}
    for child in run.children():
        if child.role == "measure" and child.arm in found:
            result = Run(run.path.parent / child.id).read(TrainingResult)
            if result is None:
                raise RunProblem(f"Run {run.id} must have its trainings. {child.id} has gone; run it again.")
            found[child.arm][child.seed] = result
    if not found[ARMS[0]] or found[ARMS[0]].keys() != found[ARMS[1]].keys():
        raise RunProblem(f"Run {run.id} must have both arms at the same seeds. It has not; run it again.")
    return found


def _remarks(kept: list[PooledRunResult], left_out: list[str]) -> list[str]:
    """What must be known before the figures are trusted."""
    said = [
        f"Each of the {len(kept)} comparisons is one repeat: the mean of its own seeds, which share a source network."
    ]
    if left_out:
        said.append(
            f"{len(left_out)} more shared seeds with these and would count the same trainings twice; left out: "
            f"{', '.join(left_out)}. A seed of one's own, more than the seeds of a comparison apart, brings it in."
        )
    return said

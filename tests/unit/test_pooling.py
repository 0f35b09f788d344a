"""The verdict of a class: each person's comparison is one repeat."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.support.pooled import ARMS, PLAN, comparison, drawn
from tltk.analyses.pool.analysis import pool
from tltk.analyses.pool.spec import PoolSpec, plan_of
from tltk.analyses.pool.table import lines
from tltk.analyses.sample import Context
from tltk.data import load
from tltk.errors import BadSpec, RunProblem
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks


def asked(*runs: Run) -> PoolSpec:
    return PoolSpec(tuple(run.id for run in runs))


def answer(*runs: Run) -> object:
    return pool(asked(*runs), Context(load, FeatureBank(), Callbacks()))


def test_each_comparison_is_one_repeat() -> None:
    right = {seed: drawn(seed, 0.2) for seed in range(0, 40, 10)}
    runs = [comparison(seed, one) for seed, one in right.items()]
    found = pool(asked(*runs[::-1]), Context(load, FeatureBank(), Callbacks()))
    rows = {arm: np.array([one[arm].mean(0) for one in right.values()]) for arm in ARMS}
    gaps = (rows["transfer"] - rows["scratch"]).mean(1)
    assert found.verdict.gap == pytest.approx(gaps.mean())
    assert found.verdict.seeds == tuple(right) and [one.run for one in found.runs] == [run.id for run in runs]
    assert [one.transfer - one.scratch for one in found.runs] == pytest.approx(list(gaps))
    # Two-way random effects by hand: var(mean) = (MS_run + MS_picture − MS_rest) / (runs × pictures).
    d = rows["transfer"] - rows["scratch"]
    r, n = d.shape
    of_run, of_picture = d.mean(1, keepdims=True), d.mean(0, keepdims=True)
    ms_run = n * ((of_run - d.mean()) ** 2).sum() / (r - 1)
    ms_picture = r * ((of_picture - d.mean()) ** 2).sum() / (n - 1)
    ms_rest = ((d - of_run - of_picture + d.mean()) ** 2).sum() / ((r - 1) * (n - 1))
    deviation = np.sqrt(max(ms_run + ms_picture - ms_rest, ms_picture) / (r * n))
    assert found.verdict.hi - found.verdict.gap > 1.9 * deviation and found.verdict.lo > 0
    assert found.verdict.label == "helps" and found.verdict.sentence in lines(found)
    assert "one repeat" in found.remarks[0] and not found.left_out


def test_more_people_tell_more() -> None:
    runs = [comparison(seed, drawn(seed, 0.05)) for seed in range(0, 300, 10)]
    few, many = (pool(asked(*some), Context(load, FeatureBank(), Callbacks())).verdict for some in (runs[:3], runs))
    assert many.hi - many.lo < 0.5 * (few.hi - few.lo)
    assert len(many.seeds) == 30


def test_a_shared_seed_is_counted_once() -> None:
    runs = [comparison(seed, drawn(seed, 0.2)) for seed in (0, 1, 5)]  # the first two both have seed 1
    found = pool(asked(*runs), Context(load, FeatureBank(), Callbacks()))
    assert found.left_out == [runs[1].id] and found.verdict.seeds == (0, 5)
    assert runs[1].id in " ".join(found.remarks)
    with pytest.raises(RunProblem, match="without a seed in common"):
        answer(*runs[:2])


def test_what_cannot_be_pooled_is_a_sentence() -> None:
    one, two = (comparison(seed, drawn(seed, 0.2)) for seed in (0, 10))
    other = comparison(20, drawn(20, 0.2), dataclasses.replace(PLAN, delta=0.02))
    training = Run.create(TransferSpec())
    for runs, said in (((one, other), "differ in their first seed alone"), ((one, training), "no comparison|compar")):
        with pytest.raises(BadSpec, match=said):
            answer(*runs)
    with pytest.raises(BadSpec, match="two finished comparisons or more"):
        answer(one)
    with pytest.raises(BadSpec, match="each named once"):
        answer(one, one)
    short = comparison(30, drawn(30, 0.2, pictures=150))
    with pytest.raises(RunProblem, match="must have the others' test pictures"):
        answer(one, short)
    Run(two.path.parent / two.children()[0].id).delete()
    with pytest.raises(RunProblem, match="must have its trainings"):
        answer(one, two)
    two.write_status(state="stopped")
    with pytest.raises(RunProblem, match="must have finished"):
        answer(one, two)


def test_a_plan_is_the_same_at_any_first_seed() -> None:
    specs = [dataclasses.replace(PLAN, first_seed=seed) for seed in (0, 7)]
    assert plan_of(specs[0]) == plan_of(specs[1]) != plan_of(dataclasses.replace(PLAN, seeds=3))

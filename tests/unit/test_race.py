"""A race's order of business, its ranking and its words, with trainings that are only written down."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.support.results import trained
from tltk import home
from tltk.errors import BadSpec, RunProblem, UnknownName, WeightsMissing
from tltk.jobs.checking import check, check_names
from tltk.runs.run import Run
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.studies import technique
from tltk.studies.race import study
from tltk.studies.race.result import RaceResult
from tltk.studies.race.spec import RaceSpec
from tltk.studies.race.table import lines
from tltk.studies.study import conduct

SPEC = RaceSpec(
    source=DataSpec("rendered_digits", n=100),
    target=DataSpec("digits", shots=5),
    net=NetSpec("test_resnet", boundary=2),
    optim=OptimSpec(epochs=4),
    arms=("scratch", "feature_extraction", "bias+l2_sp@3"),
    lrs=(1e-3, 1e-2),
    widen=0,
)


class Trainer:
    """Writes what a training would have found: how many of 200 pictures each arm gets right, and its best rate."""

    def __init__(self, right: Callable[[TransferSpec], int], best: Callable[[TransferSpec], float]) -> None:
        self.right, self.best = right, best
        self.trained: list[TransferSpec] = []

    def __call__(self, runs: list[Run], ended: Callable[[Run], None]) -> None:
        for run in runs:
            spec = run.spec
            assert isinstance(spec, TransferSpec)
            if run.status.state != "done":
                self.trained.append(spec)
                n = self.right(spec)
                rank = -abs(np.log(spec.optim.lr / self.best(spec)))
                found = trained(
                    val_accuracy=float(np.exp(rank)), labels=[0] * 200, predictions=[0] * n + [1] * (200 - n), steps=40
                )
                home.write_atomic(run.path / "result.json", msgspec.json.encode(found))
                run.write_status(state="done")
            ended(run)


def go(
    spec: RaceSpec = SPEC,
    right: Callable[[TransferSpec], int] = lambda s: 100,
    best: Callable[[TransferSpec], float] = lambda s: 1e-3,
) -> tuple[RaceResult, Trainer, Run]:
    trainer, run = Trainer(right, best), Run.create(spec)
    return conduct(run, study.race(spec), trainer, lambda done, what: None), trainer, run


def of_arm(spec: TransferSpec) -> str:
    return "scratch" if spec.net.weights == "scratch" else "bias" if spec.terms else spec.strategy.name


def test_the_source_then_the_search_then_every_seed() -> None:
    found, trainer, run = go()
    roles = [(c.role, c.arm) for c in run.children()]
    assert roles == [
        ("source", "source"),
        *[("search", arm) for _ in SPEC.lrs for arm in SPEC.arms],
        *[("measure", arm) for _ in range(3) for arm in SPEC.arms],
    ]
    assert len(trainer.trained) == study.n_trainings(SPEC)
    searched = {c.seed for c in run.children() if c.role == "search"}
    assert searched.isdisjoint({c.seed for c in run.children() if c.role == "measure"})
    bias = next(s for s in trainer.trained if s.terms)
    assert (bias.adapter.name, bias.net.boundary, bias.terms[0].name) == ("bias", 3, "l2_sp")
    assert bias.net.weights.startswith("run:") and bias.source is None
    assert found.seeds == [0, 1, 2] and set(found.search) == set(SPEC.arms)


def test_what_cannot_be_told_apart_is_not_ranked() -> None:
    right = {"scratch": 60, "feature_extraction": 158, "bias": 160}
    found, *_ = go(right=lambda s: right[of_arm(s)])
    by_name = {a.name: a for a in found.arms}
    assert [a.name for a in found.arms] == ["bias+l2_sp@3", "feature_extraction", "scratch"]
    assert [(a.best_rank, a.worst_rank) for a in found.arms] == [(1, 2), (1, 2), (3, 3)]
    assert by_name["scratch"].accuracy == 0.3
    assert "feature_extraction cannot be told apart from it" in found.sentence
    text = "\n".join(lines(found))
    assert "1–2   bias+l2_sp@3" in text and "3     scratch" in text


def test_who_is_ahead_of_all_is_said() -> None:
    right = {"scratch": 60, "feature_extraction": 100, "bias": 160}
    found, *_ = go(right=lambda s: right[of_arm(s)])
    assert found.sentence.startswith("bias+l2_sp@3 is ahead of all others: 80.0%")
    assert [p.label for p in found.pairs] == ["hurts"] * 3
    two = dataclasses.replace(SPEC, arms=("scratch", "feature_extraction"), first_seed=7)
    pair, *_ = go(two, right=lambda s: right[of_arm(s)])
    assert re.fullmatch(
        r"feature_extraction is ahead of scratch by 20\.0 points \(95% interval 1\d\.\d … 2\d\.\d, 3 seeds\): "
        r"50\.0% of the test pictures right\.",
        pair.sentence,
    )
    alike, *_ = go(dataclasses.replace(SPEC, first_seed=5))
    assert alike.sentence.startswith("Cannot tell which is best")
    assert {(a.best_rank, a.worst_rank) for a in alike.arms} == {(1, 3)}


def test_the_rates_grow_where_the_best_lies_at_an_edge_for_all_arms_alike() -> None:
    spec = dataclasses.replace(SPEC, widen=2)
    found, trainer, run = go(spec, best=lambda s: 1e-5 if of_arm(s) == "scratch" else 1e-3)
    tried = {arm: {c.lr for c in run.children() if c.role == "search" and c.arm == arm} for arm in SPEC.arms}
    assert set(map(frozenset, tried.values())) == {frozenset({1e-5, 1e-4, 1e-3, 1e-2})}
    assert {a.name: a.lr for a in found.arms}["scratch"] == 1e-5
    assert any("scratch, 1e-05, is the lowest" in remark for remark in found.remarks)
    ends, *_ = go(dataclasses.replace(spec, first_seed=9), best=lambda s: 1e-4)
    assert not any("that was tried" in remark for remark in ends.remarks), "inside the grid once it has grown"


def test_adaptation_learns_from_the_source_s_labels() -> None:
    spec = RaceSpec(
        source=DataSpec("rendered_digits", n=100),
        arms=("source_only", "coral", "target_only"),
        labels="source",
        lrs=(1e-3,),
    )
    check_names(spec)
    _, trainer, _ = go(spec)
    kinds = [(s.labels, bool(s.terms), s.source is not None) for s in trainer.trained[:3]]
    assert kinds == [("source", False, True), ("source", True, True), ("target", False, False)]


def test_forgetting_asks_for_the_source_wherever_weights_are_transferred() -> None:
    _, trainer, _ = go(dataclasses.replace(SPEC, forgetting=True))
    assert {of_arm(s): s.source is not None for s in trainer.trained[1:]} == {
        "scratch": False,
        "feature_extraction": True,
        "bias": True,
    }


@pytest.mark.parametrize(
    ("changes", "fault", "told"),
    [
        ({"arms": ("scratch",)}, BadSpec, "wo techniques or more"),
        ({"arms": ("scratch", "scratch")}, BadSpec, "each of them once"),
        ({"lrs": (0.0,)}, BadSpec, "learning rates"),
        ({"arms": ("scratch", "bananas")}, UnknownName, "bananas"),
        ({"arms": ("scratch", "bias+norm")}, BadSpec, "one adapter"),
        ({"arms": ("scratch", "fine_tune@x")}, BadSpec, "boundary"),
        ({"arms": ("bias", "scratch+l2_sp")}, BadSpec, "by itself"),
        ({"source": None, "arms": ("scratch", "coral")}, BadSpec, "no source"),
        ({"arms": ("fine_tune", "all")}, BadSpec, "are the same"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_queued(
    changes: dict[str, Any], fault: type[Exception], told: str
) -> None:
    with pytest.raises(fault, match=told):
        check_names(dataclasses.replace(SPEC, **changes))


def test_it_goes_to_json_and_to_the_shell_and_back() -> None:
    spec = dataclasses.replace(SPEC, forgetting=True, arms=("scratch", "chain_thaw", "l2_sp:weight=0.5,head=0.1"))
    assert read_spec(spec.to_json()) == spec
    words = to_command(spec)
    assert "--forgetting" in words.split() and '"l2_sp:weight=0.5,head=0.1"' in words


def test_a_training_without_a_result_is_said() -> None:
    def broken(runs: list[Run], ended: Callable[[Run], None]) -> None:
        for run in runs:
            run.write_status(state="failed", message="It failed.")
            ended(run)

    with pytest.raises(RunProblem, match="It failed"):
        conduct(Run.create(SPEC), study.race(SPEC), broken, lambda done, what: None)


def test_the_words_of_a_technique() -> None:
    found = technique.parse("discriminative:decay=0.5+bias+coral:weight=2+l2_sp@4")
    assert found.strategy is not None and found.strategy.knobs == {"decay": 0.5}
    assert found.boundary == 4 and [t.name for t in found.terms] == ["coral", "l2_sp"] and found.reads_source
    base = TransferSpec(net=NetSpec("test_resnet", weights="store:x", boundary=2))
    assert found.apply(base).net.boundary == 4
    scratch = technique.parse("scratch").apply(base)
    assert (scratch.net.weights, scratch.net.boundary) == ("scratch", 0)


def test_more_seeds_and_one_more_arm_repeat_nothing_that_is_done() -> None:
    _, first, _ = go()
    _, seeds, _ = go(dataclasses.replace(SPEC, seeds=5))
    assert len(first.trained) == 1 + 6 + 9 and len(seeds.trained) == 2 * 3, "two seeds of three arms"
    _, more, _ = go(dataclasses.replace(SPEC, seeds=5, arms=(*SPEC.arms, "norm")))
    assert {s.adapter.name for s in more.trained} == {"norm"} and len(more.trained) == 2 + 5


def test_arms_may_have_weights_of_their_own() -> None:
    arms = ("store:resnet10t_formulas", "store:resnet10t_formulas+lora:rank=2@3", "scratch")
    spec = RaceSpec(
        target=DataSpec("digits", shots=5),
        net=NetSpec("resnet10t"),
        arms=arms,
        optim=OptimSpec(epochs=1),
    )
    first, second, third = study.examples(spec)
    assert first.net.weights == second.net.weights == "store:resnet10t_formulas" and third.net.weights == "scratch"
    assert (second.net.boundary, second.adapter.name, first.strategy.name) == (3, "lora", "fine_tune")
    check(spec)
    assert read_spec(spec.to_json()) == spec and "--arms" in to_command(spec)
    with pytest.raises(UnknownName, match="weight store"):
        check(dataclasses.replace(spec, arms=("store:no_such", "scratch")))
    with pytest.raises(WeightsMissing, match="must be of the backbone test_resnet"):
        check(dataclasses.replace(spec, net=NetSpec("test_resnet"), arms=arms[:2]))


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("store:a+store:b", "one set of weights"),
        ("store:", "must be named"),
        ("file:w.safetensors", "by its whole path"),
        ("scratch+store:a", "scratch stands by itself"),
    ],
)
def test_weights_of_an_arm_that_cannot_be(word: str, part: str) -> None:
    with pytest.raises(BadSpec, match=part):
        technique.parse(word)

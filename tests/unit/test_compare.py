"""The study's order of business, with trainings that are only written down."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tltk import compare, home
from tltk.errors import BadSpec, RunProblem
from tltk.results import Row
from tltk.runs import Child, Run
from tltk.spec import CompareSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TransferSpec

SPEC = CompareSpec(
    source=DataSpec("rendered_digits", n=100),
    source_optim=OptimSpec(epochs=2),
    target=DataSpec("digits", shots=5),
    net=NetSpec("test_resnet", boundary=2),
    strategy=StrategySpec("discriminative", {"decay": 0.5}),
    optim=OptimSpec(epochs=4, schedule="one_cycle"),
    lrs=(3e-3, 3e-4, 1e-3, 1e-3),
    seeds=3,
    first_seed=10,
)


class Trainer:
    """Writes what a training would have found; the best rate is `best` of its arm."""

    def __init__(self, best: dict[str, float] | None = None, **changes: Any) -> None:
        self.best = best or {"scratch": 1e-3, "transfer": 3e-4}
        self.changes = changes
        self.trained: list[TransferSpec] = []

    def __call__(self, runs: list[Run], ended: Callable[[Run], None]) -> None:
        for run in reversed(runs):  # in any order
            if run.status.state != "done":
                self.train(run)
            ended(run)

    def train(self, run: Run) -> None:
        spec = run.spec
        assert isinstance(spec, TransferSpec)
        self.trained.append(spec)
        arm = "scratch" if spec.net.weights == "scratch" else "transfer"
        right = [0] * 50 + [1] * 50 if arm == "scratch" else [0] * 90 + [1] * 10
        body = {
            "val_accuracy": 0.9 if spec.optim.lr == self.best[arm] else 0.5, "val_loss": spec.optim.lr,
            "labels": [0] * 100, "predictions": right, "classes": ["a", "b"], "steps": 40, "images": 400,
        }  # fmt: skip
        change = self.changes.get(arm, {})
        home.write_whole(run.path / "result.json", json.dumps(body | change))
        rows = [Row(e, e * 10, e * 1.5, "val", "accuracy", e / 10) for e in (1, 2)]
        (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))
        run.write_status(state="done")


def go(
    spec: CompareSpec = SPEC, trainer: Trainer | None = None
) -> tuple[Run, Any, Trainer, list[tuple[int, str]]]:
    run, trainer, told = Run.create(spec), trainer or Trainer(), []
    found = compare.study(run, spec, trainer, lambda done, what: told.append((done, what)))
    return run, found, trainer, told


def test_source_search_measure_in_this_order() -> None:
    run, found, trainer, told = go()
    roles = [(c.role, c.arm, c.seed, c.lr) for c in run.children()]
    assert roles == [
        ("source", "source", 10, 1e-3),
        *[("search", arm, 10, lr) for lr in (3e-4, 1e-3, 3e-3) for arm in ("scratch", "transfer")],
        *[
            ("measure", arm, seed, {"scratch": 1e-3, "transfer": 3e-4}[arm])
            for seed in (10, 11, 12)
            for arm in ("scratch", "transfer")
        ],
    ]
    assert (
        len(trainer.trained) == compare.count(SPEC) == 1 + 6 + 4
    )  # the first seed was measured by the search
    # Of the ten measurements two were counted by the search already.
    assert [done for done, _ in told] == [0, 1, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11, 11, 11, 11]
    assert [what for _, what in told][0] == "Training the source network."
    assert [what for _, what in told][-1] == "Weighing the evidence."
    assert found.label == "helps"
    assert found.gap == pytest.approx(0.4)
    assert (found.scratch_lr, found.transfer_lr, found.seeds) == (1e-3, 3e-4, (10, 11, 12))
    assert found.search["scratch"] == {"0.0003": 0.5, "0.001": 0.9, "0.003": 0.5}
    assert (found.steps, found.images, found.n_test) == (40, 400, 100)


def test_the_arms_differ_in_weights_strategy_and_boundary_alone() -> None:
    _, _, trainer, _ = go()
    source, *arms = trainer.trained
    assert source == TransferSpec(SPEC.source, NetSpec("test_resnet"), optim=SPEC.source_optim, seed=10)  # type: ignore[arg-type]
    for spec in arms:
        scratch = spec.net.weights == "scratch"
        assert spec.target == SPEC.target
        assert spec.views == SPEC.views
        assert dataclasses.replace(spec.optim, lr=1e-3) == SPEC.optim
        assert spec.net.weights == ("scratch" if scratch else f"run:{source.run_id}")
        assert spec.net.boundary == (0 if scratch else 2)
        assert spec.strategy == (StrategySpec() if scratch else SPEC.strategy)


def test_a_tie_goes_to_the_smaller_loss() -> None:
    _, found, *_ = go(trainer=Trainer({"scratch": 7.0, "transfer": 7.0}))
    assert (found.scratch_lr, found.transfer_lr) == (3e-4, 3e-4)


def test_a_second_time_trains_nothing() -> None:
    go()
    _, found, trainer, told = go()
    assert trainer.trained == []
    assert found.label == "helps"
    assert told[-1][0] == compare.count(SPEC)


def test_without_a_source_the_weights_are_those_named() -> None:
    spec = dataclasses.replace(SPEC, source=None, net=NetSpec("test_resnet", weights="hub:in1k"))
    _, _, trainer, _ = go(spec)
    assert {s.net.weights for s in trainer.trained} == {"scratch", "hub:in1k"}
    assert compare.count(spec) == len(trainer.trained) == 10


def test_nothing_to_transfer_is_refused() -> None:
    with pytest.raises(BadSpec, match="needs weights to transfer"):
        compare.source_spec(CompareSpec())
    with pytest.raises(BadSpec, match="needs weights to transfer"):
        go(CompareSpec())


@pytest.mark.parametrize("change", [{"steps": 39}, {"images": 399}])
def test_unequal_budgets_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(RunProblem, match=r"Both arms must have the same budget\. Got .*(39|399)"):
        go(trainer=Trainer(scratch=change))


def test_early_stopping_may_end_one_arm_sooner() -> None:
    spec = dataclasses.replace(SPEC, optim=dataclasses.replace(SPEC.optim, patience=2))
    _, found, *_ = go(spec, Trainer(scratch={"steps": 30, "images": 300}))
    assert (found.steps, found.images) == (40, 400)


def test_a_child_without_a_result_is_named() -> None:
    def train(runs: list[Run], ended: Callable[[Run], None]) -> None:
        for run in runs:
            run.write_status(state="stopped", message="by hand")

    with pytest.raises(RunProblem, match="must have a result. It is stopped: by hand"):
        compare.study(Run.create(SPEC), SPEC, train, lambda done, what: None)


def test_curves_are_means_over_the_measuring_runs() -> None:
    run, *_ = go()
    found = compare.curves(run)
    assert found["scratch"].x == (10.0, 20.0)
    assert found["scratch"].y == pytest.approx((0.1, 0.2))
    assert compare.curves(run, x="seconds")["transfer"].x == (1.5, 3.0)
    assert compare.curves(run, "nothing")["transfer"].x == ()


def test_measured_is_in_the_order_of_seeds() -> None:
    run = Run.create(SPEC)
    for seed, arm in ((12, "scratch"), (10, "scratch"), (11, "scratch")):
        run.add_child(Child(f"{seed}" * 6, arm, "measure", seed, 1e-3))
    run.add_child(Child("a" * 12, "source", "source", 10, 1e-3))
    assert [r.id for r in compare.measured(run)["scratch"]] == ["10" * 6, "11" * 6, "12" * 6]
    assert compare.measured(run)["transfer"] == []

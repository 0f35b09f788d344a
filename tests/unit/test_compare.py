"""The study's order of business, with trainings that are only written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.support.results import trained
from tests.support.values import present
from tltk import home
from tltk.errors import BadSpec, RunProblem
from tltk.results.rows import Row
from tltk.results.training import TrainingResult
from tltk.runs.run import Child, Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.studies.arms import Search, search_seed
from tltk.studies.compare import study as compare
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.compare.table import lines
from tltk.studies.study import Wanted, conduct

SPEC = CompareSpec(
    source=DataSpec("rendered_digits", n=100),
    source_optim=OptimSpec(epochs=2),
    target=DataSpec("digits", shots=5),
    net=NetSpec("test_resnet", boundary=2),
    strategy=StrategySpec("discriminative", {"decay": 0.5}),
    optim=OptimSpec(epochs=4, schedule="one_cycle"),
    views=ViewSpec(crop=0.2, flip=0.5),
    lrs=(3e-3, 3e-4, 1e-3, 1e-3),
    seeds=3,
    first_seed=10,
    widen=0,
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
        found = trained(
            val_accuracy=0.9 if spec.optim.lr == self.best[arm] else 0.5,
            val_loss=spec.optim.lr,
            labels=[0] * 100,
            predictions=right,
            steps=40,
            images=400,
            n_train=10,
            n_val=60,
        )
        found = msgspec.structs.replace(found, **self.changes.get(arm, {}))
        home.write_atomic(run.path / "result.json", msgspec.json.encode(found))
        rows = [Row(e, e * 10, e * 1.5, "val", "accuracy", e / 10) for e in (1, 2)]
        (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))
        run.write_status(state="done")


def go(spec: CompareSpec = SPEC, trainer: Trainer | None = None) -> tuple[Run, Any, Trainer, list[tuple[int, str]]]:
    run, trainer, told = Run.create(spec), trainer or Trainer(), []
    found = conduct(run, compare.compare(spec), trainer, lambda done, what: told.append((done, what))).verdict
    return run, found, trainer, told


def test_source_search_measure_in_this_order() -> None:
    run, found, trainer, told = go()
    roles = [(c.role, c.arm, c.seed, c.lr) for c in run.children()]
    assert roles == [
        ("source", "source", 10, 1e-3),
        *[("search", arm, 10 + 2**30, lr) for lr in (3e-4, 1e-3, 3e-3) for arm in ("scratch", "transfer")],
        *[
            ("measure", arm, seed, {"scratch": 1e-3, "transfer": 3e-4}[arm])
            for seed in (10, 11, 12)
            for arm in ("scratch", "transfer")
        ],
    ]
    assert len(trainer.trained) == compare.n_trainings(SPEC) == 1 + 6 + 6
    assert [done for done, _ in told] == [0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11, 12, 13, 13]
    assert [what for _, what in told][0] == "Training the source network, and searching for each arm's learning rate."
    assert [what for _, what in told][-1] == "Computing the verdict."
    assert found.label == "helps"
    assert found.gap == pytest.approx(0.4)
    assert (found.scratch_lr, found.transfer_lr, found.seeds) == (1e-3, 3e-4, (10, 11, 12))
    assert found.search["scratch"] == {"0.0003": 0.5, "0.001": 0.9, "0.003": 0.5}
    assert (found.steps, found.images, found.n_test) == (40, 400, 100)


def test_the_arms_differ_in_weights_strategy_and_boundary_alone() -> None:
    _, _, trainer, _ = go()
    assert SPEC.source is not None
    (source,) = (spec for spec in trainer.trained if spec.target == SPEC.source)
    arms = [spec for spec in trainer.trained if spec is not source]
    assert source == TransferSpec(
        SPEC.source, NetSpec("test_resnet"), optim=SPEC.source_optim, views=SPEC.views, seed=10
    )
    assert not source.views.is_none
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
    assert told[-1][0] == compare.n_trainings(SPEC)


def test_without_a_source_the_weights_are_those_named() -> None:
    spec = dataclasses.replace(SPEC, source=None, net=NetSpec("test_resnet", weights="hub:in1k"))
    _, _, trainer, _ = go(spec)
    assert {s.net.weights for s in trainer.trained} == {"scratch", "hub:in1k"}
    assert compare.n_trainings(spec) == len(trainer.trained) == 12


def test_nothing_to_transfer_is_refused() -> None:
    with pytest.raises(BadSpec, match="needs weights to transfer"):
        compare.source_spec(CompareSpec())
    with pytest.raises(BadSpec, match="needs weights to transfer"):
        go(CompareSpec())


@pytest.mark.parametrize("change", [{"steps": 39}, {"images": 399}])
def test_unequal_budgets_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(
        RunProblem, match=r"same budget\. Their (steps|pictures) differ: (39|399) of scratch and (40|400) of"
    ):
        go(trainer=Trainer(scratch=change))


def test_where_early_stopping_ends_runs_sooner_the_sentence_gives_the_range() -> None:
    spec = dataclasses.replace(SPEC, optim=dataclasses.replace(SPEC.optim, patience=2))
    trainer = Trainer()
    lengths = iter([16, 28, 36, 40, 44, 48])

    def train(runs: list[Run], ended: Callable[[Run], None]) -> None:
        for run in runs:
            trainer.train(run)
            assert isinstance(run.spec, TransferSpec)
            if run.spec.seed in (10, 11, 12) and run.spec.target == SPEC.target:
                steps, result = next(lengths), present(run.read(TrainingResult))
                result = msgspec.structs.replace(result, steps=steps, images=steps * 10)
                home.write_atomic(run.path / "result.json", msgspec.json.encode(result))
            ended(run)

    found = conduct(Run.create(spec), compare.compare(spec), train, lambda done, what: None).verdict
    assert (found.steps, found.images) == (48, 480)
    assert found.budget["scratch"] == {"steps": (16, 44), "images": (160, 440)}
    assert found.budget["transfer"] == {"steps": (28, 48), "images": (280, 480)}
    assert "16 to 44 steps and 160 to 440 pictures from scratch" in found.sentence
    assert "28 to 48 steps and 280 to 480 pictures with transfer" in found.sentence
    assert "Each run had" not in found.sentence


def test_equal_budgets_are_told_as_one() -> None:
    assert "Each run had 40 steps and 400 pictures." in go()[1].sentence


# -- the search ------------------------------------------------------------------------------------------


def training(wanted: Wanted) -> TransferSpec:
    assert isinstance(wanted.spec, TransferSpec)
    return wanted.spec


def test_no_rate_is_searched_on_a_seed_that_is_measured() -> None:
    for first, seeds in ((0, 3), (10, 50), (2**31 - 1, 50), (2**30, 2)):
        spec = dataclasses.replace(SPEC, first_seed=min(first, 2**31 - 60), seeds=seeds)
        measured = {training(w).seed for w in compare.measure_children(spec, {"scratch": 1e-3, "transfer": 1e-3})}
        assert search_seed(spec.first_seed) not in measured


def test_rates_are_ranked_by_the_weights_that_are_tested() -> None:
    """Without patience the last epoch is tested, and a rate that shone in an earlier one has no merit in that."""
    rates = (3e-4, 1e-3, 3e-3)
    found: dict[tuple[str, float], TrainingResult | None] = {
        (arm, lr): trained(
            val_accuracy=0.9 if lr == 3e-3 else 0.6,
            val_loss=1.0,
            tested_val_accuracy=0.3 if lr == 3e-3 else 0.6 - lr,
            tested_val_loss=1.0,
        )
        for arm in compare.ARMS
        for lr in rates
    }
    search = Search.of(compare.ARMS, rates, found)
    assert search.best_rates == {"scratch": 3e-4, "transfer": 3e-4}
    assert search.accuracy["scratch"]["0.003"] == 0.3


def test_a_rate_at_the_edge_of_the_grid_is_said() -> None:
    _, found, *_ = go(trainer=Trainer({"scratch": 3e-3, "transfer": 3e-4}))
    assert found.at_edge == {"scratch": "highest", "transfer": "lowest"}
    assert "The rate of scratch, 0.003, is the highest that was tried: a higher one may do better" in found.sentence
    assert "The rate of transfer, 0.0003, is the lowest that was tried: a lower one may do better" in found.sentence
    assert all(remark in found.sentence for remark in found.remarks)
    _, inside, *_ = go(dataclasses.replace(SPEC, first_seed=99), Trainer({"scratch": 1e-3, "transfer": 1e-3}))
    assert inside.at_edge == {} and "that was tried" not in inside.sentence


def test_the_rates_grow_where_the_best_lies_at_an_edge_for_both_arms() -> None:
    best = {"scratch": 3e-3, "transfer": 1e-5}
    run, found, trainer, _ = go(dataclasses.replace(SPEC, widen=2), Trainer(best))
    tried = {arm: {c.lr for c in run.children() if (c.role, c.arm) == ("search", arm)} for arm in compare.ARMS}
    assert tried["scratch"] == tried["transfer"] > {3e-4, 1e-3, 3e-3} and min(tried["scratch"]) < 1e-4
    assert found.at_edge.get("scratch") is None, "once it has grown the best lies inside"
    assert found.scratch_lr == 3e-3 and len(found.search["scratch"]) == len(tried["scratch"])
    assert len(trainer.trained) > compare.n_trainings(SPEC)


def test_a_single_rate_is_not_searched_and_not_called_the_best() -> None:
    spec = dataclasses.replace(SPEC, lrs=(1e-3,))
    _, found, trainer, _ = go(spec)
    assert compare.n_trainings(spec) == len(trainer.trained) == 7
    assert "The learning rate, 0.001 for both, was given and not searched" in found.sentence
    assert "the best of" not in found.sentence
    assert found.search == {"scratch": {}, "transfer": {}} and found.search_seed is None


def test_the_sentence_names_the_labels_that_were_used_for_choosing() -> None:
    _, found, *_ = go()
    assert "10 labelled pictures were learned from and 60 more used for choosing them." in found.sentence
    assert (found.n_train, found.n_val) == (10, 60)
    patient = dataclasses.replace(SPEC, optim=dataclasses.replace(SPEC.optim, patience=2))
    assert "used for choosing rates and epochs." in go(patient)[1].sentence


# -- an arm that has not learned, and what else a reader must know ---------------------------------------


def test_an_arm_at_chance_is_said_to_have_not_learned() -> None:
    """Of two classes, 48% from scratch: transfer does not help, scratch has not begun."""
    labels = [0, 1] * 200
    at_chance = {"labels": labels, "predictions": [0, 0, 1, 1] * 100}
    _, found, *_ = go(trainer=Trainer(scratch=at_chance, transfer={"labels": labels, "predictions": labels}))
    assert found.learning["scratch"] == ("not learned",) and found.learning["transfer"] == ()
    assert (
        "The scratch arm has not learned: its 50.0% cannot be told from always answering 'a', which gets 50.0%"
        in found.sentence
    )
    assert "The transfer arm has not learned" not in found.sentence
    assert found.majority == 0.5


def test_an_arm_that_was_still_climbing_is_told() -> None:
    class Climbing(Trainer):
        def train(self, run: Run) -> None:
            super().train(run)
            rows = [Row(e, e * 10, e * 1.5, "val", "accuracy", e / 10) for e in range(1, 9)]
            (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))

    _, found, *_ = go(trainer=Climbing())
    assert "climbing" in found.learning["scratch"]
    assert (
        "Both arms were still improving when the budget ended; with more epochs the gap may change." in found.sentence
    )


# -- source and target ------------------------------------------------------------------------------------


def test_a_source_that_may_share_examples_does_without_those_that_test_the_target() -> None:
    spec = dataclasses.replace(SPEC, source=DataSpec("blended_digits", n=300))
    source = compare.source_spec(spec)
    assert source is not None and source.without == dataclasses.replace(SPEC.target, shots=0)
    for other in ("digits~fog:3", "digits"):
        assert compare.source_spec(dataclasses.replace(SPEC, source=DataSpec(other))).without is not None  # type: ignore[union-attr]
    files = dataclasses.replace(SPEC, source=DataSpec("folder:/a"), target=DataSpec("npz:/b"))
    assert compare.source_spec(files).without is not None  # type: ignore[union-attr]
    drawn = compare.source_spec(SPEC)  # rendered digits are nobody's examples: one source serves all targets
    assert drawn is not None and drawn.without is None


def test_the_source_is_read_at_the_targets_size() -> None:
    spec = dataclasses.replace(SPEC, source=DataSpec("rendered_digits", size=96), target=DataSpec("digits", size=16))
    assert spec.source is not None and spec.source.size == 16
    source = compare.source_spec(spec)
    assert source is not None and source.target.size == 16


def test_what_was_taken_out_of_the_source_is_counted_and_told() -> None:
    spec = dataclasses.replace(SPEC, source=DataSpec("blended_digits"))
    _, found, *_ = go(spec, Trainer(scratch={"taken_out": 291}))
    assert found.taken_out == 291
    assert (
        "291 of the source's pictures also validate or test the target, as they are or saved again; they were removed"
        in found.sentence
    )
    _, seen, *_ = go(dataclasses.replace(spec, first_seed=5), Trainer(transfer={"seen_by_source": 7}))
    assert seen.seen_by_source == 7
    assert "learned from 7 of the pictures that validate or test the target" in seen.sentence


def test_children_are_a_function_of_the_spec_and_of_what_finished_children_found() -> None:
    """The pictures change while the study is stopped: another rate is best now, and nothing of before is weighed."""
    run, before, *_ = go()
    first = [c.id for c in run.children() if c.role == "measure"]
    for child in run.children():
        if child.role in ("search", "source"):
            Run.at(child.id).clear()
    again, after, *_ = go(trainer=Trainer({"scratch": 3e-4, "transfer": 1e-3}))
    assert again.id == run.id
    assert (before.scratch_lr, after.scratch_lr) == (1e-3, 3e-4)
    second = [c for c in run.children() if c.role == "measure"]
    assert len(second) == 6 and set(first).isdisjoint(c.id for c in second)
    assert {arm: len(runs) for arm, runs in compare.measuring_runs(run).items()} == {"scratch": 3, "transfer": 3}


def test_a_child_without_a_result_is_named() -> None:
    def train(runs: list[Run], ended: Callable[[Run], None]) -> None:
        for run in runs:
            run.write_status(state="stopped", message="by hand")

    with pytest.raises(RunProblem, match="must have a result. It is stopped: by hand"):
        conduct(Run.create(SPEC), compare.compare(SPEC), train, lambda done, what: None)


def test_curves_speed_and_flips_are_in_the_result() -> None:
    run = Run.create(SPEC)
    found = conduct(run, compare.compare(SPEC), Trainer(), lambda done, what: None)
    assert [m.name for m in found.metrics] == ["jump_start", "slope", "asymptote", "area_ratio"]
    assert all(m.seeds == 3 and m.value == 0 for m in found.metrics), "both arms have one curve"
    over = {s.over: s for s in found.speed_ups}
    assert set(over) == {"step", "epoch", "seconds"}, "pictures and FLOPs were not told by these trainings"
    assert (over["step"].scratch, over["step"].ratio, over["step"].reached) == (20.0, pytest.approx(1.0), 3)
    assert found.flips is not None and (found.flips.lost, found.flips.gained) == ([], list(range(50, 90)))
    assert [f.index for f in found.flips.pictures] == list(range(50, 74)), "answers are kept of the first few"
    assert found.mean_gflops == {"scratch": 1.5, "transfer": 1.5}
    told = "\n".join(lines(found))
    assert told.startswith(found.verdict.sentence)
    assert ["scratch", "50.0%"] in [line.split()[:2] for line in told.splitlines()] and "gap (95% interval)" in told
    assert "transfer needs as many steps (95% interval 1.0 … 1.0, 3 seeds)" in told
    assert "0 test pictures are right from scratch and wrong after transfer, and 40 the reverse" in told
    assert "Validation accuracy of scratch by rate: 0.0003: 50.0%, 0.001: 90.0%, 0.003: 50.0%." in told
    assert "the best is the lowest that was tried" in told, "of transfer"


def test_arms_that_differ_in_flops_are_flagged() -> None:
    _, found, *_ = go(trainer=Trainer(transfer={"gflops": 0.5}))
    flag = (
        "The arms differ in FLOPs: 0.5 GFLOPs (transfer) to 1.5 GFLOPs (scratch). Budgets are not equal. "
        "Steps and pictures are equal."
    )
    assert flag in found.remarks and flag in found.sentence
    assert "FLOPs" not in go(dataclasses.replace(SPEC, first_seed=70))[1].sentence


class Counting(Trainer):
    """An epoch from scratch costs 3 GFLOPs; one of the transfer arm 1, and 2 once for the features that it keeps."""

    def train(self, run: Run) -> None:
        super().train(run)
        spec = run.spec
        assert isinstance(spec, TransferSpec)
        once, each = (0.0, 3.0) if spec.net.weights == "scratch" else (2.0, 1.0)
        n = spec.optim.epochs
        rows = [Row(e, 10 * e, e * 1.0, "net", "gflops", once + each * e) for e in range(1, n + 1)]
        (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))
        result = present(run.read(TrainingResult))
        changed = msgspec.structs.replace(result, steps=10 * n, images=100 * n, gflops=once + each * n)
        home.write_atomic(run.path / "result.json", msgspec.json.encode(changed))


@pytest.mark.parametrize("lrs", [(1e-3,), (3e-4, 1e-3)])
def test_budgets_matched_in_flops_give_the_cheaper_arm_more_epochs(lrs: tuple[float, ...]) -> None:
    spec = dataclasses.replace(SPEC, matched="flops", lrs=lrs)
    run, found, trainer, _ = go(spec, Counting())
    measured = {c.arm: Run.at(c.id).spec for c in run.children() if c.role == "measure"}
    epochs = {arm: one.optim.epochs for arm, one in measured.items() if isinstance(one, TransferSpec)}
    assert epochs == {"scratch": 4, "transfer": 10}, "4 × 3 = 2 + 10 × 1"
    assert len(trainer.trained) == compare.n_trainings(spec)
    assert "Budgets are matched in FLOPs, as nearly as whole epochs allow: 40 steps and 400 pictures" in found.sentence
    assert "100 steps and 1,000 pictures with transfer. Rates were searched with 4 epochs." in found.sentence
    assert any("differ in steps" in remark for remark in found.remarks)
    assert not any("differ in FLOPs" in remark for remark in found.remarks)
    assert CompareSpec().to_json() == dataclasses.replace(CompareSpec(), matched="steps").to_json()
    assert "matched" not in SPEC.to_json(), "ids of earlier comparisons stay"


def test_flops_that_cannot_be_counted_cannot_be_matched() -> None:
    with pytest.raises(RunProblem, match="Those of the scratch arm cannot; match them in steps"):
        go(dataclasses.replace(SPEC, matched="flops"))


def test_curves_are_means_over_the_measuring_runs() -> None:
    run, *_ = go()
    found = compare.curves(run)
    assert found["scratch"].x == (10.0, 20.0)
    assert found["scratch"].y == pytest.approx((0.1, 0.2))
    assert compare.curves(run, x="seconds")["transfer"].x == (1.5, 3.0)
    assert compare.curves(run, "nothing")["transfer"].x == ()


def test_measured_is_in_the_order_of_seeds() -> None:
    run = Run.create(SPEC)
    measured = [Child(f"{seed}" * 6, "scratch", "measure", seed, 1e-3) for seed in (12, 10, 11)]
    run.write_children([*measured, Child("a" * 12, "source", "source", 10, 1e-3)])
    assert [r.id for r in compare.measuring_runs(run)["scratch"]] == ["10" * 6, "11" * 6, "12" * 6]
    assert compare.measuring_runs(run)["transfer"] == []


def test_a_study_hands_its_children_to_the_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs things here gets all of them, in stages, and a study ends with what they found."""
    from tltk.jobs import worker

    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Pretending")
    run = Run.create(SPEC)
    worker.execute(run)
    assert run.status.state == "done", run.status.message
    assert [child.role for child in run.children()] == ["source"] + ["search"] * 6 + ["measure"] * 6
    assert run.result()["verdict"]["scratch"] == run.result()["verdict"]["transfer"] == 0.5  # type: ignore[index]


def test_what_begins_with_the_weights_of_another_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stage that holds a source and what is transferred from it, what does not wait is trained beside it."""
    from tltk.jobs import pool

    source = Run.create(TransferSpec(DataSpec("digits")))
    after = Run.create(TransferSpec(DataSpec("digits"), NetSpec(weights=f"run:{source.id}")))
    beside = Run.create(TransferSpec(DataSpec("digits"), seed=1))
    begun: list[str] = []

    class Child:
        def __init__(self, unit: pool.Unit) -> None:
            (self.run,), self.asked = unit, 0

        def code(self) -> int | None:
            self.asked += 1
            if self.asked < 2:
                return None
            self.run.write_status(state="done")
            return 0

        def stop(self) -> None: ...

        def join(self) -> None: ...

        def waitable(self) -> None:
            return None

    def start(unit: pool.Unit, place: int) -> Any:
        begun.append(unit[0].id)
        if unit == (after,):
            assert source.status.state == "done"
        return Child(unit)

    ended: list[Run] = []
    pool.side_by_side([(after,), (source,), (beside,)], [0, 1], start, lambda: None, ended.append)
    assert set(begun[:2]) == {source.id, beside.id} and begun[2] == after.id and len(ended) == 3


def test_it_goes_on_until_it_can_be_told() -> None:
    """Seeds are added while the verdict cannot tell, at a level at which all looks together hold."""

    class Growing(Trainer):
        """The transfer arm is right on a few pictures more, on other ones with each seed."""

        more = 4

        def train(self, run: Run) -> None:
            super().train(run)
            spec = run.spec
            assert isinstance(spec, TransferSpec)
            if spec.net.weights != "scratch" and spec.target.shots:
                right = [0] * (50 + self.more) + [1] * (50 - self.more)
                found = run.read(TrainingResult)
                assert found is not None
                changed = msgspec.structs.replace(found, predictions=right[:])
                home.write_atomic(run.path / "result.json", msgspec.json.encode(changed))

    spec = dataclasses.replace(SPEC, most_seeds=8)
    assert compare.looks(spec) == [3, 5, 8] and compare.looks(SPEC) == [3]
    _, sure, trainer, _ = go(spec)
    assert len(sure.seeds) == 3 and len(trainer.trained) == compare.n_trainings(spec), "told at the first look"
    assert sure.level == pytest.approx(1 - 0.05 / 3)
    assert "It was looked at after 3 seeds of at most 8; the level is such that all 3 looks" in sure.sentence
    again = dataclasses.replace(spec, first_seed=400)
    _, unsure, more, _ = go(again, Growing())
    assert unsure.label == "cannot tell" and len(unsure.seeds) == 8
    assert "after 3, 5 and 8 seeds of at most 8" in unsure.sentence
    assert len(more.trained) == compare.n_trainings(again) + 2 * 5
    assert "looked at" not in go()[1].sentence and go()[1].level == 0.95


@pytest.mark.slow
def test_the_error_rate_holds_under_looking() -> None:
    """Studies without a gap, looked at after 3, 5 and 8 seeds and ended at the first look that tells something."""
    import numpy as np

    from tests.support.simulated import NO_GAP
    from tltk.verdicts.judge import classify_interval, look_level, paired_interval

    draw = np.random.default_rng(5)
    wrong = naive = 0
    count = 150
    for study in NO_GAP["moderate"](count, 8, 100, draw):
        told = [classify_interval(*paired_interval(study[:k], look_level(3))[1:], k) for k in (3, 5, 8)]
        plain = [classify_interval(*paired_interval(study[:k])[1:], k) for k in (3, 5, 8)]
        wrong += any(label in ("helps", "hurts") for label in told)
        naive += any(label in ("helps", "hurts") for label in plain)
    assert wrong <= 0.05 * count + 2 * (0.05 * 0.95 * count) ** 0.5
    assert wrong <= naive, "each look is at a higher level"


def test_arms_at_one_edge_are_told_together() -> None:
    _, found, *_ = go(trainer=Trainer({"scratch": 3e-3, "transfer": 3e-3}))
    assert found.sentence.count("that was tried") == 1
    assert "The rate of both arms, 0.003, is the highest that was tried: a higher one may do better" in found.sentence

"""Causes: what speaks for each, their order, their words, and counter-experiments, on trainings that are written down."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.support.results import trained
from tltk import home
from tltk.analyses.source_check.result import AttributeResult, ShiftAtLayer, SourceCheckResult
from tltk.analyses.source_check.spec import SourceCheckSpec
from tltk.errors import BadSpec, RunProblem, UnknownName
from tltk.jobs.checking import check_names
from tltk.results.rows import Row
from tltk.runs.run import Run
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.studies.causes import study
from tltk.studies.causes.facts import difference
from tltk.studies.causes.hypotheses import causes
from tltk.studies.causes.result import CauseResult, CausesResult
from tltk.studies.causes.spec import CausesSpec
from tltk.studies.causes.table import lines
from tltk.studies.study import conduct

SPEC = CausesSpec(
    source=DataSpec("shapes", n=400),
    target=DataSpec("shapes:hue=0.3", n=400),
    net=NetSpec("test_resnet"),
    optim=OptimSpec(epochs=8),
    technique="feature_extraction",
    lrs=(1e-3,),
    widen=0,
)
CLASSES = list("abcd")


def checked(**changes: Any) -> SourceCheckResult:
    """A source network that is as good on the target as at home; nothing speaks for any cause."""
    layers = [ShiftAtLayer(name, 0.01, 0.02, 0.6, 0.01, 0.02, 0.6) for name in ("stem", "layer1", "features")]
    found = SourceCheckResult(
        source_classes=CLASSES,
        target_classes=CLASSES,
        shared=CLASSES,
        matrix=(np.eye(4, dtype=int) * 50).tolist(),
        source_n=200,
        source_right=180,
        source_majority=50,
        target_n=200,
        target_right=180,
        target_majority=50,
        mapped_n=200,
        mapped_right=180,
        mapping=dict(zip(CLASSES, CLASSES, strict=True)),
        layers=layers,
        drawn="",
        probe_n=200,
        probe=0.9,
        probe_random=0.4,
        probe_gap=0.5,
        probe_lo=0.45,
        probe_hi=0.55,
        attributes=[AttributeResult("colour", 52, 20, 5, 5.0, 30, 8, 8.0)],
        sentence="As good.",
    )
    return msgspec.structs.replace(found, **changes)


APART = [ShiftAtLayer(name, 0.5, 0.02, 0.001, 0.4, 0.02, 0.001) for name in ("stem", "layer1", "features")]
FAILS: dict[str, Any] = {"target_right": 60, "mapped_right": 62}  # of 200
RAGGED: dict[str, Any] = {"probe": 0.41, "probe_gap": 0.01, "probe_lo": -0.03, "probe_hi": 0.05}


class Trainer:
    """Writes what trainings and the check would have found.

    Attributes:
        right: Training → how many of 400 test pictures are right, 100 of each class.
        checks: The check of a source network.
        made: Every spec that was run.
    """

    def __init__(
        self,
        right: Callable[[TransferSpec], int],
        checks: SourceCheckResult,
        curve: Callable[[TransferSpec], list[float]],
    ) -> None:
        self.right, self.checks, self.curve = right, checks, curve
        self.made: list[Any] = []

    def __call__(self, runs: list[Run], ended: Callable[[Run], None]) -> None:
        for run in runs:
            spec = run.spec
            if run.status.state != "done":
                self.made.append(spec)
                found: Any = self.checks
                if isinstance(spec, TransferSpec):
                    found = self._trained(run, spec)
                home.write_atomic(run.path / "result.json", json.dumps(msgspec.to_builtins(found)))
                run.write_status(state="done")
            ended(run)

    def _trained(self, run: Run, spec: TransferSpec) -> Any:
        labels = np.repeat(np.arange(4), 100)
        wrong = np.random.default_rng(spec.seed).permutation(400)[self.right(spec) :]
        named = labels.copy()
        named[wrong] = (labels[wrong] + 1) % 4
        rows = [Row(i + 1, 10 * i + 10, 1.0, "val", "accuracy", y) for i, y in enumerate(self.curve(spec))]
        (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))
        return trained(
            labels=labels.tolist(),
            predictions=named.tolist(),
            classes=CLASSES,
            n_val=100,
            n_train=400,
            boundary=5 if spec.strategy.name == "feature_extraction" else 0,
        )


def go(
    checks: SourceCheckResult | None = None,
    spec: CausesSpec = SPEC,
    right: Callable[[TransferSpec], int] = lambda s: 300 if s.net.weights == "scratch" else 200,
    curve: Callable[[TransferSpec], list[float]] = lambda s: [0.5] * 8,
) -> tuple[CausesResult, Trainer, Run]:
    trainer, run = Trainer(right, checks or checked(), curve), Run.create(spec)
    return conduct(run, study.causes(spec), trainer, lambda done, what: None), trainer, run


def of(found: CausesResult, name: str) -> CauseResult:
    return next(one for one in found.causes if one.name == name)


def test_its_children_and_that_nothing_speaks_for_anything_is_said() -> None:
    spec = dataclasses.replace(SPEC, lrs=(1e-3, 1e-2))  # a single rate would leave optimisation open
    found, trainer, run = go(spec=spec, right=lambda s: 300 if s.net.weights == "scratch" else 200)
    roles = [(c.role, c.arm) for c in run.children()]
    assert roles[0] == ("source", "source") and roles[-1] == ("question", "source")
    assert len(trainer.made) == study.n_trainings(spec)
    assert isinstance(trainer.made[-1], SourceCheckSpec)
    assert found.label == "hurts" and found.found == "unknown" and "Why is unknown" in found.sentence
    assert not [one for one in found.causes if one.level == "likely"]
    assert set(causes.names()) == {one.name for one in found.causes}


def test_where_transfer_helps_there_is_nothing_to_explain() -> None:
    found, *_ = go(checked(layers=APART, **FAILS), right=lambda s: 200 if s.net.weights == "scratch" else 300)
    assert found.found == "nothing" and found.sentence.endswith("there is nothing to explain.")
    assert not [r for r in found.remarks if "settles it" in r]


@pytest.mark.parametrize(
    ("name", "checks", "spec"),
    [
        ("covariate_shift", {"layers": APART, **FAILS}, {}),
        ("features_missing", RAGGED, {}),
        ("label_noise", {"source_right": 90}, {}),
        (
            "shortcut",
            {"attributes": [AttributeResult("colour", 190, 140, 130, 35.0, 150, 140, 30.0)], **FAILS},
            {},
        ),
        (
            "misaligned_classes",
            {**FAILS, "mapped_right": 180, "mapping": {"a": "b", "b": "a", "c": "c", "d": "d"}},
            {"labels": "both"},
        ),
    ],
)
def test_what_shows_a_cause_names_it(name: str, checks: dict[str, Any], spec: dict[str, Any]) -> None:
    found, *_ = go(checked(**checks), dataclasses.replace(SPEC, **spec))
    assert found.found == name, found.sentence
    assert [one.name for one in found.causes if one.level == "likely"] == [name]
    one = found.causes[0]
    assert 0 < one.score <= 1 and one.reason in found.sentence
    without, *_ = go(checked(), dataclasses.replace(SPEC, first_seed=10, **spec))
    assert of(without, name).level == "unlikely"


def test_classes_that_the_source_lacks_are_held_against_the_others() -> None:
    right = {"a": 100, "b": 100, "c": 20, "d": 20}

    class OfClass(Trainer):
        def _trained(self, run: Run, spec: TransferSpec) -> Any:
            result = super()._trained(run, spec)
            if spec.net.weights == "scratch":
                return result
            hits = [right[CLASSES[y]] > i % 100 for i, y in enumerate(result.labels)]
            named = [y if hit else (y + 1) % 4 for y, hit in zip(result.labels, hits, strict=True)]
            return msgspec.structs.replace(result, predictions=named)

    checks = checked(source_classes=["a", "b"], shared=["a", "b"])
    trainer, run = OfClass(lambda s: 300, checks, lambda s: [0.5] * 8), Run.create(SPEC)
    found = conduct(run, study.causes(SPEC), trainer, lambda done, what: None)
    assert found.found == "label_sets" and "2 of the target's 4 classes (c, d)" in found.sentence
    one = of(found, "label_sets")
    assert one.figures["difference, lo"] > 0.5 and one.figures["gap on classes that it has"] > 0
    assert one.counter.startswith("the target is left with the 2 classes")


def test_no_class_in_common_is_a_possibility_that_names_alone_cannot_show() -> None:
    checks = checked(source_classes=list("wxyz"), shared=[], target_n=0, target_right=0, target_majority=0)
    found, *_ = go(checks)
    assert of(found, "label_sets").level == "possible" and found.found == "unknown"
    assert {of(found, n).level for n in ("covariate_shift", "misaligned_classes", "label_noise")} == {"not judged"}
    assert "Label sets do not match" in found.sentence


def test_pictures_that_differ_without_harm_are_no_cause() -> None:
    found, *_ = go(checked(layers=APART))
    assert of(found, "covariate_shift").level != "likely" and found.found == "unknown"
    harm, *_ = go(checked(**FAILS), dataclasses.replace(SPEC, first_seed=9))
    assert of(harm, "covariate_shift").level == "unlikely", "accuracy is lost, but no layer tells the domains apart"


def test_misaligned_names_do_no_harm_where_the_classifier_is_new() -> None:
    found, *_ = go(checked(**{**FAILS, "mapped_right": 180}))
    one = of(found, "misaligned_classes")
    assert one.level == "unlikely" and "no name of the source is used" in one.reason


def test_what_another_cause_brings_about_is_told_after_it() -> None:
    found, *_ = go(checked(layers=APART, **FAILS, **RAGGED))
    likely = [one for one in found.causes if one.level == "likely"]
    assert [one.name for one in likely] == ["covariate_shift", "features_missing"]
    assert likely[1].behind == ["covariate_shift"] and likely[1].score > likely[0].score


def test_nothing_learned_and_rates_at_the_edge_are_optimisation() -> None:
    nothing, *_ = go(right=lambda s: 100)
    assert nothing.found == "optimisation" and "Neither arm has learned" in nothing.sentence
    rising = [0.2, 0.2, 0.3, 0.3, 0.4, 0.5, 0.6, 0.8]
    late, *_ = go(
        spec=dataclasses.replace(SPEC, first_seed=5),
        curve=lambda s: [0.5] * 8 if s.net.weights == "scratch" else rising,
    )
    assert late.found == "optimisation" and "In the last quarter" in late.sentence


def test_features_of_worth_that_bring_nothing_in_the_end_are_a_target_large_enough() -> None:
    found, *_ = go(right=lambda s: 300)
    one = of(found, "target_large")
    assert found.found == "target_large" and one.score > 0.9 and "45.0 … 55.0" in one.reason
    behind, *_ = go(spec=dataclasses.replace(SPEC, first_seed=7))
    assert of(behind, "target_large").level == "unlikely", "what ends behind is not explained by enough pictures"
    same, *_ = go(spec=dataclasses.replace(SPEC, yardstick="fine_tune", first_seed=8), right=lambda s: 300)
    assert of(same, "target_large").level == "not judged", "both begin with the source's weights"


def test_enough_pictures_are_told_after_every_other_cause() -> None:
    found, *_ = go(checked(layers=APART, **FAILS), right=lambda s: 300)
    assert [one.name for one in found.causes if one.level == "likely"] == ["covariate_shift", "target_large"]


def test_a_counter_experiment_repeats_nothing_and_its_answer_is_written_back() -> None:
    checks = checked(layers=APART, **FAILS)
    right = lambda s: 300 if s.net.weights == "scratch" else 320 if s.net.norm == "target" else 200  # noqa: E731
    first, _, run = go(checks, right=right)
    (sentence, asked), *_ = study.follow_ups(SPEC, first)
    assert asked.counter == ("covariate_shift",) and "Covariate shift" in sentence
    assert to_command(asked) == of(first, "covariate_shift").command
    found, trainer, _ = go(checks, asked, right)
    assert {s.net.norm for s in trainer.made} == {"target"} and len(trainer.made) == 7, "a source and both arms anew"
    one = found.causes[0]
    assert one.name == found.found == "covariate_shift" and one.outcome is not None
    assert one.outcome.answer == "confirmed" and one.outcome.change == pytest.approx(0.3)
    assert "is confirmed" in found.sentence and one.outcome.sentence in found.sentence
    assert "covariate_shift" not in {s.counter[-1] for _, s in study.follow_ups(asked, found)}


def test_what_a_counter_experiment_does_not_change_is_not_the_cause() -> None:
    asked = dataclasses.replace(SPEC, counter=("covariate_shift",))

    def right(s: TransferSpec) -> int:
        return 300 if s.net.weights == "scratch" else 160 if s.net.norm == "target" else 200

    found, *_ = go(checked(layers=APART, **FAILS), asked, right)
    one = of(found, "covariate_shift")
    assert one.outcome is not None and one.outcome.answer == "not confirmed"
    assert found.found == "unknown" and found.causes[-1] is one
    same, *_ = go(checked(layers=APART, **FAILS), dataclasses.replace(asked, first_seed=11))
    again = of(same, "covariate_shift").outcome
    assert again is not None and again.answer == "cannot tell", "it changed nothing at all"


def test_the_shell_says_what_speaks_for_each_and_how_to_settle_it() -> None:
    found, *_ = go(checked(layers=APART, **FAILS))
    text = "\n".join(lines(found))
    assert found.sentence in text and "tltk causes" in text and "--counter covariate_shift" in text
    for one in found.causes:
        assert one.reason in text


@pytest.mark.parametrize(
    ("changes", "fault", "told"),
    [
        ({"source": None}, BadSpec, "no source"),
        ({"technique": "scratch"}, BadSpec, "against another"),
        ({"technique": "bananas"}, UnknownName, "bananas"),
        ({"counter": ("bad_luck",)}, UnknownName, "bad_luck"),
        ({"technique": "fine_tune", "yardstick": "all"}, BadSpec, "are the same"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], fault: type[Exception], told: str) -> None:
    with pytest.raises(fault, match=told):
        check_names(dataclasses.replace(SPEC, **changes))


def test_it_goes_to_json_and_back() -> None:
    spec = dataclasses.replace(SPEC, counter=("shortcut", "label_sets"))
    assert read_spec(spec.to_json()) == spec and spec.counter == ("label_sets", "shortcut")
    assert dataclasses.replace(spec, counter=("label_sets", "shortcut")).run_id == spec.run_id


def test_arms_that_are_tested_on_other_pictures_are_told() -> None:
    class Fewer(Trainer):
        def _trained(self, run: Run, spec: TransferSpec) -> Any:
            result = super()._trained(run, spec)
            if spec.net.weights == "scratch":
                return result
            return msgspec.structs.replace(result, labels=result.labels[:9], predictions=result.predictions[:9])

    trainer = Fewer(lambda s: 300, checked(), lambda s: [0.5] * 8)
    with pytest.raises(RunProblem, match="the same pictures"):
        conduct(Run.create(SPEC), study.causes(SPEC), trainer, lambda done, what: None)


def test_every_cause_is_taught_and_cites() -> None:
    for name in causes:
        kind = causes[name]
        assert kind.title and len(causes.summary(name)) < 140
        assert "Reference:" in (kind.__doc__ or "") and set(kind.before) <= set(causes.names())


def test_a_difference_of_shares_is_newcombe_s() -> None:
    """His example: 56 of 70 and 48 of 80, 0.0524 … 0.3339 (Newcombe 1998, Table II a, method 10)."""
    found = difference(56, 70, 48, 80)
    assert (found.value, found.lo, found.hi) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)

"""How good a finished training is elsewhere: classes by name, its own figures again, calibration, a second training."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tltk as api
from tests.support.shell import here, refused, said, tltk  # noqa: F401 – a fixture
from tltk.analyses.evaluate.result import EvaluateResult
from tltk.analyses.evaluate.spec import EvaluateSpec
from tltk.data import load
from tltk.jobs import executor
from tltk.runs.run import Run
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, TermSpec
from tltk.specs.training import TransferSpec

pytestmark = pytest.mark.usefixtures("here")
TARGET = DataSpec("digits", n=300, size=16)
SOURCE = DataSpec("rendered_digits", n=200, size=16)
OPTIM = OptimSpec(epochs=6, lr=1e-2, batch_size=16, device="cpu")
PLAIN = TransferSpec(TARGET, NetSpec("test_resnet"), optim=OPTIM)


def trained(spec: TransferSpec = PLAIN) -> Run:
    run = executor().submit(spec)
    assert run.status.state == "done", run.status.message
    return run


def ask(run: Run, *on: str, **more: Any) -> EvaluateResult:
    found = api.ask(EvaluateSpec(run.id, on, bootstrap=more.pop("bootstrap", 20), **more))
    assert isinstance(found, EvaluateResult)
    return found


def test_on_its_own_target_it_is_what_it_was() -> None:
    for spec in (
        PLAIN,
        dataclasses.replace(PLAIN, source=SOURCE, labels="source", terms=(TermSpec("coral"),)),
        dataclasses.replace(PLAIN, source=SOURCE, labels="both"),
    ):
        run = trained(spec)
        result: dict[str, Any] = run.result() or {}
        one = ask(run).domains[0]
        assert one.accuracy.value == pytest.approx(result["accuracy"], abs=1e-7)
        assert (one.accuracy.lo, one.accuracy.hi) == (result["accuracy_lo"], result["accuracy_hi"])
        assert one.macro_f1.value == pytest.approx(result["macro_f1"], abs=1e-6) and one.majority == result["majority"]
        assert one.reliability.loss == pytest.approx(result["loss"], abs=1e-4)
        assert one.n == len(result["labels"]) == sum(map(sum, one.confusion)) and one.seen == 0
        table = np.array(one.confusion)
        assert [c.n for c in one.classes] == table.sum(1).tolist()


def test_pictures_that_it_learned_from_are_told() -> None:
    run = trained()
    found = ask(run, "digits", part="all")
    split = load(TARGET).split(TARGET, 0)
    assert found.domains[0].seen == len(split.train)
    assert "optimistic" in found.remarks[-1]


def classes_on_disk(folder: Path, classes: dict[str, int]) -> str:
    """Digits as files, under names of classes."""
    domain = load(TARGET)
    for name, digit in classes.items():
        (folder / name).mkdir(parents=True)
        for i in np.flatnonzero(domain.labels == digit)[:12]:
            Image.fromarray(np.ascontiguousarray(domain.images[i].transpose(1, 2, 0))).save(folder / name / f"{i}.png")
    return f"folder:{folder}"


def test_classes_are_matched_by_name_and_what_is_not_is_told(tmp_path: Path) -> None:
    run = trained()
    name = classes_on_disk(tmp_path / "set", {"3": 3, "7": 7, "zebra": 1})
    found = ask(run, name, part="all")
    one = found.domains[0]
    assert one.matched == ["3", "7"] and one.unknown == ["zebra"] and len(one.absent) == 8
    assert (one.n, one.left_out) == (24, 12) and [c.n for c in one.classes] == [12, 12]
    told = api.predict(run, [f"{tmp_path}/set/3", f"{tmp_path}/set/7"]).classes
    assert one.accuracy.value == sum(a == b for a, b in zip(told, ["3"] * 12 + ["7"] * 12, strict=True)) / 24
    nothing = classes_on_disk(tmp_path / "other", {"cat": 1, "dog": 2})
    for verb in ("evaluate", "errors", "saliency"):
        refused([verb, run.id, "--on", nothing], "must have a class that the training knows")


def test_temperature_is_fitted_on_validation_pictures_and_changes_no_prediction() -> None:
    one = ask(trained(dataclasses.replace(PLAIN, optim=dataclasses.replace(OPTIM, epochs=3)))).domains[0]
    assert one.scaled is not None and one.scaled.temperature != 1
    assert one.scaled.bins != one.reliability.bins
    right = [sum((b.accuracy or 0) * b.n for b in bins) for bins in (one.reliability.bins, one.scaled.bins)]
    assert right[0] == pytest.approx(right[1]) == pytest.approx(one.accuracy.value * one.n)


def test_two_classes_have_a_threshold() -> None:
    run = trained(dataclasses.replace(PLAIN, target=dataclasses.replace(TARGET, name="subset:3+8@digits", n=0)))
    second, first = ask(run).domains[0].threshold, ask(run, positive="3").domains[0].threshold
    assert second is not None and first is not None
    assert (second.positive, first.positive) == ("8", "3") and second.n_val > 0
    assert second.sensitivity is not None and second.specificity is not None
    assert second.balanced_accuracy == pytest.approx((second.sensitivity + second.specificity) / 2)
    refused_by = api.EvaluateSpec(run.id, positive="4")
    with pytest.raises(api.UnknownName, match="positive class"):
        api.ask(refused_by)
    refused(["evaluate", trained().id, "--positive", "4"], "leave out --positive")


def test_two_trainings_are_compared_picture_by_picture() -> None:
    run, other = trained(), trained(dataclasses.replace(PLAIN, seed=1, optim=dataclasses.replace(OPTIM, lr=1e-6)))
    rival = ask(run, "blended_digits", "digits", against=other.id, part="all").domains[1].rival
    assert rival is not None and rival.run == other.id and rival.n == 300
    told = [api.predict(one, "digits").result for one in (run, other)]
    right = [np.equal([one.classes[c] for c in one.predicted], one.labels) for one in told]
    assert rival.gap == pytest.approx(right[0].mean() - right[1].mean()) and rival.accuracy == right[1].mean()
    assert rival.lo <= rival.gap <= rival.hi and rival.sentence.startswith("Better on 300 pictures")


def test_the_shell() -> None:
    run = trained()
    done = tltk("evaluate", run.id[:6], "--on", "rendered_digits", "--on", "digits", "--bootstrap", "20")
    assert done.exit_code == 0, done.output
    for words in ("balanced", "10 classes matched by name", "ECE", "Taken most often", "validation pictures"):
        assert words in done.stdout
    found = said("evaluate", run.id, "--on", "rendered_digits", "--on", "digits", "--bootstrap", "20")
    assert [one["domain"] for one in found["result"]["domains"]] == ["rendered_digits", "digits"]
    spec = EvaluateSpec(run.id, ("digits", "a b"), "all", "abcdef", "x", 20, 8, 3)
    assert to_command(spec) == (
        f"tltk evaluate {run.id} --on digits --on 'a b' --part all --against abcdef --positive x --bootstrap 20 "
        "--batch 8 --seed 3"
    )


def test_what_cannot_be_meant_is_refused_before_anything_is_queued() -> None:
    run = trained()
    refused(["evaluate", run.id, "--on", "nothing"], "domain")
    refused(["evaluate", run.id, "--on", "folder:/nowhere"], "nothing there")
    refused(["evaluate", run.id, "--on", ""], "must be named")
    refused(["evaluate", run.id, "--on", "digits", "--on", "digits"], "each once")
    refused(["evaluate", run.id, "--against", run.id], "names the same run")
    refused(["evaluate", run.id, "--against", "abcdef"], "A run must be one of")
    refused(["evaluate", "abcdef"], "A run must be one of")
    unlabelled = dataclasses.replace(PLAIN, labels="none", terms=(TermSpec("denoising"),))
    refused(["evaluate", trained(unlabelled).id], "must have learned from labels")
    (run.path / "model.safetensors").unlink()
    refused(["evaluate", run.id], "weights")

"""Results as a worker would leave them, small, for tests that need one and not the work behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from tltk.analyses.describe.result import DescribeResult
from tltk.analyses.embed.result import EmbedResult, Frame
from tltk.analyses.import_weights.result import ImportWeightsResult
from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.rank.result import JudgedRanking
from tltk.results.layers import Layer
from tltk.results.ranking import PairResult
from tltk.results.training import Adaptation, Pick, TrainingResult
from tltk.results.verdict import ClassGap, Verdict
from tltk.specs.reading import result_class, spec_kinds
from tltk.studies.atlas.result import AtlasResult, JourneyResult
from tltk.studies.causes.result import CauseResult, CausesResult, OutcomeResult
from tltk.studies.compare.result import CompareResult
from tltk.studies.cross_validate.result import CrossValidateResult, FoldedArmResult, FoldResult
from tltk.studies.labels.result import CrossingResult, LabelCurveResult, LabelsResult, WorthResult
from tltk.studies.plane.result import PlaneResult, PointResult
from tltk.studies.race.result import ArmResult, RaceResult
from tltk.studies.sweep.result import DepthCurveResult, SignResult, SweepResult
from tltk.studies.sweep.spec import ARMS as SWEEP_ARMS
from tltk.studies.tune.result import SettingResult, TrialResult, TuneResult

BEFORE = Path(__file__).parents[1] / "contract" / "results_of_before"  # results as the version before wrote them
DIGITS = list("0123456789")
LAYERS = ("stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0")


def inspected(classes: list[str] = DIGITS, each: int = 100, **more: Any) -> InspectResult:
    """A domain of so many pictures of each class."""
    n = each * len(classes)
    found = InspectResult(
        classes=classes,
        counts=[each] * len(classes),
        n=n,
        channels=3,
        mean=[0.5, 0.4, 0.3],
        std=[0.2, 0.2, 0.2],
        train=n // 2,
        val=n // 4,
        test=n // 4,
        skipped=[],
        licence="CC BY 4.0",
        source="a <place>",
        shown=2 * len(classes),
        shown_labels=[c for c in range(len(classes)) for _ in "12"],
    )
    return msgspec.structs.replace(found, **more)


def described(size: int = 36) -> DescribeResult:
    """A network of five layers."""
    layers = [Layer(i, name, 1000 << i, 10**6, (8, 4, 4), 128) for i, name in enumerate(LAYERS)]
    return DescribeResult("test_resnet", size, 3, layers, 96, 0.02, "cpu")


def embedded(method: str = "pca", **more: Any) -> EmbedResult:
    """Two pictures of each domain, at every layer and before the head."""
    near, names = [[1, 2], [0, 2], [1, 3], [2, 1]], [*LAYERS, "features"]
    frames = [
        Frame(i, name, "", [0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, float(i)], near, 0.9, 0.5, 0.25)
        for i, name in enumerate(names)
    ]
    n = {"target": 2, "source": 2}
    found = EmbedResult(names, frames, [0, 0, 1, 1], ["0", "1", "0", "1"], n, method, "layers", {"all": 1.0})
    return msgspec.structs.replace(found, **more)


def imported(**more: Any) -> ImportWeightsResult:
    """A file of weights with a classifier of eleven classes."""
    found = ImportWeightsResult(
        name="",
        weights="file:net.safetensors",
        backbone="test_resnet",
        guessed=True,
        candidates=["test_resnet"],
        layout="timm",
        part="",
        parameters=470_000,
        channels=3,
        classifier="classifier of 11 classes",
        classes=11,
        class_names=[],
        tensors=60,
        bytes=1_900_000,
        sha256="0" * 64,
        licence="unknown",
        data="",
        notes=[],
    )
    return msgspec.structs.replace(found, **more)


def trained(**more: Any) -> TrainingResult:
    """A training whose test accuracy is 42%."""
    found = TrainingResult(
        accuracy=0.42,
        macro_f1=0.4,
        loss=1.5,
        predictions=[0, 0],
        labels=[0, 1],
        val_accuracy=0.4,
        val_loss=1.6,
        best_epoch=2,
        epochs=2,
        steps=10,
        images=320,
        seconds=2.0,
        gflops=1.5,
        n_train=50,
        depth=5,
        layers=["a", "b", "c", "d", "e", "head"],
        boundary=2,
        frozen_tensors=18,
        frozen_moved=0,
        cached=True,
        device="cpu",
        classes=["a", "b"],
    )
    return msgspec.structs.replace(found, **more)


def compared(label: str, gap: float, **more: Any) -> CompareResult:
    """A comparison with this verdict."""
    found = Verdict(
        label=label,
        gap=gap,
        lo=gap - 0.05,
        hi=gap + 0.05,
        scratch=0.3,
        transfer=0.3 + gap,
        seeds=(0, 1, 2),
        n_test=790,
        sentence=f"The sentence that says {label}.",
        per_class=(ClassGap("0", 0.1, 0.3, 0.2, 0.1, 0.3, "helps"),),
        steps=40,
        images=2560,
        scratch_lr=0.01,
        transfer_lr=0.003,
        search={arm: {"0.003": 0.3, "0.01": 0.35} for arm in ("scratch", "transfer")},
        jump_start=0.05,
        area_ratio=0.4,
        steps_to_scratch_best=10,
        speed_up_steps=3.0,
        seconds_to_scratch_best=1.0,
        speed_up_seconds=2.5,
    )
    return CompareResult(found, **more)


def raced(adapts: bool = False, names: tuple[str, ...] = ("lora+l2_sp", "fine_tune", "scratch")) -> RaceResult:
    """A race of which the last arm is behind, and the others cannot be told apart."""
    arms = [
        ArmResult(
            name,
            0.8 - 0.05 * i * i,
            0.76 - 0.05 * i * i,
            0.84 - 0.05 * i * i,
            1 if name != names[-1] else len(names),
            len(names) - 1 if name != names[-1] else len(names),
            1e-3,
            "",
            0.7,
            40,
            2560,
            1.5,
            2.0,
            300 * (i + 1),
            1000,
            picks={"information_maximisation": 0.7} if adapts else {},
            oracle=0.9 - 0.05 * i if adapts else None,
        )
        for i, name in enumerate(names)
    ]
    pairs = [
        PairResult(a.name, b.name, b.accuracy - a.accuracy, -0.3, 0.1, "cannot tell")
        for i, a in enumerate(arms)
        for b in arms[i + 1 :]
    ]
    sentence = f"{names[0]} has the highest mean, 80.0% of the test pictures right."
    return RaceResult(arms, pairs, sentence, ["The rate of scratch, 0.003, is the highest."], [0, 1, 2], 790, 50)


def labelled(yard: str = "scratch") -> LabelsResult:
    """Two techniques at three numbers of labels; they cross between the last two."""
    shots = [5, 10, 40]
    curves = [
        LabelCurveResult(name, shots, values, [v - 0.05 for v in values], [v + 0.05 for v in values], [1e-3] * 3)
        for name, values in ((yard, [0.3, 0.5, 0.9]), ("fine_tune", [0.5, 0.6, 0.8]))
    ]
    worth = [
        WorthResult("fine_tune", 5, 10.0, 8.0, 14.0, ""),
        WorthResult("fine_tune", 10, 14.1, 11.0, None, ""),
        WorthResult("fine_tune", 40, None, None, None, "above"),
    ]
    crossings = [CrossingResult("fine_tune", 20.0, "helps", "hurts")]
    sentence = f"With 5 labels per class, fine_tune is as accurate as {yard} with 10."
    return LabelsResult(curves, worth, crossings, sentence, ["A remark of caution."], [0, 1, 2], 790, 10)


def swept(arms: tuple[str, ...] = SWEEP_ARMS) -> SweepResult:
    """All arms of a sweep, at three depths of a network of five layers."""
    gaps = {
        "AnB": [0.02, -0.05, -0.2],
        "AnB+": [0.05, 0.06, 0.08],
        "BnB": [0.0, -0.04, 0.0],
        "BnB+": [0.01, 0.0, 0.01],
        "random": [-0.02, -0.1, -0.3],
    }
    curves = [
        DepthCurveResult(
            arm,
            [1, 3, 5],
            [0.7 + g for g in gaps[arm]],
            gaps[arm],
            [g - 0.03 for g in gaps[arm]],
            [g + 0.03 for g in gaps[arm]],
        )
        for arm in arms
    ]
    signs = [SignResult("specific", "yes", "Upper layers are specific to the source: 1 layer serves better than 5.")]
    names = [*LAYERS, "head"]
    return SweepResult(
        0.7,
        0.66,
        0.74,
        curves,
        signs,
        "From scratch 70.0% are right.",
        ["As in the paper."],
        1e-3,
        [0, 1, 2],
        790,
        names,
        "rendered_digits",
        "digits",
    )


def planed() -> PlaneResult:
    """Three techniques in a plane: a path of two values, and one that is behind in both."""
    told = (("l2_sp:weight=1", "l2_sp:weight", 0.7, 0.6), ("l2_sp:weight=0.1", "l2_sp:weight", 0.8, 0.4))
    points = [
        PointResult(name, path, x, x - 0.04, x + 0.04, y, y - 0.1, y + 0.1, 0.9 - y, path != "bias")
        for name, path, x, y in (*told, ("bias", "bias", 0.6, 0.3))
    ]
    return PlaneResult(points, raced(), 0.9, "The front is made of l2_sp:weight=1 and l2_sp:weight=0.1.")


def tuned() -> TuneResult:
    """A search of four trials: the third is the best, the second was pruned, the last diverged."""
    settings = [
        SettingResult("fine_tune", lr, 2 * (i % 2), "flip+crop") for i, lr in enumerate((1e-3, 1e-4, 3e-3, 0.1))
    ]
    trials = [
        TrialResult(1, settings[0], "1" * 12, 0.70, "done", 10, 4.0),
        TrialResult(2, settings[1], "2" * 12, 0.31, "pruned", 3, 1.2),
        TrialResult(3, settings[2], "3" * 12, 0.76, "done", 10, 4.1),
        TrialResult(4, settings[3], "4" * 12, None, "diverged", 0, 0.2),
    ]
    gap: dict[str, Any] = {"gap": 0.02, "lo": -0.01, "hi": 0.05, "label": "cannot tell", "noise": 0.04}
    default, best = (0.70, 0.66, 0.74), (0.72, 0.68, 0.76)
    said = "Cannot tell whether tuning helps: the best of 4 trials was +6.0 points better."
    return TuneResult(
        trials, 3, 0.06, *default, *best, **gap, metric="accuracy", seeds=[0, 1, 2], n_test=400, n_val=100,
        sentence=said, remarks=["Pruned: 1, after 3 of their 10 epochs."],
    )  # fmt: skip


def mapped() -> AtlasResult:
    """Three domains, of which one pair hurts; the distance of one pair is not known."""
    names = ["digits", "rendered_digits", "blended_digits"]
    pairs = [(a, b) for a in names for b in names if a != b]
    journeys = [
        JourneyResult(a, b, 0.6, gap, gap - 0.05, gap + 0.05, label, None if i == 5 else 0.1 * i)
        for i, ((a, b), gap, label) in enumerate(
            zip(
                pairs, (0.2, 0.1, -0.3, 0.02, 0.15, 0.0), ("helps", "helps", "hurts", *["cannot tell"] * 3), strict=True
            )
        )
    ]
    scratch = dict.fromkeys(names, 0.5)
    return AtlasResult(names, scratch, journeys, -0.4, -0.9, 0.5, "One pair hurts.", ["A remark."], [0, 1, 2])


def caused() -> CausesResult:
    """Three causes: one that is shown and confirmed, one that stands behind it, one that nothing speaks for."""
    answer = OutcomeResult("confirmed", 0.05, 0.25, 0.2, 0.3, "Confirmed: the gap is +5.0 points.")
    command = "tltk causes --counter features_missing"
    causes = [
        CauseResult("covariate_shift", "likely", 0.6, "It fails.", [], {"accuracy lost": 0.5}, "adapted", "", answer),
        CauseResult("features_missing", "likely", 0.8, "No.", ["covariate_shift"], {}, "all layers learn", command),
        CauseResult("label_sets", "unlikely", 0.0, "Both have the same classes.", [], {}, "", ""),
    ]
    sentence = "Transfer hurts: the cause is confirmed: covariate shift."
    gap = (-0.2, -0.25, -0.15)
    return CausesResult(
        causes, "covariate_shift", "hurts", *gap, 0.5, 0.7, sentence, ["A remark."], [0, 1, 2], 790, 100, "0" * 12
    )


def cross_validated(names: tuple[str, ...] = ("feature_extraction", "fine_tune")) -> CrossValidateResult:
    """Two techniques on three folds, of which the second is better."""
    arms = []
    for i, name in enumerate(names):
        scores = [0.7 + 0.1 * i, 0.75 + 0.1 * i, 0.8 + 0.1 * i]
        folds = [FoldResult(1, f, score, score, score, 1e-3, 20, 40) for f, score in enumerate(scores, start=1)]
        mean, lo, hi = (x + 0.1 * i for x in (0.75, 0.65, 0.85))
        arms.append(FoldedArmResult(name, mean, lo, hi, mean, mean, folds, 40, 320, 2.0))
    gap = PairResult(names[0], names[1], 0.1, 0.05, 0.15, "helps") if len(names) == 2 else None
    sentence = f"{names[-1]} is better than {names[0]}: 85.0% of the pictures of unseen folds are right."
    return CrossValidateResult(arms, gap, sentence, ["A remark."], 3, 1, 60)


def written_round_trips(run: dict[str, Any]) -> None:
    """What a run printed, and what its worker wrote, read strictly as the class of its kind: JSON → class → JSON."""
    kind = result_class(spec_kinds()[run["kind"]])
    written = json.loads((Path(run["path"]) / "result.json").read_text())
    shown = JudgedRanking if run["kind"] == "rank" else kind
    for found, one in ((written, kind), (run["result"], shown)):
        again = msgspec.to_builtins(msgspec.json.decode(json.dumps(found), type=one, strict=True))
        assert json.loads(json.dumps(again, allow_nan=False)) == found


def adapted(**more: Any) -> TrainingResult:
    """A training without the target's labels: entropy picks its first epoch, the oracle its second."""
    found = Adaptation(0.5, [Pick("entropy", 1, 0.25)], Pick("oracle", 2, 0.75))
    return trained(adaptation=found, source_accuracy=0.75, source_accuracy_before=None, **more)

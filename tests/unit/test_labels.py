"""What transferred weights are worth in labels: read off curves whose truth is known."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from tests.support.results import trained
from tltk.errors import BadSpec
from tltk.jobs.checking import check_names
from tltk.results.training import TrainingResult
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.reading import read_spec
from tltk.studies.arms import Measured, Search
from tltk.studies.labels.spec import LabelsSpec
from tltk.studies.labels.study import arms, between, cell, cross, examples, n_trainings, weigh, worth_in_labels
from tltk.studies.labels.table import lines

SHOTS = (5, 10, 20, 40)
SPEC = LabelsSpec(source=DataSpec("rendered_digits", n=100), net=NetSpec("test_resnet"), shots=SHOTS)


def scores(share: float, seeds: int = 3, n: int = 400, luck: float = 0.0, seed: int = 0) -> np.ndarray[Any, Any]:
    """A share of the examples is right, the same ones for each seed but for a share that luck decides."""
    draw = np.random.default_rng(seed)
    right = np.repeat((np.arange(n) < round(share * n))[None], seeds, 0)
    return np.where(draw.random((seeds, n)) < luck, draw.random((seeds, n)) < share, right).astype(float)


def yardstick(luck: float = 0.0) -> list[Any]:
    """10 points for each doubling of the labels: 50, 60, 70, 80%."""
    return [scores(0.5 + 0.1 * i, luck=luck, seed=i) for i in range(len(SHOTS))]


@pytest.mark.parametrize(("share", "labels"), [(0.6, 10.0), (0.65, 10 * math.sqrt(2)), (0.55, 5 * math.sqrt(2))])
def test_worth_is_where_the_yardstick_is_as_accurate(share: float, labels: float) -> None:
    found = worth_in_labels("tune", 5, scores(share), SHOTS, yardstick())
    assert found.labels == pytest.approx(labels, rel=1e-3) and not found.beyond
    assert found.lo is not None and found.hi is not None and found.lo < labels < found.hi


def test_its_interval_is_the_paired_test_inverted() -> None:
    from tltk.verdicts.judge import paired_interval

    mine, yard = scores(0.66, luck=0.2, seed=9), yardstick(0.2)
    found = worth_in_labels("tune", 5, mine, SHOTS, yard)
    assert found.lo is not None and found.hi is not None

    def told(n: float) -> bool:
        _, lo, hi = paired_interval(mine - between(SHOTS, yard, n))
        return lo > 0 or hi < 0

    assert told(found.lo * 0.97) and not told(found.lo * 1.01)
    assert told(found.hi * 1.03) and not told(found.hi * 0.99)


def test_outside_the_range_it_says_so() -> None:
    above = worth_in_labels("tune", 5, scores(0.95), SHOTS, yardstick())
    assert (above.labels, above.beyond, above.hi) == (None, "above", None) and above.lo == 40
    below = worth_in_labels("tune", 5, scores(0.2), SHOTS, yardstick())
    assert (below.labels, below.beyond, below.lo) == (None, "below", None) and below.hi == 5
    near = worth_in_labels("tune", 5, scores(0.81), SHOTS, yardstick())
    assert near.beyond == "above" and near.lo is not None and near.lo < 40 and near.hi is None


@pytest.mark.slow
def test_the_interval_covers_the_truth() -> None:
    """400 pictures, the arms' luck independent: at least 36 of 40 intervals hold 10 · √2 labels."""
    draw, covered = np.random.default_rng(0), 0
    easy = draw.random(400)  # how hard each picture is, common to all arms
    for _ in range(40):

        def arm(share: float) -> Any:
            return (easy[None] + 0.15 * draw.standard_normal((3, 400)) < share).astype(float)

        def mean(share: float) -> float:
            from scipy.stats import norm

            return float(norm.cdf((share - easy) / 0.15).mean())

        yard = [arm(0.3 + 0.1 * i) for i in range(4)]
        # the truth: where the line between two expected accuracies reaches that of the arm
        low, high, own = mean(0.4), mean(0.5), mean(0.45)
        truth = 10 * 2 ** ((own - low) / (high - low))
        found = worth_in_labels("tune", 5, arm(0.45), SHOTS, yard)
        covered += (found.lo or 0) <= truth <= (found.hi or math.inf)
    assert covered >= 36


def test_curves_that_cross_are_told() -> None:
    mine = [scores(s) for s in (0.65, 0.68, 0.69, 0.7)]
    (found,) = cross("tune", SHOTS, mine, yardstick())
    assert (found.before, found.after) == ("helps", "hurts")
    assert found.labels == pytest.approx(10 * 2 ** (0.08 / 0.09), rel=1e-6)
    assert cross("tune", SHOTS, yardstick(), yardstick()) == []


def measured(spec: LabelsSpec, share: dict[str, list[float]]) -> Measured:
    results: dict[str, list[TrainingResult]] = {}
    found: dict[str, Any] = {}
    for word in spec.arms:
        for shots, right in zip(spec.shots, share[word], strict=True):
            name = cell(word, shots)
            found[name] = scores(right)
            results[name] = [trained(labels=[0] * 400, predictions=[0] * 400)] * 3
    return Measured(Search(dict.fromkeys(found, 1e-3), {}, {}), results, found, {})


def test_the_study_says_what_each_is_worth() -> None:
    spec = dataclasses.replace(SPEC, arms=("scratch", "fine_tune"))
    found = weigh(measured(spec, {"scratch": [0.5, 0.6, 0.7, 0.8], "fine_tune": [0.7, 0.72, 0.74, 0.76]}), spec)
    assert found.sentence.startswith("With 5 labels per class, fine_tune is as accurate as scratch with 20 (95% int")
    assert "fine_tune helps at first and hurts from about 28 labels on" in found.sentence
    assert [c.name for c in found.curves] == ["scratch", "fine_tune"] and found.n_test == 400
    text = "\n".join(lines(found))
    assert "With 10 labels per class, fine_tune is as accurate as scratch with 23" in text


def test_every_cell_has_its_labels_and_nothing_else_differs() -> None:
    made = {name: arm(1e-3, 0) for name, arm in arms(SPEC).items()}
    assert len(made) == 3 * 4 and {one.target.shots for one in made.values()} == set(SHOTS)
    for shots in SHOTS:
        assert made[cell("fine_tune", shots)].target == dataclasses.replace(SPEC.target, shots=shots)
    assert made[cell("scratch", 5)].net.weights == "scratch"
    assert made[cell("fine_tune", 5)].net.weights == f"run:{examples(SPEC)[0].run_id}"
    assert n_trainings(SPEC) == 1 + 12 * 3 + 12 * 3
    check_names(SPEC)


def test_it_goes_to_json_and_to_the_shell() -> None:
    assert read_spec(SPEC.to_json()) == SPEC
    assert "--shots 5,10,20,40" in to_command(SPEC)


@pytest.mark.parametrize("changes", [{"shots": (5,)}, {"shots": (0, 5)}, {"arms": ("scratch",)}, {"lrs": ()}])
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadSpec):
        dataclasses.replace(SPEC, **changes)

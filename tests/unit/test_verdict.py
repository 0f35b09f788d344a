"""The verdict's statistics: against an independent bootstrap, against known truth, and by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tltk.errors import BadSpec
from tltk.results import Curve, Verdict
from tltk.verdict import (
    area_ratio,
    judge,
    jump_start,
    label_of,
    mean_curve,
    paired_bootstrap,
    time_to_best,
)


def study(n_seeds: int, n: int, gap: float, between: float, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Transfer right − scratch right, (seeds, pictures), whose expectation is `gap` exactly.

    A picture's difficulty and its own gain are shared by all seeds; a seed moves each arm as a whole.
    """
    hard, gain = rng.uniform(-0.15, 0.15, n), rng.uniform(-0.1, 0.1, n)
    arms = (
        rng.uniform(-1, 1, (2, n_seeds, 1)) * between * math.sqrt(3)
    )  # uniform: sd `between`, never out of 0…1
    scratch = rng.random((n_seeds, n)) < 0.45 + hard + arms[0]
    transfer = rng.random((n_seeds, n)) < 0.45 + gap + hard + gain + arms[1]
    return transfer.astype(float) - scratch.astype(float)


def loop_bootstrap(
    difference: np.ndarray[Any, Any], level: float, resamples: int, seed: int
) -> np.ndarray[Any, Any]:
    """The same definition in plain loops: replicates of the widened mean over drawn seeds and pictures."""
    n_seeds, n = difference.shape
    rng = np.random.default_rng(seed)
    wide = (
        math.sqrt(n_seeds / (n_seeds - 1))
        * stats.t.ppf((1 + level) / 2, n_seeds - 1)
        / stats.norm.ppf((1 + level) / 2)
    )
    found = []
    for _ in range(resamples):
        pictures = [int(i) for i in rng.integers(0, n, n)]
        seeds = [int(k) for k in rng.integers(0, n_seeds, n_seeds)]
        of_seed = [sum(difference[k][i] for i in pictures) / n for k in range(n_seeds)]
        middle = sum(of_seed) / n_seeds
        found.append(middle + wide * (sum(of_seed[k] for k in seeds) / n_seeds - middle))
    return np.array(found)


@pytest.mark.parametrize(("n_seeds", "level"), [(3, 0.95), (5, 0.9), (2, 0.95)])
def test_the_bootstrap_is_the_one_written_out_in_loops(n_seeds: int, level: float) -> None:
    difference = study(n_seeds, 40, 0.1, 0.05, np.random.default_rng(n_seeds))
    mean, low, high = paired_bootstrap(difference, level, resamples=20_000, seed=1)
    theirs = loop_bootstrap(difference, level, 2500, 2)
    assert mean == pytest.approx(difference.mean())
    tail = (1 - level) / 2
    # Where our bounds fall in their distribution: a share of `tail` outside each, within sampling error.
    assert abs((theirs < low).mean() - tail) < 0.012
    assert abs((theirs > high).mean() - tail) < 0.012


def test_without_spread_between_seeds_the_interval_is_that_of_the_pictures() -> None:
    one = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 400, p=[0.1, 0.6, 0.3])
    mean, low, high = paired_bootstrap(np.stack([one] * 3), resamples=20_000)
    half = 1.96 * one.std() / 20
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.1 * half)


def test_equal_arms_have_no_gap_and_no_width() -> None:
    assert paired_bootstrap(np.zeros((3, 50))) == (0, 0, 0)


def test_the_same_numbers_give_the_same_interval() -> None:
    difference = study(3, 50, 0.1, 0.05, np.random.default_rng(0))
    assert paired_bootstrap(difference) == paired_bootstrap(difference)
    assert paired_bootstrap(difference, seed=1) != paired_bootstrap(difference)


def test_a_single_seed_is_only_resampled_over_pictures() -> None:
    difference = study(1, 100, 0.1, 0.0, np.random.default_rng(0))
    mean, low, high = paired_bootstrap(difference)
    assert low < mean < high


def coverage(n_seeds: int, between: float, monkeypatch: pytest.MonkeyPatch | None = None) -> float:
    if monkeypatch is not None:
        monkeypatch.setattr("tltk.verdict._widening", lambda n, level: 1.0)
    rng, hits, studies = np.random.default_rng(20 + n_seeds), 0, 300
    for k in range(studies):
        _, low, high = paired_bootstrap(study(n_seeds, 200, 0.1, between, rng), resamples=1000, seed=k)
        hits += low <= 0.1 <= high
    return hits / studies


@pytest.mark.parametrize(("n_seeds", "between"), [(3, 0.02), (3, 0.1), (5, 0.1)])
def test_the_interval_covers_the_true_gap(n_seeds: int, between: float) -> None:
    """Share of 300 studies (200 test pictures, gap .10) whose 95 % interval holds the true gap.

    Measured, with the Student widening and (in brackets) without it:

        sd between seeds, of each arm    .02             .06             .10
        3 seeds                          1.000 (.997)    1.000 (.903)    .990 (.850)
        5 seeds                          1.000 (1.000)   .983 (.963)     .967 (.907)

    Where seeds hardly differ it covers too often: the pictures' noise also shows as a spread of seeds.
    """
    assert coverage(n_seeds, between) >= 0.93


def test_without_the_widening_three_seeds_cover_too_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the Student widening is for: the plain bootstrap over three seeds promises 95 % and keeps less."""
    assert coverage(3, 0.1, monkeypatch) < 0.9


@pytest.mark.parametrize(
    ("low", "high", "n_seeds", "label"),
    [
        (0.01, 0.2, 3, "helps"),
        (-0.2, -0.01, 3, "hurts"),
        (-0.1, 0.1, 3, "cannot tell"),
        (0.0, 0.1, 3, "cannot tell"),
        (-0.1, 0.0, 3, "cannot tell"),
        (0.01, 0.2, 2, "cannot tell"),
        (-0.2, -0.1, 1, "cannot tell"),
        (math.nan, math.nan, 3, "cannot tell"),
    ],
)
def test_labels(low: float, high: float, n_seeds: int, label: str) -> None:
    assert label_of(low, high, n_seeds) == label


# -- curves --------------------------------------------------------------------------------------------

SCRATCH = Curve("scratch", (10.0, 20.0, 30.0), (0.2, 0.5, 0.4))
TRANSFER = Curve("transfer", (10.0, 20.0, 30.0), (0.45, 0.5, 0.8))
EMPTY = Curve("scratch", (), ())


def test_jump_start_by_hand() -> None:
    assert jump_start(SCRATCH, TRANSFER) == pytest.approx(0.25)
    assert jump_start(EMPTY, TRANSFER) == 0


def test_area_ratio_by_hand() -> None:
    """Scratch: 10·(.2+.5)/2 + 10·(.5+.4)/2 = 8; transfer: 10·(.45+.5)/2 + 10·(.5+.8)/2 = 11.25."""
    assert area_ratio(SCRATCH, TRANSFER) == pytest.approx((11.25 - 8) / 8)
    assert area_ratio(EMPTY, TRANSFER) == 0
    assert area_ratio(Curve("s", (10.0,), (0.2,)), Curve("t", (10.0,), (0.4,))) == 0
    assert area_ratio(Curve("s", (10.0, 20.0), (0.0, 0.0)), TRANSFER) == 0


def test_time_to_best_by_hand() -> None:
    assert time_to_best(SCRATCH, TRANSFER) == (20, 1)
    assert time_to_best(SCRATCH, replace(TRANSFER, y=(0.5, 0.6, 0.7))) == (10, 2)
    assert time_to_best(SCRATCH, replace(TRANSFER, y=(0.1, 0.2, 0.3))) == (None, None)
    assert time_to_best(EMPTY, TRANSFER) == (None, None)
    assert time_to_best(SCRATCH, Curve("t", (0.0, 1.0), (0.6, 0.7))) == (0, None)
    # The best that comes twice counts when it came first.
    assert time_to_best(replace(SCRATCH, y=(0.5, 0.2, 0.5)), TRANSFER) == (20, 0.5)


def test_mean_curve_has_students_band() -> None:
    curves = [Curve("a", (1.0, 2.0), (0.1, 0.4), x_unit="step"), Curve("b", (1.0, 2.0), (0.3, 0.4)),
              Curve("c", (1.0, 2.0), (0.2, 0.7))]  # fmt: skip
    found = mean_curve("arm", curves)
    assert (found.label, found.x, found.x_unit) == ("arm", (1.0, 2.0), "step")
    assert found.y == pytest.approx((0.2, 0.5))
    for i in range(2):
        low, high = stats.t.interval(
            0.95, 2, np.mean([c.y[i] for c in curves]), stats.sem([c.y[i] for c in curves])
        )
        assert (found.lo[i], found.hi[i]) == pytest.approx((low, high))


def test_mean_curve_of_early_stopped_none_and_one() -> None:
    found = mean_curve("a", [Curve("a", (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)), Curve("b", (1.0,), (0.3,)), EMPTY])
    assert found.x == (1.0, 2.0, 3.0)
    assert found.y == pytest.approx((0.2, 0.25, 0.3))
    assert mean_curve("a", []) == mean_curve("a", [EMPTY]) == Curve("a", (), ())
    one = mean_curve("a", [SCRATCH])
    assert one.lo == one.y == one.hi


# -- judge ---------------------------------------------------------------------------------------------


def verdict(difference: Any, labels: Any = None, **changes: Any) -> Verdict:
    """A verdict on given differences: −1 = only scratch right, 0 = both, 1 = only transfer."""
    difference = np.asarray(difference)
    n_seeds, n = difference.shape
    labels = np.zeros(n, np.int64) if labels is None else np.asarray(labels)
    given: dict[str, Any] = {
        "seeds": list(range(n_seeds)), "steps": 1234, "images": 56_789,
        "lrs": {"scratch": 0.003, "transfer": 0.0003},
        "search": {"scratch": {"0.003": 0.4, "0.0003": 0.3}, "transfer": {"0.003": 0.4, "0.0003": 0.5}},
        "by_step": {"scratch": SCRATCH, "transfer": TRANSFER},
        "by_second": {"scratch": SCRATCH, "transfer": replace(TRANSFER, x=(1.0, 2.0, 3.0))},
        "shots": 5,
    }  # fmt: skip
    return judge(difference <= 0, difference >= 0, labels, ["cat", "dog", "eel"], **(given | changes))


HELPS = np.repeat([[1.0] * 60 + [-1.0] * 10 + [0.0] * 30], 3, axis=0)


def test_the_sentence_has_every_figure() -> None:
    found = verdict(HELPS)
    assert (found.label, found.gap, found.n_test, found.seeds) == ("helps", 0.5, 100, (0, 1, 2))
    assert (found.scratch, found.transfer) == (0.4, 0.9)
    for part in (
        "Transfer helps: with 5 labels per class", "gets 90.0 % of 100 test pictures right",
        "from scratch 40.0 %",
        "gap is +50.0 points", f"95 % interval +{100 * found.lo:.1f} … +{100 * found.hi:.1f}, 3 seeds",
        "1,234 steps and 56,789 pictures", "0.003 for scratch and 0.0003 for transfer",
        "best of 2 on the validation",
    ):  # fmt: skip
        assert part in found.sentence
    assert (found.steps_to_scratch_best, found.speed_up_steps) == (20, 1)
    assert (found.seconds_to_scratch_best, found.speed_up_seconds) == (2, 10)
    assert (found.jump_start, found.area_ratio) == (pytest.approx(0.25), pytest.approx(3.25 / 8))


def test_the_other_signs_and_label_counts() -> None:
    hurts = verdict(-HELPS, shots=1)
    assert hurts.label == "hurts"
    assert "Transfer hurts: with 1 label per class" in hurts.sentence
    assert "gap is −50.0 points" in hurts.sentence
    assert "with all labels" in verdict(HELPS, shots=0).sentence


def test_cannot_tell_says_what_would_settle_it() -> None:
    two = verdict(HELPS[:2])
    assert two.label == "cannot tell"
    assert two.sentence.endswith("A verdict needs at least 3 seeds.")

    even = verdict(np.repeat([[1.0] * 10 + [-1.0] * 10 + [0.0] * 80], 3, axis=0))
    assert "closer than half a point" in even.sentence

    few_pictures = verdict(np.repeat([[1.0] * 6 + [-1.0] * 4 + [0.0] * 10], 3, axis=0))
    assert few_pictures.sentence.endswith("more test pictures would.")

    # Seeds of gap 0, .1, .2 on 1,000 pictures: the seeds are what is missing.
    noisy = np.zeros((3, 1000))
    noisy[1, :100] = noisy[2, :200] = 1
    found = verdict(noisy)
    assert found.label == "cannot tell"
    pictures = noisy.mean(0).var() / 1000
    needed = next(
        k for k in range(3, 99) if 1.96**2 * pictures + stats.t.ppf(0.975, k - 1) ** 2 * 0.01 / k < 0.1**2
    )
    assert f"About {max(needed, 4)} seeds would settle a gap of this size" in found.sentence


def test_each_class_holds_at_bonferronis_level() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([0] * 60 + [2] * 40)  # class 1 does not occur
    difference = study(3, 100, 0.1, 0.05, rng)
    found = verdict(difference, labels)
    assert [c.name for c in found.per_class] == ["cat", "eel"]
    for c, at in zip(found.per_class, (labels == 0, labels == 2), strict=True):
        assert (c.gap, c.lo, c.hi) == paired_bootstrap(difference[:, at], 1 - 0.05 / 2)
        assert c.gap == pytest.approx(c.transfer - c.scratch)
        assert c.label == label_of(c.lo, c.hi, 3)
        assert c.hi - c.lo > np.subtract(*paired_bootstrap(difference[:, at])[:0:-1])  # wider than at 95 %


@pytest.mark.parametrize("seeds", [[0, 1], [0, 1, 2, 3]])
def test_other_seeds_than_rows_are_refused(seeds: list[int]) -> None:
    with pytest.raises(BadSpec, match="same seeds and test pictures"):
        verdict(HELPS, seeds=seeds)


def test_unequal_arms_are_refused() -> None:
    right = np.ones((3, 4), bool)
    rest: dict[str, Any] = {
        "steps": 1, "images": 1, "lrs": {}, "search": {}, "by_step": {}, "by_second": {},
    }  # fmt: skip
    for other, n in ((right[:2], 4), (right[:, :3], 4), (right, 5)):
        with pytest.raises(BadSpec, match="same seeds and test pictures"):
            judge(right, other, np.zeros(n, np.int64), ["a"], [0, 1, 2], **rest)

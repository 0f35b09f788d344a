"""The verdict's statistics: against an independent bootstrap, against known truth, and by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.support import simulated
from tltk.errors import BadSpec
from tltk.results.curves import Curve
from tltk.verdicts.judge import (
    area_ratio,
    classify_interval,
    diagnose_learning,
    judge,
    jump_start,
    mean_curve,
    mean_interval,
    paired_interval,
    sign_flip_p,
    time_to_best,
)


def study(n_seeds: int, n: int, gap: float, between: float, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Transfer right − scratch right, (seeds, pictures), whose expectation is `gap` exactly.

    A picture's difficulty and its own gain are shared by all seeds; a seed moves each arm as a whole.
    """
    hard, gain = rng.uniform(-0.15, 0.15, n), rng.uniform(-0.1, 0.1, n)
    arms = rng.uniform(-1, 1, (2, n_seeds, 1)) * between * math.sqrt(3)  # uniform: sd `between`, never out of 0…1
    scratch = rng.random((n_seeds, n)) < 0.45 + hard + arms[0]
    transfer = rng.random((n_seeds, n)) < 0.45 + gap + hard + gain + arms[1]
    return transfer.astype(float) - scratch.astype(float)


# -- the interval --------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", [0.02, 0.1])  # seeds that hardly differ, and seeds that differ much
def test_each_end_is_as_its_definition_written_out(between: float) -> None:
    """Mean squares in plain loops; Satterthwaite's t the seeds' mean square enlarged in its degrees of freedom."""
    difference = study(4, 90, 0.1, between, np.random.default_rng(3))
    n_seeds, n = difference.shape
    mean = sum(float(x) for row in difference for x in row) / (n_seeds * n)
    rows, columns = [r.mean() for r in difference], [c.mean() for c in difference.T]
    seed = n * sum((r - mean) ** 2 for r in rows) / (n_seeds - 1)
    example = n_seeds * sum((c - mean) ** 2 for c in columns) / (n - 1)
    rest = sum((difference[i, k] - rows[i] - columns[k] + mean) ** 2 for i in range(n_seeds) for k in range(n)) / (
        (n_seeds - 1) * (n - 1)
    )
    total = max(seed + max(example - rest, 0), example)
    larger = seed * (n_seeds + 1) / (n_seeds - 1)
    freedom = (total - seed + larger) ** 2 / (
        larger**2 / (n_seeds - 1) + example**2 / (n - 1) + rest**2 / ((n_seeds - 1) * (n - 1))
    )
    deviation = math.sqrt(total / (n_seeds * n))
    found, low, high = paired_interval(difference)
    assert found == pytest.approx(mean) and mean > 0
    assert low == pytest.approx(mean - stats.t.ppf(1 - 0.05 / 2, freedom) * deviation)
    assert high == pytest.approx(mean + stats.t.ppf(1 - 0.05 / 4, freedom) * deviation)
    assert paired_interval(-difference) == pytest.approx((-found, -high, -low))
    both = mean_interval(np.abs(difference))
    assert both[2] - both[0] == pytest.approx(both[0] - both[1])


def test_a_mean_s_interval_is_within_what_a_score_can_be() -> None:
    assert mean_interval(np.ones((3, 1))) == (1.0, 0.0, 1.0)
    mean, low, high = mean_interval(np.ones((3, 40)))
    assert mean == high == 1 and 0.93 < low < 0.97
    assert mean_interval(np.zeros((3, 40))) == pytest.approx((0.0, 0.0, 1 - low))


def test_with_one_seed_it_is_students_t_over_the_examples() -> None:
    one = study(1, 200, 0.1, 0.0, np.random.default_rng(0))
    assert one.mean() > 0
    low, high = (stats.t.ppf(tail, 199, one.mean(), stats.sem(one[0])) for tail in (0.05 / 2, 1 - 0.05 / 4))
    assert paired_interval(one) == pytest.approx((one.mean(), low, high))


@pytest.mark.parametrize(("n", "seeds"), [(1, 3), (1, 1), (1, 50), (2, 3), (5, 3), (5, 10)])
def test_few_examples_that_all_go_one_way_say_nothing(n: int, seeds: int) -> None:
    """Five coins fall alike with chance 1/16: more than one in twenty."""
    mean, low, high = paired_interval(np.ones((seeds, n)))
    assert mean == 1
    assert low <= 0 and high == 1
    assert judge(np.zeros((seeds, n)), np.ones((seeds, n))).label == "cannot tell"


def test_six_examples_that_all_go_one_way_are_enough() -> None:
    assert judge(np.zeros((3, 6)), np.ones((3, 6))).label == "helps"
    assert judge(np.ones((3, 6)), np.zeros((3, 6))).label == "hurts"


@pytest.mark.parametrize("values", [[1.0] * 6, [1.0, 0.5, -0.25], [0.75] * 4 + [-0.5] * 3, [1 / 3, 2 / 3, -1, 1]])
def test_the_sign_flip_probability_is_a_count_over_all_signs(values: list[float]) -> None:
    from itertools import product

    reached = abs(sum(values))
    flips = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in product((-1, 1), repeat=len(values))
    ]
    expected = np.mean([f >= reached - 1e-9 for f in flips])
    seeds = 3 if 1 / 3 in values else 4  # means over so many seeds, so that their sums are whole
    assert sign_flip_p(np.array(values), seeds) == pytest.approx(expected)


def test_examples_that_do_not_differ_have_no_say_in_the_sign_flip() -> None:
    assert sign_flip_p(np.zeros(5)) == 1
    assert sign_flip_p(np.array([1.0, 0, 0, 1, 1])) == sign_flip_p(np.ones(3)) == 0.25


def test_arms_that_are_alike_have_no_gap_but_a_width_that_falls_with_their_number() -> None:
    few, many = paired_interval(np.zeros((3, 50))), paired_interval(np.zeros((3, 5000)))
    assert few[0] == many[0] == 0
    assert 0.02 < few[2] < 0.06
    assert 0 < many[2] < 0.001


# -- simulations, of known truth -----------------------------------------------------------------------


@pytest.mark.parametrize(("n_seeds", "between"), [(3, 0.02), (3, 0.1), (5, 0.1)])
def test_the_interval_covers_the_true_gap(n_seeds: int, between: float) -> None:
    rng = np.random.default_rng(20 + n_seeds)
    found = [paired_interval(study(n_seeds, 200, 0.1, between, rng)) for _ in range(1000)]
    assert np.mean([low <= 0.1 <= high for _, low, high in found]) >= 0.935  # .95 less two standard errors


@pytest.mark.parametrize("noise", simulated.NOISE)
@pytest.mark.parametrize(("seeds", "n"), [(3, 20), (3, 100), (5, 100), (10, 100), (5, 800)])
def test_coverage_and_false_verdicts_over_a_grid(noise: str, seeds: int, n: int) -> None:
    """`python -m tests.benchmarks interval` has the whole grid, with rivals."""
    rng, count = np.random.default_rng(7), 500
    for gap in (0.0, simulated.GAP):
        found = simulated.studies(count, seeds, n, 0.7, gap, noise, rng)
        covers, _, _ = simulated.outcomes(paired_interval, found, gap)
        assert covers >= 0.94 - 0.025  # 500 studies: two standard errors are .02


@pytest.mark.parametrize(("seeds", "n", "noise"), [(3, 800, "seedy"), (10, 100, "seedy"), (10, 100, "quiet")])
def test_a_gap_of_arms_that_are_nearly_always_right_is_covered(seeds: int, n: int, noise: str) -> None:
    """.93 against .98: small gaps come with small spreads, and an interval of equal ends covers .93."""
    found = simulated.studies(1000, seeds, n, 0.93, simulated.GAP, noise, np.random.default_rng(5))
    covers, _, _ = simulated.outcomes(paired_interval, found, simulated.GAP)
    assert covers >= 0.94 - 0.015  # two standard errors


def test_power_is_more_than_the_bootstraps() -> None:
    rng = np.random.default_rng(1)
    found = simulated.studies(300, 3, 800, 0.7, simulated.GAP, "quiet", rng)
    ours, theirs = (
        simulated.outcomes(way, found, simulated.GAP)[1] for way in (paired_interval, simulated.paired_bootstrap)
    )
    assert ours > theirs + 0.2


@pytest.mark.parametrize("kind", simulated.NO_GAP)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 12, 20])
def test_a_false_verdict_of_any_class_is_as_rare_as_it_says(kind: str, n: int) -> None:
    """20 classes without a gap, so many test examples each, three seeds: at most one study in twenty may name one."""
    rng, count = np.random.default_rng(n), 4000
    level = 1 - 0.05 / 20
    found = np.array([paired_interval(d, level)[1:] for d in simulated.NO_GAP[kind](count, 3, n, rng)])
    assert found.min() >= -1 and found.max() <= 1
    false = ((found[:, 0] > 0) | (found[:, 1] < 0)).sum()
    # Of 4,000 classes ten may be false; more than 19 happens once in 300 times.
    assert false <= 19


@pytest.mark.parametrize("kind", simulated.NO_GAP)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 12, 20, 50])
def test_a_false_verdict_overall_is_as_rare_as_it_says(kind: str, n: int) -> None:
    rng, count = np.random.default_rng(100 + n), 1000
    found = np.array([paired_interval(d)[1:] for d in simulated.NO_GAP[kind](count, 3, n, rng)])
    assert ((found[:, 0] > 0) | (found[:, 1] < 0)).mean() <= 0.05 + 0.02  # two standard errors and a half


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
        (-0.01, 0.01, 3, "no difference"),
        (-0.005, 0.0, 3, "no difference"),
        (-0.011, 0.01, 3, "cannot tell"),
        (0.001, 0.005, 3, "helps"),
        (-0.001, 0.001, 2, "cannot tell"),
    ],
)
def test_labels(low: float, high: float, n_seeds: int, label: str) -> None:
    assert classify_interval(low, high, n_seeds) == label


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


def test_the_area_ratio_is_over_the_range_that_both_have() -> None:
    """.8 throughout against .6 throughout is a third more, wherever either of them stopped."""
    scratch = Curve("s", tuple(range(10, 110, 10)), (0.6,) * 10)
    stopped = Curve("t", tuple(range(10, 60, 10)), (0.8,) * 5)
    assert area_ratio(scratch, stopped) == pytest.approx(1 / 3)
    assert area_ratio(stopped, scratch) == pytest.approx(-1 / 4)
    between = Curve("t", (25.0, 47.0), (0.8, 0.8))  # evaluated at other steps
    assert area_ratio(scratch, between) == pytest.approx(1 / 3)
    rising = Curve("s", (0.0, 10.0, 20.0), (0.0, 1.0, 0.0))
    assert area_ratio(rising, Curve("t", (0.0, 20.0), (1.0, 1.0)), until=10) == pytest.approx(1)
    assert area_ratio(scratch, Curve("t", (200.0, 300.0), (0.8, 0.8))) == 0  # nothing in common


def test_time_to_best_by_hand() -> None:
    assert time_to_best(SCRATCH, TRANSFER) == (20, 1)
    assert time_to_best(SCRATCH, replace(TRANSFER, y=(0.5, 0.6, 0.7))) == (10, 2)
    assert time_to_best(SCRATCH, replace(TRANSFER, y=(0.1, 0.2, 0.3))) == (None, None)
    assert time_to_best(EMPTY, TRANSFER) == (None, None)
    assert time_to_best(SCRATCH, Curve("t", (0.0, 1.0), (0.6, 0.7))) == (0, None)
    # The best that comes twice counts when it came first.
    assert time_to_best(replace(SCRATCH, y=(0.5, 0.2, 0.5)), TRANSFER) == (20, 0.5)


def test_mean_curve_has_students_band() -> None:
    curves = [
        Curve("a", (1.0, 2.0), (0.1, 0.4), x_unit="step"),
        Curve("b", (1.0, 2.0), (0.3, 0.4)),
        Curve("c", (1.0, 2.0), (0.2, 0.7)),
    ]
    found = mean_curve("arm", curves)
    assert (found.label, found.x, found.x_unit) == ("arm", (1.0, 2.0), "step")
    assert found.y == pytest.approx((0.2, 0.5))
    for i in range(2):
        low, high = stats.t.interval(0.95, 2, np.mean([c.y[i] for c in curves]), stats.sem([c.y[i] for c in curves]))
        assert (found.lo[i], found.hi[i]) == pytest.approx((low, high))


def test_mean_curve_of_early_stopped_none_and_one() -> None:
    found = mean_curve("a", [Curve("a", (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)), Curve("b", (1.0,), (0.3,)), EMPTY])
    assert found.x == (1.0, 2.0, 3.0)
    assert found.y == pytest.approx((0.2, 0.25, 0.3))
    assert mean_curve("a", []) == mean_curve("a", [EMPTY]) == Curve("a", (), ())
    one = mean_curve("a", [SCRATCH])
    assert one.lo == one.y == one.hi


# -- judge ---------------------------------------------------------------------------------------------

BETTER = np.repeat([[1.0] * 60 + [0.0] * 10 + [1.0] * 30], 3, axis=0)
WORSE = np.repeat([[0.0] * 60 + [1.0] * 10 + [1.0] * 30], 3, axis=0)


def test_the_verdict_on_anybodys_scores() -> None:
    found = judge(WORSE, BETTER, names=("mine", "theirs"))
    assert (found.label, found.gap, found.n_test, found.seeds) == ("helps", 0.5, 100, (0, 1, 2))
    assert (found.scratch, found.transfer) == (0.4, 0.9)
    assert found.sentence == (
        f"Helps: mine scores 40.0% on average over 100 examples, theirs 90.0%. The gap is +50.0 points "
        f"(95% interval +{100 * found.lo:.1f} … +{100 * found.hi:.1f}, 3 seeds)."
    )
    other = judge(BETTER, WORSE)
    assert other.label == "hurts"
    assert (other.lo, other.hi) == pytest.approx((-found.hi, -found.lo))
    assert other.sentence.startswith("Hurts: the first scores 90.0%")


def test_shares_are_scores_as_right_and_wrong_are() -> None:
    rng = np.random.default_rng(0)
    overlap = rng.random((4, 300)) * 0.5
    assert judge(overlap, overlap + 0.1).label == "helps"
    assert judge(overlap, overlap).gap == 0


def test_no_difference_is_said_of_a_whole_interval_not_of_a_small_gap() -> None:
    rng = np.random.default_rng(0)
    few = (rng.random((3, 20)) < 0.5).astype(float)
    close = judge(few, np.flip(few, 1))
    assert close.gap == pytest.approx(0, abs=1e-12) and close.label == "cannot tell"
    assert "no difference" not in close.sentence.lower()
    many = (rng.random((3, 4000)) < 0.9).astype(float)
    nearly = many.copy()
    for row in nearly:  # four fewer and four more
        row[np.flatnonzero(row == 1)[:4]], row[np.flatnonzero(row == 0)[:4]] = 0, 1
    same = judge(many, nearly)
    assert same.label == "no difference"
    assert -0.01 <= same.lo < 0 < same.hi <= 0.01
    assert "The whole interval lies within ±1 point: it makes no difference which one you take." in same.sentence
    assert judge(many, nearly, delta=1e-5).label == "cannot tell"


def test_a_gain_too_small_to_matter_is_told_as_one() -> None:
    a = np.zeros((3, 20_000))
    b = a.copy()
    b[:, :100] = 1
    found = judge(a, b)
    assert found.label == "helps" and found.hi < 0.01
    assert "within the ±1 point that count as no difference" in found.sentence


def test_cannot_tell_says_what_would_settle_it() -> None:
    assert judge(WORSE[:2], BETTER[:2]).sentence.endswith("A verdict needs at least 3 seeds.")
    assert judge(WORSE[0], BETTER[0]).label == "cannot tell"  # one seed, whatever the gap

    noisy = np.zeros((3, 1000))  # gaps of 0, .1 and .2: the seeds are what is missing
    noisy[1, :100] = noisy[2, :200] = 1
    found = judge(np.zeros((3, 1000)), noisy)
    assert found.label == "cannot tell"
    seeds = int(found.sentence.split("About ")[1].split(" seeds would settle a gap of this size")[0])
    assert 4 <= seeds <= 12
    # and with as many of the same kind it is settled
    more = np.concatenate([noisy] * math.ceil(seeds / 3))[:seeds]
    assert judge(np.zeros_like(more), more).label == "helps"

    few = np.repeat([[1.0] * 6 + [0.0] * 14], 3, axis=0)
    other = np.repeat([[0.0] * 6 + [1.0] * 4 + [0.0] * 10], 3, axis=0)
    assert "test examples would." in judge(other, few).sentence


def test_each_class_holds_at_bonferronis_level() -> None:
    difference = study(3, 100, 0.1, 0.05, np.random.default_rng(0))
    labels = ["cat"] * 60 + ["eel"] * 40
    found = judge(difference <= 0, difference >= 0, labels=labels)
    assert [(c.name, c.n) for c in found.per_class] == [("cat", 60), ("eel", 40)]
    for c, at in zip(found.per_class, (slice(0, 60), slice(60, 100)), strict=True):
        assert (c.gap, c.lo, c.hi) == pytest.approx(paired_interval(difference[:, at], 1 - 0.05 / 2))
        assert c.gap == pytest.approx(c.transfer - c.scratch)
        assert c.label == classify_interval(c.lo, c.hi, 3)
        assert c.hi - c.lo > np.subtract(*paired_interval(difference[:, at])[:0:-1])  # wider than at 95%


@pytest.mark.parametrize(
    ("a", "b", "options", "sentence"),
    [
        (np.ones((3, 4)), np.ones((2, 4)), {}, r"same seeds and examples. Got arrays of \(3, 4\) and \(2, 4\)"),
        (np.ones((3, 4)), np.ones((3, 5)), {}, "same seeds and examples"),
        (
            np.ones((3, 4)),
            np.ones((3, 4)) * 80,
            {},
            "b must hold scores from 0 to 1. Got 80; divide percentages by 100",
        ),
        (np.full((3, 4), np.nan), np.ones((3, 4)), {}, "a must hold scores from 0 to 1. Got nan"),
        (np.ones((3, 4, 2)), np.ones((3, 4, 2)), {}, r"\(seeds, examples\)"),
        ([[]], [[]], {}, "at least one of each"),
        ([["cat"]], [[1]], {}, "a must hold numbers"),
        ([[1, 0], [1]], [[1, 0], [1]], {}, "a must hold numbers, one row per seed, rows of one length"),
        ([[1]], [[1]], {"seeds": [0, 1]}, "a seed for each of the 1 rows"),
        ([[1]], [[1]], {"labels": ["x", "y"]}, "a label for each of the 1 examples"),
        ([[1]], [[1]], {"level": 95}, "level must be between"),
        ([[1]], [[1]], {"delta": 1}, "delta must be between"),
    ],
)
def test_what_cannot_be_judged_is_refused(a: Any, b: Any, options: Any, sentence: str) -> None:
    with pytest.raises(BadSpec, match=sentence):
        judge(a, b, **options)


# -- has an arm learned all that it could? -------------------------------------------------------------


def curve(*y: float) -> Curve:
    return Curve("a", tuple(float(10 * i) for i in range(1, len(y) + 1)), y)


def test_an_arm_that_still_climbs_is_told_from_one_that_has_ended() -> None:
    rising, flat = curve(*np.linspace(0.1, 0.9, 9)), curve(0.1, 0.5, 0.8, 0.88, 0.89, 0.9, 0.9, 0.9)
    level = [curve(*[1.0] * 9)]
    assert diagnose_learning([rising] * 3, level) == ("climbing",)
    assert diagnose_learning([flat] * 3, level) == ()
    assert diagnose_learning([rising, flat, flat], level) == ()  # two thirds of the seeds have to
    assert diagnose_learning([curve(0.1, 0.9)], []) == ()  # too short to say


def test_an_arm_that_over_fits_is_told() -> None:
    flat = [curve(0.5, 0.7, 0.7, 0.7, 0.7, 0.7)]
    assert diagnose_learning(flat, [curve(1.0, 0.6, 0.7, 0.9, 1.2, 1.5)]) == ("over-fitting",)
    assert diagnose_learning(flat, [curve(1.0, 0.8, 0.7, 0.65, 0.6, 0.61)]) == ()
    gaining = [curve(0.5, 0.7, 0.75, 0.76, 0.77, 0.775)]
    assert diagnose_learning(gaining, [curve(1.0, 0.6, 0.7, 0.9, 1.2, 1.5)]) == ()  # surer, and also right more often

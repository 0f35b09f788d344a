"""Permutation tests: each permuted value equals the measure computed anew; α holds; power rises."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch import Tensor

from tltk.analyses.chance import with_null
from tltk.errors import BadSpec, UnknownName
from tltk.shift import kernels, measures
from tltk.shift.coral import coral
from tltk.shift.energy import energy
from tltk.shift.mmd import mmd
from tltk.shift.null import Null, compare_with_null, permutation_energy, permutation_mmd, permutation_test, self_split
from tltk.shift.permutation import feature_sums, kernel_sums, memberships, mmd_from_sums


def pair(n: int, m: int, d: int, shift: float, seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=g), torch.randn(m, d, generator=g) + shift


@pytest.mark.parametrize("kernel", ["rbf", "multi", "polynomial"])
@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_every_permuted_value_is_the_measure_computed_anew(
    kernel: str, estimator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "TILE_ROWS", 6)  # several tiles, the last one short
    x, y = (a.double() for a in pair(20, 15, 3, 0.5, 0))
    k = kernels.make_kernel(kernel, x, y, 1.5)
    member = memberships(20, 15, 9, seed=4)
    tiles = [t for side in (x, y) for t in torch.split(side, kernels.TILE_ROWS)]
    ours = mmd_from_sums(kernel_sums(tiles, member, k), 20, 15, estimator)
    pooled = torch.cat([x, y])
    for value, inside in zip(ours, member.bool(), strict=True):
        anew = mmd(pooled[inside], pooled[~inside], kernel=kernel, bandwidth=1.5, estimator=estimator)
        assert float(value) == pytest.approx(float(anew), rel=1e-9, abs=1e-12)


def test_memberships_keep_both_sizes_and_the_first_is_as_it_came() -> None:
    member = memberships(5, 8, 50, seed=0)
    assert member.sum(1).tolist() == [5] * 51
    assert member[0].tolist() == [1] * 5 + [0] * 8
    assert len({tuple(row) for row in member.tolist()}) > 40


def test_random_features_give_the_same_test() -> None:
    x, y = pair(200, 150, 8, 0.15, 1)
    exact = permutation_mmd(x, y, permutations=200)
    near = permutation_mmd(x, y, permutations=200, random_features=4000)
    assert near.value == pytest.approx(exact.value, abs=5e-4)
    assert (near.lo, near.hi) == pytest.approx((exact.lo, exact.hi), abs=5e-4)
    assert abs(near.p - exact.p) < 0.05


def test_random_feature_sums_are_those_of_their_kernel() -> None:
    x, y = (a.double() for a in pair(7, 6, 3, 0.5, 2))
    w = kernels.sample_frequencies("rbf", 3, 1.0, 16, 0).double()
    member = memberships(7, 6, 5, 0)

    def k(a: Tensor, b: Tensor) -> Tensor:
        angles = (a @ w)[..., :, None, :] - (b @ w)[..., None, :, :]
        return angles.cos().mean(-1)

    exact = mmd_from_sums(kernel_sums([x, y], member, k), 7, 6, "unbiased")
    np.testing.assert_allclose(mmd_from_sums(feature_sums([x, y], member, w), 7, 6, "unbiased"), exact, rtol=1e-9)


def test_p_counts_the_value_itself_and_is_never_zero() -> None:
    draws = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert compare_with_null(10.0, draws).p == pytest.approx(1 / 5)
    assert compare_with_null(2.0, draws).p == pytest.approx(3 / 5)
    assert compare_with_null(-1.0, draws).p == 1
    null = compare_with_null(2.5, draws)
    assert null.effect == pytest.approx((2.5 - 1.5) / np.std([0, 1, 2, 3], ddof=1))
    assert (null.lo, null.hi) == pytest.approx(tuple(np.quantile([0, 1, 2, 3], [0.025, 0.975])))


def test_the_generic_test_agrees_with_the_fast_one() -> None:
    x, y = pair(30, 25, 3, 0.4, 3)
    s = kernels.median_bandwidth(x, y)
    slow = permutation_test(lambda a, b: mmd(a, b, bandwidth=s), x, y, permutations=60, seed=5)
    fast = permutation_mmd(x, y, permutations=60, seed=5)
    assert (slow.value, slow.lo, slow.hi) == pytest.approx((fast.value, fast.lo, fast.hi), abs=1e-6)
    assert slow.p == fast.p


REPEATS = 200
LO, HI = binom.ppf([0.005, 0.995], REPEATS, 0.05)


def alarms(test: Callable[[Tensor, Tensor, int], Null]) -> int:
    """How many of 200 tests on one distribution say "shift" at α = .05."""
    return sum(test(*pair(30, 20, 4, 0.0, 1000 + i), i).p <= 0.05 for i in range(REPEATS))


@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_false_alarms_of_mmd_come_at_the_rate_alpha(estimator: str) -> None:
    def test(x: Tensor, y: Tensor, i: int) -> Null:
        return permutation_mmd(x, y, permutations=99, estimator=estimator, seed=i)

    assert LO <= alarms(test) <= HI


def test_false_alarms_with_random_features_come_at_the_rate_alpha() -> None:
    def test(x: Tensor, y: Tensor, i: int) -> Null:
        return permutation_mmd(x, y, permutations=99, random_features=64, seed=i)

    assert LO <= alarms(test) <= HI


def test_false_alarms_of_the_generic_test_come_at_the_rate_alpha() -> None:
    assert LO <= alarms(lambda x, y, i: permutation_test(coral, x, y, permutations=39, seed=i)) <= HI


def test_power_rises_with_the_shift() -> None:
    def rate(shift: float) -> float:
        tests = [permutation_mmd(*pair(40, 40, 4, shift, i), permutations=99, seed=i) for i in range(40)]
        return float(np.mean([test.p <= 0.05 for test in tests]))

    rates = [rate(shift) for shift in (0.0, 0.25, 0.5, 1.0)]
    assert rates == sorted(rates)
    assert rates[0] < 0.2 < rates[2]
    assert rates[3] == 1


@pytest.mark.parametrize(
    ("name", "n", "m"),
    [
        *((name, 30, 90) for name in ("coral", "energy", "frechet", "mmd", "sliced_wasserstein", "symmetric_kl")),
        *(("mmd", 40, 40), ("mmd", 80, 24), ("coral", 40, 40), ("coral", 80, 24)),
    ],
)
def test_without_shift_the_value_lies_in_the_band_of_halves_as_often_as_it_says(name: str, n: int, m: int) -> None:
    """At least 95%: held against a band of halves, the value over all rows does in 0 to 70% for four of these."""
    inside = 0
    for seed in range(100):
        found = self_split(measures[name], *pair(n, m, 5, 0.0, seed), seed=seed)
        assert found.n == min(n, m) // 2
        inside += found.lo <= found.value <= found.hi
    assert inside >= binom.ppf(0.001, 100, 0.95)


@pytest.mark.parametrize("name", ["energy", "frechet", "mmd", "sliced_wasserstein"])
def test_with_a_shift_the_value_lies_above_the_band(name: str) -> None:
    found = self_split(measures[name], *pair(60, 60, 5, 1.0, 3))
    assert found.value > found.hi


def test_the_band_is_the_least_and_greatest_of_thirty_nine_halves() -> None:
    """Of 40 exchangeable draws the last lies outside the range of the others in 2 of 40 cases."""
    asked: list[float] = []

    def measure(x: Tensor, y: Tensor) -> Tensor:
        asked.append(float(len(asked) % 2) * float(x.sum()))
        return torch.tensor(asked[-1])

    found = self_split(measure, *pair(20, 12, 2, 0.0, 0), seed=1)
    assert len(asked) == 78
    assert found.lo == min(asked[0::2]) and found.hi == max(asked[0::2])
    assert found.value == pytest.approx(np.mean(asked[1::2]))


@pytest.mark.parametrize("name", ["mmd", "energy", "coral", "frechet", "sliced_wasserstein", "symmetric_kl"])
def test_equal_divisions_count_as_equal(name: str) -> None:
    """Both domains have as many rows: a division and its mirror are one, and so is the division as it came."""
    x, y = pair(4, 4, 3, 0.3, 2)
    pooled = torch.cat([x, y])
    member = torch.zeros(70, 8, dtype=torch.uint8)
    for row, inside in zip(member, combinations(range(8), 4), strict=True):
        row[list(inside)] = 1
    if name == "mmd":
        k = kernels.make_kernel("multi", x, y, None)
        ours, mirrored = (mmd_from_sums(kernel_sums([x, y], z, k), 4, 4, "unbiased") for z in (member, 1 - member))
    else:
        ours, mirrored = (
            torch.stack([measures[name](pooled[i], pooled[~i]) for i in z.bool()]) for z in (member, 1 - member)
        )
    for one, other in zip(ours, mirrored, strict=True):
        for value, same in ((one, other), (other, one)):
            assert compare_with_null(float(value), torch.stack([same, same])).p == 1.0


@pytest.mark.parametrize("name", ["mmd", "energy"])
def test_a_draw_that_is_the_very_division_is_never_smaller(name: str) -> None:
    x, y = pair(4, 4, 3, 0.3, 7)
    member = memberships(4, 4, 600, 0)[1:]
    same = int(
        sum(bool((row == row[0]).all()) for row in torch.stack([member[:, :4], 1 - member[:, 4:]], 2).flatten(1))
    )
    assert same > 5
    found = with_null(name, x, x + 0.0, 600, 0)  # all values are what they are for equal samples
    assert found.p == 1.0 or found.p >= (same + 1) / 601
    test = with_null(name, x, y, 600, 0)
    assert test.p >= (same + 1) / 601


def test_the_energy_test_is_the_generic_one_all_at_once() -> None:
    x, y = (a.double() for a in pair(17, 11, 3, 0.5, 1))
    fast = permutation_energy(x, y, permutations=50, seed=4)
    slow = permutation_test(energy, x, y, permutations=50, seed=4)
    assert (fast.value, fast.p, fast.lo, fast.hi, fast.effect) == pytest.approx(
        (slow.value, slow.p, slow.lo, slow.hi, slow.effect), rel=1e-9
    )


@pytest.mark.parametrize("name", measures.names())
@pytest.mark.parametrize("scale", [1e-3, 1e6])
def test_p_does_not_change_with_the_scale(name: str, scale: float) -> None:
    x, y = pair(24, 20, 4, 0.5, 5)
    one, other = (with_null(name, x * s, y * s, 39, 0) for s in (1.0, scale))
    assert one.p == other.p and one.effect == pytest.approx(other.effect, rel=1e-2)


def test_errors_are_sentences() -> None:
    x, y = pair(9, 9, 2, 0.0, 0)
    with pytest.raises(UnknownName, match="estimator must be one of biased, unbiased"):
        permutation_mmd(x, y, estimator="linear")
    with pytest.raises(BadSpec, match="permutations must be at least 2"):
        permutation_mmd(x, y, permutations=0)
    with pytest.raises(BadSpec, match="Random features need the kernel rbf or multi"):
        permutation_mmd(x, y, kernel="polynomial", random_features=8)
    with pytest.raises(BadSpec, match="at least two draws"):
        compare_with_null(0.0, torch.zeros(1))

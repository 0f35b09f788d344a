"""How large would a measure be if both domains were one? Permutation tests and self-splits.

For MMD the kernel matrix is computed once, tile by tile, and all permutations together are one
matrix product with it (`permutation`); any other measure is computed anew for every permutation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tltk.errors import BadSpec, UnknownName
from tltk.features import wide
from tltk.shift import check_pair, kernels
from tltk.shift.permutation import feature_sums, kernel_sums, memberships, mmd_of

Measure = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Null:
    """A measured value beside what chance gives; `lo`…`hi` hold 95 % of the null's values."""

    value: float
    p: float
    lo: float
    hi: float
    effect: float  # (value − mean of the null) / its standard deviation
    draws: int


def judge(value: float, draws: Tensor) -> Null:
    """p = (k + 1) / (B + 1), k of the B draws being as large as the value or larger.

    Reference: Phipson & Smyth (2010), Permutation p-values should never be zero, Statistical
    Applications in Genetics and Molecular Biology 9, arXiv:1603.05766.

    Example:
        >>> judge(3.0, torch.tensor([0.0, 1.0, 2.0])).p
        0.25
    """
    if len(draws) < 2:
        raise BadSpec(f"A null must have at least two draws. Got {len(draws)}; ask for more permutations.")
    draws = wide(draws.detach()).cpu()
    lo, hi = torch.quantile(draws, torch.tensor([0.025, 0.975], dtype=draws.dtype)).tolist()
    spread = float(draws.std())
    effect = (value - float(draws.mean())) / spread if spread > 0 else 0.0
    p = (int((draws >= value).sum()) + 1) / (len(draws) + 1)
    return Null(value, p, lo, hi, effect, len(draws))


def permutation_test(
    measure: Measure, source: Tensor, target: Tensor, *, permutations: int = 199, seed: int = 0
) -> Null:
    """Null of any measure: the pooled rows dealt out anew, the measure computed anew, B times.

    Example:
        >>> from tltk.shift.coral import coral
        >>> x = torch.linspace(-1, 1, 40)[:, None]
        >>> permutation_test(coral, x, 5 * x, permutations=99).p
        0.01
    """
    check_pair(source, target)
    pooled = torch.cat([source, target]).detach()
    draws = [
        measure(pooled[inside], pooled[~inside])
        for inside in memberships(len(source), len(target), permutations, seed)[1:].to(source.device).bool()
    ]
    return judge(float(measure(source, target)), torch.stack(draws))


def self_split_band(
    measure: Measure, features: Tensor, *, repeats: int = 100, seed: int = 0
) -> tuple[float, float]:
    """2.5 and 97.5 % of the measure between random halves of one domain: what "no shift" looks like."""
    check_pair(features, features, least=4)
    half = len(features) // 2
    halves = memberships(half, len(features) - half, repeats, seed)[1:].to(features.device).bool()
    null = judge(0.0, torch.stack([measure(features[h], features[~h]) for h in halves]))
    return null.lo, null.hi


def permutation_mmd(
    source: Tensor,
    target: Tensor,
    *,
    kernel: str = "multi",
    bandwidth: float | None = None,
    estimator: str = "unbiased",
    permutations: int = 1000,
    random_features: int = 0,
    seed: int = 0,
) -> Null:
    """Permutation test of MMD², every permutation at once.

    Reference: Gretton et al. (2012), A kernel two-sample test, JMLR 13, eq. 3 and 5.

    Args:
        source: (n, d).
        target: (m, d).
        kernel: As for `mmd`.
        bandwidth: σ; None = median distance of the pooled sample.
        estimator: unbiased or biased.
        permutations: B.
        random_features: 0 = exact; else so many random frequencies stand for the kernel, and the cost
            grows with n + m, not with its square.
        seed: Of permutations and frequencies.

    Raises:
        BadSpec: Shapes, values or numbers that cannot be meant.
        UnknownName: A kernel or an estimator that does not exist.
    """
    values = mmd_values(
        source, target, kernel=kernel, bandwidth=bandwidth, estimator=estimator, permutations=permutations,
        random_features=random_features, seed=seed,
    )  # fmt: skip
    return judge(float(values[0]), values[1:])


def mmd_values(
    source: Tensor, target: Tensor, *, kernel: str, bandwidth: float | None, estimator: str, permutations: int,
    random_features: int = 0, seed: int = 0,
) -> Tensor:  # fmt: skip
    """MMD² as it is, then of every permutation, (1 + B,); arguments as for `permutation_mmd`."""
    check_pair(source, target)
    if estimator not in ("biased", "unbiased"):
        raise UnknownName.among("estimator", estimator, ("biased", "unbiased"))
    source, target = source.detach(), target.detach()
    if bandwidth is None and kernel != "polynomial":
        bandwidth = kernels.median_bandwidth(source, target)
    k = kernels.choose(kernel, source, target, bandwidth)
    member = memberships(len(source), len(target), permutations, seed).to(source.device)
    tiles = [tile for side in (source, target) for tile in torch.split(side, kernels.TILE)]
    if random_features:
        w = kernels.frequencies(kernel, source.shape[1], bandwidth or 1.0, random_features, seed)
        sums = feature_sums(tiles, member, w)
    else:
        sums = kernel_sums(tiles, member, k)
    return mmd_of(sums, len(source), len(target), estimator)

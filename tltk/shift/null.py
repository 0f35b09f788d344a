"""How large would a measure be if both domains were one? Permutation tests and self-splits.

For MMD and energy the kernel matrix is computed once, tile by tile, and all permutations together are
one matrix product with it (`permutation`); any other measure is computed again for every permutation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tltk.errors import BadSpec, UnknownName
from tltk.features import as_float64, rescale, split_scale
from tltk.shift import check_pair, kernels
from tltk.shift.energy import distances, zero_rounding
from tltk.shift.permutation import feature_sums, kernel_sums, memberships, mmd_from_sums

Measure = Callable[[Tensor, Tensor], Tensor]
TIE_TOLERANCE = 1e-6  # values that differ by a smaller share of the largest are equal up to float32's rounding
N_HALVES = 39  # draws of the band of halves: a further one lies between the least and the greatest with 38/40 = 95%


@dataclass(frozen=True)
class Null:
    """A measured value beside what chance gives; `lo`…`hi` hold 95% of the null's values."""

    value: float
    p: float
    lo: float
    hi: float
    effect: float  # (value − mean of the null) / its standard deviation
    draws: int


def compare_with_null(value: float, draws: Tensor) -> Null:
    """p = (k + 1) / (B + 1), k of the B draws being as large as the value, up to rounding, or larger.

    Reference: Phipson & Smyth (2010), Permutation p-values should never be zero, Statistical
    Applications in Genetics and Molecular Biology 9, arXiv:1603.05766.

    Args:
        value: As measured; larger = further from the null.
        draws: (B,) values under the null, B at least 2.

    Raises:
        BadSpec: Fewer than two draws.

    Example:
        >>> compare_with_null(3.0, torch.tensor([0.0, 1.0, 2.0])).p
        0.25
    """
    if len(draws) < 2:
        raise BadSpec(f"A null must have at least two draws. Got {len(draws)}; ask for more permutations.")
    draws = as_float64(draws.detach()).cpu()
    lo, hi = torch.quantile(draws, torch.tensor([0.025, 0.975], dtype=draws.dtype)).tolist()
    tie = TIE_TOLERANCE * max(abs(value), float(draws.abs().max()))
    spread = float(draws.std())
    effect = (value - float(draws.mean())) / spread if spread > tie else 0.0
    p = (int((draws >= value - tie).sum()) + 1) / (len(draws) + 1)
    return Null(value, p, lo, hi, effect, len(draws))


def permutation_test(
    measure: Measure, source: Tensor, target: Tensor, *, permutations: int = 199, seed: int = 0
) -> Null:
    """Null of any measure: the pooled rows are permuted and the measure computed again, B times.

    Args:
        measure: (n, d), (m, d) → a scalar; larger = more shift.
        source: (n, d) floating.
        target: (m, d) floating.
        permutations: B, at least 2.
        seed: Decides the permutations.

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
    return compare_with_null(float(measure(source, target)), torch.stack(draws))


@dataclass(frozen=True)
class Halves:
    """A measure between halves of one domain, `lo`…`hi`, and between as many rows of both, `value`.

    Of a value without shift, at these sizes, at least 95% lie in the band.
    """

    value: float
    lo: float
    hi: float
    n: int  # rows on each side


def self_split(measure: Measure, source: Tensor, target: Tensor, *, repeats: int = N_HALVES, seed: int = 0) -> Halves:
    """What "no shift" looks like: the measure between random halves of the target, and the same for both domains.

    Many measures are larger the fewer rows they see (Fréchet distance, energy, sliced Wasserstein), so a
    value over all rows must not be held against halves. Both are taken here at h = ⌊min(n, m) / 2⌋ rows a
    side: the band over disjoint halves of the target, the value as the mean over as many draws of h rows of
    each domain. No formula for how a measure falls with n is needed, and none would hold for all of them.

    Reference: Hahn & Meeker (1991), Statistical intervals, §5.3 (distribution-free prediction intervals).

    Args:
        measure: (h, d), (h, d) → scalar.
        source: (n, d).
        target: (m, d).
        repeats: Draws R. The limits are the k-th least and greatest, k = max(1, ⌊(R + 1) · 0.025⌋), which hold
            a further draw with 1 − 2k/(R + 1): for 39 draws 95%.
        seed: Of the draws.

    Raises:
        BadSpec: Shapes, or values, that cannot be compared; fewer than four rows of a side.

    Example:
        >>> from tltk.shift.energy import energy
        >>> x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
        >>> found = self_split(energy, x[:20] + 3, x[20:])
        >>> found.n, found.value > found.hi
        (10, True)
    """
    check_pair(source, target, least=4)
    if repeats < 2:
        raise BadSpec(f"repeats must be at least 2. Got {repeats}.")
    half = min(len(source), len(target)) // 2
    generator = torch.Generator().manual_seed(seed)
    within, across = [], []
    for _ in range(repeats):
        x = source[torch.randperm(len(source), generator=generator)[:half].to(source.device)]
        order = torch.randperm(len(target), generator=generator).to(target.device)
        one, other = target[order[:half]], target[order[half : 2 * half]]
        within.append(float(measure(one, other)))
        across.append(float(measure(x, one)))
    k = max(1, int((repeats + 1) * 0.025))
    ordered = sorted(within)
    return Halves(sum(across) / repeats, ordered[k - 1], ordered[-k], half)


def permutation_energy(source: Tensor, target: Tensor, *, permutations: int = 199, seed: int = 0) -> Null:
    """Permutation test of the energy distance, every permutation at once: it is the biased MMD² with k = −‖x − y‖.

    Reference: Sejdinovic et al. (2013), Equivalence of distance-based and RKHS-based statistics in hypothesis
    testing, Annals of Statistics 41, Theorem 22, arXiv:1207.6076.

    Args:
        source: (n, d) floating.
        target: (m, d) floating.
        permutations: B, at least 2.
        seed: Decides the permutations.

    Example:
        >>> x = torch.linspace(-1, 1, 40)[:, None]
        >>> permutation_energy(x, x + 1, permutations=99).p
        0.01
    """
    check_pair(source, target)
    scale, (s, t) = split_scale(as_float64(source.detach()), as_float64(target.detach()))
    member = memberships(len(s), len(t), permutations, seed).to(s.device)
    tiles = [tile for side in (s, t) for tile in torch.split(side, kernels.TILE_ROWS)]
    sums = kernel_sums(tiles, member, lambda a, b: -distances(a, b))
    across = -(sums.touching - sums.inside) / (len(s) * len(t))
    values = zero_rounding(mmd_from_sums(sums, len(s), len(t), "biased"), across)
    values = torch.stack([rescale("energy", v, scale, 1, source.dtype) for v in values])
    return compare_with_null(float(values[0]), values[1:])


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
        source,
        target,
        kernel=kernel,
        bandwidth=bandwidth,
        estimator=estimator,
        permutations=permutations,
        random_features=random_features,
        seed=seed,
    )
    return compare_with_null(float(values[0]), values[1:])


def mmd_values(
    source: Tensor,
    target: Tensor,
    *,
    kernel: str,
    bandwidth: float | None,
    estimator: str,
    permutations: int,
    random_features: int = 0,
    seed: int = 0,
) -> Tensor:
    """MMD² as it is, then of every permutation, (1 + B,); arguments as for `permutation_mmd`.

    Args:
        source: (n, d) floating.
        target: (m, d) floating.
        kernel: One of `KERNELS`.
        bandwidth: σ above 0; None = median heuristic.
        estimator: "biased" or "unbiased".
        permutations: B, at least 2.
        random_features: Number of frequencies of the approximation; 0 = the exact kernel.
        seed: Decides permutations and frequencies.

    Raises:
        UnknownName: No such kernel or estimator.
        BadSpec: A bandwidth that is not positive, too few permutations, or features so large that the kernel
            overflows.
    """
    check_pair(source, target)
    if estimator not in ("biased", "unbiased"):
        raise UnknownName.among("estimator", estimator, ("biased", "unbiased"))
    source, target = source.detach(), target.detach()
    if bandwidth is None and kernel != "polynomial":
        bandwidth = kernels.median_bandwidth(source, target)
    k = kernels.make_kernel(kernel, source, target, bandwidth)
    member = memberships(len(source), len(target), permutations, seed).to(source.device)
    tiles = [tile for side in (source, target) for tile in torch.split(side, kernels.TILE_ROWS)]
    if random_features:
        w = kernels.sample_frequencies(kernel, source.shape[1], bandwidth or 1.0, random_features, seed)
        sums = feature_sums(tiles, member, w)
    else:
        sums = kernel_sums(tiles, member, k)
    values = mmd_from_sums(sums, len(source), len(target), estimator)
    if not bool(values.isfinite().all()):
        raise BadSpec(
            f"mmd must be a number. With the {kernel} kernel these features overflow {source.dtype}; divide all of "
            f"them by one number first, or look for a diverged layer."
        )
    return values

"""All permutations of an MMD test at once: one matrix product with a kernel that is never whole.

With z the 0/1 membership of the source, MMD² needs only zᵀKz, zᵀK1, 1ᵀK1 and the diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64
from tltk.shift.kernels import Kernel, random_features


@dataclass(frozen=True)
class KernelSums:
    """What MMD² needs of a kernel matrix K for B memberships z: three (B,) sums, and two numbers."""

    inside: Tensor  # zᵀKz
    touching: Tensor  # zᵀK1
    own: Tensor  # zᵀ diag K
    everything: Tensor  # 1ᵀK1
    trace: Tensor  # 1ᵀ diag K


def memberships(n: int, m: int, permutations: int, seed: int) -> Tensor:
    """(B + 1, n + m) bytes, 1 = dealt to the source; the first row is the original division.

    Args:
        n: Rows of the source.
        m: Rows of the target.
        permutations: B, at least 2.
        seed: Of the draw.

    Raises:
        BadSpec: Fewer than two permutations.
    """
    if permutations < 2:
        raise BadSpec(f"permutations must be at least 2. Got {permutations}.")
    generator = torch.Generator().manual_seed(seed)
    member = torch.zeros(permutations + 1, n + m, dtype=torch.uint8)
    member[0, :n] = 1
    for row in member[1:]:
        row[torch.randperm(n + m, generator=generator)[:n]] = 1
    return member


def kernel_sums(tiles: list[Tensor], member: Tensor, kernel: Kernel) -> KernelSums:
    """The sums from the exact kernel; it is symmetric, so half of its tiles are enough.

    Args:
        tiles: The pooled rows in pieces, (·, d) each; source first.
        member: (B, n + m) bytes from `memberships`.
        kernel: Symmetric; (a, d), (b, d) → (a, b).
    """
    parts = torch.split(member, [len(tile) for tile in tiles], dim=1)
    rows = [as_float64(tile.new_zeros(len(tile))) for tile in tiles]
    inside = as_float64(tiles[0].new_zeros(len(member)))
    for i, a in enumerate(tiles):
        z_a = parts[i].T.to(rows[i].dtype)
        for j in range(i, len(tiles)):
            block = as_float64(kernel(a, tiles[j]))  # else equal divisions would part by the rounding of the sums
            z_b = z_a if i == j else parts[j].T.to(block.dtype)
            inside += (1 if i == j else 2) * (z_a * (block @ z_b)).sum(0)
            rows[i] += block.sum(1)
            if i != j:
                rows[j] += block.sum(0)
    diagonals = [as_float64(kernel(tile[:, None], tile[:, None])[:, 0, 0]) for tile in tiles]
    return KernelSums(
        inside=inside,
        touching=_dot(parts, rows),
        own=_dot(parts, diagonals),
        everything=torch.cat(rows).sum(),
        trace=torch.cat(diagonals).sum(),
    )


def feature_sums(tiles: list[Tensor], member: Tensor, w: Tensor) -> KernelSums:
    """The same sums from random features with frequencies w (d, F): zᵀKz ≈ ‖Σ z_i φ(x_i)‖².

    Args:
        tiles: The pooled rows in pieces, (·, d) each; source first.
        member: (B, n + m) bytes from `memberships`.
        w: (d, F) from `sample_frequencies`.
    """
    parts = torch.split(member, [len(tile) for tile in tiles], dim=1)
    dealt = as_float64(tiles[0].new_zeros(len(member), 2 * w.shape[1]))
    everything = dealt.new_zeros(dealt.shape[1])
    for tile, z in zip(tiles, parts, strict=True):
        phi = random_features(tile, w)
        dealt += z.to(phi.dtype) @ phi
        everything += as_float64(phi).sum(0)
    ones = [everything.new_ones(len(tile)) for tile in tiles]  # ‖φ(x)‖² = 1
    return KernelSums(
        inside=dealt.square().sum(1),
        touching=dealt @ everything,
        own=_dot(parts, ones),
        everything=everything.square().sum(),
        trace=torch.cat(ones).sum(),
    )


def mmd_from_sums(sums: KernelSums, n: int, m: int, estimator: str) -> Tensor:
    """MMD² for every membership, (B,): eq. 5 (biased, squared) or eq. 3 (unbiased) of Gretton et al. 2012.

    Args:
        sums: From `kernel_sums` or `feature_sums`.
        n: Rows of the source.
        m: Rows of the target.
        estimator: "biased"; anything else is unbiased, which needs n and m of at least 2.
    """
    across = (sums.touching - sums.inside) / (n * m)
    source, target = sums.inside, sums.everything - 2 * sums.touching + sums.inside
    if estimator == "biased":
        return source / n**2 + target / m**2 - 2 * across
    source, target = source - sums.own, target - (sums.trace - sums.own)
    return source / (n * (n - 1)) + target / (m * (m - 1)) - 2 * across


def _dot(parts: tuple[Tensor, ...], values: list[Tensor]) -> Tensor:
    return torch.stack([part.to(v.dtype) @ v for part, v in zip(parts, values, strict=True)]).sum(0)

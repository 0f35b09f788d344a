"""A shift measure beside what chance gives, for any two tensors of features: degenerate ones too."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.reduce.dead_units import dead_units
from tltk.shift import measures
from tltk.shift.null import Null, permutation_energy, permutation_mmd, permutation_test

NO_SHIFT = {"c2st": 0.5}  # what a measure says of domains that are one, where that is not 0


def is_constant(x: Tensor) -> bool:
    """Whether every row of (n, d) is the same, up to rounding.

    Args:
        x: (n, d) features.
    """
    return dead_units(x) == 1.0


def null_without_shift(name: str, permutations: int) -> Null:
    """The test of two domains of which every picture is the same: p = 1.

    Args:
        name: The measure.
        permutations: Draws of the null.
    """
    value = NO_SHIFT.get(name, 0.0)
    return Null(value, 1.0, value, value, 0.0, permutations)


def with_null(name: str, source: Tensor, target: Tensor, permutations: int, seed: int) -> Null:
    """A shift measure beside what chance gives: all permutations at once where there is a kernel.

    Args:
        name: The measure.
        source: (n, d).
        target: (m, d).
        permutations: Draws of the null.
        seed: Of the permutations.

    Raises:
        BadSpec: Features that the measure cannot be computed of.
        UnknownName: No such measure.
    """
    measure = measures[name]
    if is_constant(torch.cat([source, target])):
        return null_without_shift(name, permutations)  # what a measure gives is the rounding, or a refusal
    if name == "mmd":
        return permutation_mmd(source, target, permutations=permutations, seed=seed)
    if name == "energy":
        return permutation_energy(source, target, permutations=permutations, seed=seed)
    return permutation_test(measure, source, target, permutations=permutations, seed=seed)

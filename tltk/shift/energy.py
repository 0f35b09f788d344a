"""Energy distance."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.features import as_float64, rescale, split_scale
from tltk.shift import check_pair
from tltk.shift.kernels import kernel_sum, squared_distances

ROUNDING_EPS = 256  # in units of the dtype's ε: what is smaller than so many is rounding, and 0


def energy(source: Tensor, target: Tensor) -> Tensor:
    """Energy distance, 2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖.

    Every mean runs over all pairs, i = j included (the V-statistic). It is computed in float64; points
    closer than 2·10⁻⁷ of their distance to the mean count as one.

    Reference: Székely & Rizzo (2013), Energy statistics, J. Statistical Planning and Inference 143,
    definition of the two-sample statistic without its factor nm/(n + m).

    Args:
        source: (n, d).
        target: (m, d).

    Returns:
        Scalar, not negative; exactly 0 for a sample against itself, in whatever order.

    Raises:
        BadSpec: Shapes, or values, that cannot be compared, or a value that the dtype cannot hold.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
        >>> float(energy(x, x + 1))  # 2·1 − ½ − ½
        1.0
    """
    check_pair(source, target, least=1)
    n, m = len(source), len(target)
    scale, (s, t) = split_scale(as_float64(source), as_float64(target))
    across = kernel_sum(distances, s, t) / (n * m)
    value = 2 * across - kernel_sum(distances, s, s) / n**2 - kernel_sum(distances, t, t) / m**2
    return rescale("energy", zero_rounding(value, across), scale, 1, source.dtype)


def zero_rounding(value: Tensor, across: Tensor) -> Tensor:
    """0 where the difference of the means is no larger than their own rounding.

    Args:
        value: A difference of means, of any shape.
        across: The mean distance between the samples, which `value` was subtracted from; its size decides what is
            rounding.
    """
    return torch.where(value > ROUNDING_EPS * torch.finfo(value.dtype).eps * across, value, 0.0)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """‖x_i − y_j‖, (…, n, m); 0 where the Gram product cannot tell the two points apart.

    Args:
        x: (…, n, d) floating.
        y: (…, m, d) floating.
    """
    squares = squared_distances(x, y)
    centre = x.mean(dim=-2, keepdim=True)
    size = (x - centre).square().sum(-1, keepdim=True) + (y - centre).square().sum(-1).unsqueeze(-2)
    one = squares <= ROUNDING_EPS * torch.finfo(x.dtype).eps * size.detach()
    # The floor keeps the gradient of √ finite where two points coincide.
    return squares.masked_fill(one, 0).clamp_min(torch.finfo(x.dtype).tiny).sqrt()

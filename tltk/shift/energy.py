"""Energy distance."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.shift import check_pair
from tltk.shift.kernels import squared_distances, total


def energy(source: Tensor, target: Tensor) -> Tensor:
    """Energy distance, 2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖.

    Every mean runs over all pairs, i = j included (the V-statistic).

    Reference: Székely & Rizzo (2013), Energy statistics, J. Statistical Planning and Inference 143,
    definition of the two-sample statistic without its factor nm/(n + m).

    Args:
        source: (n, d).
        target: (m, d).

    Returns:
        Scalar, not negative; 0 for a sample against itself.

    Raises:
        BadSpec: Shapes, or values, that cannot be compared.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
        >>> float(energy(x, x + 1))  # 2·1 − ½ − ½
        1.0
    """
    check_pair(source, target, least=1)
    n, m = len(source), len(target)
    across = total(_distances, source, target) / (n * m)
    value = 2 * across - total(_distances, source, source) / n**2 - total(_distances, target, target) / m**2
    return value.to(source.dtype)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    squares = squared_distances(x, y)
    if x.data_ptr() == y.data_ptr() and x.shape == y.shape:
        # A point's distance to itself is 0; √ would make 1e-2 of the Gram product's rounding in float32.
        squares = squares.masked_fill(torch.eye(len(x), dtype=torch.bool, device=x.device), 0)
    # The floor keeps the gradient of √ finite where two points coincide.
    return squares.clamp_min(torch.finfo(x.dtype).tiny).sqrt()

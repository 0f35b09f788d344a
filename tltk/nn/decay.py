"""The distance of weights from where they were, with its gradient by hand: what penalties on weights stand on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def squared_distance(
    parameters: Sequence[Tensor], starts: Sequence[Tensor], scales: Sequence[Tensor] | None = None
) -> Tensor:
    """Σ f (w − w⁰)² over all tensors, f = 1 without scales.

    A network has millions of weights, and each tensor that autograd would keep or make on the way is memory to be
    filled: written as a formula it takes about twice as long.

    Args:
        parameters: w, one or more of any shape; the gradient goes to them alone.
        starts: w⁰, of the same shapes.
        scales: f, of the same shapes.

    Returns:
        A scalar.

    Example:
        >>> w = torch.tensor([1.0, 3.0], requires_grad=True)
        >>> squared_distance([w], [torch.zeros(2)], [torch.tensor([1.0, 2.0])]).backward()
        >>> w.grad
        tensor([ 2., 12.])
    """
    found: Tensor = _SquaredDistance.apply(starts, scales, *parameters)
    return found


class _SquaredDistance(torch.autograd.Function):
    """Its value and its gradient, by hand."""

    @staticmethod
    def forward(ctx: Any, starts: Sequence[Tensor], scales: Sequence[Tensor] | None, *parameters: Tensor) -> Tensor:
        """The value; what its gradient needs is kept, and no more.

        Args:
            ctx: Of autograd.
            starts: w⁰.
            scales: f, or None.
            parameters: w.
        """
        gaps = [w - start for w, start in zip(parameters, starts, strict=True)]
        if scales is None:
            ctx.save_for_backward(*gaps)
            return torch.stack([torch.linalg.vector_norm(gap).square() for gap in gaps]).sum()
        scaled = [gap * scale for gap, scale in zip(gaps, scales, strict=True)]
        ctx.save_for_backward(*scaled)
        return torch.stack([gap.mul_(one).sum() for gap, one in zip(gaps, scaled, strict=True)]).sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        """2 f (w − w⁰) for each w, times the gradient that comes in.

        Args:
            ctx: Of autograd.
            gradient: That of the value, a scalar.
        """
        return (None, None, *torch._foreach_mul(ctx.saved_tensors, 2 * gradient))

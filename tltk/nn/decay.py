"""The distance of weights from where they were, with its gradient by hand: what penalties on weights stand on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def squared_distance(
    parameters: Sequence[Tensor], starts: Sequence[Tensor], roots: Sequence[Tensor] | None = None
) -> Tensor:
    """Σ (r (w − w⁰))² over all tensors, r = 1 without roots.

    A network has millions of weights, and each tensor that is made on the way is memory to be filled: written as a
    formula for autograd it takes several times as long. So one tensor is made for each, and becomes the gradient.

    Args:
        parameters: w, one or more of any shape; the gradient goes to them alone.
        starts: w⁰, of the same shapes.
        roots: r, of the same shapes: the square root of what each square counts.

    Returns:
        A scalar with one backward pass.

    Example:
        >>> w = torch.tensor([1.0, 3.0], requires_grad=True)
        >>> squared_distance([w], [torch.zeros(2)], [torch.tensor([1.0, 2.0])]).backward()
        >>> w.grad
        tensor([ 2., 24.])
    """
    found: Tensor = _SquaredDistance.apply(starts, roots, *parameters)
    return found


class _SquaredDistance(torch.autograd.Function):
    """Its value and its gradient, by hand."""

    @staticmethod
    def forward(ctx: Any, starts: Sequence[Tensor], roots: Sequence[Tensor] | None, *parameters: Tensor) -> Tensor:
        """The value; what its gradient needs is kept, and no more.

        Args:
            ctx: Of autograd.
            starts: w⁰.
            roots: r, or None.
            parameters: w.
        """
        gaps = [w - start for w, start in zip(parameters, starts, strict=True)]
        if roots is not None:
            torch._foreach_mul_(gaps, list(roots))
        ctx.gaps, ctx.roots = gaps, roots  # not by `save_for_backward`: they become the gradient, in place
        return torch.stack([torch.linalg.vector_norm(gap).square() for gap in gaps]).sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        """2 r² (w − w⁰) for each w, times the gradient that comes in; once.

        Args:
            ctx: Of autograd.
            gradient: That of the value, a scalar.

        Raises:
            RuntimeError: It is asked for a second time, when what it is made of is gone.
        """
        if ctx.gaps is None:
            raise RuntimeError("squared_distance has one backward pass; compute the value again for another.")
        found, ctx.gaps = ctx.gaps, None
        if ctx.roots is not None:
            torch._foreach_mul_(found, list(ctx.roots))
        factor = 2 * gradient
        if factor.is_cuda or float(factor) != 1:  # a pass over all weights saved; on a GPU to ask would make it wait
            torch._foreach_mul_(found, factor)
        return (None, None, *found)

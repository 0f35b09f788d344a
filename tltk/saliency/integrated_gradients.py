"""Integrated gradients: how much each number of an input adds to a score, on the way from a baseline."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 128


def integrated_gradients(
    score: Callable[[Tensor], Tensor], x: Tensor, baseline: Tensor, steps: int = STEPS
) -> tuple[Tensor, Tensor]:
    """(x − x′) ∘ ∫₀¹ ∂F(x′ + α (x − x′))/∂x dα: what each number of x adds to F, beside the baseline x′.

    The integral is a sum over the middles of equal steps; with the right ends of them it is the paper's eq. 3.

    Completeness: the numbers of an example add up to F(x) − F(x′). They are of this baseline alone: what is as the
    baseline has nothing to add, and another baseline asks another question.

    Reference:
        Sundararajan, Taly & Yan (2017), Axiomatic attribution for deep networks, ICML, eq. 1 and 3, §3 (completeness,
        proposition 1), arXiv:1703.01365.

    Args:
        score: F: (n, …) → (n,), differentiable almost everywhere.
        x: (n, …).
        baseline: x′, of the shape of x or one that spreads to it.
        steps: Of the sum, 1 at least.

    Returns:
        (n, …) of what each number adds, and (n,) F(x) − F(x′), by which completeness can be held against it.
    """
    baseline = baseline.detach().expand_as(x)
    way, total = x.detach() - baseline, torch.zeros_like(x)
    for step in range(steps):
        at = (baseline + (step + 0.5) / steps * way).requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(score(at).sum(), at)
        total += gradient
    with torch.no_grad():
        gained = score(x.detach()) - score(baseline)
    return way * total / steps, gained

"""What adversarial adaptation is made of: a gradient that is turned round, and a network that tells two domains."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


def reverse_gradient(x: Tensor, factor: float) -> Tensor:
    """The same tensor, through which the gradient comes back times −factor.

    Args:
        x: Any floating tensor.
        factor: λ, not negative.

    Reference:
        Ganin et al. (2016), Domain-adversarial training of neural networks, JMLR 17(59), Eq. 16–17. arXiv:1505.07818.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> reverse_gradient(x, 0.5).sum().backward()
        >>> x.grad
        tensor([-0.5000, -0.5000])
    """
    found = x.view_as(x)
    if found.requires_grad:
        found.register_hook(lambda gradient: -factor * gradient)  # type: ignore[no-untyped-call]
    return found


def reversal_strength(progress: float, gamma: float) -> float:
    """λ_p = 2 / (1 + exp(−γ p)) − 1: from 0 at the start towards 1, so that a fresh discriminator is not heeded.

    Args:
        progress: p, share of the training that is done, 0 … 1.
        gamma: γ, not negative; the larger, the sooner λ_p is near 1.

    Reference:
        Ganin et al. (2016), Domain-adversarial training of neural networks, JMLR 17(59), §5.2.2.
        arXiv:1505.07818.
    """
    return 2 / (1 + math.exp(-gamma * progress)) - 1


def make_discriminator(width: int, hidden: int) -> nn.Module:
    """Two hidden layers of rectified units and one output, the logit of "of the target".

    Args:
        width: Features that it reads.
        hidden: Units of each hidden layer.
    """
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 1),
    )


def domain_losses(of_source: Tensor, of_target: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the domain of each picture, (n,) and (m,), in nats.

    Args:
        of_source: Logits of "of the target", (n, 1), for pictures of the source.
        of_target: The same for pictures of the target, (m, 1).
    """
    s, t = of_source.squeeze(1), of_target.squeeze(1)
    return (
        binary_cross_entropy_with_logits(s, torch.zeros_like(s), reduction="none"),
        binary_cross_entropy_with_logits(t, torch.ones_like(t), reduction="none"),
    )


def domain_accuracy(of_source: Tensor, of_target: Tensor) -> Tensor:
    """Share of pictures whose domain is told rightly, the mean of both domains; ½ = they cannot be told apart.

    Args:
        of_source: Logits of "of the target", (n, 1), for pictures of the source.
        of_target: The same for pictures of the target, (m, 1).
    """
    return ((of_source < 0).float().mean() + (of_target > 0).float().mean()) / 2

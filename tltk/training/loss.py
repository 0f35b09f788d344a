"""What a step minimises: the task's loss, with smoothing and mixup where asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tltk.nn.cut import Activations
from tltk.specs.parts import OptimSpec
from tltk.tasks import Task
from tltk.training.batches import Forward


def batch_loss(
    task: Task,
    forward: Forward,
    inputs: Activations,
    labels: Tensor,
    optim: OptimSpec,
    draw: np.random.Generator,
    taken: Callable[[Tensor, Tensor], Tensor] = lambda rows, other: rows[other],
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean loss of a batch, its features and its logits.

    Mixup blends what enters the trained part: pictures at boundary 0, features above.
    λ ~ Beta(α, α), x̃ = λ x_i + (1 − λ) x_j, and the loss is blended as the labels would be.

    Args:
        task: Whose loss it is.
        forward: From what enters the trained part to (features, logits).
        inputs: What enters it, tensors of one row per picture.
        labels: Targets, (n, …).
        optim: Smoothing and mixup.
        draw: For mixup.
        taken: Rows of what enters and their new order → the rows in that order.

    Reference:
        Zhang, Cisse, Dauphin and Lopez-Paz (2018), mixup, ICLR, Eq. 1, arXiv:1710.09412; at a
        hidden layer: Verma et al. (2019), Manifold mixup, ICML, §2, arXiv:1806.05236.
    """
    smooth = optim.label_smoothing
    if not optim.mixup:
        features, logits = forward(inputs)
        return task.loss(logits, labels, smooth), features, logits
    share = float(draw.beta(optim.mixup, optim.mixup))
    other = torch.from_numpy(draw.permutation(len(labels))).to(labels.device)
    features, logits = forward(tuple(share * t + (1 - share) * taken(t, other) for t in inputs))
    loss = share * task.loss(logits, labels, smooth)
    return loss + (1 - share) * task.loss(logits, labels[other], smooth), features, logits

"""What a step minimises: cross-entropy, with smoothing and mixup where asked."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tltk.nn.cut import Activations
from tltk.specs.parts import OptimSpec
from tltk.training.batches import Forward


def loss_of(
    forward: Forward, inputs: Activations, labels: Tensor, optim: OptimSpec, draw: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of a batch, and its logits.

    Mixup blends what enters the trained part: pictures at boundary 0, features above.
    λ ~ Beta(α, α), x̃ = λ x_i + (1 − λ) x_j, and the loss is blended as the labels would be.

    Reference:
        Zhang, Cisse, Dauphin and Lopez-Paz (2018), mixup, ICLR, Eq. 1, arXiv:1710.09412; at a
        hidden layer: Verma et al. (2019), Manifold mixup, ICML, §2, arXiv:1806.05236.
    """
    smooth = optim.label_smoothing
    if not optim.mixup:
        _, logits = forward(inputs)
        return F.cross_entropy(logits, labels, label_smoothing=smooth), logits
    share = float(draw.beta(optim.mixup, optim.mixup))
    other = torch.from_numpy(draw.permutation(len(labels))).to(labels.device)
    _, logits = forward(tuple(share * t + (1 - share) * t[other] for t in inputs))
    loss = share * F.cross_entropy(logits, labels, label_smoothing=smooth)
    return loss + (1 - share) * F.cross_entropy(logits, labels[other], label_smoothing=smooth), logits

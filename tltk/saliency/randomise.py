"""Weights taken away layer by layer, and how much of a map stays: the sanity check of saliency maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from tltk.nn.net import Net


def randomise_layer(net: Net, layer: int, generator: torch.Generator) -> None:
    """Shuffle the numbers of each weight and running statistic of a layer, in place.

    So their scale stays, and with it that of what the next layer is given, while what was learned goes. Newly drawn
    weights would not do for every network: those that begin with blocks at nought (ResNet's last gamma, layer scale)
    would lose the block instead of having a random one.

    Args:
        net: The network.
        layer: Its index; the depth = the head.
        generator: On the CPU.
    """
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if net.layer_of.get(name) == layer and tensor.is_floating_point():
                order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
                tensor.copy_(tensor.flatten()[order].reshape(tensor.shape))


def rank_correlation(maps: Sequence[Tensor] | Tensor, others: Sequence[Tensor] | Tensor) -> NDArray[np.float64]:
    """Spearman's ρ between two maps of each example, over their places; 0 where one is the same everywhere.

    Reference:
        Adebayo et al. (2018), Sanity checks for saliency maps, NeurIPS, §3–4, arXiv:1810.03292: maps of a network whose
        weights are randomised from the head down must differ from its own, or they say nothing of what it learned.

    Args:
        maps: (n, rows, columns), or n of them, each of its own shape.
        others: The same.

    Returns:
        (n,), −1 … 1.
    """
    found = np.zeros(len(maps))
    for i, (a, b) in enumerate(zip(maps, others, strict=True)):
        mine, other = a.flatten().numpy(), b.flatten().numpy()
        if np.ptp(mine) > 0 and np.ptp(other) > 0:
            found[i] = spearmanr(mine, other).statistic
    return found

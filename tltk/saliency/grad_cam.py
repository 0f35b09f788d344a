"""Grad-CAM: where in a layer's map what speaks for a class lies."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tltk.errors import CannotSplit
from tltk.nn.cut import evaluation_mode
from tltk.nn.net import Net
from tltk.nn.taps import LayerOutputs, places


def map_layers(net: Net, outputs: LayerOutputs) -> list[int]:
    """The layers whose output is a map of more than one place, in order.

    Args:
        net: The network.
        outputs: Of it.
    """
    x = net.sample(2)
    with evaluation_mode(net), torch.no_grad(), outputs.collect(net, 0, len(x)) as found:
        net(x)
    return sorted(layer for layer, output in found.items() if _is_map(output, x.shape))


def grad_cam(net: Net, x: Tensor, classes: Tensor, layer: int, outputs: LayerOutputs) -> Tensor:
    """ReLU(Σ_k α_k Aᵏ): a layer's maps Aᵏ weighted by how the class's score rises with each, negative sums cut off.

    α_k = 1/Z Σ_i Σ_j ∂y/∂Aᵏ_ij, y the score of the class before the softmax, Z the number of places.

    The map is as coarse as the layer's: places of a late layer have seen much of the picture, and those of an early one
    say little of classes. It tells where evidence lies, not which, and nothing where the score falls with every map.

    Reference:
        Selvaraju et al. (2017), Grad-CAM: visual explanations from deep networks via gradient-based localization, ICCV,
        eq. 1–2, arXiv:1610.02391.

    Args:
        net: The network, or a copy of the one that `outputs` was made for.
        x: Normalised pictures, (n, c, h, w).
        classes: The class that is explained of each, (n,).
        layer: Whose maps.
        outputs: Of the network.

    Returns:
        (n, rows, columns), at least 0, float32, on the CPU.

    Raises:
        CannotSplit: The layer's output is no map, or the score does not come from it.
    """
    with evaluation_mode(net), torch.enable_grad(), outputs.collect(net, layer, len(x)) as found:
        logits = net(x.detach().requires_grad_())[1]
        if layer not in found or not _is_map(found[layer], x.shape):
            shape = tuple(found[layer].shape[1:]) if layer in found else ()
            raise CannotSplit(
                f"Grad-CAM needs a layer whose output is a map of more than one place. {net.names[layer]} gives "
                f"{shape or 'nothing of its own'}; take another layer, larger pictures, or attention_rollout."
            )
        at = classes.to(logits.device)[:, None]
        (gradient,) = torch.autograd.grad(logits.gather(1, at).sum(), found[layer], allow_unused=True)
    if gradient is None:
        raise CannotSplit(f"The class's score must come from the layer. That of {net.names[layer]} is not used.")
    maps, where = found[layer].detach().float(), places(found[layer], x.shape)
    channel = 3 if where == (1, 2) else 1
    alpha = gradient.float().mean(where, keepdim=True)
    return (alpha * maps).sum(channel).relu().cpu()


def map_shift(net: Net, x: Tensor, layer: int, outputs: LayerOutputs) -> tuple[float, float]:
    """How far a layer's map lies beside an even division of the picture, down and to the right, in pixels.

    Convolutions of stride 2 whose border is padded on both sides sample the first of two rows: after five of them a
    place of the map is half a place further up and left than its number says. It is measured: the median of the squared
    gradient of the middle place with respect to the pixels is where that place looks.

    Args:
        net: The network.
        x: Normalised pictures, (n, c, h, w).
        layer: Whose output is a map.
        outputs: Of the network.
    """
    with evaluation_mode(net), torch.enable_grad(), outputs.collect(net, layer, len(x)) as found:
        pixels = x.detach().requires_grad_()
        net(pixels)
        maps = found[layer] if places(found[layer], x.shape) == (2, 3) else found[layer].permute(0, 3, 1, 2)
        rows, columns = maps.shape[2:]
        (gradient,) = torch.autograd.grad(maps[:, :, rows // 2, columns // 2].sum(), pixels)
    mass = gradient.double().square().sum((0, 1)).cpu()
    down, right = (_median(mass.sum(axis)) for axis in (1, 0))
    return (
        down - (rows // 2 + 0.5) * x.shape[2] / rows,
        right - (columns // 2 + 0.5) * x.shape[3] / columns,
    )


def _median(mass: Tensor) -> float:
    """Where half of the mass lies before, in pixels from the border; the middle where there is no mass."""
    total = float(mass.sum())
    if not total > 0:
        return len(mass) / 2
    before = mass.cumsum(0)
    at = int((before >= total / 2).nonzero()[0])
    return at + (total / 2 - float(before[at] - mass[at])) / float(mass[at])


def _is_map(output: Tensor, picture: Sequence[int]) -> bool:
    where = places(output, picture)
    return output.ndim == 4 and output.shape[where[0]] * output.shape[where[1]] > 1

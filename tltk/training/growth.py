"""Pictures that grow during a training: smaller ones in the first epochs cost less. No torch at import."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

STAGES = 4  # of Tan and Le (2021), Table 6


def sizes_px(first: int, full: int, epochs: int) -> tuple[int, ...]:
    """Side of the training pictures in each epoch: equal steps from the first size to the full one, in M stages.

    Sᵢ = S₀ + (Sₑ − S₀) · i / (M − 1), i = 0 … M − 1, each for as many epochs as the others, to within one.

    Where epochs are fewer than stages, each is a stage; a single epoch is at the full size. The last stage always is,
    so that what is learned last is of pictures as they are tested: a network that saw other sizes alone reads others
    worse (Touvron et al. 2019).

    Reference:
        Tan and Le (2021), EfficientNetV2: smaller models and faster training, ICML, Algorithm 1, without its growing
        regularisation. arXiv:2104.00298. Touvron, Vedaldi, Douze and Jégou (2019), Fixing the train-test resolution
        discrepancy, NeurIPS, §3. arXiv:1906.06423.

    Args:
        first: S₀, in pixels; 0 = the full size throughout.
        full: Sₑ, in pixels, at least `first`.
        epochs: Of the training, at least 1.
    """
    stages = min(STAGES, epochs)
    if not first or stages == 1:
        return (full,) * epochs
    return tuple(round(first + (full - first) * (e * stages // epochs) / (stages - 1)) for e in range(epochs))


def shrink(x: Tensor, side: int) -> Tensor:
    """Square pictures at another size, (n, c, side, side), bilinear and antialiased; those of this size as they are.

    Args:
        x: (n, c, h, h) floating.
        side: In pixels, at most h.
    """
    import torch.nn.functional as F

    if x.shape[-1] == side:
        return x
    return F.interpolate(x, size=(side, side), mode="bilinear", antialias=True)

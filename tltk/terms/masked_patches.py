"""Masked patches: what is hidden of a picture is told from what is seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.terms.term import Setting, Step, Term

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from tltk.nn.net import Net

ACROSS = 8  # patches along a side, unless their side is named


@dataclass(frozen=True)
class MaskedPatches(Term):
    """Masked patches: a share of a picture's patches is hidden, and the network learns to tell what was there.

    ℓ = λ/|M| Σ_{i∈M} |y_i − x_i| over the numbers M of the hidden patches alone, x the normalised picture, y a linear
    decoder of its own on the last layer's output before pooling. Hidden patches are filled with one learned patch.

    To fill a gap a network must know what belongs to what it sees. It needs no labels, so it pre-trains (`--labels
    none`). It suits transformers with much data; convolutions see the borders of the filling, which harms them a little
    (they cannot leave the hidden places out, as an encoder of the visible tokens alone would, so all patches pass
    through the network, as in SimMIM). It helps where shapes and objects matter; its features are poor without
    fine-tuning, as a linear probe shows. With a small share hidden, copying the neighbours is enough and nothing is
    learned. Each step costs one pass.

    Reference:
        Xie, Zhang, Cao, Lin, Bao, Yao, Dai and Hu (2022), SimMIM: a simple framework for masked image modeling, CVPR,
        §3.2–3.5. arXiv:2111.09886. The same with an encoder of visible patches: He, Chen, Xie, Li, Dollár and Girshick
        (2022), Masked autoencoders are scalable vision learners, CVPR, §3. arXiv:2111.06377.
    """

    needs: ClassVar[tuple[str, ...]] = ("pictures",)
    teaches: ClassVar[bool] = True
    passes: ClassVar[int] = 1

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the loss; 0 = off.")
    share: float = knob(0.6, 0.01, 0.99, help="Share of the patches that is hidden; one patch at least, and not all.")
    patch: int = knob(0, 0, 512, help="Side of a patch in pixels; 0 = an eighth of the picture's.")

    @property
    def reaches_head(self) -> bool:
        """No: what the backbone gives, by a decoder of its own."""
        return False

    def build(self, setting: Setting) -> nn.Module:
        """The decoder, and the patch that hidden ones are filled with.

        Args:
            setting: The network with its first weights.

        Raises:
            BadSpec: The patches are as large as the pictures, or the architecture gives nothing before it pools.
        """
        import torch
        from torch import nn

        from tltk.nn.cut import evaluation_mode
        from tltk.nn.decoder import Decoder

        net = setting.net
        channels, height, width = net.shape
        side = self.patch or max(height // ACROSS, 1)
        if side >= max(height, width):
            raise BadSpec(
                f"The term masked_patches hides a part of a picture. Its patches of {side} px are as large as the "
                f"pictures, {width} px; set patch to {max(width // 4, 1)} or less."
            )
        with evaluation_mode(net), torch.no_grad():
            given = unpooled(net, net.sample(2)).shape
        made = nn.Module()
        made.decoder = Decoder(given, (1, channels, height, width), (height, width))
        made.filling = nn.Parameter(torch.zeros(channels, side, side))
        return made

    def __call__(self, step: Step) -> Tensor:
        """λ times the mean distance on what is hidden."""
        pictures, draw = step.seen
        own: Any = step.module
        hidden = hide(pictures.shape, own.filling.shape[-1], self.share, draw).to(pictures.device)
        height, width = pictures.shape[2:]
        rows, columns = (-(-side // own.filling.shape[-1]) for side in (height, width))
        filling = own.filling.repeat(1, rows, columns)[:, :height, :width]
        seen = pictures.where(~hidden, filling.to(pictures.dtype))
        gap: Tensor = (own.decoder(unpooled(step.net, seen)) - pictures.float()).abs()
        return self.weight * (gap * hidden).sum() / (hidden.sum() * pictures.shape[1])


def hide(shape: Sequence[int], side: int, share: float, draw: Generator) -> Tensor:
    """Which pixels are hidden: as many whole patches in each picture, drawn anew for each; (n, 1, h, w) of truths.

    Args:
        shape: Of the pictures, (n, c, h, w); patches at the right and lower border may be cut off.
        side: Of a patch, in pixels.
        share: Of the patches; at least one of them is hidden, and one is not.
        draw: On the CPU; decides which.
    """
    import torch

    n, _, height, width = shape
    rows, columns = -(-height // side), -(-width // side)
    k = min(max(round(share * rows * columns), 1), rows * columns - 1)
    order = torch.rand(n, rows * columns, generator=draw).argsort(1)
    hidden = torch.zeros(n, rows * columns, dtype=torch.bool).scatter_(1, order[:, :k], True)
    patches = hidden.reshape(n, 1, rows, columns)
    return patches.repeat_interleave(side, 2).repeat_interleave(side, 3)[:, :, :height, :width]


def unpooled(net: Net, x: Tensor) -> Tensor:
    """What the backbone gives before it pools: a map or tokens.

    Args:
        net: The network.
        x: (n, c, h, w), normalised.

    Raises:
        BadSpec: Its architecture gives none.
    """
    import torch

    forward: Any = getattr(net.backbone, "forward_features", None)
    found = None if forward is None else forward(x)
    found = found[-1] if isinstance(found, tuple | list) and found else found
    if not isinstance(found, torch.Tensor) or found.ndim < 2 or len(found) != len(x):
        raise BadSpec(
            "The term masked_patches decodes what a backbone gives before it pools, a map or tokens. This one gives "
            "none; take another backbone, or another term."
        )
    return found

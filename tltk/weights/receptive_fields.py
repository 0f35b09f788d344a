"""What the units of a module look for: their mean gradient over noise, drawn.

By Stein's lemma the gradient of a unit f, averaged over Gaussian pictures x, is what reverse correlation with white
noise estimates, E[∇f(x)] = Cov(x, f(x)) / σ²: the best linear picture of the unit (Chichilnisky (2001), A simple
white noise analysis of neuronal light responses, Network 12(2), eq. 4–5). It holds for any architecture, and for a
first layer of several small convolutions shows them as one.
"""

from __future__ import annotations

import io
import math
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tltk import home
from tltk.errors import CannotSplit, TltkError
from tltk.nn.cut import evaluation_mode
from tltk.nn.net import Net
from tltk.specs.parts import NetSpec
from tltk.weights import catalogue, store
from tltk.weights.load import build_net

MAX_UNITS = 64  # drawn at the most
MAX_WIDTH_PX = 16  # pixels across
SIDE_PX, GAP_PX, FIELDS_PER_ROW = 44, 4, 16  # pixels of a field, between fields, fields in a row


class _Taken(Exception):
    """Raised once the module has answered."""


def receptive_fields(
    net: Net, module: str, size: int = 32, pictures: int = 16, sigma: float = 0.25, widest: int = 0
) -> Tensor | None:
    """The linear receptive fields of a module's units at the middle of the picture.

    Args:
        net: The network, on the CPU; it is read in evaluation mode.
        module: Which of the backbone's modules.
        size: Side of the noise pictures; where a unit sees less, the field is cut to what it sees.
        pictures: How many noise pictures to average over.
        sigma: Their standard deviation about mid grey, in units of the brightness range.
        widest: Pixels across; None is returned where units see more. 0: no limit.

    Returns:
        (units, channels, h, w): change of the unit with each pixel's brightness, without a scale in common.

    Raises:
        CannotSplit: The module's output does not depend on the picture.
    """
    channels = net.mean.shape[1]
    generator = torch.Generator().manual_seed(0)
    noise = 0.5 + sigma * torch.randn(pictures, channels, size, size, generator=generator)
    noise.requires_grad_()
    taken: list[Any] = []

    def stop(_: nn.Module, _inputs: Any, output: Any) -> None:
        taken.append(output)
        raise _Taken  # what comes after it is not needed, and may be large

    handle = net.backbone.get_submodule(module).register_forward_hook(stop)
    try:
        with evaluation_mode(net), torch.enable_grad(), suppress(_Taken):
            net.backbone(net.normalise(noise))
    finally:
        handle.remove()
    units = _middle(taken[0])[:, :MAX_UNITS]

    def slope(answer: Tensor) -> Tensor:
        return torch.autograd.grad(answer.sum(), noise, retain_graph=True)[0].mean(0)

    seen = slope(units).abs().amax(0) > 0
    rows, columns = seen.any(1).nonzero().flatten().tolist(), seen.any(0).nonzero().flatten().tolist()
    if not rows:
        raise CannotSplit(f"Units must depend on the picture to be examined. Those of {module} do not.")
    if widest and max(rows[-1] - rows[0], columns[-1] - columns[0]) >= widest:
        return None
    fields = torch.stack([slope(units[:, u]) for u in range(units.shape[1])])
    return fields[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def first_fields(net: Net, size: int) -> tuple[str, Tensor]:
    """The deepest convolution over places whose units see at most 16 pixels across, and its receptive fields.

    A first convolution of 3 × 3 alone is too small for an edge; the next ones show what it is used for. Where a block
    ends in a mixture of few channels, as in mobile networks, the convolution before shows the features that it mixes.

    Raises:
        CannotSplit: There is no convolution, or none that depends on the picture.
    """
    over_places = [
        name
        for name, module in net.backbone.named_modules()
        if name in net.ran and isinstance(module, nn.Conv2d) and max(module.kernel_size) > 1
    ]
    found: tuple[str, Tensor] | None = None
    for name in sorted(over_places, key=lambda n: net.ran[n][1]):
        fields = receptive_fields(net, name, size, widest=0 if found is None else MAX_WIDTH_PX)
        if fields is None:
            break
        found = name, fields
    if found is None:
        raise CannotSplit("A network must have convolutions for its first fields to be drawn. This one has none.")
    return found


def _middle(output: Any) -> Tensor:
    """One number per picture and unit: of a map (n, c, h, w) its middle, of tokens (n, t, d) the middle one."""
    while isinstance(output, tuple | list):
        output = output[0]
    found: Tensor = output
    if found.ndim == 4:
        return found[:, :, found.shape[2] // 2, found.shape[3] // 2]
    return found[:, found.shape[1] // 2] if found.ndim == 3 else found


def orientation_selectivity(fields: Tensor) -> Tensor:
    """How much each field answers to one orientation alone, in [0, 1]: 0 a blob or noise, 1 a pure grating.

    One minus the circular variance of its spectrum's power over orientations, |Σ P(θ) e^{2iθ}| / Σ P(θ), without the
    mean (Ringach et al. (2002), Orientation selectivity in macaque V1, J. Neurosci. 22(13), eq. 1).

    Args:
        fields: (units, channels, h, w); channels are averaged, so that colour alone is no orientation.
    """
    grey = fields.double().mean(1)
    grey = grey - grey.mean((1, 2), keepdim=True)
    n = 32
    power = torch.fft.fft2(grey, s=(n, n)).abs().square()
    v, u = torch.meshgrid(
        torch.fft.fftfreq(n, dtype=torch.float64), torch.fft.fftfreq(n, dtype=torch.float64), indexing="ij"
    )
    radius = (u**2 + v**2).sqrt()
    power = power * ((radius > 0) & (radius < 0.5))  # a disc, since a square has more of its diagonals
    turn = torch.exp(2j * torch.atan2(v, u))
    found: Tensor = (power * turn).sum((1, 2)).abs() / power.sum((1, 2)).clamp(min=1e-30)
    return found


def draw_fields(fields: Tensor) -> bytes:
    """The fields in rows as a PNG, each scaled to its own largest value about mid grey.

    Args:
        fields: (units, c, h, w), signed; of other than 1 or 3 channels the mean is shown.
    """
    scaled = (0.5 + 0.5 * fields / fields.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)).clamp(0, 1)
    if scaled.shape[1] not in (1, 3):
        scaled = scaled.mean(1, keepdim=True)
    colour = scaled.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
    tiles = (colour * 255).round().byte().numpy()
    columns = min(FIELDS_PER_ROW, len(tiles))
    step = SIDE_PX + GAP_PX
    sheet = Image.new("RGBA", (columns * step - GAP_PX, math.ceil(len(tiles) / columns) * step - GAP_PX), (0, 0, 0, 0))
    for at, tile in enumerate(tiles):
        picture = Image.fromarray(np.ascontiguousarray(tile)).resize((SIDE_PX, SIDE_PX), Image.Resampling.NEAREST)
        sheet.paste(picture, (at % columns * step, at // columns * step))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def save_fields(entry: store.Entry) -> None:
    """Draw the first fields of an entry of the store beside its card; an architecture that has none gets no picture."""
    known = catalogue.catalogue().get(entry.card.backbone)
    size = known.size if known and known.fixed else 64
    with suppress(TltkError, RuntimeError, IndexError):
        net = build_net(NetSpec(entry.card.backbone, f"file:{entry.file}"), 2, size, entry.card.channels, 0)
        home.write_atomic(entry.path / store.FIELDS, draw_fields(first_fields(net, size)[1]))

"""Dead leaves: shapes of one kind that cover each other, in the colours of their class, to pre-train networks on.

Licence: CC0 1.0. Source: drawn here from formulas. Reference: Lee, Mumford & Huang (2001), Occlusion models for natural
images, IJCV 41, 35–59; Baradad et al. (2021), Learning to see by looking at noise, NeurIPS (arXiv:2106.05963), §3.1.
Edges between coloured regions and things half hidden, as in photos; the class is what the leaves share. No torch at
the top.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from tltk.data.domain import Domain, Ints, Progress
from tltk.data.drawing.camera import expose
from tltk.data.drawing.numbers import Floats, expand_dims, interpolate
from tltk.data.drawing.palette import palette
from tltk.data.drawing.pieces import MAX_CLASSES, draw_domain, parse_class_count
from tltk.data.drawing.texture import SLOPES, TEXTURES, axes, spectrum, texture
from tltk.data.sources.surfaces import colours
from tltk.specs.parts import DataSpec

if TYPE_CHECKING:
    from torch import Generator, Tensor

CLASSES = MAX_CLASSES
TRAITS = 24  # random numbers that make a class; 8–17 are its colours, as a surface's are
LEAVES = 24  # in a picture
DRAWN = 9  # random numbers for each of them
STRANGE = 0.25  # share of the leaves that are of no class: any shape, any colour
RADII = (0.08, 0.45)  # of leaves, as a share of the side
POWERS = (0.8, 6.0)  # of |x|^p + |y|^p = 1: diamonds below 1, discs at 2, squares above 4

check = functools.partial(parse_class_count, usual=CLASSES)  # of the number of classes in a name


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Leaves of 200 kinds that cover each other, each kind with colours, outline and grain, to pre-train networks.

    Args:
        spec: `n` (0 = the default of drawn domains), `size` in pixels and `seed`.
        argument: Number of classes, as `check` gives it; empty = `CLASSES`.
        progress: Called with (done, total) pictures.
    """
    return draw_domain(spec, (paint,), class_names(argument), progress)


def class_names(argument: str) -> tuple[str, ...]:
    """By number; as many as the argument says."""
    return tuple(f"leaf {c}" for c in range(int(argument or CLASSES)))


@functools.cache
def traits(count: int = CLASSES) -> Floats:
    """(count, TRAITS) in 0 … 1: what the classes are, each drawn from its own generator.

    0 kind of texture, 1 direction, 2 cycles, 3 bend, 4 steepness, 5 second cycles, 6 and 7 slopes of the noise, 8–17
    colours (see surfaces), 18 power of the outline, 19 aspect, 20 how large most leaves are.
    """
    found: Floats = np.stack([np.random.default_rng((category, 13)).random(TRAITS) for category in range(count)])
    found[:, 0] = (np.arange(count) % len(TEXTURES) + 0.5) / len(TEXTURES)
    return found


def radii(u: Floats, exponent: Floats) -> Floats:
    """Radii in `RADII` from u in 0 … 1, by the inverse of their distribution: p(r) ∝ r^-e, e other than 1.

    r = (a + u · (b - a))^(1 / (1 - e)) with a = r₀^(1 - e), b = r₁^(1 - e). With e = 3 pictures look alike from near
    and from far.

    Reference: Lee, Mumford & Huang (2001), §3.
    """
    low, high = (bound ** (1 - exponent) for bound in RADII)
    found: Floats = interpolate(low, high, u) ** (1 / (1 - exponent))
    return found


def outline(x: Tensor, y: Tensor, wide: Tensor, tall: Tensor, power: Tensor) -> Tensor:
    """How far points lie outside the superellipse |x / wide|^p + |y / tall|^p = 1, negative within.

    (f - 1) · √(wide · tall) with f = (|x / wide|^p + |y / tall|^p)^(1/p): 0 on the outline, about a distance near it.

    Args:
        x: Coordinates along the leaf, (m, h, w) or what broadcasts to it.
        y: Coordinates across it, likewise.
        wide: Half axis along x, above 0, in the units of `x`.
        tall: Half axis along y, above 0.
        power: p above 0: 1 a diamond, 2 an ellipse, large a rectangle.
    """
    right, down = x.div(wide).abs_().clamp_(min=1e-6), y.div(tall).abs_().clamp_(min=1e-6)
    larger = right.maximum(down)
    # f = larger · (1 + (smaller / larger)^p)^(1/p), by logarithms, which are three times as quick as powers.
    ratio = right.minimum(down).div_(larger).log_().mul_(power).exp_()
    return larger.mul_(ratio.log1p_().div_(power).exp_()).sub_(1).mul_((wide * tall).sqrt())


def paint(labels: Ints, chance: Floats, generator: Generator, size: int) -> Tensor:
    """(m, 3, size, size) uint8: leaves of these classes, given their random numbers (m, DRAWS) and a stream of more.

    Args:
        labels: (m,) class numbers in 0 … `CLASSES` − 1.
        chance: (m, 96) random numbers in 0 … 1, a fixed column for each use.
        generator: Draws the leaves, noise and grain.
        size: Side of a picture in pixels.
    """
    import torch

    mine, m = traits(CLASSES)[labels], len(labels)
    u = torch.rand((LEAVES, m, DRAWN), generator=generator).double().numpy()
    tones = torch.rand((LEAVES, m, 9), generator=generator).double().numpy()
    noise = spectrum(interpolate(*SLOPES, np.clip(mine[:, 6:8] + 0.2 * (chance[:, :2] - 0.5), 0, 1)), size, generator)
    how = np.stack(
        [
            mine[:, 0],
            (mine[:, 1] + 0.12 * (chance[:, 2] - 0.5)) % 1,
            mine[:, 2],
            chance[:, 4],
            mine[:, 3],
            mine[:, 4],
            chance[:, 5],
            mine[:, 5],
        ],
        1,
    )
    grain = texture(how, noise)[:, None].sub_(0.5)
    exponent = interpolate(1.5, 4, mine[:, 20])
    x, y = axes(size)
    picture = expand_dims(colours(mine, chance[:, 10:19])[:, 0], 4) + 0.5 * grain
    for leaf, tone in zip(u, tones, strict=True):
        strange = leaf[:, 0] < STRANGE
        shape = np.where(strange[:, None], tone[:, 6:8], mine[:, 18:20] + 0.1 * (tone[:, 6:8] - 0.5)).clip(0, 1)
        power = POWERS[0] * (POWERS[1] / POWERS[0]) ** shape[:, 0]
        wide = radii(leaf[:, 1], exponent)
        tall = wide * interpolate(0.35, 1, shape[:, 1])
        turn = 2 * np.pi * np.where(strange, tone[:, 8], mine[:, 1] + 0.15 * (tone[:, 8] - 0.5))
        cos, sin = expand_dims(np.cos(turn)), expand_dims(np.sin(turn))
        right, down = x - expand_dims(leaf[:, 2] - 0.5), y - expand_dims(leaf[:, 3] - 0.5)
        right, down = cos * right + sin * down, cos * down - sin * right
        inside = (
            outline(right, down, expand_dims(wide), expand_dims(tall), expand_dims(power))
            .mul_(-size)
            .add_(0.5)
            .clamp_(0, 1)
        )
        own = colours(mine, tone)[np.arange(m), (3 * leaf[:, 4]).astype(int)]
        colour = np.where(strange[:, None], palette(leaf[:, 5], leaf[:, 6], leaf[:, 7]), own)
        # Lit from one side: the leaf is lighter towards it, by as much as the picture's own draw says.
        lit = expand_dims(0.6 * chance[:, 20] * (leaf[:, 8] - 0.2) / wide) * down
        moved = grain.roll((int(leaf[0, 2] * size), int(leaf[0, 3] * size)), (2, 3))  # grain ends where a leaf ends
        picture = torch.lerp(picture, expand_dims(colour, 4) + moved.mul_(0.6).add_(lit[:, None]), inside[:, None])
    return expose(picture.clamp_(-0.2, 1.2), chance[:, 70:80], generator)

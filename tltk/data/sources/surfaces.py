"""Coloured surfaces: noise, stripes, dots and checks in the colours of their class, to pre-train networks on.

Licence: CC0 1.0. Source: drawn here from formulas. Reference: Baradad et al. (2021), Learning to see by looking at
noise, NeurIPS (arXiv:2106.05963), §3.2. In fractals and contours colour says nothing; here colour and texture are the
class, so that a network which has to name all three cannot become blind to either. No torch at the top.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from tltk.data.domain import Domain, Ints, Progress
from tltk.data.drawing.camera import expose
from tltk.data.drawing.numbers import Floats, interpolate
from tltk.data.drawing.palette import DARK, LIGHT, palette, ramp
from tltk.data.drawing.pieces import MAX_CLASSES, draw_domain, parse_class_count
from tltk.data.drawing.texture import SLOPES, TEXTURES, spectrum, texture
from tltk.specs.parts import DataSpec

if TYPE_CHECKING:
    from torch import Generator, Tensor

CLASSES = MAX_CLASSES
TRAITS = 20  # random numbers that make a class
SWAY = 0.04  # by how much of the colour circle the hues of one class differ
GREYEST = 0.25  # least saturation of a class's colours


check = functools.partial(parse_class_count, usual=CLASSES)  # of the number of classes in a name


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Surfaces of 200 kinds, each with its own colours and texture, to pre-train networks.

    Args:
        spec: `n` (0 = the default of drawn domains), `size` in pixels and `seed`.
        argument: Number of classes, as `check` gives it; empty = `CLASSES`.
        progress: Called with (done, total) pictures.
    """
    return draw_domain(spec, (paint,), class_names(argument), progress)


def class_names(argument: str) -> tuple[str, ...]:
    """By number; as many as the argument says."""
    return tuple(f"surface {c}" for c in range(int(argument or CLASSES)))


@functools.cache
def traits(count: int = CLASSES) -> Floats:
    """(count, TRAITS) in 0 … 1: what the classes are, each drawn from its own generator.

    0 kind of texture, 1 direction, 2 cycles, 3 bend, 4 steepness, 5 second cycles, 6 and 7 slopes of the noise,
    8–10 hues, 11–13 saturations, 14–16 places in the range of light, 17 which side is dark.
    """
    found: Floats = np.stack([np.random.default_rng((category, 11)).random(TRAITS) for category in range(count)])
    found[:, 0] = (np.arange(count) % len(TEXTURES) + 0.5) / len(TEXTURES)  # every kind alike
    return found


def colours(mine: Floats, chance: Floats) -> Floats:
    """(m, 3 colours, 3): the class's hues and saturations, a little off, some darker and some lighter."""
    m = len(mine)
    hue = mine[:, 8:11] + SWAY * (2 * chance[:, :3] - 1)
    saturation = np.clip(interpolate(GREYEST, 1, mine[:, 11:14]) * interpolate(0.8, 1.1, chance[:, 3:6]), 0, 1)
    place = np.clip(mine[:, 14:17] + 0.3 * (chance[:, 6:9] - 0.5), 0, 1)
    below = np.stack([mine[:, 17] < 0.5, mine[:, 14] < 0.5, mine[:, 17] >= 0.5], 1)
    light = np.where(below, interpolate(*DARK, place), interpolate(*LIGHT, place))
    return palette(hue.reshape(m, 3), saturation, light)


def paint(labels: Ints, chance: Floats, generator: Generator, size: int) -> Tensor:
    """(m, 3, size, size) uint8: surfaces of these classes, given their random numbers (m, DRAWS).

    Args:
        labels: (m,) class numbers in 0 … `CLASSES` − 1.
        chance: (m, 96) random numbers in 0 … 1, a fixed column for each use.
        generator: Draws what is not one number per picture: noise, grain and the like.
        size: Side of a picture in pixels.
    """
    mine, u = traits(CLASSES)[labels], chance
    noise = spectrum(interpolate(*SLOPES, np.clip(mine[:, 6:8] + 0.2 * (u[:, :2] - 0.5), 0, 1)), size, generator)
    turn = mine[:, 1] + 0.12 * (u[:, 2] - 0.5)
    cycles = np.clip(mine[:, 2] + 0.25 * (u[:, 3] - 0.5), 0, 1)
    how = np.stack([mine[:, 0], turn % 1, cycles, u[:, 4], mine[:, 3], mine[:, 4], u[:, 5], mine[:, 5]], 1)
    return expose(ramp(colours(mine, u[:, 10:19]), texture(how, noise)), u[:, 70:80], generator)

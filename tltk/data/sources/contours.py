"""Radial contours, single and nested, with textures and distracting arcs: pictures to pre-train on.

Licence: CC0 1.0. Source: drawn here from formulas. Reference: Kataoka et al. (2022), Replacing labeled real-image
datasets with auto-generated contours, CVPR (arXiv:2206.09132); Takashima et al. (2023), Visual atoms, CVPR
(arXiv:2303.01112). No torch at the top.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from tltk.data.domain import Domain, Ints, Progress
from tltk.data.drawing.camera import expose
from tltk.data.drawing.numbers import Floats, expand_dims, interpolate, pose
from tltk.data.drawing.palette import palette, ramp, schemes
from tltk.data.drawing.pieces import MAX_CLASSES, draw_domain, parse_class_count
from tltk.data.drawing.texture import SLOPES, axes, spectrum, texture
from tltk.specs.parts import DataSpec

if TYPE_CHECKING:
    from torch import Generator, Tensor

CLASSES = MAX_CLASSES
WAVES = 3  # in a contour
AMPLITUDE = 0.7  # most that the waves' amplitudes add to; below 1, the radius stays positive
ARCS = 3  # distracting lines in a picture, at most
RADIUS = (0.28, 0.58)  # of a contour's largest radius, as a share of the side


@dataclass(frozen=True, eq=False)
class Curves:
    """Radial contours r(θ) = r₀ · p(θ)^w · e(θ) · (1 + Σ_k a_k sin(k θ + φ_k)), one per row of each array.

    p is the regular polygon with `vertices` corners, p(θ) = cos(π/V) / cos((θ mod 2π/V) - π/V), w = `edged` (0 or 1),
    and e(θ) = (cos² θ + sin² θ / aspect²)^-½ an ellipse; the waves are those of the visual atoms.

    Reference: Kataoka et al. (2022), §3 (polygons, nested lines); Takashima et al. (2023), §3 (waves on an orbit).
    """

    vertices: Floats  # (m,) at least 3
    edged: Floats  # (m,)
    aspect: Floats  # (m,) in 0 … 1
    waves: Floats  # (m, WAVES) whole numbers of periods around the contour
    amplitudes: Floats  # (m, WAVES)
    phases: Floats  # (m, WAVES)
    nested: Floats  # (m,) how many lines
    gap: Floats  # (m,) between two lines, as a share of the radius
    thickness: Floats  # (m,) of the lines, as a share of the side
    filled: Floats  # (m,) 0 or 1

    def __getitem__(self, rows: Ints) -> Curves:
        return Curves(*(getattr(self, field.name)[rows] for field in fields(self)))


check = functools.partial(parse_class_count, usual=CLASSES)  # of the number of classes in a name


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Contours of 200 radial formulas, filled or lined, among distracting arcs, to pre-train networks.

    Args:
        spec: `n` (0 = the default of drawn domains), `size` in pixels and `seed`.
        argument: Number of classes, as `check` gives it; empty = `CLASSES`.
        progress: Called with (done, total) pictures.
    """
    return draw_domain(spec, (paint,), class_names(argument), progress)


def class_names(argument: str) -> tuple[str, ...]:
    """By number; as many as the argument says."""
    return tuple(f"contour {c}" for c in range(int(argument or CLASSES)))


@functools.cache
def categories(count: int = CLASSES) -> Curves:
    """The categories' contours, each drawn from its own generator."""
    u = iter(np.stack([np.random.default_rng((category, 7)).random(32) for category in range(count)]).T)
    vertices, edged, aspect = (
        np.floor(interpolate(3, 10, next(u))),
        (next(u) < 0.6) * 1.0,
        interpolate(0.55, 1, next(u)),
    )
    reach = ((1, 6), (2, 10), (8, 20))  # periods: lobes, petals, ripples
    waves = np.stack([np.floor(interpolate(low, high + 1, next(u))) for low, high in reach], 1)
    raw = np.stack([interpolate(0.0, 0.5, next(u)), interpolate(0.0, 0.4, next(u)), 0.15 * next(u) ** 2], 1)
    raw[:, 0] /= np.where(waves[:, 0] == 1, 2, 1)  # one period is a shift, rather than a shape
    raw *= np.sqrt(next(u))[:, None]
    phases = 2 * np.pi * np.stack([next(u) for _ in range(WAVES)], 1)
    nested = np.floor(interpolate(1, 6, next(u) ** 1.5))
    gap = np.minimum(interpolate(0.1, 0.3, next(u)), 0.8 / nested)
    thickness, filled = interpolate(0.015, 0.06, next(u) ** 1.5), (next(u) < 0.6) * 1.0
    return Curves(vertices, edged, aspect, waves, raw, phases, nested, gap, thickness, filled)


def instances(labels: Ints, chance: Floats) -> Curves:
    """Contours of these categories (m,), with waves a little higher or lower and shifted; 12 random numbers each."""
    mine, u = categories(CLASSES)[labels], iter(chance.T)
    amplitudes = mine.amplitudes * interpolate(0.8, 1.2, np.stack([next(u) for _ in range(WAVES)], 1))
    amplitudes *= np.minimum(1, AMPLITUDE / amplitudes.sum(1, keepdims=True))
    phases = mine.phases + interpolate(-0.25, 0.25, np.stack([next(u) for _ in range(WAVES)], 1))
    aspect = np.minimum(1, mine.aspect * interpolate(0.9, 1.1, next(u)))
    thickness = mine.thickness * interpolate(0.8, 1.3, next(u))
    gap = mine.gap * interpolate(0.9, 1.1, next(u))
    return Curves(
        mine.vertices, mine.edged, aspect, mine.waves, amplitudes, phases, mine.nested, gap, thickness, mine.filled
    )


# -- distances -------------------------------------------------------------------------------------------


def radius(curves: Curves, angle: Tensor) -> tuple[Tensor, Tensor]:
    """r(θ) / r₀ and the slope r′(θ) / r(θ), both of the shape of the angles (m, h, w).

    Args:
        curves: m contours.
        angle: (m, h, w) in radians.
    """
    import torch

    step = expand_dims(2 * np.pi / curves.vertices)
    within = torch.remainder(angle, step).sub_(step / 2)
    edged, flat = expand_dims(curves.edged), expand_dims(1 / curves.aspect**2 - 1)
    cos, sin = angle.cos(), angle.sin()
    ellipse = torch.addcmul(torch.ones(()), flat, sin.square()).reciprocal_()  # e²
    slope = edged * within.tan() - flat * cos.mul_(sin).mul_(ellipse)
    wave, steep = torch.ones_like(angle), torch.zeros_like(angle)
    for k in range(WAVES):
        period, height = expand_dims(curves.waves[:, k]), expand_dims(curves.amplitudes[:, k])
        turn = angle * period + expand_dims(curves.phases[:, k])
        wave.addcmul_(turn.sin(), height)
        steep.addcmul_(turn.cos_(), height * period)
    polygon = torch.lerp(torch.ones(()), (step / 2).cos() / within.cos_(), edged)
    return ellipse.sqrt_().mul_(polygon).mul_(wave), slope.add_(steep.div_(wave))


def distance(curves: Curves, r0: Floats, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Signed distances of the points to the contours and to the nearest of the nested lines; inside is negative.

    d = (|p| - r(θ)) / √(1 + (r′/r)²), exact to first order near the contour; line j is the contour times 1 - j · gap,
    and its distance, never negative, is |(|p| - (1 - j · gap) r)| over the same root.

    Args:
        curves: Contours around the origin.
        r0: (m,), in the unit of x and y.
        x: (m, h, w), to the right.
        y: (m, h, w), up or down.
    """
    import torch

    shape, slope = radius(curves, torch.atan2(y, x))
    shape.mul_(expand_dims(r0))
    off = torch.hypot(x, y)
    root = slope.square_().add_(1).rsqrt_()
    gap, last = expand_dims(curves.gap), expand_dims(curves.nested - 1)
    ring = (1 - off / shape).div_(gap).round_().clamp_(min=0).minimum(last)
    lines = (off - (1 - ring * gap) * shape).abs_().mul_(root)
    return off.sub_(shape).mul_(root), lines


# -- pictures --------------------------------------------------------------------------------------------


def paint(labels: Ints, chance: Floats, generator: Generator, size: int) -> Tensor:
    """(m, 3, size, size) uint8: an instance of each category, textured, on a texture, under arcs, through a camera.

    Args:
        labels: (m,) class numbers in 0 … `CLASSES` − 1.
        chance: (m, 96) random numbers in 0 … 1, a fixed column for each use.
        generator: Draws what is not one number per picture: noise, grain and the like.
        size: Side of a picture in pixels.
    """
    import torch

    curves, u = instances(labels, chance[:, :12]), iter(chance[:, 40:].T)
    ground, figure = schemes(chance[:, 12:40])
    noise = spectrum(interpolate(*SLOPES, np.stack([next(u), next(u)], 1)), size, generator)
    (turn, mirror), r0 = pose(next(u), next(u)), interpolate(*RADIUS, next(u))
    right, down, lit = interpolate(-0.2, 0.2, next(u)), interpolate(-0.2, 0.2, next(u)), next(u)
    x, y = (axis - expand_dims(move) for axis, move in zip(axes(size), (right, down), strict=True))
    cos, sin = expand_dims(np.cos(turn)), expand_dims(np.sin(turn))
    largest = 1 + 0.6 * curves.amplitudes.sum(1)
    x, y = (cos * x + sin * y) * expand_dims(mirror), cos * y - sin * x
    edge, lines = distance(curves, r0 / largest, x, y)
    # One line drawing in three is open: cut along a straight line, so that strokes have ends.
    far = np.where((curves.filled < 1) & (next(u) < 1 / 3), interpolate(-0.3, 0.5, next(u)) * r0, 9.0)
    lines = torch.maximum(lines, x - expand_dims(far - curves.thickness / 2))
    picture = ramp(ground, texture(chance[:, 54:62], noise))
    fill = ramp(figure, texture(chance[:, 62:70], noise.flip(0).transpose(1, 2)))
    inside = edge.mul_(-size).add_(0.5).clamp_(0, 1).mul_(expand_dims(curves.filled))
    picture = torch.lerp(picture, fill, inside[:, None])
    # On a fill the lines are as the ground is, or darker than all; alone, as the figure.
    ink = np.where((curves.filled > 0)[:, None], ground[:, 0] * np.round(lit)[:, None], figure[:, 0])
    drawn = lines.sub_(expand_dims(curves.thickness / 2)).mul_(-size).add_(0.5).clamp_(0, 1)
    picture = torch.lerp(picture, expand_dims(ink, 4), drawn[:, None])
    over = palette(chance[:, 70], chance[:, 71], chance[:, 72])
    picture = torch.lerp(picture, expand_dims(over, 4), arcs(chance[:, 73:90], size)[:, None])
    return expose(picture, chance[:, 90:96], generator)


def arcs(chance: Floats, size: int) -> Tensor:
    """(m, size, size), 0 … 1: where up to three thin arcs run across the picture; 16 random numbers each."""
    import torch

    u, (x, y) = iter(chance.T), axes(size)
    count, half = np.floor((ARCS + 1) * next(u) ** 1.3), interpolate(0.5 / 64, 3 / 64, next(u) ** 2) / 2
    nearest = torch.full((len(chance), size, size), 2.0)
    for number in range(ARCS):
        at_x, at_y, turn, bend = interpolate(-0.4, 0.4, next(u)), interpolate(-0.4, 0.4, next(u)), next(u), next(u)
        far = 0.2 / (0.02 + bend**2)  # radius, 0.2 … 10 sides: most are nearly straight
        far, turn = np.where(number < count, far, 100.0), 2 * np.pi * turn
        at_x, at_y = at_x + far * np.cos(turn), at_y + far * np.sin(turn)
        off = torch.hypot(x - expand_dims(at_x), y - expand_dims(at_y)).sub_(expand_dims(far)).abs_()
        nearest = nearest.minimum(off.add_(expand_dims(np.where(number < count, 0.0, 2.0))))
    return nearest.sub_(expand_dims(half)).mul_(-size).add_(0.5).clamp_(0, 1)

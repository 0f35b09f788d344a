"""Fractals of iterated function systems in front of textured grounds, after FractalDB: pictures to pre-train on.

Licence: CC0 1.0. Source: drawn here from formulas. Reference: Kataoka et al. (2020), Pre-training without natural
images, ACCV (arXiv:2101.08515); Anderson & Farrell (2022), Improving fractal pre-training, WACV (arXiv:2110.03091);
Barnsley (1988), Fractals Everywhere. No torch at the top.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from tltk.data.domain import Domain, Ints, Progress
from tltk.data.drawing.camera import expose
from tltk.data.drawing.numbers import Floats, expand_dims, interpolate, pose
from tltk.data.drawing.palette import ramp, schemes
from tltk.data.drawing.pieces import MAX_CLASSES, draw_domain, parse_class_count
from tltk.data.drawing.texture import SLOPES, spectrum, texture
from tltk.specs.parts import DataSpec

if TYPE_CHECKING:
    from torch import Generator, Tensor

CLASSES = MAX_CLASSES
MAPS = 8  # most maps in a system; the fewest are two
MIN_FILLING_RATE = 0.2  # least filling rate of a category
GRID_SIDE_PX = 64  # side of the picture on which the filling rate is measured
MIN_PROBABILITY = 0.02  # least share of the points that a map is given
CONTRACTION = 0.97  # largest singular value of a map, perturbed ones included
WEIGHTS = (0.8, 1.2)  # by which one of the six parameters of every map is multiplied in an instance
PARTICLES, SETTLE = 1024, 6  # points that walk side by side; steps before they are drawn
POINTS_PER_PIXEL = 3  # points per pixel
COUNT = 2.0**26  # weight of a point in the sums that hold count and shade at once
REACH = (0.6, 1.2)  # longer side of a fractal, as a share of the picture's


check = functools.partial(parse_class_count, usual=CLASSES)  # of the number of classes in a name


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Fractals of 200 iterated function systems, in colour and on textures, to pre-train networks.

    Args:
        spec: `n` (0 = the default of drawn domains), `size` in pixels and `seed`.
        argument: Number of classes, as `check` gives it; empty = `CLASSES`.
        progress: Called with (done, total) pictures.
    """
    return draw_domain(spec, (paint,), class_names(argument), progress)


def class_names(argument: str) -> tuple[str, ...]:
    """By number; as many as the argument says."""
    return tuple(f"fractal {c}" for c in range(int(argument or CLASSES)))


# -- categories ------------------------------------------------------------------------------------------


@functools.cache
def systems(count: int = CLASSES) -> tuple[Floats, Floats]:
    """The categories: of each, the first system drawn from its own generator that fills enough of a picture.

    Returns:
        Maps (count, 8, 6), a, b, c, d, e, f of x ↦ (a x + b y + e, c x + d y + f), and the shares (count, 8) of the
        points that each is given: zero, like its parameters, for a map that a system lacks.
    """
    import torch

    maps, left, attempt = np.zeros((count, MAPS, 6)), np.arange(count), 0
    while len(left):
        maps[left] = [system(int(category), attempt) for category in left]
        generator = torch.Generator().manual_seed(attempt)
        x, y = chaos_game(maps[left], map_probabilities(maps[left]), 8, generator)
        left, attempt = left[filling_rate(x.numpy(), y.numpy()) < MIN_FILLING_RATE], attempt + 1
    return maps, map_probabilities(maps)


def system(category: int, attempt: int = 0) -> Floats:
    """A random system (8, 6) of 2 to 8 contractions, by their singular values.

    A_k = R(θ) · diag(σ₁, σ₂) · R(φ) · diag(±1, ±1), 1 > σ₁ ≥ σ₂ ≥ 0, with Σ_k σ₁ + 2 σ₂ = α and
    ½ (5 + N) < α < ½ (6 + N), in which band most systems of N maps have a shape; translations in -1 … 1.

    Reference: Anderson & Farrell (2022), the σ-factor and its sampling.
    """
    draw = np.random.default_rng((category, attempt))
    n = int(draw.integers(2, MAPS + 1))
    sigma = _singular_values(n, draw.uniform((5 + n) / 2, (6 + n) / 2), draw).clip(0, CONTRACTION)
    left, right = (_turns(2 * np.pi * draw.random(n)) for _ in range(2))
    linear = left * sigma[:, None] @ right * draw.choice([-1.0, 1.0], (n, 1, 2))
    maps = np.zeros((MAPS, 6))
    maps[:n] = np.concatenate([linear.reshape(n, 4), draw.uniform(-1, 1, (n, 2))], 1)
    return maps


def _singular_values(n: int, alpha: float, draw: np.random.Generator) -> Floats:
    """(n, 2): pairs σ₁ ≥ σ₂ in 0 … 1 with Σ σ₁ + 2 σ₂ = alpha, one pair after the other within what is left."""
    found, low, high = np.empty((n, 2)), alpha - 3 * (n - 1), alpha
    for k in range(n - 1):
        first = draw.uniform(max(0.0, low / 3), min(1.0, high))
        second = draw.uniform(max(0.0, (low - first) / 2), min(first, (high - first) / 2))
        found[k] = first, second
        low, high = low - first - 2 * second + 3, high - first - 2 * second
    second = draw.uniform(max(0.0, (high - 1) / 2), high / 3)
    found[-1] = high - 2 * second, second
    return found


def _turns(angle: Floats) -> Floats:
    """(…, 2, 2) rotations."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos, -sin, sin, cos], -1).reshape(*angle.shape, 2, 2)


def map_probabilities(maps: Floats) -> Floats:
    """p_k = |det A_k| / Σ_j |det A_j|, no less than `MIN_PROBABILITY` for a map that is there, and 1 in all.

    Reference: Kataoka et al. (2020), §3.
    """
    area = np.abs(maps[..., 0] * maps[..., 3] - maps[..., 1] * maps[..., 2])
    share = np.maximum(area / area.sum(-1, keepdims=True).clip(1e-9), MIN_PROBABILITY) * maps.any(-1)
    even: Floats = share / share.sum(-1, keepdims=True)
    return even


def contraction(maps: Floats) -> Floats:
    """(…,): the larger singular value of each map's linear part, the factor by which distances shrink at least.

    σ₁ = ½ (√((a + d)² + (b - c)²) + √((a - d)² + (b + c)²)); below 1, the system has one attractor.

    Reference: Barnsley (1988), ch. III, theorem 7.1 (the contraction mapping theorem for systems).
    """
    a, b, c, d = (maps[..., k] for k in range(4))
    sigma: Floats = (np.hypot(a + d, b - c) + np.hypot(a - d, b + c)) / 2
    return sigma


def filling_rate(x: Floats, y: Floats, side: int = GRID_SIDE_PX) -> Floats:
    """r = pixels with a point / all pixels, of the points (m, …) drawn so that the longer side fits the picture.

    Reference: Kataoka et al. (2020), §3; a category is kept where r exceeds a threshold, there 0.05 … 0.25.

    Args:
        x: (m, …) coordinates of the points of m attractors.
        y: The same shape.
        side: Pixels of a side of the grid on which points are counted.
    """
    m = len(x)
    x, y = (v.reshape(m, -1) for v in (x, y))
    low = [v.min(1, keepdims=True) for v in (x, y)]
    extent = np.maximum(x.max(1, keepdims=True) - low[0], y.max(1, keepdims=True) - low[1]).clip(1e-6)
    column, row = (((v - v0) / extent * side).astype(int).clip(0, side - 1) for v, v0 in zip((x, y), low, strict=True))
    seen = np.zeros((m, side * side), bool)
    seen[np.arange(m)[:, None], row * side + column] = True
    rate: Floats = seen.mean(1)
    return rate


# -- points ----------------------------------------------------------------------------------------------


def perturb(maps: Floats, chance: Floats) -> Floats:
    """Systems (m, 8, 6) of instances: one of a … f of all maps is multiplied by a weight in 0.8 … 1.2.

    A map that no longer contracts by `CONTRACTION` is shrunk until it does.

    Reference: Kataoka et al. (2020), §3, where the weight is one of 0.8, 0.9, 1.1 and 1.2.

    Args:
        chance: (m, 2) which and how much.
    """
    which = (chance[:, 0] * 6).astype(int)
    weight = np.where(np.arange(6) == which[:, None], interpolate(*WEIGHTS, chance[:, 1])[:, None], 1.0)
    maps = maps * weight[:, None]
    maps[..., :4] *= np.minimum(1, CONTRACTION / contraction(maps).clip(1e-9))[..., None]
    return maps


def change_basis(maps: Floats, view: Floats) -> Floats:
    """Systems (m, 8, 6) whose attractors are the old ones seen through the linear maps `view` (m, 2, 2): V f V⁻¹."""
    view = view[:, None]
    linear = view @ maps[..., :4].reshape(*maps.shape[:-1], 2, 2) @ np.linalg.inv(view)
    moved = (view @ maps[..., 4:, None])[..., 0]
    return np.concatenate([linear.reshape(*maps.shape[:-1], 4), moved], -1)


def fixed_points(maps: Floats) -> Floats:
    """(…, 2): the point that each map leaves where it is, (I - A)⁻¹ (e, f)."""
    a, b, c, d, e, f = np.moveaxis(maps, -1, 0)
    area = (1 - a) * (1 - d) - b * c
    points: Floats = np.stack([(1 - d) * e + b * f, c * e + (1 - a) * f], -1) / area[..., None]
    return points


def chaos_game(
    maps: Floats, share: Floats, steps: int, generator: Generator, settle: int = SETTLE, particles: int = PARTICLES
) -> tuple[Tensor, Tensor]:
    """The chaos game, played by many particles side by side: x and y, (m, steps, particles) float32.

    At each step the particles change places at random, then each place applies its own map, which is fixed: map k
    has a share p_k of the places. So a particle meets the maps at random, in exact shares, without a look-up. It
    starts in the fixed point of a map, which lies on the attractor, so no step is off it.

    Args:
        maps: (m, k, 6).
        share: (m, k), each row adding to 1.
        steps: That are returned.
        generator: Of the places; all systems share them.
        settle: Steps before, that spread the points over the attractor.
        particles: Places.
    """
    import torch

    whole = np.concatenate([maps, fixed_points(maps)], -1)
    a, b, c, d, e, f, x, y = expand_dims(values_at_places(whole, share, particles).transpose(2, 0, 1)).contiguous()
    xs, ys = (torch.empty((steps, *a.shape)) for _ in range(2))
    for step in range(-settle, steps):
        order = torch.randperm(particles, generator=generator)
        x, y = x.index_select(1, order), y.index_select(1, order)
        x, y = torch.addcmul(e, a, x).addcmul_(b, y), torch.addcmul(f, c, x).addcmul_(d, y)
        if step >= 0:
            xs[step], ys[step] = x, y
    return xs.transpose(0, 1), ys.transpose(0, 1)


def values_at_places(maps: Floats, share: Floats, particles: int = PARTICLES) -> Floats:
    """(m, particles, …): of what belongs to each map (m, k, …), what belongs to the map of each place.

    Args:
        maps: (m, k, …) a value for each map of each system.
        share: (m, k) probabilities of the maps, 1 in all per system; each map has as many places as that.
        particles: Number of places.
    """
    at = (np.arange(particles) + 0.5) / particles
    which = (share.cumsum(1)[:, None, :-1] < at[:, None]).sum(-1)
    found: Floats = maps[np.arange(len(maps))[:, None], which]
    return found


# -- pictures --------------------------------------------------------------------------------------------


def paint(labels: Ints, chance: Floats, generator: Generator, size: int) -> Tensor:
    """(m, 3, size, size) uint8: an instance of each category, coloured, on a texture, through a camera.

    Args:
        labels: (m,) class numbers in 0 … `CLASSES` − 1.
        chance: (m, 96) random numbers in 0 … 1, a fixed column for each use.
        generator: Draws what is not one number per picture: noise, grain and the like.
        size: Side of a picture in pixels.
    """
    import torch

    count, shade = histogram(labels, chance[:, :12], generator, size)
    ground, figure = schemes(chance[:, 12:40])
    u = iter(chance[:, 40:].T)
    noise = spectrum(interpolate(*SLOPES, np.stack([next(u), next(u)], 1)), size, generator)
    behind = ramp(ground, texture(chance[:, 50:58], noise))
    dense = count.log1p().div_(count.amax((1, 2), keepdim=True).log1p_())
    blend, inner, solid = next(u), next(u), next(u)
    at = torch.lerp(shade, dense, expand_dims(blend))
    own = texture(chance[:, 58:66], noise.flip(0).transpose(1, 2)).sub_(0.5)
    at.addcmul_(own, expand_dims(np.where(inner < 0.5, 1.2 * inner, 0.0)))
    cover = count.mul_(expand_dims(2 ** interpolate(-1.5, 1, solid))).clamp_(max=1)
    return expose(torch.lerp(behind, ramp(figure, at), cover[:, None]), chance[:, 70:80], generator)


def histogram(labels: Ints, chance: Floats, generator: Generator, size: int) -> tuple[Tensor, Tensor]:
    """Points per pixel and their mean shade, 0 … 1 by the map applied last, (m, size, size) each.

    Args:
        labels: (m,) class numbers in 0 … `CLASSES` − 1.
        chance: (m, ≥ 8) random numbers in 0 … 1: which map is changed and how much, then how the picture is turned,
            flipped, narrowed, enlarged and shifted.
        generator: Plays the chaos game.
        size: Side of a picture in pixels.
    """
    import torch

    u, m = iter(chance.T), len(labels)
    maps, share = systems(CLASSES)
    which, weight, turn, flip, narrow, reach, right, down = (next(u) for _ in range(8))
    angle, mirror = pose(turn, flip)
    view = _turns(angle)
    view[:, 0] *= (mirror * interpolate(0.75, 1, narrow))[:, None]
    mine, share = perturb(maps[labels], np.stack([which, weight], 1)), share[labels]
    x, y = chaos_game(change_basis(mine, view), share, max(4, POINTS_PER_PIXEL * size**2 // PARTICLES), generator)
    low, high = (torch.stack([getattr(v[:, :4], side)((1, 2)) for v in (x, y)]) for side in ("amin", "amax"))
    reach = interpolate(*REACH, reach) * size
    scale = expand_dims(reach, 1) / (high - low).amax(0).clamp_(min=1e-4)
    free = interpolate(-0.25, 0.25, np.stack([right, down])) * size
    middle = expand_dims(size / 2 + 1 + free, 2) - (high + low) / 2 * scale  # a border of one pixel for points outside
    column, row = (
        torch.addcmul(move[:, None, None], v, scale[:, None, None]).clamp_(0, size + 1.5)
        for v, move in zip((x, y), middle, strict=True)
    )
    wide = size + 2
    index = row.floor_().mul_(wide).add_(column).long().add_(torch.arange(m)[:, None, None] * wide**2)
    # The shade of each map in sixteenths, above it the count: one pass, and exact in float64 in any order.
    order = np.arange(MAPS) / (share > 0).sum(1)[:, None]
    sixteenths = torch.from_numpy(np.floor(values_at_places(16 * order, share)) + COUNT)[:, None].expand(index.shape)
    sums = torch.bincount(index.flatten(), sixteenths.flatten(), m * wide**2).reshape(m, wide, wide)
    sums = sums[:, 1:-1, 1:-1]
    count = (sums / COUNT).floor_()
    shade = (sums - count * COUNT).div_(count.clamp(min=1)).float().div_(15)
    return count.float(), shade

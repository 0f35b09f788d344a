"""Signed distances to the edges of ten shapes, negative inside; `shapes` draws with them.

Each takes coordinates x (to the right) and y (upwards), of any one shape, and fits into a circle of radius 1
around the origin, more or less. Methods of tensors only, so that no import of torch is needed.
Reference: Inigo Quilez, 2D distance functions, iquilezles.org/articles/distfunctions2d.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Distance = Callable[["Tensor", "Tensor"], "Tensor"]


def length(x: Tensor, y: Tensor) -> Tensor:
    """√(x² + y²).

    Args:
        x: Of any shape.
        y: Of the same shape, or one that broadcasts to that of `x`.
    """
    return (x * x).addcmul_(y, y).sqrt_()


def _box(x: Tensor, y: Tensor, half_x: float, half_y: float) -> Tensor:
    x, y = x.abs().sub_(half_x), y.abs().sub_(half_y)
    inside = x.maximum(y).clamp_(max=0)
    return length(x.clamp_(min=0), y.clamp_(min=0)).add_(inside)


def _with_sign(distance: Tensor, sign: Tensor) -> Tensor:
    """The distance with this sign."""
    return distance.copysign_(sign)


def _circle(x: Tensor, y: Tensor) -> Tensor:
    return length(x, y).sub_(0.85)


def _square(x: Tensor, y: Tensor) -> Tensor:
    return _box(x, y, 0.72, 0.72)


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    k = math.sqrt(3)
    r = k / 2
    x, y = x.abs().sub_(r), y + (r / k - 0.12)
    over = (x + k * y).clamp_(min=0)  # the mirror image at the slanted side, where beyond it
    x, y = x.sub_(over, alpha=0.5), y.sub_(over, alpha=k / 2)
    return _with_sign(length(x - x.clamp(-2 * r, 0), y), 0 - y)  # not −y: −0 would be inside


def _star(x: Tensor, y: Tensor) -> Tensor:
    c, s, inner = 0.809016994375, 0.587785252292, 0.42
    x = x.abs()
    for ax in (c, -c):
        fold = (ax * x).sub_(y, alpha=s).clamp_(min=0)
        x, y = x.sub_(fold, alpha=2 * ax), y.add(fold, alpha=2 * s)
    x, y = x.abs_(), y.sub_(1)
    bx, by = inner * s, inner * c - 1
    h = (bx * x).add_(y, alpha=by).mul_(1 / (bx * bx + by * by)).clamp_(0, 1)
    side = (bx * y).sub_(x, alpha=by)
    return _with_sign(length(x.sub_(h, alpha=bx), y.sub_(h, alpha=by)), side)


def _cross(x: Tensor, y: Tensor) -> Tensor:
    x, y = x.abs(), y.abs()
    long, short = x.maximum(y), x.minimum(y)
    outer, inner = long.sub(0.95), short.sub(0.32)
    k = inner.maximum(outer)
    w = k > 0
    # inside, the nearest edge is a flank, or an inner corner at (0.32, 0.32)
    a, b = outer.where(w, 0.32 - long), inner.where(w, -k)
    return _with_sign(length(a.clamp_(min=0), b.clamp_(min=0)), k)


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return length(x, y).sub_(0.68).abs_().sub_(0.22)


def _hexagon(x: Tensor, y: Tensor) -> Tensor:
    c, s, r = math.sqrt(3) / 2, 0.5, 0.8
    x, y = x.abs(), y.abs()
    fold = (-c * x).add_(y, alpha=s).clamp_(max=0)
    x, y = x.add_(fold, alpha=2 * c), y.sub_(fold, alpha=2 * s).sub_(r)
    half = r / math.sqrt(3)
    return _with_sign(length(x - x.clamp(-half, half), y), y)


def _heart(x: Tensor, y: Tensor) -> Tensor:
    size = 1.5  # the formula's heart is 1.1 high and stands on the origin
    x, y = x.abs().mul_(1 / size), y.mul(1 / size).add_(0.55)
    total, side = x + y, x - y
    lobe = length(x - 0.25, y - 0.75).sub_(math.sqrt(2) / 4)
    half = total.clamp(min=0).mul_(0.5)
    tip, rest = length(x, y - 1), length(x - half, y - half)
    return lobe.where(total > 1, _with_sign(tip.minimum(rest), side)).mul_(size)


def _crescent(x: Tensor, y: Tensor) -> Tensor:
    d, ra, rb = 0.5, 0.95, 0.75
    a = (ra * ra - rb * rb + d * d) / (2 * d)
    b = math.sqrt(ra * ra - a * a)
    x, y = x + 0.3, y.abs()
    corner = (x * b - y * a) > d * (b - y).clamp_(min=0)
    body = length(x, y).sub_(ra).maximum(length(x - d, y).sub_(rb).neg_())
    return length(x - a, y - b).where(corner, body)


def _bar(x: Tensor, y: Tensor) -> Tensor:
    return _box(x, y, 0.95, 0.3)


DISTANCES: dict[str, Distance] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "hexagon": _hexagon,
    "heart": _heart,
    "crescent": _crescent,
    "bar": _bar,
}

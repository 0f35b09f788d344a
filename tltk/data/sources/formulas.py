"""Fractals, contours, surfaces (and leaves) in turns.

Licence: CC0 1.0. Source: drawn here from formulas; no photo, font or drawing is used. Reference: Kataoka et al. (2020),
Pre-training without natural images, ACCV (arXiv:2101.08515); Baradad et al. (2021), Learning to see by looking at
noise, NeurIPS (arXiv:2106.05963). Pictures made to pre-train networks on; no torch at the top.
"""

from __future__ import annotations

from tltk.data.domain import Domain, Progress
from tltk.data.drawing.pieces import LICENCE, SOURCE, Paint, draw_domain, parse_class_count
from tltk.data.sources import contours, fractals, leaves, surfaces
from tltk.errors import BadSpec
from tltk.specs.parts import DataSpec

__all__ = ["CLASSES", "LICENCE", "SOURCE", "check", "load"]

CLASSES = 100  # of each kind


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Fractals, contours, surfaces in turns, 100 classes of each, to pre-train on (25+leaves: fewer, with leaves).

    Args:
        spec: `n` (0 = the default of drawn domains), `size` in pixels and `seed`.
        argument: Number of classes of each kind, then "+leaves" where there are leaves; empty = `CLASSES`.
        progress: Called with (done, total) pictures.
    """
    paints = tuple(paint for _, paint in _kinds(argument))
    return draw_domain(spec, paints, class_names(argument), progress)


def class_names(argument: str) -> tuple[str, ...]:
    """By number, the kinds in turns."""
    count = argument.partition("+")[0]
    return tuple(f"{kind} {c}" for c in range(int(count or CLASSES)) for kind, _ in _kinds(argument))


def _kinds(argument: str) -> list[tuple[str, Paint]]:
    kinds: list[tuple[str, Paint]] = [
        ("fractal", fractals.paint),
        ("contour", contours.paint),
        ("surface", surfaces.paint),
    ]
    return [*kinds, ("leaf", leaves.paint)] if "+" in argument else kinds


def check(argument: str) -> str:
    """`parse_class_count` of the number, then "+leaves" where dead leaves take turns too.

    Raises:
        BadSpec: Anything else.
    """
    count, plus, more = argument.partition("+")
    if plus and more.strip() != "leaves":
        raise BadSpec(f"After + there must be leaves, as in formulas:25+leaves. Got {more[:40]!r}.")
    return parse_class_count(count, CLASSES) + ("+leaves" if plus else "")

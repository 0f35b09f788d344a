"""A line over steps, epochs or seconds, with its band."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """A line with, where there are several seeds, its 95% band; all lists have one length."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    lo: tuple[float, ...] = ()
    hi: tuple[float, ...] = ()
    x_unit: str = "steps"

"""When to stop, and which settings to keep, where the target has no labels: one criterion a file.

`tltk/selection/entropy.py` holds `entropy(found)`: what a network says of pictures without their labels in, one number
out, larger = better. No torch at import.
"""

from __future__ import annotations

from collections.abc import Callable

from tltk.registry import Registry
from tltk.selection.unlabelled import Unlabelled

criteria: Registry[Callable[[Unlabelled], float]] = Registry(
    "criterion", "tltk.selection", lambda name: name, group="tltk.criteria", skip=("unlabelled", "density_ratio")
)

__all__ = ["Unlabelled", "criteria"]

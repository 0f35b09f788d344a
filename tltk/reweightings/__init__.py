"""Weights for the source's pictures, so that they count as if drawn from the target: one file each, its name is theirs.

`tltk/reweightings/kmm.py` holds `Kmm(Reweighting)`: features of both domains without labels in, a weight for each
picture of the source out. No torch at import.
"""

from __future__ import annotations

from tltk.registry import Registry
from tltk.reweightings.reweighting import Reweighting
from tltk.specs.spelling import camel_case

reweightings: Registry[type[Reweighting]] = Registry(
    "reweighting", "tltk.reweightings", camel_case, skip=("reweighting",)
)

__all__ = ["Reweighting", "reweightings"]

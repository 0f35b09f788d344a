"""Combinations of attributes of the shift lab that were never shown: pre-trained against random features."""

from __future__ import annotations

from tltk.analyses.sample import Context
from tltk.analyses.zero_shot.analysis import zero_shot
from tltk.analyses.zero_shot.result import ZeroShotResult
from tltk.analyses.zero_shot.spec import ZeroShotSpec
from tltk.data import load
from tltk.specs.parts import DataSpec, NetSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks

DRAWS = 5
SHAPES = DataSpec("shapes:hues=1", n=3000, size=32)
ATTRIBUTES = ("class", "texture")
WEIGHTS = ("store:resnet10t_formulas", "scratch")
SETTINGS = {f"{' × '.join(ATTRIBUTES)}, {weights}": (ATTRIBUTES, weights) for weights in WEIGHTS}


def measure(setting: str) -> ZeroShotResult:
    """The answer, and how well each attribute is told."""
    names, weights = SETTINGS[setting]
    spec = ZeroShotSpec(SHAPES, NetSpec("resnet10t", weights), names, seeds=DRAWS)
    return zero_shot(spec, Context(load, FeatureBank(), Callbacks()))

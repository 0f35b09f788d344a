"""How a pre-trained network is used: one file each, name = file name. No torch at import."""

from __future__ import annotations

from tltk.registry import Registry
from tltk.specs.parts import StrategySpec
from tltk.specs.spelling import camel_case
from tltk.strategies.strategy import Strategy

strategies: Registry[type[Strategy]] = Registry("strategy", "tltk.strategies", camel_case, skip=("phase", "strategy"))


def make(spec: StrategySpec) -> Strategy:
    """The strategy that a spec names, with its knobs set.

    Raises:
        UnknownName: No such strategy or knob.
        BadSpec: A knob out of range.
    """
    found: Strategy = strategies.make(spec.name, spec.knobs)
    return found

"""How a pre-trained network is used: one file each, name = file name. No torch at import."""

from __future__ import annotations

from tltk.errors import UnknownName
from tltk.registry import Registry, camel
from tltk.specs.knobs import knobs
from tltk.specs.parts import StrategySpec
from tltk.strategies.strategy import Strategy

strategies: Registry[type[Strategy]] = Registry("strategy", "tltk.strategies", camel, skip=("phase", "strategy"))


def make(spec: StrategySpec) -> Strategy:
    """The strategy that a spec names, with its knobs set.

    Raises:
        UnknownName: No such strategy or knob.
        BadSpec: A knob out of range.
    """
    kind = strategies[spec.name]
    for name in spec.knobs:
        if name not in knobs(kind):
            raise UnknownName.among(f"A knob of {spec.name}", name, knobs(kind) or ["(it has none)"])
    return kind(**spec.knobs)

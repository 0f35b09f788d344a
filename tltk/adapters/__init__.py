"""What of a layer learns: one file each, its name is the adapter's. No torch at import."""

from __future__ import annotations

from tltk.adapters.adapter import Adapter
from tltk.registry import Registry
from tltk.specs.parts import AdapterSpec
from tltk.specs.spelling import camel_case

adapters: Registry[type[Adapter]] = Registry("adapter", "tltk.adapters", camel_case, skip=("adapter",))


def make(spec: AdapterSpec) -> Adapter:
    """The adapter that a spec names, with its knobs set.

    Raises:
        UnknownName: No such adapter or knob.
        BadSpec: A knob out of range.
    """
    found: Adapter = adapters.make(spec.name, spec.knobs)
    return found

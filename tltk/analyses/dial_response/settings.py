"""The settings of the shift lab's dials that a response goes through: from as they are to their ends."""

from __future__ import annotations

import dataclasses
from typing import Any

from tltk.data import parse
from tltk.data.corrupt import split
from tltk.data.sources.shapes import Dials
from tltk.errors import BadSpec, UnknownName
from tltk.specs.knobs import knobs

# Where each dial ends: the end of its range, but for hue, which is a circle and furthest away at its half, and for
# the prior, with which a class of ten would have no picture among a hundred.
ENDS = {
    "rotation": 180.0,
    "scale": 0.3,
    "position": 0.5,
    "hue": 0.5,
    "hues": 1.0,
    "correlation": 1.0,
    "blur": 0.1,
    "noise": 0.5,
    "inversion": 1.0,
    "contrast": 0.05,
    "occlusion": 0.8,
    "prior": 0.75,
    "label_noise": 0.9,
    "shape_noise": 1.0,
}
ORDERS = {"texture": ("mixed", "plain"), "background": ("plain", "gradient", "photo")}
FEWEST = 2  # classes


def lab_dials(target: str) -> Dials:
    """The dials as the name of a target has them.

    Raises:
        BadSpec: The target is not the shift lab.
    """
    kind, argument = parse(target)
    if kind != "shapes" or split(target)[1] is not None:
        raise BadSpec(f"The target must be the shift lab, shapes or shapes:DIALS. Got {target!r}.")
    return Dials.parse(argument)


def dial_settings(base: Dials, name: str, steps: int) -> list[tuple[float, Dials]]:
    """The settings of one dial with their share of its way, from 0 = as in `base` to 1 = its end.

    Each is turned twice as far as the one before, and the last is the end. A dial with names for
    settings takes each of them.

    Args:
        base: Where the dials stand.
        name: The dial.
        steps: Settings beside that of `base`.

    Example:
        >>> [(share, dials.blur) for share, dials in dial_settings(Dials(), "blur", 3)]
        [(0.0, 0.0), (0.25, 0.025), (0.5, 0.05), (1.0, 0.1)]
        >>> [dials.classes for _, dials in dial_settings(Dials(), "classes", 2)]
        ['0-9', '0-5', '0-1']

    Raises:
        UnknownName: No such dial.
        BadSpec: It is at its end.
    """
    if name not in knobs(Dials):
        raise UnknownName.among("dial", name, list(knobs(Dials)))
    now = getattr(base, name)
    values = _values(base, name, [2.0 ** (i - steps + 1) for i in range(steps)])
    if not values:
        raise BadSpec(f"The dial {name} must have a way to go. It is at its end, {now}; turn it back in the target.")
    return [(0.0, base), *((share, dataclasses.replace(base, **{name: value})) for share, value in values)]


def _values(base: Dials, name: str, shares: list[float]) -> list[tuple[float, Any]]:
    """What the dial says at each share of its way; none where it is at its end."""
    now = getattr(base, name)
    if name in ORDERS:
        order = ORDERS[name]
        left = order[order.index(now) + 1 :] if now in order else order[-1:]
        return [((i + 1) / len(left), value) for i, value in enumerate(left)]
    if name == "classes":
        most = len(base.class_numbers)
        counts = {most - round((most - FEWEST) * share): share for share in shares}
        return [(share, "+".join(map(str, base.class_numbers[:n]))) for n, share in counts.items() if n < most]
    return [(share, round(now + (ENDS[name] - now) * share, 6)) for share in shares] if now != ENDS[name] else []

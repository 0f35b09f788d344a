"""Which shift measure sees which dial of the shift lab, and from which setting on: there the true shift is known."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.profile.analysis import with_null
from tltk.analyses.sample import Context, Sample, network
from tltk.data import parse
from tltk.data.corrupt import split
from tltk.data.domain import Domain
from tltk.data.sources import shapes
from tltk.data.sources.shapes import Dials
from tltk.errors import BadSpec, UnknownName
from tltk.nn.taps import Taps
from tltk.shift import measures
from tltk.shift.multiple import correct, sentence
from tltk.specs.knobs import knobs
from tltk.specs.parts import DataSpec
from tltk.training.bank import FeatureBank

ALPHA = 0.05
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
RAM = 1 << 28  # bytes of features that are held at most


def dial_response(spec: DialResponseSpec, context: Context) -> dict[str, Any]:
    """Every measure beside its null, for every setting of every dial.

    Source and target are drawn with different seeds, so that at the first setting, where both are
    alike, p ≤ .05 is a false alarm. The settings of one dial share their seeds.

    Returns:
        layer, name, names; measures; dials (a list of name, label, levels and shares, where share 0 = as
        the target's name says and 1 = the dial's end); cells, measure → dial → a row per level with level,
        value, effect, p, p_holm and p_bh (corrected over all tests of the measure), and lo and hi of the
        null; seen, measure → dial → number of the lowest level from
        which on p ≤ .05 holds, or None; alarms, measure → share of the dials with p ≤ .05 at level 0; tests and
        correction, how many tests of a measure were corrected together, and that in a sentence; n,
        permutations, seconds by part.

    Raises:
        BadSpec: A target that is no shift lab, a dial that is at its end, or a layer that is not there.
        UnknownName: A measure or a dial that is not there.
    """
    base, settings = check(spec)
    start = time.perf_counter()
    look = _Look(spec, base, context)
    seconds = {"features": 0.0, **dict.fromkeys(spec.measures, 0.0)}
    cells: dict[str, dict[str, list[dict[str, Any]]]] = {m: {d: [] for d in spec.dials} for m in spec.measures}
    done, total = 0, sum(len(ways) for ways in settings.values())
    for dial, ways in settings.items():
        number = list(knobs(Dials)).index(dial)  # so that one dial's answer does not hang on which others are asked
        here, there = (int(s) >> 1 for s in np.random.SeedSequence((spec.seed, number)).generate_state(2))
        since = time.perf_counter()
        x = look.at(base, here)
        seconds["features"] += time.perf_counter() - since
        for _, dials in ways:
            level = getattr(dials, dial)
            context.callbacks.say(f"{_label(dial)} at {level}: setting {done + 1} of {total}.")
            since = time.perf_counter()
            y = look.at(dials, there)
            seconds["features"] += time.perf_counter() - since
            for name in spec.measures:
                context.callbacks.check()
                since = time.perf_counter()
                found = with_null(name, x, y, spec.permutations, spec.seed)
                seconds[name] += time.perf_counter() - since
                row = {"value": found.value, "effect": found.effect, "p": found.p, "lo": found.lo, "hi": found.hi}
                cells[name][dial].append({"level": level, **row})
            done += 1
    for its in cells.values():
        correct([row for rows in its.values() for row in rows])
    ps = {m: {d: [row["p"] for row in rows] for d, rows in its.items()} for m, its in cells.items()}
    return {
        "layer": look.layer,
        "name": look.names[look.layer],
        "names": look.names,
        "measures": list(spec.measures),
        "dials": [
            {
                "name": d,
                "label": _label(d),
                "shares": [share for share, _ in ways],
                "levels": [getattr(dials, d) for _, dials in ways],
            }
            for d, ways in settings.items()
        ],
        "cells": cells,
        "seen": {m: {d: first_seen(p) for d, p in its.items()} for m, its in ps.items()},
        "alarms": {m: sum(p[0] <= ALPHA for p in its.values()) / len(its) for m, its in ps.items()},
        "tests": total,
        "correction": "Settings from which on a dial is seen go by the p of each test alone. "
        + sentence(total, spec.permutations),
        "n": spec.pictures,
        "permutations": spec.permutations,
        "seconds": {**{k: round(v, 3) for k, v in seconds.items()}, "all": round(time.perf_counter() - start, 3)},
    }


def check(spec: DialResponseSpec) -> tuple[Dials, dict[str, list[tuple[float, Dials]]]]:
    """The dials as the target's name has them, and the settings of each that is asked for.

    Raises:
        BadSpec, UnknownName: As `response`, but for the layer.
    """
    for name in spec.measures:
        measures[name]
    kind, argument = parse(spec.target.name)
    if kind != "shapes" or split(spec.target.name)[1] is not None:
        raise BadSpec(f"The target must be the shift lab, shapes or shapes:DIALS. Got {spec.target.name!r}.")
    if not spec.measures or not spec.dials:
        raise BadSpec("A response needs a measure and a dial. One of the lists is empty; leave it out for all.")
    base = Dials.parse(argument)
    return base, {name: turned(base, name, spec.steps) for name in spec.dials}


def turned(base: Dials, name: str, steps: int) -> list[tuple[float, Dials]]:
    """The settings of one dial with their share of its way, from 0 = as in `base` to 1 = its end.

    Each is turned twice as far as the one before, and the last is the end. A dial with names for
    settings takes each of them.

    Example:
        >>> [(share, dials.blur) for share, dials in turned(Dials(), "blur", 3)]
        [(0.0, 0.0), (0.25, 0.025), (0.5, 0.05), (1.0, 0.1)]
        >>> [dials.classes for _, dials in turned(Dials(), "classes", 2)]
        ['0-9', '0-5', '0-1']

    Raises:
        UnknownName: No such dial.
        BadSpec: It is at its end.
    """
    if name not in knobs(Dials):
        raise UnknownName.among("A dial of shapes", name, knobs(Dials))
    shares = [2.0 ** (i - steps + 1) for i in range(steps)]
    now = getattr(base, name)
    ways: list[tuple[float, Any]]
    if name in ORDERS:
        order = ORDERS[name]
        left = order[order.index(now) + 1 :] if now in order else order[-1:]
        ways = [((i + 1) / len(left), value) for i, value in enumerate(left)]
    elif name == "classes":
        most = len(base.chosen)
        counts = {most - round((most - FEWEST) * share): share for share in shares}
        ways = [(share, "+".join(map(str, base.chosen[:n]))) for n, share in counts.items() if n < most]
    else:
        ways = [(share, round(now + (ENDS[name] - now) * share, 6)) for share in shares] if now != ENDS[name] else []
    if not ways:
        raise BadSpec(f"The dial {name} must have a way to go. It is at its end, {now}; turn it back in the target.")
    return [(0.0, base), *((share, dataclasses.replace(base, **{name: value})) for share, value in ways)]


def first_seen(p: list[float]) -> int | None:
    """Number of the lowest level above 0 from which on every p is at most .05; None where the last is not.

    Example:
        >>> first_seen([0.3, 0.01, 0.2, 0.05, 0.01]), first_seen([0.01, 0.2])
        (3, None)
    """
    unseen = [i for i, value in enumerate(p) if i == 0 or value > ALPHA]
    return unseen[-1] + 1 if unseen[-1] + 1 < len(p) else None


def _label(dial: str) -> str:
    return dial.replace("_", " ").capitalize()


class _Look:
    """The network at one layer, and what it makes of any setting of the dials."""

    def __init__(self, spec: DialResponseSpec, base: Dials, context: Context) -> None:
        self.spec, self.context = spec, context
        first = self._drawn(base, spec.seed)
        net = network(spec.net, Sample(first, np.arange(spec.pictures), torch.from_numpy(first.labels)), spec.seed)
        if spec.layer > net.depth:
            raise BadSpec(f"layer must be from 0 to {net.depth - 1}, or -1 for what enters the head. Got {spec.layer}.")
        self.layer = net.depth if spec.layer < 0 else spec.layer
        self.names = [*net.names[:-1], "features"]
        self._taps = Taps(net)
        # Nothing is kept on disk, pictures neither: nobody else asks for them, and drawn again they are the same.
        self._bank = FeatureBank(ram=RAM, disk=0)

    def _drawn(self, dials: Dials, seed: int) -> Domain:
        text = dials.text()
        wanted = DataSpec("shapes:" + text, n=self.spec.pictures, size=self.spec.target.size, seed=seed)
        return shapes.load(wanted, text)

    def at(self, dials: Dials, seed: int) -> Tensor:
        """(pictures, d): every picture that is drawn, so that classes have the shares that the dials give them."""
        domain, stop = self._drawn(dials, seed), self.context.callbacks.check
        kept = self._bank.features(self._taps, domain, np.arange(len(domain.labels)), should_stop=stop)
        return torch.from_numpy(np.array(kept.arrays[self.layer]))

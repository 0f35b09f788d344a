"""Which shift measure sees which dial of the shift lab, and from which setting on: there the true shift is known."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import numpy as np
import torch
from torch import Tensor

from tltk.analyses.chance import with_null
from tltk.analyses.dial_response.result import DialLevels, DialResponseResult, LevelTest
from tltk.analyses.dial_response.settings import dial_settings, lab_dials
from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.sample import Context, Sample, network
from tltk.data.domain import Domain
from tltk.data.sources import shapes
from tltk.data.sources.shapes import Dials
from tltk.errors import BadSpec
from tltk.nn.taps import Taps
from tltk.shift.multiple import correct_p_values, describe_correction
from tltk.specs.knobs import knobs
from tltk.specs.parts import DataSpec
from tltk.training.bank import FeatureBank

ALPHA = 0.05
RAM = 1 << 28  # bytes of features that are held at most

Cells = dict[str, dict[str, list[LevelTest]]]  # measure → dial → a test at each setting
Settings = dict[str, list[tuple[float, Dials]]]  # dial → share of its way, and the dials there


def dial_response(spec: DialResponseSpec, context: Context) -> DialResponseResult:
    """Every measure beside its null, for every setting of every dial.

    Source and target are drawn with different seeds, so that at the first setting, where both are
    alike, p ≤ .05 is a false alarm. The settings of one dial share their seeds.

    Raises:
        UnknownName, BadSpec: What `spec.check` refuses; a layer that is not there.
    """
    spec.check()
    base = lab_dials(spec.target.name)
    settings = {name: dial_settings(base, name, spec.steps) for name in spec.dials}
    clock = _Clock(("features", *spec.measures))
    lab = Lab(spec, base, context)
    cells = {name: _correct(its) for name, its in _test_all(spec, base, settings, lab, clock).items()}
    tests = sum(len(ways) for ways in settings.values())
    return DialResponseResult(
        layer=lab.layer,
        name=lab.names[lab.layer],
        names=lab.names,
        measures=list(spec.measures),
        dials=[
            DialLevels(
                name=dial,
                label=_label(dial),
                shares=[share for share, _ in ways],
                levels=[getattr(dials, dial) for _, dials in ways],
            )
            for dial, ways in settings.items()
        ],
        cells=cells,
        seen={m: {d: first_detected([row.p for row in rows]) for d, rows in its.items()} for m, its in cells.items()},
        alarms={m: sum(rows[0].p <= ALPHA for rows in its.values()) / len(its) for m, its in cells.items()},
        tests=tests,
        correction="Settings from which on a dial is seen go by the p of each test alone. "
        + describe_correction(tests, spec.permutations),
        n=spec.pictures,
        permutations=spec.permutations,
        seconds=clock.seconds(),
    )


def _test_all(spec: DialResponseSpec, base: Dials, settings: Settings, lab: Lab, clock: _Clock) -> Cells:
    """Every measure at every setting of every dial, p-values as they are."""
    cells: Cells = {m: {d: [] for d in settings} for m in spec.measures}
    callbacks, total, done = lab.context.callbacks, sum(len(ways) for ways in settings.values()), 0
    for dial, ways in settings.items():
        number = list(knobs(Dials)).index(dial)  # so that one dial's answer does not hang on which others are asked
        here, there = (int(s) >> 1 for s in np.random.SeedSequence((spec.seed, number)).generate_state(2))
        with clock.of("features"):
            x = lab.features(base, here)
        for _, dials in ways:
            level, done = getattr(dials, dial), done + 1
            callbacks.notify(f"{_label(dial)} at {level}: setting {done} of {total}.")
            with clock.of("features"):
                y = lab.features(dials, there)
            for name in spec.measures:
                callbacks.check()
                with clock.of(name):
                    null = with_null(name, x, y, spec.permutations, spec.seed)
                cells[name][dial].append(LevelTest(level, null.value, null.effect, null.p, null.lo, null.hi))
    return cells


def _correct(its: dict[str, list[LevelTest]]) -> dict[str, list[LevelTest]]:
    """The tests of one measure with p-values that are corrected over all of them."""
    left = iter(correct_p_values([row.p for rows in its.values() for row in rows]))
    found: dict[str, list[LevelTest]] = {dial: [] for dial in its}
    for dial, rows in its.items():
        for row in rows:
            family, rate = next(left)
            found[dial].append(msgspec.structs.replace(row, p_holm=family, p_bh=rate))
    return found


def first_detected(p: list[float]) -> int | None:
    """Number of the lowest level above 0 from which on every p is at most .05; None where the last is not.

    Example:
        >>> first_detected([0.3, 0.01, 0.2, 0.05, 0.01]), first_detected([0.01, 0.2])
        (3, None)
    """
    unseen = [i for i, value in enumerate(p) if i == 0 or value > ALPHA]
    return unseen[-1] + 1 if unseen[-1] + 1 < len(p) else None


def _label(dial: str) -> str:
    return dial.replace("_", " ").capitalize()


class _Clock:
    """Seconds by part."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        self._start, self._parts = time.perf_counter(), dict.fromkeys(parts, 0.0)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Count what is done here for this part."""
        start = time.perf_counter()
        yield
        self._parts[part] += time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        """Of each part, and of all."""
        parts = {part: round(value, 3) for part, value in self._parts.items()}
        return {**parts, "all": round(time.perf_counter() - self._start, 3)}


class Lab:
    """The network at one layer, and what it makes of any setting of the dials."""

    def __init__(self, spec: DialResponseSpec, base: Dials, context: Context) -> None:
        self.spec, self.context = spec, context
        first = self._draw(base, spec.seed)
        net = network(spec.net, Sample(first, np.arange(spec.pictures), torch.from_numpy(first.labels)), spec.seed)
        if spec.layer > net.depth:
            raise BadSpec(f"layer must be from 0 to {net.depth - 1}, or -1 for what enters the head. Got {spec.layer}.")
        self.layer = net.depth if spec.layer < 0 else spec.layer
        self.names = [*net.names[:-1], "features"]
        self._taps = Taps(net)
        # Nothing is kept on disk, pictures neither: nobody else asks for them, and drawn again they are the same.
        self._bank = FeatureBank(ram=RAM, disk=0)

    def _draw(self, dials: Dials, seed: int) -> Domain:
        text = dials.text()
        wanted = DataSpec("shapes:" + text, n=self.spec.pictures, size=self.spec.target.size, seed=seed)
        return shapes.load(wanted, text)

    def features(self, dials: Dials, seed: int) -> Tensor:
        """(pictures, d): every picture that is drawn, so that classes have the shares that the dials give them."""
        domain, stop = self._draw(dials, seed), self.context.callbacks.check
        kept = self._bank.features(self._taps, domain, np.arange(len(domain.labels)), should_stop=stop)
        return torch.from_numpy(np.array(kept.arrays[self.layer]))

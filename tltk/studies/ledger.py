"""What a study or a training cost, read from the folders of its trainings. No torch here.

Nothing of it is stored: over how many uses pre-training is shared, and what a kilowatt-hour emits, are questions of
whoever reads, and not of the run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tltk.errors import BadSpec, RunProblem, TltkError
from tltk.results.ledger import BreakEven, Ledger, LedgerRow
from tltk.results.training import TrainingResult
from tltk.results.transfer import SpeedUp
from tltk.results.words import joules_in_words
from tltk.runs.run import Run
from tltk.specs.nouns import reword
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.studies.budget import budget_flags, digits, gflops
from tltk.verdicts.transfer import speed_up

JOULES_PER_KWH = 3.6e6
PRETRAINED = "pre-training"
UNITS = ("seconds", "gflops")
SOURCES = {
    "nvml": "Energy is the GPU's own, as NVML counts it, without the rest of the machine.",
    "rapl": "Energy is the processor's (RAPL), shared out by processor time, without the rest of the machine.",
    "estimated": "Energy is estimated: seconds × a stated power ({watts}), since no counter could be read.",
}


@dataclass
class _Arm:
    """The trainings of an arm as they lie on the disk."""

    search: list[TrainingResult] = field(default_factory=list)
    measured: list[tuple[Run, TransferSpec, TrainingResult]] = field(default_factory=list)
    missing: int = 0

    @property
    def results(self) -> list[TrainingResult]:
        """Of all of them."""
        return [*self.search, *(result for _, _, result in self.measured)]


def stated_factor() -> float | None:
    """Grams of CO₂ for each kilowatt-hour, of the environment's TLTK_GRAMS_PER_KWH; None = nobody has stated one.

    Raises:
        BadSpec: What stands there is no such number.
    """
    text = os.environ.get("TLTK_GRAMS_PER_KWH", "").strip()
    if not text:
        return None
    try:
        return read_factor(float(text))
    except ValueError:
        raise BadSpec(f"TLTK_GRAMS_PER_KWH must be grams of CO₂ per kWh, a number. Got {text[:40]!r}.") from None


def read_factor(factor: float) -> float:
    """A factor that can be one.

    Raises:
        BadSpec: It is none.
    """
    if not 0 <= factor <= 10_000:
        raise BadSpec(f"Grams of CO₂ per kWh must be between 0 and 10,000. Got {factor:g}.")
    return factor


def ledger(run: Run, amortise: int = 1, grams_per_kwh: float | None = None) -> Ledger:
    """What the trainings of a study cost, or one training.

    Args:
        run: The study, or the training.
        amortise: Over how many uses of the weights their pre-training is shared; 0 = it is not counted.
        grams_per_kwh: Of CO₂; None = as `stated_factor` says.

    Raises:
        BadSpec: It is no study and no training, or a number that cannot be meant.
        RunProblem: None of its trainings has a result.
    """
    if not run.spec.trains:
        raise BadSpec(f"A ledger is of a training or a study. Run {run.id} is of kind {run.spec.kind!r}.")
    if not 0 <= amortise <= 10**9:
        raise BadSpec(f"Pre-training is shared by 0 to 1,000,000,000 uses; 0 = it is not counted. Got {amortise}.")
    factor = stated_factor() if grams_per_kwh is None else read_factor(grams_per_kwh)
    arms = _arms(run)
    if not any(arm.results for arm in arms.values()):
        raise RunProblem(f"Run {run.id} must hold a training with a result to have a ledger. It holds none.")
    rows = {
        name: _row(name, arm.search, [m[2] for m in arm.measured], factor, arm.missing) for name, arm in arms.items()
    }
    before = {name: _ancestors(arm) for name, arm in arms.items()}
    weights = {name: _row(PRETRAINED, found.values(), [], factor) for name, found in before.items() if found}
    totals = {name: _add(row, weights.get(name), amortise, factor) for name, row in rows.items()}
    even = _break_even(arms, weights, amortise)
    every = [result for arm in arms.values() for result in arm.results]
    every += [result for found in before.values() for result in found.values()]
    sentences = [*(reword(in_words(one, amortise), every[0].noun) for one in even), *_notes(arms, rows, every, factor)]
    flags = budget_flags({name: [m[2] for m in arm.measured] for name, arm in arms.items()})
    return Ledger(list(rows.values()), weights, totals, amortise, factor, even, sentences, flags)


# -- what lies on the disk ---------------------------------------------------------------------------------


def _arms(run: Run) -> dict[str, _Arm]:
    """The trainings of each arm; a training is its own only arm. Those of the sources are pre-training."""
    if isinstance(run.spec, TransferSpec):
        result = _result(run)
        return {"this training": _Arm(measured=[(run, run.spec, result)] if result else [], missing=result is None)}
    found: dict[str, _Arm] = {}
    for child in run.children():
        if child.role not in ("search", "measure"):
            continue
        arm, one = found.setdefault(child.arm, _Arm()), Run.at(child.id)
        result, spec = _result(one), _spec(one)
        if result is None or spec is None:
            arm.missing += 1
        elif child.role == "search":
            arm.search.append(result)
        else:
            arm.measured.append((one, spec, result))
    return found


def _result(run: Run) -> TrainingResult | None:
    """What a training found; None where it is gone, of another version, or diverged."""
    try:
        return run.read(TrainingResult)
    except RunProblem:
        return None


def _spec(run: Run) -> TransferSpec | None:
    try:
        spec = run.spec
    except (OSError, TltkError):
        return None
    return spec if isinstance(spec, TransferSpec) else None


def _ancestors(arm: _Arm) -> dict[str, TrainingResult]:
    """Run → result of each training whose weights an arm's trainings begin with, and of those before it."""
    found: dict[str, TrainingResult] = {}
    waiting = [spec for _, spec, _ in arm.measured]
    while waiting:
        kind, _, name = waiting.pop().net.weights.partition(":")
        name = name.partition("@")[0]
        if kind != "run" or name in found:
            continue
        run = Run.at(name)
        result, spec = _result(run), _spec(run)
        if result is not None and spec is not None:
            found[name] = result
            waiting.append(spec)
    return found


# -- sums --------------------------------------------------------------------------------------------------


def _row(
    name: str,
    search: Iterable[TrainingResult],
    measured: Sequence[TrainingResult],
    factor: float | None,
    missing: int = 0,
) -> LedgerRow:
    """Trainings added up."""
    search = list(search)
    every = [*search, *measured]
    spent = [r.gflops for r in every if r.gflops is not None]
    energy = [r.joules for r in every if r.joules is not None]
    joules = sum(energy) if len(energy) == len(every) and every else None
    sources = sorted({r.energy_source for r in every if r.energy_source})
    return LedgerRow(
        name,
        len(search),
        len(measured),
        sum(r.steps for r in every),
        sum(r.images for r in every),
        sum(spent) if len(spent) == len(every) and every else None,
        sum(r.seconds for r in every),
        max((r.peak_memory for r in every), default=0),
        max((r.n_learned for r in every), default=0),
        joules,
        "" if joules is None else "estimated" if "estimated" in sources else " and ".join(sources),
        co2(joules, factor),
        missing,
    )


def co2(joules: float | None, grams_per_kwh: float | None) -> float | None:
    """Grams of CO₂ of so much energy; None where one of the two is not known."""
    return None if joules is None or grams_per_kwh is None else joules / JOULES_PER_KWH * grams_per_kwh


def _add(row: LedgerRow, before: LedgerRow | None, amortise: int, factor: float | None) -> LedgerRow:
    """An arm with its share of the pre-training."""
    if before is None or not amortise:
        return row

    def both(one: float | None, other: float | None) -> float | None:
        return None if one is None or other is None else one + other / amortise

    joules = both(row.joules, before.joules)
    marks = {m for m in (row.energy_source, before.energy_source) if m}
    return LedgerRow(
        row.arm,
        row.search,
        row.measured,
        round(row.steps + before.steps / amortise),
        round(row.images + before.images / amortise),
        both(row.gflops, before.gflops),
        row.seconds + before.seconds / amortise,
        max(row.peak_memory, before.peak_memory),
        max(row.learned, before.learned),
        joules,
        "" if joules is None else "estimated" if "estimated" in marks else " and ".join(sorted(marks)),
        co2(joules, factor),
        row.missing,
    )


# -- when it pays off --------------------------------------------------------------------------------------


def uses_until(pretraining: float, transfer: float, scratch: float) -> int | None:
    """The least number of uses N with pretraining / N + transfer < scratch; None = there is none.

    Args:
        pretraining: What the weights cost, once.
        transfer: A training that begins with them.
        scratch: One from scratch, to equal accuracy.
    """
    saved = scratch - transfer
    return None if saved <= 0 else math.floor(pretraining / saved) + 1


def _break_even(arms: Mapping[str, _Arm], weights: Mapping[str, LedgerRow], amortise: int) -> list[BreakEven]:
    """For each arm with known pre-training; nothing where none is from scratch on the same target."""
    found = []
    for name, before in weights.items():
        fresh = next((a for a in arms.values() if _from_scratch(a) and _target(a) == _target(arms[name])), None)
        if fresh is None:
            continue
        for unit in UNITS:
            one = _sooner(unit, fresh, arms[name])
            cost = before.seconds if unit == "seconds" else before.gflops
            if one is None or cost is None:
                continue
            uses = None if one.transfer is None else uses_until(cost, one.transfer, one.scratch)
            holds = None if one.transfer is None else uses is not None and (amortise == 0 or amortise >= uses)
            answers = _inference(unit, fresh)
            found.append(BreakEven(name, unit, cost, one.transfer, one.scratch, answers, uses, holds))
    return found


def _target(arm: _Arm) -> DataSpec:
    return arm.measured[0][1].target


def _from_scratch(arm: _Arm) -> bool:
    specs = [spec for _, spec, _ in arm.measured]
    return bool(specs) and all(spec.net.weights == "scratch" and not spec.net.boundary for spec in specs)


def _sooner(unit: str, fresh: _Arm, arm: _Arm) -> SpeedUp | None:
    """Time to equal accuracy of both, paired by seed."""
    mine = {spec.seed: run for run, spec, _ in arm.measured}
    pairs = [(run, mine[spec.seed]) for run, spec, _ in fresh.measured if spec.seed in mine]
    curves = [[run.curve("accuracy", "val", unit) for run in side] for side in zip(*pairs, strict=True)]
    return speed_up(unit, *curves) if curves else None


def _inference(unit: str, fresh: _Arm) -> float | None:
    """Answers to the test pictures, of the network from scratch: the others have the same."""
    results = [result for _, _, result in fresh.measured]
    each = [r.test_seconds if unit == "seconds" else r.test_gflops for r in results]
    known = [one for one in each if one is not None]
    return float(np.mean(known)) * len(results[0].labels) if known else None


def _quantity(value: float, unit: str) -> str:
    return f"{digits(value)} s" if unit == "seconds" else gflops(value)


def in_words(one: BreakEven, amortise: int) -> str:
    """The condition with its figures, and from how many uses on it holds.

    Args:
        one: What is said.
        amortise: Over how many uses the pre-training is shared; 0 = it is not counted.
    """
    what = "time" if one.unit == "seconds" else "FLOPs"
    if one.transfer is None:
        return (
            f"In {what}, break-even of {one.arm} is not known: in some seed it never is as accurate on the validation "
            f"pictures as scratch at its best, which takes {_quantity(one.scratch, one.unit)}."
        )
    inference = "" if one.inference is None else f" + {_quantity(one.inference, one.unit)}"
    share = one.pretraining / amortise if amortise else 0.0
    left = f"{_quantity(share, one.unit)} + {_quantity(one.transfer, one.unit)}{inference}"
    right = f"{_quantity(one.scratch, one.unit)}{inference}"
    sign = "<" if one.holds else "≥"
    shared = f"shared by {amortise:,} use{'s' * (amortise != 1)}" if amortise else "not counted"
    verb = "holds" if one.holds else "does not hold"
    text = (
        f"In {what}, T_transfer + T_inference < T_scratch + T_inference {verb} for {one.arm} to equal accuracy: "
        f"{left} {sign} {right}, with the pre-training of {_quantity(one.pretraining, one.unit)} {shared}"
    )
    if one.uses is None:
        return f"{text}; it never does, since a training with transferred weights takes no less."
    return f"{text}; it holds from {one.uses:,} use{'s' * (one.uses != 1)} of the weights on."


def _notes(
    arms: Mapping[str, _Arm], rows: Mapping[str, LedgerRow], every: Sequence[TrainingResult], factor: float | None
) -> list[str]:
    """What must be known of the figures."""
    found = []
    elsewhere = {spec.net.weights for arm in arms.values() for _, spec, _ in arm.measured}
    unknown = sorted(w for w in elsewhere if w != "scratch" and not (w.startswith("run:") and _known(w)))
    if unknown:
        found.append(f"What pre-training {', '.join(unknown)} cost is not known here and not counted.")
    watts = sorted({r.watts for r in every if r.energy_source == "estimated"})
    for source in sorted({r.energy_source for r in every if r.energy_source}):
        found.append(SOURCES.get(source, "").format(watts=" and ".join(f"{w:g} W" for w in watts)))
    if any(r.joules is None for r in every):
        found.append("Some trainings are of a version that did not tell their energy.")
    if factor is not None:
        found.append(f"CO₂ by the stated factor of {factor:g} g/kWh.")
    if gone := sum(row.missing for row in rows.values()):
        found.append(f"{gone} training{'s' * (gone != 1)} diverged, or are gone, and not counted.")
    return [text for text in found if text]


def _known(weights: str) -> bool:
    return _result(Run.at(weights.partition(":")[2].partition("@")[0])) is not None


# -- as a table --------------------------------------------------------------------------------------------

HEAD = ["arm", "trainings", "steps", "examples", "FLOPs", "seconds", "memory", "learns", "energy"]


def table(found: Ledger) -> list[list[str]]:
    """The ledger as cells, its head first: each arm with its share of the pre-training, then the pre-training.

    Args:
        found: The ledger.
    """
    head = [*HEAD, *(["CO₂"] if found.grams_per_kwh is not None else [])]
    alike = len(set(map(repr, found.pretraining.values()))) == 1
    before = [
        _cells(row, head, PRETRAINED if alike else f"{PRETRAINED} of {name}") for name, row in found.pretraining.items()
    ]
    return [head, *(_cells(row, head, row.arm) for row in found.totals.values()), *(before[:1] if alike else before)]


def _cells(row: LedgerRow, head: Sequence[str], name: str) -> list[str]:
    mark = " (estimated)" if row.energy_source == "estimated" else ""
    cells = [
        name,
        f"{row.search} + {row.measured}" if row.measured else f"{row.search}",
        f"{row.steps:,}",
        f"{row.images:,}",
        "–" if row.gflops is None else gflops(row.gflops),
        f"{row.seconds:,.1f}",
        f"{row.peak_memory / 1e6:,.0f} MB" if row.peak_memory else "–",
        f"{row.learned:,}" if row.learned else "–",
        "–" if row.joules is None else f"{joules_in_words(row.joules)}{mark}",
    ]
    return [*cells, "–" if row.co2_grams is None else f"{digits(row.co2_grams)} g"] if len(head) > len(cells) else cells


def caption(found: Ledger) -> str:
    """What the table's columns are."""
    if not found.pretraining:
        shared = ""
    elif found.amortise:
        shared = (
            f" with 1/{found.amortise:,} of its pre-training" if found.amortise > 1 else " with all its pre-training"
        )
    else:
        shared = " without pre-training"
    return f"Each arm{shared}: trainings that searched a rate + that were measured, all of them added up"

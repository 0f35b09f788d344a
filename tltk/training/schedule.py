"""Learning-rate schedules as pure functions of progress: 0 at the first step, 1 after the last."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tltk.errors import UnknownName
from tltk.specs.parts import SCHEDULES
from tltk.strategies.phase import Phase

FLOOR = 0.01  # warm-up begins, cosine and one-cycle end at this share of the peak: each step learns something
CYCLES = 3


def schedule(name: str, progress: float, warmup: float = 0.0, history: Sequence[float] = ()) -> float:
    """The factor on the learning rate.

    - constant: 1.
    - cosine: (1 + cos πp)/2 down to 0.01. Loshchilov and Hutter (2017), SGDR, Eq. 5, one period.
      arXiv:1608.03983.
    - warm_restarts: the same, restarted three times.
    - one_cycle: from 0.04 up to 1 at 30%, then down, both by cosine. Smith and Topin (2018),
      Super-convergence; the two-phase cosine form is fastai's. arXiv:1708.07120.
    - plateau: halved each time the validation losses in `history` did not improve for three
      evaluations.

    Args:
        name: One of `SCHEDULES`.
        progress: Share of the steps that are done, 0…1.
        warmup: Share of the steps in which the factor climbs linearly from 0.01.
        history: Validation losses so far, in order; read by `plateau` alone.

    Returns:
        A factor above 0, at most 1.

    Raises:
        UnknownName: No such schedule.

    Example:
        >>> [round(schedule("cosine", p), 3) for p in (0, 0.5, 1)]
        [1.0, 0.505, 0.01]
    """
    if name not in SCHEDULES:
        raise UnknownName.among("schedule", name, SCHEDULES)
    if progress < warmup:
        return FLOOR + (1 - FLOOR) * progress / warmup
    p = (progress - warmup) / (1 - warmup) if warmup < 1 else 1.0
    if name == "cosine":
        return _cosine(1.0, FLOOR, p)
    if name == "warm_restarts":
        return _cosine(1.0, FLOOR, (p * CYCLES) % 1.0 if p < 1 else 1.0)
    if name == "one_cycle":
        return _cosine(0.04, 1.0, p / 0.3) if p < 0.3 else _cosine(1.0, FLOOR, (p - 0.3) / 0.7)
    if name == "plateau":
        return float(0.5 ** _stalls(history, patience=3))
    return 1.0


def _cosine(start: float, end: float, p: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(max(p, 0.0), 1.0))) / 2


def _stalls(losses: Sequence[float], patience: int) -> int:
    """How often `patience` evaluations in a row brought nothing better."""
    best, waited, stalls = math.inf, 0, 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
            if waited == patience:
                stalls, waited = stalls + 1, 0
    return stalls


def phase_at(phases: Sequence[Phase], epoch: int) -> Phase:
    """The phase in which this epoch (0, 1, …) falls; after the last epoch, the last phase."""
    for phase in phases:
        if epoch < phase.epochs:
            return phase
        epoch -= phase.epochs
    return phases[-1]


def progress_at(phases: Sequence[Phase], at: float) -> float:
    """Progress, 0…1, at a position in epochs; a phase that restarts begins a new span."""
    start = end = 0
    for phase in phases:
        if phase.restarts and end <= at:
            start = end
        elif phase.restarts:
            break
        end += phase.epochs
    return (at - start) / max(end - start, 1)

"""Accuracy against the number of labels: the study that says what transferred weights are worth in labels. No torch."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from tltk.specs.training import TransferSpec
from tltk.studies import technique
from tltk.studies.arms import Arm, Measured, measure, n_searched, source_training
from tltk.studies.budget import budget_flags
from tltk.studies.labels.result import CrossingResult, LabelCurveResult, LabelsResult, WorthResult
from tltk.studies.labels.spec import LabelsSpec
from tltk.studies.study import Stage, Study, Wanted
from tltk.verdicts.judge import classify_interval, mean_interval, paired_interval

Floats = NDArray[np.float64]
STEPS = 8  # numbers of labels between two that were measured at which the yardstick is interpolated at first
HALVINGS = 8  # how often the gap between two of them is halved to find an end of the interval


def source_spec(spec: LabelsSpec) -> TransferSpec | None:
    """The training of the source network; None where the weights come from elsewhere."""
    if spec.source is None:
        return None
    return source_training(spec.source, spec.target, spec.net, spec.source_optim, spec.views, spec.first_seed)


def cell(word: str, shots: int) -> str:
    """The name of a technique at a number of labels."""
    return f"{word}, {shots} per class"


def arms(spec: LabelsSpec) -> dict[str, Arm]:
    """Every technique at every number of labels."""
    trained, found = source_spec(spec), dict[str, Arm]()
    for shots in spec.shots:
        base = TransferSpec(
            target=dataclasses.replace(spec.target, shots=shots),
            net=spec.net,
            views=spec.views,
            optim=spec.optim,
            source=spec.source,
        )
        for word in spec.arms:
            found[cell(word, shots)] = technique.arm(word, base, trained)
    return found


def examples(spec: LabelsSpec) -> list[TransferSpec]:
    """A training of each arm, and that of the source: what is checked before anything is queued.

    Raises:
        BadSpec: Two techniques are the same training.
    """
    source = source_spec(spec)
    made = {name: make(spec.optim.lr, spec.first_seed) for name, make in arms(spec).items()}
    technique.refuse_alike(made)
    found = list(made.values())
    return found if source is None else [source, *found]


def n_trainings(spec: LabelsSpec) -> int:
    """How many trainings it needs, unless the grid of rates grows."""
    cells = len(spec.arms) * len(spec.shots)
    return (spec.source is not None) + n_searched(cells, spec.lrs) + cells * spec.seeds


def labels(spec: LabelsSpec) -> Study[LabelsResult]:
    """Train the source where there is one, search each cell's rate, measure all of them, weigh.

    Args:
        spec: What is asked.
    """
    source = source_spec(spec)
    before = [] if source is None else [Wanted("source", "source", source)]
    found = yield from measure(arms(spec), spec.lrs, spec.first_seed, spec.seeds, spec.widen, before)
    yield Stage((), "Reading the curves.")
    return weigh(found, spec)


def weigh(found: Measured, spec: LabelsSpec) -> LabelsResult:
    """Curves, worth and crossings.

    Args:
        found: What the trainings came to, by cell.
        spec: The study.
    """
    curves = [_curve(found, word, spec) for word in spec.arms]
    scores = {word: [found.scores[cell(word, shots)] for shots in spec.shots] for word in spec.arms}
    yard, *others = spec.arms
    worth = [
        worth_in_labels(word, shots, scores[word][i], spec.shots, scores[yard])
        for word in others
        for i, shots in enumerate(spec.shots)
    ]
    crossings = [c for word in others for c in cross(word, spec.shots, scores[word], scores[yard])]
    first = next(iter(found.results.values()))[0]
    edges, cells = len(found.search.at_edge), len(found.scores)
    remarks = [
        f"In {edges} of {cells} cells the best rate lies at the edge of what was tried; others may do better there."
    ]
    remarks = remarks if edges else []
    return LabelsResult(
        curves,
        worth,
        crossings,
        _sentence(worth, crossings, yard, spec),
        [*remarks, *budget_flags(found.results), *first.remarks],
        list(range(spec.first_seed, spec.first_seed + spec.seeds)),
        len(first.labels),
        len(first.classes),
    )


def _curve(found: Measured, word: str, spec: LabelsSpec) -> LabelCurveResult:
    cells = [cell(word, shots) for shots in spec.shots]
    mean, lo, hi = zip(*(mean_interval(found.scores[c]) for c in cells), strict=True)
    rates = [found.search.best_rates[c] for c in cells]
    return LabelCurveResult(word, list(spec.shots), list(mean), list(lo), list(hi), rates)


def between(shots: tuple[int, ...], scores: list[Floats], labels_per_class: float) -> Floats:
    """The yardstick's scores at a number of labels, (seeds, examples): on a line over log n between two measured ones.

    Args:
        shots: Numbers of labels that were measured, ascending.
        scores: Scores at each of them, (seeds, examples).
        labels_per_class: Within their range.
    """
    at = np.interp(math.log(labels_per_class), np.log(shots), np.arange(len(shots)))
    low = min(int(at), len(shots) - 2)
    found: Floats = (1 - (at - low)) * scores[low] + (at - low) * scores[low + 1]
    return found


def worth_in_labels(
    name: str, own: int, mine: Floats, shots: tuple[int, ...], yardstick: list[Floats], level: float = 0.95
) -> WorthResult:
    """How many labels the yardstick needs for the accuracy of `mine`.

    The interval holds every number of labels at which the two cannot be told apart: a paired test, inverted.

    Reference:
        Fieller (1954), Some problems in interval estimation, JRSS B 16(2), §2 (an interval for what is read off a line
        by inverting a test).

    Args:
        name: The technique.
        own: Its labels per class.
        mine: Its scores, (seeds, examples).
        shots: Numbers of labels at which the yardstick was measured, ascending.
        yardstick: Its scores at each of them.
        level: Of confidence.
    """
    grid = np.exp(np.interp(np.arange((len(shots) - 1) * STEPS + 1) / STEPS, np.arange(len(shots)), np.log(shots)))
    grid[0], grid[-1] = shots[0], shots[-1]
    tests = [paired_interval(mine - between(shots, yardstick, n), level) for n in grid]
    gap = np.array([t[0] for t in tests])
    open_ = [i for i, (_, lo, hi) in enumerate(tests) if lo <= 0 <= hi]

    def edge(inside: int, outside: int) -> float | None:
        """Where the two can be told apart just so, between two points of the grid; None at the end of the range."""
        if not 0 <= outside < len(grid):
            return None
        told, open_end = float(grid[outside]), float(grid[inside])
        for _ in range(HALVINGS):
            middle = math.sqrt(told * open_end)
            _, low, high = paired_interval(mine - between(shots, yardstick, middle), level)
            told, open_end = (told, middle) if low <= 0 <= high else (middle, open_end)
        return open_end

    lo = edge(open_[0], open_[0] - 1) if open_ else None
    hi = edge(open_[-1], open_[-1] + 1) if open_ else None
    signs = np.flatnonzero((gap[:-1] > 0) & (gap[1:] <= 0))
    if not len(signs):
        beyond = "above" if gap[-1] > 0 else "below"
        if not open_:  # told apart everywhere
            lo, hi = (float(grid[-1]), None) if beyond == "above" else (None, float(grid[0]))
        return WorthResult(name, own, None, lo, hi, beyond)
    i = int(signs[0])
    share = gap[i] / (gap[i] - gap[i + 1])
    return WorthResult(name, own, float(grid[i] * (grid[i + 1] / grid[i]) ** share), lo, hi, "")


def cross(name: str, shots: tuple[int, ...], mine: list[Floats], yardstick: list[Floats]) -> list[CrossingResult]:
    """Where the mean curves of a technique and of the yardstick cross, over log n.

    Args:
        name: The technique.
        shots: Numbers of labels, ascending.
        mine: Its scores at each of them, (seeds, examples).
        yardstick: The yardstick's.
    """
    gaps = [float((a - b).mean()) for a, b in zip(mine, yardstick, strict=True)]
    ends = [classify_interval(*paired_interval(mine[i] - yardstick[i])[1:], len(mine[i])) for i in (0, len(shots) - 1)]
    found = []
    for i, (a, b) in enumerate(zip(gaps, gaps[1:], strict=False)):
        if a * b < 0:
            at = math.exp(math.log(shots[i]) + a / (a - b) * math.log(shots[i + 1] / shots[i]))
            found.append(CrossingResult(name, at, ends[0], ends[1]))
    return found


def _sentence(worth: list[WorthResult], crossings: list[CrossingResult], yard: str, spec: LabelsSpec) -> str:
    fewest = [w for w in worth if w.shots == spec.shots[0]]
    text = f"With {count_labels(spec.shots[0])}, " + "; ".join(in_words(w, spec.shots, yard) for w in fewest) + "."
    told = [c for c in crossings if {c.before, c.after} == {"helps", "hurts"}]
    crossed = [f"{c.name} {c.before} at first and {c.after} from about {c.labels:.0f} labels on" for c in told]
    return f"{text} Against {yard}, {'; '.join(crossed)}." if crossed else text


def count_labels(shots: int) -> str:
    """`1 label per class`, `5 labels per class`."""
    return f"{shots} label{'s' * (shots != 1)} per class"


def in_words(worth: WorthResult, shots: tuple[int, ...] | list[int], yard: str) -> str:
    """`fine_tune is as accurate as scratch with 38 (95% interval 25 … more than 50)`.

    Args:
        worth: What is said.
        shots: The numbers of labels that were measured.
        yard: The technique that it is held against.
    """
    low = f"fewer than {shots[0]}" if worth.lo is None else f"{worth.lo:.0f}"
    high = f"more than {shots[-1]}" if worth.hi is None else f"{worth.hi:.0f}"
    if worth.labels is not None:
        size = f"{worth.labels:.0f}"
    else:
        size = f"more than {shots[-1]}" if worth.beyond == "above" else f"fewer than {shots[0]}"
    return f"{worth.name} is as accurate as {yard} with {size} (95% interval {low} … {high})"

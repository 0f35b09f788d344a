"""Target against source: the study that shows what is learned and what is forgotten. No torch here."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import numpy as np

from tltk import data
from tltk.errors import RunProblem
from tltk.specs.nouns import reword
from tltk.specs.training import TransferSpec
from tltk.studies.arms import Measured, measure
from tltk.studies.plane.result import PlaneResult, PointResult
from tltk.studies.plane.spec import PlaneSpec
from tltk.studies.race import study as race
from tltk.studies.study import Stage, Study, Wanted
from tltk.verdicts.judge import format_points


def examples(spec: PlaneSpec) -> list[TransferSpec]:
    """A training of each arm, and that of the source: what is checked before anything is queued."""
    spec.check()
    return race.examples(spec)


def n_trainings(spec: PlaneSpec) -> int:
    """How many trainings it needs, unless the grid of rates grows."""
    return race.n_trainings(spec)


def plane(spec: PlaneSpec) -> Study[PlaneResult]:
    """Train the source, search each technique's rate on the target, measure both accuracies.

    Args:
        spec: What is asked.
    """
    source = race.source_spec(spec)
    before = [] if source is None else [Wanted("source", "source", source)]
    arms = {word: race.arm(spec, word) for word in spec.arms}
    found = yield from measure(arms, spec.lrs, spec.first_seed, spec.seeds, spec.widen, before)
    yield Stage((), "Drawing the plane.")
    return place(found, spec)


def place(found: Measured, spec: PlaneSpec) -> PlaneResult:
    """Each technique's point, and the front.

    Args:
        found: What the trainings came to.
        spec: The study.

    Raises:
        RunProblem: Accuracy on the source was not measured.
    """
    ranked = race.rank(found, spec)
    points = []
    for one in ranked.arms:
        results = found.results[one.name]
        after = [r.source_accuracy for r in results if r.source_accuracy is not None]
        before = [r.source_accuracy_before for r in results if r.source_accuracy_before is not None]
        if len(after) < len(results) or len(before) < len(results):
            raise RunProblem(
                f"Accuracy on the source must be measured. It was not for {one.name}: the weights came with no "
                f"classifier that knows its classes."
            )
        mean, lo, hi = _over_seeds(after)
        points.append(
            PointResult(
                one.name,
                re.sub(r"=[^,+@]*", "", one.name),
                one.accuracy,
                one.lo,
                one.hi,
                mean,
                lo,
                hi,
                float(np.mean(before)) - mean,
                False,
            )
        )
    front = {p.name for p in points if not any(q.target > p.target and q.source > p.source for q in points)}
    points = [msgspec.structs.replace(p, on_front=p.name in front) for p in points]
    before_all = float(np.mean([r.source_accuracy_before for r in next(iter(found.results.values()))]))
    return PlaneResult(points, ranked, before_all, reword(_sentence(points, before_all), data.noun_learned(spec)))


def _over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95% interval (Student's t over seeds), within 0 … 1."""
    from scipy.special import stdtrit

    mean, n = float(np.mean(values)), len(values)
    half = float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / n**0.5) if n > 1 else 0.0
    return mean, max(mean - half, 0.0), min(mean + half, 1.0)


def _sentence(points: Sequence[PointResult], before: float) -> str:
    front = [p for p in points if p.on_front]
    most, least = front[0], front[-1]
    on_target, kept = (format_points(share, False) for share in (most.target, most.source))
    text = (
        f"At the start {format_points(before, False)}% of the source's test pictures are right. {most.name} is best "
        f"on the target ({on_target}%) and keeps {kept}% of the source"
    )
    if most is least:
        return f"{text}; no other technique keeps more."
    on_target, kept = (format_points(share, False) for share in (least.target, least.source))
    return (
        f"{text}; {least.name} keeps {kept}% at {on_target}% on the target. {len(front)} of {len(points)} techniques "
        f"are on the front."
    )

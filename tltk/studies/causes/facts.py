"""What causes are weighed by: finished trainings, a check of the source network, and intervals of them. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tltk.analyses.source_check.result import SourceCheckResult
from tltk.results.curves import Curve
from tltk.results.training import TrainingResult
from tltk.studies.arms import Measured
from tltk.verdicts.judge import Floats, paired_interval

if TYPE_CHECKING:
    from tltk.studies.causes.spec import CausesSpec

TECHNIQUE, YARDSTICK = "technique", "yardstick"


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% interval."""

    value: float
    lo: float
    hi: float

    def over(self, whole: float) -> float:
        """The least share of a whole that it is, 0 … 1; 0 where there is no whole."""
        return min(max(self.lo / whole, 0.0), 1.0) if whole > 0 else 0.0


@dataclass(frozen=True)
class Facts:
    """All that a cause may look at.

    Attributes:
        spec: The study.
        measured: Both arms.
        gap: Of the technique to its yardstick.
        label: helps, hurts, no difference or cannot tell.
        source: What the training of the source network found.
        check: Source and target as that network sees them.
        level: Of every interval that decides about a cause: all of them hold together in 95% of studies (Bonferroni).
    """

    spec: CausesSpec
    measured: Measured
    gap: Interval
    label: str
    source: TrainingResult
    check: SourceCheckResult
    level: float

    @property
    def difference(self) -> Floats:
        """Scores of the technique less those of its yardstick, (seeds, test pictures)."""
        return self.measured.scores[TECHNIQUE] - self.measured.scores[YARDSTICK]

    @property
    def first(self) -> TrainingResult:
        """A result of the technique."""
        return self.measured.results[TECHNIQUE][0]

    @property
    def freezes(self) -> bool:
        """Whether layers of the technique's network do not learn."""
        return self.first.boundary > 0

    @property
    def skill(self) -> float:
        """What the source network knows of unseen pictures of its own domain beyond their commonest class, 0 … 1."""
        return (self.check.source_right - self.check.source_majority) / self.check.source_n

    @property
    def lost(self) -> Interval | None:
        """Accuracy on its own domain less that on the target, shared classes; None where there are none."""
        c = self.check
        return self.apart(c.source_right, c.source_n, c.target_right, c.target_n) if c.target_n else None

    @property
    def gained(self) -> Interval | None:
        """Accuracy on the target by the best assignment of classes less that by name; None where none is shared."""
        c = self.check
        return self.apart(c.mapped_right, c.mapped_n, c.target_right, c.target_n) if c.target_n else None

    @property
    def lost_to_pictures(self) -> Interval | None:
        """What is lost on the target however its classes are called, if it is told that they are misaligned."""
        c, gained = self.check, self.gained
        if gained is None or gained.lo <= 0:
            return self.lost
        return self.apart(c.source_right, c.source_n, c.mapped_right, c.mapped_n)

    @property
    def missing(self) -> list[str]:
        """Classes of the target that the source lacks."""
        return [name for name in self.check.target_classes if name not in self.check.shared]

    @property
    def extra(self) -> list[str]:
        """Classes of the source that the target lacks."""
        there = set(self.check.shared)
        return [name for name in self.check.source_classes if name not in there]

    def _beyond(self, agree: int, wrong: int, expected: float) -> Interval:
        """The share of errors that are alike, less what chance gives, of what chance leaves."""
        if not wrong or expected >= wrong:
            return Interval(0.0, 0.0, 0.0)
        of, chance = share(agree, wrong, self.level), expected / wrong
        return Interval(*((v - chance) / (1 - chance) for v in (of.value, of.lo, of.hi)))

    def apart(self, right: int, n: int, other: int, m: int) -> Interval:
        """The difference of two shares of different pictures, at the level of the study.

        Args:
            right: Of the first.
            n: Pictures of the first.
            other: Right of the second.
            m: Pictures of the second.
        """
        return difference(right, n, other, m, self.level)

    @property
    def percent(self) -> str:
        """The level of intervals in words."""
        return f"{self.level:.1%} interval"

    def curves(self, arm: str) -> list[Curve]:
        """Validation accuracy over steps, of each seed.

        Args:
            arm: Which.
        """
        return [run.curve("accuracy") for run in self.measured.runs[arm]]

    def shortcut(self) -> tuple[str, Interval] | None:
        """The plain attribute that explains most of the network's errors on the target, and the share of them.

        Of the pictures that the network names wrong, the share that it names as the attribute alone would, less what
        chance gives: of the target's, and of recoloured ones of the source, whichever is less. None where no attribute
        tells the source's labels, or nothing is wrong.
        """
        c, found = self.check, list[tuple[str, Interval]]()
        for one in c.attributes:
            knows = self.apart(one.source_right, c.source_n, c.source_majority, c.source_n)
            if one.wrong and knows.lo > 0:
                both = [
                    self._beyond(one.agree, one.wrong, one.expected),
                    self._beyond(one.recoloured_agree, one.recoloured_wrong, one.recoloured_expected),
                ]
                found.append((one.name, min(both, key=lambda extent: extent.lo)))
        return max(found, key=lambda one: one[1].lo, default=None)


def share(right: int, n: int, level: float = 0.95) -> Interval:
    """A share with its interval.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n), p = right/n.

    Reference: Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.

    Args:
        right: From 0 to n.
        n: At least 1.
        level: Of confidence.
    """
    from scipy.special import ndtri

    p, z = right / n, float(ndtri((1 + level) / 2))
    centre, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Interval(p, max((centre - half) / (1 + z**2 / n), 0.0), min((centre + half) / (1 + z**2 / n), 1.0))


def difference(right: int, n: int, other: int, m: int, level: float = 0.95) -> Interval:
    """The difference of two shares of different pictures.

    d ± √((p₁ − l₁)² + (u₂ − p₂)²) and the like, from both Wilson intervals.

    Reference:
        Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in Medicine
        17, method 10.

    Args:
        right: Of the first.
        n: Pictures of the first.
        other: Right of the second.
        m: Pictures of the second.
        level: Of confidence.
    """
    a, b = share(right, n, level), share(other, m, level)
    d = a.value - b.value
    return Interval(d, d - math.hypot(a.value - a.lo, b.hi - b.value), d + math.hypot(a.hi - a.value, b.value - b.lo))


def over_seeds(values: Sequence[float] | NDArray[np.float64], level: float = 0.95) -> Interval:
    """The mean of a figure with its interval, Student's t over the seeds; with one seed it may be anything."""
    from scipy.special import stdtrit

    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return Interval(float(found.mean()), -math.inf, math.inf)
    half = float(stdtrit(len(found) - 1, (1 + level) / 2) * found.std(ddof=1) / math.sqrt(len(found)))
    return Interval(float(found.mean()), float(found.mean()) - half, float(found.mean()) + half)


def paired(values: Floats, level: float = 0.95) -> Interval:
    """The mean of paired differences, (seeds, pictures), as a verdict has it."""
    return Interval(*paired_interval(values, level))


def apart(a: Interval, b: Interval) -> Interval:
    """The difference of two figures that were measured on different pictures: half widths add as squares."""
    d = a.value - b.value
    return Interval(d, d - math.hypot(a.value - a.lo, b.hi - b.value), d + math.hypot(a.hi - a.value, b.value - b.lo))

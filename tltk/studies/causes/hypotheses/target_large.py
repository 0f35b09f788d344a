"""The target has pictures enough."""

from __future__ import annotations

import dataclasses

from tltk.results.curves import Curve
from tltk.studies.causes.facts import TECHNIQUE, YARDSTICK, Facts, over_seeds, paired
from tltk.studies.causes.hypotheses.cause import (
    LIKELY,
    NOT_JUDGED,
    POSSIBLE,
    UNLIKELY,
    Cause,
    Counter,
    Evidence,
    points,
)

FEWER = 10  # times fewer labels in the counter-experiment


class TargetLarge(Cause):
    """A target too large to need it: transfer leads at first, and its yardstick reaches the same in the end.

    Reference:
        He, Girshick and Dollár (2019), Rethinking ImageNet pre-training, ICCV, §4. arXiv:1811.08883.
    """

    title = "Target is large enough"

    def weigh(self, facts: Facts) -> Evidence:
        """The lead over the first quarter of training, and what is left of it at the end."""
        pairs = list(zip(facts.curves(TECHNIQUE), facts.curves(YARDSTICK), strict=True))
        if not all(a.y and b.y for a, b in pairs):
            return Evidence(NOT_JUDGED, 0.0, "Nothing was measured on the way, so no lead can be told.")
        early = over_seeds([_early(a) - _early(b) for a, b in pairs], facts.level)
        gap = paired(facts.difference, facts.level)
        figures = {
            "lead at first": early.value,
            "lead at first, lo": early.lo,
            "lead at first, hi": early.hi,
            "lead at the end": gap.value,
            "lead at the end, hi": gap.hi,
            "labelled pictures": float(facts.first.n_train),
        }
        told = (
            f"Over the first quarter of training the technique leads by {points(early.value)} points of validation "
            f"accuracy ({facts.percent} {points(early.lo)} … {points(early.hi)}), at the end by {points(gap.value)} of test "
            f"accuracy ({points(gap.lo)} … {points(gap.hi)}), with {facts.first.n_train:,} labelled pictures"
        )
        if facts.label == "hurts":
            return Evidence(UNLIKELY, 0.0, f"{told}: it ends behind, which enough pictures do not explain.", figures)
        if early.lo > max(gap.hi, 0.0):
            score = min((early.lo - max(gap.hi, 0.0)) / early.lo, 1.0)
            return Evidence(LIKELY, score, f"{told}: {score:.0%} of the lead at least is made up for.", figures)
        return Evidence(POSSIBLE if early.hi > max(gap.hi, 0.0) else UNLIKELY, 0.0, f"{told}.", figures)

    def counter(self, facts: Facts) -> Counter | None:
        """A tenth of the labels."""
        spec, classes = facts.spec, len(facts.first.classes)
        shots = facts.first.n_train // (FEWER * classes)
        if shots < 1 or spec.labels == "source":
            return None
        return Counter(
            f"the target has {shots} labels per class, a {FEWER}th of what it has",
            dataclasses.replace(spec, target=dataclasses.replace(spec.target, shots=shots)),
        )


def _early(curve: Curve) -> float:
    """Mean over the first quarter of what was measured: a single epoch differs too much from seed to seed."""
    first = curve.y[: max(len(curve.y) // 4, 1)]
    return sum(first) / len(first)

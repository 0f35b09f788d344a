"""The target has pictures enough."""

from __future__ import annotations

import dataclasses

from tltk.studies.causes.facts import Facts, paired
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
    """A target too large to need it: the source's features are worth something, and scratch reaches the same.

    What something else takes away has not been made up for by pictures: this is told after every other cause.

    Reference:
        He, Girshick and Dollár (2019), Rethinking ImageNet pre-training, ICCV, §4. arXiv:1811.08883.
    """

    title = "Target is large enough"
    before = (
        "label_sets",
        "covariate_shift",
        "misaligned_classes",
        "features_missing",
        "optimisation",
        "label_noise",
        "shortcut",
    )

    def weigh(self, facts: Facts) -> Evidence:
        """What the source's features are worth to a linear probe, and what is left of it where all is learned."""
        c, spec = facts.check, facts.spec
        if spec.yardstick != "scratch":
            return Evidence(
                NOT_JUDGED, 0.0, f"The yardstick, {spec.yardstick}, does not begin from new weights: it needs them too."
            )
        if c.probe_gap is None or c.probe_lo is None or c.probe_hi is None:
            return Evidence(NOT_JUDGED, 0.0, "There are too few labelled pictures of each class for a probe.")
        gap = paired(facts.difference, facts.level)
        left = max(gap.hi, 0.0)
        figures = {
            "worth to a probe": c.probe_gap,
            "worth to a probe, lo": c.probe_lo,
            "worth to a probe, hi": c.probe_hi,
            "lead at the end": gap.value,
            "lead at the end, hi": gap.hi,
            "labelled pictures": float(facts.first.n_train),
        }
        told = (
            f"To a linear probe the source's features are worth {points(c.probe_gap)} points more than random ones "
            f"({facts.percent} {points(c.probe_lo)} … {points(c.probe_hi)}); with {facts.first.n_train:,} labelled "
            f"pictures the technique ends {points(gap.value)} points ahead ({points(gap.lo)} … {points(gap.hi)})"
        )
        if facts.label == "hurts":
            return Evidence(UNLIKELY, 0.0, f"{told}: that it ends behind is not explained by enough pictures.", figures)
        if c.probe_lo > left:
            score = (c.probe_lo - left) / c.probe_lo
            return Evidence(LIKELY, score, f"{told}: {score:.0%} at least is learned from the target alone.", figures)
        return Evidence(POSSIBLE if c.probe_hi > left else UNLIKELY, 0.0, f"{told}.", figures)

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

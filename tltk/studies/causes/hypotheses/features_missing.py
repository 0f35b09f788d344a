"""What the target needs to be told by is not in the source's features."""

from __future__ import annotations

import dataclasses

from tltk.studies.causes.facts import YARDSTICK, Facts
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


class FeaturesMissing(Cause):
    """Features that are not there: a linear probe of the source's does no better than one of random weights.

    Reference:
        Alain and Bengio (2017), Understanding intermediate layers using linear classifier probes, ICLR Workshop.
        arXiv:1610.01644; random features as the yardstick: Saxe et al. (2011), On random weights and unsupervised
        feature learning, ICML.
    """

    title = "Features are not there"
    before = ("label_sets", "covariate_shift", "label_noise", "shortcut")

    def weigh(self, facts: Facts) -> Evidence:
        """The probe's gain over random features, against what the target's own pictures teach."""
        c = facts.check
        if c.probe is None or c.probe_random is None or c.probe_gap is None or c.probe_lo is None or c.probe_hi is None:
            return Evidence(NOT_JUDGED, 0.0, "There are too few labelled pictures of each class for a probe.")
        scratch = float(facts.measured.scores[YARDSTICK].mean())
        taught = scratch - c.probe_random
        figures = {
            "probe": c.probe,
            "probe of random features": c.probe_random,
            "gain": c.probe_gap,
            "gain, lo": c.probe_lo,
            "gain, hi": c.probe_hi,
            "yardstick": scratch,
        }
        told = (
            f"A linear probe of the source's features names {c.probe:.1%} of {c.probe_n:,} labelled pictures right, of "
            f"random features {c.probe_random:.1%}: {points(c.probe_gap)} points more ({facts.percent} "
            f"{points(c.probe_lo)} … {points(c.probe_hi)})"
        )
        if c.probe_lo > 0 and not (facts.freezes and c.probe_hi < taught):
            return Evidence(UNLIKELY, 0.0, f"{told}.", figures)
        if c.probe_hi < taught:
            score = min(max(1 - c.probe_hi / taught, 0.0), 1.0)
            more = f"{facts.spec.yardstick} is {points(taught)} points above random features"
            return Evidence(LIKELY, score, f"{told}; {more}: {score:.0%} of that at least is not there.", figures)
        return Evidence(POSSIBLE, 0.0, f"{told}.", figures)

    def counter(self, facts: Facts) -> Counter | None:
        """All layers learn; where they do, a source network that is trained for longer."""
        spec = facts.spec
        if facts.freezes:
            return Counter(
                "all layers learn from the target, so that what is not there can be learned",
                dataclasses.replace(spec, technique="fine_tune@0"),
            )
        optim = dataclasses.replace(spec.source_optim, epochs=4 * spec.source_optim.epochs)
        return Counter(
            "the source network is trained four times as long", dataclasses.replace(spec, source_optim=optim)
        )

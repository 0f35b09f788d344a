"""Classes that bear one name mean different things."""

from __future__ import annotations

import dataclasses

from tltk.studies.causes.facts import Facts
from tltk.studies.causes.hypotheses.cause import LIKELY, NOT_JUDGED, UNLIKELY, Cause, Counter, Evidence, points


class MisalignedClasses(Cause):
    """Classes misaligned: what the source calls by a name bears another one in the target.

    The swap matrix, target classes against what the source's classifier names, is then a permutation. Where the
    technique learns from the target's labels alone its classifier is new, and names do no harm.

    Reference:
        Kuhn (1955), The Hungarian method for the assignment problem, Naval Research Logistics Quarterly 2.
    """

    title = "Classes are misaligned"

    def weigh(self, facts: Facts) -> Evidence:
        """What is gained once each class has the source class that fits it best, on pictures that did not choose it."""
        c = facts.check
        gain = facts.gained
        if gain is None:
            return Evidence(NOT_JUDGED, 0.0, "Source and target share no class by name, so none can be misaligned.")
        score = gain.over(facts.skill)
        swapped = [f"{a} → {b}" for a, b in c.mapping.items() if a != b]
        figures = {
            "right by name": c.target_right / c.target_n,
            "right by the best assignment": c.mapped_right / c.mapped_n,
            "gain": gain.value,
            "gain, lo": gain.lo,
            "gain, hi": gain.hi,
            "classes that change": float(len(swapped)),
        }
        told = (
            f"By name the source's classifier has {c.target_right / c.target_n:.1%} of the target's labelled pictures "
            f"right, by the best one-to-one assignment of classes {c.mapped_right / c.mapped_n:.1%}: "
            f"{points(gain.value)} points more ({facts.percent} {points(gain.lo)} … {points(gain.hi)})"
        )
        if gain.lo <= 0:
            return Evidence(UNLIKELY, 0.0, f"{told}.", figures)
        told += f"; {', '.join(swapped[:5])}{' …' if len(swapped) > 5 else ''}"
        if facts.spec.labels == "target":
            return Evidence(
                UNLIKELY,
                0.0,
                f"{told}. But the classifier is a new one here, and no name of the source is used.",
                figures,
            )
        return Evidence(LIKELY, score, f"{told}: {score:.0%} of its skill at least.", figures)

    def counter(self, facts: Facts) -> Counter | None:
        """The same weights, without the source's labels."""
        if facts.spec.labels != "both":
            return None
        return Counter(
            "only the target's labels are learned from, with a new classifier",
            dataclasses.replace(facts.spec, labels="target"),
        )

"""Pictures of the target look unlike those of the source."""

from __future__ import annotations

import dataclasses

from tltk.studies.causes.facts import Facts
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


class CovariateShift(Cause):
    """Pictures of the target look unlike the source's, from some layer on, and the source's classifier fails on them.

    Reference:
        Shimodaira (2000), Improving predictive inference under covariate shift by weighting the log-likelihood
        function, Journal of Statistical Planning and Inference 90; the test: Gretton et al. (2012), A kernel two-sample
        test, JMLR 13, §5; the cure that is tried: Li et al. (2017), Revisiting batch normalization for practical domain
        adaptation, ICLR Workshop. arXiv:1603.04779.
    """

    title = "Covariate shift"
    before = ("shortcut",)  # colours that go with labels are a distribution of their own

    def weigh(self, facts: Facts) -> Evidence:
        """MMD beyond chance over all pictures and within classes, and accuracy that the source's classifier loses."""
        lost, layers, alpha = facts.lost_to_pictures, facts.check.layers, 1 - facts.level
        if lost is None or any(one.within_p_holm is None for one in layers):
            return Evidence(
                NOT_JUDGED,
                0.0,
                "Source and target share no class with enough pictures: how pictures differ cannot be told from how "
                "classes differ.",
            )
        beyond = [one for one in layers if one.p_holm <= alpha and (one.within_p_holm or 0.0) <= alpha]
        figures = {
            "layers beyond chance": float(len(beyond)),
            "accuracy lost": lost.value,
            "accuracy lost, lo": lost.lo,
            "accuracy lost, hi": lost.hi,
            "least p over layers": min(one.p_holm for one in layers),
        }
        if not beyond:
            return Evidence(
                UNLIKELY,
                0.0,
                f"At none of {len(layers)} layers are source and target further apart than chance has it, over all "
                f"pictures and within classes (MMD², Holm's p at most {alpha:.3f}).",
                figures,
            )
        first = beyond[0]
        where = (
            f"From {first.name} on (MMD² {first.mmd:.3f}, by chance up to {first.null_hi:.3f}) the domains are apart, "
            f"at {len(beyond)} of {len(layers)} layers"
        )
        told = (
            f"the source's classifier names {points(lost.value)} points fewer right on the target than on unseen "
            f"pictures of its own ({facts.percent} {points(lost.lo)} … {points(lost.hi)})"
        )
        shortcut = facts.shortcut()
        explained = max(shortcut[1].lo, 0.0) if shortcut else 0.0
        score = lost.over(facts.skill) * (1 - explained)
        figures |= {"first layer": float(layers.index(first)), "share explained by a shortcut": explained}
        if lost.lo <= 0:
            return Evidence(POSSIBLE if lost.hi > facts.spec.delta else UNLIKELY, 0.0, f"{where}, but {told}.", figures)
        rest = f" A shortcut accounts for {explained:.0%} of these errors at least." if explained else ""
        return Evidence(LIKELY, score, f"{where}, and {told}: {score:.0%} of its skill at least.{rest}", figures)

    def counter(self, facts: Facts) -> Counter | None:
        """Statistics of normalisation taken from the target."""
        spec = facts.spec
        if spec.net.norm == "target":
            return None
        return Counter(
            "the statistics of all normalisation layers are taken from the target (AdaBN)",
            dataclasses.replace(spec, net=dataclasses.replace(spec.net, norm="target")),
        )

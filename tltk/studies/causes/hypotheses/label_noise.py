"""Labels of the source are wrong."""

from __future__ import annotations

import dataclasses

from tltk.studies.causes.facts import Facts
from tltk.studies.causes.hypotheses.cause import LIKELY, NOT_JUDGED, UNLIKELY, Cause, Counter, Evidence, points


class LabelNoise(Cause):
    """Label noise in the source: its network agrees more with the target's labels than with the source's own.

    A network tends to learn what many labels say before it learns single ones by heart. Held against labels that are
    wrong by chance it seems worse than it is, so that unseen pictures of the source are named "wrong" more often than
    those of a target with clean labels. Where pictures differ as well, the target is harder and hides it.

    Reference:
        Arpit et al. (2017), A closer look at memorization in deep networks, ICML, §4. arXiv:1706.05394; disagreement
        with out-of-sample predictions as its sign: Northcutt, Jiang and Chuang (2021), Confident learning, JAIR 70, §3.
        arXiv:1911.00068.
    """

    title = "Source labels are noisy"

    def weigh(self, facts: Facts) -> Evidence:
        """Accuracy on the target less that on unseen pictures of the source, over what it knows of the target."""
        c, lost = facts.check, facts.lost
        if lost is None:
            return Evidence(NOT_JUDGED, 0.0, "Source and target share no class whose labels could be held together.")
        more = type(lost)(-lost.value, -lost.hi, -lost.lo)
        knows = (c.target_right - c.target_majority) / c.target_n
        score = more.over(knows)
        figures = {
            "agrees with the source's labels": c.source_right / c.source_n,
            "agrees with the target's labels": c.target_right / c.target_n,
            "difference": more.value,
            "difference, lo": more.lo,
            "difference, hi": more.hi,
        }
        told = (
            f"The source's classifier agrees with {c.source_right / c.source_n:.1%} of the source's labels on unseen "
            f"pictures, and with {c.target_right / c.target_n:.1%} of the target's: {points(more.value)} points more "
            f"({facts.percent} {points(more.lo)} … {points(more.hi)})"
        )
        if more.lo <= 0:
            return Evidence(UNLIKELY, 0.0, f"{told}.", figures)
        return Evidence(
            LIKELY, score, f"{told}: the source's labels deny {score:.0%} of what it knows at least.", figures
        )

    def counter(self, facts: Facts) -> Counter | None:
        """A source network that learns fewer labels by heart."""
        optim = facts.spec.source_optim
        if optim.patience and optim.label_smoothing >= 0.3:
            return None
        gentle = dataclasses.replace(optim, label_smoothing=0.3, patience=max(optim.epochs // 4, 1))
        return Counter(
            "the source network is stopped early and its labels are smoothed, so that it learns fewer wrong ones by "
            "heart",
            dataclasses.replace(facts.spec, source_optim=gentle),
        )

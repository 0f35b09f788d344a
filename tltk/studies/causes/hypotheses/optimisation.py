"""The technique was not trained well."""

from __future__ import annotations

import dataclasses

import numpy as np

from tltk.results.curves import Curve
from tltk.studies.causes.facts import TECHNIQUE, YARDSTICK, Facts, Interval, over_seeds, paired
from tltk.studies.causes.hypotheses.cause import LIKELY, POSSIBLE, UNLIKELY, Cause, Counter, Evidence, points


class Optimisation(Cause):
    """Optimisation: a rate at the edge of what was tried, too few steps, or nothing learned at all.

    Reference:
        Bouthillier et al. (2021), Accounting for variance in machine learning benchmarks, MLSys, §4 (what is left to
        chance in a search). arXiv:2103.03098.
    """

    title = "Optimisation"

    def weigh(self, facts: Facts) -> Evidence:
        """Whether anything is learned, whether the curve still climbs, whether a further rate may do better."""
        m = facts.measured
        labels = np.array(facts.first.labels)
        commonest = (labels == np.bincount(labels).argmax()).astype(float)
        beyond = {arm: paired(m.scores[arm] - commonest, facts.level) for arm in (TECHNIQUE, YARDSTICK)}
        climb = self._climb(facts)
        edge, step = self._edge(facts)
        figures = {"technique beyond the commonest class, lo": beyond[TECHNIQUE].lo}
        figures["yardstick beyond the commonest class, lo"] = beyond[YARDSTICK].lo
        if climb is not None:
            figures |= {"late gain": climb.value, "late gain, lo": climb.lo, "late gain, hi": climb.hi}
        if step is not None:
            figures |= {"gain at the edge": step.value, "gain at the edge, lo": step.lo}
        if max(one.lo for one in beyond.values()) <= 0:
            return Evidence(
                LIKELY,
                1.0,
                "Neither arm has learned: neither can be told from always naming the commonest class "
                f"({points(beyond[TECHNIQUE].value)} and {points(beyond[YARDSTICK].value)} points above it).",
                figures,
            )
        wrong = max(1 - float(m.scores[TECHNIQUE].mean()), 1e-9)
        found = list[tuple[float, str]]()
        if step is not None and step.lo > 0:
            found.append(
                (
                    step.over(wrong),
                    f"The rate of the technique is the {edge} that was tried, and the step to it brought "
                    f"{points(step.value)} points of validation accuracy (at least {points(step.lo)})",
                )
            )
        if climb is not None and climb.lo > 0:
            found.append(
                (
                    climb.over(wrong),
                    f"In the last quarter of its steps the technique gained {points(climb.value)} points more of "
                    f"validation accuracy than its yardstick ({facts.percent} {points(climb.lo)} … {points(climb.hi)})",
                )
            )
        if found:
            score, said = max(found)
            return Evidence(LIKELY, score, f"{said}: {score:.0%} of its errors at least.", figures)
        if edge:
            return Evidence(
                POSSIBLE,
                0.0,
                f"The rate of the technique is the {edge} that was tried; another may do better.",
                figures,
            )
        if not m.search.accuracy[TECHNIQUE]:
            return Evidence(POSSIBLE, 0.0, "One rate was given and none was searched: another may do better.", figures)
        return Evidence(
            UNLIKELY,
            0.0,
            "Both arms learn, the best rates lie within what was tried, and the technique does not climb more than its "
            "yardstick at the end.",
            figures,
        )

    def _climb(self, facts: Facts) -> Interval | None:
        """How much more the technique gains in the last quarter of its steps than its yardstick; None = no curves."""
        pairs = list(zip(facts.curves(TECHNIQUE), facts.curves(YARDSTICK), strict=True))
        if any(len(c.x) < 4 for pair in pairs for c in pair):
            return None
        return over_seeds([_late(a) - _late(b) for a, b in pairs], facts.level)

    def _edge(self, facts: Facts) -> tuple[str, Interval | None]:
        """lowest, highest or nothing; and what the last step towards that edge brought, None where nothing."""
        search = facts.measured.search
        edge = search.at_edge.get(TECHNIQUE, "")
        if not edge:
            return "", None
        tried = sorted((float(lr), accuracy) for lr, accuracy in search.accuracy[TECHNIQUE].items())
        best, beside = (tried[0], tried[1]) if edge == "lowest" else (tried[-1], tried[-2])
        n = facts.first.n_val
        return edge, facts.apart(round(best[1] * n), n, round(beside[1] * n), n) if n else None

    def counter(self, facts: Facts) -> Counter | None:
        """More rates, and four times as many steps, for both arms."""
        spec = facts.spec
        rates = tuple(sorted({*spec.lrs, 1e-4, 1e-3, 1e-2}))
        return Counter(
            f"both arms are trained four times as long and searched over {len(rates)} rates",
            dataclasses.replace(spec, lrs=rates, optim=dataclasses.replace(spec.optim, epochs=4 * spec.optim.epochs)),
        )


def _late(curve: Curve) -> float:
    """What was gained in the last quarter of the steps."""
    at = curve.x[0] + 0.75 * (curve.x[-1] - curve.x[0])
    return float(curve.y[-1] - np.interp(at, curve.x, curve.y))

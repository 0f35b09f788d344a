"""Source and target have other classes."""

from __future__ import annotations

import dataclasses

import numpy as np

from tltk.errors import truncate
from tltk.specs.parts import DataSpec
from tltk.studies.causes.facts import TECHNIQUE, YARDSTICK, Facts, apart, paired
from tltk.studies.causes.hypotheses.cause import LIKELY, POSSIBLE, UNLIKELY, Cause, Counter, Evidence, points


class LabelSets(Cause):
    """Label sets that do not match: the source lacks classes of the target, or has others that draw pictures away.

    Reference:
        Cao et al. (2018), Partial transfer learning with selective adversarial networks, CVPR, §3 (classes of the
        source alone). arXiv:1707.07901.
    """

    title = "Label sets do not match"

    def weigh(self, facts: Facts) -> Evidence:
        """Names; then the gap on classes that the source lacks against the others, or pictures drawn to absent ones."""
        c, missing, extra = facts.check, facts.missing, facts.extra
        figures = {
            "classes shared": float(len(c.shared)),
            "classes that the source lacks": float(len(missing)),
            "classes that the target lacks": float(len(extra)),
        }
        names = []
        if missing:
            names.append(f"{len(missing)} of the target's {len(c.target_classes)} classes ({_list(missing)})")
        if extra:
            names.append(f"{len(extra)} of the source's are not in the target ({_list(extra)})")
        if not names:
            return Evidence(UNLIKELY, 0.0, f"Both have the same {len(c.shared)} classes by name.", figures)
        said = f"The source lacks {names[0]}" if missing else names[0]
        said += f"; {names[1]}" if len(names) > 1 else ""
        if facts.spec.labels != "target":
            return self._drawn_away(facts, said, figures)
        if not missing:
            return Evidence(
                UNLIKELY, 0.0, f"{said}; it has every class of the target, and the classifier is a new one.", figures
            )
        if not c.shared:
            return Evidence(
                POSSIBLE,
                1.0,
                f"{said}: none is shared, so there is no class to compare with. A source that has some would tell.",
                figures,
            )
        return self._contrast(facts, said, figures)

    def _contrast(self, facts: Facts, said: str, figures: dict[str, float]) -> Evidence:
        """The gap on classes that the source has less that on those that it lacks."""
        first = facts.first
        known = np.array([first.classes[i] in facts.check.shared for i in first.labels])
        if known.all() or not known.any():
            return Evidence(POSSIBLE, 0.0, f"{said}; the test holds pictures of one kind alone.", figures)
        d = facts.difference
        there, elsewhere = paired(d[:, known], facts.level), paired(d[:, ~known], facts.level)
        found = apart(there, elsewhere)
        score = found.over(float(facts.measured.scores[TECHNIQUE][:, known].mean()))
        figures |= {
            "gap on classes that it has": there.value,
            "gap on classes that it lacks": elsewhere.value,
            "difference": found.value,
            "difference, lo": found.lo,
            "difference, hi": found.hi,
        }
        told = (
            f"{said}. On the classes that it has, the gap is {points(found.value)} points higher ({facts.percent} "
            f"{points(found.lo)} … {points(found.hi)})"
        )
        if found.lo > 0:
            return Evidence(
                LIKELY, score, f"{told}: {score:.0%} of the accuracy there at least is lacking elsewhere.", figures
            )
        return Evidence(POSSIBLE if found.hi > facts.spec.delta else UNLIKELY, 0.0, f"{told}.", figures)

    def _drawn_away(self, facts: Facts, said: str, figures: dict[str, float]) -> Evidence:
        """Pictures that the technique names by a class that the target lacks, and its yardstick does not."""
        here = set(facts.check.target_classes)

        def absent(arm: str) -> np.ndarray:
            return np.array(
                [[r.classes[i] not in here for i in r.predictions] for r in facts.measured.results[arm]], dtype=float
            )

        found = paired(absent(TECHNIQUE) - absent(YARDSTICK), facts.level)
        score = found.over(max(-facts.gap.value, found.lo))
        figures |= {"drawn away": found.value, "drawn away, lo": found.lo, "drawn away, hi": found.hi}
        told = (
            f"{said}. The technique gives {points(found.value)} points more of the test pictures a class that the "
            f"target lacks than its yardstick does ({facts.percent} {points(found.lo)} … {points(found.hi)})"
        )
        if found.lo > 0:
            return Evidence(LIKELY, score, f"{told}: {score:.0%} of the loss at least.", figures)
        return Evidence(POSSIBLE if found.hi > facts.spec.delta else UNLIKELY, 0.0, f"{told}.", figures)

    def counter(self, facts: Facts) -> Counter | None:
        """The classes that both have alone."""
        spec, shared = facts.spec, facts.check.shared
        if len(shared) < 2 or spec.source is None or any(mark in name for name in shared for mark in "+@,"):
            return None
        own = facts.extra and (spec.labels != "target" or not facts.missing)
        domain = spec.source if own else spec.target
        kept = _subset(domain, shared) if own or facts.missing else None
        if kept is None:
            return None
        side, other = ("source", "target") if own else ("target", "source")
        what = f"the {side} is left with the {len(shared)} classes that the {other} has too"
        return Counter(what, dataclasses.replace(spec, source=kept) if own else dataclasses.replace(spec, target=kept))


def _subset(domain: DataSpec, names: list[str]) -> DataSpec | None:
    """The domain with these classes alone; None where it is a choice of classes already."""
    if domain.name.startswith("subset:"):
        return None
    return dataclasses.replace(domain, name=f"subset:{'+'.join(names)}@{domain.name}")


def _list(names: list[str]) -> str:
    return truncate(", ".join(names))

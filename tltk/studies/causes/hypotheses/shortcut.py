"""The source's labels can be told by an attribute that means nothing in the target."""

from __future__ import annotations

import dataclasses

from tltk.specs.parts import DataSpec
from tltk.studies.causes.facts import Facts, share
from tltk.studies.causes.hypotheses.cause import LIKELY, NOT_JUDGED, UNLIKELY, Cause, Counter, Evidence

COLOURS = ("colour", "background")


class Shortcut(Cause):
    """A shortcut in the source: a plain attribute, such as colour, tells its labels and the network's errors.

    Reference:
        Geirhos et al. (2020), Shortcut learning in deep neural networks, Nature Machine Intelligence 2, §2.
        arXiv:2004.07780.
    """

    title = "A shortcut in the source"

    def weigh(self, facts: Facts) -> Evidence:
        """Of the target's pictures that the network names wrong, those that it names as the attribute alone would."""
        c = facts.check
        if not c.attributes or not c.attributes[0].wrong:
            return Evidence(
                NOT_JUDGED, 0.0, "There is no error on a class that both have, from which it could be told."
            )
        found = facts.shortcut()
        if found is None:
            return Evidence(
                UNLIKELY, 0.0, f"None of {len(c.attributes)} plain attributes tells the source's labels beyond chance."
            )
        name, extent = found
        one = next(a for a in c.attributes if a.name == name)
        alone = share(one.source_right, c.source_n, facts.level)
        figures = {
            "labels told by it": alone.value,
            "errors as it would have them": one.agree / one.wrong,
            "by chance": one.expected / one.wrong,
            "recoloured errors as it would have them": one.recoloured_agree / max(one.recoloured_wrong, 1),
            "recoloured, by chance": one.recoloured_expected / max(one.recoloured_wrong, 1),
            "share of errors": extent.value,
            "share of errors, lo": extent.lo,
            "share of errors, hi": extent.hi,
        }
        told = (
            f"The attribute {name} alone tells {alone.value:.1%} of the source's labels. Of {one.wrong:,} target "
            f"pictures that the network names wrong it names {one.agree / one.wrong:.1%} as {name} would, by chance "
            f"{one.expected / one.wrong:.1%}; and so it does with {one.recoloured_agree:,} of the "
            f"{one.recoloured_wrong:,} pictures of the source that it names wrong in the hue of another one, by chance "
            f"{one.recoloured_expected:.0f}"
        )
        if extent.lo <= 0:
            return Evidence(UNLIKELY, 0.0, f"{told}: no more than chance, as far as can be told.", figures)
        lost = facts.lost
        if lost is None or lost.lo <= 0:
            return Evidence(UNLIKELY, 0.0, f"{told}; but the network loses nothing on the target.", figures)
        score = extent.lo * lost.over(facts.skill)
        return Evidence(LIKELY, score, f"{told}: it accounts for {score:.0%} of the network's skill at least.", figures)

    def counter(self, facts: Facts) -> Counter | None:
        """Both domains without colours."""
        found, spec = facts.shortcut(), facts.spec
        if found is None or found[0] not in COLOURS or spec.source is None or spec.source.name.startswith("grey:"):
            return None
        return Counter(
            "source and target are read in grey",
            dataclasses.replace(spec, source=_grey(spec.source), target=_grey(spec.target)),
        )


def _grey(domain: DataSpec) -> DataSpec:
    return dataclasses.replace(domain, name=f"grey:{domain.name}")

"""Which pictures of a source count for a target: weights by each reweighting, with the pictures that they favour."""

from __future__ import annotations

import streamlit as st

from tltk.analyses.classify.result import ClassifyResult, LearnerResult, ReweightingResult, WeightedPicture
from tltk.analyses.classify.spec import ClassifySpec
from tltk.analyses.depth import DepthSpec
from tltk.dashboard import depth
from tltk.dashboard.words import plain
from tltk.results.text import number
from tltk.reweightings import reweightings

LEARNER = "ridge"  # takes weights, and is the quickest that does


def choose(asked: DepthSpec, layer: str) -> ClassifySpec | None:
    """The question: which reweightings, at this layer; None where none is chosen.

    Args:
        asked: Another question about the same domains and weights.
        layer: Its number; empty = what enters the head.
    """
    names = reweightings.names()
    chosen = st.multiselect(
        "Weights by",
        names,
        names,
        format_func=lambda name: name.replace("_", " "),
        key="shift:reweightings",
        help="\n".join(f"- {name.replace('_', ' ')}: {reweightings.summary(name)}" for name in names),
    )
    if not chosen:
        st.caption("Choose a reweighting above.")
        return None
    return ClassifySpec(
        target=asked.target,
        source=asked.source,
        net=asked.net,
        pictures=asked.pictures,
        layer=layer,
        labels="source",
        learners=(LEARNER,),
        reweightings=tuple(chosen),
    )


def show(spec: ClassifySpec) -> None:
    """Ask, then: what weighting is worth, and for each reweighting the pictures that count most and least."""
    answer = depth.ask_with_button(
        spec,
        "Weigh the source's pictures",
        "Weighing the pictures of the source.",
        "shift:weights",
        f"A classifier ({LEARNER}) learns from the source's labels, with and without weights. The target's labels only "
        f"test it.",
    )
    if answer is None:
        return
    run, found = answer
    _accuracies(found)
    sheet = depth.sheet_of(run)
    for one in found.weights:
        st.markdown(f"**{plain(_title(one.name))}**: {_effective(one)}")
        if sheet is None:
            continue
        for title, pictures in (("Counts most", one.largest), ("Counts least", one.least)):
            st.caption(title)
            if all(p.text for p in pictures):
                depth.sentences([p.text for p in pictures], [_caption(p) for p in pictures])
                continue
            depth.pictures(sheet, [p.place for p in pictures], [_caption(p) for p in pictures])
    if sheet is None and found.weights:
        st.caption("The pictures of this result were deleted; the numbers above still hold.")
    for why in dict.fromkeys(found.left_out.values()):
        names = ", ".join(name for name, reason in found.left_out.items() if reason == why)
        st.caption(plain(f"{names} is left out: {why}"))
    for remark in found.remarks:
        st.caption(plain(remark))


def _accuracies(found: ClassifyResult) -> None:
    rows = sorted(found.rows, key=lambda row: bool(row.reweighting))  # as it is comes first
    st.dataframe([_cells(row) for row in rows], hide_index=True, width="stretch")
    st.caption(plain(found.sentence))


def _cells(row: LearnerResult) -> dict[str, str]:
    return {
        "Weights": _title(row.reweighting) if row.reweighting else "none: all pictures count alike",
        "Accuracy on the target": number(row.accuracy, "%"),
        "95% interval": f"{number(row.lo, '%')} … {number(row.hi, '%')}",
    }


def _title(name: str) -> str:
    return name.replace("_", " ")


def _effective(one: ReweightingResult) -> str:
    """How much is left of the source, in words."""
    share = one.effective / one.n
    few = " Few pictures decide: the domains hardly overlap here." if share < 0.1 else ""
    return f"its {one.n:,} pictures tell as much as {one.effective:,.0f} that count alike ({share:.0%}).{few}"


def _caption(one: WeightedPicture) -> str:
    return f"{one.label}, weight {one.weight:.2g}"

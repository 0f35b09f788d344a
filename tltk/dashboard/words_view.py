"""Words of texts and columns of rows, shaded by what they weigh in an answer."""

from __future__ import annotations

from html import escape

import streamlit as st

from tltk.analyses.saliency.result import Attribution, Explained, SaliencyResult
from tltk.analyses.saliency.table import figure
from tltk.dashboard.words import plain
from tltk.plots.theme import SEQUENCE, in_dark
from tltk.specs.nouns import ROWS, noun_of

STRONGEST = 55  # per cent of the colour behind the part that weighs most: its words stay easy to read
COLUMNS = 16  # of a row that are shown, those that weigh most
FOR, AGAINST = SEQUENCE[0], SEQUENCE[1]
SHARES = (
    "The stronger the colour, the more of the attention ends on the word, beside the least of its text: what is looked "
    "at, for no class in particular."
)
ADDS = "speaks for the class that {named}, {against} speaks against it; the stronger the colour, the more."


def show(found: SaliencyResult) -> None:
    """Each text or row with the class that it has and is taken for, its parts shaded.

    Args:
        found: Of the question.
    """
    rows = noun_of(found.backbone) == ROWS
    if found.baseline:
        st.markdown(f"**Integrated gradients** from {plain(found.baseline)}.")
        own = all(one.explained == one.predicted for one in found.pictures)
        named = "it is taken for" if own else "is explained"
        key = f"{_mark('this', 1, FOR)} {ADDS.format(named=named, against=_mark('this', 1, AGAINST))}"
    else:
        st.markdown(f"**Attention rollout** up to layer {found.layer} {plain(f'({found.layer_name})')}.")
        key = escape(SHARES)
    items = "".join(f"<li>{_heading(one, found)}{_parts(one, found, rows)}</li>" for one in found.pictures)
    st.html(f'{_STYLE}<p class="tltk-words-key">{key}</p><ol class="tltk-words">{items}</ol>')


def _heading(one: Explained, found: SaliencyResult) -> str:
    """The class that it has, what it is taken for and, where it is another, which class is explained."""
    told = f"{found.classes[one.label]}, taken for {found.classes[one.predicted]} {one.probability:.3f}"
    if one.explained is not None and one.explained != one.predicted:
        told += f"; explained: {found.classes[one.explained]}"
    return f"<small>{escape(told)}</small>"


def _parts(one: Explained, found: SaliencyResult, rows: bool) -> str:
    parts = one.parts
    if rows:
        parts = sorted(parts, key=lambda part: -abs(part.weight or 0))[:COLUMNS]
    sizes = [abs(part.weight) for part in parts if part.weight is not None]
    # Each word gets some attention, so that only more or less can be seen; what is added to a score may be nothing.
    least = 0.0 if found.baseline or len(sizes) < 2 else min(sizes)
    told = [_part(part, least, max(sizes, default=0.0), found) for part in parts]
    more = (
        f" <small>… and {len(one.parts) - len(parts)} columns that weigh less</small>"
        if len(parts) < len(one.parts)
        else ""
    )
    return f"<p>{' '.join(told) or '<small>Nothing that the network reads.</small>'}{more}</p>"


def _part(part: Attribution, least: float, top: float, found: SaliencyResult) -> str:
    said = f"{part.name} {part.value}".strip()
    if part.weight is None:
        return f'<span class="unread" title="not read: the network does not know it">{escape(said)}</span>'
    title = f"{said}: {figure(part.weight, found)}"
    return _mark(
        said,
        (abs(part.weight) - least) / (top - least) if top > least else 0.0,
        FOR if part.weight >= 0 else AGAINST,
        title,
    )


def _mark(said: str, share: float, colour: str, title: str = "") -> str:
    """Words on a ground of a colour: text as text, whatever marks it holds."""
    here = in_dark(colour) if st.context.theme.type == "dark" else colour
    ground = f"color-mix(in srgb, {here} {share * STRONGEST:.0f}%, transparent)"
    return f'<span style="background:{ground}" title="{escape(title, quote=True)}">{escape(said)}</span>'


_STYLE = """<style>
.tltk-words { margin: 0; padding: 0 0 0 1.6rem; }
.tltk-words li { padding: .45rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
.tltk-words p { margin: .15rem 0 0; line-height: 1.9; overflow-wrap: anywhere; }
.tltk-words span, .tltk-words-key span { padding: .1rem .3rem; border-radius: .25rem;
  -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.tltk-words .unread { opacity: .7; text-decoration: underline dotted; }
.tltk-words small { opacity: .8; font-size: .85rem; }
.tltk-words-key { margin: 0 0 .4rem; font-size: .9rem; }
</style>"""

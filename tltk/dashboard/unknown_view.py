"""Which words of a domain of texts a file of word vectors does not know, where domains are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

import streamlit as st

from tltk.analyses.continue_vectors.spec import ContinueVectorsSpec
from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.unknown_words.result import ClassVocabulary, UnknownWordsResult
from tltk.analyses.unknown_words.spec import UnknownWordsSpec
from tltk.dashboard import plan
from tltk.dashboard.depth import ask_with_button
from tltk.dashboard.words import plain
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec

OFTEN = 8  # words of a class that are shown
HEADS = ("Class", "Words", "Unknown", "By a simpler form", "Unknown words, most often")
HELP = "Text of word2vec, GloVe or fastText (.vec): a word and its numbers in each line. Or run:ID of new vectors."
ABOUT = (
    "A vector is a list of numbers that stands for a word. A network of word vectors passes over words that have none, "
    "so what it cannot read is worth knowing before it is trained. Some are known by a simpler form: phones by phone."
)


def show(
    sides: Mapping[str, tuple[DataSpec, InspectResult]], places: Callable[[], Iterable[tuple[str, Any]]]
) -> list[UnknownWordsSpec]:
    """A file of vectors, and for each side its unknown words by class; nothing where no side holds texts.

    Args:
        sides: Source or Target → its domain, and what a worker saw in it.
        places: Makes a column for each side of the plan.

    Returns:
        What is asked.
    """
    texts = {title: spec for title, (spec, found) in sides.items() if found.noun == "texts"}
    if not texts:
        return []
    st.subheader("Words without a vector", anchor=False)
    st.caption(ABOUT)
    backbone = plan.plan().net.backbone
    known = backbone.removeprefix("vectors:") if backbone.startswith("vectors:") else ""
    st.session_state.setdefault("domains:vectors", known)
    file = st.text_input(
        "File of word vectors", placeholder="/home/me/vectors.txt", help=HELP, key="domains:vectors"
    ).strip()
    if not file:
        return []
    asked = {title: UnknownWordsSpec(spec, file) for title, spec in texts.items()}
    for title, column in places():
        if title in asked:
            with column:
                _side(title, asked[title])
    return list(asked.values())


def _side(title: str, spec: UnknownWordsSpec) -> None:
    answer = ask_with_button(
        spec, f"Count in the {title.lower()}", "Counting the words.", f"domains:unknown:{title.lower()}"
    )
    if answer is None:
        return
    found: UnknownWordsResult = answer[1]
    st.markdown(f"**{title}**: {plain(found.sentence)}")
    st.html(_STYLE + _table(found.classes))
    if found.unknown and title == "Target":
        st.caption("Vectors for them, learned from these texts without labels, and whether that helps:")
        st.code(to_command(ContinueVectorsSpec(spec.target, spec.file)), language="bash", wrap_lines=True)


def _table(classes: Iterable[ClassVocabulary]) -> str:
    heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
    rows = "".join(
        f'<tr><th scope="row">{escape(one.name)}</th><td>{one.words:,}</td><td>{one.unknown:,} ({one.share:.0%})</td>'
        f"<td>{one.by_form:,}</td><td>{_often(one)}</td></tr>"
        for one in classes
    )
    return f'<table class="tltk-unknown"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _often(one: ClassVocabulary) -> str:
    return ", ".join(f"{escape(word.word)} ({word.n:,})" for word in one.most[:OFTEN]) or "none"


_STYLE = """<style>
.tltk-unknown { width: 100%; border-collapse: collapse; font-size: .9rem; }
.tltk-unknown :is(th, td) { text-align: right; vertical-align: top; padding: .3rem .6rem .3rem 0; font-weight: 400;
  border: 0; border-bottom: 1px solid color-mix(in srgb, currentColor 22%, transparent); }
.tltk-unknown :is(th, td):is(:first-child, :last-child) { text-align: left; overflow-wrap: anywhere; }
.tltk-unknown th:first-child { min-width: 3.5rem; }
.tltk-unknown thead th { opacity: .75; vertical-align: bottom; }
.tltk-unknown td { font-variant-numeric: tabular-nums; }
.tltk-unknown td:nth-child(3) { white-space: nowrap; }
.tltk-unknown :is(th, td):last-child { padding: .3rem 0 .3rem .6rem; width: 45%; }
</style>"""

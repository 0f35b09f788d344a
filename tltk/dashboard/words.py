"""Names and messages on a page: as text, whatever marks they hold.

A class, a file, a run or a link may be named like a picture or a link of Markdown. Streamlit renders Markdown in
nearly every text, so what comes from outside goes through `plain`.
"""

from __future__ import annotations

import inspect
import re

from tltk import data
from tltk.specs.knobs import Spec
from tltk.specs.nouns import PICTURES, reword
from tltk.specs.parts import DataSpec

# Backslashes end the meaning of a mark. What Streamlit's browser side looks for after that, in the finished text
# (addresses, mail, emoji, arrows), is parted by a sign without width.
_MARKS = re.compile(r"([\\`*_{}\[\]()#~$:|<>!&^=+-])")
_FIRST_NUMBER = re.compile(r"^(\d+)([.)])")
_LATER = re.compile(
    r"(?i)(?<=https:)(?=//)|(?<=http:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\w)|(?<=:)(?=[\w+-]+(?:/\w+)?:)"
    r"|(?<=-)(?=[->])|(?<=<)(?=[-=])|(?<=[>~])(?==)"
)
_APART = "\u2060"


def plain(text: object) -> str:
    """The text for Markdown, such that every mark in it is shown and none is followed; one line."""
    line = " ".join(str(text).split())
    line = _APART.join(_LATER.split(line))
    return _FIRST_NUMBER.sub(r"\1\\\2", _MARKS.sub(r"\\\1", line))


def noun_of_domain(spec: DataSpec | None) -> str:
    """What the examples of a domain are called, so far as its name tells: pictures, sounds, texts or rows.

    Args:
        spec: Of the domain; None = there is none, which counts as pictures.
    """
    return PICTURES if spec is None else data.noun_of(spec.name)


def target_of(spec: Spec) -> DataSpec | None:
    """The domain that a training, a study or a question is about; None = it has none of its own.

    Args:
        spec: Of the run.
    """
    found = getattr(spec, "target", None)
    return found if isinstance(found, DataSpec) else None


def told_of(spec: DataSpec | None, sentence: str) -> str:
    """A sentence that is written of pictures, as it is said of what this domain holds.

    Args:
        spec: Of the domain; None = pictures.
        sentence: In which "picture" and "pictures" are the examples, not anything that is drawn.
    """
    return reword(sentence, noun_of_domain(spec))


_SIGNS = (" = ", "Σ", "‖", "∑")  # of a formula
_LEFT_OUT = ("Args:", "Returns:", "Raises:", "Example:", "Examples:", "Attributes:")  # for who writes Python


def explained(docstring: str) -> str:
    """A docstring as Markdown for a reader: its paragraphs, formulas as they stand, and whose method it is.

    Args:
        docstring: Of a technique, a measure or a study; of whoever wrote it, so its marks are shown as text.
    """
    blocks = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        head = block.partition("\n")[0].strip()
        if head in _LEFT_OUT:
            continue
        if head.startswith("Reference:"):
            blocks.append(f"*Source:* {plain(block.removeprefix('Reference:'))}")
        elif any(sign in block for sign in _SIGNS):  # formulas keep their lines
            blocks.append("  \n".join(plain(line.replace("`", "")) for line in block.splitlines()))
        else:
            blocks.append(plain(block.replace("`", "")))
    return "\n\n".join(blocks)

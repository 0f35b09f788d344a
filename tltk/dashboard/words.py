"""Names and messages on a page: as text, whatever marks they hold.

A class, a file, a run or a link may be named like a picture or a link of Markdown. Streamlit renders Markdown in
nearly every text, so what comes from outside goes through `plain`.
"""

from __future__ import annotations

import inspect
import re

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

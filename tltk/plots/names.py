"""Names in a figure: as text, whatever marks they hold.

Plotly reads tags (`<b>`, `<a href=…>`), entities (`&lt;`) and templates (`%{x}`) in nearly every text that it draws.
A class, a file, a run or a layer may be named like one, so each name goes through `text` on its way into a figure.
No plotly here: the server's routes use it too.
"""

from __future__ import annotations

import re

_MARKS = re.compile(r"(<|&|%(?=\{))(?!\u2060)")
_APART = "\u2060"  # no width: the name looks as it is written, and its table and its hover text agree with it


def text(name: object) -> str:
    """The name such that every mark in it is shown and none is followed."""
    return _MARKS.sub(rf"\1{_APART}", str(name))

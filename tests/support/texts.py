"""Small texts as files, and what networks of texts need."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None,
    reason="transformers, which networks of texts need, is not installed (pip install tltk[text])",
)
GOOD = (
    "A lovely film.",
    "The plot is strong",
    "I enjoyed the music very much.",
    "Great cast!",
    "Superb from the start.",
)
BAD = ("A dull film.", "The plot is weak", "I left after ten minutes of noise.", "Poor cast!", "Awful to the end.")


def lines(path: Path, times: int = 4) -> Path:
    """A file of a text, a tab and a label a line, each text told apart by a number."""
    told = [f"{text} {i}\t{label}" for i in range(times) for label, side in enumerate((BAD, GOOD)) for text in side]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(told) + "\n", encoding="utf-8")
    return path


def folders(root: Path) -> Path:
    """A folder of .txt files for each class."""
    for label, side in (("bad", BAD), ("good", GOOD)):
        for i, text in enumerate(side):
            path = root / label / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
    return root

"""The files that come with tltk: from the checkout where there is one, else from inside the installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def folder() -> Path:
    """The folder `assets`."""
    package = Path(__file__).parent
    places = (package.parent / "assets", package / "_app" / "assets")
    return next((place for place in places if (place / "palette.json").is_file()), places[0])


@cache
def text(name: str) -> str:
    """The text of one of them, by its path inside the folder.

    Raises:
        FileNotFoundError: There is none of that name.
    """
    return (folder() / name).read_text(encoding="utf-8")

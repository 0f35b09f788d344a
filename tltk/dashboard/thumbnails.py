"""Small pictures side by side, one of which can be chosen.

Mounts `assets/components/thumbnails`. The choice comes back once; the page keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import streamlit as st

from tltk import assets
from tltk.dashboard import modules


class Thumbnail(TypedDict):
    """A picture that can be chosen."""

    number: int  # by which it is known to the page
    src: str  # a data URI
    text: str  # what it is, for those who hover, and who cannot see it
    caption: NotRequired[tuple[str, str]]  # below it: what is right, and what is wrong, which is struck out


_component = st.components.v2.component(
    "tltk_thumbnails", css=assets.text("components/thumbnails/style.css"), js=modules.loader()
)


def thumbnails(
    pictures: Sequence[Thumbnail], chosen: int | None, *, key: str, label: str, side: int = 34, columns: int = 7
) -> int | None:
    """Draw the pictures.

    Args:
        pictures: In order.
        chosen: Number of the one that is marked; None = none.
        key: The component's own.
        label: What they are, for those who cannot see them.
        side: Of a picture at least, in pixels; they fill the width.
        columns: At most so many.

    Returns:
        The number that the user chose since the last run of the page, else None.
    """
    numbers = {picture["number"] for picture in pictures}
    found = (st.session_state.get(key) or {}).get("picked")
    picked = found if isinstance(found, int) and not isinstance(found, bool) and found in numbers else None
    _component(
        key=key,
        data={
            "pictures": list(pictures),
            "chosen": chosen if picked is None else picked,
            "label": label,
            "side": side,
            "columns": columns,
            "module": modules.url("components/thumbnails/index.js"),
        },
        on_picked_change=lambda: None,
    )
    return picked

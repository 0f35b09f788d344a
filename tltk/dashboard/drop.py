"""A place to drop a folder or an archive: a component of our own that sends the files to `/tltk/bring/…` in batches.

Streamlit's uploader draws every file and keeps all of them in memory; a folder of a thousand stops the browser.
"""

from __future__ import annotations

import streamlit as st

from tltk import assets
from tltk.dashboard import brought, modules

_component = st.components.v2.component("tltk_drop", css=assets.text("components/drop/style.css"), js=modules.loader())


def drop_zone(token: str, what: str, *, key: str) -> int:
    """Draw the place.

    Args:
        token: Of `staging.begin`, under which the files arrive.
        what: What may be dropped, in a sentence.
        key: Of the component.

    Returns:
        How many files have arrived, on the one run of the page that their end caused; else 0.
    """
    found = _component(
        key=key,
        data={
            "module": modules.url("components/drop/index.js"),
            "url": f"/tltk/bring/{token}",
            "what": what,
            "most": {"files": brought.MAX_FILES, "bytes": brought.MAX_BYTES},
        },
        on_brought_change=lambda: None,
    ).get("brought")
    return found if isinstance(found, int) and not isinstance(found, bool) else 0

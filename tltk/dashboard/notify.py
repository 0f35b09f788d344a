"""The browser's own notification when a run has ended, for those who switched it on and look elsewhere.

Mounts `assets/components/notify`. The switch is kept by the browser; the server knows nothing of it.
"""

from __future__ import annotations

import streamlit as st

from tltk import assets
from tltk.dashboard import modules

_component = st.components.v2.component(
    "tltk_notify", css=assets.text("components/notify/style.css"), js=modules.loader()
)


def bell(key: str) -> None:
    """A button that switches notifications on or off; nothing where the browser cannot notify.

    Args:
        key: The component's own.
    """
    _mount(key, "", button=True)


def tell(message: str, key: str) -> None:
    """A notification, if the user wants any and looks elsewhere.

    Args:
        message: What it says.
        key: The component's own.
    """
    _mount(key, message, button=False)


def _mount(key: str, message: str, *, button: bool) -> None:
    data = {"message": message, "button": button, "module": modules.url("components/notify/index.js")}
    _component(key=key, data=data)

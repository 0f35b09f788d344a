"""Who may ask the dashboard: `tltk.serving.hosts` with the address that Streamlit listens at."""

from __future__ import annotations

import streamlit as st
from starlette.types import ASGIApp

from tltk.serving.hosts import HostGuard


class Guard(HostGuard):
    """Refuses strangers' names and marks every answer of the dashboard."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, lambda: st.get_option("server.address"))

"""Serves `demo_handle_page.py` with the routes of the dashboard."""

import streamlit as st

from tltk.dashboard.routes import routes

app = st.App("demo_handle_page.py", routes=routes)

"""Serves `demo_names_page.py` with the routes of the dashboard."""

import streamlit as st

from tltk.dashboard.routes import routes

app = st.App("demo_names_page.py", routes=routes)

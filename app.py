"""The dashboard as Streamlit starts it: `tltk app`, or `streamlit run app.py`. Pages are in pages/."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

import tltk.dashboard
from tltk.dashboard.door import Door
from tltk.dashboard.guard import Guard
from tltk.dashboard.routes import routes
from tltk.dashboard.serve import lifespan

# The router does not lie beside pages/: there the first deep link would run a page bare. Its path is
# absolute, since in an installed wheel this file lies elsewhere than the package.
app = st.App(
    Path(tltk.dashboard.__file__).parent / "router.py",
    routes=routes,
    lifespan=lifespan,
    middleware=[Middleware(Guard), Middleware(Door)],
)

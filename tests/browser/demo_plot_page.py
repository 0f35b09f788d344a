"""A page with one chart, to test it and to look at it: ?run=<id> follows that run."""

import streamlit as st

from tltk.dashboard.plot import Live, plot

st.set_page_config(layout="wide")
state = st.session_state
state["runs"] = state.get("runs", 0) + 1
run = st.query_params.get("run")
layout = {"xaxis": {"title": {"text": "step"}}, "yaxis": {"title": {"text": "validation accuracy"}}}
traces = []
if run is None:
    for arm, top in (("scratch", 0.4), ("transfer", 0.7)):
        for seed in range(3):
            steps = [float(10 * i) for i in range(1, 31)]
            y = [top * (1 - 0.9 ** (i + seed)) for i in range(1, 31)]
            traces.append({"name": f"{arm} · seed {seed}", "group": arm, "x": steps, "y": y})
live: Live | None = {"url": f"/tltk/live/{run}", "every_ms": 200} if run else None
figure = {"traces": traces, "layout": layout}
if plot(figure, key="chart", alt="Accuracy of both arms over steps.", live=live):
    state["finished"] = state.get("finished", 0) + 1
st.button("Run again")
st.text(f"runs={state['runs']} finished={state.get('finished', 0)}")

"""Workbench: domains, network, technique, curves and verdict on one screen; the first page."""

import streamlit as st

from tltk.analyses.describe.result import DescribeResult
from tltk.dashboard import (
    chrome,
    plan,
    workbench_chips,
    workbench_data,
    workbench_kept,
    workbench_layout,
    workbench_network,
    workbench_result,
    workbench_strip,
)
from tltk.runs.run import Run


def panes(run: Run | None) -> None:
    """The three panes and the strip."""
    network: DescribeResult | None = workbench_kept.known_network()
    with st.container(key="wb-panes"):
        with st.container(key="wb-pane-data", border=True):
            workbench_data.show()
        with st.container(key="wb-pane-network", border=True):
            workbench_network.show(run)
        with st.container(key="wb-pane-result", border=True):
            workbench_result.show(run)
    workbench_strip.show(run, network)


workbench_layout.lay_out()
with chrome.page("Workbench", "", quiet=True):
    run_id = plan.chosen_run()
    run = workbench_kept.shown_run()
    if plan.flag("workbench:train"):  # a single training has a page of its own
        plan.flag("workbench:train", False)
        chrome.open_page("train")
    if run is None and run_id and plan.by_link():  # a link to what is not here says so and shows nothing else
        chrome.report_absent(run_id, "Begin anew, or choose one on Runs.")
        st.button("Begin anew", on_click=plan.choose_run, args=(None,))
    else:
        workbench_kept.open_session()
        with st.container(key="wb"):
            workbench_chips.show()
            panes(run)

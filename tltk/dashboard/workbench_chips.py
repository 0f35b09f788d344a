"""The bar of the workbench: source → target, network, technique, seeds, share, and the button that compares."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from tltk.adapters import adapters
from tltk.dashboard import chrome, controls, dials, domain_view, permitted, picker, plan, weights_choice, workbench_kept
from tltk.dashboard.words import plain
from tltk.dashboard.workbench_network import in_words
from tltk.errors import TltkError
from tltk.specs import command
from tltk.strategies import strategies
from tltk.studies.compare.spec import CompareSpec
from tltk.terms import terms


def show() -> None:
    """The plan in a line; each part of it opens to be changed."""
    now = plan.plan()
    parts: dict[str, tuple[str, Callable[[], None]]] = {
        "source": (
            "none" if now.source is None else _domain(now.source.name, now.source.n),
            lambda: _side("Source", ("source",)),
        ),
        "target": (_domain(now.target.name, now.target.n), lambda: _side("Target", ("target",))),
        "network": (_network(now), _choose_network),
        "technique": (_technique(now), _choose_technique),
        "seeds": (str(now.seeds), _choose_seeds),
        "share": ("", lambda: _share(now)),
    }
    with st.container(horizontal=True, key="wb-chips", vertical_alignment="center"):
        for name, (value, draw) in parts.items():
            box = st.popover(f"{name} **{plain(value)}**" if value else name, key=f"wb-chip-{name}", on_change="rerun")
            if box.open:
                with box:
                    draw()
        if plan.can_undo():
            st.button(
                "undo", type="tertiary", key="workbench:undo", on_click=plan.undo, help="Of the plan's last change."
            )
        with st.container(key="wb-go", width="content"):
            _launch()


def _domain(name: str, n: int) -> str:
    return chrome.short(name).replace("_", " ") + (f", {n:,}" if n else "")


def _network(now: CompareSpec) -> str:
    weights = "" if now.source is not None else f" · {chrome.short(now.net.weights)}"
    return now.net.backbone + weights


def _technique(now: CompareSpec) -> str:
    plus = " + ".join(in_words(term.name) for term in now.terms) or "no extra term"
    return f"{in_words(now.strategy.name)} · {in_words(now.adapter.name)} · {plus}"


def _side(title: str, path: plan.PATH) -> None:
    """A domain: which, how it is read, its dials."""
    domain_view.choose(title, path, optional=path == ("source",))
    if plan.read(path) is not None:
        domain_view.settings(path)
        dials.turn(title, path, expanded=False)
    chrome.go("domains", "Domains: all that is in it")


def _choose_network() -> None:
    picker.backbone()
    weights_choice.choose(with_source=False)
    chrome.go("choose", "Choose: which network transfers best")


def _choose_technique() -> None:
    """The knobs of what is chosen in the middle, and the training that all of it shares."""
    now = plan.plan()
    st.caption(plain(strategies.summary(now.strategy.name)))
    controls.own_knobs(strategies[now.strategy.name], "strategy")
    st.caption(plain(adapters.summary(now.adapter.name)))
    controls.own_knobs(adapters[now.adapter.name], "adapter")
    for term in now.terms:
        st.caption(plain(terms.summary(term.name)))
        controls.term_knobs(term.name, terms[term.name])
    left, right = st.columns(2)
    with left:
        controls.field("optim", "epochs")
    with right:
        controls.field("optim", "batch_size")
    chrome.go("design", "Design: rates, schedule, regularisation")


def _choose_seeds() -> None:
    controls.field("seeds")
    controls.field("first_seed")
    st.caption("More seeds make the interval narrower. Another first seed labels other examples.")


def _share(now: CompareSpec) -> None:
    """How the plan is handed on."""
    st.caption("The address of this page holds the whole plan: copy it. As a shell command and in Python:")
    can_compare = now.source is not None or now.net.weights != "scratch"
    spec = plan.comparison() if can_compare else plan.training()
    st.code(command.to_command(spec), language="bash", wrap_lines=True)
    st.code(command.to_python(spec), language="python")


def _launch() -> None:
    """The button that trains: a comparison where there is something to transfer, else one network."""
    now = plan.plan()
    can_compare = now.source is not None or now.net.weights != "scratch"
    st.button(
        "Compare with scratch" if can_compare else "Train once",
        type="primary",
        icon=":material/play_arrow:",
        key="workbench:go",
        shortcut="Ctrl+Enter",
        help="Trains both arms: a search for each learning rate, several seeds, then a verdict."
        if can_compare
        else "A single training from scratch. A comparison needs weights to transfer: choose a source.",
        on_click=_start,
        args=(can_compare,),
    )


def _start(can_compare: bool) -> None:
    """Queue the plan, and what is missing to see its pictures and layers; what cannot be meant queues nothing."""
    try:
        run = permitted.submit(plan.comparison() if can_compare else plan.training())
        plan.flag(workbench_kept.WANTED, True)
        workbench_kept.ask(*workbench_kept.missing())
    except TltkError as fault:
        plan.flag("plan_fault", str(fault))
        return
    plan.choose_run(run.id)
    plan.flag("workbench:train", not can_compare)

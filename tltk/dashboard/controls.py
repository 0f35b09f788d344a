"""A knob becomes a widget: range, choices and help come from the spec's own line."""

from __future__ import annotations

from typing import Any

import streamlit as st

from tltk.dashboard import plan
from tltk.jobs.checking import LIBRARIES, SECOND_ORDER
from tltk.jobs.checking import OPTIMIZERS as ALL_OPTIMIZERS
from tltk.specs.knobs import Knob, knobs
from tltk.specs.parts import OPTIMIZERS, TermSpec

LABELS = {
    "lr": "Learning rate",
    "n": "Pictures",
    "val": "Validation share",
    "test": "Test share",
    "shots": "Labels per class",
    "size": "Picture size (px)",
    "width": "Picture width (px), 0 = square",
    "fit": "Fit into the size",
    "first_size": "Picture size at first (px)",
    "processes": "Processes that share a batch",
    "compile": "Steps by torch.compile",
    "norm": "Normalisation statistics of frozen layers",
    "epoch_images": "Pictures in an epoch",
    "clip": "Gradient clip",
    "cache": "Feature bank",
    "copies": "Augmented copies kept per picture",
    "colour": "Colour jitter",
    "lrs": "Rates to search",
    "layers": "Layers kept",
    "halves": "Halves of the target's classes",
    "widen": "Extensions of the rates at an edge",
    "delta": "Share that counts as no difference",
    "matched": "Budgets matched in",
    "labels": "Labels learned from",
    "forgetting": "Measure forgetting of the source",
}
OWN = {  # of strategies and adapters, whose knobs may have the names of others above
    "every": "Epochs before the next layer joins",
    "decay": "Learning rate relative to the layer above",
    "probe": "Share of the epochs for the linear probe",
    "rate": "Fine-tuning rate relative to the probe's",
    "layers": "Layers that join at a time",
}


def label(name: str) -> str:
    """A knob's name as a person would write it."""
    return LABELS.get(name, plain_name(name))


def plain_name(name: str) -> str:
    """`stochastic_norm` → Stochastic norm."""
    return name.replace("_", " ").capitalize()


def widget(name: str, rule: Knob, bound: dict[str, Any], title: str | None = None) -> None:
    """Draw the widget that suits a knob.

    Args:
        name: Of the knob.
        rule: Its default, range and help, which decide the kind of widget.
        bound: `key` and `on_change`, as `plan.bind` gives them.
        title: Label of the widget; by default the name as a person would write it.
    """
    text = title or label(name)
    if rule.choices:
        st.selectbox(text, rule.choices, help=rule.help, format_func=lambda choice: choice or "none", **bound)
    elif isinstance(rule.default, bool):
        st.checkbox(text, help=rule.help, **bound)
    elif isinstance(rule.default, float):
        small = rule.log or (rule.hi is not None and rule.hi <= 1e-3)
        st.number_input(
            text,
            rule.lo,
            rule.hi,
            help=rule.help,
            format="%g" if small else "%.3g",
            step=None if rule.hi is None else float(min((rule.hi - (rule.lo or 0)) / 20, 0.05)),
            **bound,
        )
    elif isinstance(rule.default, int):
        st.number_input(text, int(rule.lo or 0), int(rule.hi or 10**9), step=1, help=rule.help, **bound)
    else:
        st.text_input(text, help=rule.help, **bound)


def field(*path: str, title: str | None = None) -> None:
    """The widget of one field of the plan, such as `field("optim", "lr")`."""
    owner = plan.read(path[:-1])
    rule = knobs(owner)[path[-1]]
    if path[-1] == "optimizer":
        optimizer(path, rule)
    else:
        widget(path[-1], rule, plan.bind(path), title)


def optimizer(path: tuple[str, ...], rule: Knob) -> None:
    """A menu of all optimizers that a spec may name, the usual ones first, those of other libraries last."""
    order = ["", *LIBRARIES.values()]
    rest = sorted((n for n in ALL_OPTIMIZERS if n not in SECOND_ORDER), key=lambda n: order.index(library(n)))
    names = dict.fromkeys([*OPTIMIZERS, *rest])
    names[plan.read(path)] = None  # one of a link may be none of these; it is refused when it is launched
    st.selectbox(
        label(path[-1]),
        list(names),
        help=f"{rule.help} Type to search.",
        **plan.bind(path),
        format_func=lambda name: f"{name} · needs CUDA and {library(name)}" if library(name) else name,
    )


def library(optimizer: str) -> str:
    """The library that this optimizer needs beside torch and timm; empty where it needs none."""
    return next((library for start, library in LIBRARIES.items() if optimizer.startswith(start)), "")


def own_knobs(kind: type[Any], part: str) -> None:
    """The widgets of a strategy's or an adapter's own knobs; only what differs from its defaults goes into the plan.

    Args:
        kind: Its class.
        part: Of the plan that names it, strategy or adapter.
    """
    path = (part, "knobs")
    now = plan.read(path)
    for name, rule in knobs(kind).items():

        def write(value: Any, name: str = name, rule: Knob = rule) -> dict[str, Any]:
            rest = {k: v for k, v in now.items() if k != name}
            return rest if value == rule.default else {**rest, name: value}

        def show(held: dict[str, Any], name: str = name, rule: Knob = rule) -> Any:
            return type(rule.default)(held.get(name, rule.default))

        widget(name, rule, plan.bind(path, show, write, part=name), OWN.get(name, plain_name(name)))


def term_knobs(term: str, kind: type[Any]) -> None:
    """The widgets of the knobs of one of the plan's terms.

    Args:
        term: Its name.
        kind: Its class.
    """

    def own_knob_values(terms: tuple[TermSpec, ...]) -> dict[str, Any]:
        return next((one.knobs for one in terms if one.name == term), {})

    for name, rule in knobs(kind).items():

        def write(value: Any, name: str = name, rule: Knob = rule) -> tuple[TermSpec, ...]:
            terms: tuple[TermSpec, ...] = plan.read(("terms",))
            rest = {k: v for k, v in own_knob_values(terms).items() if k != name}
            new = TermSpec(term, rest if value == rule.default else {**rest, name: value})
            return tuple(new if one.name == term else one for one in terms)

        def show(terms: tuple[TermSpec, ...], name: str = name, rule: Knob = rule) -> Any:
            return type(rule.default)(own_knob_values(terms).get(name, rule.default))

        # With the term's name, since every term has a weight and several may be chosen.
        title = plain_name(f"{term}: {name}")
        widget(name, rule, plan.bind(("terms",), show, write, part=f"{term}:{name}"), title)

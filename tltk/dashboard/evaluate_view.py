"""How good a finished training is on domains that the user names: figures with intervals, classes, calibration."""

from __future__ import annotations

import streamlit as st

from tltk import data
from tltk.analyses.evaluate.result import DomainScore, EvaluateResult, Figure
from tltk.analyses.evaluate.spec import PARTS, EvaluateSpec
from tltk.analyses.evaluate.table import describe_classes, describe_figures, figure, share, table_of_classes
from tltk.analyses.trained import TrainedRun
from tltk.dashboard import chrome, depth, permitted, plan
from tltk.dashboard.asked import show_asked
from tltk.dashboard.plot import plot
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.plots.confusion import MOST_CLASSES, confusion_of_counts
from tltk.plots.reliability import reliability
from tltk.specs.knobs import knobs
from tltk.specs.reading import PATHS
from tltk.specs.training import TransferSpec

METRICS = ("Accuracy", "Balanced accuracy", "Macro-F1", "ROC AUC", "Top 5", "Most frequent class")


def show(trained: TrainedRun) -> None:
    """The section: what to test on, then the figures."""
    spec = ask(trained)
    try:
        permitted.check(spec)
        promise = "Classes are matched by name. Temperature and threshold are fitted on the validation examples."
        key = f"use:evaluate:{trained.run.id}"
        answer = depth.ask_with_button(spec, "Evaluate", "Testing.", key, promise)
        if answer is not None:
            _show_answer(answer[0].id, answer[1])
    except TltkError as fault:
        st.error(plain(fault))
    show_asked(spec)


def ask(trained: TrainedRun) -> EvaluateSpec:
    """The question as the widgets have it."""
    own = [side.name for side in (trained.spec.target, trained.spec.source) if side is not None]
    held: list[str] = plan.flag("use:domains") or []
    names = list(dict.fromkeys([*own, *(n for n in data.domains.names() if n not in PATHS), *held]))
    left, right = st.columns(2)
    on = left.multiselect(
        "Test it on",
        names,
        own[:1],
        accept_new_options=True,
        key=f"use:on:{trained.run.id}",
        help="Domains by name; type another one, such as folder:/home/me/pictures. None = its own target.",
    )
    plan.flag("use:domains", [*held, *(name for name in on if name not in names)])
    one, two = right.columns(2)
    part = one.selectbox("Part", PARTS, help=knobs(EvaluateSpec)["part"].help, **plan.hold("use:tested", PARTS[0]))
    others = chrome.menu(kinds=[TransferSpec.kind], states=["done"], weights=True)
    against = two.selectbox(
        "Against",
        ["", *(name for name in others if name != trained.run.id)],
        format_func=lambda name: chrome.title_of(others[name]) if name else "no other training",
        key=f"use:against:{trained.run.id}",
        help=knobs(EvaluateSpec)["against"].help,
    )
    positive = ""
    if len(trained.result.classes) == 2:
        positive = right.selectbox(
            "Positive class",
            trained.result.classes[::-1],
            key=f"use:positive:{trained.run.id}",
            help=knobs(EvaluateSpec)["positive"].help,
        )
        positive = "" if positive == trained.result.classes[1] else positive
    return EvaluateSpec(trained.run.id, tuple(on), part, against or "", positive)


def _show_answer(run_id: str, found: EvaluateResult) -> None:
    """A line for each domain, then one of them in full."""
    for remark in found.remarks:
        st.caption(plain(remark))
    one = found.domains[0]
    if len(found.domains) > 1:
        st.dataframe(
            [_line(domain, data.noun_of(domain.domain, found.backbone)) for domain in found.domains],
            hide_index=True,
            width="stretch",
        )
        names = [domain.domain for domain in found.domains]
        chosen = st.selectbox(
            "In full", range(len(names)), format_func=lambda i: chrome.short(names[i]), key=f"use:domain:{run_id}"
        )
        one = found.domains[chosen]
    _show_domain(one, found.classes, data.noun_of(one.domain, found.backbone), f"{run_id}:{found.domains.index(one)}")


def _line(one: DomainScore, noun: str) -> dict[str, str]:
    return {
        "Domain": one.domain,
        noun.capitalize(): f"{one.n:,}",
        **dict(zip(METRICS, map(_cell, _figures(one)), strict=True)),
    }


def _figures(one: DomainScore) -> list[Figure | float | None]:
    return [one.accuracy, one.balanced_accuracy, one.macro_f1, one.auc, one.top5, one.majority]


def _cell(value: Figure | float | None) -> str:
    return figure(value) if isinstance(value, Figure) else share(value)


def _show_domain(one: DomainScore, classes: list[str], noun: str, key: str) -> None:
    """Figures with their intervals, what is confused with what, calibration, and every class."""
    shown = [(name, value) for name, value in zip(METRICS, _figures(one), strict=True) if value is not None]
    for column, (name, value) in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(name, f"{share(value.value if isinstance(value, Figure) else value)}%")
        if isinstance(value, Figure) and value.lo is not None:
            column.caption(f"{share(value.lo)} … {share(value.hi)}")
    for sentence in describe_classes(one, noun):
        st.caption(plain(sentence))
    left, right = st.columns(2)
    if 1 < len(classes) <= MOST_CLASSES:
        with left:
            st.markdown("**Which classes are taken for which**")
            plot(
                confusion_of_counts(one.confusion, classes),
                key=f"use:confusion:{key}",
                height=min(max(340, 160 + 26 * len(classes)), 700),
                alt=f"Share of the {noun} of each class, by row, that is named as each class, by column.",
            )
    with right:
        st.markdown("**How far its probabilities can be trusted**")
        plot(
            reliability(one.reliability, one.scaled),
            key=f"use:reliability:{key}",
            height=340,
            alt=f"Share of right {noun} over the probability of the predicted class, before and after scaling.",
        )
    for sentence in describe_figures(one, classes, noun):
        st.markdown(plain(sentence))
    head, rows = table_of_classes(one, noun)
    with st.expander("Every class, shares in per cent", expanded=len(rows) <= 12):
        st.dataframe({name: [row[i] for row in rows] for i, name in enumerate(head)}, hide_index=True, width="stretch")

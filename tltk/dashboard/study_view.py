"""A study on the screen: its own fields, what runs of it, what it found; every folder in `tltk/studies` with a table.

Target, source, network and optimisation are the plan's. A study gets its place by its files: fields come from its
`spec.py`, the table from its `table.py`, figures from `tltk/plots/NAME_study.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from tltk.dashboard import controls, plan
from tltk.dashboard.ledger_view import show_ledger
from tltk.dashboard.network import of_another_version
from tltk.dashboard.plot import plot
from tltk.dashboard.words import explained, plain
from tltk.data import domains
from tltk.errors import BadSpec, RunProblem
from tltk.plots.accuracy import accuracy_axis
from tltk.plots.chart import charts_of
from tltk.plots.learning import idle_of
from tltk.report.content import Told, read, tell
from tltk.report.files import FORMATS
from tltk.runs.run import Run
from tltk.specs.command import list_options
from tltk.specs.knobs import Spec, knobs, list_choices, spec_type, type_hints
from tltk.specs.reading import spec_kinds
from tltk.specs.size import in_pixels
from tltk.studies import technique
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.spec import StudySpec

FROM = {"data": "target"}  # a part of a study that is the plan's under another name
USUAL = ("race", "labels", "sweep", "plane", "causes", "atlas")  # what one most often wants to know comes first
LIKE_PLAN = ("lrs", "widen", "seeds", "first_seed")  # of every study of arms; they begin with the plan's value
FIRST = ("seeds", "halves", "folds", "repeats")  # knobs that are seen at once; the others lie under More


def kinds() -> dict[str, type[Spec]]:
    """The studies that this page shows, by their word: those with a `table.py`; a comparison has a page of its own."""
    found = {
        name: kind
        for name, kind in spec_kinds().items()
        if kind is not CompareSpec
        and kind.__module__.startswith("tltk.studies.")
        and importlib.util.find_spec(f"{_package(kind)}.table")
    }
    return {name: found[name] for name in dict.fromkeys([*USUAL, *found])}


def _package(kind: type[Spec]) -> str:
    return kind.__module__.rpartition(".")[0]


def ask(kind: type[Spec]) -> Spec:
    """Draw the fields of a study that are its own, and build what they and the plan ask for.

    Raises:
        TltkError: What cannot be meant.
    """
    lists, own, now = list_options(kind), knobs(kind), plan.plan()
    alike = [name for name in LIKE_PLAN if issubclass(kind, StudySpec) and name not in kind.__annotations__]
    usual = {name: getattr(now if name in alike else kind(), name) for name in (*lists, *own)}
    held = {name: f"{kind.kind}:{name}" for name in (*lists, *own)}
    held |= {name: f"{held[name]}:{usual[name]}" for name in alike}  # anew where the plan changes
    shown = [name for name in own if name in FIRST]
    for name, (of, _) in lists.items():
        if of is str:
            _words(kind, name, held[name])
    texts = [name for name, (of, _) in lists.items() if of is not str]
    for name in texts:
        st.text_input(controls.label(name), help=lists[name][1], **plan.hold(held[name], _as_text(usual[name])))
    for name in shown:
        controls.widget(name, own[name], plan.hold(held[name], usual[name]))
    with st.expander("More"):
        for name in own:
            if name not in shown:
                controls.widget(name, own[name], plan.hold(held[name], usual[name]))
    given = {name: plan.held(key) for name, key in held.items()}
    given |= {name: _as_numbers(name, lists[name][0], given[name]) for name in texts}
    return build(kind, given)


def build(kind: type[Spec], given: dict[str, Any]) -> Spec:
    """The study that the plan and its own fields ask for.

    Args:
        kind: Class of the spec.
        given: Its own fields by name.

    Raises:
        TltkError: What cannot be meant; nothing is queued yet, but all that is told then is told here.
    """
    now = plan.plan()
    here = {name: FROM.get(name, name) for name, hint in type_hints(kind).items() if spec_type(hint)}
    parts = {name: getattr(now, own) for name, own in here.items() if hasattr(now, own)}
    if given.get("halves"):  # source and target are parts of the target
        parts["source"] = None
    elif "source" in parts and given.get("labels", "target") == "target":
        parts["net"] = plan.comparison().net
    spec = kind(**parts, **{name: tuple(v) if isinstance(v, list) else v for name, v in given.items()})
    spec.check()
    examples: Callable[[Spec], Any] | None = getattr(_study(kind), "examples", None)
    if examples is not None:
        examples(spec)  # reads the words of its arms
    return spec


def meaning(kind: type[Spec]) -> str:
    """What a study does and whose method it is, in its own words, in Markdown."""
    text = (kind.__doc__ or "").removeprefix("A study: ")
    return explained(text[:1].upper() + text[1:])


def n_trainings(spec: Spec) -> int:
    """How many trainings it needs, unless the grid of rates grows."""
    return int(_study(type(spec)).n_trainings(spec))


def _study(kind: type[Spec]) -> Any:
    return importlib.import_module(f"{_package(kind)}.study")


def _words(kind: type[Spec], name: str, key: str) -> None:
    """Arms or domains: those of a closed list, or names that may be written anew."""
    bound, known = plan.hold(key, list(getattr(kind(), name))), list_choices(kind, name)
    usual = technique.names() if name == "arms" else list(domains) if name == "domains" else []
    options = list(dict.fromkeys([*plan.held(key), *(known or usual)]))
    more = " Type a combination such as bias+l2_sp@3 and press Enter." if name == "arms" and not known else ""
    about = list_options(kind)[name][1] + more
    st.multiselect(controls.label(name), options, help=about, accept_new_options=not known, **bound)


def _as_text(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _as_numbers(name: str, of: type, text: str) -> tuple[Any, ...]:
    """The numbers that the user wrote.

    Raises:
        BadSpec: A part between commas is no number.
    """
    try:
        return tuple(of(part) for part in text.split(","))
    except ValueError:
        raise BadSpec(f"{controls.label(name)} must be numbers separated by commas. Got {text[:80]!r}.") from None


def plan_in_words(spec: Spec) -> str:
    """What a study takes from the plan, in Markdown."""
    now = plan.plan()
    source = getattr(spec, "source", None)
    begins = f"source **{plain(source.name)}**" if source is not None else f"weights **{plain(now.net.weights)}**"
    if getattr(spec, "halves", ""):
        begins = "halves of its classes"
    pictures = f"Target **{plain(now.target.name)}** · {begins}"
    if not hasattr(spec, "target"):
        pictures = f"Pictures of {in_pixels(now.target.picture_size)}, {now.target.shots or 'all'} labels per class"
    return f"{pictures} · **{plain(now.net.backbone)}** · {now.optim.epochs} epochs · batches of {now.optim.batch_size}"


# -- what runs -------------------------------------------------------------------------------------------


def live(run: Run, key: str) -> None:
    """The trainings of a study while it runs: their curves as they grow, and how many of each arm have ended."""
    ended = plot(
        {"layout": {"xaxis": {"title": {"text": "Optimiser steps"}}, "yaxis": accuracy_axis("Validation accuracy")}},
        key=f"{key}:{run.id}",
        height=380,
        live={"url": f"/tltk/live/{run.id}", "every_ms": 400, "unit": "training"},
        alt="Validation accuracy over steps of every training of the study, growing while they run.",
    )
    _children(run.id)
    if ended:
        st.rerun()


@st.fragment(run_every=2.0)
def _children(run_id: str) -> None:
    rows = count_children(Run.at(run_id))
    if not rows:
        st.caption("Its trainings are listed here once it begins.")
        return
    most = max(row["trainings"] for row in rows)
    done = st.column_config.ProgressColumn("done", min_value=0, max_value=most, format="%d")
    height = min(38 + 35 * len(rows), 380)
    st.dataframe(rows, hide_index=True, width="stretch", height=height, column_config={"done": done})


def count_children(run: Run) -> list[dict[str, Any]]:
    """Its trainings so far, by arm and purpose: how many, and how many are done, running and failed."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for child in run.children():
        states = found.setdefault((child.arm, child.role), Counter())
        states[Run.at(child.id).status.state] += 1
    return [
        {
            "arm": arm,
            "for": what,
            "trainings": states.total(),
            "done": states["done"],
            "running": states["running"],
            "failed": states["failed"],
        }
        for (arm, what), states in found.items()
    ]


# -- what it found ---------------------------------------------------------------------------------------


def show_result(run: Run) -> None:
    """Sentence, figures, table and remarks of a study that is done."""
    kind = type(run.spec)
    try:
        found = read(run)
    except RunProblem as fault:
        if run.result() is not None:
            of_another_version(run.spec, fault, f"study:{run.id}")
        return
    told = tell(kind, found)
    with st.container(border=True):
        if told.sentence:
            st.markdown(f"#### {plain(told.sentence)}")
        show_charts(run, found)
        if told.remarks:
            st.warning("\n".join(f"- {plain(remark)}" for remark in told.remarks))
    _table(told)
    show_ledger(run, f"ledger:{run.id}")
    downloads(run, f"study:{run.id}")


def show_charts(run: Run, found: Any, key: str = "study") -> None:
    """The figures of a study, each with its caption.

    Args:
        run: The study.
        found: Its result.
        key: Of the charts.
    """
    for number, chart in enumerate(charts_of(type(run.spec), found, idle_of(run))):
        plot(chart.figure, key=f"{key}:{number}:{run.id}", height=chart.height, alt=chart.alt)
        if chart.caption:
            st.caption(plain(chart.caption))


def follow_ups(run: Run) -> list[tuple[str, Spec]]:
    """What may be asked next of a study that is done, as its `study.py` tells: sentence and spec; mostly nothing."""
    ask_next = getattr(_study(type(run.spec)), "follow_ups", None)
    try:
        found = read(run) if ask_next is not None else None
    except RunProblem:
        return []
    return list(ask_next(run.spec, found)) if ask_next is not None else []


def _table(told: Told) -> None:
    if not told.table:
        return
    st.markdown(f"**{plain(told.head or 'Results')}**")
    if len(told.table[0]) == 1:  # lines of text
        st.code("\n".join(row[0] for row in told.table), language=None)
    else:
        head, *rows = told.table
        head = [name + "\u2060" * head[:i].count(name) for i, name in enumerate(head)]  # columns of one name
        st.dataframe({name: [row[i] for row in rows] for i, name in enumerate(head)}, hide_index=True, width="stretch")
    if told.details:
        st.markdown("\n".join(f"- {plain(line)}" for line in told.details))


LABELS = {".html": "Report (HTML)", ".csv": "Figures (CSV)", ".json": "All of it (JSON)"}
TYPES = {".html": "text/html", ".csv": "text/csv", ".json": "application/json"}


def downloads(run: Run, key: str) -> None:
    """Buttons for the report of a run that is done, in each of its formats; made when one is clicked."""
    for column, (end, make) in zip(st.columns(len(FORMATS)), FORMATS.items(), strict=True):
        column.download_button(
            LABELS[end],
            partial(make, run),
            f"tltk-{run.spec.kind}-{run.id}{end}",
            TYPES[end],
            key=f"{key}:report{end}",
            width="stretch",
            on_click="ignore",
            icon=":material/download:",
        )

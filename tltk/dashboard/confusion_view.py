"""The confusion matrix with its pictures: what is in a cell, where two trainings differ, a picture's place by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from tltk import data
from tltk.analyses.confusion.result import Answered, ConfusionResult
from tltk.analyses.confusion.spec import ConfusionSpec
from tltk.analyses.neighbours.result import NeighboursResult
from tltk.analyses.neighbours.spec import NeighboursSpec
from tltk.analyses.neighbours.table import in_classes
from tltk.analyses.trained import TrainedRun
from tltk.dashboard import chrome, class_choice, depth, permitted, plan
from tltk.dashboard.plot import pick
from tltk.dashboard.words import plain, told_of
from tltk.errors import TltkError
from tltk.plots.confusion import MOST_CLASSES, confusion_of_counts
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec

ANY = ""
SHOWS = {"cell": "The cell", "lost": "Wrong here, right there", "gained": "Right here, wrong there"}
ROW = 56  # pixels of a row with its picture
PAGE = 24  # pictures at a time


def against(trained: TrainedRun) -> str:
    """Another training to be asked about the same pictures: its id, or "".

    Args:
        trained: The training that is examined.
    """
    known = sorted(trained.result.classes)
    others = chrome.menu(kinds=[TransferSpec.kind], states=["done"], weights=True, target=trained.spec.target.name)
    names = [name for name in others if name != trained.run.id and _classes_of(others[name].run) == known]
    asked = plan.flag("examine:against") or ""
    found: str = st.selectbox(
        "Beside another training",
        ["", *names],
        1 + names.index(asked) if asked in names else 0,
        format_func=lambda name: chrome.title_of(others[name]) if name else "none",
        key=f"examine:against:{trained.run.id}:{asked}",
        help="Such as the other arm of a comparison: examples on which the two differ can then be seen.",
    )
    return found


@st.cache_data(ttl=60, show_spinner=False)
def _classes_of_id(run_id: str) -> list[str]:
    found = Run.at(run_id).result() or {}
    return sorted(found.get("classes", []))


def _classes_of(run: Run) -> list[str]:
    return _classes_of_id(run.id)


def open_beside(run_id: str, other: str) -> None:
    """Go to Examine, where this training is asked about its pictures beside another.

    Args:
        run_id: Of the training.
        other: Of the other one.
    """
    plan.choose_run(run_id)
    plan.keep("examine:question", "Confusion")
    plan.keep("confusion:show", "lost")
    plan.flag("examine:against", other)
    chrome.open_page("examine")


def tell(run: Run, found: ConfusionResult, trained: TrainedRun, spec: ConfusionSpec) -> None:
    """The matrix, and the pictures of what is chosen in it.

    Args:
        run: Of the answer; its folder holds the pictures.
        found: The answer.
        trained: The training that is examined.
        spec: The question.
    """
    right = sum(row[c] for c, row in enumerate(found.counts))
    st.markdown(
        f"**{right:,} of {found.n:,}** {data.noun_learned(trained.spec)} are named right, {right / found.n:.1%}."
        f"{_beside(found, trained)}"
    )
    for remark in found.remarks:
        st.caption(plain(remark))
    _explore(run, found, trained, spec)


def _beside(found: ConfusionResult, trained: TrainedRun) -> str:
    if not found.against:
        return ""
    right = sum(row[c] for c, row in enumerate(found.other_counts))
    return (
        f" Run {found.against[:6]} names {right / found.n:.1%} right: on {found.lost:,} "
        f"{data.noun_learned(trained.spec)} it is right and this one wrong, on {found.gained:,} the reverse."
    )


@st.fragment
def _explore(run: Run, found: ConfusionResult, trained: TrainedRun, spec: ConfusionSpec) -> None:
    classes, key = found.classes, f"confusion:{found.run}"
    left, right = st.columns([5, 6])
    with left:
        if len(classes) <= MOST_CLASSES:
            _matrix(found, key, trained)
        else:
            st.caption(f"A matrix of {len(classes):,} classes cannot be read on a screen; choose classes beside.")
    with right:
        show = "cell"
        if found.against:
            held = plan.hold("confusion:show", "cell")
            show = st.segmented_control("Which", list(SHOWS), format_func=SHOWS.__getitem__, **held) or "cell"
        one, two = st.columns(2)
        with one:
            label = class_choice.menu(classes, key)
        named = _named(classes, two, key, show != "cell")
        chosen = pictures_of(found, show, label, named)
        total = _total(found, show, label, named)
        _list(run, found, chosen, total, key, data.noun_learned(trained.spec))
    picked = _picked(found, chosen, key)
    if picked is not None:
        _place(picked, trained, spec)


def _matrix(found: ConfusionResult, key: str, trained: TrainedRun) -> None:
    n, target = len(found.classes), trained.spec.target
    figure = confusion_of_counts(found.counts, found.classes)
    figure.update_traces(customdata=[[row * n + column for column in range(n)] for row in range(n)])
    figure.update_layout(dragmode=False, margin={"t": 10})
    stamp = f"{found.run}:{found.against}:{found.domain}:{found.part}:{found.n}"
    cell = pick(
        figure,
        key=f"{key}:matrix",
        alt=told_of(
            target, "Of the pictures of each class the share that is named as each; click a cell for its pictures."
        ),
        height=min(150 + 34 * n, 620),
        stamp=stamp,
    )
    st.caption(
        told_of(
            target, "Click a cell for its pictures. Rows are the true classes, columns what the pictures are taken for."
        )
    )
    if cell:
        row, column = divmod(cell[0], n)
        class_choice.choose(found.classes[row])
        plan.flag(f"{key}:named", found.classes[column])
        plan.keep("confusion:show", "cell")


def _named(classes: Sequence[str], column: Any, key: str, disabled: bool) -> str:
    """What pictures are taken for, chosen by a cell or in the menu; "" = any class."""
    now = plan.flag(f"{key}:named") or ANY

    def take() -> None:
        plan.flag(f"{key}:named", str(plan.flag(widget)))

    widget = f"{key}:named:{now}"
    column.selectbox(
        "Taken for",
        [ANY, *classes],
        [ANY, *classes].index(now) if now in classes else 0,
        format_func=lambda name: name or "any other class",
        key=widget,
        on_change=take,
        disabled=disabled,
    )
    return now if now in classes else ANY


def pictures_of(found: ConfusionResult, show: str, label: str, named: str) -> list[int]:
    """Numbers on the sheet of the pictures to show, the surest first.

    Args:
        found: The answer.
        show: One of `SHOWS`.
        label: Their class; "" = any.
        named: What they are taken for; "" = any but their own class.
    """
    c = found.classes.index(label) if label else None
    k = found.classes.index(named) if named else None
    at = [i for i, one in enumerate(found.pictures) if _is_meant(one, show, c, k)]
    return sorted(at, key=lambda i: -found.pictures[i].probability)


def _is_meant(one: Answered, show: str, c: int | None, k: int | None) -> bool:
    wrong, theirs = one.predicted != one.label, one.other != one.label
    if show != "cell":
        is_kind = (wrong and not theirs) if show == "lost" else (theirs and not wrong)
        return is_kind and (c is None or one.label == c)
    return (c is None or one.label == c) and (wrong if k is None else one.predicted == k)


def _total(found: ConfusionResult, show: str, label: str, named: str) -> int | None:
    """How many such pictures there are in all; None where it is not known."""
    if show != "cell":
        return (found.lost if show == "lost" else found.gained) if not label else None
    rows = [found.classes.index(label)] if label else range(len(found.classes))
    if named:
        k = found.classes.index(named)
        return sum(found.counts[c][k] for c in rows)
    return sum(sum(found.counts[c]) - found.counts[c][c] for c in rows)


def _list(run: Run, found: ConfusionResult, chosen: Sequence[int], total: int | None, key: str, noun: str) -> None:
    """The pictures with what each training answers and how surely, a page at a time."""
    if not chosen:
        st.info(f"There are no such {noun}. Choose another cell.")
        return
    more = f" of {total:,}, the surest" if total is not None and total > len(chosen) else ""
    st.markdown(f"**{len(chosen):,}{more}**" + (f" {noun.removesuffix('s')}" if len(chosen) == 1 else f" {noun}"))
    pages = -(-len(chosen) // PAGE)
    page = st.pagination(pages, key=f"{key}:page:{chosen[0]}:{len(chosen)}") if pages > 1 else 1
    shown = chosen[PAGE * (page - 1) : PAGE * page]
    sheet = depth.sheet_of(run)
    rows = [_row(found, found.pictures[i], "" if sheet is None else depth.strip_url(sheet, [i])) for i in shown]
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        row_height=ROW,
        height=min(40 + ROW * len(rows), 460),
        column_config={
            "picture": st.column_config.ImageColumn("picture", width=ROW + 16),
            "sure": st.column_config.NumberColumn(
                "sure", format="%.1f %%", help="Probability of what it is taken for."
            ),
            "there": st.column_config.TextColumn("there", help="What the other training takes it for."),
            "sure there": st.column_config.NumberColumn("sure there", format="%.1f %%", width="small"),
        },
        on_select="rerun",
        selection_mode="single-row",
        key=f"{key}:rows:{shown[0]}:{len(shown)}",
        alt="Pictures with their class, what they are taken for and how surely.",
    )
    plan.flag(f"{key}:shown", list(shown))
    st.caption("Choose a row to see the picture's neighbours in both domains and its place in every layer.")


def _row(found: ConfusionResult, one: Answered, url: str) -> dict[str, Any]:
    row: dict[str, Any] = {"picture": url, "is": found.classes[one.label], "taken for": found.classes[one.predicted]}
    row["sure"] = 100 * one.probability
    if one.other is not None and one.other_probability is not None:
        row |= {"there": found.classes[one.other], "sure there": 100 * one.other_probability}
    return {**row, "name": one.name}


def _picked(found: ConfusionResult, chosen: Sequence[int], key: str) -> Answered | None:
    """The picture of the row that is chosen."""
    shown: list[int] = plan.flag(f"{key}:shown") or []
    if not shown or not set(shown) <= set(chosen):
        return None
    state = plan.flag(f"{key}:rows:{shown[0]}:{len(shown)}")
    rows = state["selection"]["rows"] if state else []
    return found.pictures[shown[rows[0]]] if rows and rows[0] < len(shown) else None


# -- one picture ----------------------------------------------------------------------------------------------


def _place(one: Answered, trained: TrainedRun, spec: ConfusionSpec) -> None:
    """A picture's neighbours in both domains, layer by layer; a worker looks for them where it is asked to."""
    st.markdown(f"**{plain(one.name)}**: its neighbours in both domains, and its place in every layer")
    asked = NeighboursSpec(trained.run.id, spec.on, index=one.index)
    try:
        permitted.check(asked)
        answer = depth.ask_with_button(
            asked,
            "Find its neighbours",
            "Looking at every layer.",
            f"examine:place:{trained.run.id}",
            told_of(
                trained.spec.target,
                "The training pictures that each layer finds most like it: where does it begin to lie among another "
                "class?",
            ),
        )
    except TltkError as fault:
        st.error(plain(fault))
        return
    if answer is not None:
        show_neighbours(*answer)


def show_neighbours(run: Run, found: NeighboursResult) -> None:
    """A row for each layer, with the nearest pictures of either domain.

    Args:
        run: Of the answer; its folder holds the pictures.
        found: The answer.
    """
    sheet = depth.sheet_of(run)
    both = bool(found.source)
    rows = []
    for one in found.layers:
        row: dict[str, Any] = {"layer": one.name}
        for side, near in (("target", one.target), ("source", one.source)):
            if side == "target" or both:
                row[f"{side}: classes"] = in_classes(near)
                row[f"{side}"] = "" if sheet is None or not near else depth.strip_url(sheet, [n.tile for n in near])
        if both:
            row["nearer to the target"] = None if one.nearer is None else 100 * one.nearer
        rows.append(row)
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        row_height=ROW,
        height=min(40 + ROW * len(rows), 640),
        column_config={
            "target": st.column_config.ImageColumn("nearest of the target", width="medium"),
            "source": st.column_config.ImageColumn("nearest of the source", width="medium"),
            "nearer to the target": st.column_config.NumberColumn(
                "of the target", format="%.0f %%", help="Share of the nearest of both that are the target's."
            ),
        },
        alt="The nearest training pictures of either domain, layer by layer.",
    )
    where = f" and {found.n[1]:,} of {plain(found.source)}" if both else ""
    st.caption(
        f"Among {found.n[0]:,} training pictures of {plain(found.target)}{where}, by the cosine of each layer's "
        f"features; copies of the picture are left out."
        + ("" if both else " No source domain is searched: the weights do not say what they learned from.")
    )

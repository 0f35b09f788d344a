"""An embedding on the screen: click a point for its picture and neighbours, lasso for many, play the film."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from tltk import home
from tltk.analyses.embed.result import EmbedResult, Frame
from tltk.dashboard import class_choice, depth, plan
from tltk.dashboard.plot import Figure, pick, plot
from tltk.dashboard.words import noun_of_domain, plain, target_of
from tltk.plots.embedding import film, scatter
from tltk.runs.run import Run

PAGE = 24  # pictures of a selection that are shown at a time
NEAR = 8  # neighbours of a picture in a row

_figures: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()
_lock = threading.Lock()
KEPT_FIGURES = 12


@st.fragment
def points(run: Run, found: EmbedResult, layer: int, key: str) -> None:
    """The frame of this layer; with other weights beside it where they were asked for.

    What is chosen in it makes this part of the page run again, and nothing else.

    Args:
        run: Of the embedding; its folder holds the pictures.
        found: The embedding: coordinates, labels, neighbours.
        layer: Index of the layer that is shown; without such a frame, the last.
        key: Of the widgets.
    """
    left, middle, right = st.columns([1, 1, 2], vertical_alignment="bottom")
    colour = left.segmented_control("Colour", ["class", "domain"], default="class", key=f"{key}:colour") or "class"
    with middle:
        only = class_choice.menu(sorted(set(found.labels)), key)
    play = right.toggle(f"Animate over the {found.over}", value=found.over == "epochs", key=f"{key}:film")
    sides = [w for w in ("", "before", "after") if any(f.weights == w for f in found.frames)]
    shown: Frame | None = None
    for column, side in zip(st.columns(len(sides)), sides, strict=True):
        frames = [f for f in found.frames if f.weights == side]
        frame = next((f for f in frames if f.layer == layer), frames[-1])
        with column:
            st.markdown(f"**{plain(frame.name)}**" + (f", {side}" if side else ""))
            if play:
                alt = f"The {_noun(run)} as points, {found.over} by {found.over}; Play moves them."
                plot(film(found, frames, colour), key=f"{key}:film:{side}", alt=alt, height=580)
                continue
            alt = f"{len(found.labels)} {_noun(run)} as points at {frame.name}; nearby ones look alike to this layer."
            stamp = (run.id, run.status.updated, frame.layer, side, colour, only)
            figure = _figure(stamp, partial(scatter, found, frame, colour, only))
            picked = pick(figure, key=f"{key}:scatter:{side}", alt=alt, stamp=str(stamp))
            st.caption(_quality(frame))
            if picked is not None:
                plan.flag(f"{key}:{run.id}", picked)
                plan.flag(f"{key}:turn", (plan.flag(f"{key}:turn") or 0) + 1)  # another selection begins at its start
            shown = frame
    if not found.texts:
        depth.read_ahead(run)
    placed = shown is not None and shown.placed is not None
    chosen: list[int] = [] if play else plan.flag(f"{key}:{run.id}") or ([len(found.labels)] if placed else [])
    if len(chosen) == 1 and shown is not None:
        _one(run, found, shown, chosen[0])
    elif chosen:
        _many(run, found, chosen, f"{key}:{plan.flag(f'{key}:turn') or 0}")
    elif not play:
        st.caption("Click a point to see what it is and its nearest neighbours; draw around points to see them all.")


def _noun(run: Run) -> str:
    """What the points are: pictures, sounds, texts or rows."""
    return noun_of_domain(target_of(run.spec))


def _figure(stamp: tuple[Any, ...], make: Callable[[], Figure]) -> dict[str, Any]:
    """A figure as it is sent, made once for all who look at it."""
    with _lock:
        if stamp in _figures:
            _figures.move_to_end(stamp)
            return _figures[stamp]
    made: dict[str, Any] = json.loads(make().to_json())
    with _lock:
        _figures[stamp] = made
        while len(_figures) > KEPT_FIGURES:
            _figures.popitem(last=False)
    return made


def brought(key: str) -> str:
    """A picture that the user brings along to be placed among the others: the path where it is kept, or ""."""
    file = st.file_uploader(
        "Add a picture of your own",
        ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tiff"],
        key=f"{key}:picture",
        help="It is placed among the pictures that this layer finds most similar; nothing is trained on it.",
    )
    if file is None:
        return ""
    data = file.getvalue()
    path = home.folder("pictures") / f"{hashlib.sha256(data).hexdigest()[:16]}{Path(file.name).suffix.lower()}"
    if not path.exists():
        home.write_atomic(path, data)
    return str(path)


def _quality(frame: Frame) -> str:
    """What the plane kept of the truth, in figures."""
    parts = (
        (frame.trustworthiness, "trustworthiness {:.2f} (1 = neighbours in the plot are neighbours in feature space)"),
        (frame.hit, "neighbourhood hit {:.0%} (neighbours of the same class)"),
        (frame.mixing, "domain mixing {:.2f} (1 = mixed, 0 = apart)"),
    )
    return " · ".join(text.format(figure) for figure, text in parts if figure is not None)


def _side(found: EmbedResult, number: int) -> str:
    if number == len(found.labels):
        return "your picture"
    return f"{found.labels[number]}, {('target', 'source')[found.domain[number]]}"


def _one(run: Run, found: EmbedResult, frame: Frame, number: int) -> None:
    """A picture, and those whose features are nearest, at this layer and at every other."""
    if found.texts:
        numbers = [number, *_near(found, frame, number)]
        st.markdown(f"**{plain(_side(found, number))}** and its nearest neighbours in this layer's features")
        depth.sentences([found.texts[n] for n in numbers], [_side(found, n) for n in numbers])
        return
    sheet = depth.sheet_of(run)
    if sheet is None:
        st.caption("The pictures of this result were deleted; ask again to see them.")
        return
    near = _near(found, frame, number)
    st.markdown(f"**{plain(_side(found, number))}** and its nearest neighbours in this layer's features")
    depth.pictures(sheet, [number, *near], [_side(found, n) for n in (number, *near)])
    frames = [one for one in found.frames if one.weights == frame.weights and _near(found, one, number)]
    if len(frames) > 1:
        st.markdown(f"**Its place in every {found.over[:-1]}**: who its neighbours are there, the nearest first")
        rows = [
            {
                found.over[:-1]: one.name,
                **_told(found, number, _near(found, one, number)),
                "neighbours": depth.strip_url(sheet, _near(found, one, number)[:NEAR]),
            }
            for one in frames
        ]
        st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            row_height=56,
            height=min(40 + 56 * len(rows), 640),
            column_config={"neighbours": st.column_config.ImageColumn("neighbours", width="large")},
            alt="The neighbours of the picture, layer by layer.",
        )


def _near(found: EmbedResult, frame: Frame, number: int) -> list[int]:
    """The nearest pictures of one of them, or of the user's own."""
    if number < len(found.labels):
        return frame.near[number]
    return frame.placed.near if frame.placed is not None else []


def _told(found: EmbedResult, number: int, near: Sequence[int]) -> dict[str, str]:
    """Of which class and domain the neighbours are."""
    label, count = Counter(found.labels[n] for n in near).most_common(1)[0]
    told = {"most are": f"{label} ({count} of {len(near)})"}
    if number < len(found.labels):
        told["of its class"] = f"{sum(found.labels[n] == found.labels[number] for n in near)} of {len(near)}"
    if found.n["source"]:
        told["of the target"] = f"{sum(found.domain[n] == 0 for n in near)} of {len(near)}"
    return told


def _many(run: Run, found: EmbedResult, numbers: Sequence[int], key: str) -> None:
    """A selection: how it is spread over classes and domains, and its pictures page by page, by turns from each.

    Args:
        run: Of the embedding.
        found: Labels and domains.
        numbers: Of the pictures, from 0.
        key: Of the widgets of this selection.
    """
    inside = [n for n in numbers if n < len(found.labels)]
    what = _noun(run)
    st.markdown(f"**{len(inside):,} {what} selected**")
    counts = Counter((found.labels[n], found.domain[n]) for n in inside)
    left, right = st.columns([1, 2])
    sides = ("target", "source") if found.n["source"] else ("target",)
    rows = [
        {"class": name, **{side: counts[name, d] for d, side in enumerate(sides)}}
        for name in sorted({name for name, _ in counts}, key=lambda name: -counts[name, 0] - counts[name, 1])
    ]
    with left:
        st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            height=min(38 + 35 * len(rows), 400),
            alt=f"How many {what} of the selection are of each class and domain.",
        )
    sheet = None if found.texts else depth.sheet_of(run)
    if sheet is None and not found.texts:
        right.caption("The pictures of this result were deleted; ask again to see them.")
        return
    order, pages = by_turns(found, inside), -(-len(inside) // PAGE)
    with right:
        page = st.pagination(pages, key=f"{key}:page") if pages > 1 else 1
        shown = order[PAGE * (page - 1) : PAGE * page]
        told = [_side(found, n) for n in shown]
        if sheet is None:
            depth.sentences([found.texts[n] for n in shown], told)
        else:
            depth.pictures(sheet, shown, told)
        if pages > 1:
            st.caption(
                f"{what.capitalize()} {PAGE * (page - 1) + 1:,} to {PAGE * (page - 1) + len(shown):,} of "
                f"{len(inside):,}."
            )


def by_turns(found: EmbedResult, numbers: Sequence[int]) -> list[int]:
    """Pictures by turns from each class and domain, so that the first ones show what a selection is made of.

    Args:
        found: Labels and domains.
        numbers: Of the pictures.
    """
    turns: Counter[tuple[str, int]] = Counter()
    order = []
    for n in numbers:
        group = found.labels[n], found.domain[n]
        order.append((turns[group], group, n))
        turns[group] += 1
    return [n for _, _, n in sorted(order)]

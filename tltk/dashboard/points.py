"""An embedding on the screen: click a point for its picture and neighbours, lasso for many, play the film."""

from __future__ import annotations

import hashlib
from pathlib import Path

import streamlit as st

from tltk import home
from tltk.analyses.embed.result import EmbedResult, Frame
from tltk.dashboard import depth, plan
from tltk.dashboard.plot import pick, plot
from tltk.dashboard.words import plain
from tltk.plots.embedding import film, scatter
from tltk.runs.run import Run

MOST = 24  # pictures of a selection that are shown


def points(run: Run, found: EmbedResult, layer: int, key: str) -> None:
    """The frame of this layer; with other weights beside it where they were asked for.

    Args:
        run: Of the embedding; its folder holds the pictures.
        found: The embedding: coordinates, labels, neighbours.
        layer: Index of the layer that is shown; without such a frame, the last.
        key: Of the widgets.
    """
    left, right = st.columns([1, 3])
    colour = left.segmented_control("Colour", ["class", "domain"], default="class", key=f"{key}:colour") or "class"
    play = right.toggle(f"Animate over the {found.over}", value=found.over == "epochs", key=f"{key}:film")
    sides = [w for w in ("", "before", "after") if any(f.weights == w for f in found.frames)]
    shown: Frame | None = None
    for column, side in zip(st.columns(len(sides)), sides, strict=True):
        frames = [f for f in found.frames if f.weights == side]
        frame = next((f for f in frames if f.layer == layer), frames[-1])
        with column:
            st.markdown(f"**{plain(frame.name)}**" + (f", {side}" if side else ""))
            if play:
                alt = f"The pictures as points, {found.over} by {found.over}; Play moves them."
                plot(film(found, frames, colour), key=f"{key}:film:{side}", alt=alt, height=580)
                continue
            alt = f"{len(found.labels)} pictures as points at {frame.name}; nearby ones look alike to this layer."
            picked = pick(scatter(found, frame, colour), key=f"{key}:scatter:{side}", alt=alt)
            st.caption(_quality(frame))
            if picked is not None:
                plan.flag(f"{key}:{run.id}", picked)
            shown = frame
    placed = shown is not None and shown.placed is not None
    chosen: list[int] = [] if play else plan.flag(f"{key}:{run.id}") or ([len(found.labels)] if placed else [])
    if len(chosen) == 1 and shown is not None:
        _one(run, found, shown, chosen[0])
    elif chosen:
        _many(run, found, chosen)
    elif not play:
        st.caption("Click a point to see its picture and its nearest neighbours; draw around points to see them all.")


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
    """A picture, and those whose features are nearest at this layer."""
    if found.texts:
        numbers = [number, *frame.near[number]]
        st.markdown(f"**{plain(_side(found, number))}** and its nearest neighbours in this layer's features")
        depth.sentences([found.texts[n] for n in numbers], [_side(found, n) for n in numbers])
        return
    sheet = depth.sheet_of(run)
    if sheet is None:
        st.caption("The pictures of this result were deleted; ask again to see them.")
        return
    placed = frame.placed.near if frame.placed is not None else []
    near = frame.near[number] if number < len(found.labels) else placed
    st.markdown(f"**{plain(_side(found, number))}** and its nearest neighbours in this layer's features")
    depth.pictures(sheet, [number, *near], [_side(found, n) for n in (number, *near)])


def _many(run: Run, found: EmbedResult, numbers: list[int]) -> None:
    """The pictures of a selection."""
    if found.texts:
        more = f", the first {MOST}" if len(numbers) > MOST else ""
        st.markdown(f"**{len(numbers)} texts selected**{more}")
        depth.sentences([found.texts[n] for n in numbers[:MOST]], [_side(found, n) for n in numbers[:MOST]])
        return
    sheet = depth.sheet_of(run)
    more = f", the first {MOST}" if len(numbers) > MOST else ""
    st.markdown(f"**{len(numbers)} pictures selected**{more}")
    if sheet is not None:
        depth.pictures(sheet, numbers[:MOST], [_side(found, n) for n in numbers[:MOST]])

"""What a finished training says of pictures that a user brings: uploaded, or named by a path or a domain."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from tltk import home
from tltk.analyses.predict.files import WRITERS, Predictions
from tltk.analyses.predict.spec import EVERY, PredictSpec
from tltk.analyses.trained import TrainedRun
from tltk.dashboard import depth, permitted, plan, try_view
from tltk.dashboard.asked import show_asked
from tltk.dashboard.brought import safe_name
from tltk.dashboard.words import plain
from tltk.data.decode import ENDINGS
from tltk.data.fit import Change, describe
from tltk.data.sources.archive import ENDINGS as ARCHIVES
from tltk.errors import TltkError
from tltk.runs.run import Run
from tltk.specs.knobs import knobs
from tltk.specs.nouns import PICTURES, ROWS, TEXTS, counted, noun_of

MOST = 1000  # rows of the table; more take long to send, and are downloaded rather than looked through
ROW, TALLEST = 52, 640  # pixels: a row with its picture, and the table where it is long
WORDS, PART, EMBEDDING = "use:words", "use:part", "use:embedding"
FILES = {
    "csv": ("Predictions (CSV)", "text/csv"),
    "jsonl": ("Predictions (JSON lines)", "application/jsonl"),
    "parquet": ("Predictions (parquet)", ""),
}


BRINGS = {  # of what a network reads: how files of it are asked for, their endings, and what may be typed instead
    PICTURES: (
        "Pictures, or archives of them",
        tuple(end.lstrip(".") for end in (*sorted(ENDINGS), *(end for end in ARCHIVES if end.count(".") == 1))),
        "/home/me/pictures  ·  archive:pictures.zip  ·  digits",
    ),
    TEXTS: (
        "Texts: one a line, or a table",
        ("txt", "csv", "tsv"),
        "/home/me/texts  ·  text:reviews.csv  ·  sentences",
    ),
    ROWS: (
        "Tables with the columns that it learned from",
        ("csv", "tsv"),
        "/home/me/rows.csv  ·  table:rows.csv  ·  transactions",
    ),
}


def show(trained: TrainedRun) -> None:
    """The section: what to look at, then what the training sees in it."""
    spec, noun = ask(trained), noun_of(trained.spec.net.backbone)
    if not spec.paths:
        st.caption(f"Choose {noun} above: the class of each, how sure that is, and a file of it all appear here.")
        return
    if noun == PICTURES and len(spec.paths) == 1 and _is_one_picture(spec.paths[0]):
        try_view.show(trained, spec.paths[0])
        return
    try:
        permitted.check(spec)
        answer = depth.ask_with_button(spec, "Predict", f"Reading the {noun}.", f"use:predict:{trained.run.id}")
        if answer is not None:
            _show_answer(Predictions.of(answer[0]), noun)
    except TltkError as fault:
        st.error(plain(fault))
    show_asked(spec)


def _is_one_picture(path: str) -> bool:
    """Whether this is a picture that was brought, and no archive of them."""
    return Path(path).is_relative_to(home.folder("pictures")) and not path.lower().endswith(ARCHIVES)


def ask(trained: TrainedRun) -> PredictSpec:
    """The question as the widgets have it."""
    left, right = st.columns(2)
    noun = noun_of(trained.spec.net.backbone)
    what, endings, example = BRINGS[noun]
    with left:
        files = st.file_uploader(
            what,
            list(endings),
            accept_multiple_files=True,
            key="use:files" if noun == PICTURES else f"use:files:{noun}",
            help="They stay on the machine that runs the dashboard.",
        )
        shot = None
        if noun == PICTURES and st.toggle("Use a camera", **plan.hold("use:camera", False)):
            shot = st.camera_input("Camera", key="use:shot", help="The browser asks before it films.")
    with right:
        rule = knobs(PredictSpec)["part"]
        words: str = st.text_input(
            "Or a path on that machine, or a domain",
            placeholder=example,
            max_chars=2000,
            **plan.hold(WORDS, ""),
        ).strip()
        one, two = st.columns(2, vertical_alignment="bottom")
        part = one.selectbox("Part", rule.choices, help=rule.help, disabled=not words, **plan.hold(PART, EVERY))
        embedding = two.toggle("Embeddings", help=knobs(PredictSpec)["embedding"].help, **plan.hold(EMBEDDING, False))
    paths = [keep(file.name, file.getvalue(), file.file_id) for file in files]
    if shot is not None:
        paths = [keep("shot.jpg", shot.getvalue(), shot.file_id)]  # the one that was just taken
    return PredictSpec(
        trained.run.id, tuple([*paths, *([words] if words else [])]), part if words else EVERY, embedding
    )


def keep(name: str, content: bytes, known_as: str) -> str:
    """The path at which a file is kept that a user has brought; one of the same content and name is kept once.

    Args:
        name: As the user calls it.
        content: What is in it.
        known_as: What Streamlit calls it, so that a page that runs again need not look at it again.
    """
    kept: dict[str, str] = plan.flag("use:kept") or {}
    if known_as not in kept:
        place = home.folder("pictures") / hashlib.sha256(content).hexdigest()[:16]
        place.mkdir(exist_ok=True)
        file = place / safe_name(name)
        if not file.exists():
            home.write_atomic(file, content)
        kept = {**kept, known_as: str(file)}
        plan.flag("use:kept", kept)
    return kept[known_as]


def shown_name(name: str) -> str:
    """A picture's name on the page: of what was brought without the folder in which it is kept."""
    try:
        return "/".join(Path(name).relative_to(home.folder("pictures")).parts[1:]) or name
    except ValueError:
        return name


def _show_answer(found: Predictions, noun: str) -> None:
    """Counts, the table, what was not read, and the files to take along."""
    result = found.result
    counts = [(result.predicted.count(c), name) for c, name in enumerate(result.classes)]
    told = ", ".join(f"{name} {n:,}" for n, name in sorted(counts, key=lambda pair: -pair[0])[:12] if n)
    many = counted(len(result.names), noun)
    st.markdown(f"**{plain(f'{many}: {told}')}**")
    for remark in result.remarks:
        st.caption(plain(remark))
    change = Change(result.cropped, result.empty, result.stretched)
    if change != Change():
        st.caption(describe(change, result.fit, result.size))
    st.dataframe(
        list(_rows(found)),
        hide_index=True,
        width="stretch",
        height=min(TALLEST, ROW * min(len(result.names), MOST) + 40),
        row_height=ROW if noun == PICTURES else None,
        column_config={
            "picture": st.column_config.ImageColumn(noun[:-1], width=ROW + 20),
            "probability": st.column_config.ProgressColumn("probability", min_value=0, max_value=1, format="%.3f"),
        },
        alt=f"The class of each of the {noun} with its probability.",
    )
    if len(result.names) > MOST:
        st.caption(f"The first {MOST:,} are shown; the files below have them all.")
    if result.skipped:
        unread_are = f"file{'s' * (len(result.skipped) != 1)} " if noun == PICTURES else ""
        st.markdown(f"**{len(result.skipped):,} {unread_are}not read**")
        unread = [{"file": shown_name(one.name), "why": one.reason} for one in result.skipped[:MOST]]
        st.dataframe(unread, hide_index=True, width="stretch", height=min(250, 35 * len(unread) + 38))
    _downloads(found)
    speed = len(result.names) / max(result.seconds, 1e-9)
    st.caption(f"{speed:,.0f} {noun} per second on {result.device}, in {result.precision}.")


def _rows(found: Predictions) -> Iterator[dict[str, Any]]:
    result, small = found.result, found.thumbnails
    for i, name in enumerate(result.names[:MOST]):
        row: dict[str, Any] = {}
        if noun_of(result.backbone) == PICTURES:
            row["picture"] = "" if small is None or i >= len(small) else as_url(small[i])
        row |= {"name": shown_name(name), "class": result.classes[result.predicted[i]]}
        if result.labels:
            row["is"] = result.labels[i]
        yield {**row, "probability": result.probability[i]}


def as_url(thumbnail: Any) -> str:
    """A small picture as an address that a browser shows.

    Args:
        thumbnail: (3, h, w) uint8.
    """
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(thumbnail.transpose(1, 2, 0))).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _downloads(found: Predictions) -> None:
    """A button for each kind of file that can be written here."""
    can = [form for form in WRITERS if form != "parquet" or importlib.util.find_spec("pyarrow")]
    for column, form in zip(st.columns(len(FILES)), can, strict=False):
        title, mime = FILES[form]
        make: Callable[[Run], bytes] = partial(_written, form)
        column.download_button(
            title,
            partial(make, found.run),
            f"tltk-predictions-{found.run.id}.{form}",
            mime or None,
            key=f"use:download:{form}:{found.run.id}",
            width="stretch",
            on_click="ignore",
            icon=":material/download:",
        )


def _written(form: str, run: Run) -> bytes:
    return WRITERS[form](Predictions.of(run))

"""The pictures of a domain on the screen: a strip of a few, or a grid with a row for each class."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from html import escape

import streamlit as st
from PIL import Image

from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard import depth
from tltk.dashboard.words import noun_of_domain, plain
from tltk.results.rows import ACROSS
from tltk.runs.run import Run
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths

ROWS = 10  # classes that are shown at once, of many
EACH = 8  # pictures of a class in a row; a worker keeps no more
SENTENCES = 6  # of a domain of texts, where a few examples are shown
SHARP = 48  # pixels below which a picture is shown pixel by pixel


def one_of_each(found: InspectResult, most: int) -> list[int]:
    """Numbers of so many pictures on the sheet, by turns from each class."""
    labels = found.shown_labels
    if not labels:
        return list(range(min(most, found.shown)))  # of an earlier version: by turns already
    turn: dict[int, int] = {}
    order = []
    for number, label in enumerate(labels):
        turn[label] = turn.get(label, 0) + 1
        order.append((turn[label], number))
    return [number for _, number in sorted(order)[:most]]


def strip(spec: DataSpec, found: InspectResult, most: int) -> None:
    """A few pictures side by side.

    Args:
        spec: The domain.
        found: What is known of it: labels and class names of the pictures on its sheet.
        most: At most so many pictures.
    """
    if found.rows:
        _table(found, one_of_each(found, min(most, SENTENCES)))
        return
    if found.texts:
        numbers = one_of_each(found, min(most, SENTENCES))
        depth.sentences([found.texts[n] for n in numbers], _classes_of(found, numbers))
        return
    run_id = with_absolute_paths(InspectSpec(spec)).run_id
    sheet = _sheet(run_id, _stamp(run_id))
    if sheet is not None:
        numbers, labels, classes = one_of_each(found, most), found.shown_labels, found.classes
        alt = [f"Picture of {classes[labels[n]]}" if labels else "Picture of this domain" for n in numbers]
        st.image([depth.tile(sheet, number) for number in numbers], width=64, alt=alt)


def _table(found: InspectResult, numbers: Sequence[int]) -> None:
    """Some rows of a table, each with its class; an empty cell is missing."""
    classes = _classes_of(found, numbers) or [""] * len(numbers)
    rows = [
        {"class": name, **dict(zip(found.columns, found.rows[n], strict=True))}
        for n, name in zip(numbers, classes, strict=True)
    ]
    st.dataframe(rows, hide_index=True, width="stretch", alt=f"{len(rows)} rows of the table, with their classes.")


def tiles(spec: Spec, numbers: tuple[int, ...]) -> tuple[str, ...]:
    """Pictures of a contact sheet as data URIs; none where they were deleted.

    Args:
        spec: The question whose answer has the sheet.
        numbers: Their places on its sheet.
    """
    run_id = with_absolute_paths(spec).run_id
    stamp = _stamp(run_id)
    return _tiles(run_id, stamp, numbers) if stamp else ()


def _classes_of(found: InspectResult, numbers: Sequence[int]) -> list[str]:
    """The class of each example on the sheet."""
    return [found.classes[found.shown_labels[n]] for n in numbers] if found.shown_labels else []


def classes_shown(classes: Sequence[str], label: str) -> range:
    """Which classes to show: all where there are few, else ten, chosen by the user."""
    if len(classes) <= ROWS + 2:
        return range(len(classes))

    def as_title(first: int) -> str:
        last = min(first + ROWS, len(classes)) - 1
        return f"{first + 1}–{last + 1} of {len(classes)}: {classes[first]} … {classes[last]}"

    starts = range(0, len(classes), ROWS)
    first: int = st.selectbox(label, starts, format_func=as_title, key=f"domains:{label}:{len(classes)}")
    return range(first, min(first + ROWS, len(classes)))


def grid(title: str, spec: DataSpec, found: InspectResult, shown: range) -> None:
    """Pictures by class: a row for each, with its name and how many there are.

    Args:
        title: What the domain is called on the page.
        spec: The domain.
        found: What is known of it: labels, class names and counts.
        shown: Numbers of the classes that get a row.
    """
    if found.rows:
        _table(found, [n for n, label in enumerate(found.shown_labels or []) if label in shown])
        return
    if found.texts:
        for c in shown:
            own = [n for n, label in enumerate(found.shown_labels or []) if label == c]
            st.markdown(f"**{plain(found.classes[c])}** · {found.counts[c]:,}")
            depth.sentences([found.texts[n] for n in own], [])
        return
    run_id = with_absolute_paths(InspectSpec(spec)).run_id
    stamp = _stamp(run_id)
    if not stamp:
        st.caption("The pictures of this result were deleted; the numbers above still hold.")
        return
    labels = found.shown_labels
    if labels is None:
        strip(spec, found, 16)
        return
    rows = tuple(tuple(n for n, label in enumerate(labels) if label == c)[:EACH] for c in shown)
    images = _rows(run_id, stamp, rows)
    cells = "".join(
        _row(title, found.classes[c], found.counts[c], len(numbers), image, noun_of_domain(spec))
        for c, numbers, image in zip(shown, rows, images, strict=True)
    )
    st.html(f'{_STYLE}<div class="tltk-grid{" sharp" if spec.size < SHARP else ""}">{cells}</div>')


def listen(title: str, spec: DataSpec, found: InspectResult) -> None:
    """A sound of a class that one chooses, as a worker wrote it; nothing where a domain has none.

    Args:
        title: What the domain is called on the page.
        spec: The domain.
        found: What is known of it.
    """
    if not found.sounds or not found.shown_labels:
        return
    names = {found.classes[found.shown_labels[number]]: number for number in found.sounds}
    chosen = st.selectbox(f"Listen to the {title.lower()}", list(names), key=f"domains:listen:{title}")
    run_id = with_absolute_paths(InspectSpec(spec)).run_id
    try:
        st.audio((Run.at(run_id).path / f"sound-{names[chosen]}.wav").read_bytes(), format="audio/wav")
    except OSError:
        st.caption("The sounds of this result were deleted.")


def _row(title: str, name: str, count: int, shown: int, image: str, noun: str) -> str:
    name = escape(name, quote=True)
    alt = f"{shown} {noun} of {name}, {title.lower()}"
    picture = f'<img src="{image}" alt="{alt}">' if shown else f"<span>none among the {noun} that were kept</span>"
    return f'<div class="name" title="{name}">{name}<small>{count:,}</small></div><div>{picture}</div>'


def _stamp(run_id: str) -> int:
    """When the sheet of a look was written; 0 where there is none."""
    try:
        return (Run.at(run_id).path / "pictures.png").stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _sheet(run_id: str, stamp: int) -> Image.Image | None:
    """The sheet of a look, decoded once; `stamp` makes it anew when it has changed."""
    return depth.sheet_of(Run.at(run_id)) if stamp else None


@lru_cache(maxsize=32)
def _tiles(run_id: str, stamp: int, numbers: tuple[int, ...]) -> tuple[str, ...]:
    """Each picture alone, as large as the sheet has it."""
    sheet = _sheet(run_id, stamp)
    if sheet is None:
        return ()
    side = sheet.width // ACROSS
    places = [(number % ACROSS * side, number // ACROSS * side) for number in numbers]
    return tuple(_as_uri(sheet.crop((left, top, left + side, top + side)), side) for left, top in places)


def _as_uri(image: Image.Image, side: int) -> str:
    """A picture for the page, its tiles `side` pixels wide: whole pixels where they are few, since it is enlarged."""
    buffer = io.BytesIO()
    if side < SHARP:  # 0 is the quickest way, twenty times so
        image.save(buffer, "WEBP", lossless=True, quality=0, method=0)
    else:
        image.save(buffer, "WEBP", quality=90)
    return "data:image/webp;base64," + b64encode(buffer.getvalue()).decode()


@lru_cache(maxsize=32)
def _rows(run_id: str, stamp: int, rows: tuple[tuple[int, ...], ...]) -> tuple[str, ...]:
    """Each row as one small picture in a data URI."""
    sheet = _sheet(run_id, stamp)
    if sheet is None:
        return ("",) * len(rows)
    side = sheet.width // ACROSS
    gap = max(side // 20, 1)
    found = []
    for numbers in rows:
        row = Image.new("RGBA", (EACH * (side + gap) - gap, side))  # what is not covered is not seen
        for place, number in enumerate(numbers):
            left, top = number % ACROSS * side, number // ACROSS * side
            row.paste(sheet.crop((left, top, left + side, top + side)), (place * (side + gap), 0))
        found.append(_as_uri(row, side))
    return tuple(found)


_STYLE = """<style>
.tltk-grid { display: grid; grid-template-columns: fit-content(8rem) minmax(0, 1fr); gap: .3rem .75rem;
  align-items: center; font-size: .85rem; }
.tltk-grid .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; line-height: 1.2; }
.tltk-grid small { display: block; opacity: .75; font-variant-numeric: tabular-nums; }
.tltk-grid img { display: block; width: 100%; max-width: 34rem; height: auto; }
.tltk-grid.sharp img { image-rendering: pixelated; }
.tltk-grid span { opacity: .75; }
</style>"""

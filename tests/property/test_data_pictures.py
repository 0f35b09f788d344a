"""Whatever the picture or array: the right shape and range, and only our own errors."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tltk.data import parse
from tltk.data.decode import decode
from tltk.data.fit import place, resize
from tltk.errors import DataProblem, TltkError

SIDES = st.integers(1, 60)


@settings(max_examples=40, deadline=None)
@given(
    SIDES,
    SIDES,
    st.integers(8, 40),
    st.sampled_from(["L", "RGB", "RGBA", "P", "1"]),
    st.integers(0, 255),
    st.sampled_from(["crop", "squash"]),
)
def test_flat_pictures_stay_flat(width: int, height: int, size: int, mode: str, shade: int, fit: str) -> None:
    """Resizing, cutting and changing modes must not invent contrast."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.png")
        Image.new("L", (width, height), shade).convert(mode).save(path)
        got = decode(path, size, fit)
    assert got.shape == (3, size, size) and got.dtype == np.uint8
    if mode != "1":
        assert (np.abs(got.astype(int) - shade) <= 1).all()


@settings(max_examples=40, deadline=None)
@given(
    SIDES, SIDES, st.integers(1, 50), st.integers(1, 4), st.integers(0, 255), st.sampled_from(["crop", "pad", "squash"])
)
def test_resize_keeps_flat_arrays(height: int, width: int, size: int, n: int, shade: int, fit: str) -> None:
    got = resize(np.full((n, height, width, 2), shade, np.uint8), size, fit)
    assert got.shape[0] == n and got.shape[3] == 2 and (got == shade).all()
    assert max(got.shape[1:3]) == size and (fit == "pad" or min(got.shape[1:3]) == size)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, st.integers(8, 40))
def test_a_padded_picture_keeps_its_shape_and_is_in_the_middle(width: int, height: int, size: int) -> None:
    """To the pixel: either side is at most half a pixel off, and as much is left free before as behind, or one less."""
    black = place(
        np.zeros((1, 3, *resize(np.zeros((1, height, width), np.uint8), size, "pad").shape[1:]), np.uint8), size
    )
    rows, columns = (np.flatnonzero((black[0] == 0).all(0).any(axis)) for axis in (1, 0))
    for side, own in ((rows, height), (columns, width)):
        wanted = own * size / max(width, height)
        assert abs(len(side) - max(wanted, 1)) <= 0.5 and np.ptp(side) == len(side) - 1
        assert 0 <= (size - 1 - side[-1]) - side[0] <= 1


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", ""]))
def test_rubbish_is_refused_in_our_words(rubbish: bytes, format: str) -> None:
    """The head of a real file, then anything."""
    buffer = io.BytesIO()
    if format:
        Image.new("L", (9, 9)).save(buffer, format)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.jpg")
        path.write_bytes(buffer.getvalue()[:30] + rubbish)
        try:
            assert decode(path, 8).shape == (3, 8, 8)
        except DataProblem as fault:
            assert str(fault)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"(folder|npz|archive|digits):?.*", fullmatch=True))
def test_any_name_is_understood_or_refused_in_a_sentence(name: str) -> None:
    try:
        kind, argument = parse(name)
    except TltkError as fault:
        assert "Got" in str(fault)
    else:
        assert name == (f"{kind}:{argument}" if argument else kind)

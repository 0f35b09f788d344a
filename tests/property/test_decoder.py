"""Decoders: whatever a layer gives, what is decoded has the shape of what is wanted, and each place decodes its own."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from tltk.nn.decoder import Decoder, as_map
from tltk.terms.masked_patches import hide

SIDES = st.integers(1, 9)


@given(SIDES, SIDES, st.integers(1, 3), st.integers(9, 20))
def test_maps_of_any_size_decode_to_what_is_wanted(h: int, w: int, channels: int, size: int) -> None:
    decoder = Decoder((2, 4, h, w), (2, channels, size, size))
    given_, wanted = torch.randn(3, 4, h, w), torch.randn(3, channels, size, size)
    assert decoder(given_).shape == decoder.target(wanted).shape == (3, channels, size, size)


@given(st.integers(1, 6), st.integers(0, 3), st.integers(1, 4))
def test_tokens_decode_to_a_picture_without_those_that_stand_for_no_place(side: int, extra: int, patch: int) -> None:
    """As many of these as do not fill another square."""
    extra = min(extra, 2 * side)
    tokens = torch.randn(2, side * side + extra, 5)
    decoder = Decoder(tokens.shape, (2, 3, side * patch, side * patch))
    moved = tokens.clone()
    moved[:, :extra] += 1
    assert torch.equal(decoder(tokens), decoder(moved))
    moved = tokens.clone()
    moved[:, extra] += 1  # the first place
    changed = (decoder(moved) != decoder(tokens)).any(1)
    assert bool(changed[:, :patch, :patch].all()) and int(changed[0].sum()) == patch**2


@given(st.integers(1, 6), st.integers(1, 6), st.integers(2, 5))
def test_tokens_of_a_picture_that_is_no_square_lie_in_its_rows_and_columns(rows: int, columns: int, patch: int) -> None:
    tokens = torch.randn(2, rows * columns, 5)
    picture = (rows * patch, columns * patch)
    decoder = Decoder(tokens.shape, (2, 3, *picture), picture)
    moved = tokens.clone()
    moved[:, -1] += 1  # the last place
    changed = (decoder(moved) != decoder(tokens)).any(1)
    assert bool(changed[:, -patch:, -patch:].all()) and int(changed[0].sum()) == patch**2


@given(st.integers(1, 12), st.integers(1, 5))
def test_as_many_tokens_decode_to_tokens_each_to_its_own(n: int, width: int) -> None:
    tokens = torch.randn(2, n, width)
    decoder = Decoder(tokens.shape, (2, n, 3))
    assert decoder(tokens).shape == decoder.target(torch.randn(2, n, 3)).shape == (2, 3, n, 1)
    assert torch.equal(as_map(tokens, whole=True)[:, :, :, 0], tokens.mT)


@given(st.integers(2, 40), st.integers(1, 20), st.floats(0.01, 0.99), st.integers(0, 100))
def test_some_is_hidden_and_some_is_not(size: int, side: int, share: float, seed: int) -> None:
    side = min(side, size - 1)
    hidden = hide((3, 1, size, size), side, share, torch.Generator().manual_seed(seed))
    assert bool(hidden.any((1, 2, 3)).all()) and not bool(hidden.all((1, 2, 3)).any())

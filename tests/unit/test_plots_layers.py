"""Figures over depth: a line has the colour and the mark of its lane under the freeze handle."""

from __future__ import annotations

from tltk.plots.layers import SYMBOLS, profile
from tltk.plots.theme import SEQUENCE
from tltk.results.layers import Column

COLUMNS = [Column(name, name.upper(), "", [0.1, 0.2]) for name in ("mmd", "coral")]


def test_lines_have_the_colours_of_their_places() -> None:
    figure = profile(COLUMNS, ["stem", "features"], "Value", [1, 3])
    assert [line.line.color for line in figure.data] == [SEQUENCE[1], SEQUENCE[3]]
    assert [line.marker.symbol[0] for line in figure.data] == [SYMBOLS[1], SYMBOLS[3]]


def test_without_places_they_come_in_order() -> None:
    assert [line.line.color for line in profile(COLUMNS, ["stem", "features"], "Value").data] == list(SEQUENCE[:2])

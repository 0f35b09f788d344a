"""Curves as figures: a band never leaves what can be measured, and guessing has its line."""

from __future__ import annotations

import pytest

from tltk.plots.curves import arms, chance_line
from tltk.results.curves import Curve

CURVE = Curve("x", (1.0, 2.0), (0.1, 0.95), lo=(-0.2, 0.7), hi=(0.4, 1.3))


@pytest.mark.parametrize(
    ("quantity", "most"), [("Validation accuracy", 1.0), ("Validation macro-F1", 1.0), ("Validation loss", 1.3)]
)
def test_a_band_ends_where_the_quantity_does(quantity: str, most: float) -> None:
    band = next(t for t in arms({"scratch": CURVE}, quantity, "step", {}).data if t.fill == "toself")
    assert min(band.y) == 0.0 and max(band.y) == most
    assert len(band.y) == len(band.x) == 4


def test_guessing_has_a_line_where_it_is_known() -> None:
    figure = arms({"scratch": CURVE}, "Validation accuracy", "step", {}, guessing=(0.5, "guessing"))
    assert [(s.y0, s.y1) for s in figure.layout.shapes] == [(0.5, 0.5)]
    assert "guessing: 50%" in figure.layout.annotations[0].text
    assert not arms({"scratch": CURVE}, "Validation accuracy", "step", {}).layout.shapes
    assert chance_line(0.1, "guessing")["shapes"][0]["y0"] == 0.1

"""Curves as figures: a band never leaves what can be measured, and guessing has its line."""

from __future__ import annotations

from typing import Any

import pytest

from tltk.plots.accuracy import accuracy_axis, chance_line
from tltk.plots.curves import arms, class_gaps, lines
from tltk.plots.theme import ROLES
from tltk.results.curves import Curve
from tltk.results.verdict import ClassGap

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


@pytest.mark.parametrize(
    "draw", [lambda q: arms({"scratch": CURVE}, q, "step", {}), lambda q: lines({"a": CURVE}, q, "step")]
)
def test_accuracies_are_in_percent_on_an_axis_that_holds_all_that_is_possible(draw: Any) -> None:
    axis = draw("Validation accuracy").layout.yaxis
    assert axis.tickformat == ".0%" and axis.title.text == "Validation accuracy"
    assert axis.range[0] <= 0 and axis.range[1] >= 1 and axis.to_plotly_json()["range"] == accuracy_axis()["range"]
    assert draw("Validation loss").layout.yaxis.range is None


def test_a_class_s_interval_ends_at_100_points() -> None:
    gap = ClassGap("cat", 0.1, 0.9, 0.8, -1.2, 2.25, "cannot tell", 3)
    bars = class_gaps([gap]).data[0].error_x
    assert (80 + bars.array[0], 80 - bars.arrayminus[0]) == pytest.approx((100, -100))


def test_parts_and_arms_have_the_colours_of_their_roles_whatever_is_beside_them() -> None:
    for names in (["train", "val", "test"], ["test"], ["mine", "val"]):
        drawn = lines({name: CURVE for name in names}, "Validation accuracy", "step").data
        assert [t.line.color for t in drawn if t.name in ROLES] == [ROLES[n] for n in names if n in ROLES]
    bold = [t for t in arms({"scratch": CURVE, "transfer": CURVE}, "Accuracy", "step", {}).data if t.line.width == 3]
    assert [t.line.color for t in bold] == [ROLES["scratch"], ROLES["transfer"]]


def test_the_class_that_is_looked_at_is_marked_where_it_stands() -> None:
    gaps = [
        ClassGap(name, gap, 0.5, 0.5 + gap, -0.5, 0.5, "cannot tell", 3) for name, gap in (("cat", 0.1), ("dog", 0.0))
    ]
    marked = class_gaps(gaps, "cat")
    (band,) = marked.layout.shapes[1:]  # the first is the line at zero
    assert marked.data[0].y[round((band.y0 + band.y1) / 2)] == "cat"
    assert len(class_gaps(gaps).layout.shapes) == 1

"""Shares of classes: one axis for both domains, names that fit, colours that do not change sides."""

from __future__ import annotations

from tltk.plots.balance import COLOURS, balance, height, shorten


def test_two_domains_lie_on_one_axis() -> None:
    figure = balance({"Source": {"a": 30, "b": 10}, "Target": {"b": 1, "a": 1, "c": 2}})
    source, target = figure.data
    assert (source.name, list(source.y), list(source.x)) == ("Source", ["a", "b"], [0.75, 0.25])
    assert (target.name, list(target.y), list(target.x)) == ("Target", ["a", "b", "c"], [0.25, 0.25, 0.5])
    assert list(figure.layout.yaxis.categoryarray) == ["a", "b", "c"] and figure.layout.yaxis.autorange == "reversed"
    assert (source.marker.color, target.marker.color) == (COLOURS["Source"], COLOURS["Target"])
    assert list(target.customdata) == [1, 1, 2] and target.texttemplate  # pictures, at the bar's end
    assert figure.layout.showlegend and figure.layout.xaxis.range[1] > 0.75
    assert not balance({"Target": {"a": 1, "b": 1}}).layout.showlegend


def test_of_many_classes_some_are_named() -> None:
    counts = {f"class {i}": 20 for i in range(200)}
    figure = balance({"Target": counts})
    assert len(figure.layout.yaxis.tickvals) <= 30 and len(figure.data[0].y) == 200
    assert figure.data[0].texttemplate is None
    assert height({"Target": {"a": 1, "b": 1}}) < height({"Target": counts}) == 720


def test_long_names_leave_room_for_bars() -> None:
    assert shorten("short") == "short"
    assert len(shorten("x" * 80)) == 22 and shorten("x" * 80).endswith("…")
    assert balance({"Target": {"x" * 80: 1, "b": 1}}).layout.yaxis.ticktext[0] == shorten("x" * 80)

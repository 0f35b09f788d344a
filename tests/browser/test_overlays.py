"""Quantities over depth under the freeze handle: where they lie, and that they follow the hand without Python."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import wait_until
from tests.support.components import at, expect_text, point_of, press, slider, tile
from tltk.dashboard.freeze_handle import Overlay, check_overlays
from tltk.errors import BadSpec

SCRIPT = '''
"""The freeze handle as the depth axis: ?net=three|small|long, ?lanes=0, ?cost=0, ?compact=1."""
import math
import streamlit as st
from tltk.training.cost import Sizes, estimate_costs
from tltk.dashboard.freeze_handle import freeze_handle
from tltk.results.layers import Layer
from tltk.specs.parts import OptimSpec
from tltk.specs.training import TransferSpec

asked, state = st.query_params, st.session_state
names = {
    "three": ["stem", "blocks.0", "blocks.1"],
    "long": ["stem", *(f"stages.{s}.blocks.{i}" for s, n in enumerate((6, 12, 36, 5)) for i in range(n))],
}.get(asked.get("net"), ["stem", *(f"layer{s}.{i}" for s in range(1, 5) for i in range(2))])
depth = len(names)
layers = [
    Layer(i, name, p := int(9_500 * 2 ** (9 * i / depth)), 8_000_000 + 2 * p, (64, 8, 8), 16_384)
    for i, name in enumerate(names)
]
grow = [i / depth for i in range(depth + 1)]
probe = [0.31 + 0.55 * math.sin(1.7 * g) ** 1.2 for g in grow]
mmd = [0.002 + 0.05 * g * g + 0.004 * math.sin(9 * g) for g in grow]
cka = [1 - 0.7 * g**2 for g in grow[:depth]]
rate = [None if i < 3 else 0.01 * 0.65 ** (depth - i) for i in range(depth + 1)]
moved_by = [0.0 if i < 2 else 0.3 * g - 0.12 for i, g in enumerate(grow)]
audit = [None if i % 4 == 3 else v for i, v in enumerate(moved_by)]
overlays = [
    {"name": "Probe accuracy, target", "values": probe, "lo": [p - 0.05 for p in probe], "unit": "%",
     "hi": [min(1, p + 0.04) for p in probe], "null_lo": [0.08] * (depth + 1), "null_hi": [0.13] * (depth + 1),
     "span": (0, 1), "predicts": True},
    {"name": "MMD², source and target", "values": mmd, "null_lo": [0.0] * (depth + 1),
     "null_hi": [0.012 - 0.006 * g for g in grow]},
    {"name": "CKA before and after", "values": cka, "unit": ""},
    {"name": "Learning rate", "values": rate},
    {"name": "‖Δw‖ / ‖w‖", "values": moved_by},
    {"name": "Audit: gain of unfreezing", "values": audit, "lo": [None if a is None else a - 0.05 for a in audit],
     "hi": [None if a is None else a + 0.05 for a in audit], "unit": "%"},
]
cost = {"epochs": 10, "steps": 320, "head_parameters": 5130, "estimates": estimate_costs(
    layers, 512, TransferSpec(optim=OptimSpec(epochs=10)), Sizes(1000, 150, 300, 10, 3072), 0.02)}
st.set_page_config(layout="wide")
state.setdefault("boundary", min(4, depth))
state["runs"] = state.get("runs", 0) + 1
with st.container(border=True):
    moved = freeze_handle(
        layers, state["boundary"], key="handle", cost=cost if asked.get("cost") != "0" else None,
        overlays=overlays[:int(asked.get("lanes", 6))], compact="compact" in asked,
    )
if moved is not None:
    state["boundary"], state["moves"] = moved, state.get("moves", 0) + 1
if st.button("Set to 2"):
    state["boundary"] = 2
    st.rerun()
st.text(f"boundary={state['boundary']} runs={state['runs']} moves={state.get('moves', 0)}")
'''
APP = """
import streamlit as st
from tltk.dashboard.routes import routes

app = st.App("page.py", routes=routes)
"""
DEPTH = 9  # of its network where none is asked for
PREDICTED = "Predicted probe accuracy"
MIDDLES = """lane => {  // how far each point of a lane lies from the middle of its layer's bar
    const bars = lane.getRootNode().querySelectorAll('.bar'), middle = (box) => (box.left + box.right) / 2;
    return [...lane.querySelectorAll('.point')].map((point) =>
        middle(point.getBoundingClientRect()) - middle(bars[point.dataset.layer].getBoundingClientRect()));
}"""


@pytest.fixture(scope="session")
def overlay_url(browser: Any, start_app: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("overlays")
    (folder / "page.py").write_text(SCRIPT, encoding="utf-8")
    script = folder / "app.py"
    script.write_text(APP, encoding="utf-8")
    return start_app(script, folder / "home")


@pytest.fixture
def handle(new_page: Callable[..., Any], overlay_url: str) -> Any:
    page = new_page(overlay_url)
    slider(page).wait_for()
    return page


def lane(page: Any, name: str) -> Any:
    return page.locator(".lane", has_text=name)


def said(page: Any, name: str) -> str:
    return str(lane(page, name).locator(".value b").text_content())


def probe_at(page: Any, layer: int) -> str:
    """The probe accuracy at a layer, as the page writes it: read from Python's formula."""
    return f"{100 * (0.31 + 0.55 * math.sin(1.7 * layer / DEPTH) ** 1.2):.1f}%"


def apart(one: Any) -> float:
    """How far, at most, a lane's points are from the middles of their bars."""
    gaps = one.evaluate(MIDDLES)
    assert gaps, one.text_content()
    return max(abs(float(gap)) for gap in gaps)


@pytest.mark.browser
@pytest.mark.parametrize("query", ["", "net=three", "net=long", "compact=1&cost=0"])
def test_points_stand_over_their_bars(new_page: Any, overlay_url: str, query: str) -> None:
    page = new_page(f"{overlay_url}/?{query}")
    slider(page).wait_for()
    for width in (1400, 700, 1024):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("width => document.documentElement.clientWidth === width", arg=width)
        wait_until(lambda: all(apart(one) < 1.5 for one in page.locator(".lane").all()), 5, "lanes over bars")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
def test_the_prediction_follows_the_drag_and_python_hears_once(handle: Any) -> None:
    assert tile(handle, PREDICTED) == probe_at(handle, 3)
    press(handle, 7)
    assert tile(handle, PREDICTED) == probe_at(handle, 6) == said(handle, "Probe accuracy")
    assert tile(handle, PREDICTED) in slider(handle).get_attribute("aria-valuetext")
    assert said(handle, "CKA") == f"{1 - 0.7 * (6 / DEPTH) ** 2:.3g}"
    assert handle.get_by_text("boundary=4 runs=1 moves=0").is_visible()
    handle.mouse.move(*point_of(handle, 0), steps=5)
    assert tile(handle, PREDICTED) == "–"
    assert "nothing is frozen" in handle.locator(".figures div", has_text=PREDICTED).text_content()
    assert said(handle, "Probe accuracy") == probe_at(handle, 0)  # the first layer, where none is frozen
    handle.mouse.move(*point_of(handle, 2), steps=3)
    handle.mouse.up()
    expect_text(handle, "boundary=2 runs=2 moves=1")
    assert at(handle) == 2
    assert tile(handle, PREDICTED) == probe_at(handle, 1)


@pytest.mark.browser
def test_lanes_are_part_of_the_track(handle: Any) -> None:
    """A hand on a lane moves the handle too, whose line runs through them all."""
    top = lane(handle, "Probe accuracy").locator(".plot").bounding_box()
    line = slider(handle).bounding_box()
    assert line["y"] < top["y"]
    assert line["y"] + line["height"] > handle.locator(".bars").bounding_box()["y"]
    handle.mouse.click(top["x"] + top["width"] * 8 / 10, top["y"] + top["height"] / 2)
    expect_text(handle, "boundary=8 runs=2 moves=1")


@pytest.mark.browser
def test_the_mouse_asks_a_layer_without_moving_anything(handle: Any) -> None:
    x, y = point_of(handle, 7)
    handle.mouse.move(x + 20, y - 200)
    assert said(handle, "Probe accuracy") == probe_at(handle, 7)
    assert lane(handle, "Probe accuracy").locator(".value i").text_content() == "layer4.0"
    assert tile(handle, PREDICTED) == probe_at(handle, 3)
    handle.mouse.move(5, 5)
    assert said(handle, "Probe accuracy") == probe_at(handle, 3)
    assert at(handle) == 4


@pytest.mark.browser
def test_unknown_values_leave_gaps(handle: Any) -> None:
    audit = lane(handle, "Audit")
    drawn = audit.locator(".point").evaluate_all("points => points.map((p) => Number(p.dataset.layer))")
    assert drawn == [0, 1, 2, 4, 5, 6, 8, 9]
    assert audit.locator(".line").count() == 3
    assert lane(handle, "Probe accuracy").locator(".line").count() == 1
    assert said(handle, "Audit") == "–"
    assert "At layer2.0: not known" in audit.get_attribute("aria-label")
    assert audit.locator(".ring").is_hidden()


@pytest.mark.browser
def test_a_lane_says_its_name_its_range_and_its_value(handle: Any) -> None:
    label = handle.get_by_role("img", name="Probe accuracy").get_attribute("aria-label")
    assert label == (
        f"Probe accuracy, target by layer: from 31.0% to {max(probe_at(handle, i) for i in range(10))}. "
        f"At layer2.0: {probe_at(handle, 3)}."
    )
    assert handle.get_by_role("img").count() == 6
    assert lane(handle, "MMD").locator(".null").count() == 1
    assert lane(handle, "MMD").locator(".interval").count() == 0
    assert lane(handle, "Audit").locator(".interval").count() == 3
    assert lane(handle, "Probe accuracy").locator(".range").text_content() == "0 to 100%"


@pytest.mark.browser
def test_without_overlays_there_is_nothing_new(new_page: Any, overlay_url: str) -> None:
    page = new_page(f"{overlay_url}/?lanes=0")
    slider(page).wait_for()
    assert page.locator(".lanes, .lane, .overlaid").count() == 0
    assert page.locator(".track > *").count() == 2
    assert page.locator(".figures div").count() == 5
    assert "Predicted" not in slider(page).get_attribute("aria-valuetext")


@pytest.mark.browser
def test_without_costs_there_are_only_overlays(new_page: Any, overlay_url: str) -> None:
    page = new_page(f"{overlay_url}/?cost=0")
    slider(page).wait_for()
    assert page.locator(".figures dt").all_text_contents() == [PREDICTED]
    slider(page).focus()
    page.keyboard.press("End")
    assert page.locator(".side.training span").text_content() == "the head"
    expect_text(page, f"boundary={DEPTH} ")
    assert tile(page, PREDICTED) == probe_at(page, DEPTH)  # all is frozen: what enters the head counts


@pytest.mark.browser
def test_a_finger_on_a_lane(new_page: Any, overlay_url: str) -> None:
    page = new_page(overlay_url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    slider(page).wait_for()
    touch = page.context.new_cdp_session(page)
    (x, _), (goal, _) = point_of(page, 4), point_of(page, 8)
    y = lane(page, "MMD").bounding_box()["y"] + 30
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for i in range(1, 7):
        finger = {"x": x + (goal - x) * i / 6, "y": y + i}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [finger]})
    expect_text(page, "8 of 9 frozen")
    assert tile(page, PREDICTED) == probe_at(page, 7)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_text(page, "boundary=8 runs=2 moves=1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# -- what Python gives it -----------------------------------------------------------------------------------


def test_overlays_reach_the_browser_as_plain_numbers() -> None:
    values: Any = [np.float32(0.5), None, 1]
    assert check_overlays([{"name": "Probe", "values": values, "unit": "%", "predicts": True}], 3) == [
        {"name": "Probe", "unit": "%", "span": None, "series": None, "predicts": True, "values": [0.5, None, 1.0]}
    ]
    assert check_overlays([{"name": "Probe", "values": [0.0] * 4, "span": (0, 1)}], 3)[0]["span"] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            {"values": [1, 2]},
            "values of overlay 'Probe' must have 3 numbers, one per layer, or 4 with the head's. Got 2.",
        ),
        ({"values": [1, 2, float("nan")]}, "must be finite numbers, or None where a layer has none. Got nan."),
        ({"values": [1, 2, "3"]}, "Got '3'."),
        ({"lo": [0, 0, 0]}, "lo and hi of overlay 'Probe' must come together. Got one of them."),
        ({"null_hi": [0, 0, 0]}, "null_lo and null_hi of overlay 'Probe' must come together."),
        ({"lo": [0] * 4, "hi": [0] * 4}, "lo of overlay 'Probe' must be as many as its values, 3. Got 4."),
        ({"unit": "GB"}, "The unit of overlay 'Probe' must be % or empty. Got 'GB'."),
        ({"span": (1, 0)}, "span of overlay 'Probe' must be two numbers, the lower first. Got (1, 0)."),
    ],
)
def test_what_does_not_fit_is_said(wrong: dict[str, Any], sentence: str) -> None:
    overlay: Overlay = {"name": "Probe", "values": [1, 2, 3]}
    with pytest.raises(BadSpec, match=re.escape(sentence)):
        check_overlays([{**overlay, **wrong}], 3)  # type: ignore[typeddict-item]


def test_one_overlay_predicts() -> None:
    with pytest.raises(BadSpec, match="At most one overlay can predict"):
        check_overlays([{"name": "a", "values": [1], "predicts": True}] * 2, 1)

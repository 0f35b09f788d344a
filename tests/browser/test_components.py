"""The freeze handle and the plot in a real Chromium: what a hand does reaches Python, and nothing jumps."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from tests.support.components import at, expect_text, point_of, press, slider, tile
from tltk.plots.theme import PALETTE
from tltk.results.rows import Row
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "home"


@pytest.fixture(scope="session")
def handle_url(browser: Any, start_app: Callable[..., str], demo_home: Path) -> str:
    return start_app(HERE / "demo_handle.py", demo_home)


@pytest.fixture(scope="session")
def plot_url(browser: Any, start_app: Callable[..., str], demo_home: Path) -> str:
    return start_app(HERE / "demo_plot.py", demo_home)


# -- the freeze handle ------------------------------------------------------------------------------------


# What demo_handle.py shows: FLOPs per layer of one picture.
FLOPS = [8e6 + 2 * p for p in (9_536, 73_984, 73_984, 230_144, 295_424, 919_040, 1_180_672, 3_673_088, 4_720_640)] + [
    2 * 512 * 10
]


def gflop(flops: float) -> str:
    return f"≈ {flops / 1e9:.2f} GFLOP"


def note(page: Any, name: str) -> str:
    return str(page.locator(".figures div", has_text=name).locator("dd").last.text_content())


@pytest.fixture
def handle(new_page: Callable[..., Any], handle_url: str) -> Any:
    page = new_page(handle_url)
    slider(page).wait_for()
    return page


def test_a_drag_reaches_python_once_on_release(handle: Any) -> None:
    press(handle, 7)
    assert at(handle) == 7
    assert handle.get_by_text("boundary=4 runs=1 moves=0").is_visible()  # no run of the page while dragging
    handle.mouse.up()
    expect_text(handle, "boundary=7 runs=2 moves=1")
    assert at(handle) == 7


def test_figures_follow_the_drag(handle: Any) -> None:
    assert tile(handle, "Compute per step") == gflop(3 * sum(FLOPS[4:]) * 32)
    assert tile(handle, "One epoch") == f"≈ {3 * sum(FLOPS[4:]) * 1000 / 1e9 * 0.02:.1f} s"
    assert tile(handle, "Trainable parameters") == "10.8 M"
    assert tile(handle, "Feature bank") == "≈ 95 MB"  # 4 bytes · 16,384 numbers · 1,450 pictures
    assert note(handle, "Feature bank").endswith("to build, once, if the check of the cut passes")
    press(handle, 9)
    assert note(handle, "Feature bank").endswith("to build, once")  # what enters the head needs no check
    assert tile(handle, "Trainable parameters") == "5.13 k"
    assert tile(handle, "Compute per step") == "≈ 0.983 MFLOP"  # of the head
    assert "feature extraction" in slider(handle).get_attribute("aria-valuetext")
    assert handle.locator(".tag").text_content() == "9 of 9 frozen"
    handle.mouse.move(*point_of(handle, 0), steps=4)
    assert tile(handle, "Feature bank") == "none"
    assert "Nothing is frozen" in slider(handle).get_attribute("aria-valuetext")
    handle.mouse.up()
    expect_text(handle, "boundary=0 runs=2 moves=1")


def test_without_a_cache_frozen_layers_cost_their_forward_pass(new_page: Any, handle_url: str) -> None:
    page = new_page(handle_url + "/?cached=0")
    slider(page).wait_for()
    assert tile(page, "Compute per step") == gflop((sum(FLOPS) + 2 * sum(FLOPS[4:])) * 32)
    assert tile(page, "Feature bank") == "off"


def test_keys_move_the_handle(handle: Any) -> None:
    slider(handle).focus()
    strokes = (
        ("ArrowLeft", 3),
        ("ArrowRight", 4),
        ("PageUp", 5),
        ("PageUp", 7),
        ("PageDown", 5),
        ("Home", 0),
        ("PageUp", 1),
        ("End", 9),
        ("ArrowRight", 9),
        ("PageDown", 7),
    )
    for key, boundary in strokes:
        handle.keyboard.press(key)
        assert at(handle) == boundary
        expect_text(handle, f"boundary={boundary} ")


def test_a_held_key_sends_one_value(handle: Any) -> None:
    slider(handle).focus()
    for _ in range(5):
        handle.keyboard.press("ArrowRight")
    handle.keyboard.press("ArrowRight")
    handle.keyboard.press("ArrowLeft")
    expect_text(handle, "boundary=8 runs=2 moves=1")


def test_escape_gives_the_old_boundary_back(handle: Any) -> None:
    press(handle, 8)
    handle.keyboard.press("Escape")
    assert at(handle) == 4
    handle.mouse.up()
    handle.keyboard.press("ArrowLeft")
    handle.keyboard.press("Escape")
    assert at(handle) == 4
    handle.get_by_role("button", name="Set to 2").click()  # Python alone moves it, and nothing was sent
    expect_text(handle, "boundary=2 runs=3 moves=0")
    handle.wait_for_function("""() => {
        const inner = [...document.querySelectorAll('*')].find((n) => n.shadowRoot?.querySelector('.freeze'));
        return inner.shadowRoot.querySelector('[role=slider]').ariaValueNow === '2';
    }""")


def test_back_and_forth_between_hand_and_python(handle: Any) -> None:
    for moves, k in enumerate((6, 4, 6), start=1):
        press(handle, k)
        handle.mouse.up()
        expect_text(handle, f"boundary={k} runs={moves + 1} moves={moves}")
    handle.get_by_role("button", name="Set to 2").click()
    expect_text(handle, "boundary=2 runs=6 moves=3")
    press(handle, 6)  # the value that Python undid can be chosen again
    handle.mouse.up()
    expect_text(handle, "boundary=6 runs=7 moves=4")


def test_a_finger_drags_it(new_page: Callable[..., Any], handle_url: str) -> None:
    page = new_page(handle_url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    slider(page).wait_for()
    touch = page.context.new_cdp_session(page)
    (x, y), (goal, _) = point_of(page, 4), point_of(page, 8)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for i in range(1, 7):
        finger = {"x": x + (goal - x) * i / 6, "y": y + 3 * i}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [finger]})
    expect_text(page, "8 of 9 frozen")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_text(page, "boundary=8 runs=2 moves=1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_disabled_stays(new_page: Callable[..., Any], handle_url: str) -> None:
    page = new_page(handle_url + "/?off=1")
    slider(page).wait_for()
    press(page, 8)
    page.mouse.up()
    slider(page).focus()
    page.keyboard.press("End")
    assert at(page) == 4
    assert slider(page).get_attribute("aria-disabled") == "true"


@pytest.mark.parametrize(("width", "narrow"), [(1400, True), (390, True)])
def test_eighty_layers_fit(new_page: Callable[..., Any], handle_url: str, width: int, narrow: bool) -> None:
    page = new_page(handle_url + "/?net=long", viewport={"width": width, "height": 844})
    slider(page).wait_for()
    assert page.locator(".freeze.narrow").count() == narrow
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    slider(page).focus()
    page.keyboard.press("PageUp")
    assert "training from stages.1.blocks.0" in slider(page).get_attribute("aria-valuetext")


def test_dark_theme_changes_the_pair_of_colours(new_page: Callable[..., Any], handle_url: str) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page = new_page(handle_url, color_scheme=scheme)
        slider(page).wait_for()
        assert page.locator(".freeze").get_attribute("data-theme") == scheme
        colours[scheme] = page.locator(".side.frozen b").evaluate("node => getComputedStyle(node).color")
    assert colours == {theme: f"rgb{tuple(bytes.fromhex(PALETTE[theme]['frozen'][1:]))}" for theme in ("light", "dark")}


def test_bars_fade_only_where_motion_is_not_unwelcome(new_page: Callable[..., Any], handle_url: str) -> None:
    lasts = {}
    for motion in ("reduce", "no-preference"):
        page = new_page(handle_url, reduced_motion=motion)
        slider(page).wait_for()
        lasts[motion] = page.locator(".bar").first.evaluate("bar => getComputedStyle(bar).transitionDuration")
    assert lasts == {"reduce": "0s", "no-preference": "0.12s"}


def test_a_component_whose_modules_do_not_come_says_so(browser: Any, handle_url: str, plot_url: str) -> None:
    for url in (handle_url, plot_url):
        context = browser.new_context(base_url=url)
        try:
            context.route("**/tltk/modules/**", lambda route: route.abort())
            page = context.new_page()
            page.goto(url)
            expect_text(page, "This part of the page could not be loaded. Reload the page.")
        finally:
            context.close()


def test_scripts_come_from_this_server_alone(new_page: Callable[..., Any], handle_url: str) -> None:
    page = new_page(handle_url)
    slider(page).wait_for()
    found = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    asked = [url for url in found if "/tltk/" in url]
    assert {url.rpartition("/")[2] for url in asked} >= {"index.js", "lanes.js", "paths.js", "words.js", "format.js"}
    assert all(url.startswith((handle_url, f"blob:{handle_url}", "data:")) for url in found), found


# -- the plot -----------------------------------------------------------------------------------------------

LINES = "() => (document.querySelector('.js-plotly-plot')?.data ?? []).map((t) => t.x.length)"
POINT = """() => {  // where the eighth point lies on the screen
    const chart = document.querySelector('.js-plotly-plot'), { xaxis, yaxis } = chart._fullLayout;
    const box = chart.querySelector('.nsewdrag').getBoundingClientRect(), { x, y } = chart.data[0];
    return [box.left + xaxis.l2p(x[7]), box.top + yaxis.l2p(y[7])];
}"""
RANGE = "() => document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range"


@pytest.fixture
def run(demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that this process pretends to be training."""
    monkeypatch.setenv("TLTK_HOME", str(demo_home))
    run = Run.create(TransferSpec(seed=int.from_bytes(os.urandom(3), "big")))
    born = psutil.Process().create_time()
    run.write_status(state="running", pid=os.getpid(), pid_born=born, epochs=10)
    return run


def train(run: Run, steps: range) -> None:
    rows = (Row(s, s, s / 10, "val", "accuracy", 1 - 0.9**s) for s in steps)
    with (run.path / "rows.jsonl").open("ab") as file:
        file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def wait_points(page: Any, *lengths: int) -> None:
    page.wait_for_function(f"({LINES})().join() === '{','.join(map(str, lengths))}'", timeout=15_000)


def test_a_chart_is_drawn_from_our_own_plotly(new_page: Callable[..., Any], plot_url: str) -> None:
    page = new_page(plot_url)
    wait_points(page, *[30] * 6)
    legend = page.evaluate("document.querySelectorAll('.js-plotly-plot .legend .traces').length")
    assert legend == 2  # one entry an arm
    assert page.get_by_role("figure", name="Accuracy of both arms over steps.").is_visible()
    page.get_by_text("Show as a table").click()
    page.locator(".tltk-plot td", has_text="transfer · seed 2").first.wait_for()
    assert page.locator(".tltk-plot tr").count() == 181
    assert page.locator(".tltk-plot th").all_text_contents() == ["line", "step", "validation accuracy"]


def test_names_in_a_chart_are_text(
    new_page: Callable[..., Any], start_app: Callable[..., str], demo_home: Path
) -> None:
    name = '<a href="http://evil.example">d</a><b>e</b>&lt;f%{x}'
    page = new_page(start_app(HERE / "demo_names.py", demo_home))
    page.locator(".tltk-plot svg text", has_text="Accuracy").first.wait_for()
    page.locator(".tltk-plot svg text", has_text="Share of").first.wait_for()
    seen = [text.replace("\u2060", "") for text in page.locator(".tltk-plot svg text").all_text_contents()]
    assert name in seen and name[:20] in seen and "<b>b</b>&amp;" in seen
    assert page.locator(".tltk-plot svg a").count() == 0
    assert page.locator('.tltk-plot svg tspan[style*="bold"]').count() == 0
    page.get_by_text("Show as a table").last.click()
    page.locator(".tltk-plot td", has_text="evil.example").first.wait_for()


def test_zoom_and_legend_survive_live_points_and_the_end_is_told_once(
    new_page: Callable[..., Any], plot_url: str, run: Run
) -> None:
    train(run, range(1, 21))
    page = new_page(f"{plot_url}/?run={run.id}")
    wait_points(page, 20)
    zoom = "{'xaxis.range': [5, 12], 'yaxis.range': [0, 1]}"
    page.evaluate(f"Plotly.relayout(document.querySelector('.js-plotly-plot'), {zoom})")
    page.mouse.move(*page.evaluate(POINT))
    page.locator(".hoverlayer .hovertext").wait_for()
    for last in (30, 40, 50):
        train(run, range(last - 9, last + 1))
        wait_points(page, last)
        assert page.evaluate(RANGE) == [5, 12]
        page.locator(".hoverlayer .hovertext").wait_for()  # the mouse rests, the label stays
    assert page.get_by_text("runs=1 finished=0").is_visible()
    run.write_status(state="done", epoch=10)
    expect_text(page, "runs=2 finished=1")
    assert page.evaluate(RANGE) == [5, 12]
    page.get_by_role("button", name="Run again").click()
    expect_text(page, "runs=3 finished=1")
    assert page.evaluate(RANGE) == [5, 12]
    wait_points(page, 50)


def test_a_resumed_run_begins_its_line_anew(new_page: Callable[..., Any], plot_url: str, run: Run) -> None:
    train(run, range(1, 21))
    page = new_page(f"{plot_url}/?run={run.id}")
    wait_points(page, 20)
    (run.path / "rows.jsonl").write_bytes(b"")
    train(run, range(1, 8))
    wait_points(page, 7)


def test_lost_connections_are_mended_quietly(new_page: Callable[..., Any], plot_url: str, run: Run) -> None:
    train(run, range(1, 6))
    page = new_page(f"{plot_url}/?run={run.id}")
    wait_points(page, 5)
    page.context.route("**/tltk/live/**", lambda route: route.abort())
    expect_text(page, "Reconnecting")
    train(run, range(6, 11))
    page.context.unroute("**/tltk/live/**")
    wait_points(page, 10)
    expect_text(page, "Training")


def test_a_run_that_is_not_there_yet_is_waited_for(new_page: Callable[..., Any], plot_url: str, run: Run) -> None:
    hidden = run.path.with_name("hidden")
    run.path.rename(hidden)
    page = new_page(f"{plot_url}/?run={run.id}")
    expect_text(page, "Reconnecting")
    hidden.rename(run.path)
    train(run, range(1, 4))
    wait_points(page, 3)


def test_colours_that_python_chose_follow_the_dark_theme(
    new_page: Callable[..., Any], start_app: Callable[..., str], demo_home: Path
) -> None:
    for scheme in ("light", "dark"):
        page = new_page(start_app(HERE / "demo_names.py", demo_home), color_scheme=scheme)
        page.locator(".js-plotly-plot").nth(1).wait_for()
        page.wait_for_function("document.querySelectorAll('.js-plotly-plot')[1].data?.length === 2")
        drawn = page.evaluate("""() => [...document.querySelectorAll('.js-plotly-plot')].map(
            (chart) => chart.data.map((trace) => trace.line?.color ?? trace.marker.color))""")
        assert drawn == [[PALETTE[scheme]["target"]], PALETTE[scheme]["series"][:2]]


def test_the_chart_follows_the_dark_theme(new_page: Callable[..., Any], plot_url: str) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page = new_page(plot_url, color_scheme=scheme)
        wait_points(page, *[30] * 6)
        colours[scheme] = page.evaluate("""() => Object.fromEntries(
            document.querySelector('.js-plotly-plot').data.map((t) => [t.legendgroup, t.line.color]))""")
    assert colours == {
        theme: {"scratch": PALETTE[theme]["scratch"], "transfer": PALETTE[theme]["series"][0]} for theme in colours
    }

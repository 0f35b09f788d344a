"""The dashboard as its users meet it: the first minute, the handle, a reload, a second tab, Stop."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.server
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.conftest import wait_until
from tests.support.app import ROOT, address, no_error
from tests.support.app import _its_home as _its_home
from tests.support.app import app_home as app_home
from tests.support.app import app_url as app_url
from tests.support.contrast import pale_text
from tltk.runs.run import Run, all_runs
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


def points(page: Any) -> int:
    """How many points the charts of the page show."""
    return int(
        page.evaluate(
            """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p.data)
                .reduce((n, t) => n + (t.x ? t.x.length : 0), 0)"""
        )
    )


def test_the_first_minute(new_page: Callable[..., Any], app_url: str) -> None:
    """One click on a first visit: pictures, layers and curves that grow, then a verdict with its figures."""
    page = new_page(app_url)
    page.get_by_role("button", name="Compare with scratch").click()
    first = wait_until(lambda: points(page), 120, "the first point of a curve")
    wait_until(lambda: points(page) > first, 60, "the curves to grow")
    page.get_by_text("95% interval").first.wait_for(timeout=300_000)
    [run] = [r for r in all_runs() if isinstance(r.spec, CompareSpec)]
    verdict = run.result()["verdict"]  # type: ignore[index]
    text = page.inner_text("body")
    sentence = verdict["sentence"].removeprefix(f"Transfer {verdict['label']}: ")
    assert f"Transfer {verdict['label']}" in text or verdict["label"].capitalize() in text
    assert sentence[1:60] in text
    if verdict["remarks"]:
        assert verdict["remarks"][0] in text
    assert verdict["seeds"] == [0, 1, 2] and verdict["n_test"] > 700
    assert f"run={run.id}" in address(page)
    assert page.get_by_role("slider", name="Freeze boundary").count() == 1, "the layers were measured meanwhile"
    wait_until(lambda: page.locator(".maps img").count() >= 10, 60, "what each layer makes of a picture")
    page.get_by_role("group", name="Pictures of the source").get_by_role("button").nth(3).click()
    page.locator(".wb-picture img[alt='The picture, 3']").wait_for(timeout=60_000)
    for width, height in ((1440, 900), (1024, 768)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(500)
        seen = page.evaluate(PANES)
        assert seen["wide"] <= width and not seen["cut"], seen
        assert seen["panes"] == ["data", "network", "result", "embedding", "flips", "confusion", "picture"]
        assert seen["high"] <= height or width < 1200, "all is seen at once"
    no_error(page)


# How large the page is, its panes, and what of them is cut: wider than its place, or under what scrolls away.
PANES = """() => {
  const main = document.querySelector("[data-testid=stMain]"), all = [...document.querySelectorAll("[class*=st-key-wb-pane-]")];
  const name = (node) => /st-key-wb-pane-(\\w+)/.exec(node.className)[1];
  const cut = all.filter((node) => node.scrollWidth > node.clientWidth || node.scrollHeight > node.clientHeight + 4);
  return { high: main.scrollHeight, wide: main.scrollWidth, panes: all.map(name), cut: cut.map(name) };
}"""


def test_the_handle_sets_plan_url_and_run(new_page: Callable[..., Any], app_url: str) -> None:
    page = new_page(f"{app_url}/design")
    handle = page.get_by_role("slider", name="Freeze boundary")
    handle.wait_for(timeout=90_000)
    box, depth = handle.bounding_box(), int(handle.get_attribute("aria-valuemax"))
    assert depth == 5 and handle.get_attribute("aria-valuenow") == "0"
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 70):
        page.mouse.move(x + 16 * step, y)
        if int(handle.get_attribute("aria-valuenow")) == 3:
            break
    page.mouse.up()
    wait_until(lambda: "boundary=3" in address(page), 20, "the URL to show the boundary")
    shown = "() => [...document.querySelectorAll('input')].some(i => i.value.startsWith('3: frozen up to layer2'))"
    wait_until(lambda: page.evaluate(shown), 20, "the menu beside the handle to agree")
    handle.press("ArrowLeft")
    wait_until(lambda: "boundary=2" in address(page), 20, "the URL to follow the arrow key")
    page.get_by_role("button", name="Compare with scratch").click()
    runs = wait_until(
        lambda: [r for r in all_runs() if isinstance(r.spec, CompareSpec) and r.spec.net.boundary == 2],
        20,
        "the launched run",
    )
    page.get_by_role("button", name="Stop training").first.wait_for(timeout=30_000)
    page.get_by_role("button", name="Stop training").first.click()
    wait_until(lambda: runs[0].status.state == "stopped", 60, "the run to stop")
    no_error(page)


def test_a_shared_link_opens_the_plan_on_a_fresh_page(new_page: Callable[..., Any], app_url: str) -> None:
    page = new_page(f"{app_url}/design?boundary=4&strategy=lp_ft&epochs=12")
    handle = page.get_by_role("slider", name="Freeze boundary")
    consent = page.get_by_role("button", name=re.compile("^(Make them|Measure it)$")).or_(handle)
    consent.first.wait_for(timeout=60_000)
    while not handle.count() and consent.count():  # on a fresh home a link asks before it computes
        consent.first.click()
        page.wait_for_timeout(500)
    handle.wait_for(timeout=60_000)
    assert page.get_by_role("slider", name="Freeze boundary").get_attribute("aria-valuenow") == "4"
    assert "LP-FT" in page.inner_text("body")
    no_error(page)


# The user allowed notifications and looks at another window; what is shown is written down.
LOOKS_ELSEWHERE = """
  window.told = [];
  window.Notification = class { static permission = "granted"; constructor(_, { body }) { window.told.push(body); } };
  document.hasFocus = () => false;
"""


def test_reload_second_tab_and_stop(new_page: Callable[..., Any], app_url: str) -> None:
    """A training belongs to no page: it goes on over a reload, another tab sees it and can stop it, and the first hears."""
    from tltk.jobs import Local, queue

    spec = TransferSpec(
        target=DataSpec("digits", size=32), net=NetSpec(backbone="test_resnet", boundary=2), optim=OptimSpec(epochs=400)
    )
    run: Run = Local().submit(spec)
    one = new_page(f"{app_url}/train?run={run.id}")
    before = wait_until(lambda: points(one), 90, "the first point")
    one.add_init_script(LOOKS_ELSEWHERE)
    one.reload()
    wait_until(lambda: points(one) > before, 60, "more points after the reload")
    assert run.status.state == "running"
    one.get_by_role("button", name="Notify me").click()
    one.get_by_role("button", name="Will notify").wait_for(timeout=20_000)
    two = new_page(f"{app_url}/train?run={run.id}")
    wait_until(lambda: points(two) > before, 60, "the second tab to show the same run")
    assert run.id[:6] in one.inner_text("body") and run.id[:6] in two.inner_text("body")
    two.get_by_text("bit for bit").first.wait_for(timeout=30_000)
    drag_in_the_queue(two, spec)
    two.get_by_role("button", name="Stop training").first.click()
    wait_until(lambda: run.status.state == "stopped", 60, "the run to stop")
    told = wait_until(lambda: one.evaluate("window.told"), 60, "the notification")
    assert len(told) == 1 and "Stopped" in told[0]
    resume = one.get_by_role("button", name="Resume").first
    resume.wait_for(timeout=60_000)
    wait_until(lambda: not queue.jobs(), 60, "the supervisor to note the end")
    steps = run.rows()[0][-1].step
    resume.click()
    # It begins anew at its last checkpoint, which may lie some epochs back.
    wait_until(lambda: (rows := run.rows()[0]) and rows[-1].step > steps, 150, "the run to go on")
    Local().cancel(run.id)
    wait_until(lambda: run.status.state == "stopped", 60, "the run to stop again")
    no_error(one)
    no_error(two)


def drag_in_the_queue(page: Any, spec: TransferSpec) -> None:
    """While one trains, two that wait are put into another order by the mouse and back by keys, and are taken off."""
    from tltk.jobs import Local, queue

    first, last = (Local().submit(dataclasses.replace(spec, seed=seed)).id for seed in (1, 2))

    def order() -> list[str]:
        return [job.run for job in queue.jobs() if job.state == "queued"]

    page.get_by_role("button", name="2 waiting").click()
    rows = page.locator(".waiting li")
    rows.nth(1).wait_for(timeout=20_000)
    held, goal = (rows.nth(i).locator(".title").bounding_box() for i in (1, 0))
    page.mouse.move(held["x"] + 10, held["y"] + 5)
    page.mouse.down()
    page.mouse.move(goal["x"] + 10, goal["y"] - 5, steps=6)
    assert rows.nth(0).get_attribute("data-id") == last and order() == [first, last], "Python hears on release"
    page.mouse.up()
    wait_until(lambda: order() == [last, first], 20, "the engine's order to change")
    page.keyboard.press("Alt+ArrowDown")
    wait_until(lambda: order() == [first, last], 20, "the order to be what it was")
    assert "place 2 of 2" in page.locator(".waiting [role=status]").text_content()
    page.locator(f".waiting [data-id='{first}']").get_by_role("button", name="Take off").click()
    wait_until(lambda: order() == [last], 20, "one to be taken off")
    Local().cancel(last)
    page.keyboard.press("Escape")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["", "design", "train", "curves", "runs"])
def test_pages_fit_a_narrow_screen(new_page: Callable[..., Any], app_url: str, name: str, scheme: str) -> None:
    page = new_page(f"{app_url}/{name}", viewport={"width": 1024, "height": 768}, color_scheme=scheme)
    page.locator("h1").first.wait_for(timeout=30_000)
    wide = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= 1024 + 1
    no_error(page)


def test_the_numbers_of_a_training_follow_its_curves(new_page: Callable[..., Any], app_url: str) -> None:
    import msgspec
    import psutil

    from tltk.jobs import queue
    from tltk.results.rows import Row

    run = Run.create(TransferSpec(target=DataSpec("digits", size=16), seed=4711))

    def epoch(number: int) -> None:
        rows = [Row(number, 5 * number, 1.0 * number, s, "accuracy", number / 10) for s in ("train", "val")]
        with (run.path / "rows.jsonl").open("ab") as file:
            file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        run.write_status(
            state="running", epoch=number, epochs=8, pid=os.getpid(), pid_born=psutil.Process().create_time()
        )

    epoch(1)
    page = new_page(f"{app_url}/train?run={run.id}")
    metrics = "() => [...document.querySelectorAll('[data-testid=stMetricValue]')].map(e => e.innerText.trim())"
    wait_until(lambda: page.evaluate(metrics)[:2] == ["1 of 8", "10.0%"], 30, "the first numbers")
    epoch(2)
    wait_until(lambda: page.evaluate(metrics)[:2] == ["2 of 8", "20.0%"], 15, "the numbers to follow")
    run.write_status(state="stopped")
    assert not queue.jobs()
    # A chart that is not drawn yet has no curves.
    colours = "() => (document.querySelector('.js-plotly-plot')?.data ?? []).map(t => [t.name, t.line?.color])"
    while_live = dict(wait_until(lambda: page.evaluate(colours), 15, "the live curves"))
    with (run.path / "rows.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(Row(2, 10, 3.0, "test", "accuracy", 0.3)) + b"\n")
    page = new_page(f"{app_url}/train?run={run.id}")
    wait_until(lambda: len(page.evaluate(colours)) == 3, 30, "the curve of the test part")
    assert {name: colour for name, colour in page.evaluate(colours) if name != "test"} == while_live
    no_error(page)


def test_leaving_a_chart_leaves_no_error_in_the_console(new_page: Callable[..., Any], app_url: str) -> None:
    run = next(r for r in all_runs() if isinstance(r.spec, TransferSpec) and r.rows()[0])
    page = new_page(f"{app_url}/train?run={run.id}")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    wait_until(lambda: points(page), 60, "the chart")
    page.get_by_role("link", name="Runs").click()
    page.get_by_role("heading", name="Runs").wait_for()
    page.wait_for_timeout(500)
    assert not [text for text in said if "cleanup" in text or "selector" in text]


def test_names_bring_no_picture_and_no_link(new_page: Callable[..., Any], app_url: str, app_home: Path) -> None:
    """Of a stranger's file, a network in a link, and a message; every request of the pages is written down."""
    name = "![x](http://evil.example/a.png) [Sign in](http://evil.example/b) <img src=http://evil.example/c.png> www.evil.example"
    run = Run.create(TransferSpec(target=DataSpec("digits", size=16), seed=4712))
    run.write_status(state="failed", message=name)
    for path in (
        f"train?run={run.id}",
        f"design?backbone={quote(name)}",
        f"train?run={quote(name)}",
        f"domains?target={quote(f'folder:{ROOT}/{name}')}",
    ):
        page = new_page(app_url)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(f"{app_url}/{path}")
        page.wait_for_function("() => document.body.innerText.includes('Sign in')", timeout=60_000)
        assert not page.locator("a[href*='evil.example'], img[src*='evil.example']").count()
        assert not [url for url in asked if not url.startswith(app_url) and not url.startswith(("data:", "blob:"))]


def test_no_other_page_can_frame_ours(new_page: Callable[..., Any], app_url: str, browser: Any) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<h1>Other</h1><iframe src="{app_url}/domains?target=folder:/etc"></iframe>'.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        before = len(all_runs())
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://localhost:{server.server_port}/")
        page.wait_for_timeout(3000)
        assert all("stApp" not in frame.content() for frame in page.frames)
        assert len(all_runs()) == before
        context.close()
    finally:
        server.shutdown()
        server.server_close()


def test_every_answer_of_the_server_is_guarded(app_url: str) -> None:
    own = app_url.removeprefix("http://")

    def ask(path: str, host: str, **more: str) -> tuple[int, dict[str, str], bytes]:
        with contextlib.closing(http.client.HTTPConnection(own, timeout=20)) as connection:
            connection.putrequest("GET", path, skip_host=True)
            for name, value in {"Host": host, **more}.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            reply = connection.getresponse()
            return (
                reply.status,
                {k.lower(): v for k, v in reply.getheaders()},
                b"" if "Upgrade" in more else reply.read(),
            )

    for path in (
        "/",
        "/train",
        "/_stcore/health",
        "/_stcore/host-config",
        "/tltk/plotly.js",
        "/tltk/live/abcdef",
        "/no/thing",
    ):
        for host, status in ((own, 0), ("evil.example", 400)):
            got, headers, body = ask(path, host)
            assert "frame-ancestors 'none'" in headers["content-security-policy"], path
            assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff", path
            assert (got == 400 and b"TLTK_HOSTS" in body) == (status == 400), path
    wish = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert ask("/_stcore/stream", own, **wish)[0] == 101
    assert ask("/_stcore/stream", "evil.example", **wish)[0] == 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_in_either_theme(new_page: Callable[..., Any], app_url: str, scheme: str) -> None:
    page = new_page(f"{app_url}/start", color_scheme=scheme)  # which is led to the first page
    page.get_by_role("button", name="Compare with scratch").wait_for(timeout=60_000)
    assert "not found" not in page.inner_text("body")
    assert pale_text(page, 21) and pale_text(page) == []
    page.goto(f"{app_url}/design")
    page.get_by_role("slider", name="Freeze boundary").wait_for(timeout=90_000)
    page.evaluate("() => document.querySelectorAll('details:not([open]) > summary').forEach((node) => node.click())")
    wait_until(lambda: page.locator(".token.keyword").count(), 30, "code")
    assert pale_text(page) == []
    no_error(page)

"""How soon the dashboard answers a hand, in a real Chromium beside a training: pages, handle, figures, live curves.

Each is timed as its user sees it: from the click to the drawn page, from the released handle to the plan in the address,
which Python writes, from a row in a run's file to its point in the chart. The first page is timed from `tltk app` on, and the
first visit counted in bytes as they come over the line.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
from PIL import Image

from tests.benchmarks.rounds import own_home, table
from tests.browser.conftest import CHROMIUM, FLAGS, READY
from tests.support.depth_pages import SHARED, embedding_known, profile_known
from tests.support.domain_pages import known
from tests.support.pages import answered, network_known
from tests.support.results import embedded
from tltk.analyses.embed.result import Frame
from tltk.analyses.embed.spec import EmbedSpec
from tltk.dashboard.plan import FIRST
from tltk.jobs import executor
from tltk.results.rows import ACROSS
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec

ROOT = Path(__file__).parents[2]
SWITCHES = ("domains", "design", "layers", "shift", "runs", "studies", "train")
# Points of the chart of curves, and their last x.
POINTS = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p.data)
    .reduce((n, t) => n + (t.x ? t.x.length : 0), 0)"""
# The sentence above the pictures within a loop.
SELECTED = """() => [...document.querySelectorAll('[data-testid=stMarkdown]')].map(e => e.innerText)
    .find(t => t.includes('pictures selected')) ?? ''"""


def answers() -> None:
    """What the pages show is there: pictures, layers, an embedding."""
    network_known()
    network_known(FIRST.target.size)
    assert FIRST.source is not None
    for side in (FIRST.target, FIRST.source):
        known(side)
    profile_known()
    embedding_known("pca")


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_healthy(url: str) -> bool:
    """Whether the server there answers."""
    try:
        urllib.request.urlopen(f"{url}/_stcore/health", timeout=2)
    except OSError:
        return False
    return True


def until(condition: Callable[[], Any], seconds: float = 60) -> float:
    """Seconds until it holds."""
    begun = time.perf_counter()
    while not condition():
        if time.perf_counter() - begun > seconds:
            return float("nan")
        time.sleep(0.005)
    return time.perf_counter() - begun


def switches(page: Any, url: str, rounds: int) -> list[float]:
    """From the click on a page's name to its title, drawn and at rest."""
    times = []
    for _ in range(rounds):
        for name in SWITCHES:
            link = page.locator(f"a[href$='/{name}']").first
            before = page.locator("h1").first.inner_text()
            begun = time.perf_counter()
            link.click()
            page.wait_for_function(
                "before => document.querySelector('h1') && document.querySelector('h1').innerText !== before",
                arg=before,
                polling=10,
            )
            page.wait_for_function(READY, polling=10)
            times.append(time.perf_counter() - begun)
            page.wait_for_timeout(300)
    return times[len(SWITCHES) :] or times  # the first round loads what is loaded once


def handle(page: Any, url: str, rounds: int) -> list[float]:
    """From the release of the handle to the boundary in the address, which Python writes.

    An arrow key takes 180 ms more: so long it waits for another, and for Escape.
    """
    page.goto(f"{url}/design")
    one = page.get_by_role("slider", name="Freeze boundary")
    one.wait_for(timeout=60_000)
    page.wait_for_function(READY)
    times = []
    for number in range(rounds * 4):
        goal = 1 + number % 4
        box = one.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        side = 1 if goal > int(one.get_attribute("aria-valuenow")) else -1
        for step in range(1, 100):
            page.mouse.move(x + side * 12 * step, y)
            if int(one.get_attribute("aria-valuenow")) == goal:
                break
        begun = time.perf_counter()
        page.mouse.up()
        page.wait_for_function(f"() => location.href.includes('boundary={goal}')", polling=5)
        times.append(time.perf_counter() - begun)
        page.wait_for_function(READY)
        page.wait_for_timeout(200)
    return times


def figures(page: Any, url: str, rounds: int) -> list[float]:
    """From the choice of another colouring of a kept embedding to its drawing."""
    page.goto(f"{url}/layers")
    page.wait_for_function(READY)
    page.locator("[aria-label*='pictures as points'] .scatterlayer").first.wait_for(timeout=30_000)
    times = []
    for number in range(rounds * 2):
        words = ("domain", "class")[number % 2]
        button = page.get_by_role("radio", name=words, exact=False)
        if not button.count():
            return []
        begun = time.perf_counter()
        button.first.click(force=True)
        page.wait_for_timeout(5)
        page.wait_for_function(READY, polling=5)
        times.append(time.perf_counter() - begun)
        page.wait_for_timeout(200)
    return times


def many_points(n: int) -> None:
    """The embedding that Layers shows has so many pictures of 32 × 32 px, in two layers, and a sheet of as many."""
    draw = np.random.default_rng(0)
    spec = EmbedSpec(**SHARED, pictures=500, method="pca")
    near = draw.integers(0, n, (n, 8)).tolist()
    x, y = draw.normal(size=(2, n)).round(4).tolist()
    frames = [Frame(i, name, "", x, y, near, 0.9, 0.5, 0.25) for i, name in enumerate(("stem", "features"))]
    labels, domain = [str(i % 10) for i in range(n)], [i % 2 for i in range(n)]
    found = embedded(frames=frames, labels=labels, domain=domain, names=["stem", "features"])
    answered(spec, msgspec.structs.replace(found, n={"target": n - n // 2, "source": n // 2}))
    pixels = draw.integers(0, 255, (-(-n // ACROSS) * 8, ACROSS * 8, 3), dtype=np.uint8)
    sheet = Image.fromarray(pixels).resize((ACROSS * 32, -(-n // ACROSS) * 32), Image.Resampling.BICUBIC)
    sheet.save(Run.at(spec.run_id).path / "pictures.png", compress_level=1)


def lassos(page: Any, url: str, rounds: int) -> list[float]:
    """From the end of a loop around most points to the pictures that lie in it; the first one comes first."""
    page.goto(f"{url}/layers")
    page.wait_for_function(READY)
    chart = page.locator("[aria-label*='pictures as points']").first
    chart.locator(".xy").first.wait_for(timeout=60_000)
    page.wait_for_timeout(2000)  # its user looks at it
    chart.evaluate("node => node.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(500)
    times = []
    for number in range(rounds):
        box = chart.locator(".xy, .plot").first.bounding_box()
        x, y, w, h = box["x"], box["y"], box["width"], box["height"]
        inset = 0.1 + 0.02 * number  # another loop holds another number of pictures
        page.mouse.move(x + inset * w, y + inset * h)
        page.mouse.down()
        for across, down in ((1 - inset, inset), (1 - inset, 1 - inset), (inset, 1 - inset), (inset, inset + 0.05)):
            page.mouse.move(x + across * w, y + down * h, steps=8)
        before = page.evaluate(SELECTED)
        begun = time.perf_counter()
        page.mouse.up()
        page.wait_for_function(f"before => ({SELECTED})() && ({SELECTED})() !== before", arg=before, polling=10)
        times.append(time.perf_counter() - begun)
        page.wait_for_function(READY)
        page.wait_for_timeout(500)
    return times


def lag(page: Any, url: str, run: Run, seconds: float) -> list[float]:
    """From a row in the run's file to its point in the chart."""
    page.goto(f"{url}/train?run={run.id}")
    until(lambda: page.evaluate(POINTS) > 0, 60)
    rows, end = run.rows()
    written: list[float] = []
    seen: list[float] = []
    shown = page.evaluate(POINTS)
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        fresh, end = run.rows(end)
        if any(row.split == "val" and row.name == "accuracy" for row in fresh):
            written.append(time.perf_counter())
        now = page.evaluate(POINTS)
        if now != shown and len(seen) < len(written):
            seen += [time.perf_counter()] * (len(written) - len(seen))
        shown = now
        time.sleep(0.02)
    return [there - here for here, there in zip(written, seen, strict=False)]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--rounds", type=int, default=4)
    ask.add_argument("--seconds", type=float, default=20, help="Of watching a live curve.")
    given = ask.parse_args()
    from playwright.sync_api import sync_playwright

    rows: list[list[str]] = []

    def told(what: str, times: list[float], limit: str) -> None:
        if not times:
            rows.append([what, "not measured", "", "", limit])
            return
        ordered = sorted(times)
        worst = ordered[min(int(0.95 * len(ordered)), len(ordered) - 1)]
        rows.append([what, f"{1000 * statistics.median(times):.0f}", f"{1000 * worst:.0f}", str(len(times)), limit])

    with own_home() as home, sync_playwright() as playwright:
        os.environ["TLTK_HOME"] = str(home)
        answers()
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=list(FLAGS))
        words = [str(Path(sys.executable).with_name("tltk")), "app", "--port", str(port)]
        begun = time.perf_counter()
        server = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
        until(lambda: is_healthy(url))
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page = context.new_page()
        line = context.new_cdp_session(page)
        line.send("Network.enable")
        came = [0]
        line.on("Network.loadingFinished", lambda event: came.__setitem__(0, came[0] + int(event["encodedDataLength"])))
        page.goto(url)
        page.wait_for_function(READY, timeout=60_000)
        rows.append(["first page after tltk app", f"{1000 * (time.perf_counter() - begun):.0f}", "", "1", "6,000"])
        page.wait_for_timeout(1500)
        rows.append(["cold visit, MB over the line", f"{came[0] / 1e6:.2f}", "", "1", "5"])
        run = executor().submit(
            TransferSpec(DataSpec("digits", size=32), NetSpec("resnet10t"), optim=OptimSpec(epochs=3000, lr=1e-3))
        )
        until(lambda: run.status.state == "running", 60)
        told("page switch, ms", switches(page, url, given.rounds), "500")
        told("handle released → Python, ms", handle(page, url, given.rounds), "200")
        told("widget → figure, ms", figures(page, url, given.rounds), "300")
        for n, limit in ((5_000, "1,000"), (50_000, "2,000")):
            many_points(n)
            loops = lassos(page, url, 1 + given.rounds)
            told(f"lasso of {n:,} → pictures, the first, ms", loops[:1], limit)
            told(f"lasso of {n:,} → pictures, ms", loops[1:], limit)
        told("live curve behind its file, ms", lag(page, url, run, given.seconds), "1,000")
        executor().cancel(run.id)
        until(lambda: run.status.state == "stopped", 60)
        session = os.getsid(server.pid)  # the queue has one of its own: trainings go on when the dashboard is closed
        every = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        family = [one for one in every if os.getsid(one.pid) == session]
        server.send_signal(signal.SIGTERM)
        ended = time.perf_counter()
        server.wait(30)
        until(lambda: not any(one.is_running() for one in family), 30)
        told("SIGTERM → the dashboard is gone, ms", [time.perf_counter() - ended], "")
        browser.close()
    table(["what", "median", "p95", "times", "at most"], rows)


if __name__ == "__main__":
    main()

"""Pictures of the dashboard as it is: every page in both themes, wide and narrow, and a tour of the first minute.

The first question is really asked: its source network is trained, its verdict is what came out on this machine. While it
runs, the workbench is filmed; then each page is opened, taken a picture of, and checked as the browser tests check it. What
is wrong with a page is printed. `--readme` puts the workbench and the tour where README shows them.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

from tests.benchmarks.bench_pages import free_port, is_healthy, until
from tests.benchmarks.rounds import own_home
from tests.browser.conftest import CHROMIUM, FLAGS, READY
from tests.browser.walk import faults
from tltk.dashboard.chrome import PAGES
from tltk.runs.run import all_runs

ROOT = Path(__file__).parents[2]
VIEWS: dict[Any, tuple[int, int]] = {"light": (1440, 900), "dark": (1024, 768)}
TOUR_PX, FRAME_MS = 960, 500  # width of the tour, and how long a second of the question lasts in it


class Tour:
    """Frames of a page, and how long each stands."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.times: list[int] = []

    def take(self, milliseconds: int) -> None:
        """The page as it stands now."""
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.frames.append(shot.resize((TOUR_PX, shot.height * TOUR_PX // shot.width), Image.Resampling.LANCZOS))
        self.times.append(milliseconds)

    def save(self, file: Path) -> None:
        """As an animated WebP."""
        first, *rest = self.frames
        first.save(file, save_all=True, append_images=rest, duration=self.times, loop=0, quality=60, method=6)


def first_minute(page: Any, url: str) -> Tour:
    """Look, ask, watch the curves, read the verdict, move the boundary, open the embedding."""
    tour = Tour(page)
    page.goto(url)
    page.wait_for_function(READY)
    page.wait_for_timeout(1500)
    tour.take(1500)
    page.get_by_role("button", name="Show the pictures and the layers").click()
    page.get_by_role("slider", name="Freeze boundary").first.wait_for(timeout=120_000)
    page.wait_for_timeout(2500)
    tour.take(2500)
    page.get_by_role("button", name="Compare with scratch").first.click()
    page.mouse.move(720, 700)  # away, or what the button is for stands in every frame
    begun = time.monotonic()
    while time.monotonic() - begun < 300:
        page.wait_for_timeout(1000)
        tour.take(FRAME_MS)
        if page.get_by_text("95% interval").count():
            break
    page.wait_for_timeout(1500)
    tour.take(4000)
    for name, most in (("Measure every layer", 60), ("Embed both domains", 60), ("Show the pictures", 30)):
        button = page.get_by_role("button", name=name).first
        button.click()
        page.mouse.move(720, 700)
        button.wait_for(state="detached", timeout=1000 * most)
        page.wait_for_timeout(2500)
        tour.take(1500)
    handle = page.get_by_role("slider", name="Freeze boundary").first
    for _ in range(3):
        handle.press("ArrowRight")
        page.wait_for_timeout(1200)
        tour.take(700)
    tour.take(3000)
    return tour


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--to", type=Path, default=Path("build/screens"), help="Folder of the pictures.")
    ask.add_argument("--readme", action="store_true", help="Replace the pictures that README shows.")
    given = ask.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    with own_home() as home, sync_playwright() as playwright:
        os.environ["TLTK_HOME"] = str(home)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        words = [str(Path(sys.executable).with_name("tltk")), "app", "--port", str(port)]
        server = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)

        try:
            until(lambda: is_healthy(url))
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=list(FLAGS))
            context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
            page = context.new_page()
            tour = first_minute(page, url)
            tour.save(given.to / "tour.webp")
            page.screenshot(path=given.to / "workbench.png")
            context.close()
            run = next((r.id for r in all_runs() if r.spec.kind == "compare"), "")
            for scheme, (width, height) in VIEWS.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
                )
                page = context.new_page()
                for name in PAGES:
                    page.goto(f"{url}/{name}?run={run}" if name in ("curves", "negative") else f"{url}/{name}")
                    page.wait_for_function(READY, timeout=60_000)
                    page.wait_for_timeout(1500)
                    page.screenshot(path=given.to / f"{name}-{scheme}-{width}.png")
                    for fault in faults(page):
                        print(f"{name}, {scheme}, {width} px: {fault}")
                context.close()
            browser.close()
        finally:
            server.terminate()
            server.wait(30)
    if given.readme:
        shutil.copy(given.to / "workbench.png", ROOT / "docs" / "screenshot.png")
        shutil.copy(given.to / "tour.webp", ROOT / "docs" / "tour.webp")
    sizes = {file.name: file.stat().st_size for file in sorted(given.to.iterdir())}
    print(f"{len(sizes)} files in {given.to}; the tour has {sizes['tour.webp'] / 1e6:.1f} MB.")


if __name__ == "__main__":
    main()

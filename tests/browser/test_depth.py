"""Layers and Shift in a real browser: asked, answered, the handle as the depth axis, a point and its picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import wait_until
from tests.support.app import _its_home as _its_home
from tests.support.app import address, app_home, app_url, no_error  # noqa: F401
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.results.rows import ACROSS
from tltk.runs.run import all_runs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


def test_the_depth_axis(new_page: Callable[..., Any], app_url: str, tmp_path: Path) -> None:  # noqa: F811
    """Ask for a profile, drag under its overlays, click a point of the embedding, lasso many, bring one along."""
    page = new_page(f"{app_url}/layers")
    page.get_by_role("button", name="Examine all layers").click(timeout=120_000)
    page.locator(".freeze .lane").first.wait_for(timeout=240_000)
    [profile] = [r for r in all_runs() if isinstance(r.spec, ProfileSpec)]
    columns = {c["name"]: c for c in profile.result()["columns"]}  # type: ignore[index]
    page.get_by_role("slider", name="Freeze boundary").press("End")
    wait_until(lambda: "boundary=5" in address(page), 30, "the boundary in the URL")
    predicted = columns["probe_target"]["values"][5]
    shown = page.locator(".freeze .figures").inner_text()
    assert f"{100 * predicted:.0f}" in shown or f"{100 * predicted:.1f}" in shown, shown

    page.get_by_role("button", name="Embed every layer").click(timeout=60_000)
    page.locator("[aria-label*='pictures as points'] .scatterlayer .point").first.wait_for(timeout=180_000)
    [embedded] = [r for r in all_runs() if isinstance(r.spec, EmbedSpec)]
    assert len(embedded.result()["frames"]) == 6  # type: ignore[index]
    page.get_by_text("features", exact=True).first.wait_for(timeout=30_000)

    def click_a_point() -> bool:
        point = page.locator("[aria-label*='pictures as points'] .scatterlayer .point").nth(7)
        point.evaluate("node => node.scrollIntoView({block: 'center'})")
        box = point.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x - 3, y - 3)
        page.mouse.move(x, y, steps=4)
        page.wait_for_timeout(400)  # plotly clicks what it hovers over
        page.mouse.click(x, y)
        page.wait_for_timeout(2500)
        return bool(page.get_by_text("and its nearest neighbours").count())

    wait_until(click_a_point, 60, "the picture of the point")
    assert page.locator("[data-testid=stImage] img").count() >= 6

    def draw_a_loop() -> bool:
        box = page.locator(
            "[aria-label*='pictures as points'] .plot, [aria-label*='pictures as points'] .xy"
        ).first.bounding_box()
        x, y, w, h = box["x"], box["y"], box["width"], box["height"]
        page.mouse.move(x + 0.1 * w, y + 0.1 * h)
        page.mouse.down()
        for across, down in ((0.9, 0.1), (0.9, 0.9), (0.1, 0.9), (0.1, 0.15)):
            page.mouse.move(x + across * w, y + down * h, steps=12)
        page.mouse.up()
        page.wait_for_timeout(2500)
        return bool(page.get_by_text("pictures selected").count())

    wait_until(draw_a_loop, 60, "the pictures within the loop")
    no_error(page)

    # A picture of one's own: the first of the sheet as a file.
    with Image.open(embedded.path / "pictures.png") as sheet:
        side = sheet.width // ACROSS
        sheet.crop((0, 0, side, side)).save(tmp_path / "mine.png")
    page.locator("input[type=file]").set_input_files(str(tmp_path / "mine.png"))
    page.get_by_role("button", name="Embed every layer").click(timeout=60_000)
    page.get_by_text("your picture and its nearest neighbours").first.wait_for(timeout=180_000)
    placed = [r for r in all_runs() if isinstance(r.spec, EmbedSpec) and r.spec.picture]
    assert placed[0].result()["frames"][-1]["placed"]["near"][0] == 0  # type: ignore[index]
    no_error(page)

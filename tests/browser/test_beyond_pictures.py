"""Domains, Design, Layers and Shift with texts and with sounds: asked and answered under the same handle."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.browser.conftest import READY, wait_until
from tests.browser.walk import faults
from tests.support.app import _its_home as _its_home
from tests.support.app import address, app_home, app_url, no_error  # noqa: F401
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard.plan import FIRST
from tltk.jobs.worker import execute
from tltk.runs.run import Run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
KINDS = {  # source, target, size, network, channels, layers
    "texts": ("sentences", "sentences:vocabulary=1", 16, "encoder:bert?layers=2&width=32", 1, 3),
    "sounds": ("tones", "tones:reverberation=1", 32, "test_resnet", 1, 5),
}


@pytest.mark.parametrize("noun", KINDS)
def test_the_same_pages_serve(new_page: Callable[..., Any], app_url: str, noun: str) -> None:  # noqa: F811
    source, target, size, backbone, channels, depth = KINDS[noun]
    assert FIRST.source is not None
    for side, name in ((FIRST.source, source), (FIRST.target, target)):
        execute(Run.create(InspectSpec(dataclasses.replace(side, name=name, n=200, size=size))))
    execute(Run.create(DescribeSpec(backbone, size, channels)))
    asked = {"source": source, "source-n": 200, "target": target, "n": 200, "size": size, "backbone": backbone}
    page = new_page(f"{app_url}/domains?{urlencode(asked)}")
    page.get_by_text(f"{noun.capitalize()} by class").wait_for(timeout=60_000)
    found = faults(page)
    for name in ("design", "layers", "shift"):
        page.goto(f"{app_url}/{name}?{address(page).partition('?')[2]}")
        page.wait_for_function(READY, timeout=60_000)
        page.get_by_role("slider", name="Freeze boundary").first.wait_for(timeout=60_000)
        if name == "layers":
            page.get_by_role("button", name="Examine all layers").click()
            page.locator(".freeze .lane").first.wait_for(timeout=120_000)
            page.get_by_role("slider", name="Freeze boundary").press("End")
            wait_until(lambda: f"boundary={depth}" in address(page), 30, "the boundary in the URL")
            page.get_by_role("button", name="Embed every layer").click()
            page.locator(f"[aria-label*='{noun} as points'] .scatterlayer .point").first.wait_for(timeout=120_000)
        if name == "shift":
            page.get_by_role("button", name="Test the domains at").click()
            page.get_by_text(re.compile(rf"\d+ source and \d+ target {noun}")).wait_for(timeout=120_000)
        found += faults(page)
        no_error(page)
    assert not found, "\n".join(found)

"""A report in a browser: a file on a disk that draws its figures, in the colours of the reader, and asks for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import study
from tltk.report.files import html_bytes

pytestmark = pytest.mark.browser

DRAWN = "() => document.querySelectorAll('.chart .main-svg').length > 0"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1024), ("light", 390)])
@pytest.mark.parametrize("kind", ["sweep", "plane"])
def test_a_report_draws_itself_offline(browser: Any, tmp_path: Path, scheme: str, width: int, kind: str) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(html_bytes(study(kind)))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    asked, faults = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto(file.as_uri())
    page.wait_for_function(DRAWN)
    page.wait_for_timeout(300)
    assert not faults
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [file.as_uri()]
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    is_dark = sum(int(part) for part in ground.strip("rgb()").split(",")) < 3 * 128
    assert is_dark == (scheme == "dark")
    text = page.evaluate("() => getComputedStyle(document.querySelector('.chart .xtick text')).fill")
    assert (sum(int(part) for part in text.strip("rgb()").split(",")) > 3 * 128) == is_dark, "legible on it"
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    assert page.evaluate("() => document.querySelectorAll('.chart').length") == page.locator(
        ".chart .main-svg"
    ).evaluate_all("nodes => new Set(nodes.map((node) => node.closest('.chart'))).size")
    context.close()

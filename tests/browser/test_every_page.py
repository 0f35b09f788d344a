"""Every page with its answers there, in both themes, wide and narrow: nothing cut, no error, nothing grave for axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import READY
from tests.browser.walk import faults
from tests.support.app import _its_home as _its_home
from tests.support.app import app_home, app_url  # noqa: F401
from tests.support.depth_pages import embedding_known, profile_known
from tests.support.domain_pages import known
from tests.support.pages import STUDIES, comparison, network_known, self_taught, study, training
from tltk.dashboard.chrome import PAGES
from tltk.dashboard.plan import FIRST

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
VIEWS = {"light": (1440, 900), "dark": (1024, 768)}


@pytest.fixture(scope="module")
def answers(app_home: Path) -> Iterator[None]:  # noqa: F811
    """Runs of every kind, as workers would have left them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLTK_HOME", str(app_home))
        network_known()
        network_known(FIRST.target.size)
        assert FIRST.source is not None
        for side in (FIRST.target, FIRST.source):
            known(side)
        profile_known()
        embedding_known("pca")
        for kind in STUDIES:
            study(kind)
        comparison("hurts")
        self_taught()
        training("failed", "The reason.", boundary=1)
        yield


@pytest.mark.parametrize("scheme", VIEWS)
def test_pages_stand_before_every_reader(
    new_page: Callable[..., Any],
    app_url: str,  # noqa: F811
    answers: None,
    scheme: str,
) -> None:
    width, height = VIEWS[scheme]
    page = new_page(f"{app_url}/", viewport={"width": width, "height": height}, color_scheme=scheme)
    said: list[str] = []
    page.on(
        "console", lambda m: said.append(m.text) if m.type == "error" and "/_stcore/" not in m.location["url"] else 0
    )
    found: list[str] = []
    for name in PAGES:
        page.goto(f"{app_url}/{name}")
        page.wait_for_function(READY, timeout=60_000)
        page.locator("h1").first.wait_for(timeout=30_000)
        page.wait_for_timeout(700)  # charts are drawn after the script has ended
        found += [f"{name}: {fault}" for fault in (*faults(page), *(f"console: {text}" for text in said))]
        said.clear()
    assert not found, "\n".join(found)

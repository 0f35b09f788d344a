"""A room with two people, in two browsers: the code, a name, the teacher's page, a name that is freed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.browser.walk import faults
from tests.support.app import ROOT, address, no_error
from tltk.dashboard.room import SETTING, Settings

FAULTS: list[str] = []
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def join(browser: Any, url: str, code: str, name: str) -> Any:
    """A page in a context of its own, past the door."""
    page = browser.new_context(base_url=url, reduced_motion="reduce").new_page()
    page.on("pageerror", lambda error: FAULTS.append(str(error)))
    page.goto(url)
    page.get_by_label("Code").fill(code)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Join").click()
    return page


def test_two_people_meet_in_a_room(
    start_app: Callable[..., str], browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings("open-sesame", "teach-teach", waiting=3, minutes=5.0)
    monkeypatch.setenv(SETTING, msgspec.json.encode(settings).decode())
    monkeypatch.setenv("TLTK_SUPERVISOR_IDLE", "1")
    url = start_app(ROOT / "app.py", tmp_path / "room")
    ada = join(browser, f"{url}/runs", "open-sesame", "Ada")
    ada.get_by_text("No runs yet.").wait_for(timeout=60_000)
    assert address(ada).endswith("/runs") and not ada.get_by_role("link", name="Teacher").count()
    teacher = join(browser, f"{url}/teacher", "teach-teach", "Grace")
    teacher.get_by_text("Nothing runs and nothing waits.").wait_for(timeout=60_000)
    teacher.get_by_role("combobox", name="A name to free").click()
    teacher.get_by_role("option", name="Ada").click()
    teacher.get_by_role("button", name="Free it").click()
    no_error(teacher)
    assert not faults(teacher)
    ada.get_by_role("link", name="Domains").click()
    ada.get_by_text("Your place in this room has been freed.").wait_for(timeout=30_000)
    ada.reload()
    ada.get_by_role("heading", name="Join the room").wait_for(timeout=30_000)
    assert not FAULTS
    for page in (ada, teacher):
        page.context.close()

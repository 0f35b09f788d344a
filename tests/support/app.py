"""The app in a browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def app_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard") / "home"


@pytest.fixture(scope="module")
def app_url(start_app: Callable[..., str], app_home: Path) -> Iterator[str]:
    """The real app; its supervisor ends soon after the last job, so that nothing outlives the tests."""
    before = os.environ.get("TLTK_SUPERVISOR_IDLE")
    os.environ["TLTK_SUPERVISOR_IDLE"] = "6"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    yield start_app(ROOT / "app.py", app_home)
    os.environ.pop("TLTK_SUPERVISOR_IDLE")
    if before is not None:
        os.environ["TLTK_SUPERVISOR_IDLE"] = before


@pytest.fixture(autouse=True)
def _its_home(app_home: Path, _own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_HOME", str(app_home))
    monkeypatch.setenv("TLTK_SUPERVISOR_IDLE", "6")


def address(page: Any) -> str:
    """Asked of the page itself: `page.url` is not brought up to date while Python sleeps."""
    return str(page.evaluate("() => location.href"))


def no_error(page: Any) -> None:
    assert "Internal error in tltk" not in page.inner_text("body")

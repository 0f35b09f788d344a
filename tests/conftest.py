"""One thread, one temporary home for every test: quick, repeatable, and nothing of the user's is touched."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiers import is_slow

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# The same examples each time: what is submitted fails or passes for its own sake. To search for new ones:
# HYPOTHESIS_PROFILE=default python -m pytest tests/property
settings.register_profile("steady", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("TLTK_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the table of tiers lists is slow."""
    for item in items:
        file = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
        if is_slow(file, item.originalname if isinstance(item, pytest.Function) else item.name):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """What was imported stays until the end: the collector need not look through torch and Streamlit again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """What a test executes in this process may have asked for more; tests run side by side, and would wait for each other."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "home"))


@pytest.fixture
def shared() -> Path:
    """The folder of real pictures and weights; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("real pictures and weights are not on this machine (../shared/data or TLTK_SHARED_DATA)")
    return SHARED

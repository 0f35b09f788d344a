"""A folder is dropped on Domains: its pictures arrive, are kept, and are the target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import wait_until
from tests.browser.walk import faults
from tests.support.app import _its_home as _its_home
from tests.support.app import app_home as app_home
from tests.support.app import app_url as app_url
from tests.support.app import no_error
from tltk.dashboard import brought

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_a_folder_is_brought_and_seen(new_page: Callable[..., Any], app_url: str, tmp_path: Path) -> None:
    for i in range(150):  # three batches
        file = tmp_path / "my set" / ("cat", "dog", "owl")[i % 3] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 40, 3), np.uint8)).save(file)
    page = new_page(f"{app_url}/domains")
    page.get_by_text("Your own pictures").click()
    page.get_by_role("button", name="Choose a folder").wait_for(timeout=30_000)
    page.locator("input.folder").set_input_files(tmp_path / "my set")
    page.get_by_text("Brought before").first.wait_for(timeout=60_000)
    [kept] = brought.known()
    assert (kept.title, kept.files) == ("my set", 150) and len(list(Path(kept.name[7:]).rglob("*.png"))) == 150
    path = page.get_by_label("Folder with one folder per class").last
    wait_until(lambda: path.input_value() == kept.name[7:], 30, "the target to be the folder")
    assert not faults(page)
    no_error(page)

"""Use as its users meet it: pictures are brought, their classes shown and downloaded; a training is tested and taken."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import READY, wait_until
from tests.support.app import _its_home as _its_home
from tests.support.app import address, no_error
from tests.support.app import app_home as app_home
from tests.support.app import app_url as app_url
from tests.support.finished import CLASSES, finished

WIDTH = "() => document.querySelector('[data-testid=stMain]').scrollWidth"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def downloaded(page: Any, label: str) -> bytes:
    with page.expect_download(timeout=60_000) as told:
        page.get_by_role("button", name=label).click()
    return Path(told.value.path()).read_bytes()


def test_pictures_are_brought_and_their_classes_taken_along(
    new_page: Callable[..., Any], app_url: str, tmp_path: Path
) -> None:
    run, _ = finished()
    files = [tmp_path / f"{i}.png" for i in range(3)]
    for i, file in enumerate(files):
        coarse = np.random.default_rng(i).integers(0, 256, (5, 5, 3), np.uint8)
        Image.fromarray(coarse).resize((90, 60)).save(file)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    page = new_page(f"{app_url}/train?run={run.id}")
    link = page.get_by_role("link", name="Use it: predict, evaluate, hand over")

    def goes() -> bool:
        """A click that falls into a rerun of the page may be lost, as it is for people: they click again."""
        if "/use" not in page.url:
            link.click()
            page.wait_for_timeout(3000)
        return "/use" in page.url

    wait_until(goes, 30, "the page Use")
    page.locator("input[type=file]").set_input_files([*files, tmp_path / "broken.jpg"])
    page.get_by_role("button", name="Predict", exact=True).last.click()
    page.get_by_text("1 file not read").wait_for(timeout=120_000)
    assert f"run={run.id}" in address(page)
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "Predictions (CSV)").decode())))
    assert [Path(row["picture"]).name for row in rows] == ["0.png", "1.png", "2.png", "broken.jpg"]
    assert {row["class"] for row in rows[:3]} <= set(CLASSES) and rows[3]["not_read"]
    page.get_by_role("radio", name="Hand over").or_(page.get_by_role("button", name="Hand over")).first.click()
    page.get_by_text("card", exact=True).click()
    page.wait_for_timeout(700)  # a form has a button of its own: that of the form before must be gone
    page.wait_for_function(READY)
    page.get_by_role("button", name="Write it", exact=True).click()
    page.get_by_role("button", name="Download").wait_for(timeout=120_000)
    assert downloaded(page, "Download").startswith(b"---\nlibrary_name: timm")
    no_error(page)


ROWS = (
    "target=transactions:prices%3D1&source=transactions&n=1000&shots=10&size=16&backbone=mlp&lrs=0.001&epochs=2&seeds=2"
)


def test_rows_of_a_table_from_domains_to_use(new_page: Callable[..., Any], app_url: str) -> None:
    """Both domains as tables, a comparison on the Workbench with its curves and verdict, and its network at work."""
    page = new_page(f"{app_url}/domains?{ROWS}")
    for _ in range(2):
        page.get_by_role("button", name="Make them").first.click()
    page.get_by_text("Rows by class").first.wait_for(timeout=60_000)
    page.get_by_role("link", name="Workbench").first.click()
    page.get_by_role("button", name="Compare with scratch").click()
    page.get_by_text("95% interval").first.wait_for(timeout=120_000)
    page.locator(".js-plotly-plot").first.wait_for(timeout=20_000)
    said = page.inner_text("[data-testid=stMain]")
    assert "test rows right" in said and "test pictures" not in said
    page.get_by_role("link", name="Use", exact=True).first.click()
    page.get_by_text("Tables with the columns that it learned from").wait_for(timeout=30_000)
    page.get_by_role("textbox", name="Or a path on that machine, or a domain").fill("transactions")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Predict", exact=True).last.click()
    page.get_by_text(re.compile(r"[\d,]+ rows: ")).wait_for(timeout=60_000)
    no_error(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_sections_fit_a_narrow_screen(new_page: Callable[..., Any], app_url: str, scheme: str) -> None:
    run, _ = finished()
    page = new_page(f"{app_url}/use?run={run.id}", viewport={"width": 1024, "height": 768}, color_scheme=scheme)
    for section, text in (
        ("Predict", "Choose pictures above"),
        ("Evaluate", "Classes are matched"),
        ("Hand over", "torchscript"),
    ):
        page.get_by_role("radio", name=section).or_(page.get_by_role("button", name=section)).first.click()
        page.get_by_text(text).first.wait_for(timeout=30_000)
        wait_until(lambda: page.evaluate(WIDTH) <= 1024 + 1, 10, f"{section} to fit")
    no_error(page)


@pytest.mark.skipif(os.name != "posix", reason="ends by a signal")
def test_the_page_of_an_endpoint_predicts(browser: Any, tmp_path: Path) -> None:
    run, _ = finished()
    Image.new("RGB", (90, 60), "red").save(tmp_path / "a <b>red.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    words = [sys.executable, "-m", "tltk.cli", "serve", run.id, "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    context = browser.new_context()
    faults: list[str] = []
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(url) else faults.append(asked.url))
        page.goto(url)
        page.locator("input[type=file]").set_input_files([tmp_path / "a <b>red.png", tmp_path / "broken.jpg"])
        page.get_by_role("button", name="Predict").click()
        page.get_by_role("cell", name="not read", exact=True).wait_for(timeout=60_000)
        rows = page.locator("#answer tr").all_inner_texts()
        assert rows[0].split("\t") == ["picture", "class", "probability"]
        assert rows[1].startswith("a <b>red.png\t") and rows[1].split("\t")[1] in CLASSES
        assert rows[2].split("\t")[0] == "broken.jpg"
        process.send_signal(signal.SIGINT)
        process.wait(30)
        page.get_by_role("button", name="Predict").click()
        page.get_by_text("did not answer").wait_for(timeout=30_000)
        assert not faults
    finally:
        context.close()
        process.kill()
        process.communicate()

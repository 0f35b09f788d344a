"""Sounds as their users meet them: seen as spectrograms, and played in the browser."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import wait_until
from tests.support.app import _its_home as _its_home
from tests.support.app import app_home as app_home
from tests.support.app import app_url as app_url
from tests.support.app import no_error
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard.plan import FIRST
from tltk.jobs.worker import execute
from tltk.runs.run import Run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_a_sound_of_each_class_can_be_played(new_page: Callable[..., Any], app_url: str) -> None:
    spec = dataclasses.replace(FIRST.target, name="tones", n=400, size=64)
    execute(Run.create(InspectSpec(spec)))
    page = new_page(f"{app_url}/domains?source=none&target={spec.name}&n={spec.n}&size={spec.size}")
    page.get_by_text("Listen to the target").wait_for(timeout=30_000)
    audio = page.locator("audio")
    lasts = "a => Math.abs(a.duration - 1) < 0.01"
    wait_until(lambda: audio.count() == 1 and audio.evaluate(lasts), 30, "a sound of a second")
    assert audio.evaluate("async a => { a.muted = true; await a.play(); return !a.paused }")
    assert page.get_by_alt_text("8 sounds of pluck, target").is_visible()
    no_error(page)

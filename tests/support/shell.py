"""Verbs of the shell, run in this process or by a worker."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tltk.cli import main as cli
from tltk.jobs import queue

PAGE = Path(__file__).parents[2] / "docs" / "json.md"


TINY = [
    "--target",
    "digits",
    "--n",
    "200",
    "--size",
    "16",
    "--backbone",
    "test_resnet",
    "--epochs",
    "1",
    "--device",
    "cpu",
]


TYPES: dict[str, Any] = {
    "text": str,
    "whole number": int,
    "whole number or list": (int, list),
    "number": (int, float),
    "true or false": bool,
    "list": list,
    "object": dict,
    "object or text": (dict, str),
}


def tltk(*words: str, input: str | None = None) -> Result:
    return CliRunner().invoke(cli.main, list(words), input=input)


def refused(words: list[str], sentence: str) -> None:
    """Exit code 2, this sentence, nothing on standard output, nothing queued."""
    done = tltk(*words)
    assert done.exit_code == 2, done.output
    assert sentence in done.stderr
    assert done.stdout == ""
    assert queue.jobs() == []


def said(*words: str) -> Any:
    """What a verb prints with --json, and nothing beside it."""
    done = tltk(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An executor that runs what is queued at once, in this process."""
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Inline")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # no forks of the test process
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No supervisor: what is queued stays queued."""
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")


def documented(title: str) -> dict[str, tuple[str, str]]:
    """Field → (type, meaning) of one section's table."""
    page = PAGE.read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", page, re.M | re.S)
    assert section, f"docs/json.md has no section '{title}'"
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", section[1], re.M)
    assert rows, f"the section '{title}' has no table"
    return {name: (kind.strip(), meaning.strip()) for name, kind, meaning in rows}


def agree(title: str, found: dict[str, Any], but: set[str] = set()) -> None:  # noqa: B006
    """The table and the output have the same fields, of the same types."""
    wanted = documented(title)
    assert set(found) == set(wanted) - but
    for name, value in found.items():
        kind, meaning = wanted[name]
        assert len(meaning) > 3
        plain = kind.removesuffix(" or null").partition(" of ")[0]
        if value is None:
            assert kind.endswith("or null"), f"{title}: {name} is null"
        else:
            assert isinstance(value, TYPES[plain]), f"{title}: {name} is {value!r}, not {kind}"
            assert isinstance(value, bool) == (plain == "true or false")

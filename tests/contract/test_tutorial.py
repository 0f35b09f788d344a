"""The tutorial is true: each of its blocks is run, in order, in one home."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> Iterator[tuple[str, int, str]]:
    """Language, line and text of each fenced block."""
    for found in FENCE.finditer(text):
        yield found[1], text.count("\n", 0, found.start()) + 2, found[2]


def call(line: str, folder: Path) -> None:
    """A line of a shell block."""
    words = shlex.split(line)
    assert words[0] == "tltk", f"a line of the shell begins with tltk. Got {line!r}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tltk.cli", *words[1:]], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert done.stdout.strip(), f"{line} says nothing"


def told(source: str, names: dict[str, Any], line: int) -> str:
    """What a Python block did other than it says; empty where it did what it says."""
    said: list[str] = []
    flags = doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(source, {}, TUTORIAL.name, str(TUTORIAL), line - 1)
    test.globs = names  # one namespace for all blocks
    doctest.DocTestRunner(optionflags=flags, verbose=False).run(test, out=said.append, clear_globs=False)
    return "".join(said)


@pytest.mark.timeout(600)
def test_every_block_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "tutorial"}
    kinds = []
    for kind, line, source in blocks(TUTORIAL.read_text(encoding="utf-8")):
        kinds.append(kind)
        if kind == "sh":
            for one in source.strip().splitlines():
                call(one, tmp_path)
        else:
            assert kind == "pycon", f"line {line}: a block is of the shell or of Python. Got {kind!r}"
            failures = told(source, names, line)
            assert not failures, failures
    assert kinds.count("sh") >= 4 and kinds.count("pycon") >= 8


def test_there_are_four_steps() -> None:
    steps = re.findall(r"^## (\d)\. ", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE)
    assert steps == ["1", "2", "3", "4"]


def test_a_block_that_is_not_true_is_seen() -> None:
    names: dict[str, Any] = {}
    assert told(">>> x = 1 + 1\n>>> x\n2\n", names, 1) == "" and names["x"] == 2
    assert "Expected" in told(">>> x\n3\n", names, 1)
    with pytest.raises(AssertionError, match="begins with tltk"):
        call("rm -rf somewhere", ROOT)

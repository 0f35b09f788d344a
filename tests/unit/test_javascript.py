"""The components' JavaScript, checked by node alone; nothing is downloaded for it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPONENTS = ROOT / "assets" / "components"
FILES = [*sorted(COMPONENTS.rglob("*.js")), *sorted((ROOT / "tests" / "js").glob("*.js")), ROOT / "eslint.config.js"]
IMPORTS = re.compile(r"^(?:import|export)\b[^;]*?\bfrom\s+\"([^\"]+)\"", re.MULTILINE)


def run(*words: str | Path) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def program(name: str) -> str:
    """Where it is installed: in the project's own node_modules, or on the path."""
    here = ROOT / "node_modules" / ".bin" / name
    found = str(here) if here.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_is_a_module_that_node_can_read(path: Path) -> None:
    run(program("node"), "--check", path)


def test_its_own_tests_pass() -> None:
    run(program("node"), "--test", *sorted((ROOT / "tests" / "js").glob("*.test.js")))


def test_eslint_finds_nothing() -> None:
    run(program("eslint"), ".")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_what_is_there_by_its_relative_path(path: Path) -> None:
    for name in IMPORTS.findall(path.read_text(encoding="utf-8")):
        if name.startswith("node:") and path.parent.name == "js":
            continue
        assert name.startswith((".", "..")) and (path.parent / name).is_file(), name
        if path.is_relative_to(COMPONENTS):  # what a browser asks for must be served
            assert (path.parent / name).resolve().is_relative_to(COMPONENTS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_script_is_made_of_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 140
    for way in (r"\beval\(", r"new Function\b", r"createObjectURL", r"<script", r"javascript:", r"\bon\w+=\""):
        assert not re.search(way, text), way

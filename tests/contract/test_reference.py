"""The reference is built from the docstrings without a warning, and has every public name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tltk

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_reference_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("pdoc", reason="pdoc is not installed; the extra `docs` brings it")
    words = [sys.executable, "-W", "error", str(ROOT / "docs" / "reference.py"), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    front = (tmp_path / "tltk.html").read_text(encoding="utf-8")
    for name in tltk.__all__:
        assert f'id="{name}"' in front, f"{name} is not in the reference"
    for module in ("strategies/strategy", "terms/term", "adapters/adapter", "registry", "data/sources/digits"):
        assert (tmp_path / "tltk" / f"{module}.html").is_file()

"""There is a fast tier: what it leaves out exists, and everything else is in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiers import HEAVY, SLOW

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_no_file_is_listed_twice() -> None:
    listed = [*SLOW, *HEAVY]
    assert all((ROOT / file).is_file() for file in HEAVY)
    assert len(set(listed)) == len(listed) and not {name.partition("::")[0] for name in SLOW} & set(HEAVY)
    files = list((ROOT / "tests").rglob("test_*.py"))
    assert len(HEAVY) < len(files) / 5, "the fast tier is most of the tests"


@pytest.mark.parametrize("name", SLOW)
def test_what_is_called_slow_is_there_and_is_slow(name: str) -> None:
    file, _, function = name.partition("::")
    assert (ROOT / file).is_file()
    assert not function or function in functions(file)
    assert SLOW[name] > 5


def collected(*words: str) -> set[str]:
    words = (
        "--collect-only",
        "-p",
        "no:cacheprovider",
        "tests/contract/test_tiers.py",
        "tests/golden/test_energy.py",
        *words,
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return set(re.findall(r"^\S+::\S+", done.stdout, re.MULTILINE))


def test_the_fast_tier_leaves_out_what_is_slow_and_nothing_else() -> None:
    (expression,) = re.findall(r"^check:.*\n\t.* -m \"(not slow.*?)\"", MAKEFILE, re.MULTILINE)
    left_out = collected() - collected("-m", expression)
    assert left_out and {name.partition("[")[0] for name in left_out} == {
        "tests/golden/test_energy.py::test_a_sample_against_itself_is_exactly_nought"
    }


def test_make_test_runs_every_test_and_ci_calls_it() -> None:
    expressions = re.findall(
        r"^\t.*-m pytest -m (?:\"(.*?)\"|(\w+))", MAKEFILE.partition("\ntest:")[2].partition("\n\n")[0], re.M
    )
    assert [a or b for a, b in expressions] == ["not browser", "browser"]
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)

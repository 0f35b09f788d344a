"""What the package says of itself: its dependencies are its imports, its licence is whole, its files name no host."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
OPTIONAL = {
    "open_clip": "clip",
    "tokenizers": "text",
    "transformers": "text",
    "pillow_heif": "heif",
    "submitit": "slurm",
    "fsspec": "store",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "gensim": "vectors",
    "pyarrow": "parquet",
    "pytest": "test",
}  # module → its extra; asked for by `try`, or in tltk.testing
NAMED_OTHERWISE = {"open_clip": "open-clip-torch"}  # module → its distribution
UNASKED = {"torchdrift"}  # a benchmark compares with it where it is there; it does not go with today's torch
UNIMPORTED = {  # but used: commands, plugins of pytest, what starlette's client asks for, what is skipped where absent
    *("hatchling", "httpx2", "import-linter", "mypy", "playwright", "pytest-timeout", "pytest-xdist", "ruff"),
    *("tokenizers", "transformers"),
}
BESIDE = {"torchvision"}  # timm imports it; declared since its version must go with torch's
SHIPPED = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "tltk").rglob("*.py"))]


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\s\[<>=!~;]", line)[0]) for line in requirements}


DEPENDENCIES = named(PROJECT["dependencies"])
EXTRAS = {name: named(lines) for name, lines in PROJECT["optional-dependencies"].items()}
TESTED = DEPENDENCIES | EXTRAS["test"]


@cache
def brings(name: str) -> set[str]:
    """Top names of the modules that an installed distribution holds, by the list of its files."""
    tops = {
        line.partition(",")[0].partition("/")[0] for line in str(distribution(name).read_text("RECORD")).split("\n")
    }
    return {top.partition(".")[0] for top in tops if top.endswith(".py") or "." not in top}


def outside(files: list[Path]) -> Iterator[tuple[str, Path]]:
    """Top names of modules that these files import and that are neither Python's nor ours."""
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            for name in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"tltk", "tests"}:
                yield name, path


def test_what_is_imported_is_declared() -> None:
    declared = {module for name in DEPENDENCIES for module in brings(name)}
    for module, path in outside(SHIPPED):
        if module in OPTIONAL:
            assert NAMED_OTHERWISE.get(module, normal(module)) in EXTRAS[OPTIONAL[module]]
        else:
            assert module in declared, f"{path.relative_to(ROOT)} imports {module}, which no dependency brings"


def test_what_is_declared_is_imported() -> None:
    imported = {module for module, _ in outside(SHIPPED)}
    unused = [name for name in DEPENDENCIES - BESIDE if not brings(name) & imported]
    assert not unused, f"declared, but not imported: {unused}"


def test_what_the_tests_import_is_declared() -> None:
    imported = (
        {module for module, _ in outside(sorted((ROOT / "tests").rglob("*.py")))}
        - UNASKED
        - {"pillow_heif", "onnxruntime", "tokenizers", "fsspec"}
    )
    missing = imported - {module for name in TESTED for module in brings(name)}
    assert not missing, f"tests import {missing}, which no dependency of the extra `test` brings"
    unused = [name for name in EXTRAS["test"] - UNIMPORTED if not brings(name) & imported]
    assert not unused, f"declared for the tests, but not imported: {unused}"


def test_every_dependency_has_a_pin() -> None:
    pinned = named(PINS)
    assert TESTED | EXTRAS["docs"] <= pinned


@pytest.mark.parametrize("line", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]])
def test_pins_are_within_the_bounds(line: str) -> None:
    name, least = line.split(">=")
    pins = [pin.partition(";")[0].strip().partition("==")[2] for pin in PINS if normal(pin).startswith(f"{name}==")]
    assert pins and all(
        [int(x) for x in pin.split(".")[:3]] >= [int(x) for x in least.split(".")[:3]] for pin in pins
    ), f"{name}: {pins}"


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_bytes()
    assert PROJECT["license"] == "Apache-2.0" and PROJECT["license-files"] == ["LICENSE"]
    # Of the text as the Apache Software Foundation gives it out; a changed licence is another licence.
    assert hashlib.sha256(text).hexdigest() == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_classifiers_name_the_pythons_that_are_supported() -> None:
    least, most = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()  # type: ignore[union-attr]
    named = {int(c.rpartition(".")[2]) for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", c)}
    assert named == set(range(int(least), int(most)))
    assert "Typing :: Typed" in PROJECT["classifiers"] and (ROOT / "tltk" / "py.typed").is_file()
    assert not [c for c in PROJECT["classifiers"] if c.startswith("License")], "the licence is an expression"


REGISTRY = re.compile(r"(pypi|pythonhosted|npmjs|conda\.anaconda)\.\w+", re.IGNORECASE)


def test_no_file_names_a_registry() -> None:
    for path in [ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / "constraints.txt", *ROOT.glob("*.md")]:
        assert not REGISTRY.search(path.read_text(encoding="utf-8")), path.name

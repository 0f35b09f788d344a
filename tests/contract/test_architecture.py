"""The rules of the house that the linters cannot say.

Who may import whom, and where Streamlit, Plotly and timm may be, stands in pyproject.toml (`lint-imports`); absolute
imports, slow ones inside functions, docstrings and packages are ruff's.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tltk
from tltk.specs.reading import spec_kinds

LIGHT = [  # no torch at the top, nor in what they import there
    "errors",
    "home",
    "assets",
    "specs",
    "registry",
    "results",
    "runs",
    "strategies",
    "adapters",
    "terms",
    "tasks",
    "plots",
    "report",
    "dashboard",
    "cli",
    "jobs.local",
    "jobs.queue",
    "jobs.supervisor",
    "jobs.provenance",
    "jobs.checking",
    "weights.store",
    "weights.weightfile",
    "weights.bodies",
    "weights.catalogue",
    "weights.recipe",
    "training.cost",
    "training.schedule",
    "serving.hosts",
    "serving.receive",
    "serving.schema",
    "shift.multiple",
    "studies",
    "analyses.rank.agreement",
    "data.domain",
    "data.identity",
    "data.cautions",
    "data.decode",
    "data.sources",
    "data.corrupt",
    "data.drawing",
    "data.account",
    "data.names",
    "data.tree",
    "data.layout",
]
FROM_THE_SCREEN = {"torch", "timm", "plotly", "safetensors"}  # app.py and pages/ import none of them, anywhere
BANNED = ("utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "core")

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tltk"
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "__pycache__" not in p.parts)
SCREEN = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module(path: Path) -> str:
    """`tltk/data/__init__.py` → `data`, `tltk/nn/net.py` → `nn.net`, `tltk/__init__.py` → ``."""
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(p): p for p in FILES}


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every module that a file imports, and whether inside a function. For types only: left out."""

    def visit(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"  # `from tltk.jobs import queue` is about the file queue
                yield (deeper if deeper.removeprefix("tltk.") in MODULES else str(node.module)), inside
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), False)


def test_every_light_module_is_there() -> None:
    assert not [name for name in LIGHT if name not in MODULES], "a name in the list is no module any more"


def test_the_root_stays_small() -> None:
    """A newcomer finds a file by its noun: what is not one of the few doors lies in a package."""
    modules = [path.name for path in PACKAGE.glob("*.py")]
    assert len(modules) <= 8, f"{sorted(modules)}: put what is new into the package of its subject"


@pytest.mark.parametrize("path", SCREEN, ids=short)
def test_the_screen_asks_others_to_compute_and_to_draw(path: Path) -> None:
    assert not {name.partition(".")[0] for name, _ in imports(path)} & FROM_THE_SCREEN


@pytest.mark.parametrize("path", [*FILES, *SCREEN], ids=short)
def test_torch_never_enters_what_the_screen_is_made_of(path: Path) -> None:
    """At module level; what a light module imports is light too, since it is in the list or has no torch."""
    light = path in SCREEN or any(
        module(path) == name or module(path).startswith(f"{name}.") for name in LIGHT if PACKAGE in path.parents
    )
    heavy = {"torch", "timm", "safetensors.torch"}
    if light:
        named = {name for name, inside in imports(path) if not inside}
        assert not named & heavy, f"{short(path)} imports {named & heavy}"
        assert not {n for n in named if n.split(".")[0] in heavy}


@pytest.mark.parametrize("path", FILES, ids=short)
def test_no_file_is_named_after_nothing(path: Path) -> None:
    assert path.stem.lower() not in BANNED
    assert not path.stem.endswith(("_utils", "_helpers", "_base"))


# -- the table of layers itself --------------------------------------------------------------------------

LINTER = "from importlinter import cli; import sys; sys.exit(cli.lint_imports(no_cache=True, no_logo=True))"
WRONG = {
    "a row above": ("specs/knobs.py", "import tltk.nn.net", "A package imports from lower rows or its own"),
    "a row above, in a function": (
        "runs/run.py",
        "def late():\n    from tltk.jobs import queue\n    return queue",
        "A package imports from lower rows or its own",
    ),
    "a circle, in a function": (
        "nn/head.py",
        "def late():\n    import tltk.nn.net\n    return tltk.nn.net",
        "No circles of packages or of files, imports inside functions included",
    ),
    "streamlit": ("jobs/queue.py", "import streamlit", "Streamlit is the dashboard's"),
    "plotly": ("cli/main.py", "import plotly.graph_objects", "Plotly draws in plots and in the dashboard"),
    "timm": ("specs/parts.py", "import timm", "timm is known where networks are made, loaded, trained and described"),
    "a package without a row": ("stray/__init__.py", '"""No row."""', "not listed as layers"),
}


@pytest.mark.parametrize("fault", [None, *WRONG])
def test_the_table_of_layers_holds_and_sees_what_breaks_it(fault: str | None, tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "tltk", ignore=shutil.ignore_patterns("__pycache__", "*.jsonl"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    if fault:
        file, line, rule = WRONG[fault]
        (tmp_path / "tltk" / file).parent.mkdir(exist_ok=True)
        with (tmp_path / "tltk" / file).open("a", encoding="utf-8") as into:
            into.write(f"\n{line}\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", LINTER], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    if fault is None:
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        assert done.returncode != 0 and rule in done.stdout.partition("Broken contracts")[2] + done.stderr, done.stdout


# -- public names ----------------------------------------------------------------------------------------


def test_the_public_names_are_there_and_sorted() -> None:
    assert tltk.__all__ == sorted(tltk._PUBLIC)
    assert {"TransferSpec", "CompareSpec", "Run", "launch", "load", "TltkError"} <= set(tltk.__all__)
    for name in tltk.__all__:
        assert getattr(tltk, name) is not None
    assert set(dir(tltk)) == {*tltk.__all__, "__version__"}
    for kind in spec_kinds().values():  # generated code imports them from here
        assert getattr(tltk, kind.__name__) is kind
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tltk.nonsense  # noqa: B018


def test_what_the_type_checker_sees_is_what_there_is() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If))
    seen = {
        alias.name: str(node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == {name: f"tltk.{home}" for name, home in tltk._PUBLIC.items()}


# -- the README ------------------------------------------------------------------------------------------


def test_the_readme_names_every_verb() -> None:
    from tltk.cli import main as cli

    readme = ROOT / "README.md"
    if not readme.is_file():
        pytest.skip("README.md is not written yet")
    text = readme.read_text(encoding="utf-8")
    for verb in cli.main.commands:
        assert f"`tltk {verb}`" in text, f"README.md does not name `tltk {verb}`"
    for verb in cli.runs.commands:
        assert f"`{verb}`" in text or f"`tltk runs {verb}`" in text, f"README.md does not name `tltk runs {verb}`"


def test_no_test_imports_a_test() -> None:
    """What tests share lies in tests/support."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
                assert not (node.module or "").rpartition(".")[2].startswith("test_"), (
                    f"{path.name} imports {node.module}"
                )

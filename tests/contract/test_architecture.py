"""The layers of the house. A module imports from lower rows or from its own; the table is the document."""

from __future__ import annotations

LAYERS = """
errors
home registry results specs features
strategies runs
data nn
adapters terms weights shift transferability reduce probes
tasks
training
analyses studies
jobs plots
dashboard
cli run
"""
# `runs` lies low since a run is plain data and weights may come from one; `run` (the worker) and `cli`
# are the two doors and lie on top; tltk/__init__.py looks names up lazily and is no part of the table.

LIGHT = [  # no torch at the top, nor in what they import there
    "errors",
    "home",
    "specs",
    "registry",
    "results",
    "runs",
    "strategies",
    "adapters",
    "terms",
    "tasks",
    "plots",
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
HOMES = {  # who may import it at all → where; "inside" = only in functions
    "streamlit": ("dashboard", "app.py", "pages"),
    "plotly": ("plots", "dashboard"),
    "timm": ("nn", "weights", "training", "analyses", "cli"),
}
LAZY = ("umap", "sklearn", "torchvision")  # seconds each: only inside functions, wherever they are
BANNED = ("utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "core")

import ast  # noqa: E402
import importlib  # noqa: E402
import inspect  # noqa: E402
import json  # noqa: E402
import pkgutil  # noqa: E402
import re  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from dataclasses import asdict  # noqa: E402
from itertools import product  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

import tltk  # noqa: E402
from tltk.errors import UnknownName  # noqa: E402
from tltk.specs.knobs import knobs  # noqa: E402
from tltk.specs.parts import StrategySpec  # noqa: E402
from tltk.strategies import make, strategies  # noqa: E402

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tltk"
RANK = {name: row for row, line in enumerate(LAYERS.strip().splitlines()) for name in line.split()}
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
            assert node.level == 0, f"{short(path)}: imports are absolute"
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"  # `from tltk.jobs import queue` is about the file queue
                yield (deeper if deeper.removeprefix("tltk.") in MODULES else str(node.module)), inside
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), False)


def ours(path: Path) -> Iterator[tuple[str, bool]]:
    """Our own modules among them, as in `MODULES`."""
    for name, inside in imports(path):
        if name.startswith("tltk.") and name.removeprefix("tltk.") in MODULES:
            yield name.removeprefix("tltk."), inside


def test_the_table_has_every_module_and_nothing_else() -> None:
    tops = {name.partition(".")[0] for name in MODULES} - {""}
    assert tops == set(RANK)


@pytest.mark.parametrize("name", sorted(set(MODULES) - {""}))
def test_a_module_imports_from_lower_rows_or_its_own(name: str) -> None:
    top = name.partition(".")[0]
    for other, _ in ours(MODULES[name]):
        below = other.partition(".")[0]
        assert RANK[below] <= RANK[top], f"{name} (row {RANK[top]}) imports {other} (row {RANK[below]})"


def test_there_are_no_cycles() -> None:
    """Of files: a package's __init__ may be imported by its files only where it does not import them."""
    found = {
        name: {o for o, inside in ours(path) if not inside and o != name} for name, path in MODULES.items() if name
    }
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert state.get(name) != 1, " → ".join((*trail[trail.index(name) :], name))
        if name in state:
            return
        state[name] = 1
        for other in sorted(found[name]):
            visit(other, (*trail, name))
        state[name] = 2

    for name in sorted(found):
        visit(name, ())


@pytest.mark.parametrize("path", [*FILES, *SCREEN], ids=short)
def test_outside_packages_stay_where_they_belong(path: Path) -> None:
    place = path.relative_to(PACKAGE if PACKAGE in path.parents else ROOT).parts[0].removesuffix(".py")
    for name, inside in imports(path):
        top = name.partition(".")[0]
        if top in HOMES:
            allowed = {home.removesuffix(".py") for home in HOMES[top]}
            assert place in allowed, f"{short(path)} imports {name}"
            assert inside or (top, place) != ("timm", "cli"), f"{short(path)} imports {name} at the top"
        assert top not in LAZY or inside, f"{short(path)} imports {name} at the top; it costs seconds"


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


@pytest.mark.parametrize("path", FILES, ids=short)
def test_every_public_name_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name != "__init__.py" or tree.body:
        assert ast.get_docstring(tree), f"{short(path)} says nothing of its place"

    def visit(node: ast.Module | ast.ClassDef, owner: str) -> None:
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and child.name[0] != "_":
                overloads = [ast.unparse(d) for d in child.decorator_list]
                assert ast.get_docstring(child) or "overload" in overloads, f"{short(path)}: {owner}{child.name}"
                if isinstance(child, ast.ClassDef):
                    visit(child, f"{child.name}.")

    visit(tree, "")


# -- public names ----------------------------------------------------------------------------------------


def test_the_public_names_are_there_and_sorted() -> None:
    assert list(tltk.__all__) == sorted(tltk.__all__)
    assert {"TransferSpec", "CompareSpec", "Run", "launch", "load", "TltkError"} <= set(tltk.__all__)
    for name in tltk.__all__:
        assert getattr(tltk, name) is not None
    assert set(dir(tltk)) == {*tltk.__all__, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tltk.nonsense  # noqa: B018


def test_what_the_type_checker_sees_is_what_there_is() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If))
    seen = {
        alias.name: str(node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == {name: f"tltk.{home}" for name, home in tltk._PUBLIC.items()}


@pytest.mark.parametrize("name", [n for n, p in MODULES.items() if n and "__all__" in p.read_text(encoding="utf-8")])
def test_all_lists_what_can_be_imported(name: str) -> None:
    found = importlib.import_module(f"tltk.{name}")
    assert len(set(found.__all__)) == len(found.__all__)
    for public in found.__all__:
        assert hasattr(found, public), f"tltk.{name}.__all__ names {public}"


def test_every_subpackage_is_found_by_the_wheel() -> None:
    found = {m.name for m in pkgutil.iter_modules([str(PACKAGE)]) if m.ispkg}
    assert found == {n.partition(".")[0] for n in MODULES if "." in n}


# -- strategies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", strategies.names())
class TestStrategy:
    """Each holds over every depth × boundary × number of epochs."""

    def test_it_says_where_it_is_from(self, name: str) -> None:
        doc = inspect.getdoc(strategies[name]) or ""
        assert "Reference:" in doc
        assert re.search(r"\(\d{4}\)", doc), "authors (year)"
        assert re.search(r"arXiv:|doi|JMLR|ICML|NeurIPS|ICLR|CVPR|ACL", doc)
        assert len(strategies.summary(name)) < 120

    def test_it_overrides_four_things_and_nothing_else(self, name: str) -> None:
        public = {n for n in vars(strategies[name]) if n[0] != "_"} - set(knobs(strategies[name]))
        assert public <= {"phases", "adapt", "term", "weights"}

    def test_its_phases(self, name: str) -> None:
        strategy = make(StrategySpec(name))
        for depth, epochs in product(range(1, 15), range(1, 21)):
            for boundary in range(depth + 1):
                phases = strategy.phases(depth, boundary, epochs)
                assert sum(p.epochs for p in phases) == epochs
                for p in phases:
                    assert p.epochs >= 1
                    assert len(p.lr_scale) == depth + 1
                    assert p.boundary >= boundary
                assert strategy.phases(depth, boundary, epochs) == phases  # pure
                json.dumps([asdict(p) for p in phases], allow_nan=False)

    def test_its_knobs(self, name: str) -> None:
        for knob, rule in knobs(strategies[name]).items():
            assert rule.help
            assert json.loads(json.dumps(asdict(rule))) == {**asdict(rule), "choices": list(rule.choices)}
            for value in {rule.default, rule.lo, rule.hi} - {None}:
                typed = type(rule.default)(value)
                assert make(StrategySpec(name, {knob: typed})).phases(6, 2, 8)
        with pytest.raises(UnknownName, match="must be one of"):
            make(StrategySpec(name, {"nonsense": 1}))


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

"""What a public docstring owes its reader: arguments where there are many or tensors, and the errors it raises itself."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import tltk
from tltk import errors

ROOT = Path(tltk.__file__).parent
ELSEWHERE = {"analyses", "cli", "dashboard", "plots", "results", "runs", "testing"}  # not held to it yet
FILES = [f for f in sorted(ROOT.rglob("*.py")) if f.relative_to(ROOT).parts[0] not in ELSEWHERE]
OURS = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.TltkError)}
MANY = 3  # arguments from which on each is described


def public_functions(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods of a module whose own name is public."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from public_functions(node.body, f"{owner}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield f"{owner}{node.name}", node


def lacking(node: ast.FunctionDef) -> list[str]:
    """The sections that the docstring of a function should have and has not."""
    sections = ast.get_docstring(node) or ""
    arguments = [
        a for a in node.args.posonlyargs + node.args.args + node.args.kwonlyargs if a.arg not in ("self", "cls")
    ]
    tensors = [a for a in arguments if a.annotation is not None and "Tensor" in ast.unparse(a.annotation)]
    raised = {
        ast.unparse(r.exc.func if isinstance(r.exc, ast.Call) else r.exc).split(".")[0]
        for r in ast.walk(node)
        if isinstance(r, ast.Raise) and r.exc is not None
    }
    needs = {"Args:": len(arguments) >= MANY or tensors, "Raises:": raised & OURS}
    return [section for section, is_needed in needs.items() if is_needed and section not in sections]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(a, b): ...", []),
        ("def f(a, b, c): ...", ["Args:"]),
        ("def f(self, x: Tensor | None): ...", ["Args:"]),
        ("def f(x: Tensor):\n    '''One.\n\n    Args:\n        x: (n, d).\n    '''", []),
        ("def f():\n    raise BadSpec('no')", ["Raises:"]),
        ("def f():\n    raise UnknownName.among('a', 'b', [])", ["Raises:"]),
        ("def f():\n    raise KeyError", []),
    ],
)
def test_the_rule_tells_what_a_docstring_lacks(code: str, found: list[str]) -> None:
    (node,) = ast.parse(code).body
    assert isinstance(node, ast.FunctionDef)
    assert lacking(node) == found


def test_public_docstrings_name_their_arguments_and_errors() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno} {name} lacks {section}"
        for file in FILES
        for name, node in public_functions(ast.parse(file.read_text("utf-8")).body)
        for section in lacking(node)
    ]
    assert found == []


def test_what_args_names_are_arguments() -> None:
    """An argument that was renamed is renamed in its docstring too."""
    wrong = []
    for file in FILES:
        for name, node in public_functions(ast.parse(file.read_text("utf-8")).body):
            text = ast.get_docstring(node) or ""
            if "Args:\n" not in text:
                continue
            section = text.partition("Args:\n")[2].split("\n\n")[0].splitlines()
            named = {
                line.strip().partition(":")[0] for line in section if line[:4].isspace() and not line[4:5].isspace()
            }
            args = node.args
            own = {a.arg for a in args.posonlyargs + args.args + args.kwonlyargs}
            own |= {args.vararg.arg} if args.vararg else set()
            own |= {args.kwarg.arg} if args.kwarg else set()
            listed = {one.strip().lstrip("*") for names in named for one in names.split(",")}
            wrong += [f"{file.relative_to(ROOT)}:{node.lineno} {name}: {other}" for other in sorted(listed - own)]
    assert wrong == []

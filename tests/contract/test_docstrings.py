"""What a public docstring owes its reader: arguments where there are many or tensors, and the errors it raises itself.

Verbs of the shell are described to their user by `--help`: their options have a help each, and errors are sentences.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import tltk
from tltk import errors
from tltk.cli.main import main

PACKAGE = Path(tltk.__file__).parent
ROOT = PACKAGE.parent
FILES = [*sorted(PACKAGE.rglob("*.py")), *sorted((ROOT / "pages").glob("*.py"))]
OURS = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.TltkError)}
MANY = 3  # arguments from which on each is described


def public_functions(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods of a module whose own name is public."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from public_functions(node.body, f"{owner}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield f"{owner}{node.name}", node


def is_verb(node: ast.FunctionDef) -> bool:
    """Whether the shell offers it: decorated with `command` or `group` of click."""
    names = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(isinstance(n, ast.Attribute) and n.attr in ("command", "group") for n in names)


def lacking(node: ast.FunctionDef) -> list[str]:
    """The sections that the docstring of a function should have and has not."""
    if is_verb(node):
        return []
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
        ("@click.command()\ndef f(a, b, c): ...", []),
        ("@main.group\ndef f(a, b, c): ...", []),
        ("@functools.cache\ndef f(a, b, c): ...", ["Args:"]),
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


def test_each_option_of_the_shell_has_a_help() -> None:
    def verbs(command: click.Command) -> Iterator[click.Command]:
        yield command
        for inner in command.commands.values() if isinstance(command, click.Group) else ():
            yield from verbs(inner)

    options = [
        (verb.name, option) for verb in verbs(main) for option in verb.params if isinstance(option, click.Option)
    ]
    assert len(options) > 50
    assert [f"{verb} {option.opts[0]}" for verb, option in options if not option.help] == []


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

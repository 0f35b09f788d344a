"""Sections of docs/json.md on the result of a kind, from its classes' docstrings: `python docs/sections.py race`.

The page is written by hand where it explains more; this makes the tables of a kind that is new.
"""

from __future__ import annotations

import argparse
import inspect
import re
import types
import typing
from typing import Any

from tltk.specs.reading import result_class, spec_kinds

WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", dict: "object", type(None): "null"}


def type_in_words(hint: Any) -> str:
    """`list[float] | None` → list of number or null."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_in_words(one) for one in arguments)
    if origin in (list, tuple):
        return f"list of {type_in_words(arguments[0])}"
    if origin is dict:
        return "object"
    return WORDS.get(hint, "object")


def meanings(kind: type[Any]) -> dict[str, str]:
    """Field → what its docstring says of it, as it stands in a table."""
    section = re.search(r"Attributes:\n(.*?)(?=\n\n|\Z)", inspect.getdoc(kind) or "", re.S)
    text = re.sub(r"\n {8,}", " ", section[1] if section else "")
    found = re.findall(r"^ {4}(\w+): (.*)$", text, re.M)
    return {name: (said[:1].lower() + said[1:] if said[1:2].islower() else said).rstrip(".") for name, said in found}


def section(title: str, kind: type[Any], about: str) -> str:
    """A section with the table of a class's fields.

    Args:
        title: Its heading.
        kind: The class.
        about: The line above the table.
    """
    said, hints = meanings(kind), typing.get_type_hints(kind)
    rows = [f"| `{name}` | {type_in_words(hint)} | {said[name]} |" for name, hint in hints.items()]
    return "\n".join([f"## {title}", "", about, "", "| field | type | meaning |", "|---|---|---|", *rows, ""])


def heading(kind: type[Any]) -> str:
    """The heading of a class that a result holds: `ArmResult` → An arm."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__.removesuffix("Result")).lower()
    return f"{'An' if words[0] in 'aeiou' else 'A'} {words}"


def held(kind: type[Any]) -> list[type[Any]]:
    """The classes that a class holds, outermost first."""
    found: list[type[Any]] = []
    for hint in typing.get_type_hints(kind).values():
        for one in (hint, *typing.get_args(hint), *(b for a in typing.get_args(hint) for b in typing.get_args(a))):
            if isinstance(one, type) and one.__module__ == kind.__module__ and one not in found:
                found += [one, *(other for other in held(one) if other not in found)]
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=sorted(spec_kinds()))
    asked = parser.parse_args().kind
    result = result_class(spec_kinds()[asked])
    print(section(f"tltk {asked}", result, f"`result` of a run of kind {asked}."))
    for one in held(result):
        summary = (inspect.getdoc(one) or "").partition("\n")[0]
        print(section(heading(one), one, summary))

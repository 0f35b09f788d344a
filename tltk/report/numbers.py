"""The figures of a result as rows of one table, in full precision, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import msgspec

from tltk.results.text import FORMULA
from tltk.results.training import TrainingResult
from tltk.studies.compare.result import CompareResult

PLAIN = (str, int, float, bool, type(None))


def records(found: Any) -> list[dict[str, Any]]:
    """A row for each arm, or for each point of its curve; where a result has neither, one row.

    Args:
        found: Of a training or a study.
    """
    body: dict[str, Any] = msgspec.to_builtins(found)
    if isinstance(found, CompareResult):
        body = body["verdict"]
    elif not isinstance(found, TrainingResult):
        lists = (value for value in body.values() if isinstance(value, list) and value and isinstance(value[0], dict))
        first = next(lists, None)  # a study's result begins with what it weighs
        if first is not None:
            return [row for one in first for row in _rows(one)]
    return [_scalars(body)]


def as_csv(found: Any) -> str:
    """The rows with a head, as RFC 4180 has it; a text that a spreadsheet would compute is quoted by an apostrophe."""
    rows, text = records(found), io.StringIO(newline="")
    table = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    table.writeheader()
    table.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _rows(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row, or as many as its lists are long."""
    scalars = _scalars(one)
    lists = {name: value for name, value in one.items() if isinstance(value, list)}
    if not lists:
        return [scalars]
    return [{**scalars, **dict(zip(lists, values, strict=True))} for values in zip(*lists.values(), strict=True)]


def _scalars(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": inner for key, inner in value.items() if isinstance(inner, PLAIN)}
        elif isinstance(value, PLAIN):
            found[name] = value
    return found


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value

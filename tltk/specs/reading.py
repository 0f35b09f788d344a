"""From JSON to the spec that is meant, whichever kind it is of; and names with their paths made absolute."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

from tltk.errors import UnknownName
from tltk.results.training import TrainingResult
from tltk.specs.knobs import S, Spec, read_body
from tltk.specs.spelling import camel_case
from tltk.specs.training import TransferSpec

PATHS = ("folder", "archive", "csv", "npz", "sound", "text", "table", "vectors", "file")  # names of the form KIND:PATH
FOLDERS = ("studies", "analyses")  # each folder in these packages that holds a `spec.py` is a separate kind


@cache
def spec_kinds() -> dict[str, type[Spec]]:
    """Every kind of spec that a worker can run, by the word that its JSON says: `kind` → class."""
    found: dict[str, type[Spec]] = {TransferSpec.kind: TransferSpec}
    for package in FOLDERS:
        folder = importlib.import_module(f"tltk.{package}")
        for entry in pkgutil.iter_modules(folder.__path__):
            if entry.ispkg:
                one = spec_class(f"tltk.{package}.{entry.name}")
                found[one.kind] = one
    return found


def spec_class(package: str) -> type[Spec]:
    """The spec class of a study's or an analysis's folder: the one in its `spec.py` that bears its name.

    Args:
        package: Dotted name of the folder, such as `tltk.analyses.profile`.
    """
    found: type[Spec] = getattr(
        importlib.import_module(f"{package}.spec"), f"{camel_case(package.rpartition('.')[2])}Spec"
    )
    return found


def result_class(kind: type[Spec]) -> type[Any]:
    """The class of what a run of this kind finds: of an analysis or a study the one in its folder's `result.py`.

    Args:
        kind: A class of specs that a worker can run.

    Returns:
        The class, such as `ProfileResult`; a plain `dict[str, Any]` where the folder has no `result.py`.
    """
    if kind is TransferSpec:
        return TrainingResult
    package = kind.__module__.rpartition(".")[0]
    if importlib.util.find_spec(f"{package}.result") is None:
        return dict[str, Any]
    name = f"{camel_case(package.rpartition('.')[2])}Result"
    found: type[Any] = getattr(importlib.import_module(f"{package}.result"), name)
    return found


def read_spec(text: str | bytes) -> Spec:
    """The spec of whichever kind this JSON says it is.

    Raises:
        BadSpec: Not JSON, or a value out of range.
        UnknownName: A kind or a field that does not exist.
    """
    body = read_body(text)
    kind = body.get("kind", "transfer") if isinstance(body, dict) else "transfer"
    if not isinstance(kind, str) or kind not in spec_kinds():
        raise UnknownName.among("The kind of a spec", str(kind), spec_kinds())
    return spec_kinds()[kind].from_dict(body)


def with_absolute_paths(spec: S) -> S:
    """The spec with its paths made absolute from where one stands; a worker stands elsewhere."""
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, f.name)
        if isinstance(value, Spec):
            changes[f.name] = with_absolute_paths(value)
        elif f.name in ("name", "backbone", "weights", "after", "on") and isinstance(value, str):
            changes[f.name] = _absolute(value)
        elif f.name in ("picture", "checkpoint", "file") and isinstance(value, str) and value.strip():
            changes[f.name] = value if value.startswith("run:") else _absolute_path(value)
        elif f.name == "on":
            changes[f.name] = tuple(_absolute(name) for name in value)
        elif f.name == "paths":
            changes[f.name] = tuple(_absolute_input(text) for text in value)
        elif f.name == "candidates":
            split = [text.partition("@") for text in value]
            changes[f.name] = tuple(f"{_absolute(name)}{at}{_absolute(weights)}" for name, at, weights in split)
    return dataclasses.replace(spec, **changes)  # type: ignore[type-var]


def _absolute(name: str) -> str:
    kind, colon, path = name.partition(":")
    if kind == "subset" and "@" in path:  # of another domain, whose path it may be
        choice, _, inner = path.partition("@")
        return f"subset:{choice}@{_absolute(inner)}"
    if kind == "grey" and path.strip():
        return f"grey:{_absolute(path)}"
    if not colon or not path.strip() or kind not in PATHS or (kind == "vectors" and path.startswith("run:")):
        return name
    return f"{kind}:{_absolute_path(path)}"


def _absolute_input(text: str) -> str:
    """A file as its absolute path, a folder as `folder:PATH`; what is not there as it is, since it may be a domain."""
    try:
        path = Path(text).expanduser().absolute()
        if text.strip() and path.is_dir():
            return f"folder:{path}"
        return str(path) if path.exists() else _absolute(text)
    except (OSError, RuntimeError, ValueError):
        return _absolute(text)


def _absolute_path(path: str) -> str:
    """The path made absolute; as it is written where there is no such user, so that the check of the spec says so."""
    try:
        as_written = Path(path).expanduser().absolute()
        found = as_written if as_written.exists() else Path(path.strip()).expanduser().absolute()
    except (OSError, RuntimeError, ValueError):
        return path
    return str(found)

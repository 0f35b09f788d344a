"""A name is a file: `tltk/strategies/lp_ft.py` *is* the strategy `lp_ft`.

A registry lists the modules of one package without importing them, so that menus cost nothing,
and imports the one that is asked for. Installed packages add entries by entry points of the group that is
named like the registry's package, such as `tltk.strategies`; one of tltk's own names is never replaced.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import pkgutil
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from tltk.errors import UnknownName, truncate
from tltk.specs.knobs import knobs

T = TypeVar("T")

SETTLE_NS = 10**9  # two changes that lie closer may bear the same time


@cache
def _entry_points(group: str) -> tuple[EntryPoint, ...]:
    """What installed packages offer in a group; read once, since it looks through all of them."""
    return tuple(entry_points(group=group))


def _normal(name: str) -> str:
    """A distribution's name as installers compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _changed(folders: list[str]) -> tuple[int, ...]:
    """When each of these folders last got or lost a file, in nanoseconds; empty where nobody can tell."""
    try:
        return tuple(os.stat(folder).st_mtime_ns for folder in folders)
    except OSError:  # such as a package in an archive
        return ()


class Registry(Generic[T]):
    """The entries of one package, by file name.

    Args:
        kind: The word for an entry in error sentences, such as "strategy".
        package: Dotted name of the package whose modules are the entries.
        attribute: What to take from a module, given the entry's name.
        skip: Modules of the package that are machinery, not entries.
        group: Of the entry points by which other packages add entries; by default the name of the package.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        attribute: Callable[[str], str],
        skip: tuple[str, ...] = (),
        group: str = "",
    ) -> None:
        self.kind = kind
        self.package = package
        self._attribute = attribute
        self._skip = frozenset(skip)
        self.group = group or package
        self._listed: tuple[tuple[int, ...], list[str]] = ((), [])  # when the folders last changed, and what was there

    def names(self) -> list[str]:
        """All names, sorted; imports none of them."""
        return sorted({*self._files(), *self._find_installed()})

    def names_of(self, distribution: str = "") -> list[str]:
        """The names that one package brings.

        Args:
            distribution: An installed distribution that adds entries by entry points; "" = tltk itself.
        """
        if not distribution:
            return sorted(self._files())
        wanted = _normal(distribution)
        points = self._find_installed().values()
        return sorted(point.name for point in points if point.dist and _normal(point.dist.name) == wanted)

    def _files(self) -> list[str]:
        """Names of the package's own modules."""
        package = sys.modules.get(self.package)
        # Namespace of this very file's parent: the package may still be importing.
        root = str(Path(__file__).parent.joinpath(*self.package.split(".")[1:]))
        folders = list(getattr(package, "__path__", [root]))
        changed = _changed(folders)
        if changed and changed == self._listed[0]:
            return self._listed[1]
        modules = (module.name for module in pkgutil.iter_modules(folders))
        found = [name for name in modules if name not in self._skip and name[0] != "_"]
        if changed and time.time_ns() - max(changed) > SETTLE_NS:  # else another file may come at the same tick
            self._listed = changed, found
        return found

    def _find_installed(self) -> dict[str, EntryPoint]:
        """What other installed packages add, by name; what is no name of a module is left out."""
        return {point.name: point for point in _entry_points(self.group) if point.name.isidentifier()}

    def __contains__(self, name: object) -> bool:
        return name in self._files() or name in self._find_installed()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __getitem__(self, name: str) -> T:
        """The entry of that name.

        Raises:
            UnknownName: No such file; the nearest name is offered.
        """
        if name not in self:
            raise UnknownName.among(self.kind, name, self.names())
        if name not in self._files():
            return self._load(self._find_installed()[name])
        module = importlib.import_module(f"{self.package}.{name}")
        entry: Any = getattr(module, self._attribute(name))
        return entry  # type: ignore[no-any-return]

    def _load(self, point: EntryPoint) -> T:
        """The entry of an installed package.

        Raises:
            UnknownName: It cannot be imported; the sentence says why.
        """
        try:
            entry: T = point.load()
        except Exception as fault:  # whatever a third-party package raises on import
            raise UnknownName(
                f"The {self.kind} {point.name} of the installed package {point.module} must be importable. It is not: "
                f"{type(fault).__name__}: {fault}. Mend or uninstall that package."
            ) from None
        return entry

    def make(self, name: str, values: Mapping[str, Any]) -> Any:
        """An entry that is a class of knobs, with these values; for registries of such classes.

        Args:
            name: Of the entry.
            values: Its knobs that differ from their defaults.

        Raises:
            UnknownName: No such entry or knob.
            BadSpec: A knob out of range.
        """
        kind: Any = self[name]
        known = knobs(kind)
        for knob in values:
            if not known:
                raise UnknownName(f"{name} has no knobs. Got {truncate(knob)!r}; leave it out.")
            if knob not in known:
                raise UnknownName.among(f"A knob of {name}", knob, known)
        return kind(**values)

    def summary(self, name: str) -> str:
        """First line of the entry's docstring: the sentence shown beside its name."""
        entry: Any = self[name]
        doc = entry.__doc__ or importlib.import_module(entry.__module__).__doc__ or ""
        return str(doc).strip().split("\n")[0]

    def docstring(self, name: str) -> str:
        """All of the entry's docstring, read from its file without running it, where it is one of ours.

        Raises:
            UnknownName: No such entry.
        """
        if name not in self._files():
            return str(self[name].__doc__ or "")
        found = importlib.util.find_spec(f"{self.package}.{name}")
        tree = ast.parse(Path(str(found and found.origin)).read_text(encoding="utf-8"))
        wanted = self._attribute(name)
        entry = next((n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == wanted), None)
        return (ast.get_docstring(entry) if entry is not None else None) or ast.get_docstring(tree) or ""

"""A name is a file: `tltk/strategies/lp_ft.py` *is* the strategy `lp_ft`.

A registry lists the modules of one package without importing them, so that menus cost nothing,
and imports the one that is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from tltk.errors import UnknownName

T = TypeVar("T")


def camel(name: str) -> str:
    """`gradual_unfreezing` → `GradualUnfreezing`: the class that the file of that name holds."""
    return "".join(part.capitalize() for part in name.split("_"))


class Registry(Generic[T]):
    """The entries of one package, by file name.

    Args:
        kind: The word for an entry in error sentences, such as "strategy".
        package: Dotted name of the package whose modules are the entries.
        attribute: What to take from a module, given the entry's name.
        skip: Modules of the package that are machinery, not entries.
    """

    def __init__(
        self, kind: str, package: str, attribute: Callable[[str], str], skip: tuple[str, ...] = ()
    ) -> None:
        self.kind = kind
        self.package = package
        self._attribute = attribute
        self._skip = frozenset(skip)

    def names(self) -> list[str]:
        """All names, sorted; imports none of them."""
        # Namespace of this very file's parent: the package may still be importing.
        root = Path(__file__).parent.joinpath(*self.package.split(".")[1:])
        found = (module.name for module in pkgutil.iter_modules([str(root)]))
        return sorted(name for name in found if name not in self._skip and name[0] != "_")

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __getitem__(self, name: str) -> T:
        """The entry of that name.

        Raises:
            UnknownName: No such file; the nearest name is offered.
        """
        if name not in self:
            raise UnknownName.among(self.kind, name, self.names())
        module = importlib.import_module(f"{self.package}.{name}")
        entry: Any = getattr(module, self._attribute(name))
        return entry  # type: ignore[no-any-return]

    def summary(self, name: str) -> str:
        """First line of the entry's docstring: the sentence shown beside its name."""
        entry: Any = self[name]
        doc = entry.__doc__ or importlib.import_module(f"{self.package}.{name}").__doc__ or ""
        return str(doc).strip().split("\n")[0]

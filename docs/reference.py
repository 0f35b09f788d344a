"""The reference of tltk's modules and public names, from their docstrings: `python docs/reference.py FOLDER`."""

from __future__ import annotations

import argparse
import dataclasses
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pdoc
import pdoc.extract
import pdoc.render

import tltk
from tltk.specs.knobs import Spec

# Scripts, which do their work when they are imported.
SCRIPTS = ("tltk.dashboard.router", "tltk.cli.__main__")


def modules() -> list[str]:
    """Every module of the package by its dotted name, the scripts left out."""
    found = pkgutil.walk_packages(tltk.__path__, "tltk.")
    return ["tltk", *(module.name for module in found if module.name not in SCRIPTS)]


def specs(kind: type[Spec] = Spec) -> Iterator[type[Spec]]:
    """Every class of specs, strategies, adapters and terms that has been imported."""
    for one in kind.__subclasses__():
        yield one
        yield from specs(one)


def build(folder: Path) -> None:
    """Write a page for the package and one for each module.

    Args:
        folder: Where to; `index.html` there leads to all.
    """
    for name in tltk.__all__:  # they are looked up when they are first used, and pdoc looks at what is there
        setattr(tltk, name, getattr(tltk, name))
    loaded = {name: pdoc.extract.load_module(name) for name in modules()}
    for kind in specs():  # the fields of a base are typed in the base's module, where pdoc does not look
        hints = typing.get_type_hints(kind)
        kind.__init__.__annotations__ = {f.name: hints[f.name] for f in dataclasses.fields(cast(Any, kind)) if f.init}
    pdoc.render.configure(docformat="google", search=True, footer_text=f"tltk {tltk.__version__}")
    # A package brings its modules, unless it lists its public names: then those that it does not list are asked for.
    roots = []
    for name in loaded:
        package, _, own = name.rpartition(".")
        public = getattr(loaded[package], "__all__", None) if package else []
        if public is not None and own not in public:
            roots.append(name)
    pdoc.pdoc(*roots, *(f"!{name}" for name in SCRIPTS), output_directory=folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    build(parser.parse_args().folder)

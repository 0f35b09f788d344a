"""What a page may ask this machine to read: files below `TLTK_ROOTS`. The shell and Python are not limited.

Whoever can open the dashboard can type any path into it, or into a link. Where only this machine reaches the
server, the user's home and the folder where it was started are open unless TLTK_ROOTS says otherwise; where
others reach it, only what TLTK_ROOTS names.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import streamlit as st

from tltk import home
from tltk.data import domains
from tltk.data.corrupt import split
from tltk.data.sources.csv import divide_text
from tltk.errors import BadSpec, TltkError
from tltk.jobs import executor
from tltk.runs.run import Run
from tltk.serving.hosts import is_loopback
from tltk.specs.knobs import Spec
from tltk.specs.reading import PATHS


def roots(address: str | None) -> list[Path]:
    """The folders that pages of a server at this address may read.

    Args:
        address: Where it listens; None = everywhere.
    """
    named = os.environ.get("TLTK_ROOTS")
    if named is not None:
        return [Path(text).expanduser().absolute() for text in named.split(os.pathsep) if text.strip()]
    if not is_loopback(address):
        return []
    found = [Path.cwd()]
    with contextlib.suppress(RuntimeError):  # a user without a home
        found.insert(0, Path.home())
    return found


def paths(value: Any) -> Iterator[str]:
    """Every path that a spec, or a name in one, has this machine read."""
    if isinstance(value, Spec):
        for field in dataclasses.fields(value):  # type: ignore[arg-type]
            inner = getattr(value, field.name)
            if field.name == "picture" and inner and isinstance(inner, str):
                yield inner
            elif field.name == "paths":  # words that may be plain paths
                yield from (path for word in inner for path in _paths_of_word(word))
            else:
                yield from paths(inner)
    elif isinstance(value, tuple):
        for one in value:
            yield from paths(one)
    elif isinstance(value, str):
        kind, colon, path = value.partition(":")
        if colon and kind in PATHS and path.strip():
            yield from _readings(kind, value)
        elif colon and kind in domains:  # which may be made of another one, such as grey:folder:PATH
            yield from paths(path)
        elif "@" in value:  # a network with its weights, such as resnet18@file:PATH
            yield from paths(value.partition("@")[2])


def _paths_of_word(word: str) -> list[str]:
    """The paths in a word of a prediction; one that begins like no domain is a path itself."""
    kind = word.partition(":")[0]
    return list(paths(word)) if kind in domains or _bare(word) in domains else [word]


def _readings(kind: str, name: str) -> set[str]:
    """Every path that a name may mean: with and without what looks like a corruption, or like settings of a table."""
    found = {one.partition(":")[2].strip() for one in (name, _bare(name))}
    if kind == "sound":  # what looks like dials may be part of a name
        found |= {text.partition("?")[0] for text in found}
    if kind != "csv":
        return found
    for text in list(found):
        with contextlib.suppress(TltkError, RuntimeError):  # what cannot be meant, an unknown user: refused elsewhere
            path, settings = divide_text(text)
            found |= {path, str(Path(path).parent / Path(settings.get("root", "")).expanduser())}
    return found


def _bare(name: str) -> str:
    """The name without the corruption that may follow."""
    try:
        return split(name)[0]
    except TltkError:
        return name


def check(spec: Spec) -> None:
    """Refuse what lies outside the permitted folders, links followed.

    Raises:
        BadSpec: A path that leads elsewhere.
    """
    known = [*roots(st.get_option("server.address")), home.folder("pictures")]  # there, what was brought along lies
    for path in paths(spec):
        if not any(_is_below(path, root) for root in known):
            shown = ", ".join(str(root) for root in known[:-1]) or "none"
            raise BadSpec(
                f"A page may read only below the folders that TLTK_ROOTS names, here: {shown}. Got {path!r}. "
                f"Start the dashboard with TLTK_ROOTS=FOLDER{os.pathsep}FOLDER to open others, or ask from the shell, "
                f"which is not limited."
            )


def _is_below(path: str, root: Path) -> bool:
    """By its words first, so that a share on another machine is not even asked for; then with links followed."""
    try:
        lexical = _lexical(Path(path).expanduser())
        real = root.resolve()
        if not any(lexical == place or place in lexical.parents for place in (_lexical(root), real)):
            return False
        found = lexical.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, an unknown user, a null byte
        return False
    return found == real or real in found.parents


def _lexical(path: Path) -> Path:
    """The absolute path without its dots; links are not followed, and nothing is looked up."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def submit(spec: Spec, *, again: bool = False) -> Run:
    """Queue what a page asks for; pages queue nothing in any other way.

    Raises:
        BadSpec: It names a path outside the permitted folders.
    """
    check(spec)
    return executor().submit(spec, again=again)

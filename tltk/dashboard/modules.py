"""The components' JavaScript as ES modules, served by the app itself.

Streamlit takes a component's script as text. That text is `assets/components/loader.js` for every component; it
imports the real module from the route below. The URL holds a hash of all modules, so that a browser keeps them
until one of them changes, and modules name one another by relative paths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from tltk import assets

KINDS = {".js": "text/javascript", ".json": "application/json"}
LOADER = "components/loader.js"


@cache
def files() -> Mapping[str, bytes]:
    """What is served, by path, as it was when the server first asked."""
    root = assets.folder()
    found = [root / "palette.json", *sorted((root / "components").rglob("*.js"))]
    return MappingProxyType({path.relative_to(root).as_posix(): path.read_bytes() for path in found})


@cache
def version() -> str:
    """A hash of all modules and their names."""
    whole = hashlib.sha256()
    for name, content in files().items():
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:16]


def url(name: str) -> str:
    """Where a module is served, by its path inside assets."""
    if name not in files():
        raise KeyError(f"assets has no {name}.")
    return f"/tltk/modules/{version()}/{name}"


def loader() -> str:
    """The text that Streamlit runs for every component."""
    return files()[LOADER].decode()

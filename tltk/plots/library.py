"""plotly.js out of the installed wheel: the browser's half of every figure. plotly is not imported for it."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from tltk.errors import UnknownName


@cache
def plotly_js() -> bytes:
    """The script.

    Raises:
        UnknownName: plotly is not installed.
    """
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise UnknownName("plotly is not installed, so there are no charts. Install it: pip install plotly.")
    return (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_bytes()

"""The response of measures to dials as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tltk.results.text import columns


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The lines that the shell prints."""
    names = found["measures"]
    rows = []
    for dial in found["dials"]:
        at, levels = [found["seen"][m][dial["name"]] for m in names], [str(level) for level in dial["levels"]]
        rows.append([dial["name"], *("–" if i is None else levels[i] for i in at), levels[-1]])
    alarms = [f"{found['alarms'][m]:.0%}" for m in names]
    yield (f"at {found['name']}: {found['n']} pictures of each domain; the first setting from which p ≤ .05")
    yield from columns(["dial", *names, "its end"], [*rows, ["not turned: alarms", *alarms, ""]])
    yield (found["correction"])

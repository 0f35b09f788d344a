"""A two-sample test as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tltk.results.text import columns, number, span

TESTED = ("value", "by chance (95 %)", "p", "p (Holm)", "p (Benjamini–Hochberg)", "effect")


def _tested(row: dict[str, Any]) -> list[str]:
    """A test as cells under `TESTED`."""
    if row["value"] is None:
        return ["–"] * len(TESTED)
    numbers = [number(row[k], "") for k in ("p", "p_holm", "p_bh")]
    return [f"{row['value']:.4g}", span(row["null_lo"], row["null_hi"]), *numbers, f"{row['effect']:.1f}"]


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The lines that the shell prints."""
    rows = [
        [r["measure"], *_tested(r), f"{number(r['self_value'], '')} of {span(r['self_lo'], r['self_hi'])}"]
        for r in found["table"]
    ]
    yield (f"at {found['name']}: {found['n']['source']} source and {found['n']['target']} target pictures")
    if found["drawn"]:
        yield (found["drawn"])
    yield from columns(["measure", *TESTED, "halves (95 %)"], rows)
    for row in found["table"]:
        if row["why"]:
            yield (f"{row['measure']}: {row['why']}")
    yield (found["correction"])
    size = next((r["self_n"] for r in found["table"] if r["self_n"]), None)
    if size:
        yield (f"halves: {size} pictures of each domain, of the band that two such parts of the target give")
    yield (f"neighbourhoods that hold both domains: {found['mixed']:.0%}")
    if found["classes"]:
        rows = [[r["name"], *_tested(r), f"{r['source']} and {r['target']}"] for r in found["classes"]]
        yield from columns(["class: MMD²", *TESTED, "pictures"], rows)
        yield (found["class_correction"])

"""A two-sample test as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.two_sample.result import ClassTest, MeasureTest, TwoSampleResult
from tltk.results.text import NONE, columns, number, span

HEAD = ("value", "by chance (95%)", "p", "p (Holm)", "p (Benjamini–Hochberg)", "effect")


def lines(found: TwoSampleResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield f"at {found.name}: {found.n['source']} source and {found.n['target']} target {found.noun}"
    if found.drawn:
        yield found.drawn
    rows = [
        [row.measure, *_cells(row), f"{number(row.self_value)} of {span(row.self_lo, row.self_hi)}"]
        for row in found.table
    ]
    yield from columns(["measure", *HEAD, "halves (95%)"], rows)
    for row in found.table:
        if row.why:
            yield f"{row.measure}: {row.why}"
    yield found.correction
    size = next((row.self_n for row in found.table if row.self_n), None)
    if size:
        yield f"halves: {size} {found.noun} of each domain, of the band that two such parts of the target give"
    yield f"neighbourhoods that hold both domains: {found.mixed:.0%}"
    yield from _words(found)
    if found.columns:
        rows = [[c.name, number(c.source), number(c.target), f"{c.gap:+.2f}"] for c in found.columns]
        yield from columns(["column", "mean, source", "mean, target", "difference in deviations"], rows)
    if found.classes:
        rows = [[row.name, *_cells(row), f"{row.source} and {row.target}"] for row in found.classes]
        yield from columns(["class: MMD²", *HEAD, found.noun], rows)
        yield found.class_correction


def _words(found: TwoSampleResult) -> Iterator[str]:
    """The words that tell two domains of texts apart, with the share of texts that hold each."""
    for side, sign in (("source", 1), ("target", -1)):
        own = [one for one in found.words if sign * one.z > 0]
        told = ", ".join(f"{one.word} ({one.source:.0%} and {one.target:.0%})" for one in own)
        if told:
            yield f"words of the {side} (share of source and target texts): {told}"


def _cells(row: MeasureTest | ClassTest) -> list[str]:
    """A test as cells under `HEAD`."""
    if row.value is None or row.effect is None:
        return [NONE] * len(HEAD)
    p_values = [number(p) for p in (row.p, row.p_holm, row.p_bh)]
    return [f"{row.value:.4g}", span(row.null_lo, row.null_hi), *p_values, f"{row.effect:.1f}"]

"""Accuracy over episodes as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.episodes.result import EpisodesResult


def lines(found: EpisodesResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield found.sentence
    yield (
        f"at {found.layer_name}, drawn from {found.n:,} examples of {found.classes:,} classes; single episodes "
        f"{found.worst:.1%} … {found.best:.1%}"
    )
    yield from found.remarks

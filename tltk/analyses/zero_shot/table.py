"""Combinations that were never shown, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.zero_shot.result import ZeroShotResult
from tltk.results.text import columns

SHOWN = 5  # combinations that are named best and worst


def lines(found: ZeroShotResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield found.sentence
    yield (
        f"at {found.layer_name}; seen combinations among themselves {found.seen_accuracy:.1%} (chance "
        f"{found.seen_chance:.1%})"
    )
    yield ""
    yield from columns(
        ["attribute", "values", "seen", "unseen", "95% interval", "most frequent"],
        [
            [
                one.name,
                str(one.values),
                f"{one.seen:.1%}",
                f"{one.unseen:.1%}",
                f"{one.lo:.1%} … {one.hi:.1%}",
                f"{one.majority:.1%}",
            ]
            for one in found.attributes
        ],
    )
    yield ""
    ends = found.combinations
    if len(ends) > 2 * SHOWN:
        yield f"The {SHOWN} combinations that are named best and the {SHOWN} worst, of {len(ends):,}:"
        ends = [*ends[:SHOWN], *ends[-SHOWN:]]
    yield from columns(
        ["combination", "pictures", "right", "taken for"],
        [[one.name, str(one.n), f"{one.accuracy:.1%}", one.taken_for or "–"] for one in ends],
    )
    yield from found.remarks

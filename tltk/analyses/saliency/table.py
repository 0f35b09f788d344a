"""Where a training looks, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.saliency.result import SaliencyResult
from tltk.data.names import escape_text
from tltk.results.text import NONE, align_left

TITLES = {"grad_cam": "Grad-CAM at layer", "attention_rollout": "Attention rollout up to layer"}


def lines(found: SaliencyResult) -> Iterator[str]:
    """The pictures, the cascade of the check, and what follows from it.

    Args:
        found: Of the question.
    """
    yield (
        f"{TITLES[found.method]} {found.layer} ({found.layer_name}): maps of {found.rows} × {found.columns} places of "
        f"{len(found.pictures)} pictures of {escape_text(found.domain)} ({found.part})."
    )
    rows = [["", "picture", "is", "taken for", "probability", "map of", "random weights"]]
    for i, one in enumerate(found.pictures, 1):
        words = [one.name, found.classes[one.label], found.classes[one.predicted], f"{one.probability:.3f}"]
        of = NONE if one.explained is None else found.classes[one.explained]
        rows.append([str(i), *words, of, NONE if one.correlation is None else f"{one.correlation:.2f}"])
    yield from map(escape_text, align_left(rows))
    yield "Each lies with its map on pictures.png of the run's folder; --png FILE writes it."
    if found.check:
        yield ""
        rows = [["randomised from", "rank correlation", "95% interval", "flat maps"]]
        for layer in found.check:
            ends = f"{layer.lo:.2f} … {layer.hi:.2f}"
            rows.append([f"{layer.layer} {layer.name}", f"{layer.correlation:.2f}", ends, f"{layer.flat:.0%}"])
        yield from align_left(rows)
    yield found.sentence
    yield from found.remarks

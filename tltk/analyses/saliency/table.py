"""Where a training looks, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.saliency.result import SaliencyResult
from tltk.data.names import escape_text
from tltk.results.text import NONE, align_left, write_csv
from tltk.specs.nouns import PICTURES, ROWS, counted, noun_of

TITLES = {"grad_cam": "Grad-CAM at layer", "attention_rollout": "Attention rollout up to layer"}
HEAVIEST = 8  # words or columns of a line


def lines(found: SaliencyResult) -> Iterator[str]:
    """The examples, the cascade of the check, and what follows from it.

    Args:
        found: Of the question.
    """
    noun = noun_of(found.backbone)
    yield from (_maps(found) if noun == PICTURES else _weights(found, noun))
    if found.check:
        yield ""
        rows = [["randomised from", "rank correlation", "95% interval", "flat maps"]]
        for layer in found.check:
            ends = f"{layer.lo:.2f} … {layer.hi:.2f}"
            rows.append([f"{layer.layer} {layer.name}", f"{layer.correlation:.2f}", ends, f"{layer.flat:.0%}"])
        yield from align_left(rows)
    yield found.sentence
    yield from found.remarks


def _maps(found: SaliencyResult) -> Iterator[str]:
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


def _weights(found: SaliencyResult, noun: str) -> Iterator[str]:
    """Of each text or row what it is taken for, and below it the words or columns that weigh most."""
    part = "columns" if noun == ROWS else "words"
    head = (
        f"Integrated gradients from {found.baseline}: what {part} add to the score of the class"
        if found.baseline
        else f"{TITLES[found.method]} {found.layer} ({found.layer_name}): the share of the attention that {part} get"
    )
    yield escape_text(f"{head}; {counted(len(found.pictures), noun)} of {found.domain} ({found.part}).")
    for i, one in enumerate(found.pictures, 1):
        of = "" if one.explained in (None, one.predicted) else f", weights for {found.classes[one.explained or 0]}"
        said = f"is {found.classes[one.label]}, taken for {found.classes[one.predicted]} {one.probability:.3f}{of}"
        yield escape_text(f"{i}. {one.name}: {said}")
        heavy = sorted((p for p in one.parts if p.weight is not None), key=lambda p: -abs(p.weight or 0))[:HEAVIEST]
        told = [f"{' '.join(filter(None, (p.name, p.value)))} {figure(p.weight or 0, found)}" for p in heavy]
        yield escape_text(f"   {' · '.join(told) or 'nothing that the network reads'}")
    yield f"The {HEAVIEST} {part} of most weight are shown; --csv FILE writes them all."


def figure(weight: float, found: SaliencyResult) -> str:
    """A weight in words: a share of attention, or what is added to a score.

    Args:
        weight: Of a word or a column.
        found: The answer that it is of.
    """
    return f"{weight:+.2f}" if found.baseline else f"{weight:.1%}"


def as_csv(found: SaliencyResult) -> str:
    """A line for each word or column; of pictures, which have maps, a line for each.

    Args:
        found: Of the question.
    """
    noun = noun_of(found.backbone)
    head = [noun[:-1], "index", "label", "predicted", "probability", "explained"]
    each = [
        [
            one.name,
            one.index,
            found.classes[one.label],
            found.classes[one.predicted],
            one.probability,
            "" if one.explained is None else found.classes[one.explained],
        ]
        for one in found.pictures
    ]
    if noun == PICTURES:
        told = [[*row, one.correlation] for row, one in zip(each, found.pictures, strict=True)]
        return write_csv([*head, "correlation"], told)
    rows = [
        [*row, place, part.name, part.value, part.weight]
        for row, one in zip(each, found.pictures, strict=True)
        for place, part in enumerate(one.parts, 1)
    ]
    return write_csv([*head, "place", "part", "value", "weight"], rows)

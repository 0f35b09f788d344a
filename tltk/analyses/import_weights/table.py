"""What a file of weights turned out to be, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.import_weights.result import ImportWeightsResult

NAMED = 12  # classes that a line names
LAYOUTS = {
    "timm": "timm layout",
    "torchvision": "torchvision layout",
    "tltk": "a tltk run's own layout (`tltk weights add` or `tltk runs export --weights` writes it as timm loads it)",
}


def lines(found: ImportWeightsResult) -> Iterator[str]:
    """The lines that the shell prints."""
    layout = LAYOUTS.get(found.layout, found.layout)
    yield f"{found.backbone}, {found.parameters:,} parameters, {layout}, {found.classifier}"
    if found.class_names:
        yield f"Classes: {', '.join(found.class_names[:NAMED])}{', …' if len(found.class_names) > NAMED else ''}"
    yield from found.notes
    yield f"SHA-256 {found.sha256}"
    if found.name:
        yield f"Added. Use it with --backbone {found.backbone} --weights store:{found.name}"

"""What each layer makes of a picture, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk import data
from tltk.analyses.feature_maps.result import FeatureMapsResult
from tltk.data.names import escape_text
from tltk.results.text import NONE, align_left


def lines(found: FeatureMapsResult) -> Iterator[str]:
    """A row for each layer, then the classes that the head finds likeliest."""
    noun = data.noun_of(found.domain, found.backbone).removesuffix("s").capitalize()
    yield escape_text(
        f"{noun} {found.picture} of {found.domain} ({found.part}), of class {found.label}, as {found.backbone} with "
        f"weights {found.weights} sees it:"
    )
    rows = [["layer", "", "output", "strongest channels", "mean |activation|"]]
    for one in found.layers:
        shape = f"{one.channels} × {one.rows} × {one.columns}" if one.rows else NONE
        channels = ", ".join(str(each.channel) for each in one.maps) or NONE
        strengths = ", ".join(f"{each.strength:.3g}" for each in one.maps) or NONE
        rows.append([str(one.layer), one.name, shape, channels, strengths])
    yield from map(escape_text, align_left(rows))
    if found.head:
        yield "The head: " + escape_text(", ".join(f"{one.name} {one.probability:.1%}" for one in found.head[:5])) + "."
    else:
        yield escape_text(found.head_reason)
    yield "The maps are in result.json of the run's folder, as PNGs in base64; --json prints it."

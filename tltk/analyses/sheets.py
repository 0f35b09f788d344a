"""Contact sheets to be read on their own: pictures with a line or two below each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from tltk import assets
from tltk.data.domain import Domain
from tltk.data.names import escape_name

TILE_PX = 128  # longer side of a picture on the sheet
GAP_PX, LINE_PX, FONT_PX = 8, 15, 12
STRENGTH = 0.8  # how far the colour of a map covers the picture where it is highest


@dataclass(frozen=True)
class Tile:
    """A picture on a sheet, and the lines below it."""

    image: Image.Image
    lines: tuple[str, ...] = ()


def tile_of(domain: Domain, at: int) -> Image.Image:
    """A picture of a domain as large as a tile; small ones are enlarged without smoothing.

    Args:
        domain: Whose picture.
        at: Its position.
    """
    return as_tile(domain.modality.thumbnail(domain, at, TILE_PX))


def as_tile(image: Image.Image) -> Image.Image:
    """A picture as large as a tile, in its own proportions."""
    longest = max(image.size)
    if longest == TILE_PX:
        return image
    shape = [max(round(side * TILE_PX / longest), 1) for side in image.size]
    return image.resize(shape, Image.Resampling.NEAREST if longest < TILE_PX else Image.Resampling.BICUBIC)


def overlay(image: Image.Image, heat: NDArray[np.float64], shift: tuple[float, float] = (0.0, 0.0)) -> Image.Image:
    """The picture in grey, coloured where a map is high; nowhere coloured where the map is nought everywhere.

    Args:
        image: A tile.
        heat: The map, (rows, columns), at least 0; scaled by its largest value.
        shift: How far its places lie beside an even division of the picture, down and right, as a share of its side.
    """
    height, width = (_spread(n, side, by) for n, side, by in zip(heat.shape, image.size[::-1], shift, strict=True))
    top = float(heat.max())
    share = height @ (heat / top if top > 0 else np.zeros_like(heat)) @ width.T
    mask = Image.fromarray(np.rint(255 * STRENGTH * share).astype(np.uint8))
    colour = Image.new("RGB", image.size, ImageColor.getrgb(_palette()["series"][1]))
    return Image.composite(colour, image.convert("L").convert("RGB"), mask)


def _spread(places: int, side: int, shift: float) -> NDArray[np.float64]:
    """(side, places) weights of a linear interpolation from places to pixels; beyond the outermost it is constant."""
    at = ((np.arange(side) + 0.5) / side - shift) * places - 0.5
    return np.stack([np.interp(at, np.arange(places), row) for row in np.eye(places)], 1)


def captioned_sheet(tiles: Sequence[Tile], across: int) -> Image.Image:
    """Tiles in rows, in order, each with its lines; a line that is too long is cut.

    Args:
        tiles: One at least; all images of one size.
        across: Tiles in a row.
    """
    page = _palette()["page"]
    (wide, high), below = tiles[0].image.size, LINE_PX * max(len(tile.lines) for tile in tiles)
    across = min(across, len(tiles))
    rows = -(-len(tiles) // across)
    step_x, step_y = wide + GAP_PX, high + below + GAP_PX
    sheet = Image.new("RGB", (across * step_x + GAP_PX, rows * step_y + GAP_PX), page["backgroundColor"])
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_PX)
    for i, tile in enumerate(tiles):
        x, y = GAP_PX + (i % across) * step_x, GAP_PX + (i // across) * step_y
        sheet.paste(tile.image, (x, y))
        for line, text in enumerate(tile.lines):
            at = (x, y + high + line * LINE_PX)
            draw.text(at, _fit(escape_name(text), font, wide), fill=page["textColor"], font=font)
    return sheet


def captioned_tiles(sheet: Image.Image, n: int, across: int, numbers: Sequence[int]) -> list[Image.Image]:
    """Some tiles of a sheet that `captioned_sheet` made, each with its lines.

    Args:
        sheet: With `n` tiles, `across` in a row.
        n: One at least.
        across: As the sheet was made.
        numbers: 0 … n − 1.
    """
    across = min(across, n)
    step_x, step_y = (sheet.width - GAP_PX) // across, (sheet.height - GAP_PX) // -(-n // across)
    corners = [(GAP_PX + i % across * step_x, GAP_PX + i // across * step_y) for i in numbers]
    return [sheet.crop((x, y, x + step_x - GAP_PX, y + step_y - GAP_PX)) for x, y in corners]


def _fit(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _palette() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(assets.text("palette.json"))["light"]
    return found

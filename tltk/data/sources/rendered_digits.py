"""Rendered digits: a source domain of any size, drawn with the font that Pillow carries.

Licence: CC0 1.0 (the font is Aileron Regular by Sora Sagano, CC0, embedded in Pillow). Source: drawn here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL.Image import Resampling, Transform

from tltk.data.attributes import PARITY, Attribute
from tltk.data.decode import allocate
from tltk.data.domain import Domain, Pixels, Progress
from tltk.data.identity import generated_origins
from tltk.specs.parts import DataSpec

LICENCE = "CC0 1.0"
SOURCE = "drawn here with Aileron Regular (Sora Sagano, dotcolon.net), the font that Pillow carries"
DEFAULT_N = 4000
FINER = 4  # glyphs are drawn so many times larger, then reduced
STROKES = 5  # weights of line, from regular to very bold
MAX_ROTATION_DEGREES, SHEAR, SHIFT, SCALE = 20.0, 0.25, 0.10, (0.7, 1.1)  # degrees; shares; shares of the side
BLUR, DARK, BRIGHT = 0.035, 0.3, 0.6  # of the side; highest background, lowest ink
DRAWS = 10  # random numbers per picture
PIECE_PICTURES = 500  # pictures between two reports of progress


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Rendered digits: any number of grey pictures, one font, random shape, blur and contrast.

    Half are light on dark, half dark on light: what is learned must not depend on polarity.

    Picture i depends on i, `spec.seed` and `spec.size` only, so a smaller set is the beginning of
    a larger one. Classes take turns.

    Args:
        spec: `n` (0 = `DEFAULT_N`), `size` in pixels and `seed`.
        argument: Empty: this domain has no settings.
        progress: Called with (done, total) pictures.
    """
    n = spec.n or DEFAULT_N
    draw = np.random.default_rng(spec.seed)
    glyphs = [[_glyph(digit, stroke, spec.size) for stroke in range(STROKES)] for digit in range(10)]
    images, light = allocate((n, 3, spec.size, spec.size)), np.empty(n, np.int64)
    for start in range(0, n, PIECE_PICTURES):
        stop = min(start + PIECE_PICTURES, n)
        # one stream, read in order: the numbers of picture i do not depend on n
        chance = draw.random((stop - start, DRAWS))
        images[start:stop] = _piece(glyphs, start, chance)[:, None]
        light[start:stop] = _is_negative(chance[:, 9].astype(np.float32))
        if progress:
            progress(stop, n)
    labels = np.arange(n, dtype=np.int64) % 10
    return Domain.of(
        spec.name,
        images,
        labels,
        list(class_names()),
        licence=LICENCE,
        source=SOURCE,
        origins=generated_origins("rendered_digits", spec.seed, n),
        attributes={"background": Attribute(("dark", "light"), light)},
    )


def attribute_names(argument: str) -> tuple[str, ...]:
    """Parity, and whether the background is dark or light."""
    return PARITY, "background"


def class_names(_argument: str = "") -> tuple[str, ...]:
    """The ten digits."""
    return tuple(str(d) for d in range(10))


def _piece(glyphs: list[list[Image.Image]], start: int, chance: NDArray[np.float64]) -> Pixels:
    """(m, size, size): the pictures from number `start` on, given their random numbers (m, DRAWS)."""
    size = glyphs[0][0].width
    shapes, strokes = _affine(chance, size).tolist(), (chance[:, 5] * STROKES).astype(int).tolist()
    blurs = (chance[:, 6] * BLUR * size).tolist()
    ink = np.empty((len(chance), size, size), np.uint8)
    for i in range(len(chance)):
        ink[i] = _draw(glyphs[(start + i) % 10][strokes[i]], shapes[i], blurs[i])
    return _contrast(ink, chance[:, 7:])


def _glyph(digit: int, stroke: int, size: int) -> Image.Image:
    """One digit, white on black, in the middle of a square; drawn larger, so that edges are smooth."""
    side = FINER * size
    glyph = Image.new("L", (side, side))
    font = ImageFont.load_default(0.9 * side)
    width = round(stroke * side / 64)
    ImageDraw.Draw(glyph).text((side / 2, side / 2), str(digit), fill=255, font=font, anchor="mm", stroke_width=width)
    return glyph.reduce(FINER)


def _affine(chance: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """(n, 6): rotation, shear, scale and shift as Pillow's six numbers (output → input)."""
    spread = 2 * chance[:, :5] - 1  # -1 … 1
    angle = np.deg2rad(MAX_ROTATION_DEGREES) * spread[:, 0]
    scale = SCALE[0] + (SCALE[1] - SCALE[0]) * chance[:, 2]
    cos, sin, shear = np.cos(angle) / scale, np.sin(angle) / scale, SHEAR * spread[:, 1]
    # rotation · [[1, shear], [0, 1]] / scale, and an offset that keeps the middle in the middle
    a, b, d, e = cos, cos * shear + sin, -sin, cos - sin * shear
    middle = size / 2
    to_x, to_y = middle + SHIFT * size * spread[:, 3], middle + SHIFT * size * spread[:, 4]
    return np.stack([a, b, middle - a * to_x - b * to_y, d, e, middle - d * to_x - e * to_y], axis=1)


def _draw(glyph: Image.Image, affine: list[float], blur: float) -> Pixels:
    moved = glyph.transform(glyph.size, Transform.AFFINE, affine, Resampling.BICUBIC)
    return np.asarray(moved.filter(ImageFilter.GaussianBlur(blur)))


def _contrast(ink: Pixels, chance: NDArray[np.float64]) -> Pixels:
    """Ink 0 … 255 between a background and a pen of random brightness; half of them as a negative."""
    dark, bright, negative = (column[:, None, None] for column in chance.T.astype(np.float32))
    low, high = 255 * DARK * dark, 255 * (BRIGHT + (1 - BRIGHT) * bright)
    grey: Pixels = np.rint(low + (high - low) * (ink / np.float32(255))).astype(np.uint8)
    np.subtract(255, grey, out=grey, where=_is_negative(negative))
    return grey


def _is_negative(chance: NDArray[Any]) -> NDArray[np.bool_]:
    """Which pictures are dark on light, by their last random number."""
    found: NDArray[np.bool_] = chance < 0.5
    return found

"""Picture files into uint8 arrays of one size, in parallel; what cannot be used is named, not fatal.

Used by `folder` and `archive`; `three_channels` also by the sets that come as arrays. `fit` gives them one shape.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from tltk import home
from tltk.data import fit as fitting
from tltk.data.domain import Ints, Pixels, Progress, Reading
from tltk.data.identity import FINE, ROWS, Origins, jpeg_content_hash, perceptual_hashes, strips_content_hash
from tltk.errors import DataProblem
from tltk.specs.size import Size, height_and_width

ENDINGS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp")
    + (".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif")
)
HEIC = (".heic", ".heif", ".hif")  # of phones; read where the package pillow-heif is there
# By name, so that no file can start an interpreter (EPS) or a seldom-used parser.
FORMATS = ("JPEG", "MPO", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "HEIF")
MAX_PIXELS = Image.MAX_IMAGE_PIXELS or 2**30 // 12
HUNGRY = ("WEBP", "AVIF", "HEIF")  # their decoders hold a picture several times, so half as many pixels are read
DEEP = ("I", "F")  # modes of more than 8 bits, beside those that begin with "I;"
MAX_IN_MEMORY_BYTES = 2**29  # bytes; a larger set is decoded into a file that has no name
MAX_IN_FLIGHT_BYTES, WORK_BYTES_PER_PIXEL = (
    640 * 2**20,
    9,
)  # bytes of all pictures being decoded at a time; bytes that a pixel takes
BLOCK_PICTURES = 16  # a power of two: that a thread takes at a time at most, and after which progress is told
LARGE_PIXELS = 2**24  # pixels: larger pictures are not copied as a whole where that can be helped
STRIP_PIXELS = 2**20  # pixels that are worked on at a time
SCALE = re.compile(
    r" numbers and were read .*: (-?[\d,.e+-]+) is black and (-?[\d,.e+-]+) is white\."
)  # `Span.sentence`
MAX_FLAT_LEVELS = 2  # levels: a picture that spans no more in any channel is of one tone
LYING = (Transpose.TRANSPOSE, Transpose.ROTATE_90, Transpose.ROTATE_270, Transpose.TRANSVERSE)  # width becomes height
UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}  # value of the EXIF tag 0x0112 → what makes the picture upright


@dataclass(frozen=True)
class Span:
    """The values that are shown as black and as white."""

    black: float
    white: float

    @classmethod
    def of(cls, low: float, high: float, is_whole: bool) -> Span:
        """The range of pictures whose values go from low to high.

        One that is usual, where they fit into it: 0 … 1 for fractions, 8, 10, 12, 14 or 16 bits for whole numbers,
        0 … 255 for both; otherwise their own. It reaches below 0 only where they do.

        Args:
            low: The lowest value of the whole set.
            high: The highest.
            is_whole: They are whole numbers.
        """
        tops = (255.0, 1023.0, 4095.0, 16383.0, 65535.0) if is_whole else (1.0, 255.0)
        return cls(min(low, 0.0), next((top for top in tops if high <= top), high))

    def eight_bits(self, values: NDArray[Any], is_inverted: bool = False) -> Pixels:
        """Values as uint8; what is no number is black, what is out of range the nearer end."""
        shares = (values.astype(np.float64) - self.black) / max(self.white - self.black, 1e-300)
        shares = np.clip(np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
        levels = np.rint(shares * 255).astype(np.uint8)
        return 255 - levels if is_inverted else levels

    def sentence(self, count: int) -> str:
        """What was done to so many pictures."""
        return (
            f"{count:,} pictures do not hold bytes but other numbers and were read with one scale for all: "
            f"{self.black:,.10g} is black and {self.white:,.10g} is white."
        )

    @classmethod
    def from_sentences(cls, sentences: Iterable[str]) -> dict[bool, Span]:
        """The scales that sentences of `sentence` tell: is it of whole numbers → scale; none where none does.

        Where one is told, it is for both; of two, the first is that of fractions, as `decode_all` tells them.
        """
        told = [found for text in sentences if (found := SCALE.search(text))]
        spans = [cls(*(float(end.replace(",", "")) for end in found.groups())) for found in told]
        return {False: spans[0], True: spans[-1]} if spans else {}


@dataclass(frozen=True, eq=False)
class Decoded:
    """Files as one array.

    Attributes:
        images: (n, 3, size, size) uint8; here and below, rows of unusable pictures are undefined.
        origins: (n,) uint64, which example each file shows.
        prints: (n, 2) uint64, by which near copies are found.
        thumbs: (n, 3, 16, 16) uint8, the whole pictures, by which they are told from others.
        changes: (n, 3) what fitting did to each: the fields of `fit.Change`.
        flat: (n,) whether a picture is of one tone.
        reasons: Index → why that file could not be used.
        notes: Sentences about how they were read.
    """

    images: Pixels
    origins: Origins
    prints: NDArray[np.uint64]
    thumbs: Pixels
    changes: NDArray[np.float64]
    flat: NDArray[np.bool_]
    reasons: dict[int, str]
    notes: tuple[str, ...] = ()

    def reading(self, good: Ints) -> Reading:
        """What is to be known about those that are kept."""
        change = fitting.Change.mean(self.changes[good])
        return Reading(change.cropped, int(self.flat[good].sum()), self.notes, (), change.empty, change.stretched)


@dataclass(frozen=True, eq=False)
class _Shown:
    """One file: pixels (3, size, size), and what `Decoded` says of it."""

    pixels: Pixels
    origin: int
    prints: tuple[int, int]
    thumb: Pixels
    change: fitting.Change
    flat: bool


@dataclass(frozen=True)
class _Deep:
    """One file of more than 8 bits: its range, to be scaled together with the others."""

    is_whole: bool
    low: float
    high: float


def decode_all(
    paths: Sequence[Path],
    size: Size,
    progress: Progress | None = None,
    spans: dict[bool, Span] | None = None,
    fit: str = fitting.CROP,
    identify: bool = True,
) -> Decoded:
    """All these files as one array, and the reason for each one that could not be used.

    Pictures of more than 8 bits are looked at twice: they share one scale, which is known when all were seen.

    Threads, not processes: Pillow decodes and resizes outside the interpreter lock, nothing is
    copied between processes, and a worker may call this without leaving children behind.

    Args:
        paths: Regular files.
        size: Of the result, in pixels.
        progress: Called with (done, total).
        spans: Scales of pictures of more than 8 bits that hold for these too; what is found is added, so that several
            calls share one.
        fit: crop, pad or squash: how they get its shape.
        identify: Whether it is to be known which pictures are copies; without it `origins`, `prints` and `thumbs`
            are 0, and a third of the time is saved.
    """
    n = len(paths)
    images, origins, prints = (
        allocate((n, 3, *height_and_width(size))),
        np.zeros(n, np.uint64),
        np.zeros((n, 2), np.uint64),
    )
    changes, flat, thumbs = np.zeros((n, 3)), np.zeros(n, bool), allocate((n, 3, FINE, FINE))
    reasons: dict[int, str] = {}
    deep: dict[int, _Deep] = {}
    spans = {} if spans is None else spans
    budget = _MemoryBudget(MAX_IN_FLIGHT_BYTES)

    def one(index: int) -> None:
        try:
            found = _decode(paths[index], size, fit, spans, budget, identify)
        except DataProblem as fault:
            reasons[index] = str(fault)
            return
        if isinstance(found, _Deep):
            deep[index] = found
            return
        images[index], origins[index], prints[index] = found.pixels, found.origin, found.prints
        thumbs[index], flat[index] = found.thumb, found.flat
        changes[index] = found.change.cropped, found.change.empty, found.change.stretched

    n_threads = min(32, _cores())
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="decode")

    def several(block: Sequence[int]) -> None:
        for index in block:
            one(index)

    def each(indices: Sequence[int]) -> None:
        """A block at a time: what waits in the pool takes a kilobyte, and there may be millions of pictures."""
        share = max(len(indices) // (4 * n_threads), 1)
        step = min(1 << (share.bit_length() - 1), BLOCK_PICTURES)  # a power of two, as it is
        blocks = [indices[start : start + step] for start in range(0, len(indices), step)]
        done = told = 0
        for block, _ in zip(blocks, pool.map(several, blocks), strict=True):
            done += len(block)
            if progress and (done - told >= BLOCK_PICTURES or done == len(indices)):
                progress(done, len(indices))
                told = done

    with warnings.catch_warnings():
        # Set here, once: the filters belong to the process, so threads must not touch them.
        warnings.simplefilter("ignore")
        try:
            each(range(n))
            spans |= _spans(deep.values())
            each(sorted(deep))
        finally:
            pool.shutdown(cancel_futures=True)
    counts = {is_whole: sum(d.is_whole == is_whole for d in deep.values()) for is_whole in spans}
    notes = tuple(span.sentence(counts[is_whole]) for is_whole, span in sorted(spans.items()) if counts[is_whole])
    return Decoded(images, origins, prints, thumbs, changes, flat, reasons, notes)


def decode(path: Path, size: Size, fit: str = fitting.CROP) -> Pixels:
    """One file as (3, height, width) uint8, upright.

    Transparent parts become white; of an animation the first frame is taken.

    Args:
        path: A regular file.
        size: Of the result, in pixels.
        fit: crop: what lies beyond its proportions is cut off on both sides; pad, squash: see `tltk.data.fit`.

    Raises:
        DataProblem: Why this file cannot be used, in a few words.
    """
    found = _decode(path, size, fit, {})
    if isinstance(found, _Deep):
        found = _decode(path, size, fit, _spans([found]))
    assert isinstance(found, _Shown)
    return found.pixels


def _spans(deep: Iterable[_Deep]) -> dict[bool, Span]:
    """One scale for whole numbers, one for fractions."""
    ranges: dict[bool, list[_Deep]] = {}
    for one in deep:
        ranges.setdefault(one.is_whole, []).append(one)
    return {
        is_whole: Span.of(min(one.low for one in found), max(one.high for one in found), is_whole)
        for is_whole, found in ranges.items()
    }


def _decode(
    path: Path,
    size: Size,
    fit: str,
    spans: dict[bool, Span],
    budget: _MemoryBudget | None = None,
    identify: bool = True,
) -> _Shown | _Deep:
    """What one file shows; its range alone where it is deep and there is no scale for it yet."""
    try:
        if path.stat().st_size == 0:
            raise DataProblem("the file is empty")
        with Image.open(path, formats=_formats()) as image:
            hunger = 2 if image.format in HUNGRY else 1
            if image.width * image.height > MAX_PIXELS // hunger:
                raise DataProblem(
                    f"{image.width} × {image.height} pixels, more than the limit of {MAX_PIXELS // hunger:,}"
                )
            width, height = image.size
            side = max(*height_and_width(size), 4 * FINE)  # enough to know near copies by, whatever the size
            image.draft("RGB", (side, side))  # big JPEGs: decode at 1/2, 1/4 or 1/8
            n_bytes = image.width * image.height * WORK_BYTES_PER_PIXEL * hunger
            with budget.reserve(n_bytes) if budget else nullcontext():
                turn = _orientation(image)
                is_deep = image.mode in DEEP or image.mode.startswith("I;")
                if is_deep and (image.mode != "F") not in spans:
                    return _range(image)
                plain = _eight_bits(image, spans[image.mode != "F"]) if is_deep else _plain(image)
                shown = plain
                if plain.mode == "RGBA" and plain.width * plain.height > LARGE_PIXELS:
                    shown = _opaque(plain)
                lying = _turned(size, turn)
                small = _on_white(fitting.shrink(shown, lying, fit)).convert("RGB")
                if turn is not None:  # before it comes onto its ground, so that it lies there as an upright one does
                    small = small.transpose(turn)
                pixels = np.ascontiguousarray(np.asarray(small, np.uint8).transpose(2, 0, 1))
                flat = bool((np.ptp(pixels.reshape(3, -1), 1) <= MAX_FLAT_LEVELS).all())
                pixels = fitting.place(pixels[None], size)[0]
                origin, thumb, prints = 0, np.zeros((3, FINE, FINE), np.uint8), (0, 0)
                if identify:
                    origin = _origin(path, image, image if is_deep else plain, turn)
                    thumb, prints = sketch(shown, turn)
                return _Shown(pixels, origin, prints, thumb, fitting.Change.of(width, height, lying, fit), flat)
    except DataProblem:
        raise
    except Image.DecompressionBombError:
        raise DataProblem(f"more pixels than the limit of {MAX_PIXELS:,}") from None
    except Exception as fault:  # a decoder fed with garbage raises whatever it likes
        raise DataProblem(_reason(fault)) from None


class _MemoryBudget:
    """Memory for pictures that are being decoded: who wants more than is left waits; one alone always may."""

    def __init__(self, total: int) -> None:
        self.total, self.used = total, 0
        self.freed = threading.Condition()

    @contextmanager
    def reserve(self, n_bytes: int) -> Iterator[None]:
        """So many bytes, for a while."""
        with self.freed:
            self.freed.wait_for(lambda: not self.used or self.used + n_bytes <= self.total)
            self.used += n_bytes
        try:
            yield
        finally:
            with self.freed:
                self.used -= n_bytes
                self.freed.notify_all()


def _strips(image: Image.Image) -> Iterator[NDArray[Any]]:
    """The rows of a picture, some at a time: as one array it would be there twice."""
    rows = max(1, STRIP_PIXELS // max(1, image.width))
    for top in range(0, image.height, rows):
        yield np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))


def _range(image: Image.Image) -> _Deep:
    low, high = math.inf, -math.inf
    for strip in _strips(image):
        finite = strip[np.isfinite(strip)] if image.mode == "F" else strip
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return _Deep(image.mode != "F", *((low, high) if low <= high else (0.0, 0.0)))


def _eight_bits(image: Image.Image, span: Span) -> Image.Image:
    """A picture of more than 8 bits in mode L. Pillow inverts min-is-white TIFFs of 8 bits alone."""
    is_inverted = image.format == "TIFF" and getattr(image, "tag_v2", {}).get(262) == 0
    levels = np.empty((image.height, image.width), np.uint8)
    top = 0
    for strip in _strips(image):
        levels[top : top + len(strip)] = span.eight_bits(strip, is_inverted)
        top += len(strip)
    return Image.fromarray(levels)


def _origin(path: Path, image: Image.Image, plain: Image.Image, turn: Transpose | None) -> int:
    """64 bits that copies share, whatever their names; of lossless kinds also copies in another kind of file."""
    more = b"" if turn is None else bytes([turn])
    if image.format in ("JPEG", "MPO"):
        return jpeg_content_hash(path, more)
    bands = len(plain.getbands())
    if bands == 4 and plain.getchannel(3).getextrema() == (255, 255):
        bands = 3
    strips = (strip[..., :bands] if strip.ndim == 3 else strip for strip in _strips(plain))
    shape = (plain.height, plain.width)
    return strips_content_hash(shape if bands == 1 else (*shape, bands), strips, more)


def sketch(plain: Image.Image, turn: Transpose | None = None) -> tuple[Pixels, tuple[int, int]]:
    """What near copies are known by: the whole picture as (3, 16, 16), and its `perceptual_hashes`."""
    thumb = np.asarray(_shrink(plain, FINE, FINE, turn).convert("RGB")).transpose(2, 0, 1)
    return thumb, perceptual_hashes(np.asarray(_shrink(plain, ROWS + 1, ROWS, turn).convert("L")))


def _shrink(plain: Image.Image, width: int, height: int, turn: Transpose | None) -> Image.Image:
    """The whole picture at this size, upright."""
    high, wide = height_and_width(_turned((height, width), turn))
    shape = (wide, high)
    small = _on_white(plain.resize(shape, Resampling.BILINEAR, reducing_gap=3.0))
    return small if turn is None else small.transpose(turn)


def _turned(size: Size, turn: Transpose | None) -> Size:
    """The size that a picture must have before this turn, to have that one after it."""
    return size if isinstance(size, int) or turn not in LYING else size[::-1]


def allocate(shape: tuple[int, ...]) -> Pixels:
    """An array of this shape: in memory, or in an unnamed file of the cache folder when large.

    Raises:
        DataProblem: The disk has no room for it.
    """
    n_bytes = math.prod(shape)
    if n_bytes <= MAX_IN_MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    folder = home.folder("domains")
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise DataProblem(
            f"These pictures need {n_bytes / 1e9:.1f} GB on the disk of {folder}. It has {free / 1e9:.1f} GB "
            f"left; lower n or size, or point TLTK_HOME at a larger disk."
        )
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)


def keep_rows(pictures: Pixels, kept: Ints) -> Pixels:
    """Some rows of an array, moved together where they lie: a copy of many pictures would not fit into memory.

    Args:
        pictures: (n, c, h, w), written to.
        kept: Which rows, ascending.
    """
    if len(kept) == len(pictures):
        return pictures
    step = max(1, STRIP_PIXELS // max(1, pictures[:1].size))
    for start in range(0, len(kept), step):
        piece = pictures[kept[start : start + step]]  # none of it lies before where it goes
        pictures[start : start + len(piece)] = piece
    return pictures[: len(kept)]


def gather(pictures: Pixels, index: Ints) -> Pixels:
    """Pictures at these positions as an array of their own, in a file where they are many.

    Args:
        pictures: (n, c, h, w), perhaps a memory map.
        index: Positions, (m,).
    """
    found = allocate((len(index), *pictures.shape[1:]))
    step = max(1, STRIP_PIXELS // max(1, pictures[:1].size))
    for start in range(0, len(index), step):
        found[start : start + step] = pictures[index[start : start + step]]
    return found


def three_channels(images: Pixels) -> Pixels:
    """(n, h, w) grey or (n, h, w, c) to (n, c, h, w); one channel becomes three equal ones."""
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[3] == 1:
        images = np.repeat(images, 3, axis=3)
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _plain(image: Image.Image) -> Image.Image:
    """The picture in mode L or RGB, or RGBA where something may be transparent; a copy only where it must be."""
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        mode = "RGBA" if image.format != "TIFF" or _has_alpha(image) else "RGB"
    else:
        mode = "L" if image.mode in ("1", "L") else "RGB"
    if image.mode == mode:
        image.load()
        return image
    return image.convert(mode)


def _opaque(image: Image.Image) -> Image.Image:
    """A large RGBA picture on white, strip by strip: Pillow copies the whole of it when it reduces it."""
    whole = Image.new("RGB", image.size)
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        whole.paste(_on_white(strip), (0, top))
    return whole


def _has_alpha(image: Image.Image) -> bool:
    """Whether a TIFF says that its last channel is transparency; it may be infrared. Pillow does not ask."""
    extra = getattr(image, "tag_v2", {}).get(338, ())
    return any(kind in (1, 2) for kind in (extra if isinstance(extra, tuple) else (extra,)))


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _orientation(image: Image.Image) -> Transpose | None:
    try:
        return UPRIGHT.get(image.getexif().get(0x0112, 1))
    except Exception:  # damaged camera data must not cost the picture
        return None


def _reason(fault: Exception) -> str:
    if isinstance(fault, UnidentifiedImageError):
        return "not a picture of a known format"
    if isinstance(fault, PermissionError):
        return "may not be read"
    return f"cannot be decoded: {str(fault)[:120] or type(fault).__name__}"


@lru_cache(1)
def heic_endings() -> tuple[str, ...]:
    """The endings of phone pictures, where pillow-heif is installed to read them, else none."""
    try:
        import pillow_heif  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return ()
    pillow_heif.register_heif_opener()
    return HEIC


@lru_cache(1)
def _formats() -> tuple[str, ...]:
    """Those of our formats that this build of Pillow has."""
    Image.init()
    heic_endings()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

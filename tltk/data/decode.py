"""Picture files into uint8 arrays of one size, in parallel; what cannot be used is named, not fatal.

Used by `folder` and `archive`; `resize` and `three_channels` also by the sets that come as arrays.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from tltk import home
from tltk.data.domain import Pixels, Progress
from tltk.data.identity import Origins, content, jpeg_content
from tltk.errors import DataProblem

ENDINGS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp")
    + (".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif")
)
HEIC = (".heic", ".heif", ".hif")  # of phones; read where the package pillow-heif is there
# By name, so that no file can start an interpreter (EPS) or a seldom-used parser.
FORMATS = ("JPEG", "MPO", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "HEIF")
MAX_PIXELS = Image.MAX_IMAGE_PIXELS or 2**30 // 12
DEEP = ("I", "F")  # modes of more than 8 bits, beside those that begin with "I;"
IN_MEMORY = 2**29  # bytes; a larger set is decoded into a file that has no name
UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}  # value of the EXIF tag 0x0112 → what makes the picture upright


@dataclass(frozen=True, eq=False)
class Decoded:
    """Files as one array.

    Attributes:
        images: (n, 3, size, size) uint8; rows of unusable pictures are undefined.
        origins: (n,) uint64, which example each file shows.
        reasons: Index → why that file could not be used.
    """

    images: Pixels
    origins: Origins
    reasons: dict[int, str]


def decode_all(paths: Sequence[Path], size: int, progress: Progress | None = None) -> Decoded:
    """All these files as one array, and the reason for each one that could not be used.

    Threads, not processes: Pillow decodes and resizes outside the interpreter lock, nothing is
    copied between processes, and a worker may call this without leaving children behind.

    Args:
        paths: Regular files.
        size: Side of the square result, in pixels.
        progress: Called with (done, total).
    """
    images, origins = room_for((len(paths), 3, size, size)), np.zeros(len(paths), np.uint64)
    reasons: dict[int, str] = {}

    def one(index: int) -> None:
        try:
            images[index], origins[index] = _decode(paths[index], size)
        except DataProblem as fault:
            reasons[index] = str(fault)

    pool = ThreadPoolExecutor(min(32, _cores()), thread_name_prefix="decode")
    with warnings.catch_warnings():
        # Set here, once: the filters belong to the process, so threads must not touch them.
        warnings.simplefilter("ignore")
        try:
            for done, _ in enumerate(pool.map(one, range(len(paths))), start=1):
                if progress and (done % 16 == 0 or done == len(paths)):
                    progress(done, len(paths))
        finally:
            pool.shutdown(cancel_futures=True)
    return Decoded(images, origins, reasons)


def decode(path: Path, size: int) -> Pixels:
    """One file as (3, size, size) uint8: short side resized to `size`, centre kept, upright.

    Transparent parts become white; of an animation the first frame is taken.

    Raises:
        DataProblem: Why this file cannot be used, in a few words.
    """
    return _decode(path, size)[0]


def _decode(path: Path, size: int) -> tuple[Pixels, int]:
    """`decode`, and the origin of what the file shows."""
    try:
        if path.stat().st_size == 0:
            raise DataProblem("the file is empty")
        with Image.open(path, formats=_formats()) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataProblem(
                    f"{image.width} × {image.height} pixels, more than the limit of {MAX_PIXELS:,}"
                )
            image.draft("RGB", (size, size))  # big JPEGs: decode at 1/2, 1/4 or 1/8
            turn = _orientation(image)
            plain = _plain(image)
            square = _centre(plain, size)
            origin = _origin(path, image, plain, turn)
    except DataProblem:
        raise
    except Image.DecompressionBombError:
        raise DataProblem(f"more pixels than the limit of {MAX_PIXELS:,}") from None
    except Exception as fault:  # a decoder fed with garbage raises whatever it likes
        raise DataProblem(_reason(fault)) from None
    if turn is not None:
        square = square.transpose(turn)
    return np.ascontiguousarray(np.asarray(square, np.uint8).transpose(2, 0, 1)), origin


def _origin(path: Path, image: Image.Image, plain: Image.Image, turn: Transpose | None) -> int:
    """64 bits that copies share, whatever their names; of lossless kinds also copies in another kind of file."""
    turned = b"" if turn is None else bytes([turn])
    if image.format in ("JPEG", "MPO"):
        return jpeg_content(path, turned)
    if image.mode in DEEP or image.mode.startswith("I;"):
        return content(np.asarray(image), turned)  # as it is: how it is scaled hangs on its neighbours
    pixels = np.asarray(plain)
    opaque = pixels.shape[2] == 4 and bool((pixels[..., 3] == 255).all())
    return content(pixels[..., :3] if opaque else pixels, turned)


def room_for(shape: tuple[int, ...]) -> Pixels:
    """An array of this shape: in memory, or in an unnamed file of the cache folder when large.

    Raises:
        DataProblem: The disk has no room for it.
    """
    n_bytes = math.prod(shape)
    if n_bytes <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    folder = home.room("domains")
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise DataProblem(
            f"These pictures need {n_bytes / 1e9:.1f} GB on the disk of {folder}. It has {free / 1e9:.1f} GB "
            f"left; lower n or size, or point TLTK_HOME at a larger disk."
        )
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)


def resize(images: Pixels, size: int) -> Pixels:
    """(n, h, w) or (n, h, w, c) uint8 to (…, size, size, …): centre square, bicubic, antialiased.

    Resampling is linear and separable, so out = W · picture · Wᵀ with one small matrix for all
    pictures; Pillow itself gives W when it resizes the identity.
    """
    n, h, w = images.shape[:3]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    square = images[:, top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    eye = Image.fromarray(np.eye(side, dtype=np.float32))
    weights = np.asarray(eye.resize((side, size), Resampling.BICUBIC))  # (size, side)
    result = np.empty((n, size, size, *images.shape[3:]), np.uint8)
    step = max(1, 2**23 // max(1, result[:1].size))
    for start in range(0, n, step):
        piece = square[start : start + step].astype(np.float32)
        rows = np.tensordot(piece, weights, axes=(1, 1))  # (m, side, …, size): height goes last
        both = np.tensordot(rows, weights, axes=(1, 1))  # (m, …, size of rows, size of columns)
        both = np.moveaxis(both, (-2, -1), (1, 2))
        result[start : start + step] = np.clip(np.rint(both), 0, 255)
    return result


def three_channels(images: Pixels) -> Pixels:
    """(n, h, w) grey or (n, h, w, c) to (n, c, h, w); one channel becomes three equal ones."""
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[3] == 1:
        images = np.repeat(images, 3, axis=3)
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _plain(image: Image.Image) -> Image.Image:
    """The picture in mode RGB, or RGBA where something is transparent."""
    if image.mode in DEEP or image.mode.startswith("I;"):
        return Image.fromarray(_eight_bits(image)).convert("RGB")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Pixels:
    """16-bit, 32-bit and float pictures, from their usual range 0 … 1, 255 or 65,535 to uint8."""
    values = np.nan_to_num(np.asarray(image, np.float64))
    highest = float(values.max())
    if image.mode.startswith("I;16"):
        full = 65535.0
    elif image.mode == "F" and highest <= 1:
        full = 1.0
    else:
        full = next((top for top in (255.0, 65535.0) if highest <= top), highest)
    return np.clip(np.rint(values * (255.0 / full)), 0, 255).astype(np.uint8)


def _centre(image: Image.Image, size: int) -> Image.Image:
    """The central square at this size; cutting first keeps a 1 × 20,000 picture small."""
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    square = image.resize((size, size), Resampling.BICUBIC, box=box, reducing_gap=3.0)
    if square.mode == "RGBA":
        white = Image.new("RGBA", square.size, "white")
        square = Image.alpha_composite(white, square).convert("RGB")
    return square


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

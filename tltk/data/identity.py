"""Which pictures are the same example: origins, equal for one example wherever it turns up.

Not a domain. `domain` keeps one origin per picture; `decode` and `npz` make them of what a file shows, the sets that
are drawn here of the number of the picture. No torch here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Origins = NDArray[np.uint64]

BLOCK_BYTES = 2**20  # bytes of a file that are read at a time
ROWS, STEP, PLAIN = 8, 2, 12  # of a print; a bit is a rise of more levels than STEP; flatter pictures have no print
BITS, BANDS, CROWD = 6, 4, 64  # prints may differ in so many bits; sixteen bits a band; more alike say nothing
MAX_SHOWN = 3  # names in a sentence
FINE, MEAN, MOST, SHARE = 16, 3.0, 20.0, 0.1  # near copies at 16 × 16: levels apart, and against the contrast
GAIN, BRIGHTER = 1.25, 25.0  # by which factor and by how many levels a copy may be brighter


@dataclass(frozen=True, eq=False)
class Sketches:
    """What near copies are found by, also between two domains.

    Attributes:
        prints: (n, 2) uint64 from `perceptual_hashes`.
        thumbs: (n, c, 16, 16) uint8, the whole pictures, reduced.
    """

    prints: NDArray[np.uint64]
    thumbs: NDArray[np.uint8]


def content_hash(picture: NDArray[Any], more: bytes = b"") -> int:
    """64 bits of what a picture shows, the same whatever kind of file it lay in.

    Args:
        picture: (h, w) or (h, w, c), before it is resized. Grey in three channels counts as grey.
        more: What else decides how it is seen, such as how it is turned.
    """
    return strips_content_hash(picture.shape, [picture], more)


def strips_content_hash(shape: tuple[int, ...], strips: Iterable[NDArray[Any]], more: bytes = b"") -> int:
    """`content_hash` of a picture that comes in strips of rows, so that a large one needs no second copy.

    Args:
        shape: (h, w) or (h, w, c) of the whole.
        strips: Its rows from top to bottom, all of one type.
        more: As for `content_hash`.
    """
    marks: list[hashlib.blake2b] = []  # of one channel and of all: whether they are equal is known at the end
    is_grey = True
    for strip in strips:
        if not marks:
            kind = strip.dtype.newbyteorder("<").str
            heads = [shape[:2], shape] if len(shape) == 3 else [shape]
            marks = [hashlib.blake2b(repr((head, kind)).encode() + more, digest_size=8) for head in heads]
        plain = strip.astype(strip.dtype.newbyteorder("<"), copy=False)
        if is_grey and len(shape) == 3:
            is_grey = bool((plain == plain[..., :1]).all())
        if is_grey:
            first = plain[..., 0] if len(shape) == 3 else plain
            marks[0].update(np.ascontiguousarray(first).data)
        if len(shape) == 3:
            marks[1].update(np.ascontiguousarray(plain).data)
    return int.from_bytes(marks[0 if is_grey else -1].digest(), "little")


def content_hashes(pictures: NDArray[Any]) -> Origins:
    """(n,) `content_hash` of pictures (n, h, w) or (n, h, w, c)."""
    return np.fromiter((content_hash(picture) for picture in pictures), np.uint64, len(pictures))


def jpeg_content_hash(path: Path, more: bytes = b"") -> int:
    """64 bits of a JPEG file without what cameras and programs note beside the picture.

    Large JPEGs are never decoded in full, so their pixels cannot be asked; the coded picture can.

    Args:
        path: A file that Pillow takes for a JPEG.
        more: What else decides how it is seen.
    """
    mark = hashlib.blake2b(b"jpeg" + more, digest_size=8)
    with path.open("rb") as file:
        head = file.read(2)
        while len(head := file.read(4)) == 4 and head[0] == 0xFF and head[1] != 0xDA:
            body = file.read(max(0, int.from_bytes(head[2:], "big") - 2))
            if not (0xE0 <= head[1] <= 0xEF or head[1] == 0xFE) or head[1] == 0xEE:  # 0xEE says how colours are coded
                mark.update(head + body)
        mark.update(head)
        while block := file.read(BLOCK_BYTES):
            mark.update(block)
    return int.from_bytes(mark.digest(), "little")


def generated_origins(name: str, seed: int, n: int) -> Origins:
    """(n,) origins of pictures that are drawn here: the same for the same name, seed and number only.

    Args:
        name: What decides the drawing beside seed and number.
        seed: Of the domain.
        n: How many.
    """
    mark = hashlib.blake2b(repr((name, seed)).encode(), digest_size=8)
    x = np.arange(n, dtype=np.uint64) + np.uint64(int.from_bytes(mark.digest(), "little"))
    # The mixer of SplitMix64 (Steele et al. 2014): one to one, so that no two numbers share an origin.
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def perceptual_hashes(grid: NDArray[Any]) -> tuple[int, int]:
    """64 bits that near copies share nearly all of, of the picture and of its mirror image; (0, 0) = too plain.

    Args:
        grid: (8, 9) grey levels of the whole picture, reduced.

    Reference: Krawetz (2013), "Kind of Like That" (dHash): is each cell brighter than its left neighbour?
    """
    levels = grid.astype(np.int16)
    if np.ptp(levels) < PLAIN:
        return 0, 0
    first, second = (
        int.from_bytes(np.packbits(np.diff(side, axis=1) > STEP).tobytes(), "big") for side in (levels, levels[:, ::-1])
    )
    return first, second


def find_copies(origins: Origins) -> NDArray[np.int64]:
    """(n,) position of the first picture with the same origin."""
    _, first, place = np.unique(origins, return_index=True, return_inverse=True)
    return first[place].astype(np.int64)


def find_near_copies(
    origins: Origins, prints: NDArray[np.uint64], labels: NDArray[np.int64], thumbs: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """(n,) position of the first picture of which each one is a copy or a near copy; its own where it is of none.

    Pictures are near copies when their prints agree nearly and, reduced to 16 × 16, all their pixels do. A mirror
    image is one within its class alone: b and d, or left and right, are what classes are about.

    Args:
        origins: (n,) equal for equal pictures.
        prints: (n, 2) from `perceptual_hashes`.
        labels: (n,) classes.
        thumbs: (n, c, side, side) whole pictures, reduced to `FINE` or less: never the size that is trained on,
            since a split must not depend on that.
    """
    root = find_copies(origins)
    alone = np.flatnonzero((root == np.arange(len(root))) & (prints[:, 0] != 0))
    marks = np.concatenate([prints[alone, 0], prints[alone, 1]])
    for a, b, mirrored in _alike(marks, len(alone)):
        i, j = alone[a], alone[b]
        if (not mirrored or labels[i] == labels[j]) and _is_near(thumbs[i], thumbs[j], mirrored):
            i, j = _root(root, i), _root(root, j)
            root[max(i, j)] = min(i, j)
    return np.array([_root(root, i) for i in range(len(root))], np.int64)


def label_conflicts(
    twins: NDArray[np.int64], labels: NDArray[np.int64], names: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Names of a few copies that have another label than the first of them, each with that one's name.

    Args:
        twins: (n,) position of the first picture of which each is a copy.
        labels: (n,) int64.
        names: n names of files or pictures.
    """
    other = np.flatnonzero(labels[twins] != labels)[:MAX_SHOWN]
    return tuple((names[twins[i]], names[i]) for i in other)


def _alike(marks: NDArray[np.uint64], n: int) -> Iterator[tuple[int, int, bool]]:
    """Pairs of pictures whose prints differ in a few bits: found among those that share sixteen in a row.

    Args:
        marks: (2n,) prints, then those of the mirror images.
        n: How many pictures.
    """
    seen: set[tuple[int, int, bool]] = set()
    for band in range(BANDS):
        key = (marks >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(key, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
            if not 1 < len(group) <= CROWD:
                continue
            apart = np.bitwise_count(marks[group][:, None] ^ marks[group])
            for a, b in zip(*np.nonzero(np.triu(apart <= BITS, 1)), strict=True):
                i, j = sorted((int(group[a]), int(group[b])))
                pair = (i, j % n, j >= n)
                if i < n and i != j % n and pair not in seen:
                    seen.add(pair)
                    yield pair


def _is_near(a: NDArray[np.uint8], b: NDArray[np.uint8], mirrored: bool) -> bool:
    small, other = a.astype(np.float64), b.astype(np.float64)
    if mirrored:
        other = other[..., ::-1]
    spread = float(small.std())
    if not spread:
        return False
    centred, beside = small - small.mean(), other - other.mean()
    gain = float((centred * beside).mean()) / spread**2  # a copy may be a little brighter or have more contrast
    if not 1 / GAIN <= gain <= GAIN or abs(small.mean() - other.mean()) > BRIGHTER:
        return False
    apart = np.abs(gain * centred - beside)
    return bool(apart.mean() <= min(MEAN, SHARE * spread) and apart.max() <= MOST)


def _root(root: NDArray[np.int64], i: int) -> int:
    while root[i] != i:
        i = int(root[i])
    return int(i)

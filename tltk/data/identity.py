"""Which pictures are the same example: origins, equal for one example wherever it turns up.

Not a domain. `domain` keeps one origin per picture; `decode` and `npz` make them of what a file shows, the sets that
are drawn here of the number of the picture. No torch here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Origins = NDArray[np.uint64]

BLOCK = 2**20  # bytes of a file that are read at a time


def content(picture: NDArray[Any], more: bytes = b"") -> int:
    """64 bits of what a picture shows, the same whatever kind of file it lay in.

    Args:
        picture: (h, w) or (h, w, c), before it is resized. Grey in three channels counts as grey.
        more: What else decides how it is seen, such as how it is turned.
    """
    if picture.ndim == 3 and (picture == picture[..., :1]).all():
        picture = picture[..., 0]
    plain = np.ascontiguousarray(picture)
    mark = hashlib.blake2b(repr((plain.shape, plain.dtype.str)).encode() + more, digest_size=8)
    mark.update(plain.data)
    return int.from_bytes(mark.digest(), "little")


def contents(pictures: NDArray[Any]) -> Origins:
    """(n,) `content` of pictures (n, h, w) or (n, h, w, c)."""
    return np.fromiter((content(picture) for picture in pictures), np.uint64, len(pictures))


def jpeg_content(path: Path, more: bytes = b"") -> int:
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
        while block := file.read(BLOCK):
            mark.update(block)
    return int.from_bytes(mark.digest(), "little")


def drawn(name: str, seed: int, n: int) -> Origins:
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

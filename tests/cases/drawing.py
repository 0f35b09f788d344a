"""What the recipes draw with: noise around a tone, so that classes differ and no two pictures are the same."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CAT_DOG = ("cat", "dog")


def noise(path: Path, tone: float, size: tuple[int, int] = (40, 40)) -> np.ndarray:
    """Pixels (h, w, 3) that the path's last two names and the tone decide, so that a recipe always makes the same."""
    seed = zlib.crc32(f"{path.parts[-3:]}{tone}".encode(errors="surrogateescape"))
    drawn = np.random.default_rng(seed).normal(tone, 25, (size[1], size[0], 3))
    return np.clip(drawn, 0, 255).astype(np.uint8)


def picture(path: Path, tone: float = 100, size: tuple[int, int] = (40, 40)) -> Path:
    """One picture file in the form that its ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(path, tone, size)).save(path)
    return path


def classes(folder: Path, n: int = 8, names: Sequence[str] = CAT_DOG, ending: str = "jpg") -> Path:
    """A folder with n pictures of each class, the first dark and the second bright."""
    for k, name in enumerate(names):
        for i in range(n):
            picture(folder / name / f"{i}.{ending}", 60 + 120 * (k % 2))
    return folder

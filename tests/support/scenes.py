"""Pictures with forms as photographs have them."""

from __future__ import annotations

import numpy as np
from PIL import Image


def scene(seed: int, shape: tuple[int, int] = (90, 84)) -> Image.Image:
    """Something with large forms, as photographs have, and a little noise."""
    draw = np.random.default_rng(seed)
    rough = Image.fromarray(draw.integers(0, 256, (6, 5, 3), np.uint8)).resize(shape, Image.Resampling.BICUBIC)
    return Image.fromarray(
        np.clip(np.asarray(rough, float) + draw.normal(0, 4, (*shape[::-1], 3)), 0, 255).astype("u1")
    )

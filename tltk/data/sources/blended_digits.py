"""Handwritten digits on photo backgrounds, made like MNIST-M: |crop − digit| in colour.

Licence: CC BY 4.0 (digits) and CC BY 2.0 (photos). Source: scikit-learn's handwritten digits and its two
sample photos, china.jpg (danielbuechele) and flower.jpg (vultilion).

Reference: Ganin et al. (2016), Domain-Adversarial Training of Neural Networks, JMLR 17, §5.2.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from tltk.data.attributes import PARITY, Attribute
from tltk.data.domain import Domain, Pixels, Progress, subsample
from tltk.data.fit import resize
from tltk.data.identity import content_hashes
from tltk.data.sources.digits import SOURCE as DIGITS
from tltk.data.sources.digits import base_digits, bundled_file
from tltk.specs.parts import DataSpec

LICENCE = "CC BY 4.0 (digits), CC BY 2.0 (photos)"
SOURCE = f"{DIGITS}; photos china.jpg (danielbuechele) and flower.jpg (vultilion), from scikit-learn"
FAMILY = "digits"
PHOTOS = ("china", "flower")
CROP_SIDES_PX = (32, 96)  # side of a background in photo pixels, whatever the size of the picture


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Handwritten digits on photo backgrounds: 1,797 colour pictures, made like MNIST-M.

    Each base digit occurs once, so no two parts of a split share one. The background of a digit
    depends on its index and `spec.seed` only.

    Args:
        spec: `n` (0 = all), `size` in pixels and `seed`.
        argument: Empty: this domain has no settings.
        progress: Called with (done, total) pictures.

    Raises:
        DataProblem: `spec.n` is more than there are.
    """
    eights, labels = base_digits()
    kept = subsample(labels, spec.n, spec.seed, "blended_digits")
    digits = _masks(resize(eights[kept], spec.size))
    photos = _photos()
    images = np.empty((len(kept), 3, spec.size, spec.size), np.uint8)
    behind = np.empty(len(kept), np.int64)
    for i, index in enumerate(kept):
        crop, behind[i] = _crop(photos, np.random.default_rng((spec.seed, int(index))), spec.size)
        images[i] = np.abs(crop - digits[i, :, :, None]).transpose(2, 0, 1)
        if progress and ((i + 1) % 256 == 0 or i + 1 == len(kept)):
            progress(i + 1, len(kept))
    return Domain.of(
        spec.name,
        images,
        labels[kept],
        list(class_names()),
        licence=LICENCE,
        source=SOURCE,
        origins=content_hashes(eights[kept]),
        attributes={"background": Attribute(PHOTOS, behind)},
    )


def attribute_names(argument: str) -> tuple[str, ...]:
    """Parity, and the photo that lies behind the digit."""
    return PARITY, "background"


def class_names(_argument: str = "") -> tuple[str, ...]:
    """The ten digits."""
    return tuple(str(d) for d in range(10))


def _masks(digits: Pixels) -> NDArray[np.int16]:
    """Nearly black or white, as MNIST's digits are: the grey slopes of 8 × 8 made steep."""
    steep = (digits.astype(np.float32) - 127.5) * 2.5 + 127.5
    masks: NDArray[np.int16] = np.clip(np.rint(steep), 0, 255).astype(np.int16)
    return masks


def _photos() -> list[Image.Image]:
    paths = [bundled_file("images", f"{name}.jpg") for name in PHOTOS]
    if None not in paths:
        return [Image.open(path).convert("RGB") for path in paths if path]
    from sklearn.datasets import load_sample_images

    return [Image.fromarray(photo) for photo in load_sample_images().images]


def _crop(photos: list[Image.Image], draw: np.random.Generator, size: int) -> tuple[NDArray[np.int16], int]:
    """A random square of a random photo, (size, size, 3), and the photo's number."""
    which = int(draw.integers(len(photos)))
    photo = photos[which]
    side = int(draw.integers(CROP_SIDES_PX[0], CROP_SIDES_PX[1] + 1))
    left = int(draw.integers(photo.width - side + 1))
    top = int(draw.integers(photo.height - side + 1))
    box = (left, top, left + side, top + side)
    crop: NDArray[np.int16] = np.asarray(photo.resize((size, size), Resampling.BILINEAR, box=box), np.int16)
    return crop, which

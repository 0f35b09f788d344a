"""Handwritten digits that come with scikit-learn: a real target that needs no download.

Licence: CC BY 4.0. Source: UCI "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998),
the 1,797 test digits as shipped by scikit-learn.
"""

from __future__ import annotations

import numpy as np

from tltk.data.decode import resize, three_channels
from tltk.data.domain import Domain, Ints, Pixels, Progress, keep
from tltk.spec import DataSpec

LICENCE = "CC BY 4.0"
SOURCE = "UCI Optical Recognition of Handwritten Digits (Alpaydin, Kaynak 1998), from scikit-learn"


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Handwritten digits: 1,797 grey pictures of 8 × 8, from scikit-learn.

    Raises:
        DataProblem: `spec.n` is more than there are.
    """
    eights, labels = base_digits()
    kept = keep(labels, spec.n, spec.seed, "digits")
    images = three_channels(resize(eights[kept], spec.size))
    if progress:
        progress(len(images), len(images))
    return Domain.of(
        spec.name, images, labels[kept], [str(d) for d in range(10)], licence=LICENCE, source=SOURCE
    )


def base_digits() -> tuple[Pixels, Ints]:
    """The digits as they are: (1797, 8, 8) uint8 white on black, and (1797,) labels."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.rint(bunch.images * (255 / 16)).astype(np.uint8), bunch.target.astype(np.int64)

"""Handwritten digits that come with scikit-learn: a real target that needs no download.

Licence: CC BY 4.0. Source: UCI "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998),
the 1,797 test digits as shipped by scikit-learn.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tltk.data.attributes import PARITY
from tltk.data.decode import three_channels
from tltk.data.domain import Domain, Ints, Pixels, Progress, subsample
from tltk.data.fit import resize
from tltk.data.identity import content_hashes
from tltk.specs.parts import DataSpec

LICENCE = "CC BY 4.0"
FAMILY = "digits"  # blended digits are the same examples
SOURCE = "UCI Optical Recognition of Handwritten Digits (Alpaydin, Kaynak 1998), from scikit-learn"


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Handwritten digits: 1,797 grey pictures of 8 × 8, from scikit-learn.

    Args:
        spec: `n` (0 = all), `size` in pixels and `seed`.
        argument: Empty: this domain has no settings.
        progress: Called with (done, total) pictures.

    Raises:
        DataProblem: `spec.n` is more than there are.
    """
    eights, labels = base_digits()
    kept = subsample(labels, spec.n, spec.seed, "digits")
    images = three_channels(resize(eights[kept], spec.size))
    if progress:
        progress(len(images), len(images))
    return Domain.of(
        spec.name,
        images,
        labels[kept],
        list(class_names()),
        licence=LICENCE,
        source=SOURCE,
        origins=content_hashes(eights[kept]),
    )


def attribute_names(argument: str) -> tuple[str, ...]:
    """Parity, which follows from the classes."""
    return (PARITY,)


def base_digits() -> tuple[Pixels, Ints]:
    """The digits as they are: (1797, 8, 8) uint8 white on black, and (1797,) labels."""
    if (path := bundled_file("data", "digits.csv.gz")) is not None:
        table = np.loadtxt(path, delimiter=",", dtype=np.float64)
        values, labels = table[:, :64].reshape(-1, 8, 8), table[:, 64]
    else:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        values, labels = bunch.images, bunch.target
    return np.rint(values * (255 / 16)).astype(np.uint8), labels.astype(np.int64)


def bundled_file(*parts: str) -> Path | None:
    """A data file that lies within scikit-learn, or None where this version has moved it.

    Found without the import, which takes 5 s and more of a first minute; the file takes 0.05 s.
    """
    package = find_spec("sklearn")
    places = package.submodule_search_locations if package else None
    path = Path(places[0], "datasets", *parts) if places else None
    return path if path is not None and path.is_file() else None


def class_names(_argument: str = "") -> tuple[str, ...]:
    """The ten digits."""
    return tuple(str(d) for d in range(10))

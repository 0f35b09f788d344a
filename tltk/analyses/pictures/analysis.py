"""Some test pictures of a domain, on one sheet."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from tltk.analyses.pictures.result import PicturesResult
from tltk.analyses.pictures.spec import PicturesSpec
from tltk.analyses.sample import Context, Sample, contact_sheet, sentences
from tltk.errors import BadSpec


def pictures(spec: PicturesSpec, context: Context) -> tuple[PicturesResult, Image.Image]:
    """The answer to `tltk pictures`.

    Raises:
        BadSpec: There are fewer test pictures.
    """
    domain = context.load(spec.target)
    test = domain.split(spec.target, 0).test
    if max(spec.index) >= len(test):
        raise BadSpec(
            f"index must hold places among the {len(test):,} test pictures of {spec.target.name}, from 0. "
            f"Got {max(spec.index):,}."
        )
    at = test[np.array(spec.index)]
    labels = domain.labels[at]
    shown = [Sample(domain, at, torch.from_numpy(labels))]
    found = PicturesResult(list(spec.index), labels.tolist(), list(domain.classes), len(test), sentences(shown))
    return found, contact_sheet(shown)

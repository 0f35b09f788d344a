"""What is in a domain: classes and counts, parts, what was left out, and some of its pictures."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import torch
from PIL import Image

from tltk import data
from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.sample import Context, Sample, contact_sheet, sentences
from tltk.data import account
from tltk.data.audio.files import as_wav
from tltk.data.cautions import figures
from tltk.data.domain import Domain
from tltk.data.fit import PAD, ground
from tltk.data.rows import KIND as TABLE
from tltk.data.rows import decode
from tltk.specs.parts import DataSpec

EACH, MOST = 8, 800  # pictures of a class that are shown at most, and of all classes
TONED = 1000  # pictures whose pixels are counted
HEARD, MAX_HEARD_SECONDS = 24, 10  # classes of which a sound can be played, and how much of it


def inspect(spec: InspectSpec, context: Context) -> tuple[InspectResult, Image.Image, dict[str, bytes]]:
    """The answer to `tltk look`: see `domain_summary`; of domains of sounds, one of each class to be played."""
    domain = context.load(spec.data)
    found, sheet = domain_summary(domain, spec.data)
    some, labels = _shown(domain, spec.data), found.shown_labels or []
    numbers = [labels.index(c) for c in sorted(set(labels))[:HEARD]]
    heard = data.sounds(spec.data, domain, [int(some.index[n]) for n in numbers])
    files = {
        f"sound-{number}.wav": as_wav(sound.samples[: MAX_HEARD_SECONDS * sound.rate], sound.rate)
        for number, sound in zip(numbers, heard, strict=False)
    }
    return msgspec.structs.replace(found, sounds=numbers if heard else []), sheet, files


def domain_summary(domain: Domain, spec: DataSpec) -> tuple[InspectResult, Image.Image]:
    """What is in a domain: classes with their counts, the split, what was left out, the licence; some pictures."""
    split = domain.split(spec, 0)
    order, some = _order(domain, spec), _shown(domain, spec)
    mean, std = _tones(domain, np.sort(order[:TONED]), ground(domain.images.shape[1]) if spec.fit == PAD else None)
    counts = np.bincount(domain.labels, minlength=len(domain.classes)).tolist()
    groups, known = account.groups(domain, split, spec), figures(domain, split)
    known["cautions"] += account.group_cautions(domain.name, groups)
    return InspectResult(
        classes=list(domain.classes),
        counts=counts,
        n=len(domain.labels),
        channels=int(domain.images.shape[1]),
        mean=mean,
        std=std,
        train=len(split.train),
        val=len(split.val),
        test=len(split.test),
        parts=account.parts(domain, split, spec),
        tree=list(domain.account.tree),
        notes=list(domain.account.notes),
        skipped=list(domain.skipped),
        licence=domain.licence,
        source=domain.source,
        shown=len(some),
        shown_labels=some.labels.tolist(),
        shown_index=some.index.tolist(),
        fit=spec.fit,
        size=spec.picture_size,
        groups=groups,
        texts=sentences([some]),
        columns=list(domain.columns),
        rows=_rows(domain, some.index),
        examples=domain.noun,
        **known,
    ), contact_sheet([some])


def _rows(domain: Domain, index: np.ndarray) -> list[list[float | None]]:
    """The numbers of some rows of a table; none of what is no table."""
    if domain.kind != TABLE:
        return []
    values = decode(np.asarray(domain.images[index]))[1][:, : len(domain.columns)].astype(np.float64)
    return [[None if np.isnan(v) else float(f"{v:.7g}") for v in row] for row in values.tolist()]


def _order(domain: Domain, spec: DataSpec) -> np.ndarray:
    """The training pictures, as if there were no few-shot subset, shuffled."""
    return np.random.default_rng(0).permutation(domain.split(dataclasses.replace(spec, shots=0), 0).train)


def _shown(domain: Domain, spec: DataSpec) -> Sample:
    """The pictures on the sheet."""
    return _of_each_class(domain, _order(domain, spec))


def _of_each_class(domain: Domain, order: np.ndarray) -> Sample:
    """The first few of each class in this order, class by class; of more than `MOST` classes the first ones."""
    classes = len(domain.classes)
    each, labels = max(min(EACH, MOST // classes), 1), domain.labels[order]
    index = np.concatenate([np.sort(order[labels == c][:each]) for c in range(min(classes, MOST))])
    return Sample(domain, index, torch.from_numpy(domain.labels[index]))


def _tones(domain: Domain, index: np.ndarray, around: np.ndarray | None) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the pixels of each channel, 0 … 1: from counts, so that memory stays small.

    Args:
        domain: Whose pictures.
        index: Which, (n,).
        around: The colour that whole pictures lie on, which is no part of them, (channels,); None = there is none.
    """
    counts = np.zeros((domain.images.shape[1], 256), np.int64)
    for at in index:
        planes = np.asarray(domain.images[at]).reshape(len(counts), -1)
        if around is not None and len(rest := np.flatnonzero((planes != around[:, None]).any(0))):
            planes = planes[:, rest]
        for channel, plane in enumerate(planes):
            counts[channel] += np.bincount(plane, minlength=256)
    shares, levels = counts / counts.sum(1, keepdims=True), np.arange(256) / 255
    mean = shares @ levels
    std = np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(1))
    return mean.round(4).tolist(), std.round(4).tolist()

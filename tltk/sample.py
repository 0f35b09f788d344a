"""Pictures of one or two domains, and what every layer of a network makes of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tltk.bank import FeatureBank
from tltk.data.domain import Domain
from tltk.desk import Desk
from tltk.errors import BadSpec
from tltk.nn.net import Net
from tltk.nn.tap import Taps
from tltk.nn.weights import build
from tltk.optim import pick_device
from tltk.results import ACROSS
from tltk.spec import DataSpec, DepthSpec, NetSpec

LARGEST = 48  # pixels of a picture on it
EACH, MOST = 8, 800  # pictures of a class that a look shows at most, and of all classes
TONED = 1000  # pictures whose pixels it counts


@dataclass
class Room:
    """What a question may use: pictures by spec, the bank, and a desk for sentences."""

    load: Callable[[DataSpec], Domain]
    bank: FeatureBank
    desk: Desk


@dataclass(frozen=True)
class Sample:
    """Some labelled training pictures of a domain.

    Attributes:
        index: Positions in the domain, (n,).
        labels: Class numbers, (n,).
    """

    domain: Domain
    index: np.ndarray
    labels: Tensor

    def __len__(self) -> int:
        return len(self.index)


def draw(domain: Domain, spec: DataSpec, pictures: int, seed: int) -> Sample:
    """At most so many of the training pictures that the spec leaves, by turns from each class.

    Validation and test pictures are never looked at, and a few-shot spec stays one.
    """
    train = domain.split(spec, seed).train
    order = np.random.default_rng(seed).permutation(train)
    labels = domain.labels[order]
    turn = np.empty(len(order), np.int64)  # how many of its class come before
    for c in np.unique(labels):
        turn[labels == c] = np.arange(int((labels == c).sum()))
    index = np.sort(order[np.argsort(turn, kind="stable")[:pictures]])
    return Sample(domain, index, torch.from_numpy(domain.labels[index]))


def samples(spec: DepthSpec, room: Room) -> tuple[Sample, Sample | None]:
    """The target's pictures, and the source's where there is one.

    Raises:
        BadSpec: The two have other channels.
    """
    target = draw(room.load(spec.target), spec.target, spec.pictures, spec.seed)
    if spec.source is None:
        return target, None
    source = draw(room.load(spec.source), spec.source, spec.pictures, spec.seed)
    channels = [int(s.domain.images.shape[1]) for s in (source, target)]
    if channels[0] != channels[1]:
        raise BadSpec(
            f"Source and target must have as many channels. Got {channels[0]} and {channels[1]}; "
            f"save both in colour, or both in grey."
        )
    return target, source


def network(spec: NetSpec, sample: Sample, seed: int) -> Net:
    """The network with its weights, on the device, for pictures such as these."""
    images = sample.domain.images
    net = build(spec, len(sample.domain.classes), images.shape[-1], images.shape[1], seed)
    return net.to(pick_device("auto"), memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]


def with_weights(net: NetSpec, weights: str) -> NetSpec:
    """The same backbone with other weights."""
    return dataclasses.replace(net, weights=weights)


def features(net: Net, sample: Sample, room: Room, pooling: str) -> list[Tensor]:
    """One (n, d) tensor for each layer, then that of what enters the head: one pass, kept in the bank."""
    images = sample.domain.images
    taps = Taps(net, images.shape[-1], images.shape[1], pooling)
    kept = room.bank.features(taps, sample.domain, sample.index, should_stop=room.desk.check)
    return [torch.from_numpy(np.array(a)) for a in kept.arrays]


def contact_sheet(parts: list[Sample]) -> Image.Image:
    """All pictures of the samples on one sheet, `ACROSS` in a row, in order."""
    tiles = [tile for sample in parts for tile in _tiles(sample)]
    side, rows = tiles[0].width, -(-len(tiles) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * side, rows * side))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, ((i % ACROSS) * side, (i // ACROSS) * side))
    return sheet


def _tiles(sample: Sample) -> list[Image.Image]:
    found = []
    for at in sample.index:
        picture = np.asarray(sample.domain.images[at])
        shown = picture[:3] if len(picture) >= 3 else np.repeat(picture[:1], 3, 0)
        tile = Image.fromarray(np.ascontiguousarray(shown.transpose(1, 2, 0)))
        found.append(tile if tile.width <= LARGEST else tile.resize((LARGEST, LARGEST)))
    return found


def look(domain: Domain, spec: DataSpec) -> tuple[dict[str, Any], Image.Image]:
    """What is in a domain: classes with their counts, the split, what was left out, the licence; some pictures."""
    split = domain.split(spec, 0)
    order = np.random.default_rng(0).permutation(domain.split(dataclasses.replace(spec, shots=0), 0).train)
    some = _of_each_class(domain, order)
    mean, std = _tones(domain, np.sort(order[:TONED]))
    counts = np.bincount(domain.labels, minlength=len(domain.classes)).tolist()
    return {
        "classes": list(domain.classes),
        "counts": counts,
        "n": len(domain.labels),
        "channels": int(domain.images.shape[1]),
        "mean": mean,
        "std": std,
        "train": len(split.train),
        "val": len(split.val),
        "test": len(split.test),
        "skipped": [list(s) for s in domain.skipped],
        "licence": domain.licence,
        "source": domain.source,
        "shown": len(some),
        "shown_labels": some.labels.tolist(),
    }, contact_sheet([some])


def _of_each_class(domain: Domain, order: np.ndarray) -> Sample:
    """The first few of each class in this order, class by class; of more than `MOST` classes the first ones."""
    classes = len(domain.classes)
    each, labels = max(min(EACH, MOST // classes), 1), domain.labels[order]
    index = np.concatenate([np.sort(order[labels == c][:each]) for c in range(min(classes, MOST))])
    return Sample(domain, index, torch.from_numpy(domain.labels[index]))


def _tones(domain: Domain, index: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the pixels of each channel, 0 … 1: from counts, so that memory stays small."""
    counts = np.zeros((domain.images.shape[1], 256), np.int64)
    for at in index:
        for channel, plane in enumerate(np.asarray(domain.images[at])):
            counts[channel] += np.bincount(plane.ravel(), minlength=256)
    shares, levels = counts / counts.sum(1, keepdims=True), np.arange(256) / 255
    mean = shares @ levels
    std = np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(1))
    return mean.round(4).tolist(), std.round(4).tolist()

"""Pictures of one or two domains, and what every layer of a network makes of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from tltk.analyses.depth import DepthSpec
from tltk.analyses.trained import find_place
from tltk.data.domain import Domain, Ints, link_copies
from tltk.data.fit import GROUND
from tltk.data.rows import KIND as TABLE
from tltk.data.rows import standardisation
from tltk.data.texts import KIND as TEXT
from tltk.data.texts import MAX_SHOWN_CHARS, decode
from tltk.errors import BadSpec
from tltk.nn.net import Net
from tltk.nn.taps import Taps
from tltk.results.rows import ACROSS
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.size import channels_and_size
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.training.optimizer import pick_device
from tltk.weights.load import build_net

LARGEST = 48  # pixels of a picture on a contact sheet
SHEET_PX = ((6000, LARGEST), (20_000, 32), (2**31, 24))  # of so many pictures at most; of more they are smaller


@dataclass
class Context:
    """What a question may use: pictures by spec, the bank, and a callbacks for sentences."""

    load: Callable[[DataSpec], Domain]
    bank: FeatureBank
    callbacks: Callbacks


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

    Args:
        domain: The pictures.
        spec: How they are split and how many of each class may be seen.
        pictures: At most so many.
        seed: Of the split and of the draw.
    """
    return by_turns(domain, domain.split(spec, seed).train, pictures, seed)


def by_turns(domain: Domain, train: Ints, pictures: int, seed: int) -> Sample:
    """At most so many of these pictures, by turns from each class.

    Args:
        domain: The pictures.
        train: Positions in it.
        pictures: At most so many.
        seed: Of the draw.
    """
    order = np.random.default_rng(seed).permutation(train)
    labels = domain.labels[order]
    turn = np.empty(len(order), np.int64)  # how many of its class come before
    for c in np.unique(labels):
        turn[labels == c] = np.arange(int((labels == c).sum()))
    index = np.sort(order[np.argsort(turn, kind="stable")[:pictures]])
    return Sample(domain, index, torch.from_numpy(domain.labels[index]))


def samples(spec: DepthSpec, context: Context) -> tuple[Sample, Sample | None]:
    """The target's pictures, and the source's where there is one.

    Raises:
        BadSpec: The two have other channels.
    """
    target = draw(context.load(spec.target), spec.target, spec.pictures, spec.seed)
    if spec.source is None:
        return target, None
    source = draw(context.load(spec.source), spec.source, spec.pictures, spec.seed)
    channels = [int(s.domain.images.shape[1]) for s in (source, target)]
    if channels[0] != channels[1]:
        raise BadSpec(
            f"Source and target must have as many channels. Got {channels[0]} and {channels[1]}; "
            f"save both in colour, or both in grey."
        )
    return target, source


def strangers(spec: DepthSpec, context: Context, target: Sample, source: Sample) -> tuple[Sample, Sample, str]:
    """Target and source for a test, which holds for independent samples alone: no example is in both, or twice in one.

    Examples that both have, such as the same digit with and without fog, or a picture and what was saved of it anew,
    are dealt out to the two sides, class by class; which side gets more of them is decided by what it has beside them.
    Where there are none, the samples are those that came.

    Args:
        spec: The question.
        context: For the pictures.
        target: As drawn without regard to the source.
        source: Likewise.

    Returns:
        Target, source, and what was done, in a sentence; empty where nothing was.

    Raises:
        BadSpec: There are too few different examples for a test.
    """
    assert spec.source is not None
    same = link_copies(target.domain, source.domain)
    sides = [(same[0], spec.target), (same[1], spec.source)]
    pools = [domain.split(wanted, spec.seed).train for domain, wanted in sides]
    single = [_once(domain, pool) for (domain, _), pool in zip(sides, pools, strict=True)]
    copies = [len(pool) - len(one) for pool, one in zip(pools, single, strict=True)]
    origins = [domain.origins[pool] for (domain, _), pool in zip(sides, single, strict=True)]
    both = np.intersect1d(origins[0], origins[1])
    if not len(both) and not any(copies):
        return target, source, ""
    alone = [len(o) - len(both) for o in origins]
    count = int(np.clip((alone[1] + len(both) - alone[0]) / 2, 0, len(both)))  # so many go to the target
    mine = _deal(same[0], single[0], both, count, spec.seed)
    kept = [
        single[0][~np.isin(origins[0], both) | np.isin(origins[0], mine)],
        single[1][~np.isin(origins[1], mine)],
    ]
    y, x = (by_turns(domain, pool, spec.pictures, spec.seed) for (domain, _), pool in zip(sides, kept, strict=True))
    if min(len(x), len(y)) < 2:
        raise BadSpec(
            f"A test of two domains needs different examples on both sides. Source and target have {len(both):,} "
            f"examples in common, which leaves {len(x)} and {len(y)}; take another source, or more examples."
        )
    return y, x, _describe_removal(len(both), copies, x, y)


def shared_classes(source: Sample, target: Sample) -> dict[int, tuple[int, str]]:
    """Source class → (target class, name), for the names that both domains have."""
    there = {name: i for i, name in enumerate(target.domain.classes)}
    return {i: (there[name], name) for i, name in enumerate(source.domain.classes) if name in there}


def _describe_removal(both: int, copies: list[int], source: Sample, target: Sample) -> str:
    """Which pictures were left out of the samples of a test, and how many are left."""
    said = []
    if both:
        said.append(
            f"Source and target have {both:,} examples in common: the same ones, seen differently. A test needs "
            f"independent samples, so each of them was given to one side only."
        )
    if any(copies):
        said.append(f"{sum(copies):,} examples that are copies of another of their own side were left out.")
    left = f"{len(source):,} source and {len(target):,} target examples"
    return " ".join([*said, f"{left} are compared, and none of them shows the same example as another."])


def _once(domain: Domain, index: Ints) -> Ints:
    """The positions without copies: the first of each example."""
    return index[np.sort(np.unique(domain.origins[index], return_index=True)[1])]


def _deal(target: Domain, pool: Ints, both: NDArray[np.uint64], count: int, seed: int) -> NDArray[np.uint64]:
    """So many of the common examples, in each class about the same share."""
    common = pool[np.isin(target.origins[pool], both)]
    shuffled = np.random.default_rng(seed).permutation(common)
    by_class = shuffled[np.argsort(target.labels[shuffled], kind="stable")]
    places = np.arange(len(by_class) + 1) * count // max(len(by_class), 1)
    found: NDArray[np.uint64] = target.origins[by_class[np.diff(places) > 0]]
    return found


def network(spec: NetSpec, sample: Sample, seed: int) -> Net:
    """The network with its weights, on the device, for pictures such as these.

    Args:
        spec: Backbone, weights and boundary.
        sample: Its pictures set size and channels of the input and the number of logits; of tables, its rows tell means
            and deviations, so they are of the training part.
        seed: Of the weights that the spec does not name.
    """
    domain = sample.domain
    channels, size = channels_and_size(domain.images.shape)
    columns = standardisation(domain.columns, [domain.images[sample.index]]) if domain.kind == TABLE else None
    net = build_net(spec, len(domain.classes), size, channels, seed, columns)
    return net.to(pick_device("auto"), memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]


def with_weights(net: NetSpec, weights: str) -> NetSpec:
    """The same backbone with other weights."""
    return dataclasses.replace(net, weights=weights)


def features(net: Net, sample: Sample, context: Context, pooling: str) -> list[Tensor]:
    """One (n, d) tensor for each layer, then that of what enters the head: one pass, kept in the bank.

    Args:
        net: The network, in evaluation mode.
        sample: Its n pictures.
        context: Holds the bank, and ends the pass where the user asked for that.
        pooling: One of `tltk.specs.parts.POOLINGS`.
    """
    taps = Taps(net, pooling)
    kept = context.bank.features(taps, sample.domain, sample.index, should_stop=context.callbacks.check)
    return [torch.from_numpy(np.array(a)) for a in kept.arrays]


def find_layer(net: Net, layer: str, removed: int) -> tuple[int, str]:
    """The number and the name of a layer; as many as there are layers = what enters the head.

    Args:
        net: The network.
        layer: Name or number; empty = what enters the head.
        removed: So many layers are removed from the end; 0 = none.

    Raises:
        BadSpec: There are fewer layers.
        UnknownName: No layer of that name.
    """
    names = [*net.names[:-1], "features"]
    if removed:
        if removed >= net.depth:
            raise BadSpec(f"Of the {net.depth} layers at least one must be left. Got removed = {removed}; lower it.")
        at = net.depth - 1 - removed
    else:
        at = find_place(net.names[:-1], layer)
    return at, names[at]


def sentences(parts: list[Sample]) -> list[str]:
    """What each example says, in the order of the contact sheet; none where they are pictures."""
    said = [p.domain.modality.sentence(p.domain, int(at), MAX_SHOWN_CHARS) for p in parts for at in p.index]
    return said if all(said) else []


def whole_texts(sample: Sample) -> list[str]:
    """The texts of a sample; none where they are something else."""
    return decode(sample.domain.images[sample.index]) if sample.domain.kind == TEXT else []


def contact_sheet(parts: list[Sample]) -> Image.Image:
    """All pictures of the samples on one sheet of squares, `ACROSS` in a row, in order; others in their middle."""
    total = sum(map(len, parts))
    largest = next(px for most, px in SHEET_PX if total <= most)
    tiles = [s.domain.modality.thumbnail(s.domain, int(at), largest) for s in parts for at in s.index]
    side, rows = max(max(tile.size) for tile in tiles), -(-len(tiles) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * side, rows * side), GROUND)
    for i, tile in enumerate(tiles):
        beside, above = (side - tile.width) // 2, (side - tile.height) // 2
        sheet.paste(tile, ((i % ACROSS) * side + beside, (i // ACROSS) * side + above))
    return sheet

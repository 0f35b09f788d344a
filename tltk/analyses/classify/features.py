"""The features that learners get: training pictures of each seed, and the target's test pictures."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tltk.analyses.classify.spec import ClassifySpec
from tltk.analyses.sample import Context, Sample, by_turns, draw, features, find_layer, network
from tltk.data.division import shuffle
from tltk.data.domain import Domain, Ints, exclude_examples, held_out_origins, link_copies
from tltk.errors import BadSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Draw:
    """What one seed learns from.

    Attributes:
        x: Features of the labelled training pictures, (n, d).
        labels: Their class numbers, as the target counts classes, (n,).
        at: Their positions in the domain that they are of, (n,).
        target: Features of the target's training pictures, (m, d); empty where its labels alone are learned from.
        target_labels: Their class numbers, (m,), where both domains' labels are learned from; None where they must not
            be seen.
    """

    x: Floats
    labels: Ints
    at: Ints
    target: Floats
    target_labels: Ints | None = None


@dataclass(frozen=True, eq=False)
class Material:
    """All that is learned from and tested on.

    Attributes:
        draws: One a seed.
        test: Features of the target's test pictures, (t, d).
        test_labels: Their class numbers, (t,).
        domain: The target.
        labelled: The domain that the training pictures are of.
        layer: Whose features they are.
        layer_name: Its name.
        remarks: What was left out.
    """

    draws: list[Draw]
    test: Floats
    test_labels: Ints
    domain: Domain
    labelled: Domain
    layer: int
    layer_name: str
    remarks: list[str]


def gather(spec: ClassifySpec, context: Context) -> Material:
    """Pictures of both domains, and what the layer makes of them.

    Args:
        spec: The question.
        context: For pictures and the bank.

    Raises:
        BadSpec: Domains that do not go together, or a layer that is not there.
        UnknownName: A layer of no such name.
    """
    domain = context.load(spec.target)
    split = domain.split(spec.target, spec.seed)
    seeds = range(spec.seed, spec.seed + spec.seeds)
    unlabelled = domain.split(dataclasses.replace(spec.target, shots=0), spec.seed).train
    net = network(spec.net, _sample(domain, unlabelled), spec.seed)  # of tables, these rows tell means and deviations
    layer, layer_name = find_layer(net, spec.layer, spec.removed)

    def read(of: Domain, index: Ints) -> Floats:
        found = features(net, _sample(of, index), context, spec.pooling)[layer].double().numpy()
        if not np.isfinite(found).all():
            raise BadSpec(f"Features of {layer_name} must be finite. Some are not; these weights have diverged.")
        return found

    if spec.source is None:
        at = [draw(domain, spec.target, spec.pictures, seed).index for seed in seeds]
        every = np.unique(np.concatenate([split.test, *at]))
        x = read(domain, every)
        none = np.zeros((0, x.shape[1]))
        draws = [Draw(x[np.searchsorted(every, i)], domain.labels[i], i, none) for i in at]
        test = x[np.searchsorted(every, split.test)]
        return Material(draws, test, domain.labels[split.test], domain, domain, layer, layer_name, [])
    source = context.load(spec.source)
    if source.images.shape[1] != domain.images.shape[1]:
        raise BadSpec(
            f"Source and target must have as many channels. Got {source.images.shape[1]} and {domain.images.shape[1]}; "
            f"save both in colour, or both in grey."
        )
    number = _same_classes(source, domain)
    mine, theirs = link_copies(domain, source)
    held = held_out_origins(mine, split)
    remarks, at, there = [], [], []
    for seed in seeds:
        pool = source.split(spec.source, seed).train
        known = pool[number[source.labels[pool]] >= 0]
        clean = exclude_examples(theirs, known, held)
        if seed == spec.seed:
            remarks = _left_out(len(pool) - len(known), len(known) - len(clean), spec.labels)
        at.append(by_turns(source, clean, spec.pictures, seed).index)
        if spec.labels == "both":
            there.append(draw(domain, spec.target, spec.pictures, seed).index)
        else:
            there.append(np.sort(shuffle(unlabelled, seed)[: spec.pictures]))  # labels of the target are not looked at
    every, wanted = np.unique(np.concatenate(at)), np.unique(np.concatenate([split.test, *there]))
    x, y = read(source, every), read(domain, wanted)
    draws = [
        Draw(
            x[np.searchsorted(every, i)],
            number[source.labels[i]],
            i,
            y[np.searchsorted(wanted, j)],
            domain.labels[j] if spec.labels == "both" else None,
        )
        for i, j in zip(at, there, strict=True)
    ]
    test = y[np.searchsorted(wanted, split.test)]
    return Material(draws, test, domain.labels[split.test], domain, source, layer, layer_name, remarks)


def _sample(domain: Domain, index: Ints) -> Sample:
    return Sample(domain, index, torch.from_numpy(domain.labels[index]))


def _same_classes(source: Domain, target: Domain) -> Ints:
    """Class number of the source → that of the target, by name; −1 where the target has no such class.

    Raises:
        BadSpec: The target has a class that the source lacks.
    """
    lacking = [name for name in target.classes if name not in source.classes]
    if lacking:
        raise BadSpec(
            f"The source must have every class of the target, by name. It lacks {', '.join(lacking[:8])}; take another "
            f"source, or a subset of the target."
        )
    there = {name: i for i, name in enumerate(target.classes)}
    return np.array([there.get(name, -1) for name in source.classes], np.int64)


def _left_out(unknown: int, copies: int, labels: str) -> list[str]:
    said = ["The target's labels were used for the test alone."] if labels == "source" else []
    if unknown:
        said.append(f"{unknown:,} training pictures of the source are of classes that the target lacks: left out.")
    if copies:
        said.append(f"{copies:,} training pictures of the source show examples that are held out here: left out.")
    return said

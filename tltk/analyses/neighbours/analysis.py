"""The nearest training pictures to one picture, at every layer of a finished training."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from PIL import Image

from tltk.analyses.known_pictures import check_channels
from tltk.analyses.neighbours.result import LayerNeighbours, Near, NeighboursResult
from tltk.analyses.neighbours.spec import NeighboursSpec
from tltk.analyses.network import own_parts, rebuild
from tltk.analyses.predict.inputs import domain_spec
from tltk.analyses.sample import Context, Sample, by_turns, contact_sheet, features
from tltk.analyses.trained import PREFIX, TrainedRun, open_training
from tltk.data.file_names import picture_names
from tltk.errors import BadSpec, TltkError
from tltk.specs.parts import DataSpec, read_alike


def neighbours(spec: NeighboursSpec, context: Context) -> tuple[NeighboursResult, Image.Image]:
    """By cosine of what each layer makes of the pictures, those of target and source apart.

    Raises:
        BadSpec: No such picture; and as for `open_training`.
        DataProblem: A domain that cannot be read, or of other channels than the network reads.
    """
    spec.check()
    trained = open_training(spec.run)
    rebuilt = rebuild(trained)
    net = rebuilt.net
    name = spec.on or trained.spec.target.name
    asked_spec = domain_spec(name, trained.spec)
    asked = context.load(asked_spec)
    check_channels(asked, rebuilt)
    if spec.index >= len(asked.labels):
        raise BadSpec(f"index must be below {len(asked.labels):,}, the pictures of {name}. Got {spec.index:,}.")
    parts = own_parts(trained.spec, context.load)
    target = by_turns(parts.domain, parts.split.train, spec.pictures, spec.seed)
    sides = [("target", trained.spec.target, target)]
    if (other := source_of(trained)) is not None:
        domain = context.load(other)
        if domain.images.shape[1] == asked.images.shape[1]:
            sides.append(
                ("source", other, by_turns(domain, domain.split(other, spec.seed).train, spec.pictures, spec.seed))
            )
    one = Sample(asked, np.array([spec.index]), torch.from_numpy(asked.labels[[spec.index]]))
    context.callbacks.notify("Looking at every layer.")
    mine = features(net, one, context, spec.pooling)
    layers, tiles = [], list[Sample]()
    n_tiles = 1
    places: dict[tuple[str, int], int] = {}
    rows: dict[str, list[list[Near]]] = {}
    apart: dict[str, list[np.ndarray]] = {}
    for side, data, sample in sides:
        names = picture_names(data, sample.domain)
        keep = np.flatnonzero(sample.domain.origins[sample.index] != asked.origins[spec.index])  # not itself, no copy
        rows[side], apart[side] = [], []
        shown: list[int] = []
        for at, theirs in enumerate(features(net, sample, context, spec.pooling)):
            distance = cosine_distances(mine[at], theirs)[keep]
            nearest = keep[np.argsort(distance, kind="stable")][: spec.k]
            found = []
            for i in nearest:
                position = int(sample.index[i])
                if (side, position) not in places:
                    places[side, position] = n_tiles
                    n_tiles += 1
                    shown.append(position)
                label = sample.domain.classes[int(sample.domain.labels[position])]
                value = round(float(cosine_distances(mine[at], theirs[i : i + 1])[0]), 9)
                found.append(Near(places[side, position], names[position], label, value))
            rows[side].append(found)
            apart[side].append(np.sort(distance))
        index = np.array(shown, np.int64)
        tiles.append(Sample(sample.domain, index, torch.from_numpy(sample.domain.labels[index])))
    for at, layer in enumerate([*net.names[:-1], "features"]):
        beside = rows.get("source", [[]] * (at + 1))[at]
        share = _share(apart["target"][at], apart["source"][at], spec.k) if beside else None
        layers.append(LayerNeighbours(at, layer, rows["target"][at], beside, share))
    result = NeighboursResult(
        run=trained.run.id,
        domain=asked.name,
        index=spec.index,
        name=picture_names(asked_spec, asked)[spec.index],
        label=asked.classes[int(asked.labels[spec.index])],
        target=trained.spec.target.name,
        source=sides[1][1].name if len(sides) > 1 else "",
        n=(len(target), len(sides[1][2]) if len(sides) > 1 else 0),
        layers=layers,
    )
    return result, contact_sheet([one, *tiles])


def source_of(trained: TrainedRun) -> DataSpec | None:
    """The domain that was learned beside the target, or that the weights were learned on; None = none is known.

    Args:
        trained: The training.
    """
    if trained.spec.source is not None:
        return trained.spec.source
    weights = trained.spec.net.weights
    if not weights.startswith(PREFIX):
        return None
    try:
        before = open_training(weights).spec.target
    except TltkError:  # gone, or without labels
        return None
    return dataclasses.replace(read_alike(before, trained.spec.target), shots=0)


def cosine_distances(one: torch.Tensor, others: torch.Tensor) -> np.ndarray:
    """1 − cosine of one picture's features and each of others'; (n,) float64.

    Args:
        one: (1, d).
        others: (n, d).
    """
    a, b = one.double(), others.double()
    norms = (a.norm() * b.norm(dim=1)).clamp_min(1e-300)
    found: np.ndarray = (1 - (b @ a[0]) / norms).numpy()
    return found


def _share(target: np.ndarray, source: np.ndarray, k: int) -> float:
    """Of the k nearest of both, the share of the target's, each side weighted as if both had as many pictures."""
    m = min(len(target), len(source))
    mine, theirs = (side[:: max(len(side) // m, 1)][:m] for side in (target, source))
    both = np.concatenate([mine, theirs])
    nearest = np.argsort(both, kind="stable")[:k]
    return float((nearest < len(mine)).mean())

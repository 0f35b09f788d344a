"""Where pictures lie in two dimensions, layer by layer, so that nothing jumps from frame to frame."""

from __future__ import annotations

import time
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from tltk.errors import BadSpec, TltkError
from tltk.reduce.embed import film
from tltk.reduce.trustworthiness import domain_mixing, neighbourhood_hit, trustworthiness
from tltk.sample import Room, Sample, contact_sheet, features, network, samples, with_weights
from tltk.spec import EmbedSpec

NEAR = 5  # neighbours in the layer's own space that are kept for each picture


def embedding(spec: EmbedSpec, room: Room) -> tuple[dict[str, Any], Image.Image]:
    """Coordinates of all pictures at one layer or at all, with what they kept of the truth.

    Returns:
        names, frames (layer, name, weights, x, y, near, trustworthiness, hit, mixing), domain (0 target,
        1 source), labels, classes, n, seconds; and the contact sheet, its pictures in the rows' order.

    Raises:
        BadSpec: A layer that is not there, or too few pictures.
    """
    target, source = samples(spec, room)
    parts = [target] if source is None else [target, source]
    start = time.perf_counter()
    net = network(spec.net, target, spec.seed)
    names = [*net.names[:-1], "features"]
    if spec.layer > net.depth:
        raise BadSpec(f"layer must be from 0 to {net.depth}, or -1 for all. Got {spec.layer}.")
    chosen = list(range(net.depth + 1)) if spec.layer < 0 else [spec.layer]
    stacks = [("before" if spec.after else "", _layers(net, parts, room, spec))]
    if spec.after:
        other = network(with_weights(spec.net, spec.after), target, spec.seed)
        if other.names != net.names:
            raise BadSpec(f"The weights {spec.after} must belong to {spec.net.backbone}. Their layers differ.")
        stacks.append(("after", _layers(other, parts, room, spec)))
    # Before, layer by layer; then after, from the last layer back: neighbours in this order are alike.
    order = [(0, i) for i in chosen] + [(1, i) for i in reversed(chosen) if spec.after]
    taken = [stacks[s][1][i] for s, i in order]
    read = time.perf_counter() - start

    def progress(done: int, total: int) -> None:
        room.desk.check()
        room.desk.say(f"Embedding by {spec.method}: {done} of {total}.")

    coordinates = film(taken, spec.method, seed=spec.seed, neighbours=spec.neighbours, progress=progress)
    labels = torch.cat([_shared_labels(parts)[i] for i in range(len(parts))])
    domain = torch.cat([torch.full((len(p),), i) for i, p in enumerate(parts)])
    frames = [
        _frame(names, layer, stacks[which][0], full, flat, labels, domain)
        for (which, layer), full, flat in zip(order, taken, coordinates, strict=True)
    ]
    frames.sort(key=lambda f: (f["weights"] == "after", f["layer"]))
    return {
        "names": names,
        "frames": frames,
        "domain": domain.tolist(),
        "labels": [p.domain.classes[int(c)] for p in parts for c in p.labels],
        "n": {"target": len(target), "source": len(source) if source is not None else 0},
        "method": spec.method,
        "seconds": {"features": round(read, 3), "all": round(time.perf_counter() - start, 3)},
    }, contact_sheet(parts)


def _layers(net: Any, parts: list[Sample], room: Room, spec: EmbedSpec) -> list[Tensor]:
    by_part = [features(net, part, room, spec.pooling) for part in parts]
    return [torch.cat(layer) for layer in zip(*by_part, strict=True)]


def _shared_labels(parts: list[Sample]) -> list[Tensor]:
    """Class numbers in which classes of one name are one class, whatever their domain."""
    names = sorted({name for p in parts for name in p.domain.classes})
    number = {name: i for i, name in enumerate(names)}
    return [torch.tensor([number[p.domain.classes[int(c)]] for c in p.labels]) for p in parts]


def _frame(
    names: list[str], layer: int, weights: str, full: Tensor, flat: Tensor, labels: Tensor, domain: Tensor
) -> dict[str, Any]:
    """One picture of the film, rounded to what a screen shows, with its three numbers."""
    n = len(flat)
    k = max(1, min(10, (n - 1) // 2 - 1))
    near = torch.cdist(full.float(), full.float()).fill_diagonal_(torch.inf).topk(min(NEAR, n - 1), largest=False)
    frame = {
        "layer": layer,
        "name": names[layer],
        "weights": weights,
        "x": [round(v, 4) for v in flat[:, 0].tolist()],
        "y": [round(v, 4) for v in flat[:, 1].tolist()],
        "near": near.indices.tolist(),
        "trustworthiness": None,
        "hit": None,
        "mixing": None,
    }
    try:
        frame["trustworthiness"] = trustworthiness(full.float(), flat.float(), k=k)
        frame["hit"] = neighbourhood_hit(flat.float(), labels, k=k)
        if len(torch.unique(domain)) > 1:
            frame["mixing"] = domain_mixing(flat.float(), domain, k=k)
    except TltkError:  # a layer that is the same for every picture has no neighbours
        pass
    return frame

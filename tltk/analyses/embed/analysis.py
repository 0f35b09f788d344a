"""Where pictures lie in two dimensions, layer by layer, so that nothing jumps from frame to frame."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tltk.analyses.embed.result import EmbedResult, Frame, Placed
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.sample import Context, Sample, contact_sheet, features, network, samples, sentences, with_weights
from tltk.data.decode import decode
from tltk.data.pictures import KIND as PICTURES
from tltk.errors import BadSpec, DataProblem, TltkError
from tltk.nn.net import Net
from tltk.nn.taps import Taps
from tltk.reduce.embed import embed_frames, place_new
from tltk.reduce.trustworthiness import domain_mixing, neighbourhood_hit, trustworthiness
from tltk.runs.run import Run

NEAR = 5  # neighbours in the layer's own space that are kept for each picture


def embed(spec: EmbedSpec, context: Context) -> tuple[EmbedResult, Image.Image]:
    """Coordinates of all pictures at one layer or at all, with what they kept of the truth.

    Returns:
        The frames with their figures; and the contact sheet, its pictures in the order of the points.

    Raises:
        BadSpec: A layer that is not there, or too few pictures.
    """
    target, source = samples(spec, context)
    parts = [target] if source is None else [target, source]
    start = time.perf_counter()
    net = network(spec.net, target, spec.seed)
    names = [*net.names[:-1], "features"]
    if spec.layer > net.depth:
        raise BadSpec(f"layer must be from 0 to {net.depth}, or -1 for all. Got {spec.layer}.")
    if spec.over == "epochs":
        return _through_epochs(spec, context, parts, net.depth if spec.layer < 0 else spec.layer)
    chosen = list(range(net.depth + 1)) if spec.layer < 0 else [spec.layer]
    new = _new(spec, target)
    stacks = [("before" if spec.after else "", _layers(net, parts, context, spec), _of_new(net, new, spec))]
    if spec.after:
        other = network(with_weights(spec.net, spec.after), target, spec.seed)
        if other.names != net.names:
            raise BadSpec(f"The weights {spec.after} must belong to {spec.net.backbone}. Their layers differ.")
        stacks.append(("after", _layers(other, parts, context, spec), _of_new(other, new, spec)))
    # Before, layer by layer; then after, from the last layer back: neighbours in this order are alike.
    order = [(0, i) for i in chosen] + [(1, i) for i in reversed(chosen) if spec.after]
    taken = [stacks[s][1][i] for s, i in order]
    read = time.perf_counter() - start

    titles = [(layer, names[layer], stacks[which][0]) for which, layer in order]
    placed = [stacks[s][2][i] for s, i in order] if new else []
    frames = _frames(spec, context, parts, taken, titles, placed)
    frames.sort(key=lambda f: (f.weights == "after", f.layer))
    seconds = {"features": round(read, 3), "all": round(time.perf_counter() - start, 3)}
    return _result(spec, parts, names, frames, seconds), contact_sheet([*parts, *new])


def _new(spec: EmbedSpec, target: Sample) -> list[Sample]:
    """The picture of the user's that is to be placed, read as the target's are; none where none was named.

    Raises:
        BadSpec: It cannot be read.
    """
    if not spec.picture:
        return []
    if target.domain.kind != PICTURES:
        raise BadSpec("A picture can be placed among pictures. These are none; leave the picture out.")
    path, (channels, size) = Path(spec.picture), target.domain.images.shape[1:3]
    try:
        image = decode(path, size, spec.target.fit)
    except DataProblem as fault:
        raise BadSpec(f"The picture to place must be a picture file. {path.name} is not: {fault}.") from None
    if channels not in (1, 3):
        raise BadSpec(f"A picture can be placed among grey or coloured ones. These have {channels} channels.")
    if channels == 1:
        image = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L"))[None]
    alone = dataclasses.replace(target.domain, images=image[None], labels=np.zeros(1, np.int64))
    return [Sample(alone, np.zeros(1, np.int64), torch.zeros(1, dtype=torch.int64))]


def _of_new(net: Net, new: list[Sample], spec: EmbedSpec) -> list[Tensor]:
    """Its features at every layer, (1, d) each; a picture that comes once is not worth keeping in the bank."""
    if not new:
        return []
    images = torch.tensor(new[0].domain.images)
    taps = Taps(net, spec.pooling)
    device = next(net.parameters()).device
    return [x.cpu() for x in taps.prefix(net.normalise(images.to(device).float() / 255))]


def _through_epochs(
    spec: EmbedSpec, context: Context, parts: list[Sample], layer: int
) -> tuple[EmbedResult, Image.Image]:
    """The same layer at every snapshot of a run: a frame's `layer` is then its epoch."""
    kind, _, where = spec.net.weights.partition(":")
    epochs = Run.open(where.partition("@")[0]).snapshots() if kind == "run" else []
    if not epochs:
        raise BadSpec(
            f"A film through epochs needs the weights of a run that kept snapshots. Got {spec.net.weights!r}; "
            f"train with optim.snapshots 1, then take run:ID."
        )
    start, run_id = time.perf_counter(), where.partition("@")[0]
    new, taken, placed = _new(spec, parts[0]), [], []
    for epoch in epochs:
        context.callbacks.notify(f"Features at epoch {epoch} of {epochs[-1]}.")
        net = network(with_weights(spec.net, f"run:{run_id}@{epoch}"), parts[0], spec.seed)
        taken.append(_layers(net, parts, context, spec)[layer])
        placed += _of_new(net, new, spec)[layer : layer + 1]
    read = time.perf_counter() - start
    titles = [(epoch, f"epoch {epoch}", "") for epoch in epochs]
    frames = _frames(spec, context, parts, taken, titles, placed)
    seconds = {"features": round(read, 3), "all": round(time.perf_counter() - start, 3)}
    return _result(spec, parts, [t[1] for t in titles], frames, seconds), contact_sheet([*parts, *new])


def _frames(
    spec: EmbedSpec,
    context: Context,
    parts: list[Sample],
    taken: list[Tensor],
    titles: list[tuple[int, str, str]],
    placed: list[Tensor],
) -> list[Frame]:
    """The film of these features, each frame with its title and its figures, and the new picture in it."""

    def progress(done: int, total: int) -> None:
        context.callbacks.check()
        context.callbacks.notify(f"Embedding by {spec.method}: {done} of {total}.")

    coordinates = embed_frames(taken, spec.method, seed=spec.seed, neighbours=spec.neighbours, progress=progress)
    labels = torch.cat(_shared_labels(parts))
    domain = torch.cat([torch.full((len(p),), i) for i, p in enumerate(parts)])
    return [
        _frame(title, full, flat, labels, domain, _place(full, flat, placed[i]) if placed else None)
        for i, (title, full, flat) in enumerate(zip(titles, taken, coordinates, strict=True))
    ]


def _place(full: Tensor, flat: Tensor, new: Tensor) -> Placed:
    """Where the new picture lies, and which pictures are nearest to it at this layer."""
    (x, y), k = place_new(full, flat, new)[0].tolist(), min(NEAR, len(full))
    near = torch.cdist(new.double() - full.double().mean(0), full.double() - full.double().mean(0))[0]
    return Placed(round(x, 4), round(y, 4), near.topk(k, largest=False).indices.tolist())


def _result(
    spec: EmbedSpec, parts: list[Sample], names: list[str], frames: list[Frame], seconds: dict[str, float]
) -> EmbedResult:
    return EmbedResult(
        names=names,
        frames=frames,
        domain=[i for i, p in enumerate(parts) for _ in range(len(p))],
        labels=[p.domain.classes[int(c)] for p in parts for c in p.labels],
        n={"target": len(parts[0]), "source": len(parts[1]) if len(parts) > 1 else 0},
        method=spec.method,
        over=spec.over,
        seconds=seconds,
        texts=sentences(parts),
    )


def _layers(net: Any, parts: list[Sample], context: Context, spec: EmbedSpec) -> list[Tensor]:
    by_part = [features(net, part, context, spec.pooling) for part in parts]
    return [torch.cat(layer) for layer in zip(*by_part, strict=True)]


def _shared_labels(parts: list[Sample]) -> list[Tensor]:
    """Class numbers in which classes of one name are one class, whatever their domain."""
    names = sorted({name for p in parts for name in p.domain.classes})
    number = {name: i for i, name in enumerate(names)}
    return [torch.tensor([number[p.domain.classes[int(c)]] for c in p.labels]) for p in parts]


def _frame(
    title: tuple[int, str, str],
    full: Tensor,
    flat: Tensor,
    labels: Tensor,
    domain: Tensor,
    placed: Placed | None = None,
) -> Frame:
    """One picture of the film, rounded to what a screen shows, with its three figures.

    Args:
        title: Layer, name and weights.
        full: Features, (n, d).
        flat: Coordinates, (n, 2).
        labels: Class numbers, (n,).
        domain: 0 = target, 1 = source, (n,).
        placed: The picture of the user's; None without one.
    """
    n = len(flat)
    k = max(1, min(10, (n - 1) // 2 - 1))
    full = full.double() - full.double().mean(0)  # a large common offset would cost the distances their digits
    near = torch.cdist(full, full).fill_diagonal_(torch.inf).topk(min(NEAR, n - 1), largest=False)
    true = hit = mixing = None
    try:
        true = trustworthiness(full, flat.double(), k=k)
        hit = neighbourhood_hit(flat.float(), labels, k=k)
        if len(torch.unique(domain)) > 1:
            mixing = domain_mixing(flat.float(), domain, k=k)
    except TltkError:  # a layer that is the same for every picture has no neighbours
        pass
    layer, name, weights = title
    x, y = ([round(v, 4) for v in flat[:, axis].tolist()] for axis in (0, 1))
    return Frame(layer, name, weights, x, y, near.indices.tolist(), true, hit, mixing, placed)

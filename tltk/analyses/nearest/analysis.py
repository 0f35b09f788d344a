"""The training pictures, texts or rows whose features are nearest to those of given ones."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from tltk.analyses.nearest.result import NearestResult, Neighbour, Query
from tltk.analyses.nearest.spec import NearestSpec
from tltk.analyses.network import TrainedNet, own_parts, rebuild
from tltk.analyses.predict.analysis import Found, read_pictures, typed_text
from tltk.analyses.predict.result import SkippedFile
from tltk.analyses.predict.spec import PredictSpec
from tltk.analyses.sample import Context, find_layer
from tltk.analyses.sheets import TILE_PX, Tile, as_tile, captioned_sheet, tile_of
from tltk.analyses.trained import open_training
from tltk.data import texts
from tltk.data.domain import Domain, Ints
from tltk.data.file_names import picture_names
from tltk.errors import DataProblem
from tltk.nn.taps import Taps

SHOWN = 24  # rows of the sheet
BATCH = 64


def nearest(spec: NearestSpec, context: Context) -> tuple[NearestResult, Image.Image]:
    """For each picture, text or row the k training examples of least distance, by pooled features of one layer.

    d = 1 − ⟨x, y⟩ / (‖x‖ ‖y‖), or ‖x − y‖.

    Raises:
        BadSpec, UnknownName, WeightsMissing: As for `open_training`; a layer that is not there.
        DataProblem: A word that names nothing, examples that cannot be read, or training examples that are gone.
    """
    spec.check()
    trained = open_training(spec.run, classes=False)
    knows = trained.spec.labels != "none"  # else its head was never taught, and names nothing
    net = rebuild(trained)
    layer, layer_name = find_layer(net.net, spec.layer, 0)
    parts = own_parts(trained.spec, context.load)
    on_source = trained.spec.labels == "source" and parts.source is not None
    domain, split = parts.source if on_source and parts.source is not None else (parts.domain, parts.split)
    data = trained.spec.source if on_source and trained.spec.source is not None else trained.spec.target
    taps = Taps(net.net, spec.pooling)
    context.callbacks.notify(f"Features of {len(split.train):,} training {domain.noun}.")
    kept = context.bank.features(taps, domain, split.train, should_stop=context.callbacks.check)
    gallery = torch.from_numpy(np.array(kept.arrays[layer])).double()
    files = picture_names(data, domain)

    found, pictures = Found(), list[Query]()
    rows: list[tuple[Query, Image.Image]] = []
    asked = PredictSpec(spec.run, spec.paths, spec.part)
    read = read_pictures(asked, context, trained, net, found)
    for images, index, names, labels in itertools.chain(typed_text(spec.text, net) if spec.text else (), read):
        x, p = _look(net, taps, images, index, layer, context)
        far, near = _distances(x, gallery, spec.distance).topk(min(spec.k, len(gallery)), largest=False)
        best, predicted = p.max(1)
        for i, name in enumerate(names):
            at = split.train[near[i].numpy()]
            own = [domain.classes[c] for c in domain.labels[at]]
            neighbours = [
                Neighbour(int(j), files[j], of, round(float(d), 6))
                for j, of, d in zip(at, own, far[i].tolist(), strict=True)
            ]
            query = Query(name, labels[i], "", None, None, neighbours)
            if knows:
                said = trained.result.classes[int(predicted[i])]
                query = Query(
                    name, labels[i], said, round(float(best[i]), 9), round(own.count(said) / len(own), 6), neighbours
                )
            pictures.append(query)
            if len(rows) < SHOWN:
                rows.append((query, as_tile(_shown(images[index[i]], name if net.of_words else ""))))
    if not knows:
        found.remarks[f"Run {trained.run.id} learned without labels, so it names no class."] = None
    if trained.spec.labels == "both":
        found.remarks[f"The source's training {domain.noun}, which it learned from too, are not among them."] = None
    if not pictures:
        told = "; ".join(f"{name}: {why}" for name, why in found.skipped[:5]) or "there is no file at all"
        raise DataProblem(f"Some of the {domain.noun} must be readable. None is: {told}. Check the files.")
    result = NearestResult(
        run=trained.run.id,
        backbone=trained.spec.net.backbone,
        domain=domain.name,
        n=len(gallery),
        layer=layer,
        layer_name=layer_name,
        distance=spec.distance,
        pictures=pictures,
        skipped=[SkippedFile(name, reason) for name, reason in found.skipped],
        shown=len(rows),
        remarks=list(found.remarks),
    )
    return result, _sheet(rows, domain)


def _look(
    net: TrainedNet, taps: Taps, images: NDArray[np.uint8], index: Ints, layer: int, context: Context
) -> tuple[Tensor, Tensor]:
    """Features of a layer, (n, d), and probabilities, (n, classes), of some pictures, float64 on the CPU."""
    features, logits = [], []
    for start in range(0, len(index), BATCH):
        context.callbacks.check()
        part = torch.from_numpy(np.ascontiguousarray(images[index[start : start + BATCH]])).to(net.device)
        taken = taps.prefix(net.net.normalise(part.float() / 255))
        features.append(taken[layer].double().cpu())
        with torch.no_grad():
            logits.append(net.net.head(taken[-1]).double().cpu())
    return torch.cat(features), torch.cat(logits).softmax(1)


def _distances(x: Tensor, y: Tensor, distance: str) -> Tensor:
    """(n, m) distances of all rows.

    Args:
        x: (n, d).
        y: (m, d).
        distance: cosine or euclidean.
    """
    if distance == "euclidean":
        return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    return (1 - torch.nn.functional.normalize(x, dim=1) @ torch.nn.functional.normalize(y, dim=1).mT).clamp(0, 2)


def _shown(picture: NDArray[np.uint8], name: str) -> Image.Image:
    """A picture (c, h, w) in colour, as a modality shows it; of a text or a row, what its name says, written."""
    if name:
        return texts.tile(name.partition(": ")[2], TILE_PX)
    shown = picture[:3] if len(picture) >= 3 else np.repeat(picture[:1], 3, 0)
    return Image.fromarray(np.ascontiguousarray(shown.transpose(1, 2, 0)))


def _sheet(rows: list[tuple[Query, Image.Image]], domain: Domain) -> Image.Image:
    """A row for each picture: the picture, then its neighbours with class and distance."""
    tiles = []
    for i, (query, image) in enumerate(rows, 1):
        told = [] if query.probability is None else [f"as {query.predicted} {query.probability:.3f}"]
        is_class = f"{i}: {query.label}" if query.label else str(i)
        tiles.append(Tile(image, (is_class, *told)))
        tiles += [Tile(tile_of(domain, one.index), (one.label, f"{one.distance:.4f}")) for one in query.neighbours]
    return captioned_sheet(tiles, 1 + len(rows[0][0].neighbours))

"""Why two domains differ at one layer: measures against chance, and the pictures that say so."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from tltk.errors import BadSpec, TltkError
from tltk.layerwise import shared_classes, with_null
from tltk.sample import Room, Sample, contact_sheet, features, network, samples
from tltk.shift import measures
from tltk.shift.bbse import bbse
from tltk.shift.class_mmd import class_mmd, conditional_mmd
from tltk.shift.null import self_split_band
from tltk.shift.witness import cross_neighbours, mixed_share, most_typical
from tltk.spec import ShiftSpec

SHOWN = 8  # pictures most typical of each side
NEAR = 5  # neighbours from the other side


def apart(spec: ShiftSpec, room: Room) -> tuple[dict[str, Any], Image.Image]:
    """Measures with their nulls, classes, witnesses and neighbours at one layer; and the pictures.

    Returns:
        layer, table (a row per measure), per_class, conditional, mixed, witness and neighbours (row
        numbers on the sheet: the source's pictures first), labels, label_shift, n, seconds; the sheet.

    Raises:
        BadSpec: No source, or a layer that is not there.
        UnknownName: A measure that is not there.
    """
    for name in spec.measures:
        measures[name]
    target, source = samples(spec, room)
    if source is None:
        raise BadSpec("A shift needs a source and a target. There is no source; name one.")
    net = network(spec.net, target, spec.seed)
    if spec.layer > net.depth:
        raise BadSpec(f"layer must be from 0 to {net.depth - 1}, or -1 for what enters the head. Got {spec.layer}.")
    at = net.depth if spec.layer < 0 else spec.layer
    start = time.perf_counter()
    y = features(net, target, room, spec.pooling)[at]
    x = features(net, source, room, spec.pooling)[at]
    seconds = {"features": round(time.perf_counter() - start, 3)}
    table = []
    for name in spec.measures:
        room.desk.check()
        room.desk.say(f"{name} with {spec.permutations} permutations.")
        start = time.perf_counter()
        found = with_null(name, x, y, spec.permutations, spec.seed)
        row = {"measure": name, "value": found.value, "null_lo": found.lo, "null_hi": found.hi, "p": found.p}
        band = self_split_band(measures[name], y, repeats=40, seed=spec.seed)
        seconds[name] = round(time.perf_counter() - start, 3)
        table.append({**row, "effect": found.effect, "self_lo": band[0], "self_hi": band[1]})
    only_source, only_target = most_typical(x, y, count=SHOWN)
    result = {
        "layer": at,
        "name": [*net.names[:-1], "features"][at],
        "names": [*net.names[:-1], "features"],
        "table": table,
        "mixed": mixed_share(x, y, k=min(10, len(x) + len(y) - 1)),
        "witness": {
            "source": _neighboured(x, y, only_source, 0, len(x)),
            "target": _neighboured(y, x, only_target, len(x), 0),
        },
        "labels": _names(source) + _names(target),
        "n": {"source": len(x), "target": len(y)},
        "seconds": seconds,
        **_classes(x, source, y, target),
        "label_shift": _label_shift(x, source, y, target, spec.seed),
    }
    return result, contact_sheet([source, target])


def _names(sample: Sample) -> list[str]:
    return [sample.domain.classes[int(c)] for c in sample.labels]


def _neighboured(own: Tensor, other: Tensor, rows: Tensor, offset: int, others: int) -> list[dict[str, Any]]:
    """Witness pictures with the pictures of the other side that lie nearest."""
    near, distance = cross_neighbours(own[rows], other, k=min(NEAR, len(other)))
    return [
        {
            "at": int(row) + offset,
            "near": [int(i) + others for i in ids],
            "distance": [round(float(d), 4) for d in ds],
        }
        for row, ids, ds in zip(rows, near, distance, strict=True)
    ]


def _classes(x: Tensor, source: Sample, y: Tensor, target: Sample) -> dict[str, Any]:
    """MMD² of each class that both domains have by name, and its mean."""
    pairs = shared_classes(source, target)
    own = torch.tensor([pairs[int(c)][0] if int(c) in pairs else -1 for c in source.labels])
    try:
        found = class_mmd(x[own >= 0], own[own >= 0], y, target.labels)
    except TltkError:
        return {"per_class": {}, "conditional": None}
    names = dict(pairs.values())
    return {
        "per_class": {names[c]: value for c, value in found.items() if c in names},
        "conditional": conditional_mmd(found),
    }


def _predicted(x: Tensor, labels: Tensor, asked: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Class probabilities of the source's samples, each by a fit without it, and of the target's."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fewest = int(torch.unique(labels, return_counts=True)[1].min())
    if fewest < 2:
        raise BadSpec("Each class of the source must have two pictures for this estimate. One has a single one.")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    folds = StratifiedKFold(min(5, fewest), shuffle=True, random_state=seed)
    held = cross_val_predict(model, x.numpy(), labels.numpy(), cv=folds, method="predict_proba")
    return torch.from_numpy(held), torch.from_numpy(model.fit(x.numpy(), labels.numpy()).predict_proba(asked.numpy()))


def _label_shift(x: Tensor, source: Sample, y: Tensor, target: Sample, seed: int) -> dict[str, Any] | str:
    """The target's class shares, estimated without its labels; or why they cannot be."""
    pairs = shared_classes(source, target)
    if len(pairs) < max(2, len(source.domain.classes), len(target.domain.classes)):
        return "The domains must have the same classes by name for this estimate. They do not."
    try:
        held, asked = _predicted(x, source.labels, y, seed)
        weights = bbse(held, source.labels, asked)
    except (TltkError, ValueError) as fault:
        return str(fault)
    share = torch.bincount(source.labels, minlength=len(pairs)).double() / len(source)
    estimate = weights.double() * share
    true = torch.bincount(target.labels, minlength=len(target.domain.classes)).double() / len(target)
    names = list(source.domain.classes)
    return {
        name: {
            "source": float(share[i]),
            "estimated": float(estimate[i] / estimate.sum()) if float(estimate.sum()) else math.nan,
            "true": float(true[pairs[i][0]]),
        }
        for i, name in enumerate(names)
    }

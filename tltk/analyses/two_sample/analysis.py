"""Why two domains differ at one layer: measures against chance, and the pictures that say so."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from tltk.analyses.profile.analysis import dead, nothing, shared_classes, with_null
from tltk.analyses.sample import Context, Sample, contact_sheet, features, network, samples, strangers
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.errors import BadSpec, TltkError
from tltk.shift import measures
from tltk.shift.bbse import bbse
from tltk.shift.class_mmd import class_tests
from tltk.shift.multiple import correct_p_values, describe_correction
from tltk.shift.null import Halves, Null, self_split
from tltk.shift.witness import cross_neighbours, mixed_share, most_typical

SHOWN = 8  # pictures most typical of each side
NEAR = 5  # neighbours from the other side


def two_sample(spec: TwoSampleSpec, context: Context) -> tuple[dict[str, Any], Image.Image]:
    """Measures with their nulls, classes, witnesses and neighbours at one layer; and the pictures.

    Returns:
        layer, table (a row per measure; one that cannot be computed says why), tests and correction (over how many
        tests p-values are corrected, in number and words), per_class, conditional, classes (the test of each class),
        within (that of their mean), mixed, witness and neighbours (row numbers on the sheet: the source's pictures
        first), labels, label_shift, n, drawn (what was left out so that no example is in both, in words), seconds;
        the sheet.

    Raises:
        BadSpec: No source, or a layer that is not there.
        UnknownName: A measure that is not there.
    """
    for name in spec.measures:
        measures[name]
    target, source = samples(spec, context)
    if source is None:
        raise BadSpec("A shift needs a source and a target. There is no source; name one.")
    target, source, drawn = strangers(spec, context, target, source)
    net = network(spec.net, target, spec.seed)
    if spec.layer > net.depth:
        raise BadSpec(f"layer must be from 0 to {net.depth - 1}, or -1 for what enters the head. Got {spec.layer}.")
    at = net.depth if spec.layer < 0 else spec.layer
    start = time.perf_counter()
    y = features(net, target, context, spec.pooling)[at]
    x = features(net, source, context, spec.pooling)[at]
    seconds = {"features": round(time.perf_counter() - start, 3)}
    table = []
    for name in spec.measures:
        context.callbacks.check()
        context.callbacks.say(f"{name} with {spec.permutations} permutations.")
        start = time.perf_counter()
        table.append(_row(name, x, y, spec))
        seconds[name] = round(time.perf_counter() - start, 3)
    tested = [row for row in table if row["p"] is not None]
    correct_p_values(tested)
    result = {
        "layer": at,
        "name": [*net.names[:-1], "features"][at],
        "names": [*net.names[:-1], "features"],
        "table": table,
        "tests": len(tested),
        "correction": describe_correction(len(tested), spec.permutations),
        "mixed": mixed_share(x, y, k=min(10, len(x) + len(y) - 1)),
        "witness": _witness(x, y),
        "labels": _names(source) + _names(target),
        "n": {"source": len(x), "target": len(y)},
        "drawn": drawn,
        "seconds": seconds,
        **_classes(x, source, y, target, spec),
        "label_shift": _label_shift(x, source, y, target, spec.seed),
    }
    return result, contact_sheet([source, target])


def _row(name: str, x: Tensor, y: Tensor, spec: TwoSampleSpec) -> dict[str, Any]:
    """One measure beside chance and halves; where it cannot be computed, why not."""
    tested = dict.fromkeys(("value", "null_lo", "null_hi", "p", "effect", "p_holm", "p_bh"))
    halved = dict.fromkeys(("self_value", "self_lo", "self_hi", "self_n"))
    row: dict[str, Any] = {"measure": name, **tested, **halved, "why": ""}
    try:
        row |= _entries(with_null(name, x, y, spec.permutations, spec.seed))
        halves = _halves(name, x, y, spec.seed)
    except TltkError as fault:  # with fewer than four pictures of a side the test may still be made
        return row | {"why": str(fault)}
    return row | {"self_value": halves.value, "self_lo": halves.lo, "self_hi": halves.hi, "self_n": halves.n}


def _entries(found: Null) -> dict[str, Any]:
    return {"value": found.value, "null_lo": found.lo, "null_hi": found.hi, "p": found.p, "effect": found.effect}


def _halves(name: str, x: Tensor, y: Tensor, seed: int) -> Halves:
    half = min(len(x), len(y)) // 2
    if dead(torch.cat([x, y])):
        value = nothing(name, 0).value
        return Halves(value, value, value, half)
    return self_split(measures[name], x, y, seed=seed)


def _witness(x: Tensor, y: Tensor) -> dict[str, list[dict[str, Any]]]:
    """The pictures most typical of each side with their neighbours; none where pictures cannot be told apart."""
    try:
        only_source, only_target = most_typical(x, y, count=SHOWN)
    except TltkError:
        return {"source": [], "target": []}
    return {
        "source": _neighboured(x, y, only_source, 0, len(x)),
        "target": _neighboured(y, x, only_target, len(x), 0),
    }


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


def _classes(x: Tensor, source: Sample, y: Tensor, target: Sample, spec: TwoSampleSpec) -> dict[str, Any]:
    """MMD² of each class that both domains have by name, beside its null, and that of their mean."""
    pairs = shared_classes(source, target)
    own = torch.tensor([pairs[int(c)][0] if int(c) in pairs else -1 for c in source.labels])
    try:
        each, mean = class_tests(
            x[own >= 0], own[own >= 0], y, target.labels, permutations=spec.permutations, seed=spec.seed
        )
    except TltkError:
        return {"per_class": {}, "conditional": None, "classes": [], "within": None, "class_correction": ""}
    names = dict(pairs.values())
    rows = [
        {
            "name": names[c],
            **_entries(null),
            "source": int((own == c).sum()),
            "target": int((target.labels == c).sum()),
        }
        for c, null in each.items()
    ]
    correct_p_values(rows)
    return {
        "per_class": {row["name"]: row["value"] for row in rows},
        "conditional": mean.value,
        "classes": rows,
        "within": _entries(mean),
        "class_correction": describe_correction(len(rows), spec.permutations),
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

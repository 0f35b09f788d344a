"""Which network will transfer best to the target? Scored from its features, before any is trained."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tltk.analyses.rank.spec import RankSpec
from tltk.analyses.sample import Context, Sample, draw, features, network
from tltk.errors import BadSpec, TltkError, UnknownName
from tltk.probes.linear import probe
from tltk.specs.parts import NetSpec
from tltk.transferability import scores
from tltk.transferability.jackknife import interval, leave_out_groups, rank_ranges, replicates
from tltk.weights.load import source_head

OF_SOURCE_HEAD = ("leep", "nce")  # what the classifier of the weights' own task says of the pictures
PROBE = "probe"  # cross-validated accuracy of a linear classifier
SHARES = ("knn", PROBE)  # accuracies, 0 … 1
AT_MOST_NOUGHT = ("leep", "nce", "nleep")
FAULTS = (TltkError, ValueError, ArithmeticError, RuntimeError)  # of a score: scikit-learn's and torch's among them


def candidate(text: str) -> NetSpec:
    """`resnet18@hub:a1_in1k` → that network with these weights; without @, from scratch.

    Raises:
        BadSpec: No name before the @.
    """
    backbone, _, weights = text.partition("@")
    if not backbone.strip():
        raise BadSpec(f"A candidate must be BACKBONE@WEIGHTS, as in resnet18@run:3f9ac1. Got {text!r}.")
    return NetSpec(backbone=backbone.strip(), weights=weights.strip() or "scratch")


def rank(spec: RankSpec, context: Context) -> dict[str, Any]:
    """Scores of every candidate on the target's training pictures; best first by LogME, or the first score.

    What the user's own trainings say of it is joined when it is shown (`agreement`): they go on after the asking.

    Returns:
        rows (backbone, weights, scores, interval, places, why, notes, seconds), scores, by (the score that orders),
        order (what can be told of it, in a sentence), n, fewest (pictures of the smallest class), classes, majority
        (the share of the most frequent class).

    Raises:
        BadSpec: No candidates.
        UnknownName: A score that is not there.
    """
    if not spec.candidates:
        raise BadSpec("A ranking needs candidates, each BACKBONE@WEIGHTS. Got none.")
    for name in spec.scores:
        if name != PROBE and name not in scores:
            raise UnknownName.among("score", name, [*scores.names(), PROBE])
    sample = draw(context.load(spec.target), spec.target, spec.pictures, spec.seed)
    rows, drawn = [], []
    for number, text in enumerate(spec.candidates):
        context.callbacks.check()
        context.callbacks.say(f"Looking through {text}: {number + 1} of {len(spec.candidates)}.")
        row, its = _row(candidate(text), sample, context, spec)
        rows.append(row)
        drawn.append(its)
    for name in spec.scores:
        _place(name, rows, drawn)
    by = spec.scores[0] if spec.scores else PROBE
    rows.sort(key=lambda r: -_number(r["scores"].get(by)))
    counts = torch.bincount(sample.labels, minlength=len(sample.domain.classes))
    fewest = int(counts.min())
    return {
        "rows": rows,
        "scores": list(spec.scores),
        "by": by,
        "order": _order(by, rows, len(sample), fewest),
        "n": len(sample),
        "fewest": fewest,
        "classes": len(sample.domain.classes),
        "majority": int(counts.max()) / len(sample),
    }


def _row(
    net_spec: NetSpec, sample: Sample, context: Context, spec: RankSpec
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """One candidate, and its scores without tenths of the pictures; what cannot be scored says why, others go on."""
    start = time.perf_counter()
    row: dict[str, Any] = {"backbone": net_spec.backbone, "weights": net_spec.weights}
    row |= {"scores": {}, "interval": {}, "places": {}, "why": {}, "notes": {}}
    drawn: dict[str, Tensor] = {}
    try:
        net = network(net_spec, sample, spec.seed)
        x = features(net, sample, context, "avg")[-1]
        head = source_head(net_spec) if set(spec.scores) & set(OF_SOURCE_HEAD) else None
    except TltkError as fault:
        row["why"] = dict.fromkeys(spec.scores, str(fault))
        return {**row, "seconds": round(time.perf_counter() - start, 3)}, drawn
    row["width"], row["parameters"] = net.width, sum(p.numel() for p in net.backbone.parameters())
    for name in spec.scores:
        context.callbacks.check()
        try:
            value = _score(name, x, sample.labels, head, spec.seed)
        except FAULTS as fault:
            row["why"][name] = str(fault) if isinstance(fault, TltkError) else f"{name} cannot be computed: {fault}."
            continue
        if not math.isfinite(value):
            row["why"][name] = f"{name} is no number for these features; look for a dead layer."
            continue
        row["scores"][name] = value
        try:
            found = _without(name, x, sample.labels, head, spec.seed, context)
        except FAULTS as fault:
            row["notes"][name] = f"There is no interval: {fault}"
            continue
        row["interval"][name] = _within(name, interval(value, found))
        if name == "hscore" and x.shape[1] >= len(x):
            row["notes"][name] = (
                f"H-score saturates where there are as many features as pictures: {x.shape[1]} and {len(x)}. It gives "
                f"no order there; look at more pictures."
            )
        else:
            drawn[name] = found
    return {**row, "seconds": round(time.perf_counter() - start, 3)}, drawn


def _without(
    name: str, x: Tensor, labels: Tensor, head: tuple[Tensor, Tensor] | None, seed: int, context: Context
) -> Tensor:
    """The score without each tenth of the pictures."""

    def score(rows: Tensor) -> float:
        context.callbacks.check()
        return _score(name, x[rows], labels[rows], head, seed)

    return replicates(score, leave_out_groups(labels, seed))


def _score(name: str, x: Tensor, labels: Tensor, head: tuple[Tensor, Tensor] | None, seed: int) -> float:
    if name == PROBE:
        return probe("ridge", x, labels, seed=seed).accuracy
    score: Callable[..., float] = scores[name]
    if name not in OF_SOURCE_HEAD:
        return score(x, labels)
    if head is None or head[0].shape[1] != x.shape[1]:
        raise BadSpec(f"{name} asks the classifier of the source task. These weights have none.")
    probabilities = torch.softmax(x @ head[0].T + head[1], 1)
    return score(probabilities if name == "leep" else probabilities.argmax(1), labels)


def _within(name: str, ends: tuple[float, float]) -> list[float]:
    """An interval, no wider than the score can be."""
    lo, hi = ends
    if name in SHARES:
        lo, hi = max(lo, 0.0), min(hi, 1.0)
    return [lo, min(hi, 0.0) if name in AT_MOST_NOUGHT else hi]


def _place(name: str, rows: list[dict[str, Any]], drawn: list[dict[str, Tensor]]) -> None:
    """Write between which places each candidate is by this score."""
    scored = [i for i, row in enumerate(rows) if name in row["scores"]]
    found = rank_ranges([rows[i]["scores"][name] for i in scored], [drawn[i].get(name) for i in scored])
    for i, (best, worst) in zip(scored, found, strict=True):
        rows[i]["places"][name] = [best, worst]


def _order(by: str, rows: list[dict[str, Any]], n: int, fewest: int) -> str:
    """What can be told of the order, and from how many pictures."""
    scored = [row for row in rows if by in row["scores"]]
    over = f"by {by}, over {n:,} pictures with {fewest:,} of the smallest class"
    if len(scored) < 2:
        return f"There is no order of {len(scored)} candidate{'' if len(scored) == 1 else 's'} {over}."
    ends = [row["places"][by] for row in scored]
    first = [f"{row['backbone']}@{row['weights']}" for row in scored if row["places"][by][0] == 1]
    notes = list(dict.fromkeys(row["notes"][by] for row in scored if by in row["notes"]))
    if all(best == worst for best, worst in ends):
        text = f"Every place is told {over}: {first[0]} comes first."
    elif len(first) == 1:
        text = f"{first[0]} comes first {over}; some of the others cannot be told apart and share their places."
    elif len(first) == len(scored) and all(worst == len(scored) for _, worst in ends):
        text = f"No order can be told {over}: the differences are within what other pictures would give."
    else:
        text = f"Which comes first cannot be told {over}: {', '.join(first)} cannot be told apart."
    return " ".join([text, *notes])


def _number(value: float | None) -> float:
    return -math.inf if value is None else value

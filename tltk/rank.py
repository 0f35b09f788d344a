"""Which network will transfer best to the target? Scored from its features, before any is trained."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tltk.errors import BadSpec, TltkError, UnknownName
from tltk.nn.weights import source_head
from tltk.probe import probe
from tltk.runs import all_runs
from tltk.sample import Room, Sample, draw, features, network
from tltk.spec import NetSpec, RankSpec, TransferSpec
from tltk.transferability import scores
from tltk.transferability.weighted_tau import regret, tau_interval, weighted_tau

OF_SOURCE_HEAD = ("leep", "nce")  # what the classifier of the weights' own task says of the pictures
PROBE = "probe"  # cross-validated accuracy of a linear classifier


def candidate(text: str) -> NetSpec:
    """`resnet18@hub:a1_in1k` → that network with these weights; without @, from scratch.

    Raises:
        BadSpec: No name before the @.
    """
    backbone, _, weights = text.partition("@")
    if not backbone.strip():
        raise BadSpec(f"A candidate must be BACKBONE@WEIGHTS, as in resnet18@run:3f9ac1. Got {text!r}.")
    return NetSpec(backbone=backbone.strip(), weights=weights.strip() or "scratch")


def rank(spec: RankSpec, room: Room) -> dict[str, Any]:
    """Scores of every candidate on the target's training pictures; best first by LogME, or the first score.

    Returns:
        rows (backbone, weights, scores, why, trained, seconds), marks (score → τ, its interval, regret)
        against the user's own finished runs, n, classes.

    Raises:
        BadSpec: No candidates.
        UnknownName: A score that is not there.
    """
    if not spec.candidates:
        raise BadSpec("A ranking needs candidates, each BACKBONE@WEIGHTS. Got none.")
    for name in spec.scores:
        if name != PROBE and name not in scores:
            raise UnknownName.among("score", name, [*scores.names(), PROBE])
    sample = draw(room.load(spec.target), spec.target, spec.pictures, spec.seed)
    rows = []
    for number, text in enumerate(spec.candidates):
        room.desk.check()
        room.desk.say(f"Looking through {text}: {number + 1} of {len(spec.candidates)}.")
        rows.append(_row(candidate(text), sample, room, spec))
    trained = _trained(spec)
    for row in rows:
        row["trained"] = trained.get((row["backbone"], row["weights"]))
    first = spec.scores[0] if spec.scores else PROBE
    rows.sort(key=lambda r: -_number(r["scores"].get(first)))
    return {
        "rows": rows,
        "marks": {name: _mark(name, rows) for name in spec.scores},
        "n": len(sample),
        "classes": len(sample.domain.classes),
    }


def _row(net_spec: NetSpec, sample: Sample, room: Room, spec: RankSpec) -> dict[str, Any]:
    """One candidate; what cannot be scored says why, and the others go on."""
    start = time.perf_counter()
    row: dict[str, Any] = {"backbone": net_spec.backbone, "weights": net_spec.weights, "scores": {}, "why": {}}
    try:
        net = network(net_spec, sample, spec.seed)
        x = features(net, sample, room, "avg")[-1]
    except TltkError as fault:
        row["why"] = dict.fromkeys(spec.scores, str(fault))
        return {**row, "seconds": round(time.perf_counter() - start, 3)}
    row["width"], row["parameters"] = net.width, sum(p.numel() for p in net.backbone.parameters())
    head = source_head(net_spec) if set(spec.scores) & set(OF_SOURCE_HEAD) else None
    for name in spec.scores:
        try:
            value = _score(name, x, sample.labels, head, spec.seed)
        except TltkError as fault:
            row["why"][name] = str(fault)
            continue
        if math.isfinite(value):
            row["scores"][name] = value
        else:
            row["why"][name] = f"{name} is no number for these features; look for a dead layer."
    return {**row, "seconds": round(time.perf_counter() - start, 3)}


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


def _trained(spec: RankSpec) -> dict[tuple[str, str], float]:
    """Mean test accuracy of the user's own finished trainings on this target, by backbone and weights.

    Of several strategies and settings the best mean over seeds counts: what the network can do here.
    """
    groups: dict[tuple[str, str], dict[str, list[float]]] = {}
    for run in all_runs():
        try:
            one, result = run.spec, run.result()
        except TltkError:
            continue
        if not isinstance(one, TransferSpec) or not result or "accuracy" not in result:
            continue
        if dataclasses.replace(one.target, seed=0) != dataclasses.replace(spec.target, seed=0):
            continue
        by_setting = groups.setdefault((one.net.backbone, one.net.weights), {})
        by_setting.setdefault(one.group_id, []).append(float(result["accuracy"]))
    return {
        key: max(sum(values) / len(values) for values in settings.values()) for key, settings in groups.items()
    }


def _mark(name: str, rows: list[dict[str, Any]]) -> dict[str, Any] | str:
    """How well a score ranked the candidates that the user has trained too."""
    both = [(r["scores"][name], r["trained"]) for r in rows if name in r["scores"] and r["trained"] is not None]
    if len(both) < 3:
        return f"A mark needs three candidates that are trained on this target. There are {len(both)}."
    given, accuracies = [a for a, _ in both], [b for _, b in both]
    tau = weighted_tau(given, accuracies)
    if math.isnan(tau):
        return "A mark needs scores and accuracies that differ. They do not."
    lo, hi = tau_interval(given, accuracies)
    return {"n": len(both), "tau": tau, "lo": lo, "hi": hi, "regret": 100 * regret(given, accuracies)}


def _number(value: float | None) -> float:
    return -math.inf if value is None else value

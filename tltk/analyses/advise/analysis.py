"""How should these weights be used for this target? Probes of every layer, then the rules."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import msgspec
import numpy as np
from torch import Tensor

from tltk.analyses.advise.result import AdviseResult, NetworkResult, ProbeResult, SuggestionResult
from tltk.analyses.advise.rules import Facts, suggest
from tltk.analyses.advise.spec import AdviseSpec
from tltk.analyses.describe.analysis import layers as describe_layers
from tltk.analyses.describe.analysis import seconds_per_gflop
from tltk.analyses.rank.analysis import rank
from tltk.analyses.rank.spec import RankSpec, candidate
from tltk.analyses.sample import Context, Sample, features, network, samples, strangers, with_weights
from tltk.errors import BadSpec
from tltk.nn.flops import layer_flops
from tltk.nn.net import Net
from tltk.probes.linear import ridge_probe
from tltk.runs import index
from tltk.runs.run import Run
from tltk.shift.null import permutation_mmd
from tltk.specs.parts import NetSpec, OptimSpec, StrategySpec
from tltk.specs.size import Size, channels_and_size
from tltk.specs.training import TransferSpec
from tltk.training.cost import Sizes, estimate_costs
from tltk.training.optimizer import pick_device
from tltk.verdicts.judge import paired_interval

LOGME = "logme"
STRATEGIES = ("feature_extraction", "fine_tune", "lp_ft", "discriminative")  # of which minutes can be estimated
PERMUTATIONS = 199
MOST_ALIKE = 0.02  # features whose probe is at most so much better than one of random features know nothing more


def advise(spec: AdviseSpec, context: Context) -> AdviseResult:
    """Techniques to try, best first, with what they rest on.

    Raises:
        UnknownName, BadSpec: What `spec.check` refuses.
        WeightsMissing: Weights that are not there, or do not fit.
    """
    spec.check()
    spec, networks = choose_network(spec, context)
    target, source = samples(spec, context)
    net = network(spec.net, target, spec.seed)
    mine = features(net, target, context, spec.pooling)
    context.callbacks.notify("Probing every layer, and those of a network with random weights.")
    fresh = network(with_weights(spec.net, "scratch"), target, spec.seed)
    probes, right = probe_layers(mine, features(fresh, target, context, spec.pooling), target, spec.seed, net)
    last = probes[-1]
    similar = "yes" if last.lo > 0 else "no" if last.hi <= MOST_ALIKE else "cannot tell"
    counts = np.bincount(target.labels.numpy(), minlength=len(target.domain.classes))
    n_train = len(target.domain.split(spec.target, spec.seed).train)
    per_class = int(np.bincount(target.domain.labels[target.domain.split(spec.target, spec.seed).train]).min())
    best = earliest_best(right)
    facts = Facts(per_class < spec.few, similar, per_class, spec.few, best, net.depth)
    found = [with_minutes(one, net, target, spec, n_train, len(counts)) for one in suggest(facts)]
    kept = [one for one in found if not spec.minutes or one.minutes is None or one.minutes <= spec.minutes] or found[:1]
    distance, p = _distance(spec, context, net, target, source)
    first = kept[0]
    sentence = (
        f"Try {first.technique} on {first.backbone} ({first.weights}) first, at boundary {first.boundary} of "
        f"{net.depth}. {first.why} {first.change}{_of_networks(networks)}"
    )
    if len(kept) < len(found) and spec.minutes:
        sentence += f" {len(found) - len(kept)} that would take longer than {spec.minutes:g} minutes were left out."
    return AdviseResult(
        kept,
        sentence,
        facts.few,
        similar,
        per_class,
        n_train,
        len(counts),
        best,
        probes,
        distance,
        p,
        record(),
        networks,
    )


def choose_network(spec: AdviseSpec, context: Context) -> tuple[AdviseSpec, list[NetworkResult]]:
    """The question about the candidate with the highest LogME of those that are quick enough, and all of them.

    Args:
        spec: The question.
        context: For pictures and features.

    Raises:
        BadSpec: None is quick enough, or none has a LogME; the sentence is the first one's.
    """
    if not spec.candidates:
        return spec, []
    domain = context.load(spec.target)
    channels, size = channels_and_size(domain.modality.shape(domain))
    found = []
    for text in spec.candidates:
        one = candidate(text)
        spent = None
        if spec.latency:
            context.callbacks.notify(f"Measuring the speed of {one.backbone}.")
            spent = milliseconds(one.backbone, size, channels)
        slow = spec.latency and spent is not None and spent > spec.latency
        why = f"A picture takes {spent:.3g} ms, more than {spec.latency:g}." if slow else ""
        found.append(NetworkResult(one.backbone, one.weights, None, 0, spent, why))
    quick = tuple(text for text, one in zip(spec.candidates, found, strict=True) if not one.why)
    if not quick:
        raise BadSpec(f"One candidate at least must be quick enough. None is: {found[0].why} Raise --latency.")
    asked = RankSpec(spec.target, quick, (LOGME,), spec.pictures, spec.seed)
    ranked = {(row.backbone, row.weights): row for row in rank(asked, context).rows}
    for i, known in enumerate(found):
        row = ranked.get((known.backbone, known.weights))
        if row is not None:
            place = row.places.get(LOGME, (0, 0))[0]
            why = row.why.get(LOGME, "")
            found[i] = msgspec.structs.replace(known, logme=row.scores.get(LOGME), best_place=place, why=why)
    found.sort(key=lambda one: -np.inf if one.logme is None else one.logme, reverse=True)
    best = found[0]
    if best.logme is None:
        raise BadSpec(f"One candidate at least must have a score. None has: {best.why}")
    return dataclasses.replace(spec, net=NetSpec(best.backbone, best.weights), candidates=()), found


def milliseconds(backbone: str, size: Size, channels: int) -> float | None:
    """What a picture takes to pass through on this machine, in batches; None where its operations cannot be counted.

    Args:
        backbone: timm's name of it.
        size: Of a picture, in pixels.
        channels: Of a picture.
    """
    flops, speed = (
        layer_flops(backbone, size, channels),
        seconds_per_gflop(backbone, size, channels, pick_device("auto")),
    )
    return None if flops is None or speed is None else 1e3 * sum(flops) / 1e9 * speed


def _of_networks(networks: Sequence[NetworkResult]) -> str:
    """Why this network, in a sentence that follows another."""
    scored = [one for one in networks if one.logme is not None]
    if len(scored) < 2:
        return ""
    first = [f"{one.backbone} ({one.weights})" for one in scored if one.best_place == 1]
    if len(first) > 1:
        return (
            f" By LogME it cannot be told which of {', '.join(first)} comes first; with more pictures another may be "
            "advised."
        )
    return f" Of {len(scored)} networks it has the highest LogME."


def probe_layers(
    mine: Sequence[Tensor], random: Sequence[Tensor], sample: Sample, seed: int, net: Net
) -> tuple[list[ProbeResult], list[np.ndarray]]:
    """Probes of every layer with these weights and with random ones, paired by picture.

    Args:
        mine: Features of each layer, (n, d), then of what enters the head.
        random: The same of a network with random weights.
        sample: The n pictures.
        seed: Of the folds.
        net: For the names of its layers.

    Returns:
        One entry for each, and which pictures each probe of these weights names right, (n,).
    """
    found, every = [], []
    for name, x, z in zip((*net.names[:-1], "features"), mine, random, strict=True):
        own = ridge_probe(x, sample.labels, seed=seed).correct.astype(np.float64)
        other = ridge_probe(z, sample.labels, seed=seed).correct.astype(np.float64)
        _, lo, hi = paired_interval((own - other)[None])
        found.append(ProbeResult(name, float(own.mean()), float(other.mean()), lo, hi))
        every.append(own)
    return found, every


def earliest_best(right: Sequence[np.ndarray]) -> int:
    """The earliest layer whose probe cannot be told from the best one's, paired by picture.

    Args:
        right: Which pictures each layer's probe names right, (n,), from the stem up.
    """
    best = max(range(len(right)), key=lambda i: float(right[i].mean()))
    return next(i for i in range(len(right)) if paired_interval((right[best] - right[i])[None])[1] <= 0)


def with_minutes(
    one: SuggestionResult, net: Net, sample: Sample, spec: AdviseSpec, n_train: int, classes: int
) -> SuggestionResult:
    """The suggestion with its network, and the minutes of a training; None where its strategy's are not estimated.

    Args:
        one: A suggestion.
        net: The network.
        sample: For the size of its pictures.
        spec: The question.
        n_train: Training pictures.
        classes: How many.
    """
    one = msgspec.structs.replace(one, backbone=spec.net.backbone, weights=spec.net.weights)
    name = one.technique.partition("@")[0]
    if name not in STRATEGIES:
        return one
    channels, size = channels_and_size(sample.domain.modality.shape(sample.domain))
    speed = seconds_per_gflop(spec.net.backbone, size, channels, pick_device("auto"))
    split = sample.domain.split(spec.target, spec.seed)
    asked = TransferSpec(spec.target, spec.net, StrategySpec(name), OptimSpec(epochs=spec.epochs))
    sizes = Sizes(
        n_train, len(split.val), len(split.test), classes, math.prod(sample.domain.modality.shape(sample.domain))
    )
    costs = estimate_costs(describe_layers(spec.net.backbone, size, channels), net.width, asked, sizes, speed)
    seconds = costs[min(one.boundary, len(costs) - 1)].run
    return one if seconds is None else msgspec.structs.replace(one, minutes=seconds / 60)


def _distance(
    spec: AdviseSpec, context: Context, net: Net, target: Sample, source: Sample | None
) -> tuple[float | None, float | None]:
    """Squared MMD of source and target in what enters the head, and its p-value; None without a source."""
    if source is None:
        return None, None
    one, other, _ = strangers(spec, context, target, source)
    y, x = (features(net, side, context, spec.pooling)[-1] for side in (one, other))
    null = permutation_mmd(x, y, permutations=PERMUTATIONS, seed=spec.seed)
    return float(null.value), float(null.p)


def record() -> str:
    """How often earlier advice was right in this home: held against races that tried what was advised."""
    right = tried = 0
    races = [Run.at(entry.id) for entry in index.find(kinds=["race"], states=["done"])]
    for entry in index.find(kinds=[AdviseSpec.kind], states=["done"]):
        for race in races:
            verdict = held_against(Run.at(entry.id), race)
            if verdict is not None:
                tried, right = tried + 1, right + verdict
    if not tried:
        return "No race in this home has tried what was advised before, so there is no record yet."
    return f"In {right} of {tried} races here that tried what was advised, nothing else was told to be better."


def held_against(advice: Run, race: Run) -> bool | None:
    """Whether no technique of a race was told to be better than the advised; None where they do not belong together.

    Args:
        advice: A run of kind advise.
        race: A run of kind race, on the same target with the same backbone.
    """
    asked, raced, found = advice.spec, race.spec, race.result()
    told = advice.read(AdviseResult)
    target, net = getattr(raced, "target", None), getattr(raced, "net", None)
    if not isinstance(asked, AdviseSpec) or told is None or not found or target is None or net is None:
        return None
    advised = told.suggestions[0].backbone or asked.net.backbone  # answers of before have none
    if (asked.target.name, asked.target.shots, advised) != (target.name, target.shots, net.backbone):
        return None
    places = {arm["name"]: arm["best_rank"] for arm in found.get("arms", [])}
    place = places.get(told.suggestions[0].technique)
    return None if place is None else place == 1

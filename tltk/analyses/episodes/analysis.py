"""N-way K-shot accuracy of frozen features by the nearest prototype or template."""

from __future__ import annotations

import time

import numpy as np
import torch

from tltk.analyses.episodes.result import EpisodesResult
from tltk.analyses.episodes.spec import EpisodesSpec
from tltk.analyses.sample import Context, Sample, features, find_layer, network
from tltk.probes.prototypes import prototype_accuracy, usable_classes
from tltk.specs.nouns import reword


def episodes(spec: EpisodesSpec, context: Context) -> EpisodesResult:
    """Mean accuracy over drawn episodes, with its interval.

    Raises:
        BadSpec: What `spec.check` refuses, a layer that is not there, or too few classes with enough pictures.
    """
    spec.check()
    start = time.perf_counter()
    domain = context.load(spec.target)
    pool = domain.split(spec.target, spec.seed).test if spec.part == "test" else np.arange(len(domain.labels))
    single = np.sort(pool[np.unique(domain.twins[pool], return_index=True)[1]])
    sample = Sample(domain, single, torch.from_numpy(domain.labels[single]))
    train = domain.split(spec.target, spec.seed).train  # of tables, these rows tell means and deviations
    net = network(spec.net, Sample(domain, train, torch.from_numpy(domain.labels[train])), spec.seed)
    layer, layer_name = find_layer(net, spec.layer, spec.removed)
    x = features(net, sample, context, spec.pooling)[layer]
    found = prototype_accuracy(
        x,
        sample.labels,
        ways=spec.ways,
        shots=spec.shots,
        queries=spec.queries,
        episodes=spec.episodes,
        distance=spec.distance,
        nearest=spec.nearest,
        seed=spec.seed,
    )
    classes = len(usable_classes(domain.labels[single], spec.shots + spec.queries))
    left_out = len(np.unique(domain.labels[single])) - classes
    return EpisodesResult(
        accuracy=found.accuracy,
        lo=found.lo,
        hi=found.hi,
        deviation=found.deviation,
        worst=found.worst,
        best=found.best,
        chance=1 / spec.ways,
        ways=spec.ways,
        shots=spec.shots,
        queries=spec.queries,
        episodes=spec.episodes,
        distance=spec.distance,
        nearest=spec.nearest,
        layer=layer,
        layer_name=layer_name,
        part=spec.part,
        n=len(single),
        classes=classes,
        left_out=left_out,
        sentence=(
            f"{spec.ways}-way {spec.shots}-shot by the nearest {spec.nearest}: {found.accuracy:.1%} right, "
            f"{found.lo:.1%} … {found.hi:.1%} (mean ± 1.96 s/√E over {spec.episodes:,} episodes), "
            f"where chance gives {1 / spec.ways:.1%}."
        ),
        remarks=[reword(one, domain.noun) for one in _remarks(spec, len(pool) - len(single), left_out)],
        seconds=round(time.perf_counter() - start, 3),
    )


def _remarks(spec: EpisodesSpec, copies: int, left_out: int) -> list[str]:
    said = ["The interval says how exactly the mean is known for these pictures and classes, not for others."]
    if copies:
        said.append(f"{copies:,} pictures that are copies of another were left out.")
    if left_out:
        said.append(f"{left_out:,} classes with fewer than {spec.shots} + {spec.queries} pictures were left out.")
    if spec.part == "all" and spec.net.weights.startswith("run:"):
        said.append(
            "If these weights were trained on this domain, they have seen some of these pictures; take the test part."
        )
    return said

"""What an epoch with a term or an adapter costs against plain fine-tuning: in one process, in turns."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch

from tltk import adapters, data, terms
from tltk.data.domain import Domain
from tltk.jobs import launch
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.training.compose import add_source, build_network, divide
from tltk.training.loop import Training

ROUNDS = 9
TARGET = DataSpec("digits", n=320, size=32, val=0.1, test=0.1)  # 256 pictures to train: four steps of 64
SOURCE = DataSpec("rendered_digits", n=320, size=32, val=0.1, test=0.1)
TWO_DOMAINS = "source"  # of NEEDS


def base() -> TransferSpec:
    """Plain fine-tuning of a network that comes with a classifier, which some terms ask for."""
    net = NetSpec("resnet10t", weights="store:resnet10t_formulas")
    optim = OptimSpec(epochs=1, batch_size=64, device="cpu")
    started = launch(TransferSpec(SOURCE, net, optim=optim))
    net = dataclasses.replace(net, weights=f"run:{started.id}")
    return TransferSpec(TARGET, net, optim=dataclasses.replace(optim, epochs=ROUNDS + 2, schedule="constant"))


def arms(plain: TransferSpec) -> Iterator[tuple[str, str, TransferSpec]]:
    """Kind, name and training of every term and adapter."""
    for name in terms.terms.names():
        needs = terms.terms[name].needs
        two = TWO_DOMAINS in needs
        knobs = {"teacher": plain.net.weights} if name == "distillation" else {}
        spec = dataclasses.replace(plain, terms=(TermSpec(name, knobs),), labels="source" if two else "target")
        if two or "source_at_start" in needs:
            spec = dataclasses.replace(spec, source=SOURCE)
        kinds = {"companion": "second network", "attributes": "heads", "teacher": "teacher"}
        kind = next((kind for need, kind in kinds.items() if need in needs), "penalty")
        kind = "two domains" if two else kind
        yield "altered pictures" if terms.terms[name].passes else kind, name, spec
    for name in adapters.adapters.names():
        if name != "all":
            yield "adapter", name, dataclasses.replace(plain, adapter=AdapterSpec(name))


class Timed:
    """A training of which one epoch at a time is run and timed, nothing evaluated: seconds of the processor."""

    def __init__(self, spec: TransferSpec, load: Any) -> None:
        parts = add_source(spec, divide(spec, load), load)
        net, phases = build_network(spec, parts.domain)
        self.training = Training(
            spec,
            net,
            parts.domain,
            parts.split,
            phases,
            FeatureBank(),
            Callbacks(),
            parts.source,
            parts.known,
            parts.classifier,
        )
        self.training._clock = time.perf_counter()
        self.training._begin_metering()
        self.training._validate = lambda: []  # type: ignore[method-assign]
        self.training._remember = lambda: []  # type: ignore[method-assign]
        start = time.process_time()
        self.training._enter(self.training.phases[0])
        self.before = time.process_time() - start

    def epoch(self) -> float:
        start = time.process_time()
        self.training._epoch(self.training.phases[0], self.training.spec.optim.epochs)
        return time.process_time() - start


def measure(plain: TransferSpec, spec: TransferSpec) -> dict[str, float]:
    """Median over the rounds of the ratio of an epoch to a plain one beside it; the first of each is not counted."""
    torch.set_num_threads(1)
    domains: dict[str, Domain] = {}

    def load(wanted: DataSpec) -> Domain:
        return domains.setdefault(wanted.to_json(), data.load(wanted))

    both = [Timed(plain, load), Timed(spec, load)]
    pairs = []
    for i in range(ROUNDS + 1):
        found = [0.0, 0.0]
        for which in (0, 1) if i % 2 else (1, 0):
            found[which] = both[which].epoch()
        pairs.append(found)
    ratios = sorted(b / a for a, b in pairs[1:])
    return {
        "plain": statistics.median(a for a, _ in pairs[1:]),
        "own": statistics.median(b for _, b in pairs[1:]),
        "ratio": statistics.median(ratios),
        "lo": ratios[1],  # of nine, the second and the eighth enclose the median with 96%
        "hi": ratios[-2],
        "before": both[1].before,
    }

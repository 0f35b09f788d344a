"""The range test: the rate that it suggests trains, a hundred times as much does not, and a flat curve is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.engine import domain, spec, split
from tltk.analyses.find_rate import analysis
from tltk.analyses.find_rate.analysis import RangeTest, find_rate, smooth, suggest
from tltk.analyses.find_rate.result import FindRateResult
from tltk.analyses.find_rate.spec import FindRateSpec
from tltk.analyses.find_rate.table import lines
from tltk.analyses.sample import Context
from tltk.data.domain import Domain
from tltk.errors import BadSpec, TltkError, UnknownName
from tltk.specs import command
from tltk.specs.parts import AdapterSpec, NetSpec, OptimSpec
from tltk.training import compose
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks

D = domain(120)
SPEC = FindRateSpec(net=NetSpec("test_resnet", boundary=2), optim=OptimSpec(batch_size=16, device="cpu"), steps=60)


def asked(wanted: FindRateSpec = SPEC, d: Domain = D) -> FindRateResult:
    return find_rate(wanted, Context(lambda _: d, FeatureBank(), Callbacks()))


@pytest.fixture(scope="module")
def found() -> FindRateResult:
    return asked()


def test_a_curve_for_the_network_its_head_and_each_group(found: FindRateResult) -> None:
    assert [c.layers for c in found.curves] == [[2, 3, 4, 5], [5], [2], [3], [4]]
    assert [c.group for c in found.curves[:2]] == ["the whole network", "the head"]
    assert (found.boundary, found.optimizer, found.batch_size) == (2, "adamw", 16)
    whole = found.curves[0]
    assert len(whole.rates) == len(whole.losses) == len(whole.smoothed) > 24
    np.testing.assert_allclose(np.diff(np.log(whole.rates)), np.log(1e7) / 59, rtol=1e-9)
    assert whole.suggested == min(whole.steepest or 0, (whole.minimum or 0) / 10)
    assert [line.split("  ")[0] for line in lines(found)][1] == "the whole network"
    two = asked(dataclasses.replace(SPEC, groups=2)).curves[2:]
    assert [c.layers for c in two] == [[2, 3], [4]] and two[0].group == "layer2.0 … layer3.0"
    assert len(asked(dataclasses.replace(SPEC, groups=0)).curves) == 2


@pytest.mark.parametrize("adapter", ["all", "lora"])
def test_the_suggested_rate_trains_and_a_hundred_times_as_much_does_not(adapter: str) -> None:
    net = NetSpec("test_vit", boundary=2)
    wanted = dataclasses.replace(SPEC, net=net, groups=0, adapter=AdapterSpec(adapter))
    rate = asked(wanted).curves[0].suggested
    assert rate is not None

    def end(lr: float) -> float:
        plan = spec("test_vit", boundary=2, epochs=12, batch_size=16, lr=min(lr, 10.0), schedule="constant")
        try:
            plan = dataclasses.replace(plan, adapter=AdapterSpec(adapter))
            run = compose.train(plan, domain=D, split=split(D, 60))
            return next(r.value for r in reversed(run.rows) if (r.split, r.name) == ("train", "loss"))
        except TltkError:
            return float("inf")  # it diverged

    good = end(rate)
    assert good < 0.5 * np.log(3), "half of what guessing has"
    assert end(100 * rate) > good + 0.1
    assert end(rate / 1000) > good + 0.1, "and a thousandth of it learns nothing in that time"


def test_it_is_the_same_each_time_and_leaves_the_network_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[RangeTest] = []

    class Watched(RangeTest):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            held.append(self)
            self.first = {n: t.clone() for n, t in self.net.state_dict().items()}

    monkeypatch.setattr(analysis, "RangeTest", Watched)
    one, other = (asked(dataclasses.replace(SPEC, groups=1)) for _ in range(2))
    assert one.curves == other.curves
    state = held[0].net.state_dict()
    assert all(torch.equal(state[n], t) for n, t in held[0].first.items())  # type: ignore[attr-defined]


def test_where_nothing_learns_it_says_so() -> None:
    """At rates that are all too low no weight moves far enough to matter."""
    still = asked(dataclasses.replace(SPEC, lowest=1e-9, highest=1e-6, groups=1))
    for curve in still.curves:
        assert curve.suggested is curve.steepest is curve.minimum is None
        assert "must fall as the rate rises" in curve.why and len(curve.losses) == 60
    assert sum("must fall" in line for line in lines(still)) == 3


def test_a_group_without_a_weight_that_learns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tltk.adapters.bias.Bias.learns", lambda *_: False)
    found = asked(dataclasses.replace(SPEC, groups=1, adapter=AdapterSpec("bias")))
    assert found.curves[2].losses == [] and "None of its weights learns" in found.curves[2].why
    assert found.curves[1].suggested is not None, "the head learns whole"


def test_a_valley_by_hand() -> None:
    """A loss that falls as a logistic curve of log₁₀ of the rate around 1e-3 and rises as its square from 1e-1 on."""
    rates = np.geomspace(1e-6, 10, 100)
    x = np.log10(rates)
    losses = 2 - 1 / (1 + np.exp(-4 * (x + 3))) + 3 * np.maximum(x + 1, 0) ** 2
    steepest, minimum, why = suggest(rates, losses, 100)
    assert not why and steepest == pytest.approx(1e-3, rel=0.25) and minimum is not None and 3e-2 < minimum < 0.3
    assert suggest(rates, np.full(100, 1.1), 100)[:2] == (None, None)
    noise = 1.1 + np.random.default_rng(0).normal(size=100) * 0.1
    assert "chance alone" in suggest(rates, noise, 100)[2]
    assert "almost at once" in suggest(rates[:20], losses[:20], 100)[2]
    np.testing.assert_allclose(smooth(np.arange(100.0))[5:95], np.arange(5, 95))


def test_the_question() -> None:
    wanted = FindRateSpec(optim=OptimSpec(lr=0.5, epochs=99, optimizer="sgd"), adapter=AdapterSpec("lora", {"rank": 2}))
    assert wanted.optim == OptimSpec(optimizer="sgd"), "what does not matter is dropped"
    words = command.to_command(wanted)
    assert words.startswith("tltk find-rate") and "--adapter lora:rank=2" in words and "--lr" not in words
    with pytest.raises(BadSpec, match="two powers of ten"):
        FindRateSpec(lowest=1e-3, highest=1e-2).check()
    with pytest.raises(UnknownName, match="lora"):
        FindRateSpec(adapter=AdapterSpec("lorra")).check()

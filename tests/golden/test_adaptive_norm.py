"""Adaptive batch normalisation against Li et al. (2016), §3: the target's own mean and variance, layer by layer."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.engine import domain, spec, split
from tltk.nn.freeze import take_statistics
from tltk.specs.parts import DataSpec
from tltk.training import compose

SOURCE = DataSpec("rendered_digits", n=40, size=32)


def test_equals_the_paper_layer_by_layer() -> None:
    torch.manual_seed(0)
    pairs = [(nn.Linear(3, 4), nn.BatchNorm1d(4)), (nn.Linear(4, 5), nn.BatchNorm1d(5))]
    net = nn.Sequential(*pairs[0], nn.ReLU(), *pairs[1]).double()
    x = torch.randn(40, 3, dtype=torch.float64) * 2 + 1
    before = {name: value.clone() for name, value in net.state_dict().items()}
    put_back = take_statistics(net, [partial(net, x)])
    h = x.numpy()
    for linear, norm in pairs:
        h = h @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
        found = norm.state_dict()
        np.testing.assert_allclose(found["running_mean"], h.mean(0), rtol=1e-9)
        np.testing.assert_allclose(found["running_var"], h.var(0, ddof=1), rtol=1e-9)
        h = np.maximum((h - h.mean(0)) / np.sqrt(h.var(0) + norm.eps), 0)
    assert not net.training and pairs[0][1].momentum == 0.1
    put_back()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("boundary", [0, 3])
def test_a_training_is_the_same_and_tested_by_the_target_s_statistics(
    monkeypatch: pytest.MonkeyPatch, boundary: int
) -> None:
    """Source only: the weights do not hear of it, the frozen ones are as they were, and the kept network has it."""
    other, d = domain(60, seed=3), domain()
    monkeypatch.setattr(compose.add_source, "__defaults__", (lambda _: other,))

    def run(norm: str) -> compose.Trained:
        asked = spec("test_resnet", boundary=boundary, epochs=3, net={"norm": norm}, cache="off")
        return compose.train(dataclasses.replace(asked, source=SOURCE, labels="source"), domain=d, split=split(d))

    plain, adapted = run("frozen"), run("target")
    a, b = plain.net.state_dict(), adapted.net.state_dict()
    other_ones = {name for name in a if not torch.equal(a[name], b[name])}
    assert other_ones and all("running_" in n or "num_batches" in n for n in other_ones)
    assert adapted.result.frozen_moved == 0 and adapted.result.loss != plain.result.loss
    assert adapted.result.source_accuracy == plain.result.source_accuracy, "the source is looked at by its own"
    first = next(n for n in b if n.endswith("running_mean"))
    x = torch.from_numpy(d.images[split(d).train]).float() / 255
    norm = adapted.net.get_submodule(first.rpartition(".")[0])
    seen: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    with torch.no_grad():
        adapted.net.eval()(adapted.net.normalise(x))
    torch.testing.assert_close(b[first], seen[0].mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    last = [r.value for r in adapted.rows if r.name == "test_accuracy"][-1]
    assert last == adapted.result.accuracy, "each epoch is tested so, not only the end"

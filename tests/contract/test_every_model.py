"""Any network of timm: the smallest of each of its files is described, cut, trained, audited, stopped and resumed.

By default a few that are unlike each other. TLTK_EVERY_MODEL=1 takes one of every file (hours on one core),
TLTK_EVERY_MODEL=3/8 the third of eight parts of them. None may crash: what cannot be had is said in a sentence.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine import MEASURED, Eager, domain, split
from tltk.analyses.describe.analysis import network_summary
from tltk.analyses.describe.spec import DescribeSpec
from tltk.errors import BadSpec
from tltk.nn.net import Net, assemble, make_backbone
from tltk.results.rows import Row
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec
from tltk.specs.training import TransferSpec
from tltk.strategies import make
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.weights import catalogue

# A class token that joins late, pooled stages, shared modules, attention biases, cheap convolutions, a plain one.
QUICK = ("cait", "pit", "coat", "levit", "ghostnet", "test_vit")
SIZES = (32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512)
SLOW = pytest.mark.slow


def smallest() -> dict[str, catalogue.Backbone]:
    """The model of fewest parameters of each file of timm."""
    found: dict[str, catalogue.Backbone] = {}
    for one in catalogue.search(sort="parameters"):
        found.setdefault(one.family, one)
    return dict(sorted(found.items()))


def chosen() -> list[str]:
    """The models of this run, by TLTK_EVERY_MODEL."""
    models = [one.name for one in sorted(smallest().values(), key=lambda one: one.parameters)]  # the quickest first
    wanted = os.environ.get("TLTK_EVERY_MODEL", "")
    if not wanted:
        return [one.name for family, one in smallest().items() if family in QUICK or one.name in QUICK]
    part, _, of = wanted.partition("/")
    return models[int(part) - 1 :: int(of)] if of else models


def fitting(name: str) -> int:
    """The smallest size that it takes; each one that it does not take is refused by a sentence."""
    for size in (8, *SIZES, catalogue.catalogue()[name].size):
        try:
            assemble(make_backbone(name, size, 3), size, 3, 2, NetSpec(backbone=name), 0)
        except BadSpec as reason:
            assert name in str(reason) and str(size) in str(reason) and str(reason).endswith(".")
        else:
            if size > 8:  # below, what trains are maps of one place
                return size
    pytest.fail(f"{name} takes no size")


def trained(wanted: TransferSpec, saved: Any = None) -> tuple[list[Row], list[str], dict[str, Any], Any, int]:
    """Rows, sentences and result of a training; its first checkpoint, and how many rows had been written by then."""
    rows: list[Row] = []
    said: list[str] = []
    kept: list[Any] = []
    size = wanted.target.size
    d = domain(16, size, classes=2)
    torch.manual_seed(0)
    net: Net = assemble(make_backbone(wanted.net.backbone, size, 3), size, 3, 2, wanted.net, 0)

    def save(tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        if not kept:
            kept.append((({n: t.clone() for n, t in tensors.items()}, json.loads(json.dumps(state))), len(rows)))

    phases = make(wanted.strategy).phases(net.depth, wanted.net.boundary, wanted.optim.epochs)
    callbacks = Callbacks(emit=rows.extend, say=said.append, save=save, saved=saved)
    result = Eager(wanted, net, d, split(d, 8), phases, FeatureBank(), callbacks).run()
    return rows, said, result, *kept[0]


def values(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(r.epoch, r.step, r.split, r.name, r.layer, r.value) for r in rows if r.name not in MEASURED]


@SLOW
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", chosen())
def test_it_is_described_cut_trained_audited_and_resumed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm's own, such as a renamed model
        size = fitting(name)
        found = network_summary(DescribeSpec(backbone=name, size=size), torch.device("cpu"))
        flops = [layer["flops"] for layer in found["layers"]]
        depth = len(flops)
        assert all(f is None for f in flops) or (all(f >= 0 for f in flops) and sum(flops) > 0)
        assert (found["seconds_per_gflop"] is None) == (flops[0] is None)
        wanted = TransferSpec(
            target=DataSpec(size=size), net=NetSpec(backbone=name, boundary=depth // 2), strategy=StrategySpec(),
            optim=OptimSpec(epochs=2, batch_size=4, device="cpu", lr=1e-4, optimizer="sgd", schedule="constant"),
        )  # fmt: skip
        rows, said, result, saved, so_far = trained(wanted)
        assert result["frozen_moved"] == 0 and result["frozen_tensors"] > 0 and result["epochs"] == 2
        change = {r.layer: r.value for r in rows if r.name == "change" and r.epoch == 2}
        assert not any(change[i] for i in range(depth // 2)) and change[depth] > 0
        assert result["cached"] or any("trains whole" in sentence for sentence in said)
        again, _, resumed, _, _ = trained(wanted, saved)
        assert values(rows[:so_far] + again) == values(rows)
        assert resumed["predictions"] == result["predictions"] and resumed["gflops"] == result["gflops"]
        assert np.isfinite([r.value for r in rows]).all()
    with capsys.disabled():
        cuts = sum(bool(layer["crossing"]) for layer in found["layers"])
        gflops = "FLOPs unknown" if flops[0] is None else f"{sum(flops) / 1e9:.3g} GFLOPs"
        how = "kept features" if result["cached"] else f"whole: {said[0]}"
        seconds = time.perf_counter() - start
        print(f"\n{name} | {size} px | {depth} layers, {cuts} cuts | {gflops} | {how} | resumed | {seconds:.0f} s", flush=True)

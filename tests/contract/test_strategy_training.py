"""Every registered strategy, trained: frozen is bit-equal, cached equals uncached, resumed equals uninterrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.engine import NETS, domain, interrupted, spec, train
from tltk.specs.parts import NetSpec, ViewSpec
from tltk.strategies import strategies
from tltk.weights.load import build_net

ALL = strategies.names()
CURVES = ("loss", "accuracy", "change", "gradient_norm", "lr", "macro_f1")


def own_home(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("TLTK_HOME", str(path))


@pytest.mark.parametrize("name", ALL)
def test_frozen_tensors_are_bit_equal_and_the_others_moved(name: str) -> None:
    run = train(spec(boundary=2, strategy=name, epochs=4))
    learned = {i for phase in run.training.phases for i, scale in enumerate(phase.lr_scale) if scale}
    state = run.net.state_dict()
    for tensor, layer in run.net.layer_of.items():
        same = torch.equal(run.first[tensor], state[tensor])
        assert same == (layer not in learned), tensor
    assert run.result.frozen_moved == 0 and run.result.frozen_tensors > 0
    assert run.result.cached or run.result.boundary == 0


@pytest.mark.parametrize(
    "views", [ViewSpec(), ViewSpec(crop=0.3, flip=0.5, colour=0.3, copies=2)], ids=["plain", "copies"]
)
@pytest.mark.parametrize("name", ALL)
def test_cached_curves_are_those_of_the_whole_network(name: str, views: ViewSpec) -> None:
    pair = [
        train(spec("test_convnext", boundary=5, strategy=name, epochs=4, views=views, cache=cache))
        for cache in ("float32", "off")
    ]
    assert pair[0].result.cached and not pair[1].result.cached
    for curve in CURVES:
        for part in ("train", "val", "test", "net"):
            assert pair[0].curve(curve, part) == pytest.approx(pair[1].curve(curve, part), rel=1e-6, abs=1e-6), curve
    assert pair[0].result.predictions == pair[1].result.predictions


# Batch normalisation first above the cut, normalisation over a map, maps of one place: where the order of a sum shows.
PARTED = (
    "densenet121",
    "resnetv2_50x1_bit",
    "coatnet_pico_rw_224",
    "maxvit_rmlp_pico_rw_256",
    "poolformer_s12",
    "efficientnet_b0",
)


@pytest.mark.parametrize("backbone", [*NETS, *(pytest.param(name, marks=pytest.mark.slow) for name in PARTED)])
def test_cached_is_uncached_bit_for_bit(backbone: str) -> None:
    """Kept features lie in memory, and were computed in batches, as those that are computed each time."""
    depth = len(build_net(NetSpec(backbone=backbone), 2, 32, 3, 0).names) - 1
    wanted: dict[str, Any] = {"boundary": depth // 2, "epochs": 2, "lr": 1e-2, "optimizer": "adam"}
    kept, whole = (train(spec(backbone, cache=cache, **wanted)) for cache in ("float32", "off"))
    assert kept.result.cached and not whole.result.cached
    assert kept.values(without=("gflops",)) == whole.values(without=("gflops",))
    theirs = whole.net.state_dict()
    assert all(torch.equal(t, theirs[n]) for n, t in kept.net.state_dict().items())


@pytest.mark.parametrize("name", ALL)
def test_the_same_spec_gives_the_same_rows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for i in range(2):
        own_home(monkeypatch, tmp_path / str(i))
        views = ViewSpec(crop=0.3, flip=0.5)
        wanted = spec("test_vit", boundary=2, strategy=name, views=views, mixup=0.2, net={"dropout": 0.2})
        found.append(train(wanted).values())
    assert found[0] == found[1]


# Those of several phases are stopped at the last epoch of each and amid one.
@pytest.mark.parametrize(
    ("name", "after"),
    [(name, after) for name in ALL for after in ((1, 2, 3) if name in ("gradual_unfreezing", "lp_ft") else (2,))],
)
def test_a_resumed_training_gives_the_same_rows(
    name: str, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Five epochs, boundary 2 of 5: gradual_unfreezing and lp_ft change phase after 1, 2 and 3.
    wanted = spec(boundary=2, strategy=name, epochs=5, schedule="one_cycle", patience=50)
    own_home(monkeypatch, tmp_path / "whole")
    whole = train(wanted)
    own_home(monkeypatch, tmp_path / "parts")
    parts = interrupted(wanted, tmp_path / "checkpoint.safetensors", after)
    assert parts.values() == whole.values() and parts.result.gflops == whole.result.gflops
    assert parts.result.predictions == whole.result.predictions
    assert parts.result.frozen_moved == 0
    theirs = whole.net.state_dict()
    assert all(torch.equal(t, theirs[n]) for n, t in parts.net.state_dict().items())
    below = min(phase.boundary for phase in parts.training.phases)
    for tensor, now in parts.net.tensors(below).items():
        assert torch.equal(now, whole.first[tensor]), tensor


def test_strategies_share_one_bank(tmp_path: Path) -> None:
    d = domain()
    first = train(spec(boundary=3), d)
    again = train(spec(boundary=3, strategy="discriminative", lr=1e-3, seed=0), d)
    assert first.training.train_feed.features.seconds > 0  # type: ignore[attr-defined]
    assert again.training.train_feed.features.seconds == 0  # type: ignore[attr-defined]

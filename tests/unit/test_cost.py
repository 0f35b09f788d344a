"""One model of what a training costs: what the handle shows beforehand is what the loop then spends and writes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.engine import domain, spec, split, train, training
from tltk import adapters, home
from tltk.analyses.describe.analysis import layers, network_summary
from tltk.analyses.describe.spec import DescribeSpec
from tltk.dashboard import freeze_handle as handle
from tltk.errors import BadSpec
from tltk.specs.parts import AdapterSpec, DataSpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.strategies import strategies
from tltk.training import compose
from tltk.training.bank import FeatureBank
from tltk.training.cost import Estimate, Sizes, estimate_costs, flops_per_picture

D = domain(48)  # 24 to learn from, 12 for validation, 12 for the test, three classes
SIZES = Sizes(24, 12, 12, 3, 3 * 32 * 32)
WIDTH = 96  # of test_resnet
VIEWS = ViewSpec(flip=0.5, crop=0.2)


def of(wanted: TransferSpec, speed: float | None = None) -> Estimate:
    found = layers(wanted.net.backbone, 32, 3, wanted.adapter)
    return estimate_costs(found, WIDTH, wanted, SIZES, speed)[wanted.net.boundary]


def written() -> int:
    """Bytes of features under the home."""
    return sum(p.stat().st_size for p in home.folder("bank").rglob("*.bin"))


@pytest.mark.parametrize("cache", ["float32", "float16", "off"])
@pytest.mark.parametrize("copies", [None, 0, 3], ids=["no views", "new views", "three copies"])
@pytest.mark.parametrize("boundary", [0, 1, 3, 5])
def test_the_estimate_is_what_a_training_writes(boundary: int, copies: int | None, cache: str) -> None:
    views = ViewSpec() if copies is None else dataclasses.replace(VIEWS, copies=copies)
    wanted = spec(boundary=boundary, views=views, cache=cache, epochs=1)
    run, told = train(wanted, D), of(wanted)
    assert told.bytes == written()
    assert told.kept == run.result.cached
    assert told.checked == (told.kept and boundary < run.net.depth)
    assert (told.bytes > 0) == (copies == 3 or (boundary > 0 and copies is None and cache != "off"))


# Each strategy meets every boundary, every kind of norm and both amounts of mixup, not every triple of them.
@pytest.mark.parametrize(
    ("boundary", "mixup", "norm"),
    [
        (0, 0.0, "frozen"),
        (2, 0.2, "adapt"),
        (5, 0.0, "target"),
        (2, 0.0, "target"),
        (5, 0.2, "frozen"),
        (0, 0.2, "adapt"),
    ],
)
@pytest.mark.parametrize("strategy", strategies.names())
def test_it_holds_for_every_strategy(boundary: int, strategy: str, mixup: float, norm: str) -> None:
    wanted = spec(boundary=boundary, strategy=strategy, epochs=6, mixup=mixup, net={"norm": norm})
    run, told = train(wanted, D), of(wanted, speed=1.0)
    assert told.bytes == written()
    assert told.run == pytest.approx(run.result.gflops, rel=1e-9)  # a second for each
    assert told.step is not None and told.epoch is not None
    assert told.epoch == pytest.approx(told.step / 8 * 24 / 1e9)
    phases = run.training.phases
    free = {n for n, layer in run.net.layer_of.items() if any(p.lr_scale[layer] for p in phases)}
    parameters = dict(run.net.named_parameters())
    assert told.trainable == sum(p.numel() for n, p in parameters.items() if n in free)
    assert told.parameters == sum(p.numel() for p in parameters.values())


@pytest.mark.parametrize("strategy", ["fine_tune", "feature_extraction", "surgical"])
@pytest.mark.parametrize("adapter", adapters.adapters.names())
def test_what_learns_is_counted_with_the_adapter(adapter: str, strategy: str) -> None:
    wanted = dataclasses.replace(spec(boundary=2, strategy=strategy), adapter=AdapterSpec(adapter))
    made = training(wanted, D)
    made._enter(made.phases[0])
    assert of(wanted).trainable == sum(p.numel() for p in made.net.parameters() if p.requires_grad)


@pytest.mark.parametrize("labels", ["target", "source", "both"])
@pytest.mark.parametrize("on", [True, False], ids=["a term that compares", "no term"])
def test_pictures_of_a_source_are_counted(monkeypatch: pytest.MonkeyPatch, labels: str, on: bool) -> None:
    if labels == "target" and not on:
        pytest.skip("nothing reads the source")
    other = domain(48, seed=3)
    monkeypatch.setattr(compose.add_source, "__defaults__", (lambda _: other,))
    wanted = dataclasses.replace(
        spec(), source=DataSpec("rendered_digits", n=48), labels=labels, terms=(TermSpec("coral"),) if on else ()
    )
    run, told = compose.train(wanted, domain=D, split=split(D)), of(wanted, speed=1.0)
    assert told.run == pytest.approx(run.result.gflops, rel=1e-9)
    alone = of(spec(), speed=1.0).run
    assert alone is not None and told.run == pytest.approx((2 if on or labels == "both" else 1) * alone)


def test_more_pictures_an_epoch_cost_time_and_no_room() -> None:
    once, more = (of(spec(boundary=2, epoch_images=n), speed=1.0) for n in (0, 240))
    assert more.bytes == once.bytes and more.build == once.build
    assert once.epoch is not None and more.epoch == pytest.approx(10 * once.epoch)


def test_of_full_fine_tuning_the_share_is_one() -> None:
    told = of(spec(boundary=0))
    assert told.share == 1 and not told.kept and told.bytes == 0
    assert flops_per_picture((4, 6, 1), 1, 0) == 4 + 3 * 7 and flops_per_picture((4, 6, 1), 1, 1) == 3 * 7


def test_a_boundary_without_a_cut_keeps_nothing_and_says_so() -> None:
    uncut = [dataclasses.replace(layer, crossing=0) for layer in layers("test_resnet", 32)]
    told = estimate_costs(uncut, WIDTH, spec(boundary=2), SIZES, None)[2]
    assert (told.kept, told.cuttable, told.bytes) == (False, False, 0)
    assert told.step == 8 * flops_per_picture((*(f.flops or 0 for f in uncut), 2 * WIDTH * 3), 2, 0)
    assert estimate_costs(uncut, WIDTH, spec(boundary=2, cache="off"), SIZES, None)[2].cuttable


def test_what_is_not_known_is_left_out() -> None:
    mute = [dataclasses.replace(layer, flops=None) for layer in layers("test_resnet", 32)]
    told = estimate_costs(mute, WIDTH, spec(boundary=2), SIZES, None)[2]
    assert [told.step, told.share, told.build, told.epoch, told.run] == [None] * 5
    assert told.bytes == of(spec(boundary=2)).bytes > 0
    assert of(spec(boundary=2)).epoch is None and of(spec(boundary=2)).step


def test_the_handle_gets_plain_data(monkeypatch: pytest.MonkeyPatch) -> None:
    found, sent = layers("test_resnet", 32), list[Any]()
    monkeypatch.setattr(handle, "_component", lambda **given: sent.append(given))
    told = estimate_costs(found, WIDTH, spec(), SIZES, 0.02)
    cost: handle.Cost = {"epochs": 3, "steps": 9, "head_parameters": 291, "estimates": told}
    handle.freeze_handle(found, 2, key="h", cost=cost)
    data = json.loads(json.dumps(sent[0]["data"], allow_nan=False))
    assert data["cost"]["estimates"] == [dataclasses.asdict(e) for e in told]
    with pytest.raises(BadSpec, match="each of the 6 boundaries. Got 5"):
        handle.freeze_handle(found, 2, key="h", cost={**cost, "estimates": told[1:]})


def test_copies_of_pictures_take_room_where_nothing_is_frozen(tmp_path: Path) -> None:
    wanted = spec(boundary=0, views=dataclasses.replace(VIEWS, copies=2), epochs=1)
    train(wanted, D, parts=split(D), bank=FeatureBank())
    assert written() == of(wanted).bytes == 2 * 24 * 3 * 32 * 32 * 4


def test_layers_of_which_flops_cannot_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tltk.analyses.describe.analysis.layer_flops", lambda *_: None)
    found = network_summary(DescribeSpec(backbone="test_vit", size=32), torch.device("cpu"))
    assert found.seconds_per_gflop is None and {layer.flops for layer in found.layers} == {None}
    assert found.width == 64

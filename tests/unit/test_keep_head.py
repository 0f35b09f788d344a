"""A training that begins with the classifier of its weights, and a head that is frozen."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.support.engine import domain
from tests.support.shell import here  # noqa: F401 – a fixture
from tltk.data.domain import Domain
from tltk.errors import BadSpec
from tltk.jobs import launch
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec
from tltk.specs.training import TransferSpec
from tltk.strategies import make
from tltk.training.compose import build_network, train
from tltk.training.heads import batch_key
from tltk.weights import load

pytestmark = pytest.mark.usefixtures("here")

OPTIM = OptimSpec(epochs=2, lr=3e-3, device="cpu", evaluate=2)


@pytest.fixture
def trained(tmp_path: object) -> Run:
    """A network that knows digits."""
    return launch(TransferSpec(DataSpec("digits", n=400, size=32), NetSpec("test_vit"), optim=OPTIM))


def kept(run: Run, **more: object) -> TransferSpec:
    net = NetSpec("test_vit", weights=f"run:{run.id}", keep_head=True)
    return dataclasses.replace(TransferSpec(DataSpec("digits", n=400, size=32), net, optim=OPTIM), **more)  # type: ignore[arg-type]


def named(*classes: str) -> Domain:
    d = domain(120, size=32, channels=1, classes=len(classes))
    return dataclasses.replace(d, classes=classes)


def test_it_begins_with_what_the_network_knew(trained: Run) -> None:
    """Frozen whole, the network answers as the one that its weights are from."""
    spec = kept(trained, strategy=StrategySpec("surgical", {"head": False}))
    spec = dataclasses.replace(spec, optim=dataclasses.replace(OPTIM, lr=1e-7, epochs=1))
    before, found = trained.read(TrainingResult), train(spec).result
    assert before is not None and found.predictions == before.predictions
    assert any("10 of 10 classes" in caution for caution in found.cautions)


def test_rows_are_matched_by_name_and_others_begin_new(trained: Run) -> None:
    d = named("7", "a new one", "2")
    net, _ = build_network(kept(trained), d)
    fresh, _ = build_network(dataclasses.replace(kept(trained), net=NetSpec("test_vit")), d)
    own = load.source_classifier(kept(trained).net)
    assert own is not None
    weight, new = net.head.state_dict()["0.weight"], fresh.head.state_dict()["0.weight"]
    seven, two = (own.classes.index(name) for name in ("7", "2"))
    assert torch.equal(weight[0], own.weight[seven]) and torch.equal(weight[2], own.weight[two])
    assert torch.equal(weight[1], new[1])


def test_a_frozen_head_does_not_move_and_the_audit_says_so(trained: Run) -> None:
    spec = kept(trained, strategy=StrategySpec("surgical", {"head": False}))
    found = train(spec)
    own = load.source_classifier(spec.net)
    assert own is not None and torch.equal(found.net.head.state_dict()["0.weight"], own.weight)
    assert found.result.frozen_moved == 0
    assert found.result.n_learned < train(kept(trained, strategy=StrategySpec("surgical"))).result.n_learned


def test_a_head_that_learns_begins_there_and_leaves(trained: Run) -> None:
    spec = kept(trained)
    own = load.source_classifier(spec.net)
    assert own is not None
    assert not torch.equal(train(spec).net.head.state_dict()["0.weight"], own.weight)


@pytest.mark.parametrize("width", [1, 2, 9])
def test_the_block_alone_learns(width: int) -> None:
    phases = make(StrategySpec("surgical", {"width": width, "head": False})).phases(5, 1, 3)
    assert [phase.lr_scale for phase in phases] == [tuple(float(1 <= i < min(1 + width, 5)) for i in range(6))]


def test_what_cannot_be_meant_is_refused(trained: Run) -> None:
    with pytest.raises(BadSpec, match="weights is scratch"):
        TransferSpec(net=NetSpec(keep_head=True)).check()
    with pytest.raises(BadSpec, match="take head linear"):
        NetSpec(weights="store:resnet10t_formulas", head="cosine", keep_head=True)
    with pytest.raises(BadSpec, match="A new head must learn"):
        build_network(TransferSpec(strategy=StrategySpec("surgical", {"head": False})), named("a", "b"))
    with pytest.raises(BadSpec, match="Something must learn"):
        make(StrategySpec("surgical", {"head": False})).phases(5, 5, 1)
    with pytest.raises(BadSpec, match="knows a class of noise by name"):
        build_network(kept(trained), named("a", "b"))


def test_it_is_trained_by_itself_and_keeps_the_ids_of_before(trained: Run) -> None:
    spec = kept(trained, strategy=StrategySpec("feature_extraction"))
    assert batch_key(spec) is None
    assert batch_key(dataclasses.replace(spec, net=dataclasses.replace(spec.net, keep_head=False))) is not None
    assert "keep_head" not in TransferSpec().to_json()

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.support.engine import NETS, spec, train, training
from tltk.errors import BadSpec, RunProblem
from tltk.nn.freeze import Audit, freeze
from tltk.specs.parts import NetSpec
from tltk.weights.load import build_net


@pytest.mark.parametrize("name", NETS)
def test_what_trains_is_what_lies_above(name: str) -> None:
    net = build_net(NetSpec(backbone=name), 3, 32, 3, 0)
    for boundary in range(net.depth + 1):
        freeze(net, boundary)
        for n, p in net.named_parameters():
            assert p.requires_grad == (net.layer_of[n] >= boundary), n


def test_train_keeps_frozen_statistics_locked() -> None:
    net = build_net(NetSpec(backbone="test_resnet"), 3, 32, 3, 0)
    freeze(net, 3)
    net.eval().train()
    norms = {n: m for n, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)}
    for name, norm in norms.items():
        assert norm.training == (net.layer_of[f"{name}.weight"] >= 3), name
    before = {n: t.clone() for n, t in net.state_dict().items()}
    net(torch.randn(4, 3, 32, 32))
    moved = {n for n, t in net.state_dict().items() if not torch.equal(t, before[n])}
    assert moved and all(net.layer_of[n] >= 3 for n in moved)


def test_dropout_and_drop_path_below_the_boundary_are_off() -> None:
    net = build_net(NetSpec(backbone="test_vit", drop_path=0.5), 3, 32, 3, 0)
    for m in net.backbone.modules():
        if isinstance(m, nn.Dropout):
            m.p = 0.5
    freeze(net, net.depth)
    net.train()
    x = torch.randn(8, 3, 32, 32)
    assert torch.equal(net(x)[0], net(x)[0])
    freeze(net, 0)
    assert not torch.equal(net(x)[0], net(x)[0])


def test_adapt_moves_the_statistics_and_nothing_else_below() -> None:
    run = train(spec(boundary=3, net={"norm": "adapt"}, epochs=1))
    assert not run.result.cached and run.result.frozen_moved == 0
    state = run.net.state_dict()
    moved = {n for n in run.net.tensors(3) if not torch.equal(state[n], run.first[n])}
    assert moved and all("running_" in n or "num_batches" in n for n in moved)


def test_a_boundary_outside_the_network() -> None:
    net = build_net(NetSpec(backbone="test_vit"), 3, 32, 3, 0)
    with pytest.raises(BadSpec, match="between 0 and"):
        freeze(net, net.depth + 1)


@pytest.mark.parametrize(
    "tensor", ["backbone.conv1.0.weight", "backbone.bn1.running_mean", "backbone.bn1.num_batches_tracked"]
)
def test_the_audit_sees_one_bit(tensor: str) -> None:
    net = build_net(NetSpec(backbone="test_resnet"), 3, 32, 3, 0)
    audit = Audit(net)
    freeze(net, net.depth)
    audit.record()
    assert audit.changed_tensors() == [] and audit.change() == [0.0] * (net.depth + 1)
    state = net.state_dict()
    assert tensor in state, sorted(state)[:9]
    with torch.no_grad():
        state[tensor].view(-1)[0] += 1
    assert audit.changed_tensors() == [tensor]


def test_minus_zero_is_not_zero() -> None:
    net = build_net(NetSpec(backbone="test_resnet"), 3, 32, 3, 0)
    with torch.no_grad():
        net.backbone.bn1.running_mean.zero_()  # type: ignore[union-attr, operator]
        audit = Audit(net)
        freeze(net, 1)
        audit.record()
        net.backbone.bn1.running_mean.neg_()  # type: ignore[union-attr, operator]
    assert audit.changed_tensors() == ["backbone.bn1.running_mean"]


def test_change_is_the_distance_from_the_start() -> None:
    net = build_net(NetSpec(backbone="test_vit"), 3, 32, 3, 0)
    audit = Audit(net)
    with torch.no_grad():
        weight = net.head.get_parameter("0.weight")
        weight.add_(2.0)
    assert audit.change() == pytest.approx([0.0] * net.depth + [2.0 * weight.numel() ** 0.5], rel=1e-6)


def test_a_layer_that_moves_stops_the_training() -> None:
    made = training(spec(boundary=3, cache="off", epochs=1))
    step = made._step

    def tampering(*arguments: object) -> torch.Tensor:
        with torch.no_grad():
            made.net.backbone.get_buffer("bn1.running_var").add_(1e-3)
        return step(*arguments)  # type: ignore[arg-type]

    made._step = tampering  # type: ignore[method-assign, assignment]
    with pytest.raises(RunProblem, match="must not move.*running_var"):
        made.run()

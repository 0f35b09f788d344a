"""suffix ∘ prefix = model at every boundary, for any batch, whatever the rows' order."""

from __future__ import annotations

from functools import cache

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engine import NETS
from tltk.nn.cut import Cut
from tltk.nn.freeze import freeze
from tltk.nn.net import Net
from tltk.specs.parts import NetSpec
from tltk.weights.load import build_net


@cache
def made(name: str) -> Net:
    return build_net(NetSpec(backbone=name), 4, 32, 3, 0).eval()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(NETS), st.floats(0, 1), st.integers(1, 7), st.integers(0, 2**31))
def test_the_halves_are_the_whole(name: str, share: float, batch: int, seed: int) -> None:
    net = made(name)
    boundary = round(share * net.depth)
    cut = Cut(net, boundary)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, 3, 32, 32, generator=generator)
    order = torch.randperm(batch, generator=generator)
    with torch.no_grad():
        whole = net(x)[1]
        halves = cut.suffix(tuple(t[order] for t in cut.prefix(x)))[1]
    assert torch.allclose(halves, whole[order], atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(NETS), st.lists(st.integers(0, 11), min_size=1, max_size=6))
def test_freezing_knows_no_history(name: str, boundaries: list[int]) -> None:
    net = build_net(NetSpec(backbone=name), 4, 32, 3, 0).train()
    for boundary in boundaries:
        last = min(boundary, net.depth)
        freeze(net, last)
    other = build_net(NetSpec(backbone=name), 4, 32, 3, 0).train()
    freeze(other, last)
    assert [p.requires_grad for p in net.parameters()] == [p.requires_grad for p in other.parameters()]
    assert [m.training for m in net.modules()] == [m.training for m in other.modules()]

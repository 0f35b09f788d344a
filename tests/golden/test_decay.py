"""The distance of weights from their start: value and gradient against the formula in NumPy, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tltk.nn.decay import squared_distance

SHAPES = ((3, 2, 5, 5), (4,), (6, 3))


def drawn(seed: int) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    found = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in SHAPES]
    return [found[0].contiguous(memory_format=torch.channels_last), *found[1:]]  # as filters lie in a network


@pytest.mark.parametrize("scaled", [False, True])
def test_value_and_gradient_are_those_of_the_formula(scaled: bool) -> None:
    w, start, scale = [p.requires_grad_() for p in drawn(0)], drawn(1), [f.abs() for f in drawn(2)]
    before = [p.detach().clone() for p in w]
    value = squared_distance(w, start, [f.sqrt() for f in scale] if scaled else None)
    (0.7 * value).backward()
    pairs = zip(before, start, scale, strict=True)
    gaps = [(a - b).numpy() for a, b, _ in pairs]
    factors = [f.numpy() if scaled else np.ones(f.shape) for f in scale]
    assert value.item() == pytest.approx(sum((f * g**2).sum() for f, g in zip(factors, gaps, strict=True)), rel=1e-12)
    for p, old, f, gap in zip(w, before, factors, gaps, strict=True):
        assert p.grad is not None
        np.testing.assert_allclose(p.grad.numpy(), 0.7 * 2 * f * gap, rtol=1e-12)
        assert torch.equal(p.detach(), old)


def test_at_the_start_it_is_nothing_and_pulls_nowhere() -> None:
    w = [p.requires_grad_() for p in drawn(0)]
    value = squared_distance(w, [p.detach().clone() for p in w])
    value.backward()
    assert value.item() == 0
    assert all(p.grad is not None and not p.grad.any() for p in w)


def test_a_second_way_back_is_refused_and_not_wrong() -> None:
    w = [p.requires_grad_() for p in drawn(0)]
    value = squared_distance(w, drawn(1))
    torch.autograd.grad(value, w, retain_graph=True)
    with pytest.raises(RuntimeError, match="one backward pass"):
        torch.autograd.grad(value, w)

"""Units that say the same of every sample."""

from __future__ import annotations

import pytest
import torch

from tltk.errors import BadSpec
from tltk.reduce.dead_units import dead_units

X = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))


def test_counts_units_at_zero_and_elsewhere() -> None:
    x = X.clone()
    x[:, :2] = 0
    x[:, 2] = 0.7
    assert dead_units(x) == pytest.approx(3 / 8)
    assert dead_units(X) == 0


def test_rounding_and_scale_do_not_matter() -> None:
    x = X.clone()
    x[:, 0] = 1 + 1e-7 * X[:, 0]
    for factor in (1e-20, 1.0, 1e20):
        assert dead_units(factor * x) == pytest.approx(1 / 8)


def test_a_unit_that_moves_a_little_is_alive() -> None:
    x = X.clone()
    x[:, 0] = 0
    x[7, 0] = 1e-4
    assert dead_units(x) == 0


@pytest.mark.parametrize("value", [0.0, -3.5])
def test_a_layer_that_is_constant_is_all_dead(value: float) -> None:
    assert dead_units(torch.full((4, 3), value)) == 1


def test_half_precision_does_not_overflow() -> None:
    assert dead_units(torch.tensor([[-60000.0, 1.0], [60000.0, 1.0]], dtype=torch.float16)) == 0.5


def test_errors_are_sentences() -> None:
    with pytest.raises(BadSpec, match="finite"):
        dead_units(torch.tensor([[1.0], [torch.nan]]))
    with pytest.raises(BadSpec, match="at least 2 rows"):
        dead_units(X[:1])
    with pytest.raises(BadSpec, match=r"floating \(n, d\)"):
        dead_units(X[0])

"""What must hold of every shift measure, whatever the numbers: symmetry, zero, invariances, response."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tltk.errors import BadSpec
from tltk.shift import measures
from tltk.shift.c2st import c2st
from tltk.shift.mmd import mmd

CLASSIFIERS = {"a_distance", "c2st"}  # they split the samples, so order and side matter by chance
ZERO = {"coral", "energy", "frechet", "sliced_wasserstein", "symmetric_kl"}  # for a sample against itself
OFFSET_FREE = {"coral"}  # blind to a plain offset, by its formula
TURNS = {"mmd", "coral", "energy", "frechet", "symmetric_kl"}  # the same for both domains rotated alike


def pair(seed: int, n: int = 24, m: int = 17, d: int = 4) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    scale = torch.rand(d, generator=g, dtype=torch.float64) + 0.5
    x = torch.randn(n, d, generator=g, dtype=torch.float64)
    return x, torch.randn(m, d, generator=g, dtype=torch.float64) * scale + 0.3


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-6, abs=1e-9)


few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 10_000)


def test_the_registry_lists_the_measures_and_no_machinery() -> None:
    assert measures.names() == [
        "a_distance",
        "c2st",
        "coral",
        "energy",
        "frechet",
        "mmd",
        "sliced_wasserstein",
        "symmetric_kl",
    ]
    for name in measures:
        assert measures.summary(name).endswith(".")


@pytest.mark.parametrize("name", measures.names())
def test_a_scalar_of_the_inputs_dtype_comes_back(name: str) -> None:
    x, y = pair(0)
    for dtype in (torch.float32, torch.float64):
        value = measures[name](x.to(dtype), y.to(dtype))
        assert value.shape == ()
        assert value.dtype == dtype


@pytest.mark.parametrize("name", measures.names())
def test_float32_and_float64_agree(name: str) -> None:
    x, y = pair(1)
    assert float(measures[name](x.float(), y.float())) == pytest.approx(float(measures[name](x, y)), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("name", sorted(set(measures) - CLASSIFIERS))
@few
@given(seed=seeds)
def test_symmetric(name: str, seed: int) -> None:
    x, y = pair(seed)
    assert float(measures[name](x, y)) == near(float(measures[name](y, x)))


@pytest.mark.parametrize("name", sorted(ZERO))
@few
@given(seed=seeds)
def test_zero_for_a_sample_against_itself(name: str, seed: int) -> None:
    x, _ = pair(seed)
    assert float(measures[name](x, x)) == pytest.approx(0, abs=1e-6)


@few
@given(seed=seeds)
def test_biased_mmd_is_zero_for_a_sample_against_itself_and_never_negative(seed: int) -> None:
    x, y = pair(seed)
    assert float(mmd(x, x, estimator="biased")) == pytest.approx(0, abs=1e-12)
    assert float(mmd(x, y, estimator="biased")) >= 0


@pytest.mark.parametrize("name", sorted(set(measures) - CLASSIFIERS))
@few
@given(seed=seeds)
def test_the_order_of_rows_does_not_matter(name: str, seed: int) -> None:
    x, y = pair(seed)
    g = torch.Generator().manual_seed(seed)
    shuffled = x[torch.randperm(len(x), generator=g)], y[torch.randperm(len(y), generator=g)]
    assert float(measures[name](*shuffled)) == near(float(measures[name](x, y)))


@pytest.mark.parametrize("name", sorted(set(measures) - CLASSIFIERS))
@few
@given(seed=seeds)
def test_moving_both_domains_alike_changes_nothing(name: str, seed: int) -> None:
    x, y = pair(seed)
    assert float(measures[name](x + 7, y + 7)) == near(float(measures[name](x, y)))


@pytest.mark.parametrize("name", sorted(TURNS))
@few
@given(seed=seeds)
def test_turning_both_domains_alike_changes_nothing(name: str, seed: int) -> None:
    x, y = pair(seed)
    g = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(4, 4, generator=g, dtype=torch.float64)).Q
    assert float(measures[name](x @ q, y @ q)) == near(float(measures[name](x, y)))


@pytest.mark.parametrize("name", sorted(set(measures) - OFFSET_FREE))
@few
@given(seed=seeds)
def test_a_larger_offset_gives_a_larger_value(name: str, seed: int) -> None:
    x, _ = pair(seed, n=40)
    _, y = pair(seed + 1, m=40)
    values = [float(measures[name](x, y - y.mean(0) + x.mean(0) + shift)) for shift in (0.0, 1.0, 4.0)]
    assert values[0] < values[1] <= values[2]


@few
@given(seed=seeds)
def test_coral_sees_a_wider_spread_and_no_offset(seed: int) -> None:
    x, _ = pair(seed)
    coral = measures["coral"]
    assert float(coral(x, x + 5)) == pytest.approx(0, abs=1e-18)
    assert 0 < float(coral(x, 1.5 * x)) < float(coral(x, 2 * x))


@few
@given(seed=seeds)
def test_classifiers_stay_in_their_range(seed: int) -> None:
    x, y = pair(seed)
    assert -2 <= float(measures["a_distance"](x, y)) <= 2
    assert 0 <= float(c2st(x, y)) <= 1


@pytest.mark.parametrize("name", measures.names())
def test_what_cannot_be_compared_is_a_sentence(name: str) -> None:
    x, y = pair(0)
    with pytest.raises(BadSpec, match="same number of features"):
        measures[name](x, y[:, :3])
    with pytest.raises(BadSpec, match="must be finite"):
        measures[name](x, y / 0)
    with pytest.raises(BadSpec, match="floating"):
        measures[name](x.long(), y)


POWER = {"coral": 4, "energy": 1, "frechet": 2, "sliced_wasserstein": 1}  # the others do not change with the scale


@pytest.mark.parametrize("name", measures.names())
@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e-5, 1e9, 1e20, 1e30, 1e37])
def test_any_scale_is_the_number_that_it_should_be_or_a_sentence(name: str, scale: float) -> None:
    """Never infinity, NaN, or a 0 that is none."""
    x, y = (a.float() for a in pair(4))
    expected = float(measures[name](x.double(), y.double())) * scale ** POWER.get(name, 0)
    if 1e-44 < abs(expected) < 3e38:
        assert float(measures[name](x * scale, y * scale)) == pytest.approx(expected, rel=1e-3)
    else:
        with pytest.raises(BadSpec, match=f"{name} must be a number that float32 can hold"):
            measures[name](x * scale, y * scale)


@pytest.mark.parametrize("name", measures.names())
def test_a_scale_that_even_float64_cannot_square(name: str) -> None:
    x, y = pair(4)
    try:
        value = float(measures[name](x * 1e200, y * 1e200))
    except BadSpec as fault:
        assert "that float64 can hold" in str(fault)
    else:
        assert value == pytest.approx(float(measures[name](x, y)) * 1e200 ** POWER.get(name, 0), rel=1e-6)


@pytest.mark.parametrize("kernel", ["rbf", "polynomial"])
@pytest.mark.parametrize("estimator", ["biased", "unbiased", "linear"])
def test_other_kernels_overflow_in_a_sentence(kernel: str, estimator: str) -> None:
    x, y = (a.float() * 1e20 for a in pair(4))
    if kernel == "rbf":
        assert float(mmd(x, y, kernel=kernel, estimator=estimator)) == pytest.approx(
            float(mmd(x / 1e20, y / 1e20, kernel=kernel, estimator=estimator)), abs=1e-5
        )
    else:
        with pytest.raises(BadSpec, match="mmd must be a number that float32 can hold"):
            mmd(x, y, kernel=kernel, estimator=estimator)


@pytest.mark.parametrize("name", sorted(set(measures) - CLASSIFIERS))
def test_gradients_flow_to_the_features(name: str) -> None:
    x, y = pair(3)
    x.requires_grad_()
    measures[name](x, y).backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert float(x.grad.abs().sum()) > 0

"""Any strategy, boundary and seed: frozen is bit-equal, cached equals uncached, the same spec the same rows."""

from __future__ import annotations

import os
import tempfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engine import spec, train
from tltk.strategies import strategies


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(strategies.names()),
    st.integers(0, 5),
    st.integers(0, 99),
    st.integers(1, 3),
    st.sampled_from(["constant", "cosine", "one_cycle", "warm_restarts", "plateau"]),
    st.integers(4, 12),
)
def test_any_training(strategy: str, boundary: int, seed: int, epochs: int, schedule: str, batch: int) -> None:
    runs = []
    for cache in ("float32", "float32", "off"):
        with tempfile.TemporaryDirectory() as home:
            os.environ["TLTK_HOME"] = home  # put back by the fixture of every test
            runs.append(
                train(
                    spec(
                        boundary=boundary,
                        strategy=strategy,
                        seed=seed,
                        epochs=epochs,
                        schedule=schedule,
                        batch_size=batch,
                        cache=cache,
                    )
                )
            )
    first, again, whole = runs  # rounding hangs on the batch that a kernel sees, and norms of few pictures enlarge it
    assert first.values() == again.values()
    assert first.curve("loss", "train") == pytest.approx(whole.curve("loss", "train"), abs=1e-3)
    assert first.result.frozen_moved == 0
    below = min(phase.boundary for phase in first.training.phases)
    assert all(torch.equal(t, first.first[n]) for n, t in first.net.tensors(below).items())
    assert first.result.steps == epochs * len([b for b in range(0, 24, batch) if min(batch, 24 - b) > 1])

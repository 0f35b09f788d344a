"""The strategies' plans over any depth, boundary, epochs and knobs. The full table is in contract/."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tltk.errors import BadSpec
from tltk.specs.knobs import Knob, knobs
from tltk.specs.parts import StrategySpec
from tltk.strategies import make, strategies
from tltk.strategies.phase import Phase


def values(rule: Knob) -> st.SearchStrategy[Any]:
    if isinstance(rule.default, bool):
        return st.booleans()
    if isinstance(rule.default, int):
        return st.integers(int(rule.lo or 0), int(rule.hi or 100))
    if isinstance(rule.default, float):
        return st.floats(rule.lo, rule.hi)
    return st.sampled_from(rule.choices) if rule.choices else st.just(rule.default)


@st.composite
def plans(draw: st.DrawFn, name: str) -> tuple[int, int, int, list[Phase]]:
    depth = draw(st.integers(0, 60))
    boundary, epochs = draw(st.integers(0, depth)), draw(st.integers(1, 100))
    chosen = {k: draw(values(rule)) for k, rule in knobs(strategies[name]).items()}
    # A head that is frozen leaves nothing to learn above the last layer, which is refused: see its own tests.
    assume(boundary < depth or chosen.get("head", True))
    return depth, boundary, epochs, make(StrategySpec(name, chosen)).phases(depth, boundary, epochs)


@pytest.mark.parametrize("name", strategies.names())
@given(data=st.data())
def test_a_plan_holds_together(name: str, data: st.DataObject) -> None:
    depth, boundary, epochs, phases = data.draw(plans(name))
    assert sum(p.epochs for p in phases) == epochs
    for p in phases:
        assert len(p.lr_scale) == depth + 1
        assert boundary <= p.boundary <= depth  # nothing that the user froze is thawed
        assert all(0 <= s <= 1 for s in p.lr_scale)
        assert Phase.from_dict(p.as_dict()) == p
    assert any(any(p.lr_scale) for p in phases)
    if not any(p.lr_scale[-1] for p in phases):
        assert name == "surgical"  # the one that may leave it; a head that is new then is refused
    if any(p.frozen_above for p in phases):
        return  # it picks layers out
    for p in phases:
        assert p.lr_scale == tuple(sorted(p.lr_scale))  # no layer learns faster than one above it
    boundaries = [p.boundary for p in phases]
    assert boundaries == sorted(boundaries, reverse=True)  # layers thaw, none freezes again


@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 60), st.integers(1, 10))
def test_chain_thaw_takes_every_layer_once_then_all(depth: int, below: int, epochs: int, every: int) -> None:
    boundary = min(below, depth)
    phases = make(StrategySpec("chain_thaw", {"every": every})).phases(depth, boundary, epochs)
    assert phases[-1].lr_scale == tuple(float(i >= boundary) for i in range(depth + 1))
    if len(phases) > 1:
        first, *alone, _ = phases
        assert first.lr_scale == tuple(float(i == depth) for i in range(depth + 1))
        learned = [i for p in alone for i, scale in enumerate(p.lr_scale) if scale]
        assert learned == list(range(boundary, depth))  # in order, from the first layer up, each once


@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 40))
def test_surgical_takes_one_block_and_the_head(depth: int, below: int, width: int) -> None:
    boundary = min(below, depth)
    (phase,) = make(StrategySpec("surgical", {"width": width})).phases(depth, boundary, 4)
    block = set(range(boundary, min(boundary + width, depth)))
    assert {i for i, scale in enumerate(phase.lr_scale) if scale} == {*block, depth}


@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 60), st.integers(1, 20))
def test_gradual_unfreezing_thaws_evenly_and_reaches_the_boundary(
    depth: int, below: int, epochs: int, every: int
) -> None:
    boundary = min(below, depth)
    phases = make(StrategySpec("gradual_unfreezing", {"every": every})).phases(depth, boundary, epochs)
    assert phases[-1].boundary == boundary
    assert phases[0].boundary == (depth if epochs > every else boundary)
    steps = [a.boundary - b.boundary for a, b in zip(phases, phases[1:], strict=False)]
    assert not steps or max(steps) - min(steps) <= 1
    assert all(p.epochs == every for p in phases[:-1])


@given(st.integers(0, 20), st.integers(2, 40), st.floats(0.05, 0.95), st.floats(0.001, 1))
def test_lp_ft_probes_first_and_begins_anew(depth: int, epochs: int, probe: float, rate: float) -> None:
    phases = make(StrategySpec("lp_ft", {"probe": probe, "rate": rate})).phases(depth, 0, epochs)
    if depth == 0:
        assert phases == [Phase((1.0,), epochs)]
        return
    first, second = phases
    assert (first.boundary, first.lr_scale[-1], first.restarts) == (depth, 1.0, False)
    assert (second.boundary, set(second.lr_scale), second.restarts) == (0, {rate}, True)
    assert abs(first.epochs - probe * epochs) <= 1


@given(st.integers(0, 20), st.floats(0.05, 1))
def test_discriminative_is_geometric(depth: int, decay: float) -> None:
    (phase,) = make(StrategySpec("discriminative", {"decay": decay})).phases(depth, 0, 3)
    for i in range(depth):
        assert phase.lr_scale[i] == pytest.approx(decay * phase.lr_scale[i + 1])
    assert phase.lr_scale[-1] == 1


@pytest.mark.parametrize("name", strategies.names())
@given(depth=st.integers(0, 20), off=st.integers(1, 5))
def test_a_boundary_outside_the_network_is_refused(name: str, depth: int, off: int) -> None:
    for boundary in (depth + off, -off):
        with pytest.raises(BadSpec, match=f"between 0 and {depth}"):
            make(StrategySpec(name)).phases(depth, boundary, 3)

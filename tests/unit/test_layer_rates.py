"""Rates by hand, and several layers that join at a time."""

from __future__ import annotations

import pytest

from tests.support.engine import spec, train
from tltk.errors import BadSpec
from tltk.specs import command
from tltk.specs.parts import StrategySpec
from tltk.specs.training import TransferSpec
from tltk.strategies import make


def scale(rates: str, depth: int = 4, boundary: int = 0) -> tuple[float, ...]:
    (phase,) = make(StrategySpec("layer_rates", {"rates": rates})).phases(depth, boundary, 3)
    return phase.lr_scale


def test_they_are_counted_from_the_head_down() -> None:
    assert scale("0.1,1") == (0.1, 0.1, 0.1, 0.1, 1)
    assert scale("0.1, 0.2,0.5, 1") == (0.1, 0.1, 0.2, 0.5, 1)
    assert scale("0.1,0.2,0.3,0.4,1", boundary=2) == (0, 0, 0.3, 0.4, 1)
    assert scale("1,0,0,1", boundary=1) == (0, 1, 0, 0, 1)
    with pytest.raises(BadSpec, match="5. Got 6; leave out the first 1"):
        scale("1,1,1,1,1,1")


@pytest.mark.parametrize("rates", ["", "1", "0.5,x", "0.5,0", "0.5,nan", "-1,1", "0.1,2", "0.1;1"])
def test_what_is_no_list_of_rates_is_refused(rates: str) -> None:
    with pytest.raises(BadSpec, match="two numbers or more from 0 to 1"):
        make(StrategySpec("layer_rates", {"rates": rates}))


def test_each_layer_learns_at_its_rate() -> None:
    run = train(spec(strategy="layer_rates", knobs={"rates": "0.1,0.5,0,1"}, schedule="constant", boundary=1))
    rates = {r.layer: r.value / 3e-3 for r in run.rows if r.name == "lr" and r.layer is not None and r.epoch == 3}
    assert [rates[i] for i in range(6)] == pytest.approx([0, 0.1, 0.1, 0.5, 0, 1])
    assert run.result.frozen_moved == 0


def test_a_text_with_commas_goes_through_the_shell() -> None:
    asked = TransferSpec(strategy=StrategySpec("layer_rates", {"rates": "0.1,0.5,1"}))
    assert "--knob rates=0.1,0.5,1" in command.to_command(asked)
    assert command.build_spec(TransferSpec, {"strategy": "layer_rates", "knob": ["rates=0.1,0.5,1"]}) == asked


@pytest.mark.parametrize(
    ("layers", "epochs", "boundaries"),
    [
        (1, 9, [6, 5, 4, 3, 2, 1]),
        (2, 9, [6, 4, 2, 1]),
        (3, 9, [6, 3, 1]),
        (3, 2, [6, 1]),
        (100, 9, [6, 1]),
        (1, 3, [6, 4, 1]),
        (1, 1, [1]),
    ],
)
def test_several_layers_join_at_a_time(layers: int, epochs: int, boundaries: list[int]) -> None:
    phases = make(StrategySpec("gradual_unfreezing", {"layers": layers})).phases(6, 1, epochs)
    assert [p.boundary for p in phases] == boundaries and sum(p.epochs for p in phases) == epochs

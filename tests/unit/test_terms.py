"""Terms and adapters in the one loop: off is off to the last bit, on they do what their equations say."""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tltk.terms
from tests.support.engine import NETS, domain, spec, split, train
from tltk import adapters, data, terms
from tltk.errors import BadSpec, UnknownName
from tltk.nn.freeze import is_norm
from tltk.specs.parts import AdapterSpec, DataSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.strategies.phase import Phase
from tltk.terms.term import Side, Step
from tltk.training import checkpoint, compose
from tltk.training.callbacks import Callbacks, Stopped

MEASURED = ("images_per_second", "memory")


def rows(trained: compose.Trained, *without: str) -> list[tuple[Any, ...]]:
    return [
        (r.epoch, r.step, r.split, r.name, r.layer, r.value)
        for r in trained.rows
        if r.name not in (*MEASURED, *without)
    ]


def trained(monkeypatch: pytest.MonkeyPatch, asked: TransferSpec, **options: Any) -> compose.Trained:
    """A training on noise; the source is noise too, in other colours."""
    other = domain(40, seed=3)
    monkeypatch.setattr(data, "load", lambda spec, progress=None: other)
    monkeypatch.setattr(compose.add_source, "__defaults__", (lambda spec: other,))
    d = domain()
    return compose.train(asked, domain=d, split=split(d), **options)


SOURCE = DataSpec("rendered_digits", n=40, size=32)


@pytest.mark.parametrize("boundary", [0, 3])
@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_terms_of_weight_zero_change_no_bit(monkeypatch: pytest.MonkeyPatch, name: str, boundary: int) -> None:
    plain = spec(name, boundary=boundary)
    off = dataclasses.replace(
        plain, source=SOURCE, terms=(TermSpec("l2_sp", {"weight": 0.0}), TermSpec("coral", {"weight": 0.0}))
    )
    a, b = trained(monkeypatch, plain), trained(monkeypatch, off)
    assert rows(a) == rows(b)
    assert all(torch.equal(x, y) for x, y in zip(a.net.state_dict().values(), b.net.state_dict().values(), strict=True))


@pytest.mark.parametrize("boundary", [0, 3])
def test_a_term_that_is_negligible_changes_next_to_nothing(monkeypatch: pytest.MonkeyPatch, boundary: int) -> None:
    """The source's pass moves no running statistics and draws none of the target's numbers."""
    plain = spec("test_resnet", boundary=boundary, net={"dropout": 0.3}, optimizer="sgd", lr=1e-3)
    on = dataclasses.replace(plain, source=SOURCE, terms=(TermSpec("coral", {"weight": 1e-12}),))
    a, b = trained(monkeypatch, plain), trained(monkeypatch, on)
    for (name, x), y in zip(a.net.state_dict().items(), b.net.state_dict().values(), strict=True):
        assert torch.allclose(x.float(), y.float(), atol=1e-5), name


@pytest.mark.parametrize("boundary", [0, 2])
def test_coral_brings_the_domains_together(monkeypatch: pytest.MonkeyPatch, boundary: int) -> None:
    plain = spec("test_resnet", boundary=boundary, epochs=6)
    with_term = dataclasses.replace(plain, source=SOURCE, terms=(TermSpec("coral", {"weight": 1e4}),))
    faint = dataclasses.replace(plain, source=SOURCE, terms=(TermSpec("coral", {"weight": 1e-6}),))
    strong, weak = trained(monkeypatch, with_term), trained(monkeypatch, faint)
    values = [r.value / 1e4 for r in strong.rows if r.name == "term.coral"]
    others = [r.value / 1e-6 for r in weak.rows if r.name == "term.coral"]
    assert len(values) == len(others) > 0 and values[0] == pytest.approx(others[0], rel=0.5)
    assert values[-1] < 0.5 * others[-1]


def seen(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_coral_equals_its_equation_in_float64() -> None:
    s, t = seen(9, 4, 0), seen(7, 4, 1) * 2 + 1
    step = Step(Side(t, t, None), Side(s, s, None), torch.nn.Identity(), {}, 0.0, None)  # type: ignore[arg-type]
    found = terms.make(TermSpec("coral", {"weight": 0.5}))(step)
    one, two = (np.cov(x.double().numpy(), rowvar=False) for x in (s, t))
    assert float(found) == pytest.approx(0.5 * ((one - two) ** 2).sum() / (4 * 4**2), rel=1e-5)


def test_l2_sp_equals_its_equation_in_float64() -> None:
    run = train(spec("test_resnet", boundary=2, epochs=1))
    net = run.net
    step = Step(Side(torch.zeros(1, 1), torch.zeros(1, 1), None), None, net, run.first, 0.0, None)
    found = terms.make(TermSpec("l2_sp", {"weight": 0.3, "head": 0.2}))(step)
    expected = 0.0
    for name, p in net.named_parameters():
        w = p.detach().double().numpy()
        if net.layer_of[name] == net.depth:
            expected += 0.2 / 2 * (w**2).sum()
        elif net.layer_of[name] >= 2:
            expected += 0.3 / 2 * ((w - run.first[name].double().numpy()) ** 2).sum()
    assert expected > 0 and float(found.detach()) == pytest.approx(expected, rel=1e-5)


def test_l2_sp_holds_the_weights_near_their_start(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = spec("test_vit", weight_decay=0.0, optimizer="sgd", lr=1e-3)
    far = trained(monkeypatch, plain)
    near = trained(monkeypatch, dataclasses.replace(plain, terms=(TermSpec("l2_sp", {"weight": 100.0}),)))

    def gone(one: compose.Trained) -> float:
        return sum(r.value for r in one.rows if r.name == "change" and r.epoch == 3 and r.layer != one.net.depth)

    assert gone(near) < 0.7 * gone(far)


# -- a term with weights of its own ----------------------------------------------------------------------

CRITIC = '''
"""A critic."""
from dataclasses import dataclass
from tltk.terms.term import Term

@dataclass(frozen=True)
class Critic(Term):
    """A layer that learns to tell the classes' features from zero."""

    def module(self, width, n_classes):
        from torch import nn
        return nn.Linear(width, 1)

    def __call__(self, step):
        return self.weight * (step.module(step.target.features) - 1).square().mean()
'''


@pytest.fixture
def critic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "critic.py").write_text(textwrap.dedent(CRITIC))
    monkeypatch.setattr(tltk.terms, "__path__", [*tltk.terms.__path__, str(tmp_path)])
    yield
    sys.modules.pop("tltk.terms.critic", None)


@pytest.mark.usefixtures("critic")
def test_a_term_s_own_weights_are_optimised_saved_and_resumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "critic" in terms.terms
    asked = spec("test_resnet", boundary=3)
    asked = dataclasses.replace(asked, terms=(TermSpec("critic"),))
    whole = trained(monkeypatch, asked)
    first, *_, last = [r.value for r in whole.rows if r.name == "term.critic"]
    assert last < 0.9 * first
    saved: list[Any] = []

    def save(tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        if state["progress"]["epoch"] == 1 and not saved:
            checkpoint.write(tmp_path / "c", tensors, {**state, "rows": 0})
            saved.append(True)

    def check() -> None:
        if saved:
            raise Stopped

    monkeypatch.setattr("tltk.training.loop.Training._checkpoint", _always(monkeypatch))
    with pytest.raises(Stopped):
        trained(monkeypatch, asked, callbacks=Callbacks(save=save, check=check))
    found = checkpoint.read(tmp_path / "c")
    assert found is not None and any(name.startswith("terms/0.") for name in found[0])
    again = trained(monkeypatch, asked, callbacks=Callbacks(saved=found))
    expected = [r for r in rows(whole) if r[0] > 1 or r[1] > found[1]["progress"]["step"]]
    assert rows(again) == expected and len(expected) > 10


def _always(monkeypatch: pytest.MonkeyPatch) -> Any:
    from tltk.training.loop import Training

    whole = Training._checkpoint

    def checkpoint_always(self: Training, last: bool) -> None:
        self._save_cost = 0.0
        whole(self, last)

    return checkpoint_always


# -- refusals --------------------------------------------------------------------------------------------


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(BadSpec, match="There is no source"):
        terms.check((TermSpec("coral"),), None)
    with pytest.raises(BadSpec, match="read by its terms, by labels"):
        terms.check((TermSpec("l2_sp"),), SOURCE)
    with pytest.raises(BadSpec, match="named once"):
        terms.check((TermSpec("l2_sp"), TermSpec("l2_sp", {"weight": 2.0})), None)
    with pytest.raises(UnknownName, match="coral"):
        terms.check((TermSpec("corall"),), None)
    with pytest.raises(UnknownName, match="bias"):
        adapters.make(AdapterSpec("biass"))


# -- adapters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("adapter", ["bias", "norm"])
def test_what_an_adapter_leaves_alone_does_not_move_by_a_bit(name: str, adapter: str) -> None:
    run = train(dataclasses.replace(spec(name, boundary=2), adapter=AdapterSpec(adapter)))
    assert run.result.frozen_moved == 0
    moved = {n for n, p in run.net.named_parameters() if not torch.equal(p, run.first[n])}
    assert moved, "something learns"
    for n in moved:
        layer = run.net.layer_of[n]
        own = n.endswith("bias") if adapter == "bias" else is_norm(run.net.get_submodule(n.rpartition(".")[0]))
        assert layer >= 2 and (layer == run.net.depth or own), n
    below = [n for n in moved if run.net.layer_of[n] < run.net.depth]
    assert below, "the backbone's part learns"


def test_the_adapter_all_is_the_default_to_the_last_bit() -> None:
    plain = spec("test_resnet", boundary=2)
    assert dataclasses.replace(plain, adapter=AdapterSpec("all")).run_id == plain.run_id
    assert "adapter" not in plain.to_json() and "terms" not in plain.to_json()


# -- phases that pick layers out ------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("cache", ["float32", "off"])
def test_surgical_moves_its_block_and_the_head_alone(name: str, cache: str) -> None:
    asked = dataclasses.replace(spec(name, boundary=2, cache=cache), strategy=StrategySpec("surgical"))
    run = train(asked)
    state = run.net.state_dict()
    moved = {run.net.layer_of[n] for n in run.net.layer_of if not torch.equal(state[n], run.first[n])}
    assert moved == {2, run.net.depth} and run.result.frozen_moved == 0
    rates = {r.layer: r.value for r in run.rows if r.name == "lr" and r.layer is not None and r.epoch == 3}
    assert [i for i, rate in rates.items() if rate] == [2, run.net.depth]


def test_chain_thaw_moves_one_layer_in_each_phase() -> None:
    asked = dataclasses.replace(spec("test_resnet", boundary=2, epochs=9), strategy=StrategySpec("chain_thaw"))
    run = train(asked)
    depth = run.net.depth
    changes = {e: [r.value for r in run.rows if r.name == "change" and r.epoch == e] for e in range(1, 10)}
    steps = [[i for i in range(depth + 1) if changes[e][i] != changes[e - 1][i]] for e in range(2, 10)]
    assert steps[: depth - 2] == [[i] for i in range(2, depth)]
    assert all(step == list(range(2, depth + 1)) for step in steps[depth - 2 :])
    assert run.result.frozen_moved == 0


def test_chain_thaw_is_the_same_with_and_without_a_bank_and_after_a_stop(tmp_path: Path) -> None:
    from tests.support.engine import interrupted

    asked = dataclasses.replace(spec("test_vit", boundary=2, epochs=9), strategy=StrategySpec("chain_thaw"))
    whole = train(asked)
    again = interrupted(asked, tmp_path / "c", 4)
    assert again.values() == whole.values()
    plain = train(dataclasses.replace(asked, optim=dataclasses.replace(asked.optim, cache="off")))
    a, b = whole.curve("loss", "val"), plain.curve("loss", "val")
    assert a == pytest.approx(b, rel=1e-3)


def test_flops_of_a_frozen_layer_above_the_boundary_lack_its_weights_gradient() -> None:
    from tltk.training.cost import flops_per_picture

    flops = (10, 20, 30, 40, 5)
    phase = Phase((0.0, 1.0, 0.0, 0.0, 1.0), 1)
    assert flops_per_picture(flops, 1, 1, phase.frozen_above) == 3 * 20 + 2 * 30 + 2 * 40 + 3 * 5

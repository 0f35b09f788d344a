"""Steps by `torch.compile`: full batches of a whole network, and nothing else; what it cannot compile is a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.support.shares import curve
from tltk.errors import RunProblem
from tltk.nn.net import Net
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec

# 169 pictures to learn from: batches of 40 and a last one of 9.
OPTIM = OptimSpec(epochs=2, batch_size=40, lr=1e-3, device="cpu", compile=True)
SPEC = TransferSpec(DataSpec("digits", n=300, size=16), NetSpec("test_vit"), optim=OPTIM)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pictures of each batch that went through what was compiled; compiling itself takes a minute and is left out."""
    sizes: list[int] = []

    def fake(net: Net, **_: Any) -> Callable[[torch.Tensor], Any]:
        def forward(x: torch.Tensor) -> Any:
            assert net.training and torch.is_grad_enabled()
            sizes.append(len(x))
            return net(x)

        return forward

    monkeypatch.setattr(torch, "compile", fake)
    return sizes


def test_full_batches_of_a_step_are_compiled_and_nothing_else(compiled: list[int]) -> None:
    found = curve(SPEC)
    assert compiled == [40] * 8
    assert found == curve(replace(SPEC, optim=replace(OPTIM, compile=False)))
    assert len(compiled) == 8


def test_nothing_is_compiled_above_features_that_are_kept(compiled: list[int]) -> None:
    curve(replace(SPEC, net=NetSpec("test_vit", boundary=3)))
    assert not compiled


def test_what_cannot_be_compiled_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import InternalTorchDynamoError

    def fake(net: Net, **_: Any) -> Callable[[torch.Tensor], Any]:
        def forward(x: torch.Tensor) -> Any:
            raise InternalTorchDynamoError("No compiler is here.\nmore")

        return forward

    monkeypatch.setattr(torch, "compile", fake)
    with pytest.raises(RunProblem, match="It is not: No compiler is here. Leave optim.compile out"):
        curve(SPEC)

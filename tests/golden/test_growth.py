"""Pictures that grow during a training: the sizes of Tan and Le's Algorithm 1, and a training that sees them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tltk.errors import BadSpec
from tltk.jobs.checking import check
from tltk.nn.flops import layer_flops
from tltk.nn.net import Net
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.training.check import check_transfer
from tltk.training.compose import train
from tltk.training.growth import shrink, sizes_px

SPEC = TransferSpec(
    DataSpec("digits", n=200, size=32), NetSpec("test_resnet"), optim=OptimSpec(epochs=4, first_size=16, device="cpu")
)


@pytest.mark.parametrize(
    ("first", "full", "epochs"), [(128, 300, 4), (128, 380, 350), (16, 32, 7), (10, 33, 3), (8, 64, 2)]
)
def test_sizes_are_those_of_the_algorithm(first: int, full: int, epochs: int) -> None:
    """Each of M stages has N / M epochs; in stage i the side is S0 + (Se - S0) i / (M - 1)."""
    stages = min(4, epochs)
    wanted = []
    for i, part in enumerate(np.array_split(np.arange(epochs), stages)):
        wanted += [first + (full - first) * i / (stages - 1)] * len(part)
    found = sizes_px(first, full, epochs)
    assert len(found) == epochs and sorted(found) == list(found)
    assert found[0] == first and found[-1] == full
    counts = np.unique(found, return_counts=True)[1]
    assert np.ptp(counts) <= 1, "stages are equally long"
    if epochs % stages == 0:
        assert np.abs(np.array(found) - wanted).max() <= 0.5


def test_one_epoch_is_at_the_full_size_and_none_grows_without_being_asked() -> None:
    assert sizes_px(16, 32, 1) == (32,) and sizes_px(0, 32, 5) == (32,) * 5


def test_shrinking_keeps_what_is_flat_and_the_mean() -> None:
    flat = torch.full((2, 3, 32, 32), 0.3)
    assert torch.allclose(shrink(flat, 20), torch.full((2, 3, 20, 20), 0.3), atol=1e-6)
    x = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    assert shrink(x, 32) is x
    assert torch.allclose(shrink(x, 16).mean((2, 3)), x.mean((2, 3)), atol=0.02)


def test_a_training_sees_them_grow_and_is_tested_at_the_full_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, int]] = []
    own = Net.forward

    def forward(self: Net, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append((self.training, x.shape[-1]))
        return own(self, x)

    monkeypatch.setattr(Net, "forward", forward)
    trained = train(SPEC)
    sides = [side for training, side in seen if training]
    assert list(dict.fromkeys(sides)) == [16, 21, 27, 32] and {sides.count(side) for side in sides} == {len(sides) // 4}
    assert {side for training, side in seen if not training} >= {32}
    assert seen[-1] == (False, 32), "the test"
    flops = [3 * (sum(layer_flops("test_resnet", s, 3) or ()) + 2 * trained.net.width * 10) for s in (16, 21, 27, 32)]
    assert trained.result.gflops == pytest.approx(sum(flops) * trained.result.n_train / 1e9)


def test_what_it_does_not_go_with_is_refused() -> None:
    for spec, words in (
        (dataclasses.replace(SPEC, optim=dataclasses.replace(SPEC.optim, first_size=32)), "smaller first size"),
        (dataclasses.replace(SPEC, views=ViewSpec(flip=0.5, copies=2)), "seen anew in each epoch"),
        (dataclasses.replace(SPEC, terms=(TermSpec("rotation"),)), "rotation are made for pictures of one size"),
    ):
        with pytest.raises(BadSpec, match=words):
            check_transfer(spec)
    small = dataclasses.replace(SPEC, net=NetSpec("vgg11"), target=dataclasses.replace(SPEC.target, size=64))
    with pytest.raises(BadSpec, match="Got 16 px"):
        check(small)
    fixed = dataclasses.replace(
        SPEC, net=NetSpec("deit_tiny_patch16_224"), target=dataclasses.replace(SPEC.target, size=48)
    )
    check(fixed)
    with pytest.raises(BadSpec, match="of every size from optim.first_size on. Of 16 px it says"):
        train(fixed)
    assert "first_size" not in dataclasses.replace(SPEC, optim=OptimSpec()).to_json()

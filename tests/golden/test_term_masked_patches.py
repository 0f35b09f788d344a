"""Masked patches against Xie et al. (2022), §3.2–3.5: what is hidden, and the distance on that alone, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.support.engine import NETS, domain, spec
from tltk.errors import BadSpec
from tltk.nn.decoder import Decoder
from tltk.terms.masked_patches import MaskedPatches, hide
from tltk.terms.term import Setting, Step
from tltk.training import compose


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("size", "side", "share"), [(32, 4, 0.6), (32, 8, 0.25), (30, 4, 0.6), (16, 2, 0.01)])
def test_as_many_whole_patches_are_hidden_in_each_picture(size: int, side: int, share: float) -> None:
    hidden = hide((5, 3, size, size), side, share, draw())
    assert hidden.shape == (5, 1, size, size)
    across = -(-size // side)
    for one in hidden.numpy()[:, 0]:
        patches = [
            one[r * side : (r + 1) * side, c * side : (c + 1) * side] for r in range(across) for c in range(across)
        ]
        assert all(p.all() or not p.any() for p in patches), "whole patches"
        assert sum(bool(p.all()) for p in patches) == max(round(share * across**2), 1)
    assert any(not torch.equal(hidden[0], other) for other in hidden[1:]), "each picture has its own"


class Constant(nn.Module):
    """A network that answers the same whatever it sees, so that the value can be computed by hand; it keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.shape = self, (3, 8, 8)
        self.saw = torch.zeros(0)

    def forward_features(self, x: Tensor) -> Tensor:
        self.saw = x
        return torch.ones(len(x), 1, 4, 4, dtype=x.dtype)


def asked(net: Any, module: nn.Module, pictures: Tensor) -> Step:
    return Step(None, None, net, {}, 0.0, module, pictures=pictures, draw=draw())


def test_equals_the_paper() -> None:
    net, pictures = Constant(), torch.randn(6, 3, 8, 8, generator=draw(1))
    module: Any = nn.Module()
    module.decoder = Decoder((1, 1, 4, 4), (1, 3, 8, 8))
    module.filling = nn.Parameter(torch.randn(3, 2, 2, generator=draw(2)))
    value = MaskedPatches(weight=0.5, share=0.6, patch=2)(asked(net, module, pictures))
    value.backward()
    hidden = hide(pictures.shape, 2, 0.6, draw()).numpy()
    answer = (module.decoder.map.weight.flatten() + module.decoder.map.bias).detach().numpy().reshape(3, 2, 2)
    total, count = 0.0, 0
    for i, c, y, x in np.ndindex(6, 3, 8, 8):
        if hidden[i, 0, y, x]:
            total += abs(float(answer[c, y % 2, x % 2]) - float(pictures[i, c, y, x]))
            count += 1
            assert net.saw[i, c, y, x] == module.filling[c, y % 2, x % 2], "filled with the learned patch"
        else:
            assert net.saw[i, c, y, x] == pictures[i, c, y, x], "what is seen is as it is"
    assert value.item() == pytest.approx(0.5 * total / count, rel=1e-5)


def test_what_is_seen_of_a_picture_does_not_enter_the_loss() -> None:
    net, pictures = Constant(), torch.randn(6, 3, 8, 8, generator=draw(1))
    module: Any = nn.Module()
    module.decoder = Decoder((1, 1, 4, 4), (1, 3, 8, 8))
    module.filling = nn.Parameter(torch.zeros(3, 2, 2))
    term = MaskedPatches(share=0.5, patch=2)
    hidden = hide(pictures.shape, 2, 0.5, draw())
    others = pictures.where(hidden, pictures + 100)
    assert term(asked(net, module, others)).item() == term(asked(net, module, pictures)).item()
    moved = pictures.where(~hidden, pictures + 100)
    assert term(asked(net, module, moved)).item() > 50


@pytest.mark.parametrize("backbone", NETS)
def test_convolutions_and_transformers_alike_decode_a_whole_picture(backbone: str) -> None:
    net, phases = compose.build_network(spec(backbone), domain())
    term = MaskedPatches()
    module: Any = term.build(Setting(net, 3, nn.Identity, phases=phases))
    pictures = torch.randn(2, *net.shape, generator=draw(1))
    value = term(asked(net, module, pictures))
    value.backward()
    assert module.filling.grad.abs().sum() > 0, "the filling is learned"
    reached = {net.layer_of[n] for n, p in net.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert 0 in reached and max(reached) >= net.depth - 2, "from the first layer to the last before pooling"


def test_patches_as_large_as_the_picture_are_refused() -> None:
    net, phases = compose.build_network(spec(), domain())
    with pytest.raises(BadSpec, match="set patch to 8 or less"):
        MaskedPatches(patch=32).build(Setting(net, 3, nn.Identity, phases=phases))

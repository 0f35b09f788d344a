from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.support.engine import NETS
from tltk.errors import CannotSplit
from tltk.nn.cut import Cut, frozen_modules
from tltk.nn.freeze import freeze
from tltk.nn.net import Net, make_backbone, make_net
from tltk.specs.parts import NetSpec
from tltk.weights.load import build_net


def net_of(name: str, **options: float) -> Net:
    return build_net(NetSpec(backbone=name, **options), 4, 32, 3, 0)  # type: ignore[arg-type]


def pictures(n: int) -> torch.Tensor:
    return torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize("name", NETS)
def test_every_boundary_gives_back_the_whole(name: str) -> None:
    net = net_of(name).eval()
    with torch.no_grad():
        features, logits = net(pictures(6))
    for boundary in range(net.depth + 1):
        cut = Cut(net, boundary)
        crossing = cut.prefix(pictures(6))
        with torch.no_grad():
            ours = cut.suffix(crossing)
        assert torch.allclose(ours[0], features, atol=1e-6) and torch.allclose(ours[1], logits, atol=1e-6)
        assert cut.numbers == sum(t[0].numel() for t in crossing)
        assert all(len(t) == 6 and not t.requires_grad for t in crossing)


@pytest.mark.parametrize("name", NETS)
def test_gradients_in_training_mode_are_those_of_the_whole(name: str) -> None:
    net = net_of(name)
    boundary = net.depth // 2
    freeze(net, boundary)
    net.train()
    cut = Cut(net, boundary)
    x, free = pictures(8), [p for p in net.parameters() if p.requires_grad]
    state = {n: t.clone() for n, t in net.state_dict().items()}
    grads = []
    for forward in (net, lambda x: cut.suffix(cut.prefix(x))):
        net.load_state_dict(state)  # running statistics above the boundary moved
        grads.append(torch.autograd.grad(forward(x)[1].square().mean(), free))
        moved = net.state_dict()
    for whole, halves in zip(*grads, strict=True):
        assert torch.allclose(whole, halves, atol=1e-6)
        assert float(whole.abs().max()) > 0 or float(halves.abs().max()) == 0
    assert all(torch.equal(state[n], moved[n]) for n in net.tensors(boundary))


def test_the_prefix_moves_no_statistics_and_leaves_the_mode_alone() -> None:
    net = net_of("test_resnet").train()
    freeze(net, 2)
    cut = Cut(net, 2)
    before, modes = {n: t.clone() for n, t in net.state_dict().items()}, [m.training for m in net.modules()]
    cut.prefix(pictures(4) + 3)
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())
    assert modes == [m.training for m in net.modules()]
    assert net.training and not net.backbone.conv1.training  # type: ignore[union-attr]


def test_modules_are_as_before_after_a_pass() -> None:
    net = net_of("test_vit").eval()
    cut = Cut(net, 3)
    cut.suffix(cut.prefix(pictures(3)))
    assert not any("forward" in vars(m) for m in net.modules())


class Doubled(nn.Module):
    """Two pictures in, one batch row out of two: no row per picture."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body = nn.Linear(3, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pixels = self.stem(x.flatten(2).transpose(1, 2).reshape(-1, 3))
        return self.body(pixels.reshape(len(x), -1, 4).mean(1))


class Varying(nn.Module):
    """Its path hangs on the batch size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.again, self.body = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x.mean((2, 3)))
        return self.body(self.again(x) if len(x) % 2 else x)


@pytest.mark.parametrize(("kind", "boundary"), [(Doubled, 1), (Varying, 2)])
def test_what_cannot_be_cut_says_so(kind: type[nn.Module], boundary: int) -> None:
    net = Net(kind(), torch.zeros(3, 3, 8, 8), 2, NetSpec())
    with pytest.raises(CannotSplit, match=f"boundary {boundary}"):
        Cut(net, boundary)


def test_frozen_modules_are_the_largest_below_the_boundary() -> None:
    net = net_of("test_vit")
    names = frozen_modules(net, 3)
    assert "blocks.0" in names and "blocks.0.attn" not in names and "patch_embed" in names
    assert not any(n.startswith(f"blocks.{i}") for n in names for i in range(2, 6))


def test_shared_modules_are_recorded_once() -> None:
    """CoaT's blocks share their position encoding with the stage around them."""
    net = make_net(make_backbone("coat_lite_tiny", 32, 3), 32, 3, 2, NetSpec(backbone="coat_lite_tiny"), 0).eval()
    cut = Cut(net, 6)
    with torch.no_grad():
        assert torch.allclose(cut.suffix(cut.prefix(pictures(5)))[1], net(pictures(5))[1], atol=1e-6)


@pytest.mark.parametrize(("batch", "stable"), [(2, False), (8, True)])
def test_a_network_that_learns_from_rounding_is_not_cut(batch: int, stable: bool) -> None:
    """Batch normalisation of maps of one place divides, in a batch of two, by the difference of two numbers."""
    net = build_net(NetSpec(backbone="mobilenetv2_050"), 4, 32, 3, 0)
    freeze(net, 9)
    net.train()
    before = {n: t.clone() for n, t in net.state_dict().items()}
    flags, draws = [p.requires_grad for p in net.parameters()], torch.get_rng_state()
    if stable:
        assert Cut(net, 9, batch=batch).numbers == Cut(net, 9).numbers
    else:
        with pytest.raises(CannotSplit, match="boundary 9 is not stable in batches of 2: .* of the gradient"):
            Cut(net, 9, batch=batch)
        Cut(net, 9)  # where no batch is named it is not asked
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())
    assert flags == [p.requires_grad for p in net.parameters()] and torch.equal(draws, torch.get_rng_state())
    assert net.training and all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("name", NETS)
def test_small_batches_are_no_matter_where_maps_are_larger_or_norms_are_of_one_picture(name: str) -> None:
    net = build_net(NetSpec(backbone=name), 3, 64 if name == "test_resnet" else 32, 3, 0)
    for boundary in range(1, net.depth):
        Cut(net, boundary, batch=4)

"""Every layer's pooled row is what the module that ends the layer gives, pooled by hand; and nothing is left behind."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn

from tests.support.engine import NETS, domain
from tltk.errors import CannotSplit, UnknownName
from tltk.nn.net import Net, make_backbone, make_net
from tltk.nn.taps import PROJECTED, Taps, layer_ends, own_modules
from tltk.specs.parts import NetSpec
from tltk.training.bank import FeatureBank
from tltk.weights.load import build_net

# Layer → the module that ends it, and the axes of its output that are places: looked up by hand.
RESNET = {"stem": "bn1", "layer1.0": "layer1", "layer2.0": "layer2", "layer3.0": "layer3", "layer4.0": "layer4"}
VIT = {"stem": "patch_embed", **{f"blocks.{i}": f"blocks.{i}" for i in range(5)}, "blocks.5": "norm"}


def net_of(name: str) -> Net:
    return build_net(NetSpec(name), 3, 32, 3, 0).eval()


def swin() -> Net:
    """A channels-last network of two layers: maps (n, h, w, c)."""
    torch.manual_seed(0)
    made = SwinTransformer(
        img_size=32, patch_size=4, embed_dim=12, depths=(1, 1), num_heads=(1, 2), window_size=4, num_classes=0
    )
    return make_net(made, 32, 3, 3, NetSpec("swin"), 0).eval()


def pictures(n: int = 6, seed: int = 1) -> Tensor:
    return torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def raw(net: Net, x: Tensor, ends: dict[str, str]) -> dict[str, Tensor]:
    """What these modules give, unpooled: layer → output."""
    found: dict[str, Tensor] = {}

    def hook(layer: str) -> Callable[..., None]:
        return lambda module, inputs, output: found.__setitem__(layer, output.clone())  # a ReLU may follow in place

    hooks = [net.backbone.get_submodule(end).register_forward_hook(hook(layer)) for layer, end in ends.items()]
    with torch.no_grad():
        net.backbone(x)
    for handle in hooks:
        handle.remove()
    return found


def hooks_of(net: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())


Places = dict[str, tuple[int, ...]]
CASES: list[tuple[str, dict[str, str], Places]] = [
    ("test_resnet", RESNET, dict.fromkeys(RESNET, (2, 3))),
    ("test_vit", VIT, {**dict.fromkeys(VIT, (1,)), "stem": (1, 2)}),
]


@pytest.mark.parametrize(("name", "ends", "places"), CASES)
def test_a_row_is_its_layers_output_pooled(name: str, ends: dict[str, str], places: Places) -> None:
    net, x = net_of(name), pictures()
    assert net.names[:-1] == tuple(ends)
    assert layer_ends(net, x) == list(ends.values())
    outputs = raw(net, x, ends)
    for pooling, pool in (("avg", torch.Tensor.mean), ("max", torch.Tensor.amax)):
        taps = Taps(net, pooling)
        found = taps.prefix(x)
        assert taps.names == (*ends, "features") and len(found) == net.depth + 1
        assert taps.numbers == sum(t.shape[1] for t in found)
        for layer, row in zip(ends, found, strict=False):
            torch.testing.assert_close(row, pool(outputs[layer], places[layer]))


def test_channels_last() -> None:
    net, x = swin(), pictures()
    ends = layer_ends(net, x)
    assert all(ends)
    outputs = raw(net, x, {end: end for end in ends})
    for pooling, pool in (("avg", torch.Tensor.mean), ("max", torch.Tensor.amax)):
        for end, row in zip(ends, Taps(net, pooling).prefix(x), strict=False):
            output = outputs[end]
            assert output.ndim == 4 and output.shape[1] == output.shape[2] != output.shape[3], "not channels last"
            torch.testing.assert_close(row, pool(output, (1, 2)))


@pytest.mark.parametrize(("size", "name"), [((32, 64), "swin"), ((64, 32), "swin"), ((64, 128), "resnet10t")])
def test_places_of_rectangles(size: tuple[int, int], name: str) -> None:
    """Rows and columns differ, so equal sides tell nothing: its proportions do, channels first or last."""
    torch.manual_seed(0)
    if name == "swin":
        backbone: nn.Module = SwinTransformer(
            img_size=size, patch_size=4, embed_dim=12, depths=(1, 1), num_heads=(1, 2), window_size=4, num_classes=0
        )
    else:
        backbone = make_backbone(name, size, 3)
    net = make_net(backbone, size, 3, 2, NetSpec(name), 0).eval()
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    outputs = raw(net, x, {end: end for end in layer_ends(net, x)})
    axes = (1, 2) if name == "swin" else (2, 3)
    found = Taps(net).prefix(x)
    for end, row in zip(layer_ends(net, x), found, strict=False):
        output = outputs[end]
        assert output.shape[axes[0]] * size[1] == output.shape[axes[1]] * size[0], "else this tells nothing"
        torch.testing.assert_close(row, output.mean(axes))


@pytest.mark.parametrize("name", NETS)
def test_an_end_is_the_last_of_its_layer_and_of_no_other(name: str) -> None:
    net = net_of(name)
    for layer, end in enumerate(layer_ends(net, pictures())):
        inside = {net.layer_of[f"backbone.{end}.{p}"] for p, _ in net.backbone.get_submodule(end).named_parameters()}
        assert inside == {layer}
        for other, its in own_modules(net):
            assert other in net.ran and (its != layer or net.ran[other][1] <= net.ran[end][1])


@pytest.mark.parametrize("pooling", ["avg", "max", "project"])
@pytest.mark.parametrize("name", NETS)
def test_the_last_entry_is_what_enters_the_head(name: str, pooling: str) -> None:
    net, x = net_of(name), pictures()
    with torch.no_grad():
        features = net(x)[0]
    torch.testing.assert_close(Taps(net, pooling).prefix(x)[-1], features)


@pytest.mark.parametrize("name", NETS)
def test_a_row_hangs_on_its_own_picture_alone(name: str) -> None:
    taps, x = Taps(net_of(name)), pictures(7)
    for few, all_of_them in zip(taps.prefix(x[2:3]), taps.prefix(x), strict=True):
        torch.testing.assert_close(few, all_of_them[2:3], atol=1e-5, rtol=1e-4)


# -- projection -------------------------------------------------------------------------------------------


class Maps(nn.Module):
    """A backbone of one layer whose map is its input, filtered: large enough to be hashed."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.fault = fault

    def forward(self, x: Tensor) -> Tensor:
        if self.fault == "raises" and not self.conv.weight.requires_grad:
            raise RuntimeError("so it is")
        return self.conv(x).mean((2, 3))


def test_project_keeps_inner_products() -> None:
    torch.manual_seed(0)
    net = make_net(Maps(), 32, 3, 3, NetSpec("maps"), 0).eval()
    taps, x = Taps(net, "project"), pictures(12)
    row, whole = taps.prefix(x)[0], raw(net, x, {"conv": "conv"})["conv"].flatten(1)
    assert row.shape == (12, PROJECTED) and whole.shape == (12, 8 * 32 * 32)
    off = ~torch.eye(12, dtype=torch.bool)
    shared = x + 2 * torch.randn(1, 3, 32, 32).repeat(12, 1, 1, 1) * torch.linspace(-1, 1, 12)[:, None, None, None]
    small, large = (taps.prefix(shared)[0], raw(net, shared, {"conv": "conv"})["conv"].flatten(1))
    true, kept = large @ large.mT, small @ small.mT
    assert float(torch.corrcoef(torch.stack([true[off], kept[off]]))[0, 1]) > 0.9
    assert float((kept / true).diagonal().log().abs().max()) < 0.3  # ‖φ(x)‖² is about ‖x‖²
    # Of pictures that have nothing in common too little is kept to correlate; but nothing is added on average.
    gap = (row @ row.mT - whole @ whole.mT) / whole.square().sum(1).mean()
    assert abs(float(gap[off].mean())) < 0.05


def test_project_is_linear_and_the_same_each_time() -> None:
    from tltk.nn.taps import _project

    a, b = (torch.randn(4, 5, 20, 20, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    torch.testing.assert_close(_project(2 * a - 3 * b), 2 * _project(a) - 3 * _project(b), atol=1e-3, rtol=1e-4)
    torch.manual_seed(5)
    first = _project(a)
    torch.rand(3)
    assert torch.equal(first, _project(a))
    assert torch.equal(_project(a[:1]), first[:1])
    small = torch.randn(4, 8, 8, 8)
    assert torch.equal(_project(small), small.flatten(1))  # few enough to keep as they are
    # Each number lands once, with its sign.
    one = torch.zeros(1, 5, 20, 20)
    one[0, 3, 7, 7] = -2.5
    assert _project(one).abs().sum() == 2.5


# -- what is left behind ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
def test_modes_and_hooks_are_as_before(name: str) -> None:
    net = net_of(name)
    net.train()
    next(net.backbone.children()).eval()
    modes, hooks = [m.training for m in net.modules()], hooks_of(net)
    state = {n: t.clone() for n, t in net.state_dict().items()}
    taps = Taps(net)
    taps.prefix(pictures())
    assert [m.training for m in net.modules()] == modes and hooks_of(net) == hooks
    for n, t in net.state_dict().items():
        assert torch.equal(t, state[n]), n  # running statistics too


def test_after_a_fault_too() -> None:
    net = make_net(Maps("raises"), 32, 3, 3, NetSpec("maps"), 0).train()
    taps, modes = Taps(net), [m.training for m in net.modules()]
    net.requires_grad_(False)
    with pytest.raises(RuntimeError, match="so it is"):
        taps.prefix(pictures())
    assert hooks_of(net) == 0 and [m.training for m in net.modules()] == modes


class Table(nn.Module):
    """A layer that never sees the pictures: it makes a table that is added to them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.table = nn.Conv2d(3, 4, 3), nn.Linear(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).mean((2, 3)) + self.table(torch.ones(5, 2)).mean(0)


def test_a_layer_that_is_not_fed_the_pictures_shows_the_one_before() -> None:
    net, x = make_net(Table(), 32, 3, 3, NetSpec("table"), 0).eval(), pictures()
    assert layer_ends(net, x[:2]) == ["conv", ""]
    conv, table, _ = Taps(net).prefix(x)
    assert torch.equal(conv, table)


class Stem(nn.Module):
    """Its last module of own weights gives a map of positions, as that of XCiT does: the same for every picture."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"conv": nn.Conv2d(3, 4, 3), "places": Places2d()})
        self.last = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem["conv"](x)
        return self.last((x + self.stem["places"](len(x))).mean((2, 3)))


class Places2d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 1)

    def forward(self, n: int) -> Tensor:
        return self.conv(torch.ones(1, 2, 30, 30)).repeat(n, 1, 1, 1)


def test_the_end_of_a_stem_is_not_its_positions() -> None:
    net, x = make_net(Stem(), 32, 3, 3, NetSpec("stem"), 0).eval(), pictures()
    assert net.ran["stem.places"][1] > net.ran["stem.conv"][1]
    i = net.layer_of["backbone.stem.conv.weight"]
    assert layer_ends(net, x[:2])[i] == "stem.conv"
    assert float(Taps(net).prefix(x)[i].std(0).min()) > 0


class Folded(nn.Module):
    """A layer that gives one row for all pictures together."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = Summing(3, 4, 3), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.conv(x).expand(len(x), -1))


class Summing(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).mean((0, 2, 3))[None]


def test_a_layer_without_a_row_per_picture_is_refused() -> None:
    net = make_net(Folded(), 32, 3, 3, NetSpec("folded"), 0).train()
    with pytest.raises(CannotSplit, match="A layer must give a row per picture to be looked at. conv does not."):
        Taps(net)
    assert hooks_of(net) == 0 and all(m.training for m in net.modules())


def test_an_unknown_pooling() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'avg'"):
        Taps(net_of("test_resnet"), "avgs")


@pytest.mark.parametrize("form", [lambda t: (t, None), lambda t: [t], lambda t: {"x": t, "y": 0}])
def test_forms_of_output(form: Callable[[Tensor], Any]) -> None:
    from tltk.nn.taps import _mean, _tensor

    t = torch.randn(3, 7, 4)
    assert torch.equal(_mean(_tensor(form(t), "a", 3), (8, 8)), t.mean(1))
    windows = torch.randn(3 * 4, 7, 5)  # four windows of each picture, one after the other
    assert torch.allclose(_mean(_tensor(windows, "a", 3), (8, 8)), windows.reshape(3, 28, 5).mean(1), atol=1e-6)
    for wrong in (None, 3, torch.randn(3), torch.randn(4, 2), ()):
        with pytest.raises(CannotSplit, match="a does not"):
            _tensor(wrong, "a", 3)


# -- the bank ---------------------------------------------------------------------------------------------


def test_the_bank_finds_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    d, calls = domain(20), 0
    prefix = Taps.prefix

    def counted(self: Taps, x: Tensor) -> Any:
        nonlocal calls
        calls += 1
        return prefix(self, x)

    net = net_of("test_resnet")
    made = {pooling: Taps(net, pooling) for pooling in ("avg", "max", "project")}
    monkeypatch.setattr(Taps, "prefix", counted)
    index = np.arange(20)
    seen = []
    for held in (FeatureBank(), FeatureBank()):  # the second finds on disk what the first has put there
        for pooling, again in itertools.product(made, (False, True)):
            seen.append(held.features(made[pooling], d, index))
            if again:
                assert seen[-1].seconds == 0.0
    assert calls == 3
    avg, most = seen[0], seen[2]
    assert not np.array_equal(avg.arrays[0], most.arrays[0])
    assert np.array_equal(avg.arrays[-1], most.arrays[-1])
    for a, b in zip(seen[:6], seen[6:], strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.arrays, b.arrays, strict=True))
    FeatureBank().features(Taps(net_of("test_resnet")), d, index)  # the same weights in another net
    assert calls == 3 + 1  # its own probe alone
    FeatureBank().features(made["avg"], d, index[:-1])
    with torch.no_grad():
        next(net.backbone.parameters()).add_(1)
    FeatureBank().features(made["avg"], d, index)
    assert calls == 3 + 1 + 2

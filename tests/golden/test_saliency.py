"""Grad-CAM and attention rollout against float64 recomputed on toy networks; the sanity check on known maps."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import timm
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from tltk.errors import CannotSplit
from tltk.nn.net import Net
from tltk.nn.taps import LayerOutputs
from tltk.saliency.attention_rollout import attention_rollout, has_rollout, roll_out
from tltk.saliency.grad_cam import grad_cam, map_layers, map_shift
from tltk.saliency.randomise import randomise_layer, rank_correlation
from tltk.specs.parts import NetSpec


class Toy(nn.Module):
    """Two convolutions with smooth units between, then the mean over places: small enough to be written out."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(1, 3, 3, padding=1)
        self.two = nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x).tanh()).tanh().mean((2, 3))


def toy() -> Net:
    torch.manual_seed(0)
    return Net(Toy(), torch.zeros(2, 1, 6, 6), 3, NetSpec())


def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """(c, h, w) with 3 × 3 filters and a border of noughts, place by place."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    side = (x.shape[1] + 1) // stride if stride > 1 else x.shape[1]
    out = np.zeros((len(weight), side, side))
    for k in range(len(weight)):
        for i in range(side):
            for j in range(side):
                patch = padded[:, i * stride : i * stride + 3, j * stride : j * stride + 3]
                out[k, i, j] = (patch * weight[k]).sum() + bias[k]
    return out


def test_grad_cam_is_its_equations() -> None:
    """The gradient by finite differences of a network that is written out, without autograd."""
    net = toy()
    x = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    state = {n: t.double().numpy() for n, t in net.state_dict().items()}
    outputs, classes = LayerOutputs(net), torch.tensor([2, 0])

    def score(a: np.ndarray, layer: int, of: int) -> float:
        if layer == 0:
            a = convolve(np.tanh(a), state["backbone.two.weight"], state["backbone.two.bias"], 2)
        features = np.tanh(a).mean((1, 2))
        return float(state["head.0.weight"][of] @ features + state["head.0.bias"][of])

    for layer in (0, 1):
        found = grad_cam(net, x, classes, layer, outputs)
        for n, of in enumerate(classes.tolist()):
            a = convolve(x[n].double().numpy(), state["backbone.one.weight"], state["backbone.one.bias"], 1)
            if layer == 1:
                a = convolve(np.tanh(a), state["backbone.two.weight"], state["backbone.two.bias"], 2)
            alpha = np.zeros(len(a))
            for k in range(len(a)):
                for i in range(a.shape[1]):
                    for j in range(a.shape[2]):
                        step = np.zeros_like(a)
                        step[k, i, j] = 1e-5
                        alpha[k] += (score(a + step, layer, of) - score(a - step, layer, of)) / 2e-5
            alpha /= a[0].size  # eq. 1
            cam = np.maximum((alpha[:, None, None] * a).sum(0), 0)  # eq. 2
            assert found[n].numpy() == pytest.approx(cam, abs=1e-5)
    assert found.shape == (2, 3, 3) and map_layers(net, outputs) == [0, 1]


def test_where_a_map_lies_is_measured() -> None:
    """Two rows are read for each place: the one between them and the one before, so half a pixel early."""
    net = toy()
    x = torch.randn(8, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for name, weight in net.state_dict().items():
            if name in ("backbone.one.weight", "backbone.two.weight"):
                weight.fill_(0.1)  # the same everywhere, so that the middle of what is seen is its centre
    down, right = map_shift(net, 0.01 * x, 1, LayerOutputs(net))
    assert (down, right) == pytest.approx((-0.5, -0.5), abs=0.05)
    patches = Net(timm.create_model("test_convnext", num_classes=0), torch.zeros(2, 3, 64, 64), 3, NetSpec())
    outputs = LayerOutputs(patches)
    even = map_shift(patches, torch.randn(4, 3, 64, 64), map_layers(patches, outputs)[0], outputs)
    assert np.abs(even).max() < 1, "patches of a stem without a border lie where their number says"


def test_rollout_is_its_equation() -> None:
    draw = np.random.default_rng(0)
    attentions = [draw.dirichlet(np.ones(5), (2, 3, 5)) for _ in range(4)]
    found = roll_out([torch.from_numpy(a) for a in attentions]).numpy()
    for n in range(2):
        rolled = np.eye(5)
        for a in attentions:
            mean = sum(a[n, h] for h in range(3)) / 3
            rolled = (0.5 * mean + 0.5 * np.eye(5)) @ rolled
        assert found[n] == pytest.approx(rolled, abs=1e-12)
    assert found.sum(-1) == pytest.approx(np.ones((2, 5)))
    alone = roll_out([torch.eye(4)[None, None]] * 3)
    assert torch.equal(alone[0], torch.eye(4)), "who attends to itself alone is made of itself alone"


def test_rollout_of_a_vision_transformer_is_made_of_its_own_weights() -> None:
    torch.manual_seed(0)
    backbone = timm.create_model("test_vit", num_classes=0, img_size=32)
    net = Net(backbone, torch.zeros(2, 3, 32, 32), 3, NetSpec())
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    found = attention_rollout(net, x, net.depth)
    # By the model's own parts: queries and keys of each block from what enters it.
    entering: list[Tensor] = []
    hooks = [b.attn.register_forward_pre_hook(lambda _, args: entering.append(args[0])) for b in backbone.blocks]
    with torch.no_grad():
        backbone.eval()(x)
    for hook in hooks:
        hook.remove()
    rolled = np.eye(entering[0].shape[1])
    for block, inside in zip(backbone.blocks, entering, strict=True):
        attn = block.attn
        state = {n: t.double().numpy() for n, t in attn.state_dict().items()}
        tokens, heads, d = inside[0].double().numpy(), attn.num_heads, attn.head_dim
        qkv = tokens @ state["qkv.weight"].T + state["qkv.bias"]
        q, k = (qkv[:, i * heads * d : (i + 1) * heads * d].reshape(-1, heads, d) for i in (0, 1))
        logits = np.einsum("ahd,bhd->hab", q, k) / np.sqrt(d)
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        mean = (weights / weights.sum(-1, keepdims=True)).mean(0)
        rolled = (mean + np.eye(len(mean))) / 2 @ rolled
    assert backbone.global_pool in ("token", "map", "avg")
    prefix = backbone.num_prefix_tokens
    row = rolled[0] if backbone.global_pool == "token" else rolled[prefix:].mean(0)
    assert found[0].numpy().ravel() == pytest.approx(row[prefix:], abs=1e-5)
    assert [m.fused_attn for m in backbone.modules() if hasattr(m, "fused_attn")] == [
        True for m in backbone.modules() if hasattr(m, "fused_attn")
    ], "the kernels are as they were"


def test_what_has_no_map_is_refused() -> None:
    net = Net(timm.create_model("test_resnet", num_classes=0), torch.zeros(2, 3, 32, 32), 3, NetSpec())
    assert not has_rollout(net)
    with pytest.raises(CannotSplit, match="plain vision transformer"):
        attention_rollout(net, net.sample(2), net.depth)
    vit = Net(timm.create_model("test_vit", num_classes=0, img_size=32), torch.zeros(2, 3, 32, 32), 3, NetSpec())
    assert has_rollout(vit)
    with pytest.raises(CannotSplit, match="attention_rollout"):
        grad_cam(vit, vit.sample(2), torch.zeros(2, dtype=torch.int64), 2, LayerOutputs(vit))


def test_channels_last_are_maps_too() -> None:
    net = Net(timm.create_model("test_convnext", num_classes=0), torch.zeros(2, 3, 64, 64), 3, NetSpec())
    outputs = LayerOutputs(net)
    layers = map_layers(net, outputs)
    found = grad_cam(net, torch.randn(2, 3, 64, 64), torch.tensor([0, 1]), layers[-1], outputs)
    assert found.ndim == 3 and found.min() >= 0 and found.shape[1] == found.shape[2] > 1


def test_the_rank_correlation_is_spearmans() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(2, 3, 4, 4))
    b[1] = np.exp(a[1])  # the same order
    b[2] = 0
    found = rank_correlation(torch.from_numpy(a), torch.from_numpy(b))
    ranks = rankdata(a[0]), rankdata(b[0])
    assert found[0] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert found[1] == pytest.approx(1) and found[2] == 0


def test_a_randomised_layer_has_the_same_numbers_elsewhere_and_others_stay() -> None:
    net = toy()
    other = copy.deepcopy(net)
    randomise_layer(other, 1, torch.Generator().manual_seed(0))
    for name, tensor in net.state_dict().items():
        changed = other.state_dict()[name]
        if net.layer_of[name] == 1:
            assert torch.equal(tensor.flatten().sort().values, changed.flatten().sort().values)
        else:
            assert torch.equal(tensor, changed)
    name = "backbone.two.weight"
    assert not torch.equal(net.state_dict()[name], other.state_dict()[name])

"""What a network is made of, layer by layer: parameters, FLOPs, shapes, what crosses, and its speed here."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import torch

from tltk import adapters
from tltk.analyses.describe.result import DescribeResult
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.sample import Context
from tltk.errors import CannotSplit
from tltk.nn.cut import Cut
from tltk.nn.flops import layer_flops
from tltk.nn.net import Net, make_backbone, make_net
from tltk.nn.rows import RowBackbone
from tltk.nn.taps import layer_ends
from tltk.nn.text import TextBackbone
from tltk.results.layers import Layer
from tltk.specs.parts import AdapterSpec, NetSpec
from tltk.specs.size import Size, height_and_width
from tltk.training.optimizer import pick_device

MEASURED = 1e11  # FLOPs of a step by which the speed is measured, at the most


def _shapes(net: Net) -> list[tuple[int, ...]]:
    """Output shape of each layer for one picture: that of the last of its modules to end."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, output: Any) -> None:
        while isinstance(output, tuple | list) and output:
            output = output[0]
        shapes[name] = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else ()

    pictures = net.sample(2)
    ends = layer_ends(net, pictures)
    hooks = [
        net.backbone.get_submodule(n).register_forward_hook(lambda _m, _i, out, n=n: note(n, out)) for n in ends if n
    ]
    with torch.no_grad():
        net.backbone(pictures)
    for hook in hooks:
        hook.remove()
    return [shapes.get(name, ()) for name in ends]


def layers(backbone: str, size: Size, channels: int = 3, adapter: AdapterSpec | None = None) -> list[Layer]:
    """The layers of a timm model at one picture size, without its head.

    Args:
        backbone: timm's name of it.
        size: Of a picture, in pixels.
        channels: Of a picture.
        adapter: What of a layer learns; None = all of it.
    """
    net = make_net(make_backbone(backbone, size, channels), size, channels, 2, NetSpec(backbone=backbone), 0)
    flops, shapes = layer_flops(backbone, size, channels), _shapes(net)
    parameters = [0] * (net.depth + 1)
    for name, parameter in net.named_parameters():
        parameters[net.layer_of[name]] += parameter.numel()
    found: list[Layer] = []
    for i in range(net.depth):
        # 0: no cut here, this boundary trains uncached. After three in a row the rest is not tried.
        hopeless = i + 1 < net.depth and len(found) > 2 and not any(layer.crossing for layer in found[-3:])
        try:
            numbers = 0 if hopeless else Cut(net, i + 1).numbers
        except CannotSplit:
            numbers = 0
        spent = None if flops is None else flops[i]
        found.append(Layer(i, net.names[i], parameters[i], spent, shapes[i], numbers))
    learnable = _learnable(net, adapter or AdapterSpec())  # last, since it changes the network
    return [dataclasses.replace(layer, learnable=learnable[layer.index]) for layer in found]


def _learnable(net: Net, spec: AdapterSpec) -> list[int]:
    """How many parameters of each layer learn with an adapter, what it adds to the network among them."""
    adapter = adapters.make(spec)
    adapter.adapt(net, 0)
    found = [0] * net.depth
    for name, parameter in net.named_parameters():
        layer = net.layer_of[name]
        if layer < net.depth and adapter.learns(net, name):
            found[layer] += parameter.numel()
    return found


def seconds_per_gflop(backbone: str, size: Size, channels: int, device: torch.device) -> float | None:
    """Measured here and now: seconds for 10⁹ FLOPs of forward and backward; None: FLOPs unknown.

    On a batch of 32, or of fewer pictures where a network is so large that those would take minutes.

    Args:
        backbone: timm's name of the model.
        size: Of a picture in pixels.
        channels: Of a picture.
        device: Where it is measured.
    """
    flops = layer_flops(backbone, size, channels)
    if flops is None:
        return None
    net = make_net(make_backbone(backbone, size, channels), size, channels, 10, NetSpec(backbone=backbone), 0)
    net = net.to(device).train()
    n = int(min(max(MEASURED / (3 * sum(flops)), 2), 32))
    batch = torch.randn(n, channels, *height_and_width(size), device=device)
    if isinstance(net.backbone, TextBackbone | RowBackbone):
        batch = net.backbone.longest(n).to(device)
    best, begun = float("inf"), time.perf_counter()
    for _ in range(30):  # the quickest is the least disturbed by whatever else runs here
        start = time.perf_counter()
        if start - begun > 2 and best < float("inf"):
            break
        net(batch)[1].square().sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best / (3 * n * sum(flops) / 1e9)


def network_summary(spec: DescribeSpec, device: torch.device) -> DescribeResult:
    """Layers, width and speed: the result of a run of this kind, which pages read."""
    found = layers(spec.backbone, spec.picture_size, spec.channels, spec.adapter)
    return DescribeResult(
        backbone=spec.backbone,
        size=spec.picture_size,
        channels=spec.channels,
        layers=found,
        width=found[-1].crossing,  # the last boundary is cut before the head, whatever the network
        seconds_per_gflop=seconds_per_gflop(spec.backbone, spec.picture_size, spec.channels, device),
        device=str(device),
    )


def describe(spec: DescribeSpec, context: Context) -> DescribeResult:
    """The answer to `tltk layers`: see `network_summary`, measured on the fastest device there is."""
    return network_summary(spec, pick_device("auto"))

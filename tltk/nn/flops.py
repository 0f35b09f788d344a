"""FLOPs by torch's formulas, counted on shapes alone: of a whole network and of each of its layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from tltk.nn.net import Net, make_backbone, make_net
from tltk.nn.rows import RowBackbone
from tltk.nn.taps import own_modules
from tltk.nn.text import TextBackbone
from tltk.specs.parts import NetSpec
from tltk.specs.size import Size, height_and_width

aten = torch.ops.aten
FILLED = (
    aten.uniform_.default,
    aten.normal_.default,
    aten.erfinv_.default,
    aten.clamp_.default,
    aten.mul_.Tensor,
    aten.add_.Tensor,
    aten.fill_.Scalar,
    aten.zero_.default,
)
ALIKE = (
    aten.gelu.default,
    aten.silu.default,
    aten.relu.default,
    aten.sigmoid.default,
    aten.hardswish.default,
    aten._softmax.default,
    aten._safe_softmax.default,
)
NORMS = (
    aten.native_layer_norm.default,
    aten.native_batch_norm.default,
    aten._native_batch_norm_legit_no_training.default,
)
PAIRS = (aten.add.Tensor, aten.mul.Tensor)
# One operation that is many products, and for which torch has no formula: a sum that passes over it says too little.
CLOSED = ("mkldnn_rnn_layer", "_cudnn_rnn", "_native_multi_head_attention", "_transformer_encoder_layer_fwd")


class Shapes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts FLOPs by torch's formulas, and answers the commonest operations with their shape alone.

    The figure is that of torch's `FlopCounterMode`; on the meta device, whose operations are in Python, this
    takes a tenth of the time, and it asks autograd nothing, which some networks do not bear.

    Attributes:
        flops: Counted so far.
        whole: False once an operation was met that has no formula.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.whole = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The operation's answer, on the meta device of no numbers."""
        kwargs = kwargs or {}
        out = self._plain(func, args)
        out = func(*args, **kwargs) if out is None else out
        packet = getattr(func, "_overloadpacket", None)
        if packet in flop_registry:
            self.flops += flop_registry[packet](*args, **kwargs, out_val=out)
        elif getattr(packet, "__name__", "") in CLOSED:
            self.whole = False
        return out

    @staticmethod
    def _plain(func: Any, args: Any) -> Any:
        """The answer where its shape is plain; None elsewhere."""
        first = args[0] if args else None
        if not isinstance(first, Tensor) or not first.is_meta:
            return None
        others = [other for other in args[1:] if isinstance(other, Tensor)]
        if func in FILLED and all(other.shape == first.shape for other in others):
            return first  # it has no numbers, so there is nothing to fill
        if func in ALIKE or (func in PAIRS and isinstance(args[1], Tensor) and args[1].shape == first.shape):
            return first.new_empty(first.shape)
        if func is aten.native_layer_norm.default and [*first.shape[-len(args[1]) :]] != [*args[1]]:
            return None  # torch says what does not fit
        if func in NORMS:
            return first.new_empty(first.shape), first.new_empty(0), first.new_empty(0)
        if func is aten.addmm.default and args[1].shape[1] == args[2].shape[0]:
            return first.new_empty((args[1].shape[0], args[2].shape[1]))
        return None


@lru_cache(maxsize=32)
def layer_flops(backbone: str, size: Size, channels: int) -> tuple[int, ...] | None:
    """FLOPs of each layer's forward pass of one picture (a multiply-add counts two); None if they cannot be counted.

    Counted on the meta device, so that nothing is computed, or, where a network needs numbers to find its
    way, in a pass on the CPU. Work that belongs to no layer's module (a functional pooling) goes to the
    last layer.

    Args:
        backbone: timm's name.
        size: Of a picture in pixels.
        channels: Of a picture.
    """
    net = make_net(make_backbone(backbone, size, channels), size, channels, 2, NetSpec(backbone=backbone), 0)
    picture = torch.zeros(1, channels, *height_and_width(size))
    if isinstance(net.backbone, TextBackbone | RowBackbone):
        picture = net.backbone.longest(1)
    try:
        return _count(net, copy.deepcopy(net.backbone).to("meta"), picture.to("meta"))
    except Exception:  # whatever an architecture does that needs numbers
        pass
    try:
        # By its products, which have formulas, and not by a kernel that is closed to us.
        with sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=False):
            return _count(net, net.backbone, picture)
    except Exception:  # then they are unknown, which is reported and stops nothing
        return None


def _count(net: Net, backbone: nn.Module, picture: Tensor) -> tuple[int, ...] | None:
    """FLOPs of each layer of the net in one pass of its backbone, or of a copy of it, over this picture."""
    flops, inside = [0] * net.depth, list[tuple[int, int]]()
    counter = Shapes()

    def enters(layer: int) -> Callable[..., None]:
        return lambda *_: inside.append((layer, counter.flops))

    def leaves(*_: Any) -> None:
        layer, before = inside.pop()
        if not inside:  # a module that two layers share counts for the one around it
            flops[layer] += counter.flops - before

    hooks: list[Any] = []
    for name, layer in own_modules(net):
        module: nn.Module = backbone.get_submodule(name)
        hooks += [module.register_forward_pre_hook(enters(layer)), module.register_forward_hook(leaves)]
    try:
        backbone.eval()
        with torch.no_grad(), counter:
            backbone(picture)
    finally:
        for hook in hooks:
            hook.remove()
    flops[-1] += counter.flops - sum(flops)
    return tuple(flops) if counter.whole and counter.flops else None

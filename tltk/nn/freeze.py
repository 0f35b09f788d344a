"""Freezing is one function, and it is audited.

Peers get this wrong in four ways: the wrong attribute, normalisation statistics that go on moving,
an optimiser that was built before, and a resume that freezes again. Here `freeze` does all of it,
and `Audit` compares every frozen tensor with its first value, bit for bit, after each epoch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tltk.errors import BadSpec
from tltk.nn.cut import frozen_modules
from tltk.nn.net import Net

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)


def freeze(net: Net, boundary: int, norm: str = "frozen") -> None:
    """Freeze layers 0 … boundary − 1; all others train. Build the optimiser after this.

    Frozen weights ask for no gradient. Frozen modules are put in evaluation mode and kept there, so
    their running statistics stay, and their dropout and stochastic depth are off. With
    `norm="adapt"` the running statistics below the boundary follow the batches.

    Raises:
        BadSpec: The boundary is not between 0 and the net's depth.
    """
    if not 0 <= boundary <= net.depth:
        raise BadSpec(f"The boundary must be between 0 and {net.depth} for this network. Got {boundary}.")
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(net.layer_of[name] >= boundary)
        if not parameter.requires_grad:
            parameter.grad = None
    locked: list[nn.Module] = []
    if boundary == net.depth:
        locked = [net.backbone]
    elif boundary:
        locked = [net.backbone.get_submodule(name) for name in frozen_modules(net, boundary)]
    if norm == "adapt":
        locked = [m for top in locked for m in top.modules() if not _holds_norm(m)]
    net.locked = tuple(locked)
    net.train(net.training)


def _holds_norm(module: nn.Module) -> bool:
    """Whether evaluation mode would stop running statistics in or under this module."""
    return any(isinstance(m, _NORMS) for m in module.modules())


_WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _bits(tensor: Tensor) -> Tensor:
    """The same memory read as whole numbers, so that −0 is not 0 and NaN equals itself; no copy."""
    return tensor.detach().view(_WORDS[tensor.element_size()])


class Audit:
    """Remembers a net's tensors, and says later which frozen ones moved and how far each layer went.

    Args:
        net: The net as it starts.
        norm: With "adapt", running statistics may move and are not held against a frozen layer.
    """

    def __init__(self, net: Net, norm: str = "frozen") -> None:
        self._net = net
        self._parameters = {name for name, _ in net.named_parameters()}
        self._free = set() if norm == "frozen" else set(net.state_dict()) - self._parameters
        self._first = {n: t.detach().clone() for n, t in net.tensors(net.depth + 1).items()}

    def start(self) -> dict[str, Tensor]:
        """The first values, by name; for checkpoints, so that a resumed run audits from the start."""
        return self._first

    def restore(self, first: dict[str, Tensor]) -> None:
        """Audit against these first values, those of a run that is being resumed."""
        self._first = {n: first[n].to(t.device) for n, t in self._first.items()}

    def moved(self, boundary: int) -> list[str]:
        """Frozen tensors that are not bit-equal to their first value. Must be empty."""
        now = self._net.tensors(boundary)
        return [
            n for n, t in now.items() if n not in self._free and not torch.equal(_bits(t), _bits(self._first[n]))
        ]

    def change(self, boundary: int = 0) -> list[float]:
        """‖w − w₀‖₂ of each layer's parameters, the head last; 0 below a boundary that `moved` has checked."""
        squares = [0.0] * (self._net.depth + 1)
        for name, parameter in self._net.named_parameters():
            if self._net.layer_of[name] < boundary:
                continue
            delta = parameter.detach().float() - self._first[name].float()
            squares[self._net.layer_of[name]] += float(delta.square().sum())
        return [s**0.5 for s in squares]

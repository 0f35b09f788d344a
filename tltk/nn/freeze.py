"""Freezing is one function, and it is audited.

Peers get this wrong in four ways: the wrong attribute, normalisation statistics that go on moving,
an optimiser that was built before, and a resume that freezes again. Here `freeze` does all of it,
and `Audit` compares every frozen tensor with its first value, bit for bit, after each epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tltk.errors import BadSpec, RunProblem
from tltk.nn.adapted import computed_tensors
from tltk.nn.cut import frozen_modules
from tltk.nn.net import Net

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)


def freeze(
    net: Net,
    boundary: int,
    norm: str = "frozen",
    *,
    above: Collection[int] = (),
    learns: Callable[[str], bool] = lambda name: True,
) -> None:
    """Freeze layers 0 … boundary − 1, and those above it that are named. Build the optimiser after this.

    Frozen weights ask for no gradient. Frozen modules are put in evaluation mode and kept there, so
    their running statistics stay, and their dropout and stochastic depth are off.

    Args:
        net: The network.
        boundary: The first layer that learns.
        norm: With "adapt" the running statistics of frozen layers follow the batches; otherwise they stay.
        above: Layers above the boundary that are frozen too.
        learns: Which parameters of the backbone's other layers learn, by name; the head learns whole.

    Raises:
        BadSpec: The boundary is not between 0 and the net's depth.
    """
    if not 0 <= boundary <= net.depth:
        raise BadSpec(f"The boundary must be between 0 and {net.depth} for this network. Got {boundary}.")
    net.frozen = frozenset((*range(boundary), *above))
    for name, parameter in net.named_parameters():
        layer = net.layer_of[name]
        parameter.requires_grad_(layer not in net.frozen and (layer == net.depth or learns(name)))
        if not parameter.requires_grad:
            parameter.grad = None
    locked: list[nn.Module] = []
    if boundary == net.depth:
        locked = [net.backbone]
    elif boundary:
        locked = [net.backbone.get_submodule(name) for name in frozen_modules(net, boundary)]
    locked += _within(net, above)
    if norm == "adapt":
        locked = [m for top in locked for m in top.modules() if not _holds_norm(m)]
    net.locked = tuple(locked)
    net.train(net.training)


def _within(net: Net, layers: Collection[int]) -> list[nn.Module]:
    """The modules of the network that hold tensors of these layers and of no other."""
    found = []
    for top, module in net.named_modules():
        owners = {net.layer_of.get(f"{top}.{name}", -1) for name in module.state_dict()} if top else {-1}
        if owners and owners <= set(layers):
            found.append(module)
    return found


def is_norm(module: nn.Module) -> bool:
    """Whether a module normalises: of batches, layers, groups, instances or by the root mean square."""
    return isinstance(module, (*_NORMS, nn.LayerNorm, nn.GroupNorm)) or "norm" in type(module).__name__.lower()


def _holds_norm(module: nn.Module) -> bool:
    """Whether evaluation mode would stop running statistics in or under this module."""
    return any(isinstance(m, _NORMS) for m in module.modules())


@contextmanager
def keep_running_statistics(net: nn.Module) -> Iterator[None]:
    """For a while, batches are normalised by their own statistics as in training, and the running ones stay."""
    norms = [m for m in net.modules() if isinstance(m, _NORMS) and m.training and m.track_running_stats]
    kept = [dict(m.named_buffers(recurse=False)) for m in norms]
    for module, buffers in zip(norms, kept, strict=True):
        for name, value in buffers.items():
            setattr(module, name, value.clone())
    try:
        yield
    finally:  # the very tensors: the backward pass of an earlier batch still needs them as they were
        for module, buffers in zip(norms, kept, strict=True):
            for name, value in buffers.items():
                setattr(module, name, value)


def take_statistics(net: nn.Module, batches: Iterable[Callable[[], object]]) -> Callable[[], None]:
    """All batch normalisation is by the statistics of these batches from now on: adaptive batch normalisation.

    They are the means over the batches of their means and variances, each batch normalised by itself on its way up.

    Args:
        net: The network; it is in evaluation mode afterwards.
        batches: Each passes one batch through the network when it is called.

    Returns:
        What puts the former statistics back.

    Reference:
        Li, Wang, Shi, Liu and Hou (2016), Revisiting batch normalization for practical domain adaptation, §3.
        arXiv:1603.04779.
    """
    norms = [m for m in net.modules() if isinstance(m, _NORMS) and m.track_running_stats]
    momenta = [m.momentum for m in norms]
    former = [(buffer, buffer.clone()) for m in norms for buffer in m.buffers(recurse=False)]
    net.eval()
    for module in norms:
        module.reset_running_stats()
        module.momentum = None  # a plain mean over the batches
        nn.Module.train(module)
    with torch.no_grad():
        for batch in batches:
            batch()
    net.eval()
    for module, momentum in zip(norms, momenta, strict=True):
        module.momentum = momentum

    def put_back() -> None:
        with torch.no_grad():
            for buffer, value in former:
                buffer.copy_(value)

    return put_back


_WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def bits(tensor: Tensor) -> Tensor:
    """The same memory read as whole numbers, so that −0 is not 0 and NaN equals itself; no copy.

    Args:
        tensor: Of any shape and type.
    """
    return tensor.detach().view(_WORDS[tensor.element_size()])


class Audit:
    """Remembers a net's tensors, and says later which frozen ones moved and how far each layer went.

    Args:
        net: The net as it starts.
        norm: Unless it is "frozen", running statistics may move and are not held against a frozen layer.

    Attributes:
        first: The first values of all tensors, by name.
    """

    def __init__(self, net: Net, norm: str = "frozen") -> None:
        self._net, self._norm = net, norm
        self.first = {n: t.detach().clone() for n, t in net.tensors(net.depth + 1).items()}
        self._held: dict[str, Tensor] = {}
        self._earlier: frozenset[str] = frozenset()

    def record(self, earlier: Collection[str] = ()) -> None:
        """From now on, what does not learn must stay as it is: call it after each `freeze`.

        What has never learned is held to its first value, what learned in an earlier phase to its value now.

        Args:
            earlier: Tensors that learned in an earlier phase, by name.

        Raises:
            RunProblem: A parameter neither learns nor is audited.
        """
        now = self._net.tensors(self._net.depth + 1)
        parameters = dict(self._net.named_parameters(remove_duplicate=False))
        learning = {n for n, p in parameters.items() if p.requires_grad}
        frozen = {n for n in parameters if n not in learning and n in now}
        if self._norm == "frozen":
            frozen |= {n for n in now if n not in parameters and self._net.layer_of[n] in self._net.frozen}
        lost = sorted(set(parameters) - learning - frozen)
        if lost:
            raise RunProblem(
                f"Every parameter must learn or be audited. {len(lost)} do neither, the first is {lost[0]}. This is "
                f"a bug in tltk; please report it with this run's folder."
            )
        self._earlier = frozenset(earlier)
        self._held = {n: now[n].detach().clone() if n in self._earlier else self.first[n] for n in frozen}

    @property
    def n_recorded(self) -> int:
        """How many tensors are audited."""
        return len(self._held)

    def changed_tensors(self) -> list[str]:
        """Held tensors that are no longer what they were, bit for bit. Must be empty."""
        now = self._net.tensors(self._net.depth + 1)
        return [n for n in now if n in self._held and not torch.equal(bits(now[n]), bits(self._held[n]))]

    def change(self) -> list[float]:
        """‖w − w₀‖₂ of each layer's parameters, the head last; 0 where none of them has ever learned.

        What an adapter adds counts by what it makes of the weights.
        """
        squares = [0.0] * (self._net.depth + 1)
        computed, added = computed_tensors(self._net)
        for name, parameter in self._net.named_parameters():
            if name in added:
                continue
            if parameter.requires_grad or name in self._earlier or not self._held or name in computed:
                delta = computed.get(name, parameter).detach().float() - self.first[name].float()
                squares[self._net.layer_of[name]] += float(delta.square().sum())
        return [s**0.5 for s in squares]

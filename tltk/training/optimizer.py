"""Where it is computed and by which optimiser: the choices of an `OptimSpec` that torch and timm fulfil."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any

import timm.optim
import torch
from torch import nn
from torch.optim import Optimizer

from tltk.errors import BadSpec, RunProblem, UnknownName
from tltk.nn.net import Net
from tltk.specs.training import TransferSpec
from tltk.strategies.phase import Phase


def pick_device(wanted: str) -> torch.device:
    """The device of that name; `auto` takes CUDA, then MPS, then the CPU.

    Raises:
        RunProblem: It is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, here in there.items() if here))
    if not there[wanted]:
        have = ", ".join(name for name, here in there.items() if here)
        raise RunProblem(f"optim.device must be on this machine. {wanted} is not; there is {have}, or 'auto'.")
    return torch.device(wanted)


def undecayed_parameters(net: Net) -> set[str]:
    """Parameters without weight decay, by timm's rule (`timm.optim.param_groups_weight_decay`).

    Those of one dimension, biases, and what the architecture excepts by its `no_weight_decay()`: class, register
    and position tokens, tables of relative positions, …, by name or by a pattern of names.
    """
    patterns: set[str] = getattr(net.backbone, "no_weight_decay", set)()
    return {
        name
        for name, parameter in net.named_parameters()
        if parameter.ndim <= 1
        or name.endswith(".bias")
        or any(fnmatch(name.removeprefix("backbone."), pattern) for pattern in patterns)
    }


def _layer_groups(net: Net, phase: Phase, weight_decay: float) -> list[dict[str, Any]]:
    """Groups of a network's parameters that ask for a gradient, by the phase's rate for their layer, decayed or not.

    Layers of one rate are one group: a group costs a call in every step.
    """
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    spared = undecayed_parameters(net)
    for name, parameter in sorted(net.named_parameters(), key=lambda found: net.layer_of[found[0]]):
        layer = net.layer_of[name]
        if layer < phase.boundary or not parameter.requires_grad:
            continue
        scale, decays = phase.lr_scale[layer], name not in spared
        group = groups.setdefault(
            (scale, decays),
            {"params": [], "layers": [], "scale": scale, "weight_decay": weight_decay if decays else 0.0},
        )
        group["params"].append(parameter)
        if layer not in group["layers"]:
            group["layers"].append(layer)
    return list(groups.values())


def make_optimizer(net: Net, phase: Phase, spec: TransferSpec, more: Sequence[nn.Module] = ()) -> Optimizer:
    """One group for each rate, and per decay or none: biases, norms, scales and what timm excepts are not decayed.

    Each group tells its `layers` and the `scale` of their rate.

    Args:
        net: Frozen as the phase says.
        phase: Whose layers learn.
        spec: The training.
        more: Modules beside the network that learn too, at the full rate; their groups tell no layers. A network
            among them has the rates and the decay of the first.

    Raises:
        UnknownName: timm has no such optimiser.
        BadSpec: It needs what is not here: a library, or second derivatives.
    """
    groups = _layer_groups(net, phase, spec.optim.weight_decay)
    for module in more:
        if isinstance(module, Net):
            groups += _layer_groups(module, phase, spec.optim.weight_decay)
        else:
            own = {"params": list(module.parameters()), "layers": [], "scale": 1.0}
            groups.append({**own, "weight_decay": spec.optim.weight_decay})
    return create_optimizer(groups, spec)


def create_optimizer(groups: list[dict[str, Any]], spec: TransferSpec) -> Optimizer:
    """The optimiser that a training asks for, over these groups of parameters.

    Args:
        groups: As torch takes them; what they do not say is as the training says.
        spec: The training.

    Raises:
        UnknownName: timm has no such optimiser.
        BadSpec: It needs what is not here: a library, or second derivatives.
    """
    name = spec.optim.optimizer
    if name not in timm.optim.list_optimizers():
        raise UnknownName.among("optimizer", name, timm.optim.list_optimizers())
    # torch's fused kernels pass over the weights once: on a CPU a fifth of the plain AdamW's time.
    fused = {"fused": True} if name in ("adamw", "adam", "sgd") else {}
    # timm's sgd is Nesterov's, which needs a momentum; its "momentum" is plain SGD.
    kind = "momentum" if name == "sgd" and not spec.optim.momentum else name
    try:
        optimizer: Optimizer = timm.optim.create_optimizer_v2(
            groups,
            opt=kind,
            lr=spec.optim.lr,
            weight_decay=spec.optim.weight_decay,
            momentum=spec.optim.momentum,
            **fused,
        )
    except (AssertionError, ImportError, RuntimeError) as fault:
        raise BadSpec(f"The optimizer {name} must be usable here. It is not: {fault}. Take adamw or sgd.") from None
    if getattr(optimizer, "is_second_order", False):
        raise BadSpec(f"The optimizer {name} must do with first derivatives. It needs second ones; take adamw.")
    return optimizer

"""All that a run needs to go on from its last epoch, in one safetensors file: tensors, and state as JSON.

Randomness is not among it: every random stream of a run is a function of (seed, epoch), so a resumed
run draws what the uninterrupted one would have drawn.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.optim import Optimizer

from tltk import home
from tltk.errors import RunProblem
from tltk.weights import weightfile

PLAIN = (int, float, str, bool, type(None))


def write(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write tensors and state so that a power cut leaves the old checkpoint or the new one.

    Args:
        path: Of the checkpoint.
        tensors: By name; any shapes and types that safetensors holds.
        state: What JSON can hold.
    """
    home.write_atomic(path, weightfile.tensor_pieces(tensors, {"state": json.dumps(state)}))


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What was written last, or None where there is nothing whole."""
    if not path.is_file():  # a pipe would be waited for
        return None
    try:
        with safe_open(path, "pt") as file:
            state: dict[str, Any] = json.loads((file.metadata() or {})["state"])
            return {n: file.get_tensor(n) for n in file.keys()}, state  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def pack_optimizer(optimizer: Optimizer, names: dict[int, str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state by parameter name: tensors apart, numbers as JSON.

    Raises:
        RunProblem: It keeps more than that, so what goes on later would not be what was.
    """
    kind = type(optimizer).__name__
    odd = set(optimizer.state_dict()) - {"state", "param_groups"}
    tensors: dict[str, Tensor] = {}
    moved: list[str] = []  # on the device; some keep a step count on the CPU
    numbers: dict[str, Any] = {}
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            name = f"optim/{names[id(parameter)]}/{key}"
            if isinstance(value, Tensor):
                tensors[name] = value.detach().cpu().clone().contiguous()
                moved += [name] if value.device.type != "cpu" else []
            elif isinstance(value, PLAIN):
                numbers[name] = value
            else:
                odd.add(key)
    if odd:
        raise RunProblem(f"The optimizer {kind} keeps what cannot be written down: {', '.join(sorted(odd))}.")
    groups = [
        {k: v for k, v in group.items() if k != "params" and isinstance(v, PLAIN)} for group in optimizer.param_groups
    ]
    for i, group in enumerate(optimizer.param_groups):  # some count their steps here
        found = {k: v for k, v in group.items() if isinstance(v, Tensor)}
        tensors |= {f"group/{i}/{k}": v.detach().cpu().clone() for k, v in found.items()}
    return tensors, {"numbers": numbers, "groups": groups, "moved": moved}


def unpack_optimizer(
    optimizer: Optimizer, names: dict[int, str], tensors: dict[str, Tensor], state: dict[str, Any]
) -> None:
    """Put a packed state back; the optimiser must have been built for the same parameters.

    Args:
        optimizer: Newly built for the same parameters; its state is overwritten.
        names: id of a parameter → its name, as `pack_optimizer` had them.
        tensors: The tensors of `pack_optimizer`; others are passed over.
        state: The JSON part of `pack_optimizer`.
    """
    for group, saved in zip(optimizer.param_groups, state["groups"], strict=True):
        group.update(saved)
    by_name = {names[id(p)]: p for group in optimizer.param_groups for p in group["params"]}
    for name, value in [*tensors.items(), *state["numbers"].items()]:
        if name.startswith("optim/"):
            _, parameter, key = name.split("/", 2)
            target = by_name[parameter]
            if isinstance(value, Tensor):
                value = value.to(target.device) if name in state["moved"] else value.clone()
            if isinstance(value, Tensor) and value.shape == target.shape:
                # In the weight's own memory layout: fused kernels run over both as flat memory.
                value = torch.empty_like(target, dtype=value.dtype).copy_(value)
            optimizer.state[target][key] = value
        elif name.startswith("group/"):
            _, i, key = name.split("/", 2)
            optimizer.param_groups[int(i)][key] = value.clone()

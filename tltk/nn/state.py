"""The tensors of a module, out of it and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def pack(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """A module's state under a prefix; a tensor that two modules share is written once for each."""
    return {f"{prefix}{n}": t.detach().cpu().clone().contiguous() for n, t in module.state_dict().items()}


@torch.no_grad()
def unpack(module: nn.Module, tensors: dict[str, Tensor], prefix: str) -> None:
    """Put a module's state back, bit for bit.

    Args:
        module: Built as the one that was packed.
        tensors: A checkpoint’s tensors by name; others than those with this prefix are passed over.
        prefix: As it was given to `pack`.
    """
    module.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})

"""A network's pass over full batches by `torch.compile`, where a training asks for it (`optim.compile`)."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import RunProblem
from tltk.nn.net import Net


class CompiledPass:
    """The pass of a training step; batches of another size, and evaluation, go through the network as it is.

    Args:
        net: Frozen as its phase says; what is compiled is of that phase.
        n: Pictures of a full batch.
    """

    def __init__(self, net: Net, n: int) -> None:
        torch.compiler.reset()  # an earlier phase's counts towards a limit
        self._net, self._n = net, n
        self._compiled = torch.compile(net, dynamic=False)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(features, logits) of a batch.

        Args:
            x: (k, c, h, w), normalised.

        Raises:
            RunProblem: It cannot be compiled here.
        """
        if len(x) != self._n or not self._net.training:
            features, logits = self._net(x)
            return features, logits
        try:
            features, logits = self._compiled(x)
        except RuntimeError as fault:
            if type(fault).__module__ != "torch._dynamo.exc":
                raise
            raise RunProblem(
                f"torch.compile must be able to compile this network on this machine. It is not: "
                f"{str(fault).strip().splitlines()[0][:200].rstrip('.')}. Leave optim.compile out."
            ) from None
        return features, logits

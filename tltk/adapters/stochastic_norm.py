"""Everything learns, and batch normalisation takes running statistics by lot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tltk.adapters.adapter import Adapter
from tltk.specs.knobs import knob

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tltk.nn.net import Net


@dataclass(frozen=True)
class StochasticNorm(Adapter):
    """Stochastic normalisation: each channel is normalised by running statistics instead of the batch's, by lot.

    y = γ x̂ + β with x̂ = (x − μ̃)/√(σ̃² + ε) where s = 1, and (x − μ)/√(σ² + ε) where s = 0; s ~ Bernoulli(p) for each
    channel in each training step, μ, σ² of the batch and μ̃, σ̃² their running means, which begin as the source left
    them. In evaluation there is no difference.

    Statistics of a small batch are noise that a network can learn by heart, and in evaluation they are not there. By
    lot between the two the network gets used to both, and keeps something of the source's statistics: it helps where
    the target has few labels and batches are small. Where there are many labels it gains nothing, and with new weights
    the running means say nothing at first. All weights learn; only batch normalisation in layers that learn is
    changed, so a network with layer normalisation stays as it is, and the run says so.

    Reference:
        Kou, You, Long and Wang (2020), Stochastic normalization, NeurIPS, §3.
    """

    share: float = knob(0.5, 0.0, 1.0, help="p: how often a channel takes running statistics in training.")

    def adapt(self, net: Net, lowest: int) -> None:
        """Change the batch normalisation of layers from `lowest` on.

        Args:
            net: With its first weights.
            lowest: The lowest layer that ever learns.
        """
        found = list(_batch_norms(net, lowest))
        for module in found:
            kind: Any = type(module)
            module.__class__ = _stochastic(kind)
            module.stochastic_share = self.share  # type: ignore[assignment]
        if not found:
            net.notes.append("No layer that learns normalises by batches: stochastic_norm changes nothing here.")

    def merge(self, net: Net) -> None:
        """Back to plain batch normalisation, which is the same in evaluation.

        Args:
            net: Trained.
        """
        for module in _batch_norms(net, 0):
            if hasattr(module, "stochastic_share"):
                module.__class__ = type(module).__mro__[1]
                del module.stochastic_share

    def learns(self, net: Net, name: str) -> bool:
        """Everything."""
        return True


def _batch_norms(net: Net, lowest: int) -> Iterator[nn.Module]:
    """Batch normalisations with running statistics in layers from `lowest` on."""
    from torch.nn.modules.batchnorm import _BatchNorm

    for name, module in net.named_modules():
        if isinstance(module, _BatchNorm) and net.layer_of.get(f"{name}.running_mean", -1) >= lowest:
            yield module


@cache
def _stochastic(kind: type[Any]) -> type[Any]:
    """A class of normalisation, timm's with an activation among them, whose channels are drawn in training."""
    import torch

    def forward(self: Any, x: Tensor) -> Tensor:
        plain: Callable[[Any, Tensor], Tensor] = kind.forward
        batch = plain(self, x)
        if not self.training:
            return batch
        self.training = False  # after the batch's pass, which moves the running statistics: backward needs them so
        running = plain(self, x)
        self.training = True
        drawn = torch.rand(batch.shape[1], device=batch.device) < self.stochastic_share
        return torch.where(drawn.reshape(1, -1, *[1] * (batch.ndim - 2)), running, batch)

    return type(f"Stochastic{kind.__name__}", (kind,), {"forward": forward})

"""What an adapter is: which weights of a learning layer learn, and what is put into a network for that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.specs.knobs import Spec

if TYPE_CHECKING:
    from tltk.nn.net import Net


@dataclass(frozen=True)
class Adapter(Spec, ABC):
    """The base of all adapters. The head always learns whole; a frozen layer is frozen whatever the adapter says.

    What does not learn is audited like a frozen layer, bit for bit after each epoch.
    """

    def adapt(self, net: Net, lowest: int) -> None:
        """Put into the network what this adapter adds, before training; its first weights must change nothing.

        Args:
            net: With its first weights; what is added must be indexed in `net.layer_of`.
            lowest: The lowest layer that ever learns. Nothing may be added below it: what is frozen stays the network
                that it was, and its features are shared with trainings that add nothing.
        """

    def merge(self, net: Net) -> None:
        """Take what was added out again after training, its effect put into the weights: equal outputs, no new tensors.

        All that leaves a training is merged (weights, snapshots, the network that is tested), so that nobody who
        loads it needs the adapter; a checkpoint is not.

        Args:
            net: Trained.
        """

    @abstractmethod
    def learns(self, net: Net, name: str) -> bool:
        """Whether a parameter of a learning layer learns.

        Args:
            net: The network.
            name: Of the parameter, as `net.named_parameters()` has it.
        """

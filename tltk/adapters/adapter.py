"""What an adapter is: which weights of a learning layer learn, and what is put into a network for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.specs.knobs import Spec

if TYPE_CHECKING:
    from tltk.nn.net import Net


@dataclass(frozen=True)
class Adapter(Spec):
    """The base of all adapters. The head always learns whole; a frozen layer is frozen whatever the adapter says.

    What does not learn is audited like a frozen layer, bit for bit after each epoch.
    """

    def adapt(self, net: Net) -> None:
        """Put into the network what this adapter adds, before training; its first weights must change nothing.

        Args:
            net: With its first weights; what is added must be indexed in `net.layer_of`.
        """

    def learns(self, net: Net, name: str) -> bool:
        """Whether a parameter of a learning layer learns.

        Args:
            net: The network.
            name: Of the parameter, as `net.named_parameters()` has it.
        """
        raise NotImplementedError

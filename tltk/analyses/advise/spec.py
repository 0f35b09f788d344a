"""What advice is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.depth import DepthSpec
from tltk.errors import BadSpec
from tltk.specs.knobs import knob


@dataclass(frozen=True)
class AdviseSpec(DepthSpec):
    """A question: how should these weights be used for this target? Measured, then answered by the field's rules.

    Labels per class and the probes of every layer, of these weights and of random ones, decide; a source, where one is
    named, tells how far the domains are apart.
    """

    kind: ClassVar[str] = "advise"
    verb: ClassVar[str] = "advise"
    about: ClassVar[str] = "Which technique to try first, at which boundary, why, and what would change that."

    few: int = knob(50, 2, 100_000, help="Fewer labels per class than this count as few.")
    minutes: float = knob(0.0, 0.0, 1e6, help="Minutes that a training may take; 0 = no limit. Slow ones are left out.")
    epochs: int = knob(10, 1, 10_000, help="Epochs of a training, from which its minutes are estimated.")

    def check(self) -> None:
        """Refuse advice on new weights: there is nothing to transfer.

        Raises:
            BadSpec: The weights are scratch.
        """
        super().check()
        if self.net.weights == "scratch":
            raise BadSpec(
                "Advice is on how to use weights. net.weights is scratch; name some, as in store:NAME or run:ID."
            )

"""What advice is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.depth import DepthSpec
from tltk.analyses.rank.spec import candidate
from tltk.errors import BadSpec
from tltk.specs.knobs import knob, list_field


@dataclass(frozen=True)
class AdviseSpec(DepthSpec):
    """A question: how should these weights be used for this target? Measured, then answered by the field's rules.

    Labels per class and the probes of every layer, of these weights and of random ones, decide; a source, where one is
    named, tells how far the domains are apart. Of several candidates that with the highest LogME is advised on.
    """

    kind: ClassVar[str] = "advise"
    verb: ClassVar[str] = "advise"
    about: ClassVar[str] = "Which technique to try first, at which boundary, why, and what would change that."

    later: ClassVar[tuple[str, ...]] = (*DepthSpec.later, "candidates", "latency")

    candidates: tuple[str, ...] = list_field(
        (),
        help="Networks to choose among by LogME, each BACKBONE@WEIGHTS, separated by commas; empty = that of "
        "--backbone and --weights.",
    )
    few: int = knob(50, 2, 100_000, help="Fewer labels per class than this count as few.")
    minutes: float = knob(0.0, 0.0, 1e6, help="Minutes that a training may take; 0 = no limit. Slow ones are left out.")
    latency: float = knob(
        0.0, 0.0, 1e6, help="Milliseconds that a picture may take; 0 = no limit. Slower candidates are left out."
    )
    epochs: int = knob(10, 1, 10_000, help="Epochs of a training, from which its minutes are estimated.")

    def check(self) -> None:
        """Refuse advice on new weights: there is nothing to transfer.

        Raises:
            BadSpec: The weights are scratch, or networks are named in two ways.
        """
        super().check()
        new = [text for text in self.candidates if candidate(text).weights == "scratch"]
        if new:
            raise BadSpec(f"Advice is on how to use weights. The candidate {new[0]} has none; write {new[0]}@WEIGHTS.")
        if self.candidates and self.net.weights != "scratch":
            raise BadSpec("Networks must be named in one way: with --candidates, or with --backbone and --weights.")
        if self.candidates:
            return
        if self.net.weights == "scratch":
            raise BadSpec(
                "Advice is on how to use weights. net.weights is scratch; name some, as in store:NAME or run:ID."
            )

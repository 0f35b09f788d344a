"""What a freeze-depth sweep is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tltk.errors import BadSpec, UnknownName
from tltk.specs.knobs import knob, list_field, read_value
from tltk.specs.parts import BUT_SIZE
from tltk.studies.spec import StudySpec

ARMS = ("AnB", "AnB+", "BnB", "BnB+", "random")
HALVES = {"random": ("random1", "random2"), "ordered": ("first", "second")}


@dataclass(frozen=True)
class SweepSpec(StudySpec):
    """A study: the first n layers of a trained network are kept, the others begin anew, for every n.

    A is the source, B the target. AnB: n layers of a network trained on A, frozen, the rest trained on B; AnB+: the
    same, all layers trained; BnB and BnB+: n layers of a network trained on B; random: n frozen layers that were
    never trained. With `halves` source and target are the halves of the target's classes.

    Reference:
        Yosinski, Clune, Bengio and Lipson (2014), How transferable are features in deep neural networks?, NeurIPS, §2.
        arXiv:1411.1792.
    """

    kind: ClassVar[str] = "sweep"
    verb: ClassVar[str] = "sweep"
    about: ClassVar[str] = "Freeze-depth sweep: how many layers transfer (AnB, AnB+, BnB, BnB+, random layers)."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "source": BUT_SIZE,
        "net": ("backbone", "norm", "head", "dropout", "drop_path"),
    }

    arms: tuple[str, ...] = list_field(ARMS, help=f"Of {', '.join(ARMS)}, separated by commas.", choices=ARMS)
    layers: tuple[int, ...] = list_field(
        (1, 2, 3, 4, 5), help="Numbers of layers that are kept, separated by commas; `tltk layers` lists a network's."
    )
    halves: str = knob(
        "", choices=("", *HALVES), help="Source and target are halves of the target's classes: drawn, or in order."
    )
    lrs: tuple[float, ...] = list_field(
        (1e-3,), help="Learning rates; the one that suits a network from scratch on the target serves all arms."
    )
    widen: int = knob(1, 0, 10, help="How often the rates are extended where the best one lies at their edge.")
    seeds: int = knob(3, 2, 50, help="Seeds; each has networks of its own on A and on B.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "net", self.net.anew)
        layers = read_value(tuple[int, ...], self.layers, "layers")
        if not layers or any(not 1 <= n <= 10_000 for n in layers):
            raise BadSpec(f"layers must hold numbers of layers, each at least 1. Got {self.layers!r}.")
        object.__setattr__(self, "layers", tuple(sorted(set(layers))))
        for arm in self.arms:
            if arm not in ARMS:
                raise UnknownName.among("An arm of a sweep", str(arm), ARMS)
        if not self.arms:
            raise BadSpec(f"A sweep needs at least one arm, of {', '.join(ARMS)}. Got none.")

    def check(self) -> None:
        """Refuse a sweep without a source.

        Raises:
            BadSpec: Neither a source nor halves, or both.
        """
        super().check()
        if (self.source is None) is not bool(self.halves):
            raise BadSpec(
                "A sweep needs a source, or halves of the target's classes, and not both. Name one with --source, or "
                "say --halves random."
            )

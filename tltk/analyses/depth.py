"""What the specs of the analyses of layers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import UnknownName
from tltk.shift import measures
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import BUT_SIZE, POOLINGS, DataSpec, NetSpec, read_alike

POOLING_HELP = "How a layer's output is reduced to one feature vector per picture."
MEASURES_HELP = "Shift measures, separated by commas."
PICTURES_HELP = "Labelled training pictures to use from each domain."


@dataclass(frozen=True)
class DepthSpec(Spec):
    """What the questions about layers share: pictures of one or two domains, seen by one network.

    The source is read at the target's size. Of `net`, backbone and weights alone matter; the rest
    is dropped, so that one question has one id.
    """

    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"source": BUT_SIZE, "net": ("backbone", "weights")}

    target: DataSpec = field(default_factory=DataSpec)
    source: DataSpec | None = None
    net: NetSpec = field(default_factory=NetSpec)
    pictures: int = knob(1000, 20, 100_000, help=PICTURES_HELP)
    pooling: str = knob("avg", choices=POOLINGS, help=POOLING_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed for choosing the pictures and for all random draws.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "net", NetSpec(backbone=self.net.backbone, weights=self.net.weights))
        if self.source is not None:
            object.__setattr__(self, "source", read_alike(self.source, self.target))


def check_measures(names: Sequence[str], more: Sequence[str] = ()) -> None:
    """Refuse what is no shift measure.

    Args:
        names: That are asked for.
        more: That this question knows beside the registered ones.

    Raises:
        UnknownName: It is none.
    """
    known = [*measures.names(), *more]
    for name in names:
        if name not in known:
            raise UnknownName.among("measure", name, known)

"""What `tltk zero-shot` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk import data
from tltk.analyses.depth import POOLING_HELP
from tltk.errors import BadSpec, UnknownName
from tltk.specs.knobs import Spec, knob, list_field
from tltk.specs.parts import BUT_SHOTS_AND_FOLDS, POOLINGS, DataSpec, NetSpec

CLASS = "class"


@dataclass(frozen=True)
class ZeroShotSpec(Spec):
    """A question: how well do classifiers of attributes, learned on some combinations of them, name the others?"""

    kind: ClassVar[str] = "zero_shot"
    verb: ClassVar[str] = "zero-shot"
    about: ClassVar[str] = "Combinations of attributes that were never shown, named by attribute, on frozen features."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"target": BUT_SHOTS_AND_FOLDS, "net": ("backbone", "weights")}

    target: DataSpec = field(default_factory=lambda: DataSpec("shapes"))
    net: NetSpec = field(default_factory=NetSpec)
    attributes: tuple[str, ...] = list_field(
        (), help="Attributes that are combined, as in class,texture; none = the class and all that the domain tells."
    )
    unseen: float = knob(0.25, 0.01, 0.9, help="Share of the combinations that are not shown, at most.")
    pictures: int = knob(1000, 20, 100_000, help="Training pictures of seen combinations, at most.")
    layer: str = knob("", help="The layer whose features are used, by name or number; empty = what enters the head.")
    removed: int = knob(0, 0, 10_000, help="So many of the last layers are removed; 0 = none.")
    pooling: str = knob("avg", choices=POOLINGS, help=POOLING_HELP)
    folds: int = knob(3, 2, 20, help="Folds of the cross-validation on the training pictures, at most.")
    seeds: int = knob(5, 2, 100, help="Draws of the unseen combinations, from the seed on.")
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of all draws.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", dataclasses.replace(self.target.unfolded, shots=0))
        object.__setattr__(self, "net", NetSpec(backbone=self.net.backbone, weights=self.net.weights))

    def check(self) -> None:
        """Refuse attributes that there are not, and what does not go together.

        Raises:
            UnknownName: The domain tells no such attribute.
            BadSpec: One attribute alone, one that is named twice, or a layer that is asked for in two ways.
        """
        super().check()
        if self.layer.strip() and self.removed:
            raise BadSpec(
                f"A layer must be asked for in one way. Got both --layer {self.layer} and --removed {self.removed}."
            )
        known = (CLASS, *data.attribute_names(self.target.name))
        for name in self.attributes:
            if name not in known:
                raise UnknownName.among(f"An attribute of {self.target.name}", name, known)
        asked = self.attributes or known
        if len(asked) < 2:
            raise BadSpec(
                f"Combinations need two attributes. Got {', '.join(asked)} alone; name another, or take a domain that "
                f"tells more of its pictures, such as shapes."
            )
        if len(set(asked)) < len(asked):
            raise BadSpec("Each attribute must be named once. One is named twice; leave one of them out.")

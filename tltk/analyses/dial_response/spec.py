"""What `tltk response` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.depth import MEASURES_HELP, check_measures
from tltk.analyses.dial_response.settings import dial_settings, lab_dials
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field
from tltk.specs.parts import DataSpec, NetSpec


@dataclass(frozen=True)
class DialResponseSpec(Spec):
    """A question: which measure sees which dial of the shift lab? Of the target, name and size alone matter."""

    kind: ClassVar[str] = "response"
    of_texts: ClassVar[bool] = False
    instead: ClassVar[str] = "its dials are those of pictures that are drawn. Measure two domains with `tltk shift`"
    verb: ClassVar[str] = "response"
    about: ClassVar[str] = "Which shift measure sees which dial of the shift lab, and from which setting on."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"target": ("name", "size"), "net": ("backbone", "weights")}

    target: DataSpec = field(default_factory=lambda: DataSpec("shapes"))
    net: NetSpec = field(default_factory=lambda: NetSpec("test_resnet"))
    layer: int = knob(-1, -1, 10_000, help="The layer to examine; -1 = the features that enter the head.")
    measures: tuple[str, ...] = list_field(
        (
            "a_distance",
            "c2st",
            "coral",
            "energy",
            "frechet",
            "mmd",
            "sliced_wasserstein",
            "symmetric_kl",
        ),
        help=MEASURES_HELP,
    )
    dials: tuple[str, ...] = list_field(
        (  # all but the two that change only which label a picture has
            "rotation",
            "scale",
            "position",
            "hue",
            "hues",
            "correlation",
            "texture",
            "background",
            "blur",
            "noise",
            "inversion",
            "contrast",
            "occlusion",
            "classes",
            "prior",
        ),
        help="Dials of the shift lab, separated by commas.",
    )
    steps: int = knob(4, 1, 10, help="Settings of each dial; each is turned twice as far as the one before.")
    pictures: int = knob(300, 100, 5000, help="Pictures to draw from each domain.")
    permutations: int = knob(99, 19, 100_000, help="Permutations that give the null distribution of each measure.")
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of the pictures, of new weights and of the permutations.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", DataSpec(self.target.name, size=self.target.size))
        object.__setattr__(self, "net", NetSpec(backbone=self.net.backbone, weights=self.net.weights))

    def check(self) -> None:
        """Refuse names that no measure or dial has, another target than the shift lab, and dials at their end.

        Raises:
            UnknownName: No such measure or dial.
            BadSpec: Nothing is asked, the target is not the shift lab, or a dial cannot be turned further.
        """
        super().check()
        check_measures(self.measures)
        base = lab_dials(self.target.name)
        if not self.measures or not self.dials:
            raise BadSpec("A response needs a measure and a dial. One of the lists is empty; leave it out for all.")
        for name in self.dials:
            dial_settings(base, name, self.steps)

"""What an atlas is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, ViewSpec
from tltk.studies.spec import read_rates


@dataclass(frozen=True)
class AtlasSpec(Spec):
    """A study: networks trained on each of several domains, fine-tuned on each of the others.

    `data` says how many pictures, how large and with how many labels, of every domain. A source is learned with all
    its labels.
    """

    kind: ClassVar[str] = "atlas"
    verb: ClassVar[str] = "atlas"
    about: ClassVar[str] = "Every source for every target: which pairs help, which hurt, and does their distance tell?"
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("shots", "n", "size", "val", "test", "seed", "fit")}
    trains: ClassVar[bool] = True

    domains: tuple[str, ...] = list_field(
        ("digits", "rendered_digits", "blended_digits"), help="Domains, three or more, separated by commas."
    )
    data: DataSpec = field(default_factory=lambda: DataSpec(shots=10, n=1500))
    net: NetSpec = field(default_factory=NetSpec)
    source_optim: OptimSpec = field(default_factory=OptimSpec)
    optim: OptimSpec = field(default_factory=OptimSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    lrs: tuple[float, ...] = list_field(
        (1e-3, 3e-3), help="Learning rates that scratch and transfer are searched over on each target."
    )
    widen: int = knob(0, 0, 10, help="How often the rates are extended where the best one lies at their edge.")
    seeds: int = knob(3, 2, 50, help="Seeds of each pair.")
    first_seed: int = knob(0, 0, 2**31 - 1, help="The first seed; the others follow.")
    delta: float = knob(
        0.01, 0.0, 0.5, help="Gaps within ± this share count as no difference, once the whole interval lies within."
    )
    pictures: int = knob(400, 20, 100_000, help="Pictures of each domain that their distance is measured on.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "data", dataclasses.replace(self.data, name="digits"))  # the name is that of each
        object.__setattr__(self, "net", dataclasses.replace(self.net, weights="scratch", reset=0, keep_head=False))
        object.__setattr__(self, "lrs", read_rates(self.lrs))
        names = tuple(str(name).strip() for name in self.domains)
        if len(names) < 3 or len(set(names)) < len(names) or not all(names):
            raise BadSpec(f"An atlas needs three domains or more, each once. Got {', '.join(names) or 'none'}.")
        object.__setattr__(self, "domains", names)

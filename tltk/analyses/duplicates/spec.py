"""What `tltk duplicates` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import BUT_SHOTS, DataSpec, read_alike


@dataclass(frozen=True)
class DuplicatesSpec(Spec):
    """A question to a worker: which pictures of a domain, or of two, show the same, or nearly?

    The other domain is read at the target's size, with its fit; shots do not matter.
    """

    kind: ClassVar[str] = "duplicates"
    verb: ClassVar[str] = "duplicates"
    about: ClassVar[str] = "Copies and near copies (perceptual hash) within a domain, part by part, or between two."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "target": BUT_SHOTS,
        "other": tuple(name for name in BUT_SHOTS if name not in ("size", "fit")),
    }
    files: ClassVar[tuple[str, ...]] = ("png", "csv")

    target: DataSpec = field(default_factory=DataSpec)
    other: DataSpec | None = None
    most: int = knob(1000, 1, 100_000, help="Pairs that are listed at most, those across parts first.")
    seed: int = knob(0, 0, 2**31 - 1, help="Of the split, where a seed decides it.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", dataclasses.replace(self.target, shots=0))
        if self.other is not None:
            object.__setattr__(self, "other", dataclasses.replace(read_alike(self.other, self.target), shots=0))

"""What `tltk classify` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tltk.alignments import Alignment, alignments
from tltk.analyses.depth import DepthSpec
from tltk.errors import BadSpec, UnknownName
from tltk.learners import learners
from tltk.reweightings import Reweighting, reweightings
from tltk.specs.command import read_named
from tltk.specs.knobs import knob, list_field
from tltk.specs.parts import BUT_FOLDS


@dataclass(frozen=True)
class ClassifySpec(DepthSpec):
    """A question: which classical learner does best on frozen features of a layer, tested once on the target's test?"""

    kind: ClassVar[str] = "classify"
    verb: ClassVar[str] = "classify"
    about: ClassVar[str] = "Classical learners on frozen features, ranked as far as they can be told apart."

    later: ClassVar[tuple[str, ...]] = (*DepthSpec.later, "rounds")
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {**DepthSpec.kept, "target": BUT_FOLDS}

    labels: str = knob(
        "target",
        choices=("target", "source", "both"),
        help="Whose training labels are learned from; source: the target's are for the test alone; both: as they are, "
        "the target's alone, and boosted (TrAdaBoost).",
    )
    learners: tuple[str, ...] = list_field(
        ("logistic_regression", "linear_svm", "rbf_svm", "ridge", "knn", "lda", "gradient_boosting"),
        help="Learners, separated by commas; `tltk learners` lists them.",
    )
    alignments: tuple[str, ...] = list_field(
        (), help="With the source's labels: how features are moved first, beside not at all, as in coral,tca:mu=0.1."
    )
    reweightings: tuple[str, ...] = list_field(
        (), help="With the source's labels: how its pictures are weighted, beside not at all, as in kmm,kliep."
    )
    layer: str = knob("", help="The layer whose features are used, by name or number; empty = what enters the head.")
    removed: int = knob(0, 0, 10_000, help="So many of the last layers are removed; 0 = none.")
    rounds: int = knob(20, 1, 1000, help="Rounds of TrAdaBoost, with both domains' labels.")
    folds: int = knob(5, 2, 20, help="Folds of the cross-validation on the training pictures, at most.")
    seeds: int = knob(3, 1, 100, help="Draws of the training pictures, from the seed on; a ranking needs three.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", self.target.unfolded)

    def check(self) -> None:
        """Refuse names of nothing, and what does not go together.

        Raises:
            UnknownName: No such learner, alignment, reweighting or knob of one.
            BadSpec: A layer asked for in two ways, no learner, or a source that is used for nothing or missing.
        """
        super().check()
        if not self.learners:
            raise BadSpec("A comparison of learners needs one at least. Got none; leave --learners out for all.")
        for name in self.learners:
            if name not in learners:
                raise UnknownName.among("learner", name, learners)
        make_alignments(self)
        make_reweightings(self)
        for what in ("learners", "alignments", "reweightings"):
            if len(set(getattr(self, what))) < len(getattr(self, what)):
                raise BadSpec(f"Each of the {what} must be named once. One is named twice; leave one of them out.")
        if self.layer.strip() and self.removed:
            raise BadSpec(
                f"A layer must be asked for in one way. Got both --layer {self.layer} and --removed {self.removed}."
            )
        if self.labels != "target" and self.source is None:
            raise BadSpec("To learn from the source's labels there must be a source. There is none; name one.")
        if self.labels == "target" and (self.source is not None or self.alignments or self.reweightings):
            raise BadSpec(
                "A source, alignments and reweightings must go with --labels source. The labels asked for are the "
                "target's; add --labels source, or leave them out."
            )
        if self.labels == "both" and (self.alignments or self.reweightings):
            raise BadSpec(
                "Alignments and reweightings must go with --labels source. The labels asked for are both domains'; "
                "leave them out, or ask for the source's."
            )


def make_alignments(spec: ClassifySpec) -> dict[str, Alignment]:
    """The alignments as they were asked for → each with its knobs.

    Raises:
        UnknownName, BadSpec: No such alignment or knob, or a knob out of range.
    """
    return {text: _make(alignments, "--alignments", text) for text in spec.alignments}


def make_reweightings(spec: ClassifySpec) -> dict[str, Reweighting]:
    """Likewise the reweightings.

    Raises:
        UnknownName, BadSpec: As for alignments.
    """
    return {text: _make(reweightings, "--reweightings", text) for text in spec.reweightings}


def _make(registry: Any, flag: str, text: str) -> Any:
    asked = read_named(flag, text)
    return registry.make(asked["name"], asked["knobs"])

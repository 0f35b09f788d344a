"""What a search for settings is asked for."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import knob, list_field
from tltk.specs.parts import ViewSpec
from tltk.studies.spec import StudySpec

STRENGTHS = {"flip": 0.5, "crop": 0.5, "colour": 0.4, "rotation": 15.0}  # of an augmentation that is named
NO_AUGMENTATION, AS_GIVEN = "none", "given"


@dataclass(frozen=True)
class TuneSpec(StudySpec):
    """A study: rate, technique, boundary and augmentation are searched together, and what is found is tested once.

    The lowest and the highest of `lrs` are the ends of what a rate may be. The first trial is the default: the rate
    `optim.lr`, the first technique, the boundary `net.boundary` and the first augmentation. Trials are proposed by
    Optuna's tree-structured Parzen estimator and pruned by its median rule; both know validation pictures alone.
    """

    kind: ClassVar[str] = "tune"
    verb: ClassVar[str] = "tune"
    about: ClassVar[str] = (
        "Search rate, technique, boundary and augmentation under a budget, and test what is found once."
    )

    lrs: tuple[float, ...] = list_field((1e-4, 1e-1), help="The lowest and the highest rate, separated by a comma.")
    arms: tuple[str, ...] = list_field(
        ("fine_tune", "feature_extraction"),
        help="Techniques, separated by commas, as in lora:rank=4; the first is the default.",
    )
    boundaries: tuple[int, ...] = list_field((), help="Boundaries, separated by commas; none = as net.boundary says.")
    augment: tuple[str, ...] = list_field(
        (AS_GIVEN, "flip+crop"),
        help="Augmentations, separated by commas: given = as the views say, none, or some of flip, crop, colour and "
        "rotation joined by +; the first is the default.",
    )
    trials: int = knob(20, 3, 10_000, help="Most trials.")
    seconds: int = knob(0, 0, 10_000_000, help="No trial begins once the trials have taken so long; 0 = no limit.")
    at_a_time: int = knob(4, 1, 64, help="Trials that are proposed together; the next know how they ended.")
    prune: bool = knob(True, help="End a trial that at some epoch is worse than the median of those before.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "arms", _words(self.arms, "technique"))
        object.__setattr__(self, "augment", _words(self.augment, "augmentation"))
        object.__setattr__(self, "boundaries", tuple(sorted(set(self.boundaries))))
        if len(set(self.lrs)) < 2:
            raise BadSpec(
                f"lrs must hold the lowest and the highest rate. Got {', '.join(f'{lr:g}' for lr in self.lrs)}."
            )
        if self.boundaries and not 0 <= self.boundaries[0] <= self.boundaries[-1] <= 10_000:
            raise BadSpec(f"boundaries must lie between 0 and the network's depth. Got {self.boundaries}.")
        for word in self.augment:
            views(word, self.views)

    def check(self) -> None:
        """Refuse a search where the library that proposes is not installed.

        Raises:
            BadSpec: It is not.
        """
        super().check()
        if importlib.util.find_spec("optuna") is None:
            raise BadSpec('Trials are proposed by Optuna, which is not installed; pip install "tltk[tune]".')


def views(word: str, given: ViewSpec) -> ViewSpec:
    """The augmentation of a word.

    Args:
        word: `given`, `none`, or some of flip, crop, colour and rotation joined by `+`.
        given: What the study was given.

    Raises:
        BadSpec: It is none of these.

    Example:
        >>> views("flip+rotation", ViewSpec()).rotation
        15.0
    """
    if word == AS_GIVEN:
        return given
    names = [] if word == NO_AUGMENTATION else word.split("+")
    if unknown := [name for name in names if name not in STRENGTHS]:
        raise BadSpec(
            f"An augmentation is {AS_GIVEN}, {NO_AUGMENTATION}, or of {', '.join(STRENGTHS)} some joined by +. "
            f"Got {unknown[0]!r} in {word!r}."
        )
    strengths: dict[str, Any] = {name: STRENGTHS[name] for name in names}
    return ViewSpec(**strengths)


def _words(given: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Words without blanks around them, each once.

    Raises:
        BadSpec: None, an empty one, or one that is there twice.
    """
    found = tuple(str(one).strip() for one in given)
    if not found or len(set(found)) < len(found) or not all(found):
        raise BadSpec(f"One {what} or more must be named, each of them once. Got {', '.join(found) or 'none'}.")
    return found

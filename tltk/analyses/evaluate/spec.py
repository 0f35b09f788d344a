"""What `tltk evaluate` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.trained import PREFIX, run_name
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field

PARTS = ("test", "val", "train", "all")


@dataclass(frozen=True)
class EvaluateSpec(Spec):
    """A question to a worker: how good is a finished training on these domains, and how far is it to be trusted?

    Classes are matched by name. Temperature and threshold are fitted on the training's own validation pictures.
    """

    kind: ClassVar[str] = "evaluate"
    time_limit_s: ClassVar[float] = 24 * 3600.0

    run: str = knob("", help="Id of a finished training; ID@EPOCH = a snapshot of it.")
    on: tuple[str, ...] = list_field((), help="Domains that test it; none = its own target.")
    part: str = knob(
        "test",
        choices=PARTS,
        help="Which part of each domain; of the training's own target the parts are its own.",
    )
    against: str = knob("", help="Id of another training that is tested on the same pictures; empty = none.")
    positive: str = knob("", help="Of two classes the one that a threshold is for; empty = the second.")
    bootstrap: int = knob(1000, 0, 100_000, help="Resamples of the pictures for intervals; 0 = no such intervals.")
    batch: int = knob(64, 1, 65_536, help="Pictures that go through the network at a time.", log=True)
    seed: int = knob(0, 0, 2**31 - 1, help="Of the resamples.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "run", run_name(self.run))
        object.__setattr__(self, "against", run_name(self.against))
        object.__setattr__(self, "on", tuple(self.on))

    def check(self) -> None:
        """Refuse a question without a run, one against itself, and a domain that is named twice.

        Raises:
            BadSpec: It is one.
        """
        super().check()
        if not self.run:
            raise BadSpec("An evaluation needs a finished training: its id comes first. `tltk runs` lists them.")
        if self.run == self.against:
            raise BadSpec("A training is compared with another one. --against names the same run; name another.")
        if len(set(self.on)) < len(self.on) or not all(name.strip() for name in self.on):
            raise BadSpec(f"Domains must be named, each once. Got {', '.join(map(repr, self.on))}.")

    def as_words(self) -> list[str]:
        """`tltk evaluate RUN --on DOMAIN …`."""
        words = ["evaluate", self.run.removeprefix(PREFIX)]
        for name in self.on:
            words += ["--on", name]
        usual = EvaluateSpec()
        for name in ("part", "against", "positive", "bootstrap", "batch", "seed"):
            if (value := getattr(self, name)) != getattr(usual, name):
                words += [f"--{name}", str(value).removeprefix(PREFIX)]
        return words

"""What the loop asks of the world around it, and what it must remember to go on later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from tltk.nn.net import Net
from tltk.results.rows import Row


class Stopped(Exception):
    """The user asked the run to stop; what it has is in its checkpoint."""


@dataclass
class Callbacks:
    """What the loop may ask of the world around it; the defaults suffice for a loop in a notebook."""

    emit: Callable[[list[Row]], None] = lambda rows: None
    notify: Callable[[str], None] = lambda sentence: None
    check: Callable[[], None] = lambda: None  # raises Stopped when the user asked for it
    save: Callable[[dict[str, Tensor], dict[str, Any]], None] | None = None
    snapshot: Callable[[Net, int], None] = lambda net, epoch: None  # keeps the weights after an epoch
    saved: tuple[dict[str, Tensor], dict[str, Any]] | None = None


@dataclass
class Progress:
    """The part of a training that changes from epoch to epoch and goes into its checkpoint."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    images: int = 0
    best: tuple[float, float] = (-1.0, float("-inf"))  # validation score, then −loss
    best_epoch: int = 0
    last: tuple[float, float] = (-1.0, float("-inf"))  # the same of the last evaluation
    accuracies: tuple[float, float] = (-1.0, -1.0)  # on the validation pictures: of the best epoch, of the last
    losses: list[float] = field(default_factory=list)
    kept: list[tuple[int, str]] = field(default_factory=list)  # cut and part of the features that `flops` has paid for
    picks: dict[str, tuple[float, int, float]] = field(default_factory=dict)  # criterion → value, epoch, test accuracy
    remembered: tuple[float, float] = (0.0, 0.0)  # accuracy on the source: at the start, now
    peak_memory: int = 0  # bytes
    joules: float = 0.0  # of the legs before this one
    energy_source: str = ""  # what these were read from; "" = there were none
    weights: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # term → task → weight after each epoch
    probed: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # features at the start, by probe

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Progress:
        """As a checkpoint tells it, whose JSON has lists for tuples; what older versions did not tell is inferred.

        Args:
            told: Field → value.
        """
        best, last = tuple(told["best"]), tuple(told.get("last", told["best"]))
        own = {
            "best": best,
            "last": last,
            "kept": [(int(at), str(part)) for at, part in told.get("kept", [])],
            "picks": {name: tuple(pick) for name, pick in told.get("picks", {}).items()},
            "remembered": tuple(told.get("remembered", (0.0, 0.0))),
            "probed": {name: tuple(share) for name, share in told.get("probed", {}).items()},
            # Checkpoints of versions without another metric than accuracy have no accuracies beside it.
            "accuracies": tuple(told.get("accuracies", (best[0], last[0]))),
        }
        return cls(**{**told, **own})

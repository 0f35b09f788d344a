"""Where in a file's tensors a network lies: below any prefix, with what a training kept beside it told apart. No torch.

Training programs put words before names (`module.`, `model._orig_mod.`, `state_dict.teacher.backbone.`) and keep other
things in the same file. No list of words is enough, so every prefix is tried, and the fingerprint of the tensors below
it says whether a network is there. Names and shapes suffice; no tensor is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tltk.weights import catalogue
from tltk.weights.catalogue import CLASSIFIERS

DEEPEST, FEWEST = 16, 5  # parts of a prefix at most, and tensors that a network has at least
# What lies in a network's own module but is none of it, by the first part of the name.
COMPANIONS = re.compile(
    r"(mask_token|decoder.*|queue.*|criterion.*|loss.*|.*_loss|momentum.*|.*_momentum|ema.*|.*_ema|teacher.*|target_.*"
    r"|encoder_k|projector.*|projection.*|proj_head.*|.*_projector|predictor.*|pred_head.*|prototypes?|neck|contrast.*"
    r"|logit_scale|logit_bias|temperature|center|text.*|token_embedding|transformer|ln_final|positional_embedding"
    r"|(train|val|valid|test)_.*|.*_(acc|accuracy|metrics?)|metrics?|aux.*|AuxLogits|fpn|rpn.*|roi_heads?|bbox_head"
    r"|mean|std|pixel_mean|pixel_std|normali[sz]e.*|data_preprocessor|n_averaged|step|iteration)"
)
# Of which there is nothing to say.
COUNTERS = ("n_averaged", "num_batches_tracked", "step", "iteration", "count", "total")
# Of several networks in one file, which is taken: a moving average or a teacher is what such a training is evaluated
# by; a momentum encoder only serves to train the other.
PREFERRED = (("ema", "average", "averaged", "swa", "avg"), ("teacher",))
LAST = ("momentum", "target", "k", "student", "old", "best_source")

Guess = Callable[[Mapping[str, Any]], list[str]]


@dataclass(frozen=True)
class Body:
    """A network among a file's tensors.

    Attributes:
        prefix: What stands before its names in the file, with the last dot; "" = nothing.
        names: Name in the file → name without the prefix, of its body and, where that is below it, its classifier.
        beside: The same of what may be its classifier, where the body is a part of a larger network.
        left: The other tensors of the file.
        backbones: timm's names of the architectures that have these tensors, the likeliest first.
    """

    prefix: str
    names: dict[str, str]
    beside: dict[str, str]
    left: tuple[str, ...]
    backbones: tuple[str, ...]

    @property
    def part(self) -> str:
        """As a user names it."""
        return self.prefix.rstrip(".")


def match_catalogue(tensors: Mapping[str, Any]) -> list[str]:
    """The backbones of the catalogue that have just these tensors."""
    return catalogue.guess_backbones({n: tuple(t.shape) for n, t in tensors.items()})


def find_bodies(tensors: Mapping[str, Any], guess: Guess = match_catalogue) -> list[Body]:
    """All networks among these tensors, the one to take first.

    Args:
        tensors: Name → anything with a shape.
        guess: Which architectures a set of tensors without a prefix is of.
    """
    below: dict[str, list[str]] = {"": list(tensors)}
    for name in tensors:
        parts = name.split(".", DEEPEST)
        for i in range(1, len(parts)):
            below.setdefault(".".join(parts[:i]) + ".", []).append(name)
    found: list[Body] = []
    for prefix in sorted(below, key=len):
        if len(below[prefix]) < FEWEST or any(prefix.startswith(f.prefix) for f in found):
            continue
        inside = {n.removeprefix(prefix): n for n in below[prefix]}
        own = {short: n for short, n in inside.items() if not COMPANIONS.fullmatch(short.partition(".")[0])}
        for kept in (inside, own) if len(own) < len(inside) else (inside,):
            if names := guess({short: tensors[n] for short, n in kept.items()}):
                found.append(_whole(tensors, prefix, kept, tuple(names)))
                break
    return sorted(found, key=lambda f: _order(f.prefix))


def _whole(tensors: Mapping[str, Any], prefix: str, kept: dict[str, str], backbones: tuple[str, ...]) -> Body:
    names = {n: short for short, n in kept.items()}
    left = tuple(n for n in tensors if n not in names and not n.endswith(COUNTERS))
    return Body(prefix, names, _beside(tensors, prefix, names), left, backbones)


def _beside(tensors: Mapping[str, Any], prefix: str, names: Mapping[str, str]) -> dict[str, str]:
    """The classifier of a network whose body is a part of a larger one, as in `backbone.…` and `head.fc.weight`."""
    around = prefix
    while around:
        around = around.rstrip(".").rpartition(".")[0]
        around = f"{around}." if around else ""
        found: dict[str, str] = {}
        for name in tensors:
            if name in names or not name.startswith(around):
                continue
            short = name.removeprefix(around)
            numberless = re.sub(r"^(\d+\.)+", "", short)  # of a Sequential
            if numberless.startswith(CLASSIFIERS):
                found[name] = numberless
            elif numberless in ("weight", "bias"):
                found[name] = f"head.{short}"
        if any(tensors[n].ndim > 1 for n in found):
            return found
    return {}


def _order(prefix: str) -> tuple[int, int]:
    words = re.split(r"[._\d]+", prefix.lower())
    rank = next((i for i, signs in enumerate(PREFERRED) if any(w in signs for w in words)), len(PREFERRED))
    return rank + (rank == len(PREFERRED) and any(w in LAST for w in words)), len(prefix)


def choose_body(
    tensors: Mapping[str, Any], part: str = "", guess: Guess = match_catalogue
) -> tuple[Body | None, list[Body]]:
    """The network to take and all that were found; with `part` the one below that prefix.

    Args:
        tensors: Name → tensor, or anything with its shape.
        part: Prefix as a user writes it; empty = the network that comes first.
        guess: Names of the backbones that have just these tensors.
    """
    found = find_bodies(tensors, guess)
    if part:
        wanted = [f for f in found if f.part == part] or [f for f in found if f.part.startswith(f"{part}.")]
        return (wanted[0] if wanted else None), found
    return (found[0] if found else None), found

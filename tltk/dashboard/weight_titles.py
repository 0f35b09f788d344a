"""Weights in words: what a run learned, the name on a card; never the digits of an id."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from tltk.dashboard import chrome
from tltk.runs import index
from tltk.runs.index import RunEntry


def titles(candidates: Iterable[str]) -> dict[str, str]:
    """Candidate (BACKBONE@WEIGHTS) → its title; those that would be alike are numbered.

    Args:
        candidates: Each once.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for candidate in candidates:
        backbone, _, weights = candidate.partition("@")
        title = first = f"{backbone} · {in_words(weights, backbone)}"
        number = 1
        while title in taken:
            number += 1
            title = f"{first} ({number})"
        taken.add(title)
        found[candidate] = title
    return found


def in_words(weights: str, backbone: str = "") -> str:
    """What weights are: `trained on digits, 5 labels per class`, `resnet10t formulas`.

    Args:
        weights: As `--weights` takes them.
        backbone: Named beside them already, so that it is left out of the name on a card.
    """
    kind, _, where = weights.partition(":")
    if kind == "run":
        run_id, _, epoch = where.partition("@")
        entry = next(iter(index.find(begins=run_id, limit=1)), None) if run_id else None
        title = _of_run(entry) if entry is not None else "a run that is not here"
        return f"{title}, after epoch {epoch}" if epoch else title
    if kind == "store":
        return where.removeprefix(f"{backbone}_").replace("_", " ")
    if kind == "hub":
        return f"hub weights {where}"
    if kind == "file":
        return f"the file {PurePath(where.replace(chr(92), '/')).name}"
    return "random weights" if weights == "scratch" else weights


def _of_run(entry: RunEntry) -> str:
    """Its name where it has one, else what it learned and how."""
    if entry.name:
        return entry.name
    parts = [f"trained on {chrome.short(entry.target)}"]
    parts += [f"{entry.shots} labels per class"] if entry.shots else []
    if entry.weights != "scratch":
        parts.append(f"{entry.strategy.replace('_', ' ')}{f' from layer {entry.boundary}' if entry.boundary else ''}")
    parts += [f"seed {entry.seed}"] if entry.seed else []
    return ", ".join(parts)

"""A spec in words: what was trained on what, for how long, and how often."""

from __future__ import annotations

import dataclasses
from typing import Any

from tltk.specs.command import as_named, list_options
from tltk.specs.knobs import Spec, knobs
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec, ViewSpec

NAMES = {
    "net": "Network",
    "optim": "Optimisation",
    "source_optim": "Optimisation on the source",
    "views": "Augmentation",
    "without": "Kept unseen",
    "arms": "Techniques",
    "shots": "Labels per class",
    "layers": "Layers kept",
    "lrs": "Learning rates searched",
    "widen": "Extensions of the rates at an edge",
    "labels": "Labels learned from",
    "delta": "Counts as no difference",
}


def protocol(spec: Spec) -> list[tuple[str, str]]:
    """Everything that the spec asks for, in the order of its fields; parts that are not used are left out.

    Args:
        spec: A training, or a study.

    Returns:
        Name and words of each.
    """
    searches = "lrs" in list_options(type(spec))
    found = []
    for field in dataclasses.fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, field.name)
        text = _in_words(value, searches)
        if text and not (field.name == "source_optim" and getattr(spec, "source", None) is None):
            found.append((NAMES.get(field.name, field.name.replace("_", " ").capitalize()), text))
    return found


def _in_words(value: Any, searches: bool) -> str:
    if isinstance(value, DataSpec):
        labels = f"{value.shots} labels per class" if value.shots else "all labels"
        shares = f"{value.val:.0%} for validation, {value.test:.0%} for the test"
        return ", ".join([value.name, labels, f"{value.size} px", shares, *_changed(value, {"n", "seed"})])
    if isinstance(value, NetSpec):
        frozen = f"boundary {value.boundary}" if value.boundary else "nothing frozen"
        own = _changed(value, {"norm", "head", "dropout", "drop_path", "reset"})
        return ", ".join([value.backbone, f"weights {value.weights}", frozen, *own])
    if isinstance(value, OptimSpec):
        rate = [] if searches else [f"rate {value.lr:g}"]
        pictures = f"{value.epoch_images:,} pictures an epoch" if value.epoch_images else ""
        first = [value.optimizer, *rate, f"{value.schedule} schedule", f"{value.epochs} epochs", pictures]
        rest = set(knobs(OptimSpec)) - {"optimizer", "lr", "schedule", "epochs", "epoch_images", "batch_size"}
        return ", ".join(filter(None, [*first, f"batches of {value.batch_size}", *_changed(value, rest)]))
    if isinstance(value, ViewSpec):
        return ", ".join(_changed(value, set(knobs(ViewSpec))))
    if isinstance(value, StrategySpec | AdapterSpec | TermSpec):
        return as_named(value) if value != AdapterSpec() else ""
    if isinstance(value, tuple):
        return ", ".join(_in_words(one, searches) if isinstance(one, Spec) else _plain(one) for one in value)
    return "" if value is None else _plain(value)


def _changed(part: Spec, names: set[str]) -> list[str]:
    """The knobs of a part, of those named, that are not at their default."""
    return [
        f"{name.replace('_', ' ')} {_plain(getattr(part, name))}"
        for name, rule in knobs(type(part)).items()
        if name in names and getattr(part, name) != rule.default
    ]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)

"""A spec in words: what was trained on what, for how long, and how often."""

from __future__ import annotations

import dataclasses
from typing import Any

from tltk.specs.command import as_named, list_options
from tltk.specs.knobs import Spec, knobs
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec, ViewSpec
from tltk.specs.size import in_pixels
from tltk.specs.training import TransferSpec

NAMES = {
    "data": "Pictures of each domain",
    "net": "Network",
    "optim": "Optimisation",
    "source_optim": "Optimisation on the source",
    "views": "Augmentation",
    "without": "Kept unseen",
    "arms": "Arms",
    "shots": "Labels per class",
    "layers": "Layers kept",
    "lrs": "Learning rates searched",
    "widen": "Extensions of the rates at an edge",
    "labels": "Labels learned from",
    "delta": "Counts as no difference",
    "matched": "Budgets matched in",
    "most_seeds": "Seeds at most, while it cannot be told",
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
        kept = set(type(spec).kept.get(field.name, ()))  # what of a part this kind of spec has a use for; none = all
        if isinstance(value, DataSpec):
            cut = {"test"} if hasattr(spec, "repeats") else set()  # every fold is the test once
            text = _of_domain(value, (kept or set(knobs(DataSpec))) - cut)
        elif isinstance(value, NetSpec):
            text = _of_net(value, _trains_source(spec), not kept or "boundary" in kept)
        else:
            text = _in_words(value, searches)
        trains = _trains_source(spec) or bool(getattr(spec, "halves", "") or getattr(spec, "domains", ()))
        is_unused = field.name == "source_optim" and not trains
        if text and not is_unused and not (field.name == "most_seeds" and not value):
            found.append((NAMES.get(field.name, field.name.replace("_", " ").capitalize()), text))
    return found


def _trains_source(spec: Spec) -> bool:
    """Whether the weights that are transferred are trained on the source in its course."""
    is_study = not isinstance(spec, TransferSpec)
    return is_study and getattr(spec, "source", None) is not None and getattr(spec, "labels", "target") != "source"


def _of_domain(domain: DataSpec, kept: set[str]) -> str:
    labels = f"{domain.shots} labels per class" if domain.shots else "all labels"
    test = f"{domain.test:.0%} for the test"
    if domain.folds:
        test = f"fold {domain.fold} of {domain.folds} for the test"
    found = [
        *([domain.name] if "name" in kept else []),
        *([labels] if "shots" in kept else []),
        in_pixels(domain.picture_size),
        f"{domain.val:.0%} for validation",
        *([test] if "test" in kept else []),
        *([f"grouped by {domain.group_by}"] if domain.group_by else []),
    ]
    return ", ".join([*found, *_changed(domain, {"n", "seed", "repeat"})])


def _of_net(net: NetSpec, trains_source: bool, has_weights: bool) -> str:
    weights = "weights trained on the source first" if trains_source else f"weights {net.weights}"
    frozen = f"boundary {net.boundary}" if net.boundary else "nothing frozen"
    own = _changed(net, {"norm", "head", "dropout", "drop_path", "reset"})
    return ", ".join([net.backbone, *([weights, frozen] if has_weights else []), *own])


def _in_words(value: Any, searches: bool) -> str:
    if isinstance(value, OptimSpec):
        rate = [] if searches else [f"rate {value.lr:g}"]
        pictures = f"{value.epoch_images:,} pictures an epoch" if value.epoch_images else ""
        first = [value.optimizer, *rate, f"{value.schedule} schedule", f"{value.epochs} epochs", pictures]
        rest = set(knobs(OptimSpec)) - {
            "optimizer",
            "lr",
            "schedule",
            "epochs",
            "epoch_images",
            "batch_size",
            "evaluate",
        }
        seldom = f"validated every {value.evaluate} epochs" if value.evaluate > 1 else ""
        return ", ".join(filter(None, [*first, f"batches of {value.batch_size}", seldom, *_changed(value, rest)]))
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

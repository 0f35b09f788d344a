"""A recipe for weights: trainings in stages, each from the last; then the backbone in half precision, with a card.

    {"name": …, "summary": …, "stages": [a TransferSpec, …], "good_for": …, "bad_for": …, "licence": …}

Each stage is a run like any other, so a recipe that was stopped goes on where it was.
No torch until the weights are there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tltk import home
from tltk.errors import BadSpec, RunProblem, UnknownName
from tltk.results.training import TrainingResult
from tltk.runs.run import KEPT, Run
from tltk.specs.training import TransferSpec
from tltk.weights import store, weightfile
from tltk.weights.store import Card, Entry, Stage

MAX_HALF = 6e4  # above it a number has no place in half precision


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is trained, in which order, and what to say of the weights."""

    name: str
    stages: tuple[dict[str, Any], ...]
    summary: str = ""
    licence: str = "CC0 1.0"
    good_for: str = ""
    bad_for: str = ""


def recipes() -> dict[str, Path]:
    """The recipes that came with tltk, by name."""
    return {path.parent.name: path for path in sorted(store.shipped_shelf().glob(f"*/{store.RECIPE}"))}


def read(name: str) -> Recipe:
    """The recipe of this name, or in this file.

    Raises:
        UnknownName: Neither.
        BadSpec: Not a recipe; its stages must be of one backbone, and of weights from scratch.
    """
    known = recipes()
    path = known.get(name) or home.expand_path(name, "A recipe")
    try:
        is_there = path.exists()
    except OSError:  # longer than a path can be
        is_there = False
    if not is_there:
        raise UnknownName.among("A recipe", name, known)
    data = home.read_user_file(path, "A recipe")
    try:
        recipe: Recipe = home.decode_json(data, Recipe)
    except ValueError as fault:
        raise BadSpec(f"A recipe must be JSON with a name and stages. {path} is not: {fault}.") from None
    plans = [TransferSpec.from_dict(stage) for stage in recipe.stages]
    if not plans or len({p.net.backbone for p in plans}) > 1 or any(p.net.weights != "scratch" for p in plans):
        raise BadSpec(
            f"A recipe must have stages of one backbone, each with weights 'scratch': all but the first begin where "
            f"the one before ended. Got {[(p.net.backbone, p.net.weights) for p in plans]}."
        )
    return recipe


def stage_specs(recipe: Recipe) -> list[TransferSpec]:
    """The trainings, each from the weights of the one before."""
    found: list[TransferSpec] = []
    for stage in recipe.stages:
        spec = TransferSpec.from_dict(stage)
        if found:
            spec = replace(spec, net=replace(spec.net, weights=f"run:{found[-1].run_id}"))
        found.append(spec)
    return found


def train(recipe: Recipe, one: Callable[[TransferSpec], Run]) -> list[Run]:
    """The finished runs of the stages; `one` runs a training to its end.

    Raises:
        RunProblem: A stage has not ended with a result and weights.
    """
    found = []
    for spec in stage_specs(recipe):
        run = one(spec)
        if run.result() is None or not (run.path / store.FILE).is_file():
            raise RunProblem(f"Run {run.id} must have ended. It is {run.status.state}; the recipe goes on from there.")
        found.append(run)
    return found


def pack(recipe: Recipe, runs: list[Run], shelf: Path) -> Entry:
    """The last run's backbone in half precision, under timm's names, with its card, recipe, rows and a drawing.

    Args:
        recipe: What was trained.
        runs: Its finished runs, in order.
        shelf: Folder of the store that the entry is written to.
    """
    from safetensors.numpy import load_file

    from tltk.nn.net import input_channels
    from tltk.weights import receptive_fields as receptive

    spec = stage_specs(recipe)[-1]
    given = load_file(runs[-1].path / store.FILE)
    own = {n.removeprefix("backbone."): a for n, a in given.items() if n.startswith("backbone.")}
    own = {n: to_half(a) for n, a in own.items() if not n.endswith("num_batches_tracked")}
    stages = tuple(_stage(run) for run in runs)
    source = f"trained by tltk on {', then '.join(s.domain for s in stages)}"
    header = {"backbone": spec.net.backbone, "licence": recipe.licence, "source": source, "name": recipe.name}
    channels = input_channels(spec.net.backbone, {n: a.shape for n, a in own.items()})
    card = Card(
        recipe.name,
        spec.net.backbone,
        "",
        0,
        sum(a.size for a in own.values()),
        channels,
        recipe.summary,
        recipe.licence,
        source,
        recipe.good_for,
        recipe.bad_for,
        (),
        stages,
    )
    entry = store.put(shelf, weightfile.pack_tensors(own, header), card)
    home.write_atomic(entry.path / store.RECIPE, msgspec.json.format(msgspec.json.encode(recipe), indent=1))
    for run in runs:
        kept = entry.path / store.RUNS / run.id
        kept.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            if name != "log.txt" and (run.path / name).exists():
                shutil.copyfile(run.path / name, kept / name)
    receptive.save_fields(entry)
    return entry


def to_half(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """In half precision where all of it fits, else as it is."""
    if array.dtype.kind != "f" or not np.abs(array).max(initial=0) < MAX_HALF:
        return array
    return array.astype(np.float16)


def _stage(run: Run) -> Stage:
    spec, result = run.spec, run.read(TrainingResult)
    assert isinstance(spec, TransferSpec) and result is not None
    if result.accuracy is None:
        raise BadSpec(f"The stages of shipped weights are learned from labels. Run {run.id} learned from none.")
    return Stage(
        run.id,
        spec.target.name,
        spec.target.size,
        len(result.classes),
        result.n_train,
        result.images,
        result.steps,
        result.seconds,
        result.device,
        result.accuracy,
    )

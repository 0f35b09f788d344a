"""Comparisons of one plan, each with its trainings, as a class leaves them."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
from numpy.typing import NDArray

from tests.support.results import compared, trained
from tltk import home
from tltk.runs.run import Child, Run
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

PLAN = CompareSpec(source=DataSpec("rendered_digits"), target=DataSpec("blended_digits", shots=5), seeds=2)
ARMS = ("scratch", "transfer")


def comparison(first_seed: int, right: dict[str, NDArray[np.bool_]], plan: CompareSpec = PLAN) -> Run:
    """A finished comparison of this plan.

    Args:
        first_seed: Of it.
        right: Arm → whether each seed names each test picture, (seeds, pictures).
        plan: Without its seed.
    """
    run = Run.create(dataclasses.replace(plan, first_seed=first_seed))
    labels = [i % 2 for i in range(right["scratch"].shape[1])]
    children = []
    for arm in ARMS:
        for number, row in enumerate(right[arm]):
            seed = first_seed + number
            one = Run.create(TransferSpec(seed=seed, target=DataSpec(seed=ARMS.index(arm))))
            said = [label if ok else 1 - label for label, ok in zip(labels, row, strict=True)]
            result = trained(labels=labels, predictions=said, accuracy=float(row.mean()))
            home.write_atomic(one.path / "result.json", msgspec.json.encode(result))
            one.write_status(state="done")
            children.append(Child(one.id, arm, "measure", seed, 0.001))
    run.write_children(children)
    gap = float(right["transfer"].mean() - right["scratch"].mean())
    home.write_atomic(run.path / "result.json", msgspec.json.encode(compared("cannot tell", gap)))
    run.write_status(state="done", seconds=9.0)
    return run


def drawn(first_seed: int, gain: float, pictures: int = 200, seeds: int = 2) -> dict[str, NDArray[np.bool_]]:
    """Answers of both arms: from scratch half are right, with transfer so many more."""
    draw = np.random.default_rng(first_seed)
    return {arm: draw.random((seeds, pictures)) < share for arm, share in zip(ARMS, (0.5, 0.5 + gain), strict=True)}

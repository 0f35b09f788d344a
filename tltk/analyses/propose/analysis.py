"""The plan that new pictures should begin with: a size by their files, then advice at that size."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from PIL import Image

from tltk.analyses.advise.analysis import advise
from tltk.analyses.advise.result import AdviseResult
from tltk.analyses.advise.spec import AdviseSpec
from tltk.analyses.propose.result import ProposeResult, SidesResult
from tltk.analyses.propose.spec import ProposeSpec
from tltk.analyses.sample import Context
from tltk.data.corrupt import split
from tltk.data.domain import argument_path
from tltk.data.sources.archive import unpacked
from tltk.data.tree import walk

SIZES = (32, 64, 96, 128)  # that are proposed: small networks on two cores learn from these in minutes
MANY = 4000  # pictures, from which on 64 px are proposed at most
MEASURED = 2000  # files whose size is read
UNKNOWN = 64  # px, where a domain has no files: that of the shipped weights' trainings


def propose(spec: ProposeSpec, context: Context) -> ProposeResult:
    """Size, weights, technique and boundary, each with its reason.

    Raises:
        BadSpec: What `spec.check` refuses.
        DataProblem: The pictures cannot be read.
        WeightsMissing: Weights that are not there, or do not fit.
    """
    spec.check()
    context.callbacks.notify("Measuring the picture files.")
    sides = measure(spec.target.name)
    n = spec.target.n or (sides[1] if sides is not None else 0)
    found = None if sides is None else sides[0]
    size, why_size = choose_size(found, n)
    target = dataclasses.replace(spec.target, size=size)
    asked = AdviseSpec(target, candidates=spec.candidates, pictures=spec.pictures, seed=spec.seed)
    advice = advise(asked, context)
    first = advice.suggestions[0]
    return ProposeResult(
        size=size,
        why_size=why_size,
        sides=found,
        technique=first.technique,
        backbone=first.backbone,
        weights=first.weights,
        boundary=first.boundary,
        depth=len(advice.probes) - 1,
        why=first.why,
        change=first.change,
        why_weights=_why_weights(advice),
        minutes=first.minutes,
        advice=advice,
    )


def choose_size(sides: SidesResult | None, n: int) -> tuple[int, str]:
    """The side at which pictures should be read, in pixels, and why.

    Args:
        sides: How large their files are; None = there are no files.
        n: How many pictures there are.
    """
    if sides is None:
        return UNKNOWN, f"These pictures have no size of their own; the shipped weights learned at {UNKNOWN} px."
    limit = 64 if n > MANY else SIZES[-1]
    size = max((one for one in SIZES if one <= min(sides.median, limit)), default=SIZES[0])
    told = f"Half of the files have a shorter side of at least {sides.median:,} px"
    if sides.median < SIZES[0]:
        return size, f"{told}; networks need {size} px, so that smaller pictures are enlarged."
    if limit < SIZES[-1] and size == limit:
        return size, f"{told}; with {n:,} pictures {size} px keeps a training short. More tells more, and takes longer."
    if sides.median > size:
        return size, f"{told}; {size} px keeps what small networks use of them. More tells more, and takes longer."
    return size, f"{told}: nothing is lost, and nothing enlarged."


def measure(name: str) -> tuple[SidesResult, int] | None:
    """How large the files of a folder or an archive are, and how many there are; None where there are none.

    Only the head of each file is read.

    Args:
        name: Of the domain.
    """
    kind, _, argument = split(name)[0].partition(":")
    if kind not in ("folder", "archive"):
        return None
    with unpacked(argument) if kind == "archive" else nullcontext((argument_path(argument), None)) as opened:
        tree, _ = walk(Path(opened[0]), within=opened[1])
        paths = [file.path for _, file, _ in tree.all_files() if file.is_picture and file.path is not None]
        step = max(len(paths) // MEASURED, 1)
        sides = [side for path in paths[::step] if (side := _shorter_side(path))]
    if not sides:
        return None
    found = SidesResult(len(sides), min(sides), int(np.median(sides)), max(sides))
    return found, len(paths)


def _shorter_side(path: Path) -> int:
    """In pixels; 0 where the file cannot be read, which the reading of the domain tells."""
    try:
        with Image.open(path) as image:
            return min(image.size)
    except Exception:  # a decoder fed with garbage raises whatever it likes
        return 0


def _why_weights(advice: AdviseResult) -> str:
    """Why the first of the candidates, in a sentence."""
    scored = [one for one in advice.networks if one.logme is not None]
    equal = [one.backbone for one in scored if one.best_place == 1]
    if len(scored) < 2:
        return "They are the only ones that can be used here."
    if len(equal) > 1:
        return (
            f"Their features explain the classes best (LogME), as far as can be told: {_listed(equal)} may do as well."
        )
    return f"Of {len(scored)} networks, their features explain the classes best (LogME)."


def _listed(names: Sequence[str]) -> str:
    """`a and b` of `first, a, b`: what may do as well as the first."""
    rest = list(names[1:])
    return rest[0] if len(rest) == 1 else f"{', '.join(rest[:-1])} and {rest[-1]}"

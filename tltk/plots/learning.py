"""Learning curves of a run that has ended: of a training its parts, of a study its arms."""

from __future__ import annotations

import contextlib

from tltk.errors import RunProblem
from tltk.plots.accuracy import Idle
from tltk.plots.chart import Chart
from tltk.plots.curves import arms, lines
from tltk.plots.theme import SEQUENCE
from tltk.results.training import TrainingResult
from tltk.results.words import guessing
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec
from tltk.studies.compare import study as compare
from tltk.studies.compare.spec import CompareSpec
from tltk.verdicts.judge import mean_curve

TITLES = {"accuracy": "Accuracy", "loss": "Cross-entropy"}


def charts(run: Run) -> list[Chart]:
    """What was measured while it trained; none where nothing was, and of a study with more arms than colours."""
    spec = run.spec
    if isinstance(spec, TransferSpec):
        return [chart for name in TITLES for chart in _of_training(run, name)]
    if isinstance(spec, CompareSpec):
        means = compare.curves(run)
        seeds = {arm: [r.curve("accuracy") for r in runs] for arm, runs in compare.measuring_runs(run).items()}
        drawn = arms(means, "Validation accuracy", "step", seeds, idle_of(run))
        caption = "Thick lines: mean over the seeds; bands: 95% intervals; thin lines: every seed."
    else:
        found: dict[str, list[Run]] = {}
        for child in run.children():
            if child.role == "measure":
                found.setdefault(child.arm, []).append(Run(run.path.parent / child.id))
        if len(found) > len(SEQUENCE):
            return []
        means = {arm: mean_curve(arm, [r.curve("accuracy") for r in runs]) for arm, runs in found.items()}
        drawn = lines(means, "Validation accuracy", "step", idle_of(run)).update_layout(showlegend=True)
        caption = "Mean over the seeds."
    if not any(curve.x for curve in means.values()):
        return []
    alt = f"Validation accuracy over optimiser steps of {', '.join(means)}."
    return [Chart(drawn, alt, f"Learning curves. {caption}", 400)]


def idle_of(run: Run) -> Idle | None:
    """The accuracy on the target that takes no learning, and what it is of; None where no training is done.

    Args:
        run: A training, or a study whose measured trainings have one target.
    """
    trained = [Run(run.path.parent / child.id) for child in run.children() if child.role == "measure"] or [run]
    for one in trained:
        with contextlib.suppress(RunProblem):
            found = one.read(TrainingResult) if one.spec.kind == TransferSpec.kind else None
            if found is not None:
                return guessing(found.chance, found.majority)
    return None


def _of_training(run: Run, name: str) -> list[Chart]:
    curves = {split: run.curve(name, split) for split in ("train", "val", "test")}
    curves = {split: curve for split, curve in curves.items() if curve.x}
    if not curves:
        return []
    unlabelled = isinstance(run.spec, TransferSpec) and run.spec.labels == "none"
    title = "Loss of the terms" if unlabelled else TITLES[name]
    alt = f"{title} over optimiser steps on the parts {', '.join(curves)}."
    drawn = lines(curves, title, "step", idle_of(run) if name == "accuracy" else None).update_layout(showlegend=True)
    return [Chart(drawn, alt, f"{title} by part of the domain.", 360)]

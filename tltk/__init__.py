"""See what transfers and what does not.

    spec ──► a run's folder ──► a worker: python -m tltk.run ──► rows, result ──► pages, shell, Python

Map, lowest layer first:
    errors, home, registry, specs/, results/   plain data; no torch
    strategies/, runs/   when a layer learns: phases; a run is a folder
    data/, nn/           domains; a timm model as ordered layers, its cut, its freezing
    adapters/, terms/    what of a layer learns; what else is minimised
    weights/, shift/, transferability/, reduce/, probes/   weight files; formulas
    tasks/, training/    loss and metrics; the one loop, its batches, the bank of features
    analyses/, studies/  questions, and comparisons that train; a folder each
    jobs/                a queue that nobody's page owns, workers, executors
    serving/             a finished training behind an HTTP address
    plots/, dashboard/, cli/   figures, pages, verbs; they read, they do not compute

Nothing here imports torch until it has to: names are looked up when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "AdapterSpec": "specs.parts",
    "AdviseSpec": "analyses.advise.spec",
    "AtlasSpec": "studies.atlas.spec",
    "BadSpec": "errors",
    "CannotSplit": "errors",
    "CausesSpec": "studies.causes.spec",
    "ClassifySpec": "analyses.classify.spec",
    "CompareSpec": "studies.compare.spec",
    "DataProblem": "errors",
    "DataSpec": "specs.parts",
    "DescribeSpec": "analyses.describe.spec",
    "DialResponseSpec": "analyses.dial_response.spec",
    "Diverged": "errors",
    "DuplicatesSpec": "analyses.duplicates.spec",
    "EmbedSpec": "analyses.embed.spec",
    "EnsembleSpec": "analyses.ensemble.spec",
    "EpisodesSpec": "analyses.episodes.spec",
    "ErrorsSpec": "analyses.errors.spec",
    "EvaluateSpec": "analyses.evaluate.spec",
    "ExportSpec": "analyses.export.spec",
    "FeatureMapsSpec": "analyses.feature_maps.spec",
    "FindRateSpec": "analyses.find_rate.spec",
    "ImportWeightsSpec": "analyses.import_weights.spec",
    "InspectSpec": "analyses.inspect.spec",
    "LabelNoiseSpec": "analyses.label_noise.spec",
    "LabelsSpec": "studies.labels.spec",
    "NearestSpec": "analyses.nearest.spec",
    "NetSpec": "specs.parts",
    "OptimSpec": "specs.parts",
    "PlaneSpec": "studies.plane.spec",
    "PredictSpec": "analyses.predict.spec",
    "ProfileSpec": "analyses.profile.spec",
    "RaceSpec": "studies.race.spec",
    "RankSpec": "analyses.rank.spec",
    "Run": "runs.run",
    "RunProblem": "errors",
    "SaliencySpec": "analyses.saliency.spec",
    "SoupSpec": "analyses.soup.spec",
    "SourceCheckSpec": "analyses.source_check.spec",
    "StrategySpec": "specs.parts",
    "SweepSpec": "studies.sweep.spec",
    "TermSpec": "specs.parts",
    "TltkError": "errors",
    "TransferSpec": "specs.training",
    "TwoSampleSpec": "analyses.two_sample.spec",
    "UnknownName": "errors",
    "Verdict": "results.verdict",
    "ViewSpec": "specs.parts",
    "WeightsMissing": "errors",
    "ZeroShotSpec": "analyses.zero_shot.spec",
    "ZeroShotTextSpec": "analyses.zero_shot_text.spec",
    "ask": "jobs",
    "import_zip": "weights.handover",
    "judge": "verdicts.judge",
    "launch": "jobs",
    "load": "data",
    "predict": "jobs.predicting",
    "train": "training.compose",
}

__all__ = [  # spelt out, since type checkers read it too
    "AdapterSpec",
    "AdviseSpec",
    "AtlasSpec",
    "BadSpec",
    "CannotSplit",
    "CausesSpec",
    "ClassifySpec",
    "CompareSpec",
    "DataProblem",
    "DataSpec",
    "DescribeSpec",
    "DialResponseSpec",
    "Diverged",
    "DuplicatesSpec",
    "EmbedSpec",
    "EnsembleSpec",
    "EpisodesSpec",
    "ErrorsSpec",
    "EvaluateSpec",
    "ExportSpec",
    "FeatureMapsSpec",
    "FindRateSpec",
    "ImportWeightsSpec",
    "InspectSpec",
    "LabelNoiseSpec",
    "LabelsSpec",
    "NearestSpec",
    "NetSpec",
    "OptimSpec",
    "PlaneSpec",
    "PredictSpec",
    "ProfileSpec",
    "RaceSpec",
    "RankSpec",
    "Run",
    "RunProblem",
    "SaliencySpec",
    "SoupSpec",
    "SourceCheckSpec",
    "StrategySpec",
    "SweepSpec",
    "TermSpec",
    "TltkError",
    "TransferSpec",
    "TwoSampleSpec",
    "UnknownName",
    "Verdict",
    "ViewSpec",
    "WeightsMissing",
    "ZeroShotSpec",
    "ZeroShotTextSpec",
    "ask",
    "import_zip",
    "judge",
    "launch",
    "load",
    "predict",
    "train",
]

if TYPE_CHECKING:
    from tltk.analyses.advise.spec import AdviseSpec
    from tltk.analyses.classify.spec import ClassifySpec
    from tltk.analyses.describe.spec import DescribeSpec
    from tltk.analyses.dial_response.spec import DialResponseSpec
    from tltk.analyses.duplicates.spec import DuplicatesSpec
    from tltk.analyses.embed.spec import EmbedSpec
    from tltk.analyses.ensemble.spec import EnsembleSpec
    from tltk.analyses.episodes.spec import EpisodesSpec
    from tltk.analyses.errors.spec import ErrorsSpec
    from tltk.analyses.evaluate.spec import EvaluateSpec
    from tltk.analyses.export.spec import ExportSpec
    from tltk.analyses.feature_maps.spec import FeatureMapsSpec
    from tltk.analyses.find_rate.spec import FindRateSpec
    from tltk.analyses.import_weights.spec import ImportWeightsSpec
    from tltk.analyses.inspect.spec import InspectSpec
    from tltk.analyses.label_noise.spec import LabelNoiseSpec
    from tltk.analyses.nearest.spec import NearestSpec
    from tltk.analyses.predict.spec import PredictSpec
    from tltk.analyses.profile.spec import ProfileSpec
    from tltk.analyses.rank.spec import RankSpec
    from tltk.analyses.saliency.spec import SaliencySpec
    from tltk.analyses.soup.spec import SoupSpec
    from tltk.analyses.source_check.spec import SourceCheckSpec
    from tltk.analyses.two_sample.spec import TwoSampleSpec
    from tltk.analyses.zero_shot.spec import ZeroShotSpec
    from tltk.analyses.zero_shot_text.spec import ZeroShotTextSpec
    from tltk.data import load
    from tltk.errors import (
        BadSpec,
        CannotSplit,
        DataProblem,
        Diverged,
        RunProblem,
        TltkError,
        UnknownName,
        WeightsMissing,
    )
    from tltk.jobs import ask, launch
    from tltk.jobs.predicting import predict
    from tltk.results.verdict import Verdict
    from tltk.runs.run import Run
    from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec, ViewSpec
    from tltk.specs.training import TransferSpec
    from tltk.studies.atlas.spec import AtlasSpec
    from tltk.studies.causes.spec import CausesSpec
    from tltk.studies.compare.spec import CompareSpec
    from tltk.studies.labels.spec import LabelsSpec
    from tltk.studies.plane.spec import PlaneSpec
    from tltk.studies.race.spec import RaceSpec
    from tltk.studies.sweep.spec import SweepSpec
    from tltk.training.compose import train
    from tltk.verdicts.judge import judge
    from tltk.weights.handover import import_zip


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC and name.endswith("Spec"):  # a study or an analysis that was added as a folder
        from tltk.specs.reading import spec_kinds

        for kind in spec_kinds().values():
            if kind.__name__ == name:
                return kind
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tltk' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tltk.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

"""See what transfers and what does not.

    spec.py ──► run.py (a worker) ──► rows.jsonl ──► results.py ──► pages and shell

Map, lowest layer first:
    errors, registry, spec, results, home   plain data; no torch
    data/        domains: pictures as uint8 arrays, labels, splits
    nn/          a timm model as ordered layers, its cut, its freezing, its weights
    strategies/  one file each: a strategy is a list of phases
    bank         features of frozen layers, computed once and kept
    train        the one loop; around it feed, loss, optim, schedule, score, desk, checkpoint
    runs, jobs/  runs are folders; a queue that nobody's page owns
    compare      scratch against transfer: the verdict
    plots/, dashboard/   figures and pages; they read, they do not compute

Nothing here imports torch until it has to: names are looked up when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "BadSpec": "errors",
    "CannotSplit": "errors",
    "CompareSpec": "spec",
    "DataProblem": "errors",
    "DataSpec": "spec",
    "NetSpec": "spec",
    "OptimSpec": "spec",
    "Run": "runs",
    "RunProblem": "errors",
    "StrategySpec": "spec",
    "TltkError": "errors",
    "TransferSpec": "spec",
    "UnknownName": "errors",
    "Verdict": "results",
    "ViewSpec": "spec",
    "WeightsMissing": "errors",
    "judge": "verdict",
    "launch": "jobs",
    "load": "data",
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605

if TYPE_CHECKING:
    from tltk.data import load
    from tltk.errors import (
        BadSpec,
        CannotSplit,
        DataProblem,
        RunProblem,
        TltkError,
        UnknownName,
        WeightsMissing,
    )
    from tltk.jobs import launch
    from tltk.results import Verdict
    from tltk.runs import Run
    from tltk.spec import (
        CompareSpec,
        DataSpec,
        NetSpec,
        OptimSpec,
        StrategySpec,
        TransferSpec,
        ViewSpec,
    )
    from tltk.verdict import judge


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tltk' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tltk.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

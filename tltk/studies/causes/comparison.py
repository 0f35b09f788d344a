"""The comparison that a study of causes explains, and the study that explains a comparison. No torch here."""

from __future__ import annotations

import dataclasses
from typing import Any

from tltk.specs.knobs import Spec
from tltk.specs.parts import AdapterSpec, StrategySpec
from tltk.studies import technique
from tltk.studies.causes.spec import CausesSpec
from tltk.studies.compare.spec import CompareSpec

SCRATCH = "scratch"


def causes_of(spec: CompareSpec) -> CausesSpec:
    """The study that asks why the transfer of a comparison does not help; its trainings are those of the comparison.

    Where the comparison matches FLOPs or goes on to more seeds, the study does not.

    Raises:
        BadSpec: There is no source, so that nothing can be held against the target.
    """
    word = technique.write(spec.strategy, spec.adapter, spec.terms)
    found = CausesSpec(**_shared(spec, CausesSpec), technique=word)
    found.check()
    return found


def comparison_of(spec: CausesSpec) -> CompareSpec | None:
    """The comparison that a study of causes explains; None where its technique is not held against scratch."""
    how = technique.parse(spec.technique)
    if spec.yardstick != SCRATCH or spec.labels != "target" or how.scratch or how.labels or how.weights:
        return None
    given = _shared(spec, CompareSpec)
    given["net"] = dataclasses.replace(
        spec.net, weights=SCRATCH, boundary=spec.net.boundary if how.boundary is None else how.boundary
    )
    return CompareSpec(
        **given, strategy=how.strategy or StrategySpec(), adapter=how.adapter or AdapterSpec(), terms=how.terms
    )


def _shared(spec: Spec, kind: type[Spec]) -> dict[str, Any]:
    """The fields that both have."""
    names = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return {f.name: getattr(spec, f.name) for f in dataclasses.fields(spec) if f.name in names}  # type: ignore[arg-type]

"""What a pooled verdict is asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from tltk.analyses.several_runs import SeveralRuns
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field

POOLED = "compare"  # the kind of run that is pooled


@dataclass(frozen=True)
class PoolSpec(SeveralRuns):
    """A question: what do comparisons of one plan with different seeds say together?"""

    kind: ClassVar[str] = "pool"
    verb: ClassVar[str] = "pool"
    about: ClassVar[str] = "Comparisons of one plan that differ in their first seed, as of a class, in one verdict."
    needs: ClassVar[str] = "Pooling needs two finished comparisons"

    runs: tuple[str, ...] = list_field((), help="Finished comparisons of one plan, separated by commas.")
    level: float = knob(0.95, 0.5, 0.9999, help="Coverage of the interval.")


def plan_of(spec: Spec) -> str:
    """What comparisons that differ in their first seed alone have in common.

    Raises:
        BadSpec: It is no comparison.
    """
    if spec.kind != POOLED:
        raise BadSpec(f"What is pooled are comparisons of scratch and transfer. Got a run of kind {spec.kind}.")
    comparison: Any = spec
    plan: Spec = dataclasses.replace(comparison, first_seed=0)
    return plan.run_id

"""Whether what is compared was given the same: steps, pictures and FLOPs. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tltk.results.training import TrainingResult
from tltk.specs.nouns import PICTURES, reword

WORDS = {"steps": "steps", "images": "pictures", "gflops": "FLOPs"}
SAME = 0.01  # share by which FLOPs may differ and count as equal


def budget_flags(arms: Mapping[str, Sequence[TrainingResult]]) -> list[str]:
    """A sentence for each of steps, pictures and FLOPs in which trainings of these arms differ; none where they agree.

    Args:
        arms: Name → results of its trainings.
    """
    found: list[str] = []
    noun = next((one.noun for results in arms.values() for one in results), PICTURES)
    for what, word in WORDS.items():
        spent = {name: [getattr(r, what) for r in results] for name, results in arms.items() if results}
        if any(value is None for values in spent.values() for value in values):
            continue  # FLOPs that cannot be counted
        mean = {name: float(np.mean(values)) for name, values in spent.items()}
        every = [value for values in spent.values() for value in values]
        if not every or max(every) <= min(every) * (1 + SAME * (what == "gflops")):
            continue
        least, most = min(mean, key=mean.__getitem__), max(mean, key=mean.__getitem__)
        span = f"{amount(min(every), what)} ({least}) to {amount(max(every), what)} ({most})"
        equal = f" Steps and {noun} are equal." if what == "gflops" and not found else ""
        found.append(f"The arms differ in {reword(word, noun)}: {span}. Budgets are not equal.{equal}")
    return found


def amount(value: float, what: str) -> str:
    """`1,200`, or `1.25 GFLOPs`."""
    return gflops(value) if what == "gflops" else f"{value:,.0f}"


def gflops(value: float) -> str:
    """10⁹ operations in three digits, with the unit that suits."""
    for size, unit in ((1e6, "PFLOPs"), (1e3, "TFLOPs")):
        if value >= size:
            return f"{digits(value / size)} {unit}"
    return f"{digits(value)} GFLOPs"


def digits(value: float) -> str:
    """Three digits, and all before the point."""
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"

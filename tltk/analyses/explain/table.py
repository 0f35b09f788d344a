"""What a training makes of one picture, as the shell prints it."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.explain.result import ExplainResult
from tltk.results.text import align_left

LISTED = 5  # classes


def lines(found: ExplainResult) -> Iterator[str]:
    """The likeliest classes, how it is told where it looks, and the nearest training pictures."""
    ranked = sorted(zip(found.probabilities, found.classes, strict=True), reverse=True)[:LISTED]
    yield from align_left([["class", "probability"], *([name, f"{p:.3f}"] for p, name in ranked)])
    if found.why:
        yield found.why
    else:
        told = "Grad-CAM" if found.method == "grad_cam" else "attention rollout"
        yield f"map.png in the run's folder: {told} at {found.layer_name}{'; it shows nothing' * found.flat}."
    yield f"Nearest of {found.n:,} training examples of {found.domain}:"
    rows = [[one.name, one.label, f"{one.distance:.4f}"] for one in found.nearest.neighbours]
    yield from align_left([["example", "class", "distance"], *rows])
    yield from found.remarks

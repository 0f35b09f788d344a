"""A comparison whose trainings are written down with what each of them cost."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.support.results import trained
from tltk import home
from tltk.results.rows import Row
from tltk.results.training import TrainingResult
from tltk.runs.run import Child, Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.compare.study import measure_children, rate_arms, source_spec

SPEC = CompareSpec(
    source=DataSpec("rendered_digits"),
    target=DataSpec("blended_digits", shots=5),
    net=NetSpec("test_resnet"),
    optim=OptimSpec(epochs=4),
    lrs=(1e-3, 1e-2),
    widen=0,
)
CURVES = {"scratch": [[0.1, 0.2, 0.3, 0.4]] * 3, "transfer": [[0.5] * 4, [0.3, 0.5, 0.5, 0.5], [0.4] * 4]}


def finish(spec: TransferSpec, curve: list[float], second: float, **costs: Any) -> TrainingResult:
    """A training's folder: accuracy after each epoch, which takes so many seconds and 3 GFLOPs."""
    run = Run.create(spec)
    result = trained(**costs)
    home.write_atomic(run.path / "result.json", msgspec.json.encode(result))
    rows = []
    for epoch, value in enumerate(curve, 1):
        step, at = 10 * epoch, second * epoch
        rows += [
            Row(epoch, step, at, "val", "accuracy", value),
            Row(epoch, step, at, "net", "gflops", 3.0 * epoch),
            Row(epoch, step, at, "net", "images", 160.0 * epoch),
        ]
    (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))
    run.write_status(state="done")
    return result


def study(curves: dict[str, list[list[float]]] | None = None, **changes: Any) -> tuple[Run, dict[str, list[Any]]]:
    """A comparison with the results of its trainings by arm.

    Args:
        curves: Arm → validation accuracy by epoch, for each seed.
        **changes: Of the results of the transfer arm.
    """
    curves, run = curves or CURVES, Run.create(SPEC)
    source = source_spec(SPEC)
    assert source is not None
    told: dict[str, Any] = {"energy_source": "estimated", "watts": 12.0, "n_learned": 1000}
    costs = {"seconds": 30.0, "gflops": 50.0, "joules": 360.0, "steps": 100, "images": 3200, "peak_memory": 5 * 10**8}
    found: dict[str, list[Any]] = {"source": [finish(source, [0.9], 30.0, **told, **costs)]}
    children = [Child(source.run_id, "source", "source", 0, 1e-3)]
    each = {
        "steps": 40,
        "images": 640,
        "gflops": 12.0,
        "labels": [0] * 100,
        "predictions": [0] * 100,
        "test_gflops": 0.002,
        "test_seconds": 0.01,
    }
    for arm, make in rate_arms(SPEC).items():
        found[arm] = []
        for lr in SPEC.lrs:
            spec, more = make(lr, 7), {"seconds": 5.0, "joules": 60.0, "peak_memory": 10**8}
            found[arm].append(finish(spec, [0.1], 1.0, **told, **each, **more))
            children.append(Child(spec.run_id, arm, "search", 7, lr))
    for n, wanted in enumerate(measure_children(SPEC, {"scratch": 1e-3, "transfer": 1e-2})):
        assert isinstance(wanted.spec, TransferSpec)
        second = 2.0 if wanted.arm == "scratch" else 1.0
        more = {"seconds": 4 * second, "joules": 48 * second + n, "peak_memory": (2 + n) * 10**8}
        more |= {**told, **each, **(changes if wanted.arm == "transfer" else {})} | {
            k: v for k, v in more.items() if wanted.arm != "transfer" or k not in changes
        }
        found[wanted.arm].append(finish(wanted.spec, curves[wanted.arm][n // 2], second, **more))
        children.append(wanted.child)
    run.write_children(children)
    run.write_status(state="done")
    return run, found

"""Small trainings of digits that have ended, to be asked about."""

from __future__ import annotations

from tltk.jobs import executor
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec

TARGET = DataSpec("digits", n=300, size=32)
PLAIN = TransferSpec(TARGET, NetSpec("test_resnet"), optim=OptimSpec(epochs=4, lr=1e-2, batch_size=16, device="cpu"))


def trained(spec: TransferSpec = PLAIN) -> Run:
    """The run of a training that is done."""
    run = executor().submit(spec)
    assert run.status.state == "done", run.status.message
    return run

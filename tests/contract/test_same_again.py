"""The command line and the Python that a run shows make it again, bit for bit: each in a home and a process of its own."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.processes import machine
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.command import to_command, to_python
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec

SPEC = TransferSpec(
    target=DataSpec("digits", shots=4, n=300, size=16),
    source=DataSpec("rendered_digits", n=200),
    net=NetSpec("test_resnet", boundary=2, dropout=0.1),
    strategy=StrategySpec("discriminative", {"decay": 0.5}),
    adapter=AdapterSpec("lora", {"rank": 2}),
    terms=(TermSpec("coral", {"weight": 0.5}), TermSpec("l2_sp")),
    views=ViewSpec(crop=0.3, flip=0.5),
    optim=OptimSpec(epochs=2, batch_size=8, lr=3e-3, label_smoothing=0.1, device="cpu"),
    seed=3,
)
MEASURED = ("images_per_second", "memory")


def trained(folder: Path, words: list[str]) -> Run:
    """The run that these words of a shell make in an empty home."""
    with machine(folder):
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        run = Run.open(SPEC.run_id)
        assert run.status.state == "done", run.status.message
        return run


def test_the_command_and_the_python_of_a_run_make_it_again(tmp_path: Path) -> None:
    shown = shlex.split(to_command(SPEC))
    assert shown[0] == "tltk"
    ways = {
        "command": [sys.executable, "-m", "tltk.cli", *shown[1:]],
        "python": [sys.executable, "-c", to_python(SPEC)],
    }
    made = {}
    for name, words in ways.items():
        (tmp_path / name).mkdir()
        made[name] = trained(tmp_path / name, words)
    first, second = made.values()
    ours, theirs = first.read(TrainingResult), second.read(TrainingResult)
    assert ours is not None and theirs is not None and len(ours.predictions) > 50
    assert (ours.predictions, ours.loss, ours.val_loss) == (theirs.predictions, theirs.loss, theirs.val_loss)
    rows = [
        [(r.epoch, r.step, r.split, r.name, r.layer, r.value) for r in run.rows()[0] if r.name not in MEASURED]
        for run in (first, second)
    ]
    assert len(rows[0]) > 50 and rows[0] == rows[1]
    weights = [(run.path / "model.safetensors").read_bytes() for run in (first, second)]
    assert weights[0] == weights[1]

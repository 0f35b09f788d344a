"""Homes that cannot be used, or whose files a disk, a copy or a hand has damaged; and runs whose inputs change midway."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import torch
from safetensors.torch import save_file

from tests.cases.checkpoints import network
from tests.cases.drawing import classes, picture
from tltk.results.rows import Row
from tltk.runs.run import Child, Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

WHOLE = TransferSpec(
    DataSpec("digits", n=200, size=16), NetSpec("test_resnet"), optim=OptimSpec(epochs=1, device="cpu")
)
HURT = TransferSpec(WHOLE.target, WHOLE.net, optim=WHOLE.optim, seed=1)
STUDY = CompareSpec(source=DataSpec("rendered_digits"), target=WHOLE.target, net=WHOLE.net)
RESULT = {
    "accuracy": 0.5,
    "macro_f1": 0.5,
    "val_accuracy": 0.5,
    "val_loss": 1.0,
    "loss": 1.0,
    "epochs": 1,
    "steps": 3,
    "seconds": 1.0,
    "device": "cpu",
    "frozen_tensors": 0,
    "frozen_moved": 0,
    "gflops": 1.0,
    "images": 9,
}


@contextmanager
def living_in(home: Path) -> Iterator[Path]:
    """This home inside, the other one again behind."""
    before = os.environ.get("TLTK_HOME")
    os.environ["TLTK_HOME"] = str(home)
    try:
        yield home
    finally:
        if before is None:
            del os.environ["TLTK_HOME"]
        else:
            os.environ["TLTK_HOME"] = before


def homes(root: Path) -> None:
    """Places in which no home can be."""
    (root / "file").write_text("x")
    (root / "ring").symlink_to("ring")
    (root / "to_a_file").symlink_to("file")
    (root / "to_nothing").symlink_to("nothing")
    taken = root / "taken"  # what should be a folder in it is a file
    taken.mkdir()
    (taken / "runs").write_text("x")


def damaged_homes(root: Path) -> None:
    """A home of three runs, of which one file is damaged; and the same whole."""
    with living_in(root / "whole"):
        for spec in (WHOLE, HURT, STUDY):
            run = Run.create(spec)
            rows = [Row(1, step, 0.1, "val", "accuracy", 0.5) for step in (1, 2, 3)]
            (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
            (run.path / "result.json").write_text(json.dumps(RESULT))
            run.write_status(state="done", epoch=1, epochs=1, seconds=1.0)
        child = Child(WHOLE.run_id, "scratch", "measure", 0, 1e-3)
        (Run.at(STUDY.run_id).path / "children.jsonl").write_bytes(msgspec.json.encode(child) + b"\n")
    for name, run_id, file, content in (
        ("status", HURT.run_id, "status.json", b'{"state": "waiting", "message": "\xff"}'),
        ("status_empty", HURT.run_id, "status.json", b""),
        ("rows", HURT.run_id, "rows.jsonl", b'{"epoch": 1, "st\xff\n' * 3),
        ("result", HURT.run_id, "result.json", b'{"accuracy": 0.5, "\xff"'),
        ("result_of_words", HURT.run_id, "result.json", b'["accuracy"]'),
        ("spec", HURT.run_id, "spec.json", b'{"kind": "transfer", "target": {"name": "\xff"}}'),
        ("children", STUDY.run_id, "children.jsonl", b'{"id": "\xff"}\n'),
        ("children_outside", STUDY.run_id, "children.jsonl", b'{"id":"../..","arm":"a","role":"b","seed":0,"lr":1}\n'),
        ("note_of_inputs", HURT.run_id, "inputs.json", b'{"\xff": 1}'),
    ):
        shutil.copytree(root / "whole", root / name)
        (root / name / "runs" / run_id / file).write_bytes(content)
    for name, content in (("table", bytes(range(256)) * 8), ("table_cut", b"SQLite format 3\0" + bytes(90))):
        shutil.copytree(root / "whole", root / name)
        (root / name / "tltk.db").write_bytes(content)
    shutil.copytree(root / "whole", root / "memory_of_weights")
    (root / "memory_of_weights" / "value_check.json").write_bytes(b"\xff")


def resume_changed(root: Path) -> None:
    """Pictures and weights of a training, and what lies there when it is resumed: one folder for each change."""
    classes(root / "before" / "pictures")
    save_file(network().state_dict(), root / "before" / "weights.safetensors")
    for change in (
        "nothing",
        "more_pictures",
        "another_picture",
        "other_weights",
        "unfit_weights",
        "no_weights",
        "no_class",
    ):
        shutil.copytree(root / "before", root / change)  # with the times of writing, so that nothing has changed
    for i in range(8):
        picture(root / "more_pictures" / "pictures" / "dog" / f"new_{i}.jpg", 170)
    picture(root / "another_picture" / "pictures" / "cat" / "0.jpg", 90)
    state = network().state_dict()
    save_file(
        {n: t + 1 if n == "fc.bias" else t for n, t in state.items()}, root / "other_weights" / "weights.safetensors"
    )
    state["conv1.0.weight"] = torch.full_like(state["conv1.0.weight"], float("nan"))
    save_file(state, root / "unfit_weights" / "weights.safetensors")
    (root / "no_weights" / "weights.safetensors").unlink()
    shutil.rmtree(root / "no_class" / "pictures" / "dog")

"""Trainings in several processes of this machine: `python -m tests.support.shares FOLDER RANK SIZE` is one of them."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from tltk.specs.training import TransferSpec

MEASURED = ("images_per_second", "memory")  # rows that differ from one time to the next by nature
Curve = list[tuple[Any, ...]]


def curves(specs: Sequence[TransferSpec], folder: Path, size: int = 2) -> list[Curve]:
    """The rows of each training, shared by so many processes.

    Args:
        specs: Of one process each.
        folder: An empty one.
        size: Processes.
    """
    shared = [dataclasses.replace(s, optim=dataclasses.replace(s.optim, processes=size)) for s in specs]
    (folder / "specs.json").write_text(json.dumps([json.loads(spec.to_json()) for spec in shared]))
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.shares", str(folder)]
    quiet = {**os.environ, "TORCH_CPP_LOG_LEVEL": "ERROR", "CUDA_VISIBLE_DEVICES": ""}
    started = [
        subprocess.Popen(
            [*command, str(rank), str(size)], env=quiet, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for rank in range(size)
    ]
    try:
        for one in started:
            said, _ = one.communicate(timeout=300)
            assert one.returncode == 0, said
    finally:
        for one in started:
            one.kill()
    return [[tuple(row) for row in rows] for rows in json.loads((folder / "rows.json").read_text())]


def curve(spec: TransferSpec) -> Curve:
    """What a training tells: all rows but times."""
    from tltk.training.compose import train

    rows = train(spec).rows
    return [(r.epoch, r.step, r.split, r.name, r.layer, r.value) for r in rows if r.name not in MEASURED]


def main() -> None:
    import torch.distributed as dist

    folder, rank, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    store = f"file://{folder / 'store'}"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=size, timeout=timedelta(minutes=3))
    found = [curve(TransferSpec.from_dict(body)) for body in json.loads((folder / "specs.json").read_text())]
    if rank == 0:
        (folder / "rows.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()

"""Predictions of a folder of photos beside a bare loop of timm, PIL and torch with the same preprocessing, in turns.

The bare loop is the program that `tltk export --to script` writes, which gives the same numbers: picture by picture from
the disk, then 64 at a time through the network. Beside it the same loop with the pictures read by as many threads as
there are cores, as a DataLoader would, but without its processes.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from tests.benchmarks.rounds import SHARED, own_home, table
from tests.support.results import trained
from tltk import home
from tltk.analyses.export.analysis import export
from tltk.analyses.export.spec import ExportSpec
from tltk.analyses.predict.analysis import predict
from tltk.analyses.predict.spec import PredictSpec
from tltk.analyses.sample import Context
from tltk.data import load
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.weights import load as weights

BATCH = 64
CLASSES = ["ants", "bees"]


def finished(backbone: str, size: int) -> Run:
    """A run with weights drawn at random: how fast it predicts does not depend on what it learned."""
    spec = TransferSpec(DataSpec("digits", size=size), NetSpec(backbone))
    net = weights.build_net(spec.net, len(CLASSES), size, 3, 0)
    run = Run.create(spec)
    told = {"classes": json.dumps(CLASSES), "size": str(size)}
    weights.save(net, spec.net, run.path / "model.safetensors", data="digits", run=run.id, **told)
    home.write_atomic(
        run.path / "result.json", msgspec.json.encode(msgspec.structs.replace(trained(), classes=CLASSES))
    )
    run.write_status(state="done")
    return run


def bare(program: dict[str, Any], files: list[Path], threads: int) -> tuple[float, np.ndarray]:
    """Seconds and probabilities of the exported program in a loop over the files."""
    start, found = time.perf_counter(), []
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(files), BATCH):
            part = files[first : first + BATCH]
            read = pool.map(program["read"], part) if threads > 1 else map(program["read"], part)
            found.append(program["predict"](torch.stack(list(read))))
    return time.perf_counter() - start, torch.cat(found).numpy()


def ours(run: Run, folder: Path) -> tuple[float, float, np.ndarray]:
    """Seconds of it all, from the weights on the disk to the result; those without opening them; and probabilities."""
    bank = FeatureBank(ram=0, disk=0)
    start = time.perf_counter()
    result, tensors = predict(PredictSpec(run.id, (str(folder),)), Context(load, bank, Callbacks()))
    return time.perf_counter() - start, result.seconds, tensors["probabilities"].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--pictures", type=int, default=397)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores, n = os.cpu_count() or 1, options.pictures
    with own_home() as place:
        with tarfile.open(SHARED / "folders" / "hymenoptera_256.tar") as archive:
            archive.extractall(place / "all", filter="data")
        (place / "photos").mkdir()
        for i, file in enumerate(sorted((place / "all").rglob("*.jpg"))[:n]):
            file.rename(place / "photos" / f"{i:04}.jpg")
        files = sorted((place / "photos").iterdir())
        run = finished(options.backbone, options.size)
        export(ExportSpec(run.id, "script", str(place / "program")))
        program = runpy.run_path(str(place / "program" / "predict.py"))
        names = ("tltk predict", "bare loop", f"bare loop, {cores} threads read")
        seconds: list[list[float]] = [[], [], []]
        for _ in range(options.rounds + 1):
            _, took, mine = ours(run, place / "photos")
            one, theirs = bare(program, files, 1)
            several, _ = bare(program, files, cores)
            assert np.abs(mine - theirs).max() < 1e-5, "both give the same numbers"
            for kept, value in zip(seconds, (took, one, several), strict=True):
                kept.append(value)
        best = [min(kept[1:]) for kept in seconds]  # the first round warms
        rows = [
            [name, f"{len(files) / s:.0f}", f"{best[1] / s:.2f}", f"{best[2] / s:.2f}"]
            for name, s in zip(names, best, strict=True)
        ]
    print(
        f"{len(files)} JPEGs, {options.backbone} at {options.size} px, batches of {BATCH}, {torch.get_num_threads()} of "
        f"{cores} cores in the network; the best of {options.rounds} rounds in turns.\n"
    )
    table(["", "pictures/s", "× the bare loop", "× with threads"], rows)


if __name__ == "__main__":
    main()

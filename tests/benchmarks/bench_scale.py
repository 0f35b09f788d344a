"""Many pictures in little memory: decoded once, a head on frozen features, an epoch of fine-tuning; beside ImageFolder.

Each step runs in a process of its own, whose peaks are told: all that lay in memory at a time (VmHWM), which counts the
pages of files that the system may drop, and of it what is the process's own and must stay (RssAnon, looked at every
20 ms). `ImageFolder` and `DataLoader` feed the same network, optimizer and batches; pictures per second count those that
are trained, validated and tested on alike, by the clock and by the processor's time, which tells it on a machine that
others use too. Their speed does not depend on how many there are, so `--theirs` of them are enough.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.benchmarks.rounds import table
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, ViewSpec
from tltk.specs.training import TransferSpec

CLASSES, FILE_PX, COLD_PICTURES = 10, (96, 72), 20_000
MB = 2**20


def write_pictures(root: Path, n: int) -> None:
    """JPEG files, no two alike, `CLASSES` folders of them; the class is a tint."""
    draw, tints = np.random.default_rng(0), np.random.default_rng(1).integers(0, 110, (CLASSES, 3))
    for c in range(CLASSES):
        (root / f"class{c}").mkdir(parents=True)
    for start in range(0, n, 1000):
        coarse = draw.integers(0, 146, (min(1000, n - start), 9, 12, 3))
        for i, picture in enumerate(coarse, start=start):
            tinted = Image.fromarray((picture + tints[i % CLASSES]).astype(np.uint8))
            tinted.resize(FILE_PX, Image.Resampling.BICUBIC).save(root / f"class{i % CLASSES}" / f"{i}.jpg", quality=85)


def asked(root: Path, options: argparse.Namespace, frozen: bool) -> TransferSpec:
    """The training of a step."""
    return TransferSpec(
        DataSpec(f"folder:{root}", size=options.size, val=0.1, test=0.1),
        NetSpec(options.net, boundary=options.depth if frozen else 0),
        StrategySpec("feature_extraction" if frozen else "fine_tune"),
        OptimSpec(epochs=options.epochs if frozen else 1, batch_size=64, schedule="constant", device="cpu"),
        ViewSpec() if frozen else ViewSpec(crop=0.5, flip=0.5),
    )


def decode(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The first reading of the folder, and the second."""
    from tltk.data import load

    spec = asked(root, options, False).target
    return {"pictures": len(load(spec).labels)}


def read_cold(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Batches drawn at random from the kept pictures, none of which the system holds: what a set larger than memory costs."""
    from tltk.data import load

    domain = load(asked(root, options, False).target)
    images = domain.images
    assert isinstance(images, np.memmap) and images.filename is not None
    order = np.random.default_rng(0).permutation(len(images))[:COLD_PICTURES]
    with open(images.filename, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start, spent = time.perf_counter(), time.process_time()
        for at in range(0, len(order), 64):
            images[order[at : at + 64]].sum(dtype=np.int64)
    clocks = {"seconds": time.perf_counter() - start, "processor": time.process_time() - spent}
    return {"pictures": len(order), **clocks}


def train(root: Path, options: argparse.Namespace, frozen: bool) -> dict[str, Any]:
    """A training, here and now, with all that a worker does."""
    from tltk.training.compose import train as run

    found = run(asked(root, options, frozen)).result
    shown = found.n_train + found.n_val + len(found.labels)
    return {"pictures": shown * found.epochs, "accuracy": found.accuracy}


def theirs(root: Path, options: argparse.Namespace, frozen: bool) -> dict[str, Any]:
    """The same with torchvision's folder and torch's loader, some of the pictures."""
    import timm
    import torch
    from torch.utils.data import DataLoader, Subset
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = timm.create_model(options.net, num_classes=CLASSES)
    norm = transforms.Normalize(model.pretrained_cfg["mean"], model.pretrained_cfg["std"])
    plain = [transforms.Resize(options.size), transforms.CenterCrop(options.size), transforms.ToTensor(), norm]
    moved = [
        transforms.RandomResizedCrop(options.size, (0.5, 1.0)),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        norm,
    ]
    n = min(options.theirs, options.n)
    order = torch.randperm(options.n)[:n].tolist()
    parts = {"train": order[: int(0.8 * n)], "held out": order[int(0.8 * n) :]}
    ways = {"train": plain if frozen else moved, "held out": plain}
    loaders = {
        part: DataLoader(
            Subset(ImageFolder(str(root), transforms.Compose(ways[part])), index),
            64,
            shuffle=part == "train",
            num_workers=options.workers,
        )
        for part, index in parts.items()
    }
    body = [p for name, p in model.named_parameters() if "fc." not in name and "head." not in name]
    for parameter in body:
        parameter.requires_grad_(not frozen)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-3)
    for part, loader in loaders.items():
        model.train(part == "train" and not frozen)
        with torch.set_grad_enabled(part == "train"):
            for x, y in loader:
                loss = torch.nn.functional.cross_entropy(model(x.contiguous(memory_format=torch.channels_last)), y)
                if part == "train":
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
    return {"pictures": n}


STEPS: dict[str, tuple[str, Callable[[Path, argparse.Namespace], dict[str, Any]]]] = {
    "decode": ("decode once", decode),
    "again": ("open again", decode),
    "cold": ("read at random from the disk", read_cold),
    "head": ("head on frozen features", lambda root, options: train(root, options, True)),
    "tune": ("fine-tune, one epoch", lambda root, options: train(root, options, False)),
    "their_head": ("ImageFolder: head, one epoch", lambda root, options: theirs(root, options, True)),
    "their_tune": ("ImageFolder: fine-tune, one epoch", lambda root, options: theirs(root, options, False)),
}


class Peak(threading.Thread):
    """Looks at how much of this process's memory is its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = 0

    def run(self) -> None:
        while True:
            self.own = max(self.own, kilobytes("RssAnon"))
            time.sleep(0.02)


def kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def measure(step: str, root: Path, options: argparse.Namespace) -> None:
    """One step, in this process; prints what it took."""
    import torch  # noqa: F401 – what importing takes is no part of a step's seconds

    from tltk.training import compose  # noqa: F401

    peak, start, spent = Peak(), time.perf_counter(), time.process_time()
    peak.start()
    found = STEPS[step][1](root, options)
    found = {"seconds": time.perf_counter() - start, "processor": time.process_time() - spent} | found
    found |= {"own": peak.own / 1024, "all": kilobytes("VmHWM") / 1024}
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_000, help="pictures")
    parser.add_argument("--size", type=int, default=64, help="side of the square, in pixels")
    parser.add_argument("--net", default="test_resnet")
    parser.add_argument("--epochs", type=int, default=10, help="of the head")
    parser.add_argument("--theirs", type=int, default=5_000, help="pictures that ImageFolder is measured on")
    parser.add_argument("--workers", type=int, default=0, help="processes of their loader; ours has none")
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help="where the pictures lie or are to lie; by default for this run only")
    parser.add_argument(
        "--depth", type=int, default=5, help="layers of the network, all of which are frozen for the head"
    )
    options = parser.parse_args()
    if options.step:
        return measure(options.step, options.root, options)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = options.root or Path(folder) / "pictures"
        if not root.exists():
            start = time.perf_counter()
            write_pictures(root, options.n)
            print(f"{options.n:,} JPEG files of {FILE_PX[0]} × {FILE_PX[1]} px, {time.perf_counter() - start:.0f} s.\n")
        rows = []
        for step in options.steps:
            words = [sys.executable, "-m", "tests.benchmarks.bench_scale", *sys.argv[1:], "--step", step]
            environment = os.environ | {"TLTK_HOME": f"{folder}/home"}
            done = subprocess.run(
                [*words, "--root", str(root)], env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            found = json.loads(done.stdout.splitlines()[-1])
            row = [f"{found['pictures']:,}"]
            for clock in ("seconds", "processor"):
                row += [f"{found[clock]:.1f}", f"{found['pictures'] / found[clock]:,.0f}"]
            rows.append([STEPS[step][0], *row, f"{found['all']:,.0f}", f"{found['own']:,.0f}"])
            print(" · ".join(rows[-1]), flush=True)
    print()
    head = ["", "pictures shown", "clock, s", "pictures/s", "processor, s", "pictures/s", "peak, MiB", "its own, MiB"]
    table(head, rows)
    return None


if __name__ == "__main__":
    main()

"""All layers in one pass against a plain forward pass; then a whole profile of two domains, cold and kept."""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from tests.benchmarks.rounds import own_home, table
from tltk.analyses.profile.analysis import profile
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import Context
from tltk.data import load
from tltk.jobs import worker
from tltk.nn.taps import Taps
from tltk.runs.run import Run
from tltk.specs.parts import POOLINGS, DataSpec, NetSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.weights.load import build_net

NETS = (("resnet18", 64), ("mobilenetv2_100", 64), ("vit_tiny_patch16_224", 96))


def taps(backbone: str, size: int, rounds: int) -> list[str]:
    """Seconds of a plain pass, and of one with taps as a share of it: the two take turns."""
    net = build_net(NetSpec(backbone=backbone), 10, size, 3, 0).to(memory_format=torch.channels_last).eval()
    x = torch.randn(64, 3, size, size).contiguous(memory_format=torch.channels_last)
    ways = {name: Taps(net, name).prefix for name in POOLINGS}
    plain: list[float] = []
    taken: dict[str, list[float]] = {name: [] for name in ways}
    with torch.no_grad():
        for _ in range(rounds + 1):
            start = time.perf_counter()
            net(x)
            plain.append(time.perf_counter() - start)
            for name, way in ways.items():
                start = time.perf_counter()
                way(x)
                taken[name].append(time.perf_counter() - start)
    ratios = [statistics.median(b / a for a, b in zip(plain[1:], taken[name][1:], strict=True)) for name in ways]
    return [f"{backbone}, {size}", f"{statistics.median(plain[1:]):.3f}", *(f"{r:.2f}" for r in ratios)]


def whole(pictures: int) -> list[list[str]]:
    """Seconds of a profile of a ResNet-18 at 64 px: cold, with features and columns kept, and asked again."""
    spec = ProfileSpec(
        target=DataSpec("blended_digits", size=64, val=0.05, test=0.05),
        source=DataSpec("rendered_digits", n=4000),
        net=NetSpec(backbone="resnet18"),
        pictures=pictures,
    )
    load(spec.target)
    if spec.source is not None:
        load(spec.source)  # drawing pictures is not what is measured
    rows = []
    for name in ("cold", "features and columns kept"):
        start = time.perf_counter()
        found = profile(spec, Context(load, FeatureBank(), Callbacks()))
        parts = ", ".join(f"{k} {v:.1f}" for k, v in found.seconds.items() if v >= 0.5 and k != "all")
        rows.append([name, f"{time.perf_counter() - start:.2f}", parts])
    run = Run.create(spec)
    worker.execute(run)
    start = time.perf_counter()
    assert Run.create(spec).result() is not None
    return [*rows, ["asked again by a page or the shell", f"{time.perf_counter() - start:.4f}", "the answer is read"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=2000)
    options = parser.parse_args()
    found = [taps(backbone, size, options.rounds) for backbone, size in NETS]
    table(["network, px", "plain pass of 64, s", *(f"with taps, {name}" for name in POOLINGS)], found)
    torch.set_num_threads(2)
    with own_home():
        rows = whole(options.pictures)
    print(
        f"resnet18 at 64 px, {options.pictures:,} pictures of each of two domains (at most what they have), 2 threads.\n"
    )
    table(["profile", "seconds", "of which"], rows)


if __name__ == "__main__":
    main()

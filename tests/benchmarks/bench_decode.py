"""A folder of pictures: images/s of the first decoding, and the second epoch's data path against torchvision's."""

from __future__ import annotations

import argparse
import tarfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tests.benchmarks.rounds import own_home, table
from tests.conftest import SHARED
from tltk.data import load
from tltk.data.augment import views
from tltk.data.domain import Domain
from tltk.specs.parts import DataSpec, ViewSpec


def photos(home: Path, n: int) -> list[Image.Image]:
    """Real photos where there are any, else noise with large shapes; n of them, by repetition."""
    path = SHARED / "folders" / "hymenoptera_256.tar"
    if path.is_file():
        with tarfile.open(path) as archive:
            archive.extractall(home / "photos", filter="data")
        files = sorted(p for p in (home / "photos").rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
        found = [Image.open(p).convert("RGB") for p in files[:n]]
    else:
        draw = np.random.default_rng(0)
        small = [Image.fromarray(draw.integers(0, 255, (9, 12, 3), np.uint8)) for _ in range(min(n, 100))]
        found = [p.resize((340, 256), Image.Resampling.BICUBIC) for p in small]
    return [found[i % len(found)] for i in range(n)]


def folder(root: Path, pictures: list[Image.Image], kind: str) -> Path:
    for i, picture in enumerate(pictures):
        place = root / ("even" if i % 2 else "odd")
        place.mkdir(parents=True, exist_ok=True)
        picture.save(place / f"{i}.{kind}")
    return root


def ours(domain: Domain, size: int) -> float:
    """One epoch of crops and flips, batch by batch, from the kept pixels."""
    start, generator = time.perf_counter(), torch.Generator().manual_seed(0)
    for at in torch.randperm(len(domain.labels), generator=generator).split(64):
        views(
            torch.from_numpy(np.ascontiguousarray(domain.images[at.numpy()])), ViewSpec(crop=0.5, flip=0.5), generator
        )
    return time.perf_counter() - start


def theirs(root: Path, size: int, workers: int) -> float:
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    steps = [transforms.RandomResizedCrop(size, (0.5, 1.0)), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    data = ImageFolder(str(root), transforms.Compose(steps))
    loader = torch.utils.data.DataLoader(data, 64, shuffle=True, num_workers=workers)
    start = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    n, rows = options.pictures, []
    with own_home() as home:
        pictures = photos(home, n)
        for kind in ("jpg", "png"):
            root = folder(home / kind, pictures, kind)
            spec = DataSpec(f"folder:{root}", size=options.size)
            start = time.perf_counter()
            load(spec)
            first = time.perf_counter() - start
            start = time.perf_counter()
            domain = load(spec)
            again = time.perf_counter() - start
            pairs = [
                (ours(domain, options.size), theirs(root, options.size, options.workers)) for _ in range(options.rounds)
            ]
            a, b = min(p[0] for p in pairs), min(p[1] for p in pairs)
            rows.append(
                [
                    kind,
                    f"{n / first:.0f}",
                    f"{again:.3f}",
                    f"{1e6 * a / n:.0f}",
                    f"{1e6 * b / n:.0f}",
                    f"{b / a:.1f}",
                ]
            )
    print(f"{n} pictures, short side 256, to {options.size} px; crop and flip; {options.workers} loader workers.\n")
    head = [
        "",
        "first decoding, images/s",
        "opening again, s",
        "ours, µs per picture",
        "ImageFolder + DataLoader, µs",
        "ratio",
    ]
    table(head, rows)


if __name__ == "__main__":
    main()

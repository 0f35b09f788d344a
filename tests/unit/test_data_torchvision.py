"""Data sets of torchvision by a pretended module: splits become parts, numbers become names, faults are sentences."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cases.drawing import noise, picture
from tltk import data, home
from tltk.data.sources import torchvision as source
from tltk.errors import DataProblem, UnknownName
from tltk.specs.parts import DataSpec

made: list[dict[str, Any]] = []


class CIFAR10:
    """Divided by `train`; pixels in memory."""

    classes = ("leaf", "bug")

    def __init__(self, root: Path, train: bool = True, download: bool = False) -> None:
        made.append({"root": root, "train": train, "download": download})
        self.targets = [i % 2 for i in range(24 if train else 8)]
        self.train = train

    def __getitem__(self, i: int) -> tuple[Image.Image, int]:
        label = self.targets[i]
        return Image.fromarray(noise(Path(f"{self.train}/a/{i}"), 60 + 100 * label)), label


class Flowers102:
    """Divided by `split`, with files and without names of classes."""

    def __init__(self, root: Path, split: str = "train", download: bool = False) -> None:
        if split not in ("train", "val", "test"):
            raise ValueError(f"Unknown value '{split}' for argument split.")
        self._labels = [0, 1] * 6
        self._image_files = [picture(root / split / f"{i}.png", 60 + 100 * (i % 2)) for i in range(12)]

    def __getitem__(self, i: int) -> None:
        raise AssertionError("files are not opened twice")


class EuroSAT:
    """Undivided, and cannot be had."""

    def __init__(self, root: Path, download: bool = False) -> None:
        raise RuntimeError("HTTP Error 404:\n Not Found")


@pytest.fixture(autouse=True)
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    made.clear()
    module: Any = ModuleType("torchvision.datasets")
    for kind in (CIFAR10, Flowers102, EuroSAT):
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", module)


def test_train_and_test_are_the_parts() -> None:
    spec = DataSpec("torchvision:CIFAR10", size=16)
    data.check(spec)
    domain = data.load(spec)
    assert domain.classes == ("leaf", "bug") and len(domain.labels) == 32
    split = domain.split(spec, 0)
    assert len(split.test) == 8 and len(split.train) + len(split.val) == 24
    means = domain.images.reshape(32, -1).mean(1)
    assert means[domain.labels == 1].min() > means[domain.labels == 0].max() + 50
    assert [(one["train"], one["download"]) for one in made] == [(True, True), (False, True)]
    assert made[0]["root"] == home.folder("downloads")
    few = data.load(DataSpec("torchvision:CIFAR10", size=16, n=16))
    assert np.bincount(few.labels).tolist() == [8, 8]


def test_splits_by_name_and_files_as_they_are() -> None:
    domain = data.load(DataSpec("torchvision:Flowers102", size=16))
    assert domain.classes == ("0", "1") and domain.given is not None
    assert np.bincount(domain.given).tolist() == [12, 12, 12] and domain.files.names[0] == "0.png"


def test_what_cannot_be_had_is_a_sentence() -> None:
    with pytest.raises(DataProblem, match="cannot be had by torchvision: HTTP Error 404: Not Found. Check the network"):
        data.load(DataSpec("torchvision:EuroSAT", size=16))


@pytest.mark.parametrize("name", ["torchvision:", "torchvision", "torchvision:cifar10", "torchvision:FakeData"])
def test_only_sets_that_are_known_are_asked_for(name: str) -> None:
    with pytest.raises(UnknownName, match="A data set of torchvision"):
        data.check(DataSpec(name))


def test_every_name_is_one_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torchvision.datasets")
    import torchvision.datasets as real

    for name in source.SETS:
        assert {"root"} < set(source.inspect.signature(getattr(real, name)).parameters)  # type: ignore[attr-defined]
    with pytest.raises(UnknownName):
        source.check("ImageNet")

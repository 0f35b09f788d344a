"""Image data sets that torchvision knows by name: `torchvision:CIFAR10`, `torchvision:Flowers102`.

They are downloaded once, into `downloads` in the home, by torchvision's own code and from where it says.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tltk import home
from tltk.data.domain import Domain, Progress, subsample
from tltk.data.gathered import gathering
from tltk.data.parts import FREE, TEST, TRAIN, VAL
from tltk.data.sources.folder import read_layout
from tltk.errors import DataProblem, UnknownName
from tltk.specs.parts import DataSpec

SETS = (  # one class to a picture, and nothing that must be fetched by hand
    *("CIFAR10", "CIFAR100", "Country211", "DTD", "EuroSAT", "FGVCAircraft", "FashionMNIST", "Flowers102", "Food101"),
    *("GTSRB", "Imagenette", "KMNIST", "MNIST", "OxfordIIITPet", "RenderedSST2", "STL10", "SUN397", "SVHN", "USPS"),
)
SPLITS = {"train": TRAIN, "trainval": TRAIN, "val": VAL, "valid": VAL, "test": TEST}  # in this order
LICENCE = "not stated (see the data set's page in torchvision's documentation)"


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """A data set by its name in torchvision.datasets, downloaded once.

    Args:
        spec: `n` (0 = all), `size` in pixels, `fit` and `seed`; parts and shots are not read here.
        argument: NAME, spelt as torchvision does.
        progress: Called with (done, total) pictures.

    Raises:
        UnknownName: No such data set.
        DataProblem: It cannot be had.
    """
    name = check(argument)
    what = f"torchvision:{name}"
    try:
        parts = _parts(getattr(importlib.import_module("torchvision.datasets"), name))
    except Exception as fault:  # network, disk, checksum: whatever is raised there
        reason = " ".join(str(fault).split())[:300] or type(fault).__name__
        raise DataProblem(f"{what} cannot be had by torchvision: {reason}. Check the network and the disk.") from None
    rows = [(one, part, i, label) for one, part in parts for i, label in enumerate(_labels(one)) if label >= 0]
    labels = np.array([label for *_, label in rows], np.int64)
    kept = subsample(labels, spec.n, spec.seed, what, np.array([part for _, part, *_ in rows], np.int8))
    classes = [str(c) for c in getattr(parts[0][0], "classes", range(int(labels.max()) + 1))]
    with gathering() as found:
        for at in kept.tolist():
            one, part, i, label = rows[at]
            files = getattr(one, "_image_files", None)  # not opened here, where there are some
            content = one[i][0] if files is None else Path(files[i])
            found.add(content, f"{i}" if files is None else Path(files[i]).name, classes[label], part)
        whole = DataSpec(
            spec.name, size=spec.size, seed=spec.seed, fit=spec.fit
        )  # those that `n` asks for were chosen before
        return read_layout(found.layout(what, classes), whole, progress, source=f"torchvision, {name}", licence=LICENCE)


def check(argument: str) -> str:
    """The argument in one spelling.

    Raises:
        UnknownName: No such data set.
    """
    if argument.strip() not in SETS:
        raise UnknownName.among("A data set of torchvision", argument.strip(), SETS)
    return argument.strip()


def survey(argument: str, group_by: str = "") -> None:
    """Nothing can be told before it is there.

    Args:
        argument: NAME.
        group_by: As `DataSpec.group_by`.
    """


def source_version(argument: str) -> str:
    """The same always: torchvision checks what it downloads."""
    return check(argument)


def _parts(kind: Any) -> list[tuple[Any, int]]:
    """Every split that there is, with the part that it is; undivided where there are none."""
    known = inspect.signature(kind).parameters
    given: dict[str, Any] = {"root": home.folder("downloads")}
    if "download" in known:
        given["download"] = True
    if "train" in known:
        return [(kind(**given, train=is_train), TRAIN if is_train else TEST) for is_train in (True, False)]
    if "split" not in known:
        return [(kind(**given), FREE)]
    found: list[tuple[Any, int]] = []
    for split, part in SPLITS.items():
        if part in {before for _, before in found}:
            continue
        try:
            found.append((kind(**given, split=split), part))
        except ValueError as fault:
            if "split" not in str(fault):  # it has no such split; else another fault
                raise
    return found


def _labels(one: Any) -> Sequence[int]:
    """The number of each picture's class; less than 0 = it has none."""
    for name in ("targets", "labels", "_labels"):
        values = getattr(one, name, None)
        if values is not None:
            return [int(value) for value in values]
    return [int(label) for _, label in one]

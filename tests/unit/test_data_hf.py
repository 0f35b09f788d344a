"""Data sets of the hub by a pretended library: columns by type, parts by name, what cannot be read in sentences."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.cases.drawing import noise
from tltk import data
from tltk.errors import BadSpec, DataProblem, TltkError, UnknownName
from tltk.specs.parts import DataSpec


class Image:
    """A feature of the library's."""

    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


class ClassLabel:
    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)


class Value:
    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


class List:
    def __init__(self, feature: Any) -> None:
        self.feature = feature


class Rows:
    """As many rows of a data set as the library would give: columns by name, places by `select`."""

    info = SimpleNamespace(license="cc-by-4.0")

    def __init__(self, columns: dict[str, list[Any]], features: dict[str, Any]) -> None:
        self.columns, self.features = columns, features

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> list[Any]:
        return self.columns[name]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        assert not self.features["image"].decode, "bytes are wanted, not pictures"
        return (dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True))

    def select(self, index: Sequence[int]) -> Rows:
        return Rows({name: [values[i] for i in index] for name, values in self.columns.items()}, self.features)

    def cast_column(self, name: str, feature: Any) -> Rows:
        return Rows(self.columns, {**self.features, name: feature})


def stored(i: int) -> dict[str, Any]:
    """A picture as the library keeps it, dark where i is even."""
    buffer = io.BytesIO()
    Pillow.fromarray(noise(Path(f"a/b/{i}"), 60 + 100 * (i % 2))).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": f"{i}.png"}


def rows(n: int = 24, start: int = 0, **more: Any) -> Rows:
    """So many pictures of two classes in turns."""
    index = range(start, start + n)
    columns: dict[str, list[Any]] = {"image": [stored(i) for i in index], "label": [i % 2 for i in index]}
    features: dict[str, Any] = {"image": Image(), "label": ClassLabel(["leaf", "bug"])}
    for name, (feature, of) in more.items():
        columns[name], features[name] = [of(i) for i in index], feature
    return Rows(columns, features)


Pretend = Callable[[Any], list[tuple[Any, ...]]]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Puts a library in place that gives this, and notes what it is asked for."""

    def put(found: Any) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        def load_dataset(name: str, config: str | None, revision: str | None = None) -> Any:
            asked.append((name, config, revision))
            if isinstance(found, Exception):
                raise found
            return found

        module: Any = ModuleType("datasets")
        module.load_dataset, module.Image = load_dataset, Image
        monkeypatch.setitem(sys.modules, "datasets", module)
        return asked

    return put


def test_pictures_classes_and_parts_are_those_of_the_data_set(pretend: Pretend) -> None:
    asked = pretend({"train": rows(), "validation": rows(8, 24), "test": rows(8, 32), "extra": rows(2, 40)})
    spec = DataSpec("hf:user/plants?config=small", size=16)
    data.check(spec)
    domain = data.load(spec)
    assert asked == [("user/plants", "small", None)]
    assert domain.classes == ("leaf", "bug") and domain.licence == "cc-by-4.0"
    assert domain.source == "huggingface.co/datasets/user/plants"
    split = domain.split(spec, 0)
    assert [len(part) for part in (split.train, split.val, split.test)] == [24, 8, 8]
    assert any("'extra'" in note for note in domain.account.notes)
    means = domain.images.reshape(40, -1).mean(1)
    assert means[domain.labels == 1].min() > means[domain.labels == 0].max() + 50
    assert domain.files.names[:2] == ("train/0.png", "train/1.png")
    data.load(spec)
    assert len(asked) == 1, "its pixels are kept"


def test_a_column_of_groups_keeps_its_pictures_together(pretend: Pretend) -> None:
    more: dict[str, Any] = {
        "patient_id": (Value("int64"), lambda i: i // 4),
        "site": (Value("string"), lambda i: None if i % 3 else "x"),
    }
    pretend({"train": rows(**more)})
    spec = DataSpec("hf:scans", size=16)
    domain = data.load(spec)
    patient = domain.files.columns["patient_id"].numbers
    split = domain.split(spec, 0)
    assert not set(patient[split.train].tolist()) & set(patient[split.test].tolist())
    groups = domain.groups(dataclasses.replace(spec, group_by="column:site"))
    assert groups is not None and len(groups.classes) == 1 + 16
    few = data.load(dataclasses.replace(spec, n=12))
    assert len(few.labels) == 12 and np.bincount(few.labels).tolist() == [6, 6]


def test_files_of_one_name_are_told_apart(pretend: Pretend) -> None:
    made = rows(6)
    for picture in made.columns["image"]:
        picture["path"] = "scan.png"
    pretend({"train": made})
    names = data.load(DataSpec("hf:alike", size=16)).files.names
    assert names[:2] == ("train/scan.png", "train/scan.png (1)") and len(set(names)) == 6


def test_labels_may_be_words_and_missing_ones_are_told(pretend: Pretend) -> None:
    more: dict[str, Any] = {"species": (Value("string"), lambda i: ("oak", "elm")[i % 2])}
    made = rows(**more)
    del made.columns["label"], made.features["label"]
    pretend(made)
    assert data.load(DataSpec("hf:trees", size=16)).classes == ("elm", "oak")
    hidden = rows(8, 24)
    hidden.columns["label"] = [-1] * 8
    hidden.columns["image"][0] = {"bytes": None, "path": None}
    train = rows()
    train.columns["image"][3] = {"bytes": None, "path": "3.png"}
    pretend({"train": train, "test": hidden})
    domain = data.load(DataSpec("hf:rival", size=16))
    assert ("8 pictures", "they have no label") in domain.skipped and (
        "train/3.png",
        "it has no pixels",
    ) in domain.skipped
    assert len(domain.labels) == 23


def no_pictures() -> Rows:
    return Rows({"text": ["a"]}, {"text": Value("string")})


def several() -> Rows:
    made = rows()
    made.features["label"] = List(ClassLabel(["a", "b"]))
    return made


@pytest.mark.parametrize(
    ("found", "name", "kind", "sentence"),
    [
        (ConnectionError("no network"), "hf:a", DataProblem, "cannot be loaded.*no network. Check the name"),
        (no_pictures(), "hf:a", DataProblem, r"must have one column of pictures. It has 'text \(Value\)'"),
        (several(), "hf:a?label=label", DataProblem, r"One picture has one class here.*\(List\)"),
        ({"train": rows()}, "hf:a?label=kind", UnknownName, "A column of hf:a"),
        ({"train": rows()}, "hf:a?split=best", UnknownName, "A split of hf:a"),
        ({"red": rows(), "blue": rows()}, "hf:a", DataProblem, "must have a split to train on.*red, blue"),
        ({"train": rows(), "test": rows(1)}, "hf:a", DataProblem, "must have pictures in test part"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(
    found: Any, name: str, kind: type[TltkError], sentence: str, pretend: Pretend
) -> None:
    pretend(found)
    with pytest.raises(kind, match=sentence):
        data.load(DataSpec(name, size=16))


@pytest.mark.parametrize("name", ["hf:", "hf:../up", "hf:/etc", "hf:a/b/c", "hf:~/x", "hf:a?labels=x", "hf:a?config="])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises((BadSpec, UnknownName), match="hf"):
        data.check(DataSpec(name))


def test_a_folder_of_that_name_is_not_read_in_its_place(
    pretend: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plants").mkdir()
    asked = pretend({"train": rows()})
    with pytest.raises(DataProblem, match="write folder:plants"):
        data.load(DataSpec("hf:plants", size=16))
    assert not asked


def test_without_the_extra_it_is_refused_before_anything_is_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "datasets", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadSpec, match=r"needs the library datasets. It is not installed; pip install 'tltk\[hf\]'"):
        data.check(DataSpec("hf:beans"))

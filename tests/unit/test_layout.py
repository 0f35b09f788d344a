"""What folders are taken for, from their names and from what lies in them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image, ImageFile

from tests.cases.drawing import classes, picture
from tltk import data
from tltk.data import decode
from tltk.data.layout import interpret_tree, part_of
from tltk.data.parts import TEST, TRAIN, VAL
from tltk.data.sources import folder
from tltk.data.tree import tree_from_names
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (
            TRAIN,
            [
                "train",
                "Train",
                "TRAIN",
                "training",
                "training_set",
                "train_images",
                "seg_train",
                "trainset",
                "train2017",
                "trainData",
                "01_train",
                "train-set",
                "Training Images",
            ],
        ),
        (VAL, ["val", "valid", "validation", "Validation_Set", "dev", "eval", "valset", "val2017", "evaluation"]),
        (TEST, ["test", "testing", "TEST", "test_set", "test-images", "testset", "seg_test"]),
        (
            None,
            [
                "trains",
                "train station",
                "test bench",
                "valve",
                "device",
                "evaluate",
                "contest",
                "cat",
                "train_test",
                "",
                "data",
                "images",
                "_",
            ],
        ),
    ],
)
def test_words_for_parts(part: int | None, names: list[str]) -> None:
    assert {name: part_of(name) for name in names} == dict.fromkeys(names, part)


def pictures(*folders: str, each: int = 4) -> list[str]:
    return [f"{place}/{i}.jpg" for place in folders for i in range(each)]


def refused(words: str, *folders: str) -> None:
    with pytest.raises(DataProblem, match=words):
        interpret_tree(tree_from_names(pictures(*folders)), "folder:/x")


def read(*folders: str) -> dict[str, Any]:
    found = interpret_tree(tree_from_names(pictures(*folders)), "folder:/x")
    return {"classes": found.classes, "parts": {p.part for p in found.pictures}, "tree": found.account.tree}


def test_parts_are_parts_whatever_lies_beside_them() -> None:
    found = read("train/a", "train/b", "val/a", "val/b", "extra", "old_models/x", "test")
    assert found["classes"] == ("a", "b") and found["parts"] == {TRAIN, VAL}
    assert {b.folder for b in found["tree"] if b.role == "left out"} == {"extra", "old_models", "test"}


def test_a_lone_wrapper_is_stepped_through_and_a_lone_class_is_not() -> None:
    assert read("x/y/a", "x/y/b")["tree"][0].folder == "x/y"
    refused("at least two classes. Got one, 'a'", "x/a")


def test_two_folders_for_one_part_are_read_as_one() -> None:
    assert read("train1/a", "train2/a", "train1/b", "train2/b", "test/a", "test/b")["classes"] == ("a", "b")


def test_what_would_become_classes_is_refused_with_what_to_name() -> None:
    refused(
        "several domains. Name one of them, such as folder:/x/art", "art/a", "art/b", "photo/a", "photo/b", "photo/c"
    )
    refused("several domains", "f1/a", "f1/b", "f2/a", "f2/b", "f3/a", "f3/b", "notes")  # most of them
    refused("are data sets.*folder:/x/one", "one/train/a", "one/train/b", "one/test/a", "one/test/b", "flat")
    refused("3 folders deep.*folder:/x/one, folder:/x/two", "one/a/p", "one/b/p", "two/c/p", "two/d/p")
    refused("masks of the pictures in images", "images", "masks")
    refused(
        "would become a class. Name the pictures: folder:/x/JPEGImages", "JPEGImages/a", "JPEGImages/b", "Annotations"
    )
    refused("Parts of folder:/x must lie above its classes", "a/train", "a/test", "b/train", "b/test")


def test_classes_that_only_look_odd_are_classes() -> None:
    assert read("bus", "train", "tram")["classes"] == ("bus", "train", "tram")
    assert read("mask", "no_mask")["classes"] == ("mask", "no_mask")
    assert read("photo", "sketch")["classes"] == ("photo", "sketch")
    assert read("a/2023", "b")["classes"] == ("a", "b")
    assert read("n01/images", "n02/images")["classes"] == ("n01", "n02")


def test_a_mask_folder_beside_classes_is_known_by_its_names() -> None:
    names = [*pictures("cat", "dog"), *(f"labels/{i}_mask.png" for i in range(4))]
    with pytest.raises(DataProblem, match="labels holds masks of the pictures in cat, dog"):
        interpret_tree(tree_from_names(names), "folder:/x")


def test_train_alone_beside_pictures_cannot_be_told() -> None:
    refused("whether a folder of folder:/x is a part or a class", "train/steam", "train/diesel", "bus")
    assert read("train/a", "train/b", "docs")["parts"] == {TRAIN}


def test_a_folder_of_code_is_no_class_and_an_empty_one_is_asked_about(tmp_path: Path) -> None:
    classes(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("x")
    assert folder.survey(str(tmp_path)).skipped == (("code", "1 file, none of them a picture"),)
    (tmp_path / "fox").mkdir()
    with pytest.raises(DataProblem, match="Empty: fox"):
        folder.survey(str(tmp_path))


def test_all_files_are_read_or_named(tmp_path: Path) -> None:
    """Whatever lies there, once: the pictures and the skipped ones together are all files of the tree."""
    classes(tmp_path / "train")
    classes(tmp_path / "val")
    for name in ("a.txt", "train/b.csv", "train/cat/c.svg", "train/cat/d", "val/.hidden", "val/dog/e.JPG.part"):
        (tmp_path / name).write_bytes(b"x")
    picture(tmp_path / "val" / "dog" / ".deep" / "1.jpg")
    found = folder.survey(str(tmp_path))
    named = {name for name, _ in found.skipped}
    assert named == {
        "a.txt",
        "train/b.csv",
        "train/cat/c.svg",
        "train/cat/d",
        "val/.hidden",
        "val/dog/e.JPG.part",
        "val/dog/.deep",
    }
    assert len(found.pictures) == 32


def test_losses_are_loud_from_a_tenth_on(tmp_path: Path) -> None:
    classes(tmp_path / "set", n=18)
    for name, lost in (("cat", 2), ("dog", 3)):
        for i in range(lost):
            (tmp_path / "set" / name / f"broken{i}.jpg").write_bytes(b"x")
    domain = data.load(DataSpec(f"folder:{tmp_path / 'set'}", size=16))
    assert domain.account.notes == ("Class dog loses 3 of its 21 files: not a picture of a known format.",)


class _Heif(ImageFile.ImageFile):
    """A reader of pictures that begin as HEIC does and go on as raw grey pixels."""

    format = "HEIF"

    def _open(self) -> None:
        assert self.fp is not None
        if not self.fp.read(12).endswith(b"ftypheic"):
            raise SyntaxError
        self._mode, self._size = "L", (8, 8)
        self.tile = [ImageFile._Tile("raw", (0, 0, 8, 8), 12, "L")]


def test_phone_pictures_are_read_where_pillow_heif_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = classes(tmp_path / "set", names=("cat",))
    (root / "dog").mkdir()
    for i in range(5):
        (root / "dog" / f"{i}.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes([200 + i]) * 64)
    with pytest.raises(DataProblem, match="dog holds 5 files, all .heic, which needs the package pillow-heif"):
        data.check(DataSpec(f"folder:{tmp_path / 'set'}"))
    package: Any = ModuleType("pillow_heif")
    package.register_heif_opener = lambda: Image.register_open("HEIF", _Heif, lambda head: head[4:12] == b"ftypheic")
    monkeypatch.setitem(sys.modules, "pillow_heif", package)
    for known in (decode.heic_endings, decode._formats):
        known.cache_clear()
    try:
        domain = data.load(DataSpec(f"folder:{tmp_path / 'set'}", size=8))
    finally:
        for known in (decode.heic_endings, decode._formats):
            known.cache_clear()
        Image.OPEN.pop("HEIF", None)
        Image.ID.remove("HEIF")
    assert domain.images[domain.labels == 1][:, 0, 0, 0].tolist() == [200, 201, 202, 203, 204]

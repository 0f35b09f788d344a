"""Folders of one's own pictures: every form that is taken, and a sentence for each that is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tltk import data
from tltk.data.domain import Domain
from tltk.data.sources import folder
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec


def draw(root: Path, *names: str) -> Path:
    """Pictures with these names below the root; the brightness is the same for one stem everywhere."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 10), (10 * int(path.stem), 0, 0)).save(path)
    return root


def load(root: Path, **fields: Any) -> Domain:
    return folder.load(DataSpec(f"folder:{root}", size=8, **fields), str(root))


FOUR = [f"{c}/{i}.png" for c in ("ant", "bee") for i in range(4)]


def test_one_folder_per_class(tmp_path: Path) -> None:
    domain = load(draw(tmp_path, *FOUR))
    assert domain.classes == ("ant", "bee") and domain.labels.tolist() == [0] * 4 + [1] * 4
    assert domain.images[:, 0, 0, 0].tolist() == [0, 10, 20, 30] * 2
    assert domain.given is None and not domain.skipped
    assert domain.source == str(tmp_path) and domain.name == f"folder:{tmp_path}"


@pytest.mark.parametrize("name", ["val", "valid", "Validation"])
def test_parts_on_top(tmp_path: Path, name: str) -> None:
    for part in ("train", name, "test"):
        draw(tmp_path / part, "ant/1.png", "bee/2.png")
    domain = load(tmp_path)
    assert domain.classes == ("ant", "bee") and domain.given is not None
    assert sorted(zip(domain.given.tolist(), domain.labels.tolist(), strict=True)) == [
        (p, c) for p in (0, 1, 2) for c in (0, 1)
    ]
    split = domain.split(DataSpec(), 0)
    assert (domain.given[split.train] == 0).all() and (domain.given[split.val] == 1).all()


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    domain = load(draw(tmp_path, "test/1.png", "game/2.png"))
    assert domain.classes == ("game", "test") and domain.given is None
    assert domain.account.notes == ("test is taken for a class: it holds pictures and no class folders.",)


def test_parts_without_class_folders_are_not_taken_for_classes(tmp_path: Path) -> None:
    with pytest.raises(DataProblem, match="test, valid hold pictures and no class folders.*rename them"):
        load(draw(tmp_path, "test/1.png", "valid/2.png"))


def test_wrapping_folders_and_leftovers_are_looked_through(tmp_path: Path) -> None:
    draw(tmp_path / "data" / "v1" / "train", *FOUR)
    draw(tmp_path / "__MACOSX", "ant/1.png")
    draw(tmp_path / ".cache", "ant/1.png")
    (tmp_path / "data" / "v1" / "train" / "ant" / "._1.png").write_bytes(b"macOS")
    domain = load(tmp_path)
    assert len(domain.labels) == 8 and domain.given is not None
    assert set(domain.skipped) == {
        (".cache", "1 file, left there by a program"),
        ("__MACOSX", "1 file, left there by macOS"),
        ("data/v1/train/ant/._*", "1 file left there by macOS"),
    }


def test_pictures_may_lie_deeper_within_a_class(tmp_path: Path) -> None:
    domain = load(draw(tmp_path, "ant/a/1.png", "ant/b/2.png", "bee/3.png"))
    assert domain.labels.tolist() == [0, 0, 1]


def test_what_is_not_used_is_named(tmp_path: Path) -> None:
    draw(tmp_path, *FOUR, "9.png")
    (tmp_path / "ant" / "notes.txt").write_text("x")
    (tmp_path / "bee" / "0.heic").write_text("x")
    (tmp_path / "bee" / "3.png").write_bytes(b"")
    domain = load(tmp_path)
    assert dict(domain.skipped) == {
        "9.png": "lies in no class folder",
        "ant/notes.txt": "the ending .txt is not a picture format",
        "bee/0.heic": "the ending .heic needs the package pillow-heif",
        "bee/3.png": "the file is empty",
    }
    assert domain.labels.tolist() == [0] * 4 + [1] * 3 and len(domain.images) == 7
    assert domain.images[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 0, 10, 20]


def test_n_keeps_a_balanced_part_that_the_seed_decides(tmp_path: Path) -> None:
    draw(tmp_path, *(f"{c}/{i}.png" for c in ("ant", "bee") for i in range(10)))
    first, again, other = load(tmp_path, n=6), load(tmp_path, n=6), load(tmp_path, n=6, seed=5)
    assert first.labels.tolist() == [0] * 3 + [1] * 3
    assert first.fingerprint == again.fingerprint != other.fingerprint
    with pytest.raises(DataProblem, match="has 20 examples. Got n = 21"):
        load(tmp_path, n=21)


def test_links_to_folders_are_followed_once_and_pipes_not_opened(tmp_path: Path) -> None:
    root = draw(tmp_path / "set", *FOUR)
    draw(tmp_path / "elsewhere", "5.png", "6.png")
    (root / "ant" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "bee" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "ant" / "up").symlink_to(root, target_is_directory=True)
    (root / "ant" / "far").symlink_to("/", target_is_directory=True)
    (root / "ant" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(root / "bee" / "pipe.png")
    domain = load(root)
    assert np.bincount(domain.labels).tolist() == [6, 4]
    again = "a link to a folder that is read already, or that holds it"
    assert dict(domain.skipped) == {
        "ant/up": again,
        "ant/far": again,
        "bee/more": again,
        "ant/gone.png": "a link to nothing",
        "bee/pipe.png": "not a regular file",
    }


def test_a_file_in_a_linked_folder_is_part_of_the_stamp(tmp_path: Path) -> None:
    root = draw(tmp_path / "set", *FOUR)
    draw(tmp_path / "elsewhere", "5.png")
    (root / "ant" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    before = folder.source_version(str(root))
    draw(tmp_path / "elsewhere", "6.png")
    assert folder.source_version(str(root)) != before


def test_sentences(tmp_path: Path) -> None:
    def refuse(words: str, *names: str) -> None:
        root = draw(tmp_path / "x", *names)
        root.mkdir(exist_ok=True)
        with pytest.raises(DataProblem, match=words):
            load(root)
        shutil.rmtree(root)

    refuse("holds none. Put the pictures of each class")
    refuse("holds none. Put the pictures of each class", "1.png", "2.png")
    refuse("at least two classes. Got one, 'ant'", "ant/1.png", "ant/2.png")
    refuse("Missing in its part 'test': bee", "train/ant/1.png", "train/bee/1.png", "test/ant/2.png")
    refuse(
        "Missing in its part 'train': wasp",
        *("train/ant/1.png", "train/bee/1.png", "val/ant/2.png", "val/bee/2.png", "val/wasp/3.png"),
    )
    refuse(
        r"several domains. Name one of them, such as folder:.*/x/photo\.",
        *("photo/ant/1.png", "photo/bee/1.png", "sketch/ant/1.png", "sketch/bee/1.png"),
    )
    draw(tmp_path / "x" / "train", "ant/1.png", "bee/1.png")
    (tmp_path / "x" / "train" / "empty").mkdir()
    refuse("Every class folder .* must hold pictures. Empty: empty")
    draw(tmp_path / "x", "ant/1.png", "bee/2.png")
    (tmp_path / "x" / "bee" / "2.png").write_bytes(b"broken")
    refuse("None can be in bee: bee/2.png: not a picture of a known format")


def test_paths_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataProblem, match="nothing there"):
        load(tmp_path / "nowhere")
    (tmp_path / "file.zip").write_bytes(b"x")
    with pytest.raises(DataProblem, match="is a file; .* write archive:PATH"):
        load(tmp_path / "file.zip")
    for name in ("x" * 5000, "~nobody-of-this-name/a", "a\0b"):
        with pytest.raises(DataProblem, match="looked up here|nothing there"):
            folder.source_version(name)

    def refuse(*_: object) -> None:  # root may read everything, so that chmod would show nothing
        raise PermissionError(13, "Permission denied", "/x/ant")

    draw(tmp_path / "p", *FOUR)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", refuse)
        with pytest.raises(DataProblem, match="Permission denied"):
            load(tmp_path / "p")
    monkeypatch.setattr(os, "scandir", refuse)
    for read in (folder.source_version, folder.survey):
        with pytest.raises(DataProblem, match="/x/ant is not: Permission denied"):
            read(str(tmp_path / "p"))


def test_names_that_are_not_text(tmp_path: Path) -> None:
    """File systems allow any bytes; such a name must not stop a folder from being read."""
    root = draw(tmp_path / "p", *FOUR)
    (root / "ant" / "3.png").rename(odd := Path(os.fsdecode(bytes(root) + b"/ant/\xff.png")))
    (root / "bee").rename(Path(os.fsdecode(bytes(root) + b"/b\xe9e")))
    domain = data.load(DataSpec(f"folder:{root}", size=8))
    assert len(domain.labels) == 8 and domain.classes == ("ant", "b\\xe9e")
    odd.write_bytes(b"")
    domain = data.load(DataSpec(f"folder:{root}", size=8))
    assert domain.skipped == (("ant/\\xff.png", "the file is empty"),)


def test_stamp_sees_every_change(tmp_path: Path) -> None:
    draw(tmp_path, *FOUR)
    marks = [folder.source_version(str(tmp_path))]
    draw(tmp_path, "ant/5.png")
    marks.append(folder.source_version(str(tmp_path)))
    os.utime(tmp_path / "ant" / "1.png", ns=(1, 1))
    marks.append(folder.source_version(str(tmp_path)))
    (tmp_path / "ant" / "5.png").rename(tmp_path / "bee" / "5.png")
    marks.append(folder.source_version(str(tmp_path)))
    assert len(set(marks)) == 4 and folder.source_version(f"{tmp_path}/") == marks[-1]
    assert np.array_equal(load(tmp_path).labels, [0] * 4 + [1] * 5)

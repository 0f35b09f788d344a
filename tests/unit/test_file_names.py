"""The file of each picture: what it holds is what the domain has at that place."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tltk.data import load
from tltk.data.decode import decode
from tltk.data.file_names import picture_names
from tltk.specs.parts import DataSpec


def pictures(root: Path) -> Path:
    draw = np.random.default_rng(0)
    for part in ("train", "val"):
        for label in ("zebra", "cat", "Ant"):
            for i in (10, 9, 1, 2):
                path = root / part / label / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(draw.integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    (root / "train" / "cat" / "5.png").write_bytes(b"no picture")
    Image.new("RGB", (40, 40)).save(root / "val" / "cat" / "flat.jpg")
    return root


@pytest.mark.parametrize("given", ["{}", "{}~fog:1", "grey:{}", "subset:0+2@{}", "subset:zebra+cat@{}"])
@pytest.mark.parametrize("kind", ["folder", "archive"])
@pytest.mark.parametrize("n", [0, 18])
def test_a_name_is_that_of_the_picture_at_its_place(tmp_path: Path, given: str, kind: str, n: int) -> None:
    root = pictures(tmp_path / "set")
    name = f"folder:{root}"
    if kind == "archive":
        with tarfile.open(tmp_path / "set.tar", "w") as tar:
            tar.add(root, "set")
        name = f"archive:{tmp_path / 'set.tar'}"
    spec = DataSpec(given.format(name), size=32, n=n)
    domain = load(spec)
    names = picture_names(spec, domain)
    assert len(names) == len(set(names)) == len(domain.labels)
    plain = load(DataSpec(name, size=32, n=n))
    kept = [i for i in range(len(plain.labels)) if plain.classes[plain.labels[i]] in domain.classes]
    for i, (at, file) in enumerate(zip(kept, names, strict=True)):
        path = root / file if kind == "folder" else tmp_path / file
        assert (decode(path, 32) == plain.images[at]).all(), file
        assert domain.classes[domain.labels[i]] in file.split("/")


def test_where_no_file_is_known_the_place_is_the_name(tmp_path: Path) -> None:
    spec = DataSpec("digits", n=50, size=16)
    assert picture_names(spec, load(spec))[7] == "digits[7]"
    root = pictures(tmp_path / "set")
    spec = DataSpec(f"folder:{root}", size=16)
    domain = load(spec)
    (root / "train" / "cat" / "10.png").unlink()
    assert picture_names(spec, domain)[0] == "train/Ant/1.png", "as they were read"
    assert "train/cat/10.png" in picture_names(spec, domain)
    assert np.unique(picture_names(spec, domain)).size == len(domain.labels)

"""Copies: found, kept on one side of a split, and told; also where they came on both sides or under two labels."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.support.scenes import scene
from tltk.analyses.inspect.analysis import domain_summary
from tltk.data import load
from tltk.data.cautions import cautions, figures
from tltk.data.domain import Domain, Split
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec


def classes(root: Path, n: int = 6, first: int = 0) -> Path:
    for k, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for i in range(n):
            scene(first + 100 * k + i).save(root / name / f"{i}.jpg", quality=90)
    return root


def read(root: Path, size: int = 16) -> tuple[Domain, Split]:
    spec = DataSpec(f"folder:{root}", size=size)
    domain = load(spec)
    return domain, domain.split(spec, 0)


def is_apart(domain: Domain, split: Split) -> bool:
    """No copy lies on two sides."""
    return not np.isin(domain.twins[np.concatenate([split.val, split.test])], domain.twins[split.train]).any() and not (
        np.isin(domain.twins[split.val], domain.twins[split.test]).any()
    )


CHANGES = {
    "copied": lambda picture, file: picture.save(file, "PNG"),
    "compressed": lambda picture, file: picture.save(file, "JPEG", quality=40),
    "halved": lambda picture, file: picture.resize((45, 42)).save(file, "JPEG", quality=95),
    "enlarged": lambda picture, file: picture.resize((180, 168)).save(file, "PNG"),
    "mirrored": lambda picture, file: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(file, "JPEG"),
    "brighter": lambda picture, file: ImageEnhance.Brightness(picture).enhance(1.05).save(file, "JPEG"),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_near_copies_are_found_and_stay_on_one_side(tmp_path: Path, change: str) -> None:
    root = classes(tmp_path / "p", n=8)
    for name in ("cat", "dog"):
        for i in range(8):
            with (root / name / f"{i} (1).jpg").open("wb") as file:
                CHANGES[change](Image.open(root / name / f"{i}.jpg"), file)
    for size in (16, 40):  # the division does not depend on the size
        domain, split = read(root, size)
        assert [len(domain.labels), len(np.unique(domain.twins))] == [32, 16]
        assert is_apart(domain, split)
        assert (split.test.tolist(), split.val.tolist()) == (read(root)[1].test.tolist(), read(root)[1].val.tolist())
    found = figures(domain, split)
    assert (found["copies"], found["near_copies"], found["leaked"], found["clashing"]) == (16, 16, 0, 0)
    assert "16 of 32 pictures" in found["cautions"][0] and "one part" not in found["cautions"][0]


def test_pictures_that_are_not_copies_are_left_alone(tmp_path: Path) -> None:
    """Digits on black, noise, plain colours: alike at a glance, and not the same."""
    for k, name in enumerate(("a", "b")):
        (tmp_path / "p" / name).mkdir(parents=True)
        for i in range(30):
            draw = np.random.default_rng(100 * k + i)
            small = np.zeros((28, 28), np.uint8)
            small[4:24, 12:16] = 255  # the same stroke in all, a little shifted, and a small one that differs
            small = np.roll(small, draw.integers(-3, 4), 1)
            small[draw.integers(0, 20) :, draw.integers(0, 24) :][:6, :4] = 255
            Image.fromarray(small).save(tmp_path / "p" / name / f"stroke {i}.png")
            Image.new("RGB", (20, 20), (i, 100 + k, 3 * i)).save(tmp_path / "p" / name / f"plain {i}.png")
            noise = draw.normal(60 + 120 * k, 25, (40, 40, 3))
            Image.fromarray(np.clip(noise, 0, 255).astype("u1")).save(tmp_path / "p" / name / f"noise {i}.jpg")
    domain, split = read(tmp_path / "p")
    strokes = len({(o, t) for o, t in zip(domain.origins.tolist(), domain.twins.tolist(), strict=True)})
    assert len(np.unique(domain.twins)) == len(np.unique(domain.origins)) == strokes
    assert figures(domain, split)["near_copies"] == 0


def test_without_copies_a_split_is_what_it_was(tmp_path: Path) -> None:
    domain, split = read(classes(tmp_path / "p"))
    plain = Domain.of(
        "x",
        domain.images,
        domain.labels,
        domain.classes,
        licence="-",
        source="-",
        origins=np.arange(12, dtype=np.uint64),
    ).split(DataSpec(), 0)
    assert all(np.array_equal(getattr(split, p), getattr(plain, p)) for p in ("train", "val", "test"))
    assert cautions(domain, split) == []


def test_a_leak_between_given_parts_is_counted_and_told(tmp_path: Path) -> None:
    root = tmp_path / "p"
    classes(root / "train", n=8)
    classes(root / "test", n=4, first=50)
    for name in ("cat", "dog"):
        for i in range(3):
            shutil.copy(root / "train" / name / f"{i}.jpg", root / "test" / name / f"as {i}.jpg")
    domain, split = read(root)
    assert domain.given is not None and (domain.given[split.test] == 2).all() and len(split.test) == 14
    spec = DataSpec(f"folder:{root}", size=16, val=0.01)
    held = domain.split(spec, 0)
    found = msgspec.to_builtins(domain_summary(domain, spec)[0])
    assert found["leaked"] == figures(domain, held)["leaked"] >= 4
    assert f"{found['leaked']} of 16 validation and test pictures" in found["cautions"][0]
    assert "too good" in found["cautions"][0]


def test_one_picture_under_two_labels_is_counted_and_named(tmp_path: Path) -> None:
    root = classes(tmp_path / "p", n=8)
    for i in range(4):
        shutil.copy(root / "cat" / f"{i}.jpg", root / "dog" / f"copy {i}.jpg")
    domain, split = read(root)
    found = figures(domain, split)
    assert (found["copies"], found["clashing"]) == (4, 8) and is_apart(domain, split)
    assert "8 of 20 pictures" in found["cautions"][0] and "cat/0.jpg and dog/copy 0.jpg" in found["cautions"][0]
    assert load(DataSpec(f"folder:{root}", size=16)).reading == domain.reading  # kept with the pixels


def test_mirror_images_under_two_labels_may_be_what_the_classes_are(tmp_path: Path) -> None:
    root = tmp_path / "p"
    for name in ("left", "right"):
        (root / name).mkdir(parents=True)
        for i in range(5):
            picture = scene(i)
            turned = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if name == "right" else picture
            turned.save(root / name / f"{i}.png")
    assert figures(*read(root))["copies"] == 0


def test_a_class_of_one_picture_only_is_refused_since_copies_cannot_be_divided(tmp_path: Path) -> None:
    root = classes(tmp_path / "p")
    for i in range(1, 6):
        shutil.copy(root / "cat" / "0.jpg", root / "cat" / f"{i}.jpg")
    with pytest.raises(DataProblem, match=r"at least 3 different pictures.*cat \(1\)"):
        read(root)


def test_copies_in_arrays_are_found_and_named_by_number(tmp_path: Path) -> None:
    x = np.stack([np.asarray(scene(i, (40, 40))) for i in range(12)])
    x[11], x[10] = x[0], x[9]
    buffer = io.BytesIO()
    np.savez(buffer, x=x, y=np.array([0, 1] * 6))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    domain = load(DataSpec(f"npz:{tmp_path / 'a.npz'}", size=16))
    assert domain.twins[11] == 0 and domain.twins[10] == 9
    assert domain.reading.clashes == (("picture 9 of x", "picture 10 of x"), ("picture 0 of x", "picture 11 of x"))

"""Which pictures are the same example, within a domain and across domains."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tltk.data import load
from tltk.data.domain import Domain, exclude_examples, held_out_origins
from tltk.data.identity import content_hash, generated_origins
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec


def noise(seed: int, shape: tuple[int, ...] = (30, 40, 3)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def folder(root: Path, files: dict[str, Image.Image | bytes]) -> str:
    """A folder of these pictures, and the name of its domain."""
    for name, picture in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(picture, bytes):
            (root / name).write_bytes(picture)
        else:
            picture.save(root / name)
    return f"folder:{root}"


def read(name: str, size: int = 8, **more: Any) -> Domain:
    return load(DataSpec(name, size=size, **more))


def test_a_digit_is_the_same_example_whatever_n_seed_size_background_and_corruption() -> None:
    every = read("digits")
    assert len(set(every.origins.tolist())) == 1797
    label = dict(zip(every.origins.tolist(), every.labels.tolist(), strict=True))
    others = [
        read("digits", n=200, seed=3),
        read("digits", n=500, size=16),
        read("digits~fog:3", n=100, seed=1),
        read("blended_digits", n=100, seed=2),
        read("blended_digits~contrast:1", n=50),
    ]
    for other in others:
        assert [label[o] for o in other.origins.tolist()] == other.labels.tolist()


def test_two_draws_of_one_picture_are_one_example_and_other_seeds_are_not() -> None:
    few, many = read("rendered_digits", n=30), read("rendered_digits", n=60, size=12)
    assert np.array_equal(many.origins[:30], few.origins) and len(set(many.origins.tolist())) == 60
    other = read("rendered_digits", n=60, seed=1)
    assert not set(other.origins.tolist()) & set(many.origins.tolist())
    assert not set(read("contours:5", n=60).origins.tolist()) & set(read("surfaces:5", n=60).origins.tolist())


def test_a_dial_makes_another_view_of_the_same_shape_but_another_shape_is_another_example() -> None:
    base, turned = read("shapes", n=40), read("shapes:hue=0.4,blur=0.02", n=40)
    assert np.array_equal(base.origins, turned.origins) and base.fingerprint != turned.fingerprint
    low, high = read("shapes:classes=0-4", n=40), read("shapes:classes=5-9", n=40)
    assert not set(low.origins.tolist()) & set(high.origins.tolist())


def test_one_picture_in_two_places_is_one_example(tmp_path: Path) -> None:
    """By other names, in other kinds of file, in an archive and in an array, whatever size it is read at."""
    jpeg = io.BytesIO()
    noise(9, (300, 400, 3)).save(jpeg, "JPEG")
    files: dict[str, Image.Image | bytes] = {
        "a/1.png": noise(0),
        "a/2.png": noise(1),
        "b/3.png": noise(2),
        "b/photo.jpg": jpeg.getvalue(),
    }
    one = read(folder(tmp_path / "one", files))
    assert len(set(one.origins.tolist())) == 4
    raw = jpeg.getvalue()
    noted = raw[:2] + b"\xff\xe1\x00\x0fExif\0\0by ours" + b"\xff\xfe\x00\x07hello" + raw[2:]
    two = read(
        folder(
            tmp_path / "two",
            {
                "x/other name.bmp": noise(2),
                "x/photo (1).jpg": jpeg.getvalue(),
                "y/z.tif": noise(0),
                "y/new.png": noise(7),
            },
        ),
        size=16,
    )
    shared = set(one.origins.tolist()) & set(two.origins.tolist())
    assert shared == {one.origins[0], one.origins[2], one.origins[3]}
    noted_copy = read(folder(tmp_path / "three", {"x/1.jpg": noted, "y/1.png": noise(8)}))
    assert noted_copy.origins[0] == one.origins[3]
    np.savez(tmp_path / "a.npz", x=np.stack([np.asarray(noise(i)) for i in range(4)]), y=np.array([0, 0, 1, 1]))
    assert read(f"npz:{tmp_path / 'a.npz'}").origins[:3].tolist() == one.origins[:3].tolist()


def test_grey_is_the_same_in_one_channel_and_in_three_and_opaque_is_plain(tmp_path: Path) -> None:
    grey, colour = noise(0, (20, 20)), noise(1)
    name = folder(
        tmp_path / "p",
        {
            "a/1.png": grey,
            "a/2.png": grey.convert("RGB"),
            "a/3.png": colour,
            "a/4.png": colour.convert("RGBA"),
            "b/1.png": noise(2),
            "b/2.png": grey.rotate(90),
        },
    )
    found = read(name).origins.tolist()
    assert found[0] == found[1] and found[2] == found[3] and len(set(found)) == 4


def test_a_picture_that_the_camera_turned_is_another_than_the_one_that_it_did_not(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("jpg", "png"):
        plain, turned = io.BytesIO(), io.BytesIO()
        form = {"jpg": "JPEG", "png": "PNG"}[kind]
        noise(0).save(plain, form)
        noise(0).save(turned, form, exif=exif)
        root = tmp_path / kind
        name = folder(root, {f"a/1.{kind}": plain.getvalue(), f"b/1.{kind}": turned.getvalue()})
        assert len(set(read(name).origins.tolist())) == 2


def test_origins_are_kept_with_the_pixels_and_follow_n(tmp_path: Path) -> None:
    name = folder(tmp_path / "p", {f"{c}/{i}.png": noise(10 * (c == "b") + i) for c in "ab" for i in range(8)})
    whole, again, few = read(name), read(name), read(name, n=6)
    assert isinstance(again.images, np.memmap) and np.array_equal(again.origins, whole.origins)
    assert again.origins.dtype == np.uint64 and set(few.origins.tolist()) < set(whole.origins.tolist())


def test_a_source_can_be_freed_of_what_the_target_is_tested_on() -> None:
    """For every difference of n, seed or share: that is how test digits came to be learned from."""
    target, wanted = read("digits"), DataSpec("digits", size=8)
    held = held_out_origins(target, target.split(wanted, 0))
    assert len(held) == 269 + 539
    for name, spec in {
        "digits": DataSpec("digits", size=8, n=1000),
        "digits~fog:3": DataSpec("digits~fog:3", size=8, seed=1),
        "blended_digits": DataSpec("blended_digits", size=8, test=0.1),
    }.items():
        source = read(name, n=spec.n, seed=spec.seed)
        train = source.split(spec, 0).train
        left = exclude_examples(source, train, held)
        assert np.isin(source.origins[train], held).any() and set(left) < set(train)
        assert not np.isin(source.origins[left], held).any()
        assert np.isin(source.origins[np.setdiff1d(train, left)], held).all()
    same = target.split(wanted, 0).train
    assert np.array_equal(exclude_examples(target, same, held), same)


def test_arrays_without_origins_are_told_apart_by_their_pixels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 5), np.uint8)
    images[3] = images[0]
    made = Domain.of("x", images, np.array([0, 1, 0, 1]), "ab", licence="-", source="-")
    assert made.origins[0] == made.origins[3] == content_hash(images[0].transpose(1, 2, 0))
    assert len(set(made.origins.tolist())) == 3
    with pytest.raises(DataProblem, match="one origin, uint64, per picture"):
        Domain.of("x", images, made.labels, "ab", licence="-", source="-", origins=made.origins[:3])


def test_numbers_that_are_drawn_never_meet() -> None:
    assert len(np.unique(generated_origins("a", 0, 100_000))) == 100_000
    assert np.array_equal(generated_origins("a", 0, 9), generated_origins("a", 0, 100)[:9])
    assert not np.isin(generated_origins("a", 0, 1000), generated_origins("a", 1, 1000)).any()

"""Arrays in an .npz: Keras's keys, other forms, and a sentence for everything else."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tltk import data
from tltk.data.fit import resize
from tltk.data.sources import npz
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec

X = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
Y = np.arange(12) % 3


def load(path: Path, **fields: Any) -> data.Domain:
    spec = DataSpec(f"npz:{path}", **{"size": 8, **fields})
    return npz.load(spec, str(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.npz"


def test_keys_of_keras(path: Path) -> None:
    np.savez_compressed(path, x_train=X, y_train=Y.astype(np.uint8), x_test=X[:6] ^ 255, y_test=Y[:6])
    domain = load(path)
    assert domain.images.shape == (18, 3, 8, 8) and domain.classes == ("0", "1", "2")
    assert np.array_equal(domain.images[:12, 1], X) and np.array_equal(domain.images[12:, 2], X[:6] ^ 255)
    assert domain.given is not None and domain.given.tolist() == [0] * 12 + [2] * 6
    split = domain.split(DataSpec(), 0)
    assert split.test.tolist() == list(range(12, 18)) and len(split.val) == 3


@pytest.mark.parametrize("keys", [("x", "y"), ("x_train", "y_train")])
def test_without_a_test_set_all_are_free(path: Path, keys: tuple[str, str]) -> None:
    arrays: dict[str, Any] = {keys[0]: X, keys[1]: Y.reshape(-1, 1), "unrelated": np.zeros(2)}
    np.savez(path, **arrays)
    assert load(path).given is None


@pytest.mark.parametrize(("channels", "wanted"), [(1, 3), (3, 3), (2, 2), (13, 13)])
def test_channels(path: Path, channels: int, wanted: int) -> None:
    np.savez(path, x=np.repeat(X[..., None], channels, axis=3), y=Y)
    domain = load(path, size=16)
    assert domain.images.shape == (12, wanted, 16, 16)
    assert (domain.images == domain.images[:, :1]).all() and domain.images.std() > 30


def test_labels_are_renumbered_and_named(path: Path) -> None:
    np.savez(path, x=X, y=np.array([7, -2, 40])[Y])
    domain = load(path)
    assert domain.classes == ("-2", "7", "40") and domain.labels.tolist() == [1, 0, 2] * 4
    np.savez(path, x=X, y=Y, class_names=np.array(["ant", "bee", "wasp", "unused"]))
    assert load(path).classes == ("ant", "bee", "wasp")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Y.astype(float), "y are float64"),
        (Y.astype(np.float16)[:, None], "y are float16"),
        (np.eye(3)[Y], "y are one-hot, of shape (12, 3)"),
        (np.eye(3, dtype=bool)[Y], "y are one-hot, of shape (12, 3)"),
        (np.eye(5, dtype=np.uint8)[Y * 2], "y are one-hot, of shape (12, 5)"),
    ],
)
def test_other_forms_of_labels_are_converted_and_told(path: Path, given: np.ndarray, told: str) -> None:
    np.savez(path, x=X, y=given)
    domain = load(path)
    assert domain.labels.tolist() == Y.tolist()
    assert domain.classes == (("0", "2", "4") if given.shape[-1] == 5 else ("0", "1", "2"))
    assert [note for note in domain.reading.notes if told in note and note.endswith(".")]


def test_masks_are_two_classes(path: Path) -> None:
    np.savez(path, x=X, y=Y == 1, class_names=np.array(["other", "bee"]))
    domain = load(path)
    assert domain.labels.tolist() == (Y == 1).astype(int).tolist() and domain.classes == ("other", "bee")
    assert any("y are bool" in note for note in domain.reading.notes)


def test_n_keeps_the_shares_of_classes_and_parts(path: Path) -> None:
    np.savez(path, x_train=X, y_train=Y, x_test=X[:6], y_test=Y[:6])
    domain = load(path, n=9)
    assert domain.given is not None and np.bincount(domain.labels).tolist() == [3, 3, 3]
    assert domain.given.tolist() == [0] * 6 + [2] * 3
    assert np.isin(domain.images[:6, 0].reshape(6, -1), X.reshape(12, -1)).all()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"x_train": X, "y_train": Y, "x_test": X}, "must have the keys x_train, y_train"),
    ({"data": X, "target": Y}, "It has data, target; save it"),
    ({"x_val": X, "y_val": Y, "x_test": X, "y_test": Y}, "must have the keys x_train"),
    ({"x_val": X, "x_train": X, "y_train": Y}, "must have the keys x_train"),
    ({"x": X.astype(complex), "y": Y}, "Got complex128 of shape (12, 8, 8)"),
    ({"x": X.astype(str), "y": Y}, "must be pictures of numbers"),
    ({"x": X.reshape(12, 64), "y": Y}, "Got uint8 of shape (12, 64)"),
    ({"x": np.zeros((12, 8, 8, 80), np.uint8), "y": Y}, "at most 64 channels"),
    ({"x": np.zeros((0, 8, 8), np.uint8), "y": np.zeros(0, int)}, "Got uint8 of shape (0, 8, 8)"),
    ({"x": X, "y": Y[:5]}, "one for each of 12 pictures. Got int64 of shape (5,)"),
    ({"x": X, "y": Y + 0.5}, "y in .* must be whole numbers, one for each picture. Picture 0 has 0.5"),
    ({"x": X, "y": np.where(Y == 1, np.nan, Y)}, "Picture 1 has nan; number the classes"),
    ({"x": X, "y": np.where(Y == 2, 1e300, Y)}, "Picture 2 has 1e+300"),
    ({"x": X, "y": Y.astype(str)}, "Got texts, such as '0'; number them and save the texts as class_names"),
    ({"x": X, "y": np.eye(3)[Y] * 0.9}, "must be one-hot, with a single 1 in each row. Row 0 is 0.9, 0.0, 0.0"),
    ({"x": X, "y": 1 - np.eye(3, dtype=int)[Y]}, "Row 0 is 0, 1, 1; one picture has one class here"),
    ({"x": X, "y": np.zeros((12, 3))}, "Row 0 is 0.0, 0.0, 0.0"),
    ({"x": X, "y": np.zeros((12, 3, 3))}, "Got float64 of shape (12, 3, 3)"),
    (
        {"x_train": X, "y_train": np.eye(3)[Y], "x_test": X, "y_test": np.eye(4)[Y]},
        "must have columns for the same classes. Got 3 and 4",
    ),
    ({"x": X, "y": np.zeros(12, int)}, "at least two classes. Got one, '0'"),
    ({"x": X, "y": Y, "class_names": np.array(["ant"])}, "the labels 0 … 2 point into"),
    ({"x": X, "y": Y, "class_names": np.array([1, 2, 3])}, "must be a list of texts"),
    (
        {"x_train": X, "y_train": Y, "x_test": X[:, :4], "y_test": Y},
        "must have pictures of one shape. Got (8, 8) and (4, 8)",
    ),
    (
        {"x_train": X, "y_train": Y, "x_test": X[:2], "y_test": Y[:2]},
        "must have pictures in test part. None for: 2",
    ),
    ({"x": X, "y": np.array([{}] * 12, object)}, "It is a pickled object"),
]


@pytest.mark.parametrize(("arrays", "words"), BAD)
def test_sentences(path: Path, arrays: dict[str, Any], words: str) -> None:
    np.savez(path, **arrays)
    with pytest.raises(DataProblem, match=re.escape(words).replace(r"\ \.\*\ ", " .* ")):
        load(path)


def test_a_header_that_claims_more_than_there_is(path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 10**4, 10**4)}
    )
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", header.getvalue() + bytes(100))
        file.writestr("y.npy", b"")
    with pytest.raises(DataProblem, match="must hold what its header says"):
        load(path)


def test_files_that_are_no_npz(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataProblem, match="nothing there"):
        load(path)
    with pytest.raises(DataProblem, match="a folder: write folder:PATH"):
        load(tmp_path)
    np.savez(path, x=X, y=Y)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole.replace(b"NUMPY", b"nUMPY")):
        path.write_bytes(content)
        with pytest.raises(DataProblem, match="as numpy.savez writes it"):
            load(path)


@pytest.mark.shared
def test_real_digits_on_photographs(shared: Path) -> None:
    spec = DataSpec(f"npz:{shared / 'npz' / 'mnistm.npz'}", n=1500, shots=5)
    domain = data.load(spec)
    assert domain.images.shape == (1500, 3, 32, 32) and len(domain.classes) == 10
    split = domain.split(spec, 0)
    assert len(split.train) == 50 and domain.given is not None and (domain.given[split.test] == 2).all()
    assert 50 < domain.images.mean() < 200


def test_val_is_used_in_the_keys_of_keras_and_of_medmnist(path: Path) -> None:
    parts = {"train": X, "val": X[:6] ^ 1, "test": X[:3] ^ 255}
    forms = (("x_{}", "y_{}"), ("{}_images", "{}_labels"), ("X_{}", "y_{}"))
    for x, y in forms:
        arrays: dict[str, Any] = {x.format(p): pictures for p, pictures in parts.items()}
        arrays |= {y.format(p): Y[: len(pictures), None] for p, pictures in parts.items()}
        np.savez(path, **arrays)
        domain = load(path)
        assert domain.given is not None and domain.given.tolist() == [0] * 12 + [1] * 6 + [2] * 3
        split = domain.split(DataSpec(), 0)
        assert [len(split.train), len(split.val), len(split.test)] == [12, 6, 3]
        assert np.array_equal(domain.images[12:18, 0], X[:6] ^ 1)


def test_arrays_that_are_not_read_are_named(path: Path) -> None:
    np.savez(path, x=X, y=Y, masks=X, weights=np.zeros(2))
    assert load(path).reading.notes == ("a.npz also holds masks, weights; these arrays are not read.",)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 32, 32), (3, 24, 40), (13, 24, 24), (3, 80, 80)])
def test_channels_that_come_first_are_put_last_and_told(path: Path, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 256, (12, *shape), np.uint8)
    np.savez(path, x=x, y=Y)
    first = load(path, size=16)
    np.savez(path, x=np.moveaxis(x, 1, 3), y=Y)
    last = load(path, size=16)
    assert np.array_equal(first.images, last.images) and np.array_equal(first.origins, last.origins)
    assert "(n, channels, height, width)" in first.reading.notes[0] and not last.reading.notes


@pytest.mark.parametrize(
    ("kind", "factor", "white"),
    [("float32", 1 / 255, "1"), ("uint16", 257, "65,535"), ("int64", 1, "255"), ("f2", 1, "255")],
)
def test_other_numbers_have_one_scale_which_is_told(path: Path, kind: str, factor: float, white: str) -> None:
    x = X.copy()
    x[0, 0, 0] = 255
    np.savez(
        path,
        x_train=(x.astype(float) * factor).astype(kind),
        y_train=Y,
        x_test=(x[:3].astype(float) * factor).astype(kind),
        y_test=Y[:3],
    )
    domain = load(path)
    assert np.abs(domain.images[:12, 0].astype(int) - x).max() <= 1
    assert domain.reading.notes[-1].endswith(f"0 is black and {white} is white.")


def test_names_that_no_file_can_hold(path: Path) -> None:
    np.savez(path, x=X, y=Y, class_names=np.array(["ant", "\ud800", "wasp"]))
    assert load(path).classes == ("ant", "\\ud800", "wasp")
    assert data.load(DataSpec(f"npz:{path}", size=8)).classes == ("ant", "\\ud800", "wasp")


def test_arrays_in_fortran_order(path: Path) -> None:
    np.savez(path, x=np.asfortranarray(X), y=Y)
    assert np.array_equal(load(path).images[:, 0], X)


def test_large_pictures_in_strips_are_what_they_are_as_a_whole() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 3000, 3100), np.uint8)
    wanted = [np.asarray(Image.fromarray(p).resize((40, 40), Image.Resampling.BICUBIC)) for p in x[:, :, 50:3050]]
    assert np.abs(resize(x, 40).astype(int) - np.stack(wanted)).max() <= 1

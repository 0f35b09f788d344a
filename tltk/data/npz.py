"""Pictures of one's own as NumPy arrays in an .npz, with the keys of Keras's `mnist.npz`.

Nothing is unpickled, and what the headers claim is checked against the file before memory is taken.
Licence and source are the user's.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tltk.data.decode import resize, room_for, three_channels
from tltk.data.domain import TEST, TRAIN, Domain, Ints, Pixels, Progress, keep, path_of
from tltk.data.identity import contents
from tltk.errors import DataProblem
from tltk.spec import DataSpec

LICENCE = "your own arrays: see their source"
MAX_BYTES = 16 * 2**30  # per array
MAX_CHANNELS = 64  # as many as a network here may read
PIECE = 2000  # pictures resized at a time
KEYS = "x_train, y_train, x_test and y_test, or x_train and y_train, or x and y"


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Arrays of your own in an .npz: uint8 pictures and whole-number labels, as in Keras's mnist.npz.

    Raises:
        DataProblem: Not such a file; the sentence says what is missing.
    """
    path = _locate(argument)
    arrays = _read(path)
    pairs = _pairs(path, arrays)
    raw = np.concatenate([_labels(path, y, len(x)) for x, y in pairs])
    given = np.repeat(np.array([TRAIN, TEST], np.int8)[: len(pairs)], [len(x) for x, _ in pairs])
    classes, labels = _classes(path, raw, arrays.get("class_names"))
    kept = keep(labels, spec.n, spec.seed, spec.name, given)
    images = _images([x for x, _ in pairs], kept, spec.size, progress)
    return Domain.of(
        spec.name,
        images,
        labels[kept],
        classes,
        licence=LICENCE,
        source=str(path),
        given=given[kept] if len(pairs) == 2 else None,
        origins=np.concatenate([contents(x) for x, _ in pairs])[kept],
    )


def stamp(argument: str) -> str:
    """Changes when the file is written anew."""
    path = _locate(argument)
    status = path.stat()
    return f"{path}|{status.st_size}|{status.st_mtime_ns}"


def _locate(argument: str) -> Path:
    path = path_of(argument)
    if not path.is_file():
        what = "a folder: write folder:PATH" if path.is_dir() else "nothing there; check the path"
        raise DataProblem(f"npz:PATH must name an .npz file. {path} is {what}.")
    return path.resolve()


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays that we know by name.

    Raises:
        DataProblem: Not an .npz, a pickled array, or headers that claim more than there is.
    """
    wanted = ("x_train", "y_train", "x_test", "y_test", "x", "y", "class_names")
    try:
        with zipfile.ZipFile(path) as file:
            there = [key for key in wanted if f"{key}.npy" in file.namelist()]
            for key in there:
                _check_header(path, file, key)
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in there}
    except DataProblem:
        raise
    except Exception as fault:  # zip, deflate and header parsers raise a dozen kinds
        raise DataProblem(
            f"{path} must be an .npz as numpy.savez writes it. It cannot be read: "
            f"{str(fault)[:160] or type(fault).__name__}. Save it again."
        ) from None


def _check_header(path: Path, file: zipfile.ZipFile, key: str) -> None:
    """Refuse pickles and sizes that the archive does not hold, before anything is read."""
    info = file.getinfo(f"{key}.npy")
    with file.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    if dtype.hasobject:
        raise DataProblem(
            f"{key} in {path} must be plain numbers. It is a pickled object, which could run a program; "
            f"save it as an array of uint8 or whole numbers."
        )
    claimed = int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize
    if claimed > min(info.file_size, MAX_BYTES) or info.file_size > MAX_BYTES:
        raise DataProblem(
            f"{key} in {path} must hold what its header says, at most {MAX_BYTES >> 30} GiB. It claims "
            f"{claimed:,} bytes and has {info.file_size:,}. Save it again, or in parts."
        )


def _pairs(path: Path, arrays: dict[str, NDArray[Any]]) -> list[tuple[Pixels, NDArray[Any]]]:
    """[(x, y)] or [(x_train, y_train), (x_test, y_test)], pictures checked."""
    there = set(arrays) - {"class_names"}
    sets: dict[frozenset[str], list[tuple[str, str]]] = {
        frozenset(("x", "y")): [("x", "y")],
        frozenset(("x_train", "y_train")): [("x_train", "y_train")],
        frozenset(("x_train", "y_train", "x_test", "y_test")): [("x_train", "y_train"), ("x_test", "y_test")],
    }
    if frozenset(there) not in sets:
        found = ", ".join(sorted(there)) or "none of these"
        raise DataProblem(f"{path} must have the keys {KEYS}. It has {found}; save it with those names.")
    pairs = sets[frozenset(there)]
    if len(pairs) == 1 and pairs[0][0] == "x_train":
        return [(_pictures(path, "x_train", arrays["x_train"]), arrays["y_train"])]
    checked = [(_pictures(path, x, arrays[x]), arrays[y]) for x, y in pairs]
    if len({x.shape[1:] for x, _ in checked}) > 1:
        shapes = " and ".join(str(x.shape[1:]) for x, _ in checked)
        raise DataProblem(f"x_train and x_test of {path} must have pictures of one shape. Got {shapes}.")
    return checked


def _pictures(path: Path, key: str, x: NDArray[Any]) -> Pixels:
    fits = x.ndim == 3 or (x.ndim == 4 and x.shape[3] <= MAX_CHANNELS)
    if x.dtype != np.uint8 or not fits or 0 in x.shape:
        raise DataProblem(
            f"{key} of {path} must be uint8 pictures of shape (n, height, width) or (n, height, width, "
            f"channels), channels last and at most {MAX_CHANNELS}. Got {x.dtype} of shape {x.shape}; "
            f"convert it."
        )
    return x


def _labels(path: Path, y: NDArray[Any], n: int) -> Ints:
    """(n,) int64; a column (n, 1), as CIFAR has it, is taken too."""
    flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if flat.dtype.kind not in "iu" or flat.shape != (n,):
        raise DataProblem(
            f"Labels of {path} must be whole numbers, one for each of {n} pictures. "
            f"Got {y.dtype} of shape {y.shape}; one-hot labels need an argmax first."
        )
    return flat.astype(np.int64)


def _classes(path: Path, raw: Ints, names: NDArray[Any] | None) -> tuple[Sequence[str], Ints]:
    """Names and labels 0 … k − 1: without `class_names` a class is named by its number."""
    values, labels = np.unique(raw, return_inverse=True)
    labels = labels.astype(np.int64)
    if names is None:
        return [str(value) for value in values], labels
    if names.dtype.kind != "U" or names.ndim != 1 or not 0 <= values[0] <= values[-1] < len(names):
        raise DataProblem(
            f"class_names of {path} must be a list of texts that the labels {values[0]} … {values[-1]} point "
            f"into. Got {names.dtype} of shape {names.shape}."
        )
    return [str(names[value]) for value in values], labels


def _images(
    parts: list[Pixels], kept: Ints, size: int, progress: Progress | None
) -> Pixels:
    """(n, c, size, size): the kept pictures of all parts, one after the other."""
    channels = parts[0].shape[3] if parts[0].ndim == 4 else 1
    images = room_for((len(kept), 3 if channels == 1 else channels, size, size))
    ends = np.cumsum([len(part) for part in parts])
    done = 0
    for part, end in zip(parts, ends, strict=True):
        mine = kept[(kept >= end - len(part)) & (kept < end)] - (end - len(part))
        for start in range(0, len(mine), PIECE):
            piece = mine[start : start + PIECE]
            images[done : done + len(piece)] = three_channels(resize(part[piece], size))
            done += len(piece)
            if progress:
                progress(done, len(kept))
    return images

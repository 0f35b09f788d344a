"""The user's pictures as NumPy arrays in an .npz, with the keys of Keras's `mnist.npz` or of MedMNIST.

Nothing is unpickled. What the headers claim is checked against the file, and against what a picture may take, before
memory is taken; pictures are read some at a time. Licence and source are the user's.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tltk.data.decode import MAX_FLAT_LEVELS, MAX_PIXELS, Span, allocate, sketch, three_channels
from tltk.data.domain import (
    Domain,
    Ints,
    Pixels,
    Progress,
    Reading,
    argument_path,
    check_classes,
    subsample,
)
from tltk.data.files import groups_of
from tltk.data.fit import Change, place, resize
from tltk.data.identity import FINE, Sketches, content_hash, find_near_copies, label_conflicts
from tltk.data.parts import TEST, TRAIN, VAL
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec
from tltk.specs.size import Size, height_and_width

LICENCE = "not stated (your own arrays)"
MAX_BYTES = 16 * 2**30  # per array
MAX_RATIO, FREE_BYTES = 100, 64 * 2**20  # unpacked over packed; small arrays may be packed tighter
MAX_PICTURE_BYTES, MAX_LABELS_BYTES, MAX_NAMES_BYTES = (
    192 * 2**20,
    64 * 2**20,
    16 * 2**20,
)  # bytes that are in memory at once
MAX_HEADER_BYTES, MAX_COUNT = 2**16, 5_000_000
MAX_NUMBER = 2.0**53  # floats beyond are not all whole numbers that differ
MAX_CHANNELS = 64  # as many as a network here may read
PIECE_PICTURES, PIECE_BYTES = 2000, 16 * 2**20  # pictures, and bytes of them, that are worked on at a time
BLOCK_BYTES = 2**20
PARTS = {"train": TRAIN, "val": VAL, "valid": VAL, "validation": VAL, "test": TEST}
FORMS = (("x_{}", "y_{}"), ("{}_images", "{}_labels"))  # Keras; MedMNIST
WHOLE = (("x", "y"), ("images", "labels"))
NAMES = "class_names"
KEYS = "x_train, y_train, x_test and y_test, also x_val and y_val, or train_images, train_labels and so on, or x and y"


@dataclass(frozen=True)
class Header:
    """What an array says of itself."""

    key: str
    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]

    @property
    def n_bytes(self) -> int:
        """Of the whole array."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def each(self) -> int:
        """Bytes of one picture."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Arrays of your own in an .npz: pictures and whole-number labels, as in Keras's mnist.npz or in MedMNIST.

    Args:
        spec: `n` (0 = all), `size` in pixels, `fit` and `seed`; parts and shots are not read here.
        argument: PATH of the file.
        progress: Called with (done, total) pictures.

    Raises:
        DataProblem: Not such a file; the sentence says what is missing.
    """
    path = _locate(argument)
    with _readable(path), zipfile.ZipFile(path) as file:
        sets, left_out = _sets(path, file)
        classes, labels, given, told = _read_labels(path, file, sets)
        kept = subsample(labels, spec.n, spec.seed, spec.name, given)
        span = _span(file, sets)
        found = _Found(len(kept), sets[0].shape, spec.picture_size, spec.fit)
        for part in sets:
            mine = kept[(kept >= part.start) & (kept < part.start + len(part))] - part.start
            for pictures in _read_chosen(file, part.pictures, mine):
                found.take(_eight_bits(np.moveaxis(pictures, 1, 3) if part.is_first else pictures, span))
                if progress:
                    progress(found.done, len(kept))
            found.names += [f"picture {i} of {part.pictures.key}" for i in mine.tolist()]
    twins = find_near_copies(found.origins, found.prints, labels[kept], found.thumbs)
    height, width = sets[0].shape[:2]
    change = Change.of(width, height, spec.picture_size, spec.fit)
    return Domain.of(
        spec.name,
        found.images,
        labels[kept],
        classes,
        licence=LICENCE,
        source=str(path),
        given=given[kept] if len(sets) > 1 else None,
        origins=found.origins,
        twins=twins,
        reading=Reading(
            cropped=change.cropped,
            empty=change.empty,
            stretched=change.stretched,
            flat=found.flat,
            notes=(*told, *_notes(path, left_out, sets, span)),
            clashes=label_conflicts(twins, labels[kept], found.names),
        ),
        sketches=Sketches(found.prints, found.thumbs),
    )


@dataclass(frozen=True)
class _Set:
    """One part of the pictures.

    Attributes:
        part: As in `Domain.given`.
        pictures: The array's header.
        labels: Key of theirs.
        is_first: Channels come before height and width.
        start: How many pictures the parts before it have.
    """

    part: int
    pictures: Header
    labels: str
    is_first: bool
    start: int

    def __len__(self) -> int:
        return self.pictures.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one picture, channels last."""
        return _upright(self.pictures, self.is_first)


class _Found:
    """What is kept of the pictures, filled piece by piece."""

    def __init__(self, n: int, shape: tuple[int, ...], size: Size, fit: str) -> None:
        channels = shape[2] if len(shape) == 3 else 1
        self.images = allocate((n, 3 if channels == 1 else channels, *height_and_width(size)))
        self.thumbs = allocate((n, 3, FINE, FINE))
        self.origins, self.prints = np.empty(n, np.uint64), np.empty((n, 2), np.uint64)
        self.names: list[str] = []
        self.done = self.flat = 0
        self.size, self.fit = size, fit

    def take(self, pictures: Pixels) -> None:
        """The next ones, (m, h, w) or (m, h, w, c)."""
        here = slice(self.done, self.done + len(pictures))
        small = three_channels(resize(pictures, self.size, self.fit))
        self.images[here] = place(small, self.size)
        spread = np.ptp(small.reshape(*small.shape[:2], -1), 2)
        self.flat += int((spread <= MAX_FLAT_LEVELS).all(1).sum())
        for i, picture in enumerate(pictures, start=self.done):
            self.origins[i] = content_hash(picture)
            shown = picture if picture.ndim == 2 else picture[..., :3] if picture.shape[2] > 2 else picture[..., 0]
            self.thumbs[i], self.prints[i] = sketch(Image.fromarray(np.ascontiguousarray(shown)))
        self.done += len(pictures)


def survey(argument: str, group_by: str = "") -> None:
    """Refuse what cannot be read, before a worker is asked: headers and labels are read, no pictures.

    Args:
        argument: PATH of the file.
        group_by: As `DataSpec.group_by`; arrays have no groups.

    Raises:
        DataProblem: As for `load`.
    """
    groups_of((), {}, group_by, "", f"npz:{argument}")
    path = _locate(argument)
    with _readable(path), zipfile.ZipFile(path) as file:
        sets, _ = _sets(path, file)
        classes, labels, given, _ = _read_labels(path, file, sets)
        check_classes(f"npz:{argument}", labels, tuple(classes), given if len(sets) > 1 else None)


def source_version(argument: str) -> str:
    """Changes when the file is rewritten."""
    path = _locate(argument)
    status = path.stat()
    return f"{path}|{status.st_size}|{status.st_mtime_ns}"


def _locate(argument: str) -> Path:
    path = argument_path(argument)
    if not path.is_file():
        what = "a folder: write folder:PATH" if path.is_dir() else "nothing there; check the path"
        raise DataProblem(f"npz:PATH must name an .npz file. {path} is {what}.")
    return path.resolve()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever a damaged archive raises, as a sentence."""
    try:
        yield
    except (DataProblem, KeyboardInterrupt):
        raise
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        OSError,
        ValueError,
        EOFError,
        KeyError,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        SyntaxError,
        OverflowError,
    ) as fault:
        raise DataProblem(
            f"{path} must be an .npz as numpy.savez writes it. It cannot be read: "
            f"{str(fault)[:160] or type(fault).__name__}. Save it again."
        ) from None


def _header(path: Path, file: zipfile.ZipFile, key: str, limit: int) -> Header:
    """What an array says of itself, held against what the archive holds.

    Raises:
        DataProblem: A pickle, or sizes that cannot be true or are more than the limit.
    """
    info = file.getinfo(f"{key}.npy")
    if info.file_size > max(FREE_BYTES, MAX_RATIO * info.compress_size):
        raise DataProblem(
            f"{key} in {path} may unpack to at most {MAX_RATIO} times its packed size. It has {info.compress_size:,} "
            f"bytes and would unpack to {info.file_size:,}; save it with numpy.savez, unpacked."
        )
    with file.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        n_bytes = int.from_bytes(stream.read(2 if version == (1, 0) else 4), "little")
        if n_bytes > MAX_HEADER_BYTES:
            raise DataProblem(
                f"{key} in {path} must have a header of at most {MAX_HEADER_BYTES:,} bytes. Got {n_bytes:,}."
            )
    with file.open(info) as stream:
        np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(stream)
    header = Header(key, tuple(int(side) for side in shape), bool(is_fortran), dtype)
    if dtype.hasobject:
        raise DataProblem(
            f"{key} in {path} must be plain numbers. It is a pickled object, which could run a program; "
            f"save it as an array of uint8 or whole numbers."
        )
    if header.n_bytes > min(info.file_size, limit) or info.file_size > limit + MAX_HEADER_BYTES:
        size = f"{limit >> 30} GiB" if limit >> 30 else f"{limit >> 20} MiB"
        raise DataProblem(
            f"{key} in {path} must hold what its header says, at most {size}. It claims "
            f"{header.n_bytes:,} bytes and has {info.file_size:,}. Save it again, or in parts."
        )
    return header


def _pairs(path: Path, keys: list[str]) -> tuple[list[tuple[int, str, str]], list[str]]:
    """(part, key of the pictures, key of the labels) for each part there is, and the keys that are not read.

    Capitals do not matter: many write X_train.
    """
    there = {key.lower(): key for key in keys}
    found: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
    for form in (*FORMS, *WHOLE):
        for word, part in PARTS.items() if form in FORMS else [("", TRAIN)]:
            x, y = (there.get(pattern.format(word)) for pattern in form)
            if x is not None or y is not None:
                found.setdefault(form, []).append((part, x or "", y or ""))
    pairs = next(iter(found.values()), [])
    parts = [part for part, _, _ in pairs]
    is_whole = all(x and y for _, x, y in pairs) and len(set(parts)) == len(parts) and TRAIN in parts
    if len(found) != 1 or not is_whole:
        shown = ", ".join(sorted(keys)[:12]) or "nothing"
        raise DataProblem(f"{path} must have the keys {KEYS}. It has {shown}; save it with those names.")
    used = {key for _, x, y in pairs for key in (x, y)} | {NAMES}
    return pairs, sorted(set(keys) - used)


def _sets(path: Path, file: zipfile.ZipFile) -> tuple[list[_Set], list[str]]:
    """The parts of the pictures, their headers checked, and the keys that are not read.

    Raises:
        DataProblem: Pictures that do not go together, or that cannot be read here.
    """
    pairs, left_out = _pairs(path, [name.removesuffix(".npy") for name in file.namelist()])
    sets, start = list[_Set](), 0
    for part, x, y in pairs:
        header = _header(path, file, x, MAX_BYTES)
        sets.append(_Set(part, header, y, _pictures(path, header), start))
        start += len(sets[-1])
    if start > MAX_COUNT:
        raise DataProblem(f"{path} may hold at most {MAX_COUNT:,} pictures. It has {start:,}; split it.")
    if len({s.shape for s in sets}) > 1:
        raise DataProblem(
            f"{' and '.join(s.pictures.key for s in sets)} of {path} must have pictures of one shape. "
            f"Got {' and '.join(str(s.shape) for s in sets)}."
        )
    return sets, left_out


def _pictures(path: Path, header: Header) -> bool:
    """Whether channels come first in these pictures.

    Raises:
        DataProblem: They are no pictures, or too large ones.
    """
    shape, dtype = header.shape, header.dtype
    is_first = len(shape) == 4 and _are_channels_first(*shape[1:])
    fits = len(shape) == 3 or (len(shape) == 4 and (shape[1] if is_first else shape[3]) <= MAX_CHANNELS)
    if dtype.kind not in "buif" or not fits or 0 in shape:
        raise DataProblem(
            f"{header.key} of {path} must be pictures of numbers, of shape (n, height, width) or (n, height, width, "
            f"channels), at most {MAX_CHANNELS} channels. Got {dtype} of shape {shape}; reshape or convert it."
        )
    height, width = _upright(header, is_first)[:2]
    if (
        height * width > MAX_PIXELS
        or header.each > MAX_PICTURE_BYTES
        or (header.is_fortran and header.n_bytes > MAX_PICTURE_BYTES)
    ):
        why = "is in Fortran order and has" if header.each <= MAX_PICTURE_BYTES and header.is_fortran else "has"
        raise DataProblem(
            f"Pictures of {header.key} in {path} may have at most {MAX_PIXELS:,} pixels and "
            f"{MAX_PICTURE_BYTES >> 20} MiB. "
            f"It {why} {height:,} × {width:,} pixels, {header.each / 2**20:,.0f} MiB each and "
            f"{header.n_bytes / 2**20:,.0f} MiB in all; make them smaller, or save with numpy.ascontiguousarray."
        )
    return is_first


def _are_channels_first(first: int, second: int, third: int) -> bool:
    """Whether (n, first, second, third) is (n, channels, height, width), as PyTorch has it.

    So where the first is a usual number of channels and the last is none, or where the last two are a square and
    the first is smaller.
    """
    usual = (1, 2, 3, 4)
    if third in usual or first == second:
        return False
    return (first in usual and second > max(usual)) or (second == third and first < second and first <= MAX_CHANNELS)


def _upright(header: Header, is_first: bool) -> tuple[int, ...]:
    """Of one picture, channels last."""
    return (*header.shape[2:], header.shape[1]) if is_first else header.shape[1:]


def _read_labels(
    path: Path, file: zipfile.ZipFile, sets: list[_Set]
) -> tuple[Sequence[str], Ints, NDArray[np.int8], list[str]]:
    """Names of the classes, class and part of every picture, and what was done to the labels, in sentences."""
    given = [_whole(path, file, s.labels, MAX_LABELS_BYTES) for s in sets]
    widths = sorted({y.shape[1] for y, s in zip(given, sets, strict=True) if _is_table(y, len(s))})
    if len(widths) > 1:
        raise DataProblem(
            f"One-hot labels of all parts of {path} must have columns for the same classes. "
            f"Got {' and '.join(map(str, widths))}; save them with as many columns."
        )
    raw, told = list[Ints](), list[str]()
    for s, y in zip(sets, given, strict=True):
        numbers, sentence = _labels(path, s.labels, y, len(s))
        raw.append(numbers)
        told += [sentence] if sentence else []
    names = _whole(path, file, NAMES, MAX_NAMES_BYTES) if f"{NAMES}.npy" in file.namelist() else None
    classes, labels = _classes(path, np.concatenate(raw), names)
    return classes, labels, np.repeat(np.array([s.part for s in sets], np.int8), [len(s) for s in sets]), told


def _notes(path: Path, left_out: list[str], sets: list[_Set], span: Span | None) -> Iterator[str]:
    """What was understood of the arrays, and which ones were not read."""
    if left_out:
        yield f"{path.name} also holds {', '.join(left_out[:12])}; these arrays are not read."
    turned = next((s.pictures.shape for s in sets if s.is_first), None)
    if turned is not None:
        yield f"Pictures of shape {turned} in {path.name} were taken to be (n, channels, height, width)."
    if span is not None and any(s.pictures.dtype.kind != "b" for s in sets):
        yield span.sentence(sum(len(s) for s in sets))


def _whole(path: Path, file: zipfile.ZipFile, key: str, limit: int) -> NDArray[Any]:
    """An array of at most so many bytes."""
    _header(path, file, key, limit)
    with file.open(f"{key}.npy") as stream:
        found: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return found


def _pieces(file: zipfile.ZipFile, header: Header) -> Iterator[NDArray[Any]]:
    """All pictures of an array in order, some at a time."""
    with file.open(f"{header.key}.npy") as stream:
        if header.is_fortran:
            whole = np.lib.format.read_array(stream, allow_pickle=False)
            for start in range(0, len(whole), PIECE_PICTURES):
                yield np.ascontiguousarray(whole[start : start + PIECE_PICTURES])
            return
        stream.seek(_data_offset(stream))
        step = max(1, min(PIECE_PICTURES, PIECE_BYTES // max(1, header.each)))
        for start in range(0, header.shape[0], step):
            m = min(step, header.shape[0] - start)
            piece = np.empty((m, *header.shape[1:]), header.dtype)
            _fill(stream, piece)
            yield piece


def _data_offset(stream: IO[bytes]) -> int:
    """Where the numbers begin; `_header` has read it all before."""
    version = np.lib.format.read_magic(stream)
    length = 2 if version == (1, 0) else 4
    return 8 + length + int.from_bytes(stream.read(length), "little")


def _fill(stream: IO[bytes], piece: NDArray[Any]) -> None:
    """Read the array's bytes in blocks: one large read would hold them twice."""
    buffer = piece.reshape(-1).view(np.uint8).data
    at = 0
    while at < len(buffer):
        block = stream.read(min(BLOCK_BYTES, len(buffer) - at))
        if not block:
            raise EOFError("it breaks off")
        buffer[at : at + len(block)] = block
        at += len(block)


def _read_chosen(file: zipfile.ZipFile, header: Header, index: Ints) -> Iterator[NDArray[Any]]:
    """The pictures at these sorted positions."""
    start = 0
    for piece in _pieces(file, header):
        mine = index[(index >= start) & (index < start + len(piece))] - start
        start += len(piece)
        if len(mine):
            yield piece if len(mine) == len(piece) else piece[mine]


def _span(file: zipfile.ZipFile, sets: list[_Set]) -> Span | None:
    """One scale for all pictures that are not bytes already."""
    headers = [s.pictures for s in sets]
    if all(h.dtype == np.uint8 for h in headers):
        return None
    if all(h.dtype.kind == "b" for h in headers):
        return Span(0, 1)
    low, high = math.inf, -math.inf
    for header in headers:
        for piece in _pieces(file, header):
            for start in range(0, piece.size, BLOCK_BYTES):
                values = piece.reshape(-1)[start : start + BLOCK_BYTES]
                finite = values[np.isfinite(values)]
                if finite.size:
                    low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return Span.of(low, high, all(h.dtype.kind in "ui" for h in headers)) if low <= high else Span(0, 1)


def _eight_bits(pictures: NDArray[Any], span: Span | None) -> Pixels:
    """As bytes, a strip at a time: the scaling works in float64."""
    if span is None:
        return pictures
    plain = np.ascontiguousarray(pictures).reshape(-1)
    levels = np.empty(plain.shape, np.uint8)
    for start in range(0, len(plain), BLOCK_BYTES):
        levels[start : start + BLOCK_BYTES] = span.eight_bits(plain[start : start + BLOCK_BYTES])
    return levels.reshape(pictures.shape)


def _is_table(y: NDArray[Any], n: int) -> bool:
    """Whether each of n labels is a row of numbers, as one-hot labels are."""
    return y.ndim == 2 and y.shape[0] == n and y.shape[1] > 1 and y.dtype.kind in "buif"


def _labels(path: Path, key: str, y: NDArray[Any], n: int) -> tuple[Ints, str]:
    """(n,) int64 of labels as programs keep them, and what was done to them; "" = nothing.

    A column (n, 1), as CIFAR has it, is taken as it is. Whole numbers among floats, masks and one-hot rows are
    converted; no meaning is guessed of any others.

    Args:
        path: The file.
        key: Name of the labels in it.
        y: As they came.
        n: How many pictures they are of.

    Raises:
        DataProblem: They are no whole numbers, not one for each picture, or rows that are not one-hot.
    """
    if _is_table(y, n):
        return _columns(path, key, y), (
            f"{key} are one-hot, of shape {y.shape}, in {path.name}: each label is the number of the column that is 1."
        )
    flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if flat.shape != (n,) or flat.dtype.kind not in "buif":
        is_text = flat.shape == (n,) and n > 0 and flat.dtype.kind == "U"
        what = f"texts, such as {str(flat[0])[:40]!r}" if is_text else f"{y.dtype} of shape {y.shape}"
        do = "number them and save the texts as class_names" if is_text else "save one number for each"
        raise DataProblem(f"{key} in {path} must be whole numbers, one for each of {n} pictures. Got {what}; {do}.")
    if flat.dtype.kind in "iu":
        return flat.astype(np.int64), ""
    if flat.dtype.kind == "f":
        wide = flat.astype(np.float64)
        odd = np.flatnonzero(~(np.isfinite(wide) & (np.abs(wide) < MAX_NUMBER) & (np.trunc(wide) == wide)))
        if len(odd):
            raise DataProblem(
                f"{key} in {path} must be whole numbers, one for each picture. Picture {odd[0]} has {flat[odd[0]]!s}; "
                f"number the classes 0, 1, 2 and so on."
            )
    told = f"{key} are {flat.dtype} in {path.name}; all are whole numbers and were taken as these."
    return flat.astype(np.int64), told


def _columns(path: Path, key: str, y: NDArray[Any]) -> Ints:
    """Which column of each one-hot row is 1."""
    odd = np.flatnonzero(~(((y == 0) | (y == 1)).all(1) & ((y == 1).sum(1) == 1)))
    if len(odd):
        row = ", ".join(str(value) for value in (y[odd[0]].astype(int) if y.dtype.kind == "b" else y[odd[0]])[:8])
        raise DataProblem(
            f"{key} in {path}, of shape {y.shape}, must be one-hot, with a single 1 in each row. Row {odd[0]} is {row}"
            f"{', …' if y.shape[1] > 8 else ''}; one picture has one class here, so save its number."
        )
    columns: Ints = y.argmax(1).astype(np.int64)
    return columns


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
    # Half a character can stand in an array of texts, but in no file that is written here.
    texts = [str(name).encode("utf-8", "backslashreplace").decode() for name in names]
    return [texts[value] for value in values], labels

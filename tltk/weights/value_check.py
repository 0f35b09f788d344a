"""Whether the numbers of a weight file are such as networks compute with: asked before anything is queued. No torch.

A file is read a piece at a time, and once: what was found is kept under its path, size and time of writing, so that the
next spec that names it costs nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tltk import home
from tltk.errors import TltkError, WeightsMissing
from tltk.weights.pickle_scan import PickleContents, StoredTensor, read_pickle
from tltk.weights.weightfile import (
    BYTES,
    HELD,
    LARGEST,
    SAFETENSORS,
    TYPES,
    Shaped,
    WeightFile,
    describe_unusable,
    read_header,
)

FILE = "value_check.json"
MAX_ANSWERS = 500  # files whose answers are kept
PIECE_NUMBERS = 2**20  # numbers that are looked at at a time
FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
VERSION = 1  # raise it when other numbers are refused

_answers: dict[str, str] = {}
_read: dict[str, Contents | None] = {}


@dataclass(frozen=True)
class Contents:
    """What a weight file holds without its numbers.

    Attributes:
        tensors: By name, of all its files.
        parts: Each file, and the names of its tensors.
    """

    tensors: dict[str, Shaped]
    parts: tuple[tuple[Path | PickleContents, tuple[str, ...]], ...]


def contents(file: WeightFile) -> Contents | None:
    """Names, types and shapes of all tensors; None where only torch can tell.

    Raises:
        WeightsMissing: Not whole, or it asks for what could run.
    """
    key = _key(file.files, "contents")
    if key not in _read:
        if len(_read) > 16:
            _read.clear()
        _read[key] = _contents(file)
    return _read[key]


def _contents(file: WeightFile) -> Contents | None:
    if file.kind == SAFETENSORS:
        heads = [(path, read_header(path)[0]) for path in file.files]
        whole = {name: tensor for _, head in heads for name, tensor in head.items()}
        return Contents(whole, tuple((path, tuple(head)) for path, head in heads))
    found = read_pickle(file)
    if found is None:
        return None
    tensors: dict[str, Shaped] = {name: tensor for one in found for name, tensor in one.tensors.items()}
    return Contents(tensors, tuple((one, tuple(one.tensors)) for one in found))


def check(file: WeightFile, names: Collection[str], origin: str, trained: bool = True) -> None:
    """Refuse tensors of types or with numbers that no network computes with.

    Args:
        file: The file or files.
        names: Of the tensors that would be used; what lies beside them does not matter.
        origin: The file's name.
        trained: Whether a training is to start from them, and not only a question is asked about them.

    Raises:
        WeightsMissing: There are some; the first is named.
    """
    most = LARGEST if trained else HELD
    about = [sorted(names), origin, most]
    said = cached_answer(file.files, about, lambda: _describe_first(file, set(names), origin, most))
    if said:
        raise WeightsMissing(said)


def cached_answer(files: Collection[Path], about: Any, look: Callable[[], str]) -> str:
    """A sentence on these files as they lie there, from memory where it was asked before.

    Args:
        files: What it is on.
        about: What else it depends on, as JSON.
        look: Finds it.
    """
    key = _key(files, about)
    if key not in _answers:
        _answers.update(_read_answers())
    if key not in _answers:
        _answers[key] = look()
        with contextlib.suppress(OSError, TltkError):  # a home that is only read
            last = dict([*_read_answers().items(), (key, _answers[key])][-MAX_ANSWERS:])
            home.write_atomic(home.home() / FILE, msgspec.json.encode(last))
    return _answers[key]


def _read_answers() -> dict[str, str]:
    with contextlib.suppress(OSError, TltkError):
        return home.read_json(home.home() / FILE, dict[str, str]) or {}
    return {}


def _key(files: Collection[Path], about: Any) -> str:
    states = [(str(path.resolve()), s.st_size, s.st_mtime_ns, s.st_ino) for path in files for s in [path.stat()]]
    return hashlib.sha256(json.dumps([VERSION, states, about]).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _describe_first(file: WeightFile, names: set[str], origin: str, most: float) -> str:
    """The sentence on the first tensor that cannot be used; "" where all can."""
    found = contents(file)
    if found is None:
        return ""
    for name in sorted(names & set(found.tensors)):
        tensor = found.tensors[name]
        if tensor.ndim and tensor.dtype not in TYPES:
            return str(describe_unusable(origin, name, tensor.dtype))
    try:
        for source, there in found.parts:
            wanted = {name: found.tensors[name] for name in there if name in names}
            wanted = {name: tensor for name, tensor in wanted.items() if tensor.dtype in FLOATS}
            unusable = (
                _unusable_in_pickle(source, wanted, most)
                if isinstance(source, PickleContents)
                else _unusable_in_safetensors(source, wanted, most)
            )
            for name, value in unusable:
                return str(describe_unusable(origin, name, found.tensors[name].dtype, value))
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError):
        return ""  # damaged, of which the worker's reader says more
    return ""


def _unusable_in_safetensors(path: Path, wanted: dict[str, Shaped], most: float) -> Iterator[tuple[str, float]]:
    """Numbers of a safetensors file that cannot be, each with its tensor."""
    with path.open("rb") as file:
        for name, tensor in sorted(wanted.items(), key=lambda pair: pair[1].start):
            file.seek(tensor.start)
            for _, values in _read_pieces(file, tensor.dtype, tensor.numel()):
                if (at := _first_unusable(values, name, most)) is not None:
                    yield name, float(values[at])


def _unusable_in_pickle(source: PickleContents, wanted: dict[str, Shaped], most: float) -> Iterator[tuple[str, float]]:
    """The same of a .pth file, each storage read once, however many tensors share it."""
    by_storage: dict[str, list[tuple[str, StoredTensor]]] = {}
    for name, tensor in wanted.items():
        if isinstance(tensor, StoredTensor):
            by_storage.setdefault(tensor.storage.key, []).append((name, tensor))
    for sharing in by_storage.values():
        storage = sharing[0][1].storage
        with source.open_storage(storage) as file:
            for start, values in _read_pieces(file, storage.kind, storage.n):
                for name, tensor in sharing:
                    mine = values[max(tensor.start - start, 0) : max(tensor.end - start, 0)]
                    if (at := _first_unusable(mine, name, most)) is not None:
                        yield name, float(mine[at])


def _read_pieces(file: IO[bytes], kind: str, n: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """The next n numbers, some at a time, each with the place of the first."""
    for start in range(0, n, PIECE_NUMBERS):
        count = min(PIECE_NUMBERS, n - start)
        data = file.read(count * BYTES[kind])
        if len(data) < count * BYTES[kind]:
            raise EOFError("it breaks off")
        values = np.frombuffer(data, FLOATS[kind])
        if kind == "BF16":
            values = (values.astype("<u4") << 16).view("<f4")
        yield start, values.astype(np.float32) if kind == "F16" else values


def _first_unusable(values: NDArray[Any], name: str, most: float) -> int | None:
    """Where the first number lies that cannot be; None where all can."""
    if not values.size:
        return None
    lowest = 0.0 if name.endswith("running_var") else -most
    with np.errstate(invalid="ignore"):
        if lowest <= values.min() and values.max() <= most:  # not so with NaN among them
            return None
        return int(np.flatnonzero(~((values >= lowest) & (values <= most)))[0])

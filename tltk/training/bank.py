"""FeatureBank: what crosses the cut, computed once per picture and kept.

A frozen prefix gives the same answer for a picture in every epoch, seed and strategy, so the answer
is kept: in RAM, or in a memory-mapped file when it is larger than the budget; and on disk, keyed by
content, for the next run. What is on disk is checked before it is used, and recomputed if torn.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from tltk import home
from tltk.data.domain import Domain
from tltk.errors import CannotSplit
from tltk.nn.adapted import plain_tensors
from tltk.nn.cut import Activations
from tltk.nn.net import Net
from tltk.specs.parts import ViewSpec

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32 | np.float16]]
STALE_SECONDS = 24 * 3600  # after which a temporary folder is taken to be abandoned
CHUNK_PICTURES = 128  # pictures of which views are drawn at once; fixed, so that they depend on nothing else


def derive_seed(*parts: int) -> int:
    """One seed from several numbers; every random stream of a run is named by such a tuple."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


class Prefix(Protocol):
    """A frozen part of a network: a `Cut`, or `Taps` at every layer."""

    @property
    def net(self) -> Net:
        """The network."""

    @property
    def boundary(self) -> int:
        """How many of its layers the answer depends on."""

    @property
    def numbers(self) -> int:
        """How many numbers per picture come out."""

    @property
    def kind(self) -> str:
        """What comes out; part of the key."""

    def prefix(self, x: Tensor, /) -> Activations:
        """Normalised pictures → tensors of one row per picture.

        Args:
            x: (n, c, h, w), normalised.
        """


@dataclass(frozen=True)
class Features:
    """What crossed the cut for a list of pictures, `copies` rows per picture (copy-major).

    Attributes:
        arrays: One array per crossing tensor, each (copies × n, …), its other axes as they lay in memory.
        orders: Which axis of the tensor each axis of the array is, such as (0, 2, 3, 1) for channels last.
        seconds: What computing it took; 0 when it was found.
    """

    arrays: tuple[Array, ...]
    orders: tuple[tuple[int, ...], ...]
    n: int
    copies: int
    seconds: float

    @property
    def bytes(self) -> int:
        """Size of all arrays."""
        return sum(a.nbytes for a in self.arrays)

    def rows(self, index: Tensor, device: torch.device) -> Activations:
        """The rows of these positions, in float32 on the device; always a copy.

        They lie in memory as the prefix left them: a sum over another layout is rounded otherwise, and a deep
        network with batch normalisation makes another training of that.

        Args:
            index: (n,) int64 positions in the kept rows; copy i of picture p is row i · n + p.
            device: Where the rows are wanted.
        """
        at = index.numpy()
        return tuple(
            (torch.from_numpy(a[at]) if isinstance(a, np.memmap) else torch.from_numpy(a)[index])
            .to(device, torch.float32)
            .permute(*np.argsort(order).tolist())
            for a, order in zip(self.arrays, self.orders, strict=True)
        )


class FeatureBank:
    """Kept features under a budget of RAM and of disk.

    Args:
        ram: Bytes of RAM for features in use; larger ones are memory-mapped.
        disk: Bytes of disk under the home; the longest unused go first. 0 = keep nothing on disk.
        notify: Where a sentence about cost goes before a computation.
    """

    def __init__(
        self, ram: int = 2 << 30, disk: int = 20 << 30, notify: Callable[[str], None] = lambda _: None
    ) -> None:
        self.ram, self.disk, self.notify = ram, disk, notify
        self._held: OrderedDict[str, Features] = OrderedDict()

    def features(
        self,
        cut: Prefix,
        domain: Domain,
        index: np.ndarray,
        *,
        view: ViewSpec | None = None,
        seed: int = 0,
        precision: str = "float32",
        batch: int = CHUNK_PICTURES,
        full: bool = False,
        should_stop: Callable[[], None] = lambda: None,
    ) -> Features:
        """The features of these pictures at this cut: held, found on disk, or computed now.

        Args:
            cut: The network, cut; its prefix must be frozen.
            domain: Where the pictures are.
            index: Positions in the domain, (n,).
            view: Augmentation; with it `view.copies` views of each picture are kept.
            seed: Seed of the augmentation.
            precision: float32, or float16 for half the bytes and a rounding of 2⁻¹¹.
            batch: Pictures per forward pass. Other kernels serve other sizes and round otherwise, so this is
                the size of the batches that the features stand for.
            full: Fill up the last batch, whose rows will be met in batches of that size.
            should_stop: Called between chunks; may raise.

        Raises:
            CannotSplit: Neither RAM nor disk has room; train without a bank.
        """
        copies = view.copies if view is not None and not view.is_none and view.copies else 1
        key = self._key(cut, domain, index, view if copies > 1 or view else None, seed, precision, batch, full)
        if key in self._held:
            self._held.move_to_end(key)
            return replace(self._held[key], seconds=0.0)
        kept = self._load(key, len(index), copies)
        if kept is None:
            kept = self._compute(key, cut, domain, index, view, copies, seed, precision, batch, full, should_stop)
        self._hold(key, kept)
        return kept

    # -- computing -----------------------------------------------------------------------------

    def _compute(
        self,
        key: str,
        cut: Prefix,
        domain: Domain,
        index: np.ndarray,
        view: ViewSpec | None,
        copies: int,
        seed: int,
        precision: str,
        batch: int,
        full: bool,
        should_stop: Callable[[], None],
    ) -> Features:
        start = time.perf_counter()
        rows = copies * len(index)
        size = rows * cut.numbers * (2 if precision == "float16" else 4)
        arrays: list[Array] = []
        orders: list[tuple[int, ...]] = []
        folder = home.folder("bank") / f".{key}.{os.getpid()}.tmp"
        on_disk = size > self.ram
        order = domain.modality.order(domain, index)
        index = index if order is None else index[order]
        try:
            if on_disk:
                self._make_room(size, folder)
            done = 0
            for images in _batches(self._views(cut, domain, index, view, copies, seed, should_stop), batch):
                should_stop()
                crossing = self._crossing(cut, images, batch if full else len(images))
                if not arrays:
                    orders = [_order(t) for t in crossing]
                    arrays = _allocate(crossing, orders, rows, precision, folder if on_disk else None)
                    self._announce(cut, rows, size, time.perf_counter() - start, len(images))
                at = _places(done, len(images), len(index), order)
                for array, axes, tensor in zip(arrays, orders, crossing, strict=True):
                    array[at] = _as(tensor.permute(axes), array.dtype)
                done += len(images)
            seconds = time.perf_counter() - start
            found = Features(tuple(arrays), tuple(orders), len(index), copies, seconds)
            return self._persist(key, found, folder)
        except OSError as fault:
            raise CannotSplit(f"There is no room to keep {size / 1e6:.0f} MB of features: {fault}.") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _views(
        cut: Prefix,
        domain: Domain,
        index: np.ndarray,
        view: ViewSpec | None,
        copies: int,
        seed: int,
        should_stop: Callable[[], None],
    ) -> Iterator[Tensor]:
        """The pictures in 0…1, one copy after the other, as many at once as views are drawn of."""
        device = next(cut.net.parameters()).device
        for copy in range(copies):
            for at in range(0, len(index), CHUNK_PICTURES):
                should_stop()
                generator = torch.Generator().manual_seed(derive_seed(seed, copy, at))
                examples = domain.modality.tensors(domain, index[at : at + CHUNK_PICTURES], device)
                yield domain.modality.augment(examples, view or ViewSpec(), generator)

    @staticmethod
    def _crossing(cut: Prefix, images: Tensor, size: int) -> Activations:
        """What crosses the cut for these pictures, computed in a batch of this size."""
        n = len(images)
        if n < size:
            images = torch.cat([images, images.new_zeros(size - n, *images.shape[1:])])
        crossing = cut.prefix(cut.net.normalise(images).contiguous(memory_format=torch.channels_last))
        return tuple(tensor[:n] for tensor in crossing)

    def _announce(self, cut: Prefix, rows: int, size: int, first: float, per_chunk: int) -> None:
        seconds = first * rows / max(per_chunk, 1)
        if seconds > 1:
            self.notify(
                f"Computing the features of {rows:,} examples below boundary {cut.boundary} once: "
                f"about {seconds:.0f} s, {size / 1e6:.1f} MB."
            )

    # -- keeping -------------------------------------------------------------------------------

    @staticmethod
    def _key(
        cut: Prefix,
        domain: Domain,
        index: np.ndarray,
        view: ViewSpec | None,
        seed: int,
        precision: str,
        batch: int,
        full: bool,
    ) -> str:
        """Content decides: equal weights, pictures and views share an entry, whatever the run."""
        digest = hashlib.blake2b(digest_size=16)
        for name, tensor in plain_tensors(cut.net, cut.boundary).items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        # The text of the modules tells apart what the weights do not: strides, padding, activations.
        where = cut.net.mean.device.type
        computed = str(torch.get_autocast_dtype(where)) if torch.is_autocast_enabled(where) else "float32"
        plan = [cut.kind, cut.boundary, repr(cut.net.backbone), domain.fingerprint, precision, torch.__version__]
        plan += [where, computed, batch, full, torch.get_num_threads()]  # more threads round sums otherwise
        if view is not None and not view.is_none:
            plan += [view.to_json(), seed]
        digest.update(json.dumps(plan).encode())
        digest.update(np.ascontiguousarray(index, dtype=np.int64).tobytes())
        digest.update(cut.net.mean.cpu().numpy().tobytes() + cut.net.std.cpu().numpy().tobytes())
        return digest.hexdigest()

    def _hold(self, key: str, features: Features) -> None:
        self._held[key] = features
        held = sum(f.bytes for f in self._held.values() if not isinstance(f.arrays[0], np.memmap))
        while held > self.ram and len(self._held) > 1:
            _, gone = self._held.popitem(last=False)
            held -= 0 if isinstance(gone.arrays[0], np.memmap) else gone.bytes

    def _make_room(self, size: int, folder: Path) -> None:
        """Delete the longest unused entries until `size` more bytes fit, then make the folder."""
        if size > self.disk:
            raise OSError(f"the bank's limit on disk is {self.disk / 1e9:.1f} GB")
        entries = []
        for path in home.folder("bank").iterdir():
            if path.name.startswith("."):  # being written, or left by a process that was killed
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)
            elif path.is_dir():
                entries.append((path.stat().st_mtime, sum(f.stat().st_size for f in path.iterdir()), path))
        total = sum(e[1] for e in entries)
        for _, bytes_, path in sorted(entries, key=lambda e: e[0]):
            if total + size <= self.disk:
                break
            shutil.rmtree(path, ignore_errors=True)
            total -= bytes_
        folder.mkdir(exist_ok=True)

    def _persist(self, key: str, found: Features, folder: Path) -> Features:
        """Put freshly computed features on disk; a disk that is full costs nothing but the reuse."""
        mapped = isinstance(found.arrays[0], np.memmap)
        if not mapped and not self.disk:
            return found
        place = home.folder("bank") / key
        try:
            if not mapped:
                self._make_room(found.bytes, folder)
                for i, array in enumerate(found.arrays):
                    (folder / f"{i}.bin").write_bytes(array.data)
            meta = {
                "arrays": [[list(a.shape), str(a.dtype), _crc(a)] for a in found.arrays],
                "orders": found.orders,
                "n": found.n,
                "copies": found.copies,
            }
            (folder / "meta.json").write_text(json.dumps(meta))
            shutil.rmtree(place, ignore_errors=True)
            folder.rename(place)
        except OSError:
            if mapped:
                raise
            return found
        return (self._load(key, found.n, found.copies) or found) if mapped else found

    def _load(self, key: str, n: int, copies: int) -> Features | None:
        """What is kept under this key, if every byte of it is as it was written."""
        place = home.folder("bank") / key
        try:
            meta = json.loads((place / "meta.json").read_text())
            if (meta["n"], meta["copies"]) != (n, copies) or not meta["arrays"]:
                raise ValueError
            arrays = []
            total = sum((place / f"{i}.bin").stat().st_size for i in range(len(meta["arrays"])))
            for i, (shape, dtype, crc) in enumerate(meta["arrays"]):
                array: Array = np.memmap(place / f"{i}.bin", mode="r", dtype=dtype).reshape(shape)
                if total <= self.ram:
                    array = np.array(array)
                if _crc(array) != crc:
                    raise ValueError
                arrays.append(array)
            orders = tuple(tuple(order) for order in meta["orders"])
            if [sorted(order) for order in orders] != [list(range(a.ndim)) for a in arrays]:
                raise ValueError
            os.utime(place)
            return Features(tuple(arrays), orders, n, copies, 0.0)
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(place, ignore_errors=True)  # incomplete or missing: it is computed again
            return None


def _places(done: int, n: int, total: int, order: np.ndarray | None) -> slice | np.ndarray:
    """Where the next rows go: behind those that are done, or where they stood before they were put in order."""
    if order is None:
        return slice(done, done + n)
    row = np.arange(done, done + n)
    found: np.ndarray = row // total * total + order[row % total]
    return found


def _batches(parts: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """The same rows in pieces of this size; the last has what is left."""
    waiting: Tensor | None = None
    for part in parts:
        waiting = part if waiting is None else torch.cat([waiting, part])
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting is not None and len(waiting):
        yield waiting


def _order(tensor: Tensor) -> tuple[int, ...]:
    """The axes of a tensor as they lie in memory, the widest step first; the pictures stay in front."""
    steps = tensor.stride()
    return (0, *sorted(range(1, tensor.ndim), key=lambda axis: -steps[axis]))


def _allocate(
    crossing: Activations, orders: Sequence[tuple[int, ...]], rows: int, precision: str, folder: Path | None
) -> list[Array]:
    dtype: np.dtype[Any] = np.dtype(np.float16 if precision == "float16" else np.float32)
    shapes = [(rows, *(t.shape[axis] for axis in order[1:])) for t, order in zip(crossing, orders, strict=True)]
    if folder is None:
        return [np.empty(shape, dtype) for shape in shapes]
    return [_mapped(folder / f"{i}.bin", dtype, shape) for i, shape in enumerate(shapes)]


def _mapped(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """A memory map whose blocks are all reserved: a full disk is an OSError now, not a crash later."""
    with path.open("wb") as file:
        size = int(np.prod(shape)) * dtype.itemsize
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    return np.memmap(path, mode="r+", dtype=dtype, shape=shape)


def _as(tensor: Tensor, dtype: np.dtype[np.float32 | np.float16]) -> Array:
    """The tensor as an array of this type; what float16 cannot hold is refused, not made infinite."""
    values = tensor.float().cpu()
    if dtype == np.float16 and float(values.abs().max()) > float(np.finfo(np.float16).max):
        raise CannotSplit("Features kept in float16 must be below 65,504. Some are not; set optim.cache to float32.")
    found: Array = values.numpy().astype(dtype, copy=False)
    return found


def _crc(array: Array) -> int:
    """CRC-32 of the array's bytes, some megabytes at a time."""
    flat, crc = array.reshape(-1).view(np.uint8), 0
    for at in range(0, len(flat), 1 << 24):
        crc = zlib.crc32(np.ascontiguousarray(flat[at : at + (1 << 24)]).data, crc)
    return crc

"""A domain: pictures as one uint8 array, labels, classes, and how they are divided.

Every file of this package makes one; bank, train and the pages read it. No torch here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tltk.data.account import Account
from tltk.data.identity import Origins, contents
from tltk.errors import DataProblem
from tltk.spec import DataSpec

Progress = Callable[[int, int], None]  # called with (done, total) from the thread that loads
Ints = NDArray[np.int64]
Pixels = NDArray[np.uint8]

FREE, TRAIN, VAL, TEST, OUT = -1, 0, 1, 2, 3
PARTS = {TRAIN: "train", VAL: "val", TEST: "test"}


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint, sorted index arrays (int64) into a domain."""

    train: Ints
    val: Ints
    test: Ints


@dataclass(frozen=True, eq=False)
class Domain:
    """Pictures with labels, all of one size.

    `images` is (n, c, h, w) uint8, perhaps a memory map; `labels` (n,) int64, indices into `classes`.
    `given` (n,) int8 says where the data come divided: 0 train, 1 val, 2 test, -1 free. `skipped`
    names the files that could not be used, each with the reason. `fingerprint` is 16 hex digits of
    a hash over pixels, labels and classes. `origins` (n,) uint64 says which example each picture is:
    equal numbers are the same example, also in another domain, however it was resized or corrupted.
    `account` says how folders were understood.
    """

    name: str
    images: Pixels
    labels: Ints
    classes: tuple[str, ...]
    licence: str
    source: str
    fingerprint: str
    origins: Origins
    given: NDArray[np.int8] | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    account: Account = Account()

    @classmethod
    def of(
        cls,
        name: str,
        images: Pixels,
        labels: Ints,
        classes: Sequence[str],
        *,
        licence: str,
        source: str,
        given: NDArray[np.int8] | None = None,
        skipped: Sequence[tuple[str, str]] = (),
        origins: Origins | None = None,
        account: Account | None = None,
    ) -> Domain:
        """The domain of these arrays, checked, with its fingerprint; without origins its pixels tell examples apart.

        Raises:
            DataProblem: No pictures, one class, a class without pictures, classes that differ
                between the parts the data come in, or arrays that do not belong together.
        """
        names = tuple(classes)
        _check_arrays(name, images, labels, names, given)
        if origins is None:
            origins = contents(images.transpose(0, 2, 3, 1))
        if origins.shape != labels.shape or origins.dtype != np.uint64:
            raise DataProblem(
                f"{name} must give one origin, uint64, per picture. Got {origins.dtype} of shape {origins.shape}."
            )
        _check_classes(name, labels, names, given)
        mark = fingerprint(images, labels, names)
        return cls(
            name, images, labels, names, licence, source, mark, origins, given, tuple(skipped), account or Account()
        )

    def split(self, spec: DataSpec, seed: int, among: Ints | None = None) -> Split:
        """Train, val and test, stratified by class; then `spec.shots` per class of train.

        The division depends on `spec.val`, `spec.test` and `spec.seed` only; a division that the
        data came with is kept, and a part that it lacks is taken out of train.

        Args:
            spec: Shares, shots and the seed of the division.
            seed: Seed of the few-shot subset alone.
            among: Positions of the pictures that may be in any part; None = all.

        Raises:
            DataProblem: A class has too few pictures for its parts or for `spec.shots`.
        """
        given = np.full(len(self.labels), FREE, np.int8) if self.given is None else self.given
        if among is not None:
            given = np.where(np.isin(np.arange(len(given)), among), given, OUT)
        shares = [0.0 if (given == p).any() else s for p, s in ((VAL, spec.val), (TEST, spec.test))]
        need = 1 + sum(share > 0 for share in shares)
        pool = np.flatnonzero((given == FREE) | (given == TRAIN))
        counts = np.bincount(self.labels[pool], minlength=len(self.classes))
        if (counts < need).any():
            few = ", ".join(f"{self.classes[c]} ({counts[c]})" for c in np.flatnonzero(counts < need)[:12])
            raise DataProblem(
                f"A class needs at least {need} pictures, one for each part taken out of {self.name}. "
                f"Too few: {few}. Add pictures, raise n, or leave these classes out."
            )
        part = given.copy()
        part[pool] = TRAIN
        for c in range(len(self.classes)):
            order = shuffled(pool[self.labels[pool] == c], spec.seed, c)
            n_val, n_test = _held_out(len(order), shares[0], shares[1])
            part[order[:n_test]] = TEST
            part[order[n_test : n_test + n_val]] = VAL
        train = np.flatnonzero(part == TRAIN)
        if spec.shots:
            train = few_shot(self.labels, train, spec.shots, seed, self.classes)
        return Split(train, np.flatnonzero(part == VAL), np.flatnonzero(part == TEST))


def held_out_origins(domain: Domain, split: Split) -> Origins:
    """The examples that validation and test are made of, sorted, each once."""
    return np.unique(domain.origins[np.concatenate([split.val, split.test])])


def without(domain: Domain, index: Ints, origins: Origins) -> Ints:
    """Those of the positions whose pictures are none of these examples.

    Args:
        domain: That the positions point into.
        index: Positions, such as the training part of a source.
        origins: Examples that must not occur, such as the `held_out_origins` of a target.
    """
    return index[~np.isin(domain.origins[index], origins)]


def _held_out(n: int, val: float, test: float) -> tuple[int, int]:
    """How many of n pictures go to val and test: at least one each, and one is left for train."""
    n_val = max(1, round(n * val)) if val else 0
    n_test = max(1, round(n * test)) if test else 0
    while n_val + n_test >= n:  # shares near the limit on a small class
        n_val, n_test = (n_val - 1, n_test) if n_val > n_test else (n_val, n_test - 1)
    return n_val, n_test


def shuffled(indices: Ints, *seed: int) -> Ints:
    """The indices in an order that the seed decides, the same under every version of NumPy."""
    # Raw PCG64 words are fixed by NumPy's promise; Generator.permutation's stream is not.
    keys = np.random.PCG64(seed).random_raw(len(indices))
    return indices[np.argsort(keys, kind="stable")]


def few_shot(labels: Ints, candidates: Ints, shots: int, seed: int, classes: Sequence[str] = ()) -> Ints:
    """`shots` of the candidates for every class; a smaller set lies within a larger one.

    Args:
        labels: (n,) class of every picture.
        candidates: Indices that may be taken.
        shots: Pictures per class, at least 1.
        seed: The same seed gives nested sets.
        classes: Names for the error sentence.

    Returns:
        Sorted indices, `shots` for each class that occurs in `labels`.

    Raises:
        DataProblem: A class has fewer candidates than `shots`; the sentence names it.
    """
    if shots < 1:
        raise DataProblem(f"A few-shot set needs at least 1 picture per class. Got shots = {shots}.")
    mine = labels[candidates]
    groups = {int(c): candidates[mine == c] for c in np.unique(labels)}
    few = [f"{classes[c] if classes else c} ({len(g)})" for c, g in groups.items() if len(g) < shots]
    if few:
        raise DataProblem(
            f"Every class must have at least {shots} training pictures for shots = {shots}. "
            f"Too few: {', '.join(few[:12])}. Lower shots, val or test, or add pictures."
        )
    chosen = [shuffled(np.sort(group), seed, c)[:shots] for c, group in groups.items()]
    return np.sort(np.concatenate(chosen))


def keep(labels: Ints, n: int, seed: int, what: str, given: NDArray[np.int8] | None = None) -> Ints:
    """n indices (0 = all), every class and part keeping its share; smaller sets lie in larger ones.

    Raises:
        DataProblem: There are fewer than n.
    """
    if n > len(labels):
        raise DataProblem(
            f"{what} has {len(labels):,} pictures. Got n = {n:,}; lower n, or set it to 0 for all."
        )
    if not n:
        return np.arange(len(labels))
    groups = labels * 4 + (0 if given is None else given.astype(np.int64) + 1)
    place = np.empty(len(labels))
    for group in np.unique(groups):
        members = shuffled(np.flatnonzero(groups == group), seed, int(group))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(np.lexsort((groups, place))[:n])


def path_of(argument: str) -> Path:
    """The absolute path that a user wrote after `folder:`, `archive:` or `npz:`; it may not exist.

    Blanks around it belong to it where something of that name is there.

    Raises:
        DataProblem: Not a path that this machine can look up: too long, no such user, not permitted.
    """
    try:
        path = Path(argument).expanduser().absolute()
        if not path.exists():
            path = Path(argument.strip()).expanduser().absolute()
            path.exists()
    except (OSError, RuntimeError, ValueError) as fault:
        raise DataProblem(
            f"A path must be one that can be looked up here. Got {argument[:200]!r}: {_plain(fault)}. Check it."
        ) from None
    return path


def _plain(fault: Exception) -> str:
    """What is wrong, without the path, which may be thousands of letters long."""
    return str(getattr(fault, "strerror", None) or fault)


def fingerprint(images: Pixels, labels: Ints, classes: Sequence[str]) -> str:
    """16 hex digits over pixels, labels and classes; a memory map is read in pieces."""
    mark = hashlib.blake2b(repr((images.shape, tuple(classes))).encode(), digest_size=8)
    mark.update(np.ascontiguousarray(labels, np.int64).data)
    step = max(1, 2**24 // max(1, images[:1].size))
    for start in range(0, len(images), step):
        mark.update(np.ascontiguousarray(images[start : start + step]).data)
    return mark.hexdigest()


def _check_arrays(
    name: str, images: Pixels, labels: Ints, classes: tuple[str, ...], given: NDArray[np.int8] | None
) -> None:
    if images.ndim != 4 or images.dtype != np.uint8 or labels.dtype != np.int64:
        raise DataProblem(
            f"{name} must give uint8 pictures of shape (n, c, h, w) and int64 labels. Got "
            f"{images.dtype} of shape {images.shape} and {labels.dtype} labels."
        )
    if labels.shape != images.shape[:1] or (given is not None and given.shape != labels.shape):
        raise DataProblem(f"{name} must have one label per picture. Got {len(images)} and {labels.shape}.")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise DataProblem(
            f"Labels of {name} must lie between 0 and {len(classes) - 1}. "
            f"Got {labels.min()} to {labels.max()}."
        )
    if given is not None and len(given) and not -1 <= given.min() <= given.max() <= 2:
        raise DataProblem(f"Parts of {name} must be -1, 0, 1 or 2. Got {sorted(set(given.tolist()))}.")


def _check_classes(
    name: str, labels: Ints, classes: tuple[str, ...], given: NDArray[np.int8] | None
) -> None:
    if not len(labels):
        raise DataProblem(f"{name} must hold pictures. It has none that can be used.")
    if len(classes) < 2:
        raise DataProblem(
            f"{name} must have at least two classes. Got one, {classes[0]!r}; put the pictures of each "
            f"class in a folder or under a label of its own."
        )
    parts = {"": np.ones(len(labels), bool)} if given is None else {
        f" in {PARTS.get(p, 'the undivided')} part": given == p for p in sorted(set(given.tolist()))
    }
    for where, mask in parts.items():
        counts = np.bincount(labels[mask], minlength=len(classes))
        missing = [classes[c] for c in np.flatnonzero(counts == 0)]
        if missing:
            raise DataProblem(
                f"Every class of {name} must have pictures{where}. None for: {', '.join(missing[:12])}"
                f"{' …' if len(missing) > 12 else ''}. Add some, raise n, or leave the class out."
            )

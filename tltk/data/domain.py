"""A domain: pictures as one uint8 array, labels, classes, and how they are divided.

Every file of this package makes one; bank, train and the pages read it. No torch here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import mmap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tltk.data.account import Account
from tltk.data.attributes import Attribute, check_attributes, derived_attributes
from tltk.data.division import bundles, count_bundles, deal, fewest, shuffle
from tltk.data.files import Files
from tltk.data.identity import Origins, Sketches, content_hashes, find_copies, find_near_copies
from tltk.data.modality import Modality
from tltk.data.parts import FREE, OUT, PARTS, TEST, TRAIN, VAL
from tltk.data.pictures import PICTURES
from tltk.data.rows import KIND as TABLE
from tltk.data.rows import ROWS
from tltk.data.texts import KIND as TEXT
from tltk.data.texts import TEXTS
from tltk.errors import DataProblem
from tltk.specs.nouns import NOUNS
from tltk.specs.parts import DataSpec

PIECE_BYTES = 2**24  # of pictures that are looked at at a time
Progress = Callable[[int, int], None]  # called with (done, total) from the thread that loads
Ints = NDArray[np.int64]
Pixels = NDArray[np.uint8]
_MODALITIES: Mapping[str, Modality] = {TEXT: TEXTS, TABLE: ROWS}
_PARTS_NEED = "one to train on and one for each part that is held out"


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint, sorted index arrays (int64) into a domain."""

    train: Ints
    val: Ints
    test: Ints


@dataclass(frozen=True)
class Reading:
    """What reading the pictures did to them.

    Attributes:
        cropped: Share of a picture, on average, that lay outside the part that was kept of it.
        flat: How many pictures are of one tone.
        notes: Sentences on the rest: how values became pixels, which arrays were left out.
        clashes: Names of pictures that are copies of each other under two labels, some of them.
        empty: Share of what is read, on average, that a picture padded leaves empty.
        stretched: By which factor, on average, one side of a picture that was squashed grew more than the other.
    """

    cropped: float = 0.0
    flat: int = 0
    notes: tuple[str, ...] = ()
    clashes: tuple[tuple[str, str], ...] = ()
    empty: float = 0.0
    stretched: float = 1.0


@dataclass(frozen=True, eq=False)
class Domain:
    """Pictures with labels, all of one size.

    `images` is (n, c, h, w) uint8, perhaps a memory map; `labels` (n,) int64, indices into `classes`.
    `given` (n,) int8 says where the data come divided: 0 train, 1 val, 2 test, -1 free. `skipped`
    names the files that could not be used, each with the reason. `fingerprint` is 16 hex digits of
    a hash over pixels, labels and classes. `origins` (n,) uint64 says which example each picture is:
    equal numbers are the same example, also in another domain, however it was resized or corrupted.
    `account` says how folders were understood.
    `twins` (n,) int64 is the position of the first picture of which each is a copy or nearly one, its
    own for most. `sketches` are what near copies are found by in another domain; None for pictures that are drawn
    here, of which there are none. `attributes` are what is known of each picture beside its class, by name.
    `files` are the names of the files, what a table says of them, and which belong together. `kind` is pictures,
    text or table; texts are their bytes, (n, 1, 4, size): see `tltk.data.texts`; rows of a table are the bytes of their
    numbers, (n, 1, 8, size), of which `columns` are the names: see `tltk.data.rows`. `noun` is what examples are
    called: pictures, sounds (of which `images` are the spectrograms), texts or rows.
    """

    name: str
    images: Pixels
    labels: Ints
    classes: tuple[str, ...]
    licence: str
    source: str
    fingerprint: str
    origins: Origins
    twins: Ints
    given: NDArray[np.int8] | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    account: Account = Account()
    reading: Reading = Reading()
    sketches: Sketches | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    files: Files = Files()
    kind: str = "pictures"
    columns: tuple[str, ...] = ()
    noun: str = "pictures"

    @property
    def modality(self) -> Modality:
        """How its examples become tensors, are augmented and shown."""
        return _MODALITIES.get(self.kind, PICTURES)

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
        twins: Ints | None = None,
        reading: Reading | None = None,
        sketches: Sketches | None = None,
        attributes: Mapping[str, Attribute] | None = None,
        files: Files | None = None,
        kind: str = "pictures",
        columns: Sequence[str] = (),
    ) -> Domain:
        """The domain of these arrays, checked, with its fingerprint.

        Without `origins`, pixels tell examples apart; without `twins`, equal origins alone are copies. What follows
        from the names of the classes, as parity does, need not be among the attributes.

        Args:
            name: As specs name it; error sentences begin with it.
            images: (n, c, h, w) uint8; may be a memory map.
            labels: (n,) int64 in 0 … len(classes) − 1.
            classes: Names of the classes, by label.
            licence: Of the pictures, for cards and reports.
            source: Where the pictures come from, in words.
            given: (n,) int8, the part that each picture comes in (`FREE`, `TRAIN`, `VAL`, `TEST`); None =
                undivided.
            skipped: (path, reason) of each file that was left out.
            origins: (n,) uint64, equal for pictures of one example.
            account: How files were understood; None = nothing to say.
            twins: (n,) position of the first picture of which each is a copy, at most its own.
            reading: What decoding did to the pictures.
            sketches: What near copies in other domains are found by.
            attributes: What else is known of each picture, by name.
            files: Names of the files, and the columns of a table; None = there are none.
            kind: pictures, text or table.
            columns: Of a table, the names of the numbers of each row.

        Raises:
            DataProblem: No pictures, one class, a class without pictures, classes that differ
                between the parts the data come in, or arrays that do not belong together.
        """
        names = tuple(classes)
        _check_arrays(name, images, labels, names, given)
        if origins is None:
            origins = content_hashes(images.transpose(0, 2, 3, 1))
        if origins.shape != labels.shape or origins.dtype != np.uint64:
            raise DataProblem(
                f"{name} must give one origin, uint64, per picture. Got {origins.dtype} of shape {origins.shape}."
            )
        twins = find_copies(origins) if twins is None else twins
        if twins.shape != labels.shape or not ((twins >= 0) & (twins <= np.arange(len(twins)))).all():
            raise DataProblem(f"Twins of {name} must point to pictures that come earlier, or to themselves.")
        check_classes(name, labels, names, given)
        attributes = {**derived_attributes(labels, names), **(attributes or {})}
        check_attributes(name, attributes, len(labels))
        mark = fingerprint(images, labels, names)
        return cls(
            name,
            images,
            labels,
            names,
            licence,
            source,
            mark,
            origins,
            twins,
            given,
            tuple(skipped),
            account or Account(),
            reading or Reading(),
            sketches,
            attributes,
            files or Files(),
            kind,
            tuple(columns),
            NOUNS[kind],
        )

    def groups(self, spec: DataSpec) -> Attribute | None:
        """The group of each picture, by name; None where nothing says which belong together.

        Args:
            spec: Its `group_by` says how they are told.

        Raises:
            DataProblem, UnknownName: They cannot be told so.
        """
        return self.files.groups(spec.group_by, self.name)

    def split(self, spec: DataSpec, seed: int, among: Ints | None = None) -> Split:
        """Train, val and test, stratified by class; then `spec.shots` per class of train.

        The division depends on shares, seed, groups and folds of the spec only; a division that the data came with is
        kept, and a part that it lacks is taken out of train. Copies of a picture, and pictures of one group, go to one
        part together. Of `spec.folds` one is the test, and all of them cover every picture once; the parts that the
        data came in are then put together, and the validation part is taken out of the other folds.

        Args:
            spec: Shares, shots, groups, folds and the seed of the division.
            seed: Seed of the few-shot subset alone.
            among: Positions of the pictures that may be in any part; None = all.

        Raises:
            DataProblem: A class has too few pictures or groups for its parts or for `spec.shots`.
            UnknownName: Groups by a column that there is not.
        """
        given = np.full(len(self.labels), FREE, np.int8) if self.given is None else self.given
        if among is not None:
            given = np.where(np.isin(np.arange(len(given)), among), given, OUT)
        groups = self.groups(spec)
        if spec.folds:
            part = self._part_by_fold(spec, given, groups)
        elif groups is not None:
            part = self._part_by_group(spec, given, groups)
        else:
            part = self._part_by_class(spec, given)
        train = np.flatnonzero(part == TRAIN)
        if spec.shots:
            train = few_shot(self.labels, train, spec.shots, seed, self.classes, self.noun)
        return Split(train, np.flatnonzero(part == VAL), np.flatnonzero(part == TEST))

    def _part_by_class(self, spec: DataSpec, given: NDArray[np.int8]) -> NDArray[np.int8]:
        """(n,) part of each picture, class by class; copies alone belong together."""
        shares = [0.0 if (given == p).any() else s for p, s in ((VAL, spec.val), (TEST, spec.test))]
        need = 1 + sum(share > 0 for share in shares)
        pool = np.flatnonzero((given == FREE) | (given == TRAIN))
        counts = np.bincount(self.labels[pool], minlength=len(self.classes))
        if (counts < need).any():
            raise _too_few(self, need, counts, "")
        part = given.copy()
        part[pool] = FREE
        copies = _copies(self.twins, pool)
        for c in range(len(self.classes)):
            order = shuffle(pool[self.labels[pool] == c], spec.seed, c)
            n_val, n_test = _count_held_out(len(order), shares[0], shares[1])
            if copies:
                _divide(part, order, {TEST: n_test, VAL: n_val}, self.twins, copies)
            else:
                part[order[:n_test]] = TEST
                part[order[n_test : n_test + n_val]] = VAL
        part[pool[part[pool] == FREE]] = TRAIN
        if copies:
            _check_division(self, part, pool, [TRAIN] + [p for p, s in zip((VAL, TEST), shares, strict=True) if s])
        return part

    def _part_by_group(self, spec: DataSpec, given: NDArray[np.int8], groups: Attribute) -> NDArray[np.int8]:
        """(n,) part of each picture; pictures of one group belong together, as far as the data come undivided."""
        held = {p: share for p, share in ((VAL, spec.val), (TEST, spec.test)) if not (given == p).any()}
        shares = {TRAIN: 1 - sum(held.values()), **held}
        pool = np.flatnonzero((given == FREE) | (given == TRAIN))
        bundle = bundles(self.twins, groups.numbers)[pool]
        self._check_bundles(pool, bundle, fewest(0, len(shares)), "groups", _PARTS_NEED)
        part = given.copy()
        parts = np.array(list(shares), np.int8)
        part[pool] = parts[deal(self.labels[pool], bundle, list(shares.values()), spec.seed)]
        self._check_parts(part, pool, list(shares), "groups")
        return part

    def _part_by_fold(self, spec: DataSpec, given: NDArray[np.int8], groups: Attribute | None) -> NDArray[np.int8]:
        """(n,) part of each picture: one fold is the test, the others train and validate."""
        what = self.noun if groups is None else "groups"
        pool = np.flatnonzero(given != OUT)
        bundle = bundles(self.twins, None if groups is None else groups.numbers)
        need, seed = fewest(spec.folds, 0), (spec.seed, spec.folds, spec.repeat)
        self._check_bundles(pool, bundle[pool], need, what, f"to be in each of {spec.folds} folds")
        fold = deal(self.labels[pool], bundle[pool], [1 / spec.folds] * spec.folds, *seed)
        part = np.full(len(given), OUT, np.int8)
        part[pool[fold == spec.fold - 1]] = TEST
        rest = pool[fold != spec.fold - 1]
        shares = [1 - spec.val, spec.val]
        part[rest] = deal(self.labels[rest], bundle[rest], shares, *seed, spec.fold)  # TRAIN, VAL
        self._check_parts(part, pool, [TRAIN, VAL, TEST], what)
        return part

    def _check_bundles(self, pool: Ints, bundle: Ints, need: int, what: str, why: str) -> None:
        """Refuse classes with too few pictures, or too few groups, to be in every part."""
        counts = count_bundles(self.labels[pool], bundle, len(self.classes))
        if (counts < need).any():
            few = ", ".join(f"{self.classes[c]} ({counts[c]})" for c in np.flatnonzero(counts < need)[:12])
            raise DataProblem(
                f"Each class of {self.name} needs at least {need} different {what}, {why}. Too few: {few}. Add "
                f"{self.noun}, leave these classes out, or ask for fewer folds or smaller groups."
            )

    def _check_parts(self, part: NDArray[np.int8], pool: Ints, parts: list[int], what: str) -> None:
        """Refuse a division of which a part lacks a class: too few pictures, or groups that share their classes."""
        for p in parts:
            counts = np.bincount(self.labels[pool[part[pool] == p]], minlength=len(self.classes))
            if not counts.all():
                lost = ", ".join(self.classes[c] for c in np.flatnonzero(counts == 0)[:12])
                raise DataProblem(
                    f"Every part of {self.name} must hold every class, with {what} kept whole. The {PARTS[p]} part "
                    f"would lack {lost}. Ask for fewer folds, another seed or smaller groups, or leave these out."
                )


def link_copies(domain: Domain, other: Domain) -> tuple[Domain, Domain]:
    """Both, with one origin for a picture and all its near copies, on whichever side they lie.

    What was saved again, smaller or coarser, has other bytes and so another origin, and is the same example all the
    same. Where one of the two was drawn here, both come back as they are.
    """
    if domain.sketches is None or other.sketches is None:
        return domain, other
    numbers = {name: i for i, name in enumerate(dict.fromkeys((*domain.classes, *other.classes)))}
    both = (domain, other)
    origins = np.concatenate([d.origins for d in both])
    twins = find_near_copies(
        origins,
        np.concatenate([d.sketches.prints for d in both if d.sketches]),
        np.concatenate([np.array([numbers[name] for name in d.classes], np.int64)[d.labels] for d in both]),
        np.concatenate([d.sketches.thumbs for d in both if d.sketches]),
    )
    n, first = len(domain.origins), origins[twins]
    return dataclasses.replace(domain, origins=first[:n]), dataclasses.replace(other, origins=first[n:])


def held_out_origins(domain: Domain, split: Split) -> Origins:
    """The examples that validation and test are made of, sorted, each once."""
    return np.unique(domain.origins[np.concatenate([split.val, split.test])])


def exclude_examples(domain: Domain, index: Ints, origins: Origins) -> Ints:
    """Those of the positions whose pictures are none of these examples.

    Args:
        domain: That the positions point into.
        index: Positions, such as the training part of a source.
        origins: Examples that must not occur, such as the `held_out_origins` of a target.
    """
    return index[~np.isin(domain.origins[index], origins)]


def _copies(twins: Ints, pool: Ints) -> dict[int, Ints]:
    """Twin → the positions in the pool that are copies of each other, where there are two or more."""
    order = pool[np.argsort(twins[pool], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(twins[order])) + 1)
    return {int(twins[group[0]]): group for group in groups if len(group) > 1}


def _divide(part: NDArray[np.int8], order: Ints, wanted: dict[int, int], twins: Ints, copies: dict[int, Ints]) -> None:
    """Give the pictures of a class their parts, copies together, also those in other classes.

    Without copies this is what taking so many from the front of `order` would be.

    Args:
        part: (n,) written to; `FREE` where nothing was decided yet.
        order: Positions of the class, shuffled.
        wanted: Part → how many, in the order in which they are filled.
        twins: As in `Domain`.
        copies: Twin → all positions of its copies that are given a part.
    """
    groups: dict[int, list[int]] = {}
    for i in order[part[order] == FREE].tolist():
        groups.setdefault(int(twins[i]), []).append(i)
    have = {p: int((part[order] == p).sum()) for p in (TRAIN, VAL, TEST)}

    def give(group: int, p: int) -> None:
        mine = groups.pop(group)
        have[p] += len(mine)
        part[copies.get(group, mine)] = p

    for p, want in wanted.items():
        behind = [q for q in wanted if q < p and wanted[q]] + [TRAIN]  # the parts that are filled later
        spare = sum(not have[q] for q in behind)
        for group in list(groups):
            if have[p] == want or len(groups) <= spare:
                break
            if have[p] + len(groups[group]) <= want:
                give(group, p)
        if want and not have[p] and groups:
            give(min(groups, key=lambda g: len(groups[g])), p)
    for group in list(groups):
        give(group, TRAIN)


def _check_division(domain: Domain, part: NDArray[np.int8], pool: Ints, parts: list[int]) -> None:
    """Every class has pictures in each of the parts, though copies stay together."""
    missing = np.zeros(len(domain.classes), bool)
    for p in parts:
        missing |= np.bincount(domain.labels[part == p], minlength=len(missing)) == 0
    if missing.any():
        first = [set(domain.twins[pool[domain.labels[pool] == c]].tolist()) for c in range(len(missing))]
        classes_of = Counter(twin for twins in first for twin in twins)
        own = [sum(classes_of[twin] == 1 for twin in twins) for twins in first]
        raise _too_few(domain, len(parts), np.where(missing, own, len(parts)), "different ")


def _too_few(domain: Domain, need: int, counts: NDArray[Any], kind: str) -> DataProblem:
    few = [f"{domain.classes[c]} ({counts[c]})" for c in np.flatnonzero(counts < need)[:12]]
    return DataProblem(
        f"Each class of {domain.name} needs at least {need} {kind}{domain.noun}, one to train on and one for each part "
        f"that is held out{' (copies go to one part together)' if kind else ''}. "
        f"Too few: {', '.join(few)}. Add {domain.noun}, raise n, or leave these classes out."
    )


def _count_held_out(n: int, val: float, test: float) -> tuple[int, int]:
    """How many of n pictures go to val and test: at least one each, and one is left for train."""
    n_val = max(1, round(n * val)) if val else 0
    n_test = max(1, round(n * test)) if test else 0
    while n_val + n_test >= n:  # shares near the limit on a small class
        n_val, n_test = (n_val - 1, n_test) if n_val > n_test else (n_val, n_test - 1)
    return n_val, n_test


def few_shot(
    labels: Ints, candidates: Ints, shots: int, seed: int, classes: Sequence[str] = (), noun: str = "pictures"
) -> Ints:
    """`shots` of the candidates for every class; a smaller set lies within a larger one.

    Args:
        labels: (n,) class of every picture.
        candidates: Indices that may be taken.
        shots: Pictures per class, at least 1.
        seed: The same seed gives nested sets.
        classes: Names for the error sentence.
        noun: What the examples are called in it.

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
            f"Every class must have at least {shots} training {noun} for shots = {shots}. "
            f"Too few: {', '.join(few[:12])}. Lower shots, val or test, or add {noun}."
        )
    chosen = [shuffle(np.sort(group), seed, c)[:shots] for c, group in groups.items()]
    return np.sort(np.concatenate(chosen))


def subsample(labels: Ints, n: int, seed: int, what: str, given: NDArray[np.int8] | None = None) -> Ints:
    """n indices (0 = all), every class and part keeping its share; smaller sets lie in larger ones.

    Args:
        labels: (N,) int64.
        n: How many to keep, 0 … N; 0 = all.
        seed: Decides which.
        what: The domain as error sentences name it.
        given: (N,) part of each picture, from −1 (undivided) to 2; None = one part.

    Raises:
        DataProblem: There are fewer than n.
    """
    if n > len(labels):
        raise DataProblem(f"{what} has {len(labels):,} examples. Got n = {n:,}; lower n, or set it to 0 for all.")
    if not n:
        return np.arange(len(labels))
    groups = labels * 4 + (0 if given is None else given.astype(np.int64) + 1)
    place = np.empty(len(labels))
    for group in np.unique(groups):
        members = shuffle(np.flatnonzero(groups == group), seed, int(group))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(np.lexsort((groups, place))[:n])


def argument_path(argument: str) -> Path:
    """The absolute path that a user wrote after `folder:`, `archive:`, `csv:`, `npz:` or `sound:`; it may not exist.

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
    """16 hex digits over pixels, labels and classes; a memory map is read in pieces.

    Args:
        images: (n, c, h, w) uint8.
        labels: (n,) int64.
        classes: Names by label; their order counts.
    """
    mark = hashlib.blake2b(repr((images.shape, tuple(classes))).encode(), digest_size=8)
    mark.update(np.ascontiguousarray(labels, np.int64).data)
    for piece in _bytes_of(images):
        mark.update(piece)
    return mark.hexdigest()


def _bytes_of(images: Pixels) -> Iterator[memoryview]:
    """The bytes of the pictures in order, some at a time.

    Those of a kept file, just opened, are read from the file: what is looked at through a map counts as memory of this
    process until another needs it.
    """
    if isinstance(images, np.memmap) and isinstance(images.base, mmap.mmap) and images.mode == "c":
        buffer = memoryview(bytearray(PIECE_BYTES))
        with open(images.filename, "rb", buffering=0) as file:
            file.seek(images.offset)
            left = images.nbytes
            while left and (n := file.readinto(buffer[: min(left, PIECE_BYTES)])):
                yield buffer[:n]
                left -= n
        return
    step = max(1, PIECE_BYTES // max(1, images[:1].size))
    for start in range(0, len(images), step):
        yield np.ascontiguousarray(images[start : start + step]).data


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
            f"Labels of {name} must lie between 0 and {len(classes) - 1}. Got {labels.min()} to {labels.max()}."
        )
    if given is not None and len(given) and not -1 <= given.min() <= given.max() <= 2:
        raise DataProblem(f"Parts of {name} must be -1, 0, 1 or 2. Got {sorted(set(given.tolist()))}.")


def check_classes(name: str, labels: Ints, classes: tuple[str, ...], given: NDArray[np.int8] | None) -> None:
    """Refuse what no classifier can be trained on: no pictures, one class, a part without one of the classes.

    Args:
        name: The domain as error sentences name it.
        labels: (n,) int64 in 0 … len(classes) − 1.
        classes: Names by label.
        given: (n,) part of each picture; None = undivided.

    Raises:
        DataProblem: One of these; the sentence names the classes and the part.
    """
    if not len(labels):
        raise DataProblem(f"{name} must hold pictures. It has none that can be used.")
    if len(classes) < 2:
        raise DataProblem(
            f"{name} must have at least two classes. Got one, {classes[0]!r}; put the pictures of each "
            f"class in a folder or under a label of its own."
        )
    parts = (
        {"": np.ones(len(labels), bool)}
        if given is None
        else {f" in {PARTS.get(p, 'the undivided')} part": given == p for p in sorted(set(given.tolist()))}
    )
    for where, mask in parts.items():
        counts = np.bincount(labels[mask], minlength=len(classes))
        missing = [classes[c] for c in np.flatnonzero(counts == 0)]
        if missing:
            raise DataProblem(
                f"Every class of {name} must have pictures{where}. None for: {', '.join(missing[:12])}"
                f"{' …' if len(missing) > 12 else ''}. Add some, raise n, or leave the class out."
            )

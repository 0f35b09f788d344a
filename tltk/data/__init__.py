"""Domains by name: `digits`, `folder:PATH`, `shapes:hue=0.2`, `digits~fog:3` … as arrays, made once and kept.

A file of `sources/` is a domain: it has `load(spec, argument, progress)`; where it reads a path,
`source_version(argument)`, which changes when the files there change; where it has settings, `check(argument)`, which
returns them in one spelling; where it reads files, `survey(argument, group_by)`, which says how they are understood
without reading pictures; where its name tells its classes, `class_names(argument)`; where it knows more of its pictures
than their class, `attribute_names(argument)`; where its examples are heard, `sounds(spec, argument, domain, index)`;
where they are texts or rows, `MODALITY`. `drawing/` is what drawn domains share, `audio/` what those of sounds do, the
modules beside them what all share. Above: training, analyses, pages.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from tltk import home
from tltk.data.account import Account
from tltk.data.attributes import PARITY, Attribute
from tltk.data.audio.files import Sound
from tltk.data.corrupt import Corruption
from tltk.data.corrupt import corrupt as apply  # `tltk.data.corrupt` is the module
from tltk.data.corrupt import split as split_suffix
from tltk.data.domain import Domain, Progress, Reading, Split, argument_path, few_shot
from tltk.data.files import Files, groups_of
from tltk.data.fit import CROP
from tltk.data.identity import FINE, Sketches
from tltk.data.layout import check_sizes
from tltk.data.names import escape_name
from tltk.errors import BadSpec, DataProblem, TltkError
from tltk.registry import Registry
from tltk.specs import nouns
from tltk.specs.nouns import NOUNS, PICTURES, SOUNDS, refusing
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.size import in_pixels

__all__ = [
    "Corruption",
    "Domain",
    "Split",
    "attribute_names",
    "check",
    "class_names",
    "corruption",
    "domains",
    "family",
    "few_shot",
    "load",
    "modality_of",
    "source_version",
    "parse",
]

Loader = Callable[[DataSpec, str, Progress | None], Domain]

domains: Registry[Loader] = Registry("domain", "tltk.data.sources", lambda name: "load", group="tltk.domains")

FORMAT = 9  # raise it when the same spec gives other arrays than before: what is kept is then made again
STALE_SECONDS = 24 * 3600  # seconds after which a temporary folder belongs to a process that was killed

_log = logging.getLogger(__name__)


class _Meta(msgspec.Struct, forbid_unknown_fields=True):
    """What lies beside the pixels, as `meta.json`."""

    labels: list[int]
    classes: list[str]
    licence: str
    source: str
    fingerprint: str
    given: list[int] | None
    skipped: list[tuple[str, str]]
    origins: list[int]
    account: Account
    twins: list[int]
    reading: Reading
    sketched: bool
    attributes: dict[str, tuple[list[str], list[int]]]  # name → names of the values, number of each picture
    names: list[str] = []  # of the files
    columns: dict[str, tuple[list[str], list[int]]] = {}  # of a table, as the attributes
    group: str = ""
    kind: str = "pictures"
    numbers: list[str] = []  # names of the numbers of a row


def split(name: str) -> tuple[str, Corruption | None]:
    """A domain's name without its corruption, and the corruption; a path that exists as it stands has none.

    Raises:
        UnknownName, BadSpec: No such corruption or severity.
    """
    kind, _, argument = name.partition(":")
    if "~" in argument and kind in domains and _function(kind, "source_version") is not None:
        with contextlib.suppress(DataProblem):
            if argument_path(argument).exists():
                return name, None
    return split_suffix(name)


def parse(name: str) -> tuple[str, str]:
    """The domain and its argument: `folder:PATH` → ("folder", "PATH"), `digits` → ("digits", "").

    Settings come back in one spelling, and without the corruption that may follow: `shapes:hue=.50~fog:3` →
    ("shapes", "hue=0.5").

    Raises:
        UnknownName: No such domain, setting or corruption.
        BadSpec: A path where none belongs, none where one must be, or a value out of range.
    """
    if any("\ud800" <= c <= "\udfff" for c in name):
        raise BadSpec(
            f"The name of a domain must be UTF-8 text. Got '{escape_name(name)}'; rename the folder, or put a "
            "link with "
            f"another name beside it."
        )
    name, how = split(name)
    kind, colon, argument = name.partition(":")
    if kind not in domains and not colon and any(mark in name for mark in "/\\."):
        raise BadSpec(
            f"A domain must be a name, or folder:PATH, archive:PATH, csv:PATH, npz:PATH, sound:PATH, text:PATH or "
            f"table:PATH. Got {name!r}; write one of these before the path."
        )
    module = importlib.import_module(domains[kind].__module__)  # or the sentence for an unknown name
    if how is not None and getattr(module, "MODALITY", "pictures") != "pictures":
        raise BadSpec(f"Corruptions are of pictures. {kind} holds none; leave out ~{how.name}:{how.severity}.")
    if (check := _function(kind, "check")) is not None:
        return kind, check(argument)
    if _function(kind, "source_version") is None and (colon or argument):
        raise BadSpec(f"The domain {kind} takes no path. Got {name!r}; write {kind!r}.")
    if _function(kind, "source_version") is not None and not argument.strip():
        raise BadSpec(f"The domain {kind} needs a path. Got {name!r}; write {kind}:PATH.")
    return kind, argument


def check(spec: DataSpec) -> tuple[str, ...]:
    """Refuse pictures that cannot be meant, so far as names tell it: nothing is decoded, torch is not needed.

    Returns:
        The names of the classes; none where only pictures or their number tell them.

    Raises:
        UnknownName, BadSpec: The name means nothing.
        DataProblem: Nothing is there, or folders that are no classes, parts that differ, classes that are too small.
    """
    kind, argument = parse(spec.name)
    _check_width(spec)
    survey = getattr(importlib.import_module(domains[kind].__module__), "survey", None)
    if survey is None:
        source_version(spec.name)  # that something is there
        if _function(kind, "source_version") is None:  # drawn here
            groups_of((), {}, spec.group_by, "", spec.name)
        names = class_names(spec.name)
        return names if not 0 < spec.n < len(names) else ()
    with refusing(noun_of(spec.name)):
        if (found := survey(argument, spec.group_by)) is not None:
            check_sizes(found, spec)
    return () if found is None else tuple(found.classes)


def family(name: str) -> str:
    """What a domain's examples come from: only domains of one family may hold the same ones.

    Digits, plain and blended, are one family, files another; a drawn domain is its own. A corruption changes
    pixels, not examples.
    """
    kind, argument = parse(name)
    if (of := _function(kind, "family")) is not None:
        return of(argument)
    if _function(kind, "source_version") is not None:
        return "files"
    found: str = getattr(importlib.import_module(domains[kind].__module__), "FAMILY", kind)
    return found


def sounds(spec: DataSpec, domain: Domain, index: Sequence[int]) -> list[Sound]:
    """Some examples of a domain to be listened to; none where it holds pictures, or was corrupted as pictures.

    Args:
        spec: Of the domain.
        domain: As `load` gave it.
        index: Positions in it.

    Raises:
        DataProblem: A file that has changed since it was read.
    """
    kind, argument = parse(spec.name)
    play = getattr(importlib.import_module(domains[kind].__module__), "sounds", None)
    if play is None or corruption(spec.name) is not None:
        return []
    found: list[Sound] = play(spec, argument, domain, index)
    return found


def modality_of(name: str) -> str:
    """What a domain's examples are, so far as its name tells: pictures, text or table.

    Raises:
        UnknownName, BadSpec: The name means nothing.
    """
    kind, argument = parse(name)
    if (of := _function(kind, "modality_of")) is not None:  # of one that is made of another
        return of(argument)
    found: str = getattr(importlib.import_module(domains[kind].__module__), "MODALITY", "pictures")
    return found


class Learns(Protocol):
    """A training, or a study of trainings: a network and what it learns."""

    @property
    def target(self) -> DataSpec: ...

    @property
    def net(self) -> NetSpec: ...


def noun_of(name: str, backbone: str = "") -> str:
    """What a domain's examples are called, so far as its name tells: pictures, sounds, texts or rows.

    Args:
        name: Of the domain; of one that means nothing they are what the network reads.
        backbone: Name of the network that reads them; "" = one of pictures.
    """
    reads = nouns.noun_of(backbone) if backbone else PICTURES
    if reads != PICTURES:
        return reads
    try:
        kind, argument = parse(name)
        if (of := _function(kind, "noun_of")) is not None:  # of one that is made of another
            return of(argument)
        return SOUNDS if _function(kind, "sounds") is not None else NOUNS.get(modality_of(name), PICTURES)
    except TltkError:
        return PICTURES


def noun_learned(spec: Learns) -> str:
    """What the examples of a training, or of a study of trainings, are called: pictures, sounds, texts or rows.

    Args:
        spec: Its target and its network tell.
    """
    return noun_of(spec.target.name, spec.net.backbone)


def class_names(name: str) -> tuple[str, ...]:
    """The classes of a domain that is drawn here, which its name tells; none of files, for which see `check`."""
    kind, argument = parse(name)
    names = getattr(importlib.import_module(domains[kind].__module__), "class_names", None)
    found: tuple[str, ...] = () if names is None else names(argument)
    return found


def attribute_names(name: str) -> tuple[str, ...]:
    """What a domain may know of its pictures beside the class, so far as its name tells.

    Of files it is parity alone, which they have where their classes are numbers.
    """
    kind, argument = parse(name)
    if (names := getattr(importlib.import_module(domains[kind].__module__), "attribute_names", None)) is not None:
        found: tuple[str, ...] = names(argument)
        return found
    return (PARITY,) if _function(kind, "source_version") is not None else ()


def corruption(name: str) -> Corruption | None:
    """What `~fog:3` at the end of a domain's name asks for; None where nothing does.

    Raises:
        UnknownName, BadSpec: No such corruption or severity.
    """
    return split(name)[1]


def load(spec: DataSpec, progress: Progress | None = None) -> Domain:
    """The domain that `spec.name` means, from the kept arrays if they are intact, else computed again.

    Args:
        spec: Name, size, width, fit, n and seed decide the pictures; val, test and shots only `Domain.split`.
        progress: Called with (done, total) while pictures are made or decoded.

    Returns:
        A domain whose images may be a memory map; writing to them never reaches the disk.

    Raises:
        UnknownName, BadSpec: The name means nothing.
        DataProblem: The pictures cannot be used; the sentence says why.
    """
    kind, argument = parse(spec.name)
    _check_width(spec)
    folder = home.folder("domains") / _key(spec, kind, argument)
    domain = _read(folder, spec.name)
    if domain is None:
        make = domains[kind] if corruption(spec.name) is None else _load_corrupted
        with refusing(noun_of(spec.name)):
            domain = make(spec, argument, progress)
        domain = _keep(folder, domain)
    return dataclasses.replace(domain, noun=noun_of(spec.name))


def _check_width(spec: DataSpec) -> None:
    """Refuse drawn pictures that are no squares: their formulas are for squares."""
    if spec.width and family(spec.name) != "files":
        raise BadSpec(
            f"Pictures that are drawn here are squares, so {escape_name(spec.name)} has no width of its own. Got "
            f"{in_pixels(spec.picture_size)}; leave the width out, or take pictures from files."
        )


def _load_corrupted(spec: DataSpec, argument: str, progress: Progress | None) -> Domain:
    """The domain before the suffix, itself kept, with every picture corrupted."""
    name, how = split(spec.name)
    assert how is not None
    clean = load(dataclasses.replace(spec, name=name), progress)
    images = apply(clean.images, how.name, how.severity, spec.seed, progress)
    return Domain.of(
        spec.name,
        images,
        clean.labels,
        clean.classes,
        licence=clean.licence,
        source=f"{clean.source}; corrupted here ({how.name}, severity {how.severity})",
        given=clean.given,
        skipped=clean.skipped,
        origins=clean.origins,
        account=clean.account,
        twins=clean.twins,
        reading=clean.reading,
        sketches=clean.sketches,
        attributes=clean.attributes,
        files=clean.files,
        kind=clean.kind,
    )


def _function(kind: str, name: str) -> Callable[[str], str] | None:
    """`source_version` of a domain that reads a path, `check` of one that has settings, `family`; else None."""
    found: Callable[[str], str] | None = getattr(importlib.import_module(domains[kind].__module__), name, None)
    return found


def source_version(name: str) -> str:
    """Changes when what a domain reads does; "" for one that reads nothing, and for what names no domain.

    Raises:
        DataProblem: Nothing can be read there.
    """
    kind, _, argument = split(name)[0].partition(":")
    version = _function(kind, "source_version") if kind in domains else None
    return version(argument) if version is not None and argument.strip() else ""


def _key(spec: DataSpec, kind: str, argument: str) -> str:
    """24 hex digits of all that the pixels depend on."""
    version = _function(kind, "source_version")
    # Files are the same whatever the seed, unless some of them are chosen by it.
    seeded = getattr(importlib.import_module(domains[kind].__module__), "SEEDED", version is None)
    seed = spec.seed if seeded or spec.n else 0
    parts: list[Any] = [FORMAT, kind, version(argument) if version else argument, spec.size, spec.n, seed]
    if (how := corruption(spec.name)) is not None:
        parts += [how.name, how.severity, spec.seed]
    if spec.fit != CROP:  # of pictures that were kept before there was a choice
        parts.append(spec.fit)
    if spec.width:  # of those that were kept when all were squares
        parts.append(["width", spec.width])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _read(folder: Path, name: str) -> Domain | None:
    """The kept domain; None where there is none, or where it is torn, short or altered."""
    try:
        meta = msgspec.json.decode((folder / "meta.json").read_bytes(), type=_Meta)
        # Copy on write: torch wants arrays that can be written to, and the file must not change.
        images = np.load(folder / "images.npy", mmap_mode="c", allow_pickle=False)
        domain = Domain.of(
            name,
            images,
            np.array(meta.labels, np.int64),
            meta.classes,
            licence=meta.licence,
            source=meta.source,
            given=None if meta.given is None else np.array(meta.given, np.int8),
            skipped=meta.skipped,
            origins=np.array(meta.origins, np.uint64),
            account=meta.account,
            twins=np.array(meta.twins, np.int64),
            reading=meta.reading,
            sketches=_read_sketches(folder, len(meta.labels)) if meta.sketched else None,
            attributes=_read_columns(meta.attributes),
            files=Files(tuple(meta.names), _read_columns(meta.columns), meta.group),
            kind=meta.kind,
            columns=meta.numbers,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, OverflowError, EOFError, msgspec.MsgspecError) as fault:
        _log.warning("kept pictures in %s are damaged and will be made again: %s", folder, fault)
        return None
    if domain.fingerprint != meta.fingerprint:
        _log.warning("kept pictures in %s have changed and will be made again", folder)
        return None
    return domain


def _read_columns(kept: dict[str, tuple[list[str], list[int]]]) -> dict[str, Attribute]:
    """Attributes, or columns of a table."""
    return {which: Attribute(tuple(classes), np.array(numbers, np.int64)) for which, (classes, numbers) in kept.items()}


def _read_sketches(folder: Path, n: int) -> Sketches:
    """What near copies in other domains are found by, of a domain of n pictures.

    Raises:
        OSError, ValueError: It is not there, or not of so many.
    """
    files = (folder / "prints.npy", folder / "thumbs.npy")
    prints, thumbs = (np.load(file, mmap_mode="r", allow_pickle=False) for file in files)
    whole = prints.shape == (n, 2) and thumbs.shape[:1] + thumbs.shape[2:] == (n, FINE, FINE) and thumbs.ndim == 4
    if not whole or prints.dtype != np.uint64 or thumbs.dtype != np.uint8:
        raise ValueError("the marks of near copies are of another shape")
    return Sketches(prints, thumbs)


def _keep(folder: Path, domain: Domain) -> Domain:
    """Write the domain beside its place, then rename; the same domain if the disk is full."""
    _sweep(folder.parent)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        arrays: dict[str, np.ndarray[Any, Any]] = {"images": domain.images}
        if domain.sketches is not None:
            arrays |= {"prints": domain.sketches.prints, "thumbs": domain.sketches.thumbs}
        for name, array in arrays.items():
            with (scratch / f"{name}.npy").open("wb") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        home.write_atomic(scratch / "meta.json", msgspec.json.encode(_meta(domain)))
        if folder.exists():  # damaged, or just written by another process: equal, so no loss
            folder.rename(scratch / "old")
        scratch.rename(folder)
        shutil.rmtree(folder / "old", ignore_errors=True)
    except OSError as fault:
        _log.warning("pictures of %s could not be kept in %s: %s", domain.name, folder, fault)
        shutil.rmtree(scratch, ignore_errors=True)
    kept = _read(folder, domain.name)  # a map instead of memory, and proof that it was written whole
    return kept if kept is not None and kept.fingerprint == domain.fingerprint else domain


def _meta(domain: Domain) -> _Meta:
    given: Any = None if domain.given is None else domain.given.tolist()
    return _Meta(
        domain.labels.tolist(),
        list(domain.classes),
        domain.licence,
        domain.source,
        domain.fingerprint,
        given,
        list(domain.skipped),
        domain.origins.tolist(),
        domain.account,
        domain.twins.tolist(),
        domain.reading,
        domain.sketches is not None,
        _kept_columns(domain.attributes),
        list(domain.files.names),
        _kept_columns(domain.files.columns),
        domain.files.group,
        domain.kind,
        list(domain.columns),
    )


def _kept_columns(columns: Mapping[str, Attribute]) -> dict[str, tuple[list[str], list[int]]]:
    return {which: (list(one.classes), one.numbers.tolist()) for which, one in columns.items()}


def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind."""
    for left in folder.glob("*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left)

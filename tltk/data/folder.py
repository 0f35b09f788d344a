"""A folder of one's own pictures, one folder per class, with or without train/val/test on top.

Licence and source are the user's. `archive` unpacks into a folder and reads it with `read_tree`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tltk.data.decode import ENDINGS, decode_all
from tltk.data.domain import FREE, TEST, TRAIN, VAL, Domain, Progress, keep, path_of
from tltk.errors import DataProblem
from tltk.spec import DataSpec

LICENCE = "your own pictures: see their source"
PART_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VAL,
    "valid": VAL,
    "validation": VAL,
    "test": TEST,
    "testing": TEST,
}
FORM = "Put the pictures of each class in a folder of its own: PATH/cats/1.jpg, PATH/dogs/1.jpg"


@dataclass(frozen=True)
class Picture:
    """One file: where it is, its name below the root, its class and part."""

    path: Path
    name: str
    label: str
    part: int


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Pictures of your own in a folder, one folder per class, with or without train/val/test on top.

    Raises:
        DataProblem: No such folder, no pictures, one class, an empty class, or parts that differ.
    """
    root = _root(argument)
    return read_tree(root, spec, progress, source=str(root))


def stamp(argument: str) -> str:
    """Changes when a file below the folder comes, goes, grows or is written."""
    root = _root(argument)
    mark = hashlib.sha256(str(root).encode())
    with _readable(root):
        for path in _files(root):
            status = path.stat()
            line = f"{path.relative_to(root)}\0{status.st_size}\0{status.st_mtime_ns}\n"
            mark.update(line.encode(errors="surrogateescape"))
    return mark.hexdigest()


def read_tree(root: Path, spec: DataSpec, progress: Progress | None, *, source: str) -> Domain:
    """The pictures below `root` as a domain.

    Raises:
        DataProblem: As for `load`.
    """
    what = spec.name
    with _readable(root):
        pictures, others = _find(root, what)
    classes = sorted({picture.label for picture in pictures})
    numbers = {label: number for number, label in enumerate(classes)}
    labels = np.array([numbers[p.label] for p in pictures], np.int64)
    given = np.array([p.part for p in pictures], np.int8)
    kept = keep(labels, spec.n, spec.seed, what, given)
    chosen = [pictures[i] for i in kept]
    found = decode_all([p.path for p in chosen], spec.size, progress)
    images, reasons = found.images, found.reasons
    good = np.array([i for i in range(len(chosen)) if i not in reasons], np.int64)
    lost = set(labels[kept].tolist()) - set(labels[kept][good].tolist())
    if lost:
        first = next(i for i in sorted(reasons) if labels[kept][i] in lost)
        raise DataProblem(
            f"Every class of {what} must hold pictures that can be used. None can be in "
            f"{', '.join(classes[c] for c in sorted(lost)[:12])}: {chosen[first].name}: {reasons[first]}. "
            f"Check the files, or remove the folder."
        )
    if reasons:
        images = images[good]
    return Domain.of(
        spec.name,
        images,
        labels[kept][good],
        classes,
        licence=LICENCE,
        source=source,
        given=None if (given == FREE).all() else given[kept][good],
        skipped=others + [(chosen[i].name, reasons[i]) for i in sorted(reasons)],
        origins=found.origins[good],
    )


def _root(argument: str) -> Path:
    root = path_of(argument)
    if root.is_dir():
        return root.resolve()
    kind = "a file" if root.exists() else "nothing there"
    hint = " For an archive write archive:PATH, for arrays npz:PATH." if root.is_file() else ""
    raise DataProblem(f"folder:PATH must name a folder. {root} is {kind}; check the path.{hint}")


@contextmanager
def _readable(root: Path) -> Iterator[None]:
    """Faults of the file system below the root, in a sentence."""
    try:
        yield
    except OSError as fault:
        raise DataProblem(
            f"All folders below {root} must be readable. {fault.filename or root} is not: "
            f"{fault.strerror or fault}. Check its permissions."
        ) from None


def _refuse(fault: OSError) -> None:
    raise fault


def _text(name: str) -> str:
    """A file name as text that can be written to JSON, whatever bytes the disk holds."""
    return os.fsencode(name).decode(errors="replace")


def _is_visible(name: str) -> bool:
    return name[0] != "." and name != "__MACOSX"


def _subfolders(folder: Path) -> list[Path]:
    """Visible subfolders, by name; what macOS and editors leave in archives is not seen."""
    inside = [p for p in folder.iterdir() if _is_visible(p.name) and p.is_dir()]
    return sorted(inside, key=lambda p: p.name)


def _files(folder: Path) -> list[Path]:
    """All visible regular files at any depth, in one order everywhere. Links to folders are not followed."""
    found: list[Path] = []
    for here, inside, names in os.walk(folder, onerror=_refuse):
        inside[:] = sorted(d for d in inside if _is_visible(d))
        found += [Path(here, name) for name in sorted(names) if name[0] != "."]
    return [path for path in found if path.is_file()]


def _find(root: Path, what: str) -> tuple[list[Picture], list[tuple[str, str]]]:
    """All pictures below the root, and the files that are none with the reason."""
    top = _below_wrapping(root)
    inside = _subfolders(top)
    is_divided = bool(inside) and all(p.name.lower() in PART_NAMES for p in inside) and any(
        PART_NAMES[p.name.lower()] == TRAIN for p in inside
    )
    parts = [(p, PART_NAMES[p.name.lower()]) for p in inside] if is_divided else [(top, FREE)]
    pictures: list[Picture] = []
    others: list[tuple[str, str]] = []
    for folder, part in parts:
        _refuse_domains(folder, root, what)
        for file in _files(folder):
            name = _text(file.relative_to(root).as_posix())
            depth = file.relative_to(folder).parts
            if file.suffix.lower() not in ENDINGS:
                others.append((name, f"the ending {file.suffix or 'is missing'} is not one of a picture"))
            elif len(depth) < 2:
                others.append((name, "lies in no class folder"))
            else:
                pictures.append(Picture(file, name, _text(depth[0]), part))
    _check_classes(parts, pictures, what)
    return pictures, others


def _below_wrapping(root: Path) -> Path:
    """Archives often hold one folder that holds the rest: step into it, but never into a lone class."""
    top = root
    while len(inside := _subfolders(top)) == 1 and _subfolders(inside[0]) and not _has_pictures(inside[0]):
        if _has_pictures(top) or inside[0].name.lower() in PART_NAMES:
            break
        top = inside[0]
    return top


def _has_pictures(folder: Path) -> bool:
    return any(p.suffix.lower() in ENDINGS for p in folder.iterdir())


def _refuse_domains(folder: Path, root: Path, what: str) -> None:
    """Several domains side by side, each with the same classes, are not classes themselves."""
    inside = _subfolders(folder)
    shared = [tuple(p.name for p in _subfolders(c)) for c in inside]
    is_same = len(inside) > 1 and len(set(shared)) == 1 and len(shared[0]) > 1
    if is_same and not any(_has_pictures(p) for p in inside):
        raise DataProblem(
            f"{what} must hold one folder per class. Its folders {', '.join(p.name for p in inside[:6])} "
            f"each hold {', '.join(shared[0][:6])}: these are several domains. Name one of them, "
            f"such as {what.rstrip('/')}/{inside[0].relative_to(root).as_posix()}."
        )


def _check_classes(parts: list[tuple[Path, int]], pictures: list[Picture], what: str) -> None:
    """Every part has the same classes, and every class has pictures."""
    if not pictures:
        raise DataProblem(f"{what} must hold pictures in class folders. It holds none. {FORM}.")
    wanted = {_text(c.name) for folder, _ in parts for c in _subfolders(folder)}
    for folder, _ in parts:
        there = {_text(c.name) for c in _subfolders(folder)}
        filled = {p.label for p in pictures if p.path.is_relative_to(folder)}
        where = f" in its part {folder.name!r}" if len(parts) > 1 else ""
        if wanted - there:
            raise DataProblem(
                f"Every part of {what} must have the same class folders. Missing{where}: "
                f"{', '.join(sorted(wanted - there)[:12])}. Add them there, or remove them elsewhere."
            )
        if there - filled:
            raise DataProblem(
                f"Every class folder of {what} must hold pictures. Empty{where}: "
                f"{', '.join(sorted(there - filled)[:12])}. Add pictures, or remove the folder."
            )

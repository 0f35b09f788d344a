"""A folder of the user's pictures, one folder per class, with or without train/val/test on top.

Licence and source are the user's. `layout` decides what the folders mean; `archive` unpacks into a folder and reads it
with `read_tree`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tltk.data import layout
from tltk.data.account import refuse_lost_classes
from tltk.data.decode import decode_all, keep_rows
from tltk.data.domain import Domain, Progress, argument_path, subsample
from tltk.data.identity import Sketches, find_near_copies, label_conflicts
from tltk.data.names import escape_name
from tltk.data.parts import FREE
from tltk.data.tree import walk
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec

LICENCE = "not stated (your own pictures)"


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Pictures of your own in a folder, one folder per class, with or without train/val/test on top.

    Args:
        spec: `n` (0 = all), `size` in pixels, `fit` and `seed`; parts and shots are not read here.
        argument: PATH of the folder.
        progress: Called with (done, total) pictures.

    Raises:
        DataProblem: No such folder, no pictures, one class, an empty class, or parts that differ.
    """
    root = _root(argument)
    return read_tree(root, spec, progress, source=escape_name(str(root)))


def survey(argument: str, group_by: str = "") -> layout.Layout:
    """How the folder is understood, without a picture being read.

    Args:
        argument: PATH of the folder.
        group_by: As `DataSpec.group_by`.

    Raises:
        DataProblem: As for `load`, so far as names tell.
    """
    root = _root(argument)
    with readable(root):
        tree, left = walk(root)
        return layout.interpret_tree(tree, f"folder:{escape_name(argument)}", left, group_by)


def source_version(argument: str) -> str:
    """Changes when a file below the folder comes, goes, grows or is written."""
    root = _root(argument)
    mark = hashlib.sha256(os.fsencode(root))
    with readable(root):
        stack = [walk(root)[0]]
        while stack:
            here = stack.pop()
            stack += here.folders
            for file in here.files:
                assert file.path is not None
                status = file.path.stat()
                line = f"{here.place}/{file.name}\0{status.st_size}\0{status.st_mtime_ns}\n"
                mark.update(os.fsencode(line))
    return mark.hexdigest()


def read_tree(
    root: Path,
    spec: DataSpec,
    progress: Progress | None,
    *,
    source: str,
    within: Path | None = None,
    left: Sequence[tuple[str, str]] = (),
) -> Domain:
    """The pictures below `root` as a domain.

    Args:
        root: A folder.
        spec: Size, fit, n and seed decide the pictures.
        progress: Called with (done, total).
        source: Where the pictures come from, in words.
        within: The folder that links must not lead out of; None = they may lead anywhere.
        left: What was left out before, such as while an archive was unpacked.

    Raises:
        DataProblem: As for `load`.
    """
    what = escape_name(spec.name)
    with readable(root):
        tree, skipped = walk(root, within=within)
        found = layout.interpret_tree(tree, what, [*left, *skipped], spec.group_by)
    return read_layout(found, spec, progress, source=source)


def read_layout(
    found: layout.Layout, spec: DataSpec, progress: Progress | None, *, source: str, licence: str = LICENCE
) -> Domain:
    """The pictures of a tree or a table, decoded, as a domain.

    Args:
        found: Which files, with class and part.
        spec: Size, n and seed decide the pictures.
        progress: Called with (done, total).
        source: Where the pictures come from, in words.
        licence: On which terms they may be used.

    Raises:
        DataProblem: A class of which no picture can be used, or fewer pictures than `n`.
    """
    what = escape_name(spec.name)
    pictures, classes = found.pictures, found.classes
    numbers = {label: number for number, label in enumerate(classes)}
    labels = np.array([numbers[p.label] for p in pictures], np.int64)
    given = np.array([p.part for p in pictures], np.int8)
    kept = subsample(labels, spec.n, spec.seed, what, given)
    chosen = [pictures[i] for i in kept]
    decoded = decode_all([p.path for p in chosen if p.path is not None], spec.picture_size, progress, fit=spec.fit)
    reasons = decoded.reasons
    good = np.array([i for i in range(len(chosen)) if i not in reasons], np.int64)
    lost = set(labels[kept].tolist()) - set(labels[kept][good].tolist())
    if lost:
        gone = [(chosen[i].name, reasons[i]) for i in sorted(reasons) if labels[kept][i] in lost]
        raise refuse_lost_classes(what, "pictures", [classes[c] for c in sorted(lost)], gone)
    told = layout.losses(found, [(chosen[i].label, reasons[i]) for i in sorted(reasons)])
    images, thumbs = keep_rows(decoded.images, good), keep_rows(decoded.thumbs, good)
    sketches = Sketches(decoded.prints[good], thumbs)
    twins = find_near_copies(decoded.origins[good], sketches.prints, labels[kept][good], sketches.thumbs)
    return Domain.of(
        spec.name,
        images,
        labels[kept][good],
        classes,
        licence=licence,
        source=source,
        given=None if (given == FREE).all() else given[kept][good],
        skipped=[*found.skipped, *((chosen[i].name, reasons[i]) for i in sorted(reasons))],
        origins=decoded.origins[good],
        account=dataclasses.replace(found.account, notes=(*told, *found.account.notes)),
        twins=twins,
        reading=dataclasses.replace(
            decoded.reading(good), clashes=label_conflicts(twins, labels[kept][good], [chosen[i].name for i in good])
        ),
        sketches=sketches,
        files=found.files(kept[good].tolist()),
    )


def _root(argument: str) -> Path:
    root = argument_path(argument)
    if root.is_dir():
        return root.resolve()
    kind = "a file" if root.exists() else "nothing there"
    hint = " For an archive write archive:PATH, for a table csv:PATH, for arrays npz:PATH." if root.is_file() else ""
    raise DataProblem(f"folder:PATH must name a folder. {escape_name(str(root))} is {kind}; check the path.{hint}")


@contextmanager
def readable(root: Path) -> Iterator[None]:
    """Faults of the file system below the root, in a sentence.

    Raises:
        DataProblem: Something below it may not be read.
    """
    try:
        yield
    except OSError as fault:
        raise DataProblem(
            f"All folders below {escape_name(str(root))} must be readable. "
            f"{escape_name(str(fault.filename or root))} is not: "
            f"{fault.strerror or fault}. Check its permissions."
        ) from None

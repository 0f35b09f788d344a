"""A folder of the user's sounds, one folder per class: `sound:PATH`, `sound:PATH?seconds=2&n_mels=96`.

WAV, FLAC and Ogg files as log-mel spectrograms, pictures of one channel, for any network that sees pictures. Licence
and source are the user's. How the folders are meant is decided as for pictures.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tltk.data import layout
from tltk.data.account import refuse_lost_classes
from tltk.data.audio import files, spectrogram
from tltk.data.audio.files import Sound
from tltk.data.audio.spectrogram import SpectrogramDials
from tltk.data.decode import MAX_FLAT_LEVELS, allocate, sketch
from tltk.data.domain import Domain, Progress, Reading, argument_path, subsample
from tltk.data.identity import Sketches, find_near_copies, label_conflicts
from tltk.data.names import escape_name
from tltk.data.parts import FREE
from tltk.data.sources import folder
from tltk.data.tree import File, Folder, walk
from tltk.errors import BadSpec, DataProblem
from tltk.specs.parts import DataSpec
from tltk.specs.size import Size, height_and_width

LICENCE = "not stated (your own sounds)"
UNREAD = frozenset((".mp3", ".m4a", ".aac", ".wma", ".opus", ".aif", ".aiff", ".au", ".mid"))  # a user would mind
KIND = layout.Kind("sounds", "1.wav", "WAV or FLAC", "soundfile", files.CODED)


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Sounds of your own in a folder, one folder per class: WAV, FLAC or Ogg, seen as log-mel spectrograms.

    Args:
        spec: `n` (0 = all), `size` in pixels and `seed`; parts and shots are not read here.
        argument: PATH of the folder, perhaps with dials after a question mark.
        progress: Called with (done, total) sounds.

    Raises:
        DataProblem: No such folder, no sounds, one class, a class of which no sound can be used, or parts that differ.
    """
    path, dials = divide(argument)
    root = _root(path)
    what = escape_name(spec.name)
    found = _survey(root, what, spec.group_by)
    numbers = {label: number for number, label in enumerate(found.classes)}
    labels = np.array([numbers[p.label] for p in found.pictures], np.int64)
    given = np.array([p.part for p in found.pictures], np.int8)
    kept = subsample(labels, spec.n, spec.seed, what, given)
    chosen = [found.pictures[i] for i in kept]
    read = _read_all([p.path for p in chosen if p.path is not None], spec.picture_size, dials, progress)
    good = np.array([i for i in range(len(chosen)) if i not in read.reasons], np.int64)
    lost = set(labels[kept].tolist()) - set(labels[kept][good].tolist())
    if lost:
        gone = [(chosen[i].name, read.reasons[i]) for i in sorted(read.reasons) if labels[kept][i] in lost]
        raise refuse_lost_classes(what, "sounds", [found.classes[c] for c in sorted(lost)], gone)
    told = layout.losses(found, [(chosen[i].label, reason) for i, reason in read.reasons.items()])
    sketches = Sketches(read.prints[good], read.thumbs[good])
    twins = find_near_copies(read.origins[good], sketches.prints, labels[kept][good], sketches.thumbs)
    images = read.images[good] if read.reasons else read.images
    flat = int((np.ptp(images.reshape(len(images), -1), 1) <= MAX_FLAT_LEVELS).sum())
    clashes = label_conflicts(twins, labels[kept][good], [chosen[i].name for i in good])
    return Domain.of(
        spec.name,
        images,
        labels[kept][good],
        found.classes,
        licence=LICENCE,
        source=escape_name(str(root)),
        given=None if (given == FREE).all() else given[kept][good],
        skipped=[*found.skipped, *((chosen[i].name, read.reasons[i]) for i in sorted(read.reasons))],
        origins=read.origins[good],
        account=dataclasses.replace(found.account, notes=(*told, *_notes(read, good, dials), *found.account.notes)),
        twins=twins,
        reading=Reading(0.0, flat, (), clashes),
        sketches=sketches,
        files=found.files(kept[good].tolist()),
    )


def check(argument: str) -> str:
    """The argument in one spelling: dials in one order, those at their default left out.

    Raises:
        BadSpec: No path, or a dial that is out of range.
        UnknownName: A dial that there is not.
    """
    path, dials = divide(argument)
    if not path.strip():
        raise BadSpec(f"The domain sound needs a path. Got {'sound:' + argument!r}; write sound:PATH.")
    told = dials.text()
    return f"{path}?{told}" if told else path


def survey(argument: str, group_by: str = "") -> layout.Layout:
    """How the folder is understood, without a sound being read.

    Args:
        argument: PATH of the folder, perhaps with dials.
        group_by: As `DataSpec.group_by`.

    Raises:
        DataProblem: As for `load`, so far as names tell.
    """
    path, _ = divide(argument)
    return _survey(_root(path), f"sound:{escape_name(path)}", group_by)


def source_version(argument: str) -> str:
    """Changes with the dials, and when a file below the folder comes, goes, grows or is written."""
    path, dials = divide(argument)
    root = _root(path)
    with folder.readable(root):
        tree, _ = walk(root)
    # Files that need soundfile are read once it is installed: what was kept without them is made again.
    readers = files.has_soundfile() if any(f.ending in files.CODED for _, f, _ in tree.all_files()) else None
    return f"{folder.source_version(path)}|{dials.text()}|{readers}"


def sounds(spec: DataSpec, argument: str, domain: Domain, index: Sequence[int]) -> list[Sound]:
    """Some sounds of a domain, as they are to be heard: as much as is seen, at the rate at which it is seen.

    Args:
        spec: Of the domain.
        argument: PATH, perhaps with dials.
        domain: As `load` made it.
        index: Positions in it.

    Raises:
        DataProblem: A file that has changed since.
    """
    path, dials = divide(argument)
    root, names = _root(path), domain.files.names
    paths = {p.name: p.path for p in _survey(root, escape_name(spec.name), spec.group_by).pictures}
    found = []
    for i in index:
        place = paths.get(names[i])
        if place is None:
            raise DataProblem(f"{names[i]} must lie below {escape_name(str(root))}. It is gone; read the sounds again.")
        heard = files.read(place).at(dials.rate, dials.seconds)[: dials.n_samples]
        found.append(Sound(heard, dials.rate))
    return found


def divide(argument: str) -> tuple[str, SpectrogramDials]:
    """Path and dials; a path that exists as it stands has none.

    Raises:
        BadSpec: A dial without a value, or out of range.
        UnknownName: A dial that there is not.
    """
    if "?" in argument:
        with contextlib.suppress(DataProblem):
            if argument_path(argument).exists():
                return argument, SpectrogramDials()
    path, text = divide_text(argument)
    return path, SpectrogramDials.parse(text)


def divide_text(argument: str) -> tuple[str, str]:
    """Path and text of the dials, without a look at the disk.

    Example:
        >>> divide_text("sounds?seconds=2")
        ('sounds', 'seconds=2')
    """
    path, _, text = argument.partition("?")
    return path, text


# -- folders -------------------------------------------------------------------------------------------------


class SoundFile(File):
    """A file of a tree of sounds: `is_picture` says whether it is one, by its ending."""

    @property
    def is_picture(self) -> bool:
        """Whether it can be read as a sound."""
        return self.ending in files.WAV or (self.ending in files.CODED and files.has_soundfile())

    @property
    def may_be_picture(self) -> bool:
        """Whether its loss is one that a user would mind."""
        return self.is_picture or self.ending in files.CODED or self.ending in UNREAD

    @property
    def unread_reason(self) -> str:
        """Why it is not read."""
        if self.ending in files.CODED:
            return f"the ending {self.ending} needs the package soundfile, pip install tltk[sound]"
        return f"the ending {escape_name(self.ending) or 'is missing'} is not a sound format that is read"


def _root(path: str) -> Path:
    root = argument_path(path)
    if root.is_dir():
        return root.resolve()
    kind = "a file" if root.exists() else "nothing there"
    raise DataProblem(f"sound:PATH must name a folder. {escape_name(str(root))} is {kind}; check the path.")


def _survey(root: Path, what: str, group_by: str) -> layout.Layout:
    with folder.readable(root):
        tree, left = walk(root)
    stack = [tree]
    while stack:
        here: Folder = stack.pop()
        here.files[:] = [SoundFile(file.name, file.path) for file in here.files]
        stack += here.folders
    return layout.interpret_tree(tree, what, left, group_by, KIND)


# -- sounds --------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class _Read:
    """Files as arrays; rows of those that cannot be used are undefined.

    Attributes:
        images: (n, 1, size, size) uint8.
        origins: (n,) uint64 of the samples.
        prints: (n, 2) uint64, by which near copies are found.
        thumbs: (n, 3, 16, 16) uint8, by which they are told from others.
        seconds: (n,) how long each lasts.
        reasons: Index → why that file could not be used.
    """

    images: NDArray[np.uint8]
    origins: NDArray[np.uint64]
    prints: NDArray[np.uint64]
    thumbs: NDArray[np.uint8]
    seconds: NDArray[np.float64]
    reasons: dict[int, str]


def _read_all(paths: list[Path], size: Size, dials: SpectrogramDials, progress: Progress | None) -> _Read:
    n = len(paths)
    images, thumbs = allocate((n, 1, *height_and_width(size))), allocate((n, 3, 16, 16))
    read = _Read(images, np.zeros(n, np.uint64), np.zeros((n, 2), np.uint64), thumbs, np.zeros(n), {})
    for i, path in enumerate(paths):
        try:
            sound = files.read(path)
            heard = sound.at(dials.rate, dials.seconds)[: dials.n_samples]
            if not len(heard) or np.ptp(heard) == 0:
                raise DataProblem(f"it is silent in the {dials.seconds:g} s that are seen")
            image = spectrogram.as_image(spectrogram.log_mel(heard, dials), dials)
            read.images[i] = spectrogram.picture(image, size)
            read.origins[i], read.seconds[i] = sound.origin(), sound.seconds
            # Copies are looked for in a picture whose size nobody chooses: a split must not depend on that.
            read.thumbs[i], read.prints[i] = sketch(image.convert("L"))
        except DataProblem as fault:
            read.reasons[i] = str(fault)
        if progress and ((i + 1) % 16 == 0 or i + 1 == n):
            progress(i + 1, n)
    return read


def _notes(read: _Read, good: NDArray[np.int64], dials: SpectrogramDials) -> list[str]:
    """How sounds became pictures, and how many were longer or shorter than what is seen of them."""
    seconds = read.seconds[good]
    long, short = int((seconds > dials.seconds + 0.5 / dials.rate).sum()), int((seconds < 0.5 * dials.seconds).sum())
    notes = [
        f"Sounds are shown as {dials.n_mels} mel bands from {dials.fmin:g} to {dials.highest:g} Hz over "
        f"{dials.seconds:g} s; white is the strongest of each sound, black {dials.decibels:g} dB below it."
    ]
    if long:
        notes.append(
            f"{long:,} of {len(good):,} sounds are longer than the {dials.seconds:g} s that are seen, up to "
            f"{seconds.max():.1f} s; for more of them write sound:PATH?seconds={min(60, np.ceil(seconds.max())):g}."
        )
    if short:
        notes.append(f"{short:,} of {len(good):,} sounds fill less than half of the {dials.seconds:g} s.")
    return notes

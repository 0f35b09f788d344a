"""A tree of folders and files as it lies on the disk, or as the names in an archive spell it; nothing is decoded.

`walk` follows links, reads no folder twice, and passes over what systems and programs leave behind.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from tltk.data.decode import ENDINGS, HEIC, heic_endings
from tltk.data.names import escape_name


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


SYSTEM_FOLDERS = {
    **dict.fromkeys(("@eadir", ".@__thumb", ".thumbnails", ".picasaoriginals", ".xvpics"), "thumbnails of the system"),
    **dict.fromkeys(("#recycle", "@recycle", "$recycle.bin", "recycler", "lost+found"), "deleted files"),
    **dict.fromkeys((".trash", ".trashes", "#snapshot", ".snapshot"), "deleted or older files"),
    **dict.fromkeys(("__macosx", ".appledouble", ".appledb", ".appledesktop"), "left there by macOS"),
    **dict.fromkeys((".spotlight-v100", ".fseventsd", ".temporaryitems"), "left there by macOS"),
    **dict.fromkeys(("system volume information", ".documentrevisions-v100"), "left there by the system"),
    **dict.fromkeys((".git", ".svn", ".hg", ".dvc", ".stversions", ".stfolder", ".sync"), "left there by a program"),
    **dict.fromkeys((".cache", ".venv", ".idea", ".vscode", "__pycache__"), "left there by a program"),
    ".ipynb_checkpoints": "left there by a program",
}
SYSTEM_FILES = frozenset(("thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"))
TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".parquet", ".json", ".jsonl")
NOT_PICTURES = frozenset(
    (*TABLES, ".txt", ".md", ".rst", ".rtf", ".pdf", ".doc", ".docx", ".odt", ".html", ".htm", ".css", ".js", ".xml")
    + (".yaml", ".yml", ".toml", ".ini", ".cfg", ".lock", ".py", ".pyc", ".ipynb", ".r", ".m", ".c", ".cpp", ".h")
    + (".sh", ".bat", ".log", ".tex", ".bib", ".db", ".sqlite", ".url", ".lnk", ".pt", ".pth", ".ckpt", ".onnx")
    + (".safetensors", ".pkl", ".h5", ".hdf5", ".sha256", ".md5", ".names")
)
UNREADABLE = word_set(
    ".svg .psd .ai .eps .dcm .dicom .nii .mha .mhd .nrrd .cr2 .cr3 .nef .arw .dng .raf .orf .rw2 .jp2 .j2k .jpx .jxl "
    ".tga .ico .exr .hdr .npy .npz .mat .mp4 .avi .mov .mkv .webm .wav .mp3 .zip .tar .tgz .gz .7z .rar .bz2 .xz"
)
MAGIC = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|BM.{4}\0\0\0\0|RIFF.{4}WEBP|II\*\0|MM\0\*|.{4}ftyp(avif|avis)|P[1-6]\s",
    re.DOTALL,
)


@dataclass(frozen=True)
class File:
    """A file by its name in its folder; `path` is None for one that is still in an archive."""

    name: str
    path: Path | None

    @cached_property
    def ending(self) -> str:
        """The suffix in lower case."""
        return PurePosixPath(self.name).suffix.lower()

    @cached_property
    def is_picture(self) -> bool:
        """Whether it can be decoded, by its ending, or where that says nothing by its first bytes."""
        if self.ending in ENDINGS or self.ending in heic_endings():
            return True
        if self.ending in NOT_PICTURES or self.ending in UNREADABLE or self.ending in HEIC:
            return False
        if self.path is None:
            return True  # settled when it is unpacked
        try:
            with self.path.open("rb") as file:
                return MAGIC.match(file.read(16)) is not None
        except OSError:
            return False

    @property
    def may_be_picture(self) -> bool:
        """Whether its loss is one that a user would mind."""
        return self.is_picture or self.ending not in NOT_PICTURES

    @property
    def unread_reason(self) -> str:
        """Why it is not read."""
        if self.ending in HEIC:
            return f"the ending {self.ending} needs the package pillow-heif"
        return f"the ending {escape_name(self.ending) or 'is missing'} is not a picture format"


@dataclass(eq=False)
class Folder:
    """A folder with what is in it; `place` is its path below the root, "" for the root itself."""

    name: str
    place: str = ""
    files: list[File] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)

    @cached_property
    def n_own_pictures(self) -> int:
        """Pictures that lie in it, not deeper."""
        return sum(f.is_picture for f in self.files)

    @cached_property
    def pictures(self) -> int:
        """Pictures at any depth."""
        return self.n_own_pictures + sum(f.pictures for f in self.visible)

    @cached_property
    def candidates(self) -> int:
        """Files at any depth that are pictures, or may be."""
        return sum(f.may_be_picture for f in self.files) + sum(f.candidates for f in self.visible)

    @cached_property
    def count(self) -> int:
        """Files at any depth."""
        return len(self.files) + sum(f.count for f in self.folders)

    @cached_property
    def visible(self) -> list[Folder]:
        """Folders whose name does not begin with a dot."""
        return [f for f in self.folders if f.name[0] != "."]

    @cached_property
    def picture_folders(self) -> list[Folder]:
        """Visible folders that hold pictures, or files that may be."""
        return [f for f in self.visible if f.candidates]

    def all_files(self) -> Iterator[tuple[Folder, File, int]]:
        """All files of it and of visible folders below, with the folder and how deep it lies."""
        stack = [(self, 0)]
        while stack:
            here, depth = stack.pop()
            for file in here.files:
                yield here, file, depth
            stack += [(f, depth + 1) for f in reversed(here.visible)]


def walk(root: Path, *, within: Path | None = None) -> tuple[Folder, list[tuple[str, str]]]:
    """All regular files below the root, links to folders followed, and what is left out already here.

    A folder is read once, whatever links lead to it, and none is read that holds the root.

    Args:
        root: A folder.
        within: The folder that links must not lead out of; None = they may lead anywhere.

    Raises:
        OSError: A folder that may not be read.
    """
    top = Folder(root.name)
    left: list[tuple[str, str]] = []
    seen = {_identity(root), *(_identity(p) for p in root.resolve().parents)}
    links: list[tuple[Folder, str, Path]] = []
    _fill(top, root, seen, links, left)
    while links:
        found, links = sorted(links, key=lambda link: os.fsencode(link[2])), []
        for parent, name, path in found:
            target = path.resolve()
            if within is not None and not target.is_relative_to(within):
                left.append((relative_path(parent, name), "a link that leads out of the archive"))
            elif _identity(path) in seen:
                left.append((relative_path(parent, name), "a link to a folder that is read already, or that holds it"))
            else:
                seen.add(_identity(path))
                child = Folder(name, f"{parent.place}/{name}".lstrip("/"))
                parent.folders.append(child)
                _fill(child, path, seen, links, left)
                parent.folders.sort(key=lambda f: os.fsencode(f.name))
    return top, left


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def relative_path(folder: Folder, name: str) -> str:
    """Where a file of this name lies, below the root, as it is shown."""
    return escape_name(f"{folder.place}/{name}".lstrip("/"))


def _fill(
    top: Folder,
    path: Path,
    seen: set[tuple[int, int]],
    links: list[tuple[Folder, str, Path]],
    left: list[tuple[str, str]],
) -> None:
    stack = [(top, path)]
    while stack:
        folder, place = stack.pop()
        with os.scandir(place) as listing:
            entries = sorted(listing, key=lambda e: os.fsencode(e.name))
        hidden = 0
        for entry in entries:
            name, here = entry.name, Path(entry.path)
            if entry.is_dir():
                if (why := SYSTEM_FOLDERS.get(name.lower())) is not None:
                    n = sum(len(files) for _, _, files in os.walk(here))
                    left.append((relative_path(folder, name), f"{n:,} {'file' if n == 1 else 'files'}, {why}"))
                elif entry.is_symlink():
                    links.append((folder, name, here))
                elif (identity := _identity(here)) not in seen:
                    seen.add(identity)
                    child = Folder(name, f"{folder.place}/{name}".lstrip("/"))
                    folder.folders.append(child)
                    stack.append((child, here))
            elif name.startswith("._"):
                hidden += 1
            elif name.lower() in SYSTEM_FILES or name[0] == ".":
                left.append((relative_path(folder, name), "a hidden file"))
            elif entry.is_file():
                folder.files.append(File(name, here))
            else:
                gone = entry.is_symlink() and not here.exists()
                left.append((relative_path(folder, name), "a link to nothing" if gone else "not a regular file"))
        if hidden:
            left.append(
                (relative_path(folder, "._*"), f"{hidden:,} {'file' if hidden == 1 else 'files'} left there by macOS")
            )


def tree_from_names(names: Iterable[str]) -> Folder:
    """The tree of these names of files, `a/b/1.png`, as `walk` would find it."""
    top = Folder("")
    known: dict[tuple[str, ...], Folder] = {(): top}
    for name in names:
        parts = PurePosixPath(name).parts
        if not parts or any(p.lower() in SYSTEM_FOLDERS for p in parts) or parts[-1][0] == ".":
            continue
        for depth in range(1, len(parts)):
            if parts[:depth] not in known:
                known[parts[:depth]] = Folder(parts[depth - 1], "/".join(parts[:depth]))
                known[parts[: depth - 1]].folders.append(known[parts[:depth]])
        known[parts[:-1]].files.append(File(parts[-1], None))
    return top


def subtree(tree: Folder, inner: str) -> Folder | None:
    """The folder at this place of the tree."""
    for part in PurePosixPath(inner).parts:
        found = next((f for f in tree.folders if f.name == part), None)
        if found is None:
            return None
        tree = found
    return tree

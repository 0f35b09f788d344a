"""Archives as programs pack them."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.cases.drawing import classes


class Unsaid(zipfile.ZipInfo):
    """An entry as old programs write it: its name in the bytes of code page 437, and no flag that says UTF-8."""

    def __init__(self, name: str) -> None:
        super().__init__("x")
        self.filename = name

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("cp437"), self.flag_bits


def packed(root: Path, name: str, rename: Callable[[str], str] = lambda n: n) -> Path:
    """A zip of two classes under other names."""
    source = classes(root / "source") if not (root / "source").exists() else root / "source"
    with zipfile.ZipFile(root / name, "w") as file:
        for path in sorted(source.rglob("*.jpg")):
            file.writestr(Unsaid(rename(path.relative_to(source).as_posix())), path.read_bytes())
    return root / name


def zips(root: Path) -> None:
    """Zips by Windows, by macOS, wrapped, prefixed, with odd names, within another, cut."""
    plain = packed(root, "plain.zip").read_bytes()
    packed(root, "wrapped.zip", lambda n: f"data/{n}")
    packed(root, "backslash.zip", lambda n: "pics\\" + n.replace("/", "\\"))
    packed(root, "colon.zip", lambda n: n.replace("cat/", "ratio 1:2/"))
    packed(root, "cp936.zip", lambda n: n.replace("cat", "猫").replace("dog", "狗").encode("gbk").decode("cp437"))
    packed(root, "unlike.zip", lambda n: n.replace("cat", b"ca\xb0\xfe\xb1".decode("cp437")))
    packed(root, "latin.zip", lambda n: n.replace("cat", "Kätzchen").replace("dog", "Señor"))
    packed(root, "utf8.zip", lambda n: n.replace("cat", "猫").encode().decode("cp437"))
    packed(root, "outside.zip", lambda n: f"../{n}")
    (root / "UPPER.ZIP").write_bytes(plain)
    (root / "prefix.zip").write_bytes(b"#!/bin/sh\n" + plain)
    (root / "zip.download").write_bytes(plain)
    (root / "cut.zip").write_bytes(plain[:-300])
    (root / "page.zip").write_text("<html>quota exceeded</html>")
    (root / "empty.zip").write_bytes(b"")
    (root / "x.7z").write_bytes(b"7z\xbc\xaf'\x1c")
    (root / "x.rar").write_bytes(b"Rar!\x1a\x07")
    with zipfile.ZipFile(root / "within.zip", "w") as file:
        file.write(root / "plain.zip", "plain.zip")
    with zipfile.ZipFile(root / "macos.zip", "w") as file:
        for name, content in _files(root):
            folder, _, base = name.rpartition("/")
            file.writestr(f"pics/{name}", content)
            file.writestr(f"__MACOSX/pics/{folder}/._{base}", b"\0\5\x16\7")
    for name, second in (("twice_same.zip", None), ("twice_other.zip", b"other")):
        with zipfile.ZipFile(root / name, "w") as file:
            for path, content in _files(root):
                file.writestr(path, content)
            info = zipfile.ZipInfo("x")
            info.filename = path
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it says that the name is there already
                file.writestr(info, second or content)
    with zipfile.ZipFile(root / "capitals.zip", "w") as file:
        for path, content in _files(root):
            file.writestr(path, content)
            file.writestr(path.replace(".jpg", ".JPG"), content)
    with zipfile.ZipFile(root / "link.zip", "w") as file:
        for path, content in _files(root):
            file.writestr(path, content)
        info = zipfile.ZipInfo("cat/linked.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "0.jpg")


def _files(root: Path) -> list[tuple[str, bytes]]:
    source = root / "source"
    return [(p.relative_to(source).as_posix(), p.read_bytes()) for p in sorted(source.rglob("*.jpg"))]


def tars(root: Path) -> None:
    """Tars with links, packed in ways that their names do not say."""
    source = classes(root / "source")
    for name, mode, inside in (
        ("dot.tgz", "w:gz", "."),
        ("gz_named.tar", "w:gz", "d"),
        ("tar_named.tar.gz", "w", "d"),
        ("p.tar.bz2", "w:bz2", "."),
        ("p.tar.xz", "w:xz", "."),
        ("named.zip", "w:xz", "."),
    ):
        with tarfile.open(root / name, mode) as file:  # type: ignore[call-overload]
            file.add(source, arcname=inside)
    (root / "cut.tar.xz").write_bytes((root / "p.tar.xz").read_bytes()[:-400])
    os.link(source / "cat" / "0.jpg", source / "cat" / "same.jpg")
    with tarfile.open(root / "hard_links.tar", "w") as file:
        file.add(source, arcname="src")
    (source / "cat" / "same.jpg").unlink()
    (source / "cat" / "link.jpg").symlink_to("0.jpg")
    (source / "cat" / "gone.jpg").symlink_to("gone.jpg")
    with tarfile.open(root / "links.tar.gz", "w:gz") as file:
        file.add(source, arcname="src")
    for link in ("link.jpg", "gone.jpg"):
        (source / "cat" / link).unlink()
    for name, target in (("leaves.tar", "../../../etc/passwd"), ("absolute.tar", "/etc")):
        with tarfile.open(root / name, "w") as file:
            file.add(source, arcname="src")
            info = tarfile.TarInfo("src/cat/evil.jpg")
            info.type, info.linkname = tarfile.SYMTYPE, target
            file.addfile(info)
    with tarfile.open(root / "folder_link.tar", "w") as file:  # a link to a folder, and a file that goes through it
        for name in ("cat", "dog"):
            file.add(source / name, arcname=f"src/pool/{name}")
        for name in ("cat", "dog"):
            info = tarfile.TarInfo(f"src/set/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, f"../pool/{name}"
            file.addfile(info)


def many(root: Path) -> None:
    """A zip whose directory has 510,000 entries and nothing in them."""
    local = b"PK\3\4" + bytes(26)
    n = 510_000
    body = io.BytesIO()
    body.write(local)
    entry = b"PK\1\2" + bytes(24) + b"\7\0" + bytes(16)
    for i in range(n):
        body.write(entry + b"c/%05x" % i)
    length = body.tell() - len(local)
    wide = b"PK\6\6" + (44).to_bytes(8, "little") + bytes(12) + n.to_bytes(8, "little") * 2
    wide += length.to_bytes(8, "little") + len(local).to_bytes(8, "little")
    body.write(wide + b"PK\6\7" + bytes(4) + (len(local) + length).to_bytes(8, "little") + (1).to_bytes(4, "little"))
    body.write(b"PK\5\6" + bytes(4) + b"\xff\xff" * 2 + length.to_bytes(4, "little") + b"\xff\xff\xff\xff\0\0")
    (root / "many.zip").write_bytes(body.getvalue())

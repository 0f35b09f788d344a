"""What `bench_fuzz` sends: for each kind a maker of cases, and the door of ours that they come to."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import random
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Handler = Callable[[random.Random], str]

TEXTS = (
    "",
    " ",
    "a",
    "-1",
    "0",
    "1e999",
    "nan",
    "true",
    "null",
    "[]",
    "{}",
    "../../x",
    "/etc/passwd",
    "~nosuchuser/x",
    "~",
    "%00",
    "a\0b",
    "x" * 300,
    "é漢字",
    "\u202egnp",
    "e\u0301",
    "digits",
    "digits~fog:3",
    "digits~fog:9",
    "digits~",
    "~~",
    "folder:",
    "folder:~nosuchuser/x",
    "folder:/dev/zero",
    "archive:/dev/null",
    "npz:.",
    "file:",
    "file:/etc/hostname",
    "store:x",
    "run:",
    "run:zz",
    "hub:",
    "scratch",
    "shapes:hue=",
    "shapes:hue=2e9",
    "shapes:=",
    "shapes:hue=0.2,hue=0.3",
    "formulas:x",
    "resnet18",
    "resnet18.",
    ".",
    "vit_giant_patch14_clip_224",
    "bananas",
    "1,2,3",
    ",",
    "a=b",
    "=",
    "decay=0.5",
    "decay=-1",
    "$(touch x)",
    "`id`",
    "; rm x",
    "\ud800",
    "![x](y)",
    "<b>",
    "fine_tune",
    "lp_ft",
    "10" * 40,
    "0x10",
    "1_000",
    "١٢",
    "\n",
    "\r\n",
    "'",
    '"',
    "\\",
    "CON",
    "a:b:c",
)
NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    10**30,
    -(10**9),
    0.5,
    1e-320,
    1e308,
    -0.0,
    float("inf"),
    float("nan"),
    True,
    False,
)


def draw(seed: int, kind: str, number: int) -> random.Random:
    """The source of chance of one case."""
    return random.Random(f"{seed}/{kind}/{number}")


# -- specs ----------------------------------------------------------------------------------------------------


def anything(r: random.Random, depth: int = 0) -> Any:
    """A value of JSON, and some that are none."""
    pick = r.random()
    if pick < 0.35:
        return r.choice(TEXTS)
    if pick < 0.65:
        return r.choice(NUMBERS)
    if pick < 0.75:
        return None
    if depth > 3:
        return r.choice(TEXTS)
    if pick < 0.88:
        return [anything(r, depth + 1) for _ in range(r.choice((0, 1, 3, 50)))]
    return {str(r.choice(TEXTS)): anything(r, depth + 1) for _ in range(r.choice((0, 1, 4)))}


def mutated(r: random.Random, body: Any) -> Any:
    """The same with a few values changed, fields gone, added, or put elsewhere."""
    if isinstance(body, dict):
        share = r.choice((0.02, 0.1, 0.4))
        found = {key: mutated(r, value) if r.random() < share * 3 else value for key, value in body.items()}
        for key in list(found):
            if r.random() < share / 5:
                found[key] = anything(r)
            if r.random() < share / 5:
                del found[key]
        if r.random() < share / 5:
            found[str(r.choice((*TEXTS, *body)))] = anything(r)
        return found
    near = type(body) in (int, float) and r.random() < 0.5
    return body + r.choice((1, -1, 0.5)) if near else anything(r) if r.random() < 0.15 else body


def mangled(r: random.Random, data: bytes) -> bytes:
    """Bytes cut, doubled, changed, filled or swapped."""
    found = bytearray(data)
    for _ in range(r.choice((1, 1, 2, 8))):
        at = r.randrange(len(found) + 1)
        span = r.choice((1, 2, 8, 64, 4096))
        how = r.randrange(6)
        if how == 0:
            del found[at:]
        elif how == 1:
            del found[at : at + span]
        elif how == 2:
            found[at:at] = r.randbytes(span)
        elif how == 3:
            found[at : at + span] = bytes([r.choice((0, 255, 128, 10))]) * min(span, max(len(found) - at, 0))
        elif how == 4:
            found[at : at + 1] = bytes([r.randrange(256)])
        else:
            found[at:at] = found[at : at + span]
    return bytes(found)


def specs(inside: Path, outside: Path, mark: Path) -> Handler:
    """Specs as JSON: read, checked, written again, and said as a command."""
    from tltk.jobs.checking import check
    from tltk.specs import command, reading
    from tltk.specs.reading import read_spec, with_absolute_paths

    kinds = tuple(reading.spec_kinds().values())

    def handle(r: random.Random) -> str:
        whole = json.loads(r.choice(kinds)().to_json())
        how = r.random()
        if how < 0.75:
            text = json.dumps(mutated(r, whole)).encode("utf-8", "surrogatepass")
        elif how < 0.9:
            text = mangled(r, json.dumps(whole).encode())
        else:
            text = r.choice(
                (
                    b"[" * 100_000,
                    b'{"a":' * 100_000,
                    b"\xff\xfe",
                    b"",
                    b"null",
                    b"1" * 5000,
                    b'"\\ud800"',
                    b'{"kind": {}}',
                    b"[]",
                    json.dumps({**whole, "kind": r.choice(TEXTS)}).encode("utf-8", "surrogatepass"),
                    b"\xef\xbb\xbf" + json.dumps(whole).encode(),
                )
            )
        found = with_absolute_paths(read_spec(text))
        check(found)
        assert read_spec(found.to_json()) == found and len(found.run_id) == 12
        if found.verb:
            command.to_command(found)
            command.to_python(found)
        return found.kind

    return handle


# -- flags ----------------------------------------------------------------------------------------------------


def flags(inside: Path, outside: Path, mark: Path) -> Handler:
    """The shell's verbs with flags and arguments that nobody would give; runs are queued, none is started."""
    import click
    from click.testing import CliRunner

    from tltk import home
    from tltk.cli import main as cli
    from tltk.errors import TltkError

    os.environ["TLTK_EXECUTOR"] = "tests.support.executors:Idle"

    class Ended(Exception):
        """Where a verb would wait for a worker."""

    def wait(*_: Any, **__: Any) -> Any:
        raise Ended

    from tltk.cli import following as shell

    shell.wait = wait  # type: ignore[attr-defined]  # for this process, which handles cases alone
    verbs: list[tuple[list[str], click.Command]] = []

    def visit(words: list[str], group: click.Group) -> None:
        for name, one in group.commands.items():
            if isinstance(one, click.Group):
                visit([*words, name], one)
            elif name not in ("app", "doctor"):
                verbs.append(([*words, name], one))

    visit([], cli.main)
    good = inside / "spec.json"

    def value(r: random.Random, parameter: click.Parameter) -> str:
        if r.random() < 0.4 and isinstance(parameter.type, click.types.FloatParamType | click.types.IntParamType):
            return str(r.choice(NUMBERS))
        if isinstance(parameter.type, click.Path):
            return str(
                r.choice(
                    (
                        good,
                        inside,
                        "/dev/null",
                        "/dev/zero",
                        "/proc/self/mem",
                        "x" * 5000,
                        "a/" * 3000,
                        "\udcff",
                        *TEXTS,
                    )
                )
            )
        return str(r.choice(TEXTS))

    def handle(r: random.Random) -> str:
        good.write_text('{"kind": "transfer"}', encoding="ascii")
        words, verb = r.choice(verbs)
        words = list(words)
        for parameter in r.sample(verb.params, min(len(verb.params), r.choice((0, 1, 2, 4)))):
            if isinstance(parameter, click.Option):
                words.append(parameter.opts[0] if r.random() < 0.95 else parameter.opts[0][:-1])
                if not parameter.is_flag or r.random() < 0.05:
                    words.append(value(r, parameter))
        for parameter in verb.params:
            if isinstance(parameter, click.Argument) and r.random() < 0.95:
                words.append(value(r, parameter))
        if r.random() < 0.5 and any("--detach" in p.opts for p in verb.params):
            words.append("--detach")
        words = [word.replace("\0", "") if r.random() < 2 else word for word in words]  # no shell can send one
        done = CliRunner().invoke(cli.main, words)
        shutil.rmtree(home.home(), ignore_errors=True)
        fault = done.exception
        if fault is None or isinstance(fault, Ended):
            return " ".join(words)
        if (
            isinstance(fault, SystemExit)
            and "Traceback" not in done.output
            and "nternal error in tltk" not in done.output
        ):
            if done.exit_code not in (1, 2):
                raise RuntimeError(f"exit code {done.exit_code}: {words}")
            raise TltkError(done.output[-200:])
        raise RuntimeError(f"{words!r}"[:120] + f" → {type(fault).__name__}: {fault}") from fault

    return handle


# -- pictures ---------------------------------------------------------------------------------------------------


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, depth: int = 8, colour: int = 2, data: bytes | None = None, extra: bytes = b""
) -> bytes:
    """A PNG that says what it is told to say, true or not."""
    body = zlib.compress(b"\0" * 1000) if data is None else data
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def whole(r: random.Random) -> bytes:
    """A small picture in which nothing is wrong."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.effect_noise((24, 24), r.uniform(10, 90)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def picture(r: random.Random) -> bytes:
    """A picture file: whole, mangled, lying or huge."""
    import numpy as np
    from PIL import Image

    how = r.random()
    if how < 0.12:
        side = r.choice((1, 2, 65_535, 100_000, 2**31 - 1))
        return png(side, r.choice((1, 2, 65_535, 2**31 - 1)), r.choice((1, 8, 16, 7)), r.choice((0, 2, 3, 4, 6, 5)))
    if how < 0.18:
        side = r.choice((4000, 9000, 12_000))
        grey16 = r.random() < 0.5
        body = zlib.compressobj(1)
        line = b"\0" * (1 + side * (2 if grey16 else 1))
        return png(
            side, side, 16 if grey16 else 8, 0, b"".join(body.compress(line) for _ in range(side)) + body.flush()
        )
    if how < 0.22:
        extra = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"0" * 50_000_000)) + chunk(
            b"iCCP", b"x\0\0" + zlib.compress(b"1" * 10_000_000)
        )
        return png(8, 8, data=zlib.compress(b"\0" * 25 * 8), extra=extra)
    if how < 0.28:
        return r.choice(
            (
                b"",
                b"\0",
                b"GIF89a",
                b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>",
                b"%!PS-Adobe-3.0 EPSF\n(/etc/passwd) run\n",
                b"P6\n99999 99999\n255\n",
                b"BM" + b"\xff" * 60,
                b"\x89HDF\r\n\x1a\n",
                b"RIFF\xff\xff\xff\xffWEBPVP8 ",
                b"II*\0\x08\0\0\0\xff\xff",
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
                b"<!DOCTYPE html><html>",
                b"\xff\xd8\xff",
                b"8BPS\0\1",
            )
        )
    mode = r.choice(("RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"))
    width, height = r.choice((1, 3, 17, 64)), r.choice((1, 5, 33))
    array = np.random.default_rng(r.randrange(2**32)).integers(0, 255, (height, width, 4), dtype=np.uint8)
    if mode == "I;16":
        image = Image.fromarray(array[..., 0].astype(np.uint16) * r.choice((1, 16, 257)))
    elif mode in ("I", "F"):
        kind = np.int32 if mode == "I" else np.float32
        numbers = array[..., 0].astype(kind) * r.choice((1, 1000))
        if mode == "F":
            numbers.flat[0] = r.choice((np.nan, np.inf, -1e38, 1e38, 0))
        image = Image.fromarray(numbers)
    else:
        image = (
            Image.fromarray(array, "RGBA").convert("RGB").convert(mode)
            if mode not in ("LA", "RGBA")
            else Image.fromarray(array).convert(mode)
        )
    buffer = io.BytesIO()
    for form in r.sample(("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA"), 9):
        with contextlib.suppress(OSError, ValueError, KeyError, SystemError):
            buffer = io.BytesIO()
            image.save(buffer, form)
            break
    return mangled(r, buffer.getvalue()) if r.random() < 0.6 else buffer.getvalue()


NAMES = (
    "a.png",
    "b.jpg",
    "c.tif",
    "d.bmp",
    "é.png",
    "e\u0301.png",
    ".hidden.png",
    "a b .png",
    "x" * 200 + ".png",
    "a.PNG",
    "noend",
    "Thumbs.db",
    "~x:3.png",
    "-rf.png",
    "$(id).png",
    "a\nb.png",
    "\x1b[31m.png",
    "x (1).png",
    "desktop.ini",
    "labels.csv",
    "a.png.exe",
    "a.webp",
    "a.gif",
    "a.txt",
)
FOLDERS = (
    "cat",
    "dog",
    "train",
    "val",
    "test",
    "images",
    "masks",
    "__MACOSX",
    "@eaDir",
    ".git",
    "0",
    "1",
    "é",
    "e\u0301",
    "my~fog:3",
    "a,b@c",
    "cat ",
    "x" * 120,
)


def tree(r: random.Random) -> dict[str, bytes]:
    """Paths and contents of a folder that should be a data set."""
    found = {f"{folder}/{i}.png": whole(r) for folder in ("cat", "dog") for i in range(4)} if r.random() < 0.8 else {}
    for _ in range(r.choice((0, 1, 1, 2, 4))):
        at = "/".join(r.sample(FOLDERS, r.choice((1, 1, 2, 3))))
        for name in r.sample(NAMES, r.choice((1, 3, 6))):
            found[f"{at}/{name}"] = picture(r)
    return found


def pictures(inside: Path, outside: Path, mark: Path) -> Handler:
    """Folders of pictures: loaded, with links, pipes and names of every kind."""
    place = inside / "set"

    def handle(r: random.Random) -> str:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name, data in tree(r).items():
            with contextlib.suppress(OSError, ValueError):
                file = place / name
                file.parent.mkdir(parents=True, exist_ok=True)
                how = r.random()
                if how < 0.03:
                    os.mkfifo(file)
                elif how < 0.08:
                    file.symlink_to(r.choice((outside, place, file, "/dev/zero", "nowhere", "/etc/passwd", "..")))
                else:
                    file.write_bytes(data)
                    if how > 0.97:
                        file.chmod(0)
        return loaded(f"folder:{place}", r)

    return handle


def loaded(name: str, r: random.Random) -> str:
    """The domain of this name, looked at."""
    import tltk.data
    from tltk import home
    from tltk.specs.parts import DataSpec

    spec = DataSpec(name, size=r.choice((8, 32, 64)), n=r.choice((0, 0, 5)), shots=r.choice((0, 0, 1)))
    try:
        found = tltk.data.load(spec)
        found.split(spec, 0)
    finally:
        for path in home.folder("domains").iterdir():
            shutil.rmtree(path, ignore_errors=True)
    return f"{len(found.labels)} pictures, {len(found.classes)} classes"


# -- archives -------------------------------------------------------------------------------------------------------


def archive_names(r: random.Random, outside: Path) -> list[str]:
    """Names that lead out, beside the plain ones."""
    bad = (
        "../../outside/x.png",
        "../outside/keep.txt",
        f"{outside}/x.png",
        "cat/../../../outside/x.png",
        "..\\..\\outside\\x.png",
        "C:\\x.png",
        "cat//a.png",
        "./cat/a.png",
        "cat/./a.png",
        "/cat/a.png",
        "cat/\0.png",
        "cat/" + "y" * 400 + ".png",
        "a/" * 200 + "x.png",
        "cat/CON.png",
        "\ud800.png",
        "",
        ".",
        "..",
        "cat/",
        "//server/share/x.png",
        "~/x.png",
    )
    good = [f"{folder}/{name}" for folder in ("cat", "dog") for name in ("a.png", "b.jpg", "c.tif", "d.png", "e.png")]
    return [*good, *r.sample(bad, r.choice((0, 0, 0, 1, 4)))]


def zipped(r: random.Random, outside: Path) -> bytes:
    """A zip: with names that lead out, links, bombs, lies, doubles, encryption, or mangled."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(
        buffer, "w", r.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
    ) as archive:
        for name in archive_names(r, outside):
            with contextlib.suppress(ValueError, UnicodeError):
                info = zipfile.ZipInfo(name.replace("\0", "") or "x")
                data = whole(r) if r.random() < 0.8 else picture(r)
                data = b"\0" * r.choice((10_000_000, 100_000_000)) if r.random() < 0.02 else data
                if r.random() < 0.03:
                    info.external_attr, data = (
                        0o120777 << 16,
                        r.choice((str(outside), "../../outside", "/etc/passwd")).encode(),
                    )
                info.compress_type = archive.compression
                archive.writestr(info, data)
    data = buffer.getvalue()
    if r.random() < 0.08:  # sizes that lie
        at = data.rfind(b"PK\x01\x02")
        data = (
            data[: at + 20]
            + struct.pack("<II", r.choice((0, 1, 2**32 - 1)), r.choice((0, 1, 2**32 - 1)))
            + data[at + 28 :]
        )
    if r.random() < 0.05:
        at = data.find(b"PK\x03\x04")
        data = data[: at + 6] + b"\x01\x00" + data[at + 8 :]
    return mangled(r, data) if r.random() < 0.25 else data


def tarred(r: random.Random, outside: Path) -> bytes:
    """A tar: with names that lead out, links of both kinds, devices, pipes, holes, huge sizes, or mangled."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer,
        mode=r.choice(("w", "w:gz", "w:bz2", "w:xz")),
        format=r.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)),
    ) as archive:
        for name in archive_names(r, outside):
            with contextlib.suppress(ValueError, UnicodeError):
                info = tarfile.TarInfo(name.replace("\0", "") or "x")
                data = whole(r) if r.random() < 0.8 else picture(r)
                info.size = len(data)
                if r.random() < 0.05:
                    info.type = r.choice(
                        (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, b"Z")
                    )
                    info.linkname, info.size = r.choice((str(outside), "../../outside", "/etc/passwd", name)), 0
                    info.devmajor, info.devminor = 1, 5
                archive.addfile(info, io.BytesIO(data if info.size else b""))
    data = buffer.getvalue()
    return mangled(r, data) if r.random() < 0.25 else data


def npz(r: random.Random) -> bytes:
    """An npz: other keys, types, shapes, objects, lies and bombs."""
    import numpy as np

    n = r.choice((0, 1, 4, 20))
    shapes: tuple[tuple[int, ...], ...] = (
        (n, 8, 8),
        (n, 8, 8, 3),
        (n, 3, 8, 8),
        (n, 64),
        (n,),
        (),
        (n, 8, 8, 3, 2),
        (n, 8000, 4000),
        (n, 0, 8),
    )
    shape = r.choice((*shapes[:2], *shapes))
    kind = r.choice(
        (np.uint8, np.uint8, np.float32, np.float64, np.int64, np.uint16, np.bool_, np.complex64, np.float16)
    )
    found: dict[str, Any] = {}
    parts = r.choice(
        (("x", "y"), ("x", "y"), ("x_train", "y_train"), ("train_images", "train_labels"), ("images", "labels"))
    )
    for key in dict.fromkeys(
        (
            parts[0],
            *r.sample(("x", "X", "images", "data", "x_train", "x_test", "train_images", "arr_0"), r.choice((0, 0, 1))),
        )
    ):
        found[key] = np.zeros(shape, kind)
        if found[key].size and found[key].size < 10**6 and r.random() < 0.5:
            found[key].flat[::7] = r.choice((1, 0)) if kind is np.bool_ else r.choice((1, 100, 0))
        if kind in (np.float32, np.float64) and found[key].size and r.random() < 0.3:
            found[key].flat[0] = r.choice((np.nan, np.inf, -1, 1e30))
    labels = {
        parts[1],
        *r.sample(
            ("y", "Y", "labels", "y_train", "y_test", "train_labels", "classes", "class_names", "targets"),
            r.choice((0, 0, 1, 3)),
        ),
    }
    for key in sorted(labels):
        found[key] = (
            np.arange(n) % 2
            if r.random() < 0.5
            else r.choice(
                (
                    np.arange(n) % 2,
                    np.arange(n + 1) % 2,
                    np.zeros((n, 1), int),
                    np.zeros((n, 3)),
                    np.array(["a", "b"] * n)[:n],
                    np.array(["\ud800"], dtype="U1"),
                    np.arange(n) * 10**12,
                    np.full(n, np.nan),
                    np.arange(n) - 5,
                    np.array([]),
                )
            )
        )
    buffer = io.BytesIO()
    if r.random() < 0.1:
        found["y"] = np.array([Mark()] * max(n, 1), dtype=object)
    np.savez_compressed(buffer, **found)
    data = buffer.getvalue()
    if r.random() < 0.1:  # a header that names more than there is
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            many = r.choice((10**5, 10**12, -1))
            head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({many}, 1000, 1000), }}".encode()
            body = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) + 1) + head + b"\n"
            archive.writestr("x.npy", body + b"\0" * r.choice((0, 1000)))
            archive.writestr("y.npy", body)
        data = buffer.getvalue()
    return mangled(r, data) if r.random() < 0.2 else data


class Mark:
    """What leaves a mark when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ('touch "$TLTK_FUZZ_MARK"',)


def archives(inside: Path, outside: Path, mark: Path) -> Handler:
    """Zips, tars and npz files: loaded as domains."""

    def handle(r: random.Random) -> str:
        kind = r.choice(("zip", "tar", "npz"))
        suffix = {
            "zip": (".zip",) * 8 + (".tar", ""),
            "tar": (".tar", ".tar.gz") * 4 + (".tgz", ".zip"),
            "npz": (".npz",) * 8 + (".zip", ".npy"),
        }[kind]
        for old in inside.glob("file*"):
            old.unlink()
        file = inside / f"file{r.choice(suffix)}"
        file.write_bytes(zipped(r, outside) if kind == "zip" else tarred(r, outside) if kind == "tar" else npz(r))
        door = "npz" if (kind == "npz") == (r.random() < 0.97) else "archive"
        return loaded(f"{door}:{file}", r)

    return handle


# -- tensors ---------------------------------------------------------------------------------------------------------


class Call:
    """A name of Python's that a pickle calls, with what it hands over."""

    def __init__(self, function: Any, *words: Any) -> None:
        self.function, self.words = function, words

    def __reduce__(self) -> Any:
        return self.function, self.words


def harmful(r: random.Random) -> Any:
    """An object whose unpickling runs something."""
    code = "import os; open(os.environ['TLTK_FUZZ_MARK'], 'w').close()"
    return r.choice(
        (
            Mark(),
            Call(eval, f"exec({code!r})"),
            Call(exec, code),
            Call(os.popen, 'touch "$TLTK_FUZZ_MARK"'),
            Call(__import__, "antigravity"),
            Call(os.mkdir, "made"),
        )
    )


def pth(r: random.Random, state: dict[str, Any]) -> bytes:
    """A .pth: wrapped, nested in itself, with objects that would run, huge, or mangled."""
    import torch

    state = dict(state)
    for name in r.sample(sorted(state), r.choice((0, 0, 0, 1, 3))):
        tensor = state[name]
        state[name] = r.choice(
            (
                lambda t: t.reshape(-1),
                lambda t: t[..., None],
                lambda t: t.double(),
                lambda t: t * float("nan"),
                lambda t: t.to(torch.int8),
                lambda t: torch.zeros(0),
                lambda t: torch.zeros(1).expand(10**9),
                lambda t: "text",
                lambda t: None,
                lambda t: t.to_sparse(),
                lambda t: [1, 2],
                lambda t: torch.zeros((1,) * 60),
                lambda t: torch.quantize_per_tensor(t.float().reshape(-1), 0.1, 0, torch.qint8),
            )
        )(tensor)
    for _ in range(r.choice((0, 0, 1, 3))):
        state[r.choice(("", "a.b", "module.x", "x" * 5000, "queue", "\ud800", "fc.weight", "\x1b[31m"))] = r.choice(
            (torch.zeros(3), 1, "x", None)
        )
    body: Any = state
    for _ in range(r.choice((0, 0, 1, 1, 1, 2, 40))):
        body = {
            r.choice(("state_dict", "state_dict", "model", "net", "ema", "module", "weights", "x")): body,
            **({"epoch": 3} if r.random() < 0.5 else {}),
        }
    how = r.random()
    if how < 0.08:
        body = {}
        body[r.choice(("state_dict", "model"))] = body
    elif how < 0.12:
        body = [body] if r.random() < 0.5 else (body, 1)
    elif how < 0.3:
        body = {**body, r.choice(("args", "state_dict", "x")): harmful(r)}
    buffer = io.BytesIO()
    if how > 0.9:
        pickle.dump(harmful(r) if r.random() < 0.5 else body, buffer, protocol=r.choice((0, 2, 4, 5)))
    else:
        torch.save(body, buffer, _use_new_zipfile_serialization=r.random() < 0.8, pickle_protocol=2)
    return mangled(r, buffer.getvalue()) if r.random() < 0.3 else buffer.getvalue()


def safe(r: random.Random, state: dict[str, Any]) -> bytes:
    """A .safetensors: another header, true or not, over some bytes."""
    from safetensors.torch import save

    data = save({k: v.contiguous() for k, v in state.items()}, {"backbone": "test_resnet"})
    size = struct.unpack("<Q", data[:8])[0]
    head, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    for name in r.sample(sorted(head), r.choice((0, 1, 1, 2, 5))):
        how = r.randrange(14)
        if name == "__metadata__":
            head[name] = r.choice(
                (
                    {"backbone": r.choice(TEXTS)},
                    {"backbone": "vit_giant_patch14_clip_224"},
                    {"classes": "x" * 10**6},
                    [],
                    1,
                    {"backbone": 3},
                )
            )
        elif how == 0:
            head[name]["shape"] = r.choice(([2**40], [0], [-1], [1] * 70, [10**5, 10**5], "x", [2**63, 2**63], []))
        elif how == 1:
            head[name]["data_offsets"] = r.choice(([0, 2**60], [5, 1], [0], [-4, 0], [0, 0], None))
        elif how == 2:
            head[name]["dtype"] = r.choice(("F64", "I8", "BOOL", "F8_E4M3", "BF16", "X", None, "U64", "C64"))
        elif how == 3:
            del head[name]
        elif how == 4:
            head[r.choice(("", "x" * 3000, "a.b", "\x1b[2J", "é"))] = head.pop(name)
        elif how == 5:
            head[name] = anything(r)
        elif how < 8 and "shape" in head[name]:
            head[name]["shape"] = head[name]["shape"][::-1]
        elif how < 10:
            head["module." + name] = head.pop(name)
        elif how < 12 and head[name].get("dtype") == "F32":
            head[name]["dtype"] = r.choice(("I32", "U32"))
    text = json.dumps(head).encode("utf-8", "surrogatepass")
    if r.random() < 0.05:
        text = r.choice(
            (
                b"{}",
                b"[" * 100_000,
                b'{"a":' * 50_000,
                b"",
                b" " * 1000,
                b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
            )
        )
    length = len(text) if r.random() < 0.93 else r.choice((0, 1, 2**63, 2**32, 10**9))
    found = struct.pack("<Q", length) + text + body
    return mangled(r, found) if r.random() < 0.25 else found


def tensors(inside: Path, outside: Path, mark: Path) -> Handler:
    """Weight files: looked at, and now and then taken into the store."""
    import timm
    import torch

    from tltk import home
    from tltk.analyses.import_weights.analysis import import_weights
    from tltk.analyses.import_weights.spec import ImportWeightsSpec

    torch.manual_seed(0)
    state = timm.create_model("test_resnet", num_classes=3).state_dict()

    def handle(r: random.Random) -> str:
        how, suffix = r.random(), r.choice((".safetensors", ".pth", ".pt", ".ckpt", ".bin", ""))
        data = (
            safe(r, state)
            if how < 0.45
            else pth(r, state)
            if how < 0.95
            else r.choice((b"", b"\0" * 100, b"<html>", b"PK\3\4", b"\x80\x04."))
        )
        if r.random() < 0.85:
            suffix = ".safetensors" if how < 0.45 else r.choice((".pth", ".pt"))
        for old in inside.glob("weights*"):
            old.unlink()
        file = inside / f"weights{suffix}"
        file.write_bytes(data)
        name = "mine" if r.random() < 0.3 else ""
        backbone = r.choice(("", "test_resnet", "test_vit", *TEXTS)) if r.random() < 0.3 else ""
        try:
            return import_weights(ImportWeightsSpec(f"file:{file}", backbone, name)).backbone
        finally:
            for path in home.folder("weights").iterdir():
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()

    return handle


# -- home files --------------------------------------------------------------------------------------------------------


RESULT = {
    "accuracy": 0.5,
    "macro_f1": 0.5,
    "epochs": 8,
    "steps": 80,
    "seconds": 1.0,
    "device": "cpu",
    "frozen_tensors": 3,
    "frozen_moved": 0,
    "classes": ["a", "b"],
    "layers": ["a", "head"],
    "phases": [],
}


def homes(inside: Path, outside: Path, mark: Path) -> Handler:
    """A home with one or more files damaged: the verbs that list it, the live route, and a look of the supervisor."""
    import msgspec
    from click.testing import CliRunner
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from tltk import home
    from tltk.analyses.describe.spec import DescribeSpec
    from tltk.cli import main as cli
    from tltk.dashboard import routes
    from tltk.jobs import queue, supervisor
    from tltk.results.rows import Row
    from tltk.runs.run import Child, Run
    from tltk.specs.training import TransferSpec
    from tltk.studies.compare.spec import CompareSpec

    os.environ["TLTK_EXECUTOR"] = "tests.support.executors:Idle"

    class Idle:
        """A worker that does nothing."""

        def __init__(self) -> None:
            import types

            self.born, self.process = (
                0.0,
                types.SimpleNamespace(pid=2**22 - 1, poll=lambda: None, stdin=None, wait=lambda: 0),
            )

        def give(self, *_: Any) -> None:
            pass

    supervisor.Worker = Idle  # type: ignore[assignment,misc]
    supervisor.slots = lambda: [{"TLTK_THREADS": "1"}]
    client = TestClient(Starlette(routes=routes.routes))
    pattern = inside / "pattern"
    os.environ["TLTK_HOME"] = str(pattern)
    one, study = Run.create(TransferSpec()), Run.create(CompareSpec())
    rows = [
        Row(e, 10 * e, 1.0 * e, s, n, 0.5) for e in range(1, 9) for s in ("train", "val") for n in ("accuracy", "loss")
    ]
    (one.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    one.write_status(state="done", epoch=8, epochs=8)
    (one.path / "result.json").write_text(json.dumps(RESULT), encoding="utf-8")
    study.write_children([Child(one.id, "transfer", "measure", 0, 1e-3)])
    study.write_status(state="running", pid=2**22 - 1, pid_born=1.0)
    waiting = Run.create(DescribeSpec())
    waiting.write_status(state="waiting")
    queue.add(waiting.id, light=True)
    ids = [one.id, study.id, waiting.id]
    files = sorted(
        str(p.relative_to(pattern))
        for p in pattern.rglob("*")
        if p.is_file() and p.suffix in (".json", ".jsonl", ".db")
    )
    here = inside / "home"

    def damage(r: random.Random, file: Path) -> None:
        data, how = file.read_bytes(), r.random()
        if how < 0.3:
            file.write_bytes(mangled(r, data))
        elif how < 0.45:
            spoilt = bytearray(data)
            spoilt[r.randrange(len(spoilt) or 1) : 0] = r.choice((b"\xff", b"\xc3\x28", b"\0", b'"\xff"'))
            file.write_bytes(bytes(spoilt))
        elif how < 0.65 and file.suffix == ".json":
            with contextlib.suppress(ValueError):
                file.write_bytes(json.dumps(mutated(r, json.loads(data))).encode("utf-8", "surrogatepass"))
        elif how < 0.75:
            file.write_bytes(
                r.choice(
                    (b"", b"\0" * 4096, b"[" * 100_000, b"null", b"[]", b"{}", b"1", b'"x"', b"\xef\xbb\xbf" + data)
                )
            )
        elif how < 0.85:
            file.unlink()
            file.mkdir()
        elif how < 0.9:
            file.unlink()
            file.symlink_to(r.choice((str(file), "nowhere", "/dev/null", "..")))
        else:
            file.unlink()

    def handle(r: random.Random) -> str:
        os.environ["TLTK_HOME"] = str(here)
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(pattern, here)
        chosen = r.sample(files, r.choice((1, 1, 2)))
        for name in chosen:
            damage(r, here / name)
        where = f"{chosen} of seed"
        words = (
            ["runs"],
            ["runs", "--json"],
            *(["runs", "show", i] for i in ids),
            ["weights", "list"],
            ["runs", "log", ids[0]],
        )
        for verb in words:
            done = CliRunner().invoke(cli.main, verb)
            fault = done.exception
            if fault is not None and (not isinstance(fault, SystemExit) or "nternal error in tltk" in done.output):
                raise RuntimeError(f"{where}: {verb} → {type(fault).__name__}: {fault}"[:250]) from fault
        for run_id in ids[:2]:
            reply = client.get(f"/tltk/live/{run_id}")
            if reply.status_code >= 500:
                raise RuntimeError(f"{where}: live route {reply.status_code}")
        try:
            boss = supervisor.Supervisor()
            boss.keeps_spare = False
            boss.tick()
            boss.tick()
        except Exception as fault:
            raise RuntimeError(f"{where}: supervisor → {type(fault).__name__}: {fault}"[:250]) from fault
        assert home.home() == here
        return str(chosen)

    return handle


KINDS: dict[str, Callable[[Path, Path, Path], Handler]] = {
    "specs": specs,
    "flags": flags,
    "archives": archives,
    "pictures": pictures,
    "tensors": tensors,
    "homes": homes,
}

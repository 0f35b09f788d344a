"""Weight files by their first bytes and their headers, and the one way in which safetensors are written. No torch.

Nothing is believed of a file's name, and no tensor is read: what a file is, and how large its tensors are, is known
before anything is allocated. What cannot be used is refused in a sentence that says what the file is and what to do.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tltk.errors import WeightsMissing

SAFETENSORS, TORCH, PICKLE, INDEX = "safetensors", "torch", "pickle", "index"
BYTES = {  # of one number, by safetensors' name of its type
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U64": 8,
    "U32": 4,
    "U16": 2,
    "U8": 1,
    "BOOL": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E8M0": 1,
    "F8_E4M3FNUZ": 1,
    "F8_E5M2FNUZ": 1,
    "C64": 8,
}
# Types that are written, by the name that torch and NumPy share → safetensors' own, in the order in which it lays them.
WRITTEN = dict(
    bool="BOOL",
    uint8="U8",
    int8="I8",
    int16="I16",
    uint16="U16",
    float16="F16",
    bfloat16="BF16",
    int32="I32",
    uint32="U32",
    float32="F32",
    float64="F64",
    int64="I64",
    uint64="U64",
)
MAX_HEADER_BYTES = 16_000_000  # bytes, which is some hundred thousand tensors
MAX_CONFIG_BYTES = 4_000_000
MAX_RATIO, FREE_BYTES = 3, 2**26  # a network's numbers hardly shrink when packed; more than this is a bomb
# Of a folder of the hub, the first that is there; safetensors before pickles.
IN_FOLDER = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "open_clip_pytorch_model.bin",
    "pytorch_model.safetensors",
)
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")

LARGEST, HELD = 1.8e19, 3.4028234663852886e38  # whose square 32 bits hold, and what they hold at all
TYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "BOOL")  # of which networks' tensors are

SAVE = "save model.state_dict() with torch.save, or better as safetensors"
CONVERT = "convert it to PyTorch where it was made and " + SAVE
AS_PICTURE = "name the file with the weights instead"
# What begins so → what it is, and what to do.
SIGNS: tuple[tuple[int, bytes, str, str], ...] = (
    (
        0,
        b"version https://git-lfs",
        "a pointer of git-LFS and not the file itself",
        "fetch the file with `git lfs pull` (or download it from the page of the repository)",
    ),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5, as Keras and older TensorFlow write it", CONVERT),
    (0, b"\x93NUMPY", "a NumPy array without a name", "save the tensors by name with safetensors.numpy.save_file"),
    (0, b"GGUF", "GGUF, of quantised language models", "no image network is kept so; name another file"),
    (0, b"ggml", "GGML, of quantised language models", "no image network is kept so; name another file"),
    (4, b"TFL3", "TensorFlow Lite", CONVERT),
    (0, b"MATLAB 5.0", "a MATLAB file", CONVERT),
    (0, b"\x1f\x8b", "packed with gzip", "unpack it and name the file in it"),
    (0, b"BZh", "packed with bzip2", "unpack it and name the file in it"),
    (0, b"\xfd7zXZ\x00", "packed with xz", "unpack it and name the file in it"),
    (0, b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it and name the file in it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and name the file in it"),
    (0, b"Rar!", "a RAR archive", "unpack it and name the file in it"),
    (257, b"ustar", "a tar archive", "unpack it and name the file in it"),
    (0, b"%PDF", "a PDF", AS_PICTURE),
    (0, b"\x89PNG", "a picture", AS_PICTURE),
    (0, b"\xff\xd8\xff", "a picture", AS_PICTURE),
    (0, b"GIF8", "a picture", AS_PICTURE),
    (0, b"\x7fELF", "a program", AS_PICTURE),
    (0, b"MZ", "a program", AS_PICTURE),
    (0, b"SQLite format 3", "a database", AS_PICTURE),
    (0, b"-----BEGIN", "a key or a certificate", AS_PICTURE),
)
# Formats that no first bytes tell, by the end of their names.
NAMED = {
    ".onnx": ("ONNX", "save the state_dict of the PyTorch model that it was made from"),
    ".pb": ("a TensorFlow graph", CONVERT),
    ".tflite": ("TensorFlow Lite", CONVERT),
    ".index": ("the index of a TensorFlow checkpoint", CONVERT),
    ".h5": ("meant to be HDF5", CONVERT),
    ".msgpack": ("Flax's msgpack", CONVERT),
    ".mlmodel": ("Core ML", CONVERT),
    ".caffemodel": ("Caffe", CONVERT),
    ".pdparams": ("PaddlePaddle", CONVERT),
    ".params": ("MXNet", CONVERT),
    ".engine": ("TensorRT", CONVERT),
}


class Shaped:
    """A tensor of which only type and shape are known, and at which byte of its file it begins."""

    __slots__ = ("dtype", "shape", "start")

    def __init__(self, dtype: str, shape: tuple[int, ...], start: int = 0) -> None:
        self.dtype, self.shape, self.start = dtype, shape, start

    @property
    def ndim(self) -> int:
        """How many sides it has."""
        return len(self.shape)

    def numel(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    def reshape(self, shape: tuple[int, ...]) -> Shaped:
        """As many numbers in another shape."""
        return Shaped(self.dtype, tuple(shape))


@dataclass(frozen=True)
class WeightFile:
    """A file, or the files of a folder, that can hold weights.

    Attributes:
        path: What was named.
        kind: `SAFETENSORS`, `TORCH` (a zip of torch's) or `PICKLE` (as torch wrote before 2020).
        files: Where the tensors lie: one file, or the pieces that an index names.
        told: What the header, or a folder's config and card, say of them.
    """

    path: Path
    kind: str
    files: tuple[Path, ...]
    told: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def unpacked_bytes(self) -> int:
        """How much they hold at the most, unpacked where another program has packed them."""
        if self.kind != TORCH:
            return self.bytes
        found = 0
        for file in self.files:
            with zipfile.ZipFile(file) as archive:
                found += sum(entry.file_size for entry in archive.infolist())
        return found


def resolve_path(where: str) -> Path:
    """A path as a user writes it.

    Raises:
        WeightsMissing: It cannot be one.
    """
    try:
        return Path(where).expanduser()
    except RuntimeError:
        raise WeightsMissing(
            f"A path must begin with a folder that exists. There is no such user as in {where[:80]!r}; "
            "write the whole path."
        ) from None


def exists(path: Path, folder: bool = False) -> bool:
    """Whether a regular file (or a folder) is there; no path is too long or too odd to be asked about."""
    try:
        return path.is_dir() if folder else path.is_file()
    except (OSError, ValueError):
        return False


def told_classes(told: Mapping[str, str]) -> list[str]:
    """Names of the classes by the words of a header; none where they are not told, or are no names."""
    try:
        names: Any = json.loads(told.get("classes") or told.get("class_names") or "null")
    except (ValueError, RecursionError):
        return []
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def identify(path: Path) -> WeightFile:
    """What this file or folder is.

    Raises:
        WeightsMissing: It is absent, cannot be read, or is nothing that can be used as weights.
    """
    if exists(path, folder=True):
        return _of_folder(path)
    if not exists(path):
        special = "; what is there is no plain file" if _is_something(path) else ""
        raise WeightsMissing(
            f"A weight file must exist. There is none at {_short(path)}{special}. Check the path; "
            "`tltk weights list` lists what is on this machine."
        )
    kind = sniff_format(path)
    if kind == INDEX:
        files = _pieces(path)
        kinds = {sniff_format(file) for file in files}
        if len(kinds) > 1:
            raise WeightsMissing(f"The pieces of one set of weights must be of one kind. Those of {path.name} are not.")
        kind = kinds.pop()
    else:
        files = (path,)
    told: dict[str, str] = {}
    if kind == SAFETENSORS:
        for file in files:
            told |= read_header(file)[1]
    return WeightFile(path, kind, files, told)


def _is_something(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 160 else f"{text[:80]}…{text[-60:]}"


def _of_folder(folder: Path) -> WeightFile:
    """The weights in a folder as the hub, transformers or a run of tltk keeps them."""
    try:
        names = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as fault:
        raise WeightsMissing(
            f"A folder of weights must be readable. {_short(folder)} is not: {fault.strerror}."
        ) from None
    known = [name for name in IN_FOLDER if name in names]
    others = [name for name in names if name.lower().endswith(SUFFIXES)]
    if not known and not others and "snapshots" in names and (inner := _revision(folder)) is not None:
        return replace(_of_folder(inner), path=folder)
    if not known and len(others) != 1:
        what = f"holds several: {_some(others)}; name one of them" if others else "holds none; name the file itself"
        if "saved_model.pb" in names or any(n.endswith(".index") for n in names):
            what = f"is TensorFlow's; {CONVERT}"
        raise WeightsMissing(
            f"A folder of weights must hold model.safetensors, as the hub keeps them, or one weight file. "
            f"{_short(folder)} {what}."
        )
    found = identify(folder / (known or others)[0])
    return WeightFile(
        folder, found.kind, found.files, {**_config(folder / "config.json"), **_readme(folder), **found.told}
    )


def _revision(folder: Path) -> Path | None:
    """Of a folder of the hub's cache, the files of the revision that it names as its main one, else of the newest."""
    with contextlib.suppress(OSError):
        found = sorted((p for p in (folder / "snapshots").iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
        if exists(folder / "refs" / "main"):
            with open(folder / "refs" / "main", "rb") as file:
                main = file.read(100).decode(errors="replace").strip()
            found += [p for p in found if p.name == main]
        return found[-1] if found else None
    return None


def _some(names: Iterable[str], most: int = 4) -> str:
    names = [sanitise(n, 80) for n in names]
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")


def sanitise(text: str, most: int = 200) -> str:
    """A stranger's words as one short line that no terminal takes for orders."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:most]).split())


def _pieces(index: Path) -> tuple[Path, ...]:
    """The files that an index of pieces names; they lie beside it and nowhere else."""
    try:
        body = json.loads(index.read_bytes() if index.stat().st_size <= MAX_HEADER_BYTES else b"")
        names = sorted(set(body["weight_map"].values()))
        own = all(isinstance(n, str) and n == Path(n).name and n not in ("", ".", "..") for n in names)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        own, names = False, []
    if not own or not names:
        raise WeightsMissing(f"An index of weights must name files beside it by tensor. {index.name} does not.")
    missing = [name for name in names if not exists(index.parent / name)]
    if missing:
        raise WeightsMissing(
            f"The pieces that {index.name} names must lie beside it. Of {len(names)}, {_some(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; download them too."
        )
    return tuple(index.parent / name for name in names)


def _config(path: Path) -> dict[str, str]:
    """Architecture and class names of a config.json, as timm or transformers writes it."""
    body: Any = {}
    with contextlib.suppress(OSError, ValueError, RecursionError):
        if exists(path) and path.stat().st_size <= MAX_CONFIG_BYTES:  # a device or a pipe would never end
            body = json.loads(path.read_bytes())
    if not isinstance(body, dict):
        return {}
    inner: Any = body.get("pretrained_cfg")
    inner = inner if isinstance(inner, dict) else {}
    told = {}
    for name in ("architecture", "license", "licence"):
        value = body.get(name) or inner.get(name)
        if isinstance(value, str):
            told[name] = value
    names = body.get("label_names") or inner.get("label_names") or body.get("id2label")
    if isinstance(names, dict) and all(str(k).isdecimal() for k in names):
        names = [names[k] for k in sorted(names, key=int)]
    if isinstance(names, list) and names and all(isinstance(n, str) for n in names):
        told["classes"] = json.dumps(names)
    return told


def _readme(folder: Path) -> dict[str, str]:
    """Licence and data of the head of a hub's README.md."""
    if not exists(folder / "README.md"):
        return {}
    try:
        with open(folder / "README.md", encoding="utf-8", errors="replace") as file:
            text = file.read(65_536)
    except OSError:
        return {}
    head = re.match(r"---\s*\n(.*?)\n---", text, re.S)
    if head is None:
        return {}
    told = {}
    if licence := re.search(r"^licen[sc]e:\s*['\"]?([^'\"\n]+)", head[1], re.M):
        told["license"] = licence[1].strip()
    if data := re.search(r"^datasets:[ \t]*\n((?:\s*-\s*.+\n?)+)", head[1], re.M):
        told["data"] = ", ".join(line.strip("- \t'\"") for line in data[1].splitlines())
    return told


def sniff_format(path: Path) -> str:
    """What a file is by its first bytes: `SAFETENSORS`, `TORCH`, `PICKLE` or `INDEX`.

    Raises:
        WeightsMissing: Anything else, with what it is and what to do.
    """
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError as fault:
        raise WeightsMissing(
            f"A weight file must be readable. {path.name} is not: {fault.strerror or fault}."
        ) from None
    if not size:
        _refuse(path, "empty", "download or save it again")
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and length <= MAX_HEADER_BYTES:  # first, since a length can look like any other sign
        if length + 8 > size:
            _refuse(path, "safetensors that are cut short", "download or copy it again, whole")
        return SAFETENSORS
    for at, sign, what, do in SIGNS:
        if head[at : at + len(sign)] == sign:
            _refuse(path, what, do)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        _check_zip(path, size)
        return TORCH
    if head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5:
        return PICKLE
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start[:1] == b"{" and path.suffix.lower() == ".json":
        return INDEX
    if start[:1] == b"<":
        _refuse(path, "a web page", "the download did not give the file but a page about it; download the file itself")
    if path.suffix.lower() in NAMED:
        _refuse(path, *NAMED[path.suffix.lower()])
    if head[0] == 8 and head[1] < 32 and head[2:3] in (b"\x12", b"\x1a", b"\x22", b":"):
        _refuse(path, "ONNX or TensorFlow (a protocol buffer)", CONVERT)
    if not head.strip(b"\0"):
        _refuse(path, "empty space", "its download or its copy was broken off; get it again")
    text = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    _refuse(path, "text" if text else "of no kind that is known here", f"{AS_PICTURE}, safetensors or a .pth")
    raise AssertionError


def _refuse(path: Path, what: str, do: str) -> None:
    raise WeightsMissing(
        f"A weight file must be safetensors, or a .pth file of tensors. {sanitise(path.name, 120)} is {what}; {do}."
    )


def _check_zip(path: Path, size: int) -> None:
    """Refuse a zip that torch did not write, or that unpacks to far more than it is."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, OverflowError):
        _refuse(path, "a zip file that is cut short or damaged", "download or copy it again, whole")
        return
    names = [i.filename.replace("\\", "/") for i in found]
    ends = {name.rpartition("/")[2] for name in names}
    if sum(i.file_size for i in found) > max(MAX_RATIO * size, FREE_BYTES):
        _refuse(path, "a zip file that unpacks to far more than it is", "no weights do; get it from elsewhere")
    if any(name.endswith("constants.pkl") for name in names) and any("/code/" in name for name in names):
        _refuse(path, "a TorchScript program", f"load it where it was made and {SAVE}")
    if "data.pkl" in ends:
        return
    inner = [name for name in names if name.lower().endswith(SUFFIXES)]
    if inner:
        _refuse(path, f"a zip file with {_some(inner)} in it", "unpack it and name that file")
    if any(name.endswith(".npy") for name in names):
        _refuse(path, "arrays of NumPy (npz)", "save the tensors by name with safetensors.numpy.save_file")
    if "saved_model.pb" in ends or any(n.endswith(".h5") for n in ends):
        _refuse(path, "Keras's or TensorFlow's", CONVERT)
    _refuse(path, "a zip file without weights", "unpack it and name the file with the weights")


def read_header(path: Path) -> tuple[dict[str, Shaped], dict[str, str]]:
    """Types and shapes of the tensors of a safetensors file, and the words in its header. No tensor is read.

    Raises:
        WeightsMissing: Not whole: a header that is no such thing, or tensors that do not lie in the file.
    """
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                raise ValueError("its header does not lie in it")
            body = json.loads(file.read(length))
        told = body.pop("__metadata__", {})
        if not isinstance(told, dict) or not all(isinstance(v, str) for v in told.values()):
            raise ValueError("its header does not hold texts")
        found, held = {}, 0
        for name, entry in body.items():
            dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
            if dtype not in BYTES or not all(type(n) is int and 0 <= n < 2**63 for n in (*shape, start, end)):
                raise ValueError(f"the type or shape of {sanitise(name, 80)} is none that is known")
            if end - start != math.prod(shape) * BYTES[dtype] or end > size - 8 - length:
                raise ValueError(f"{sanitise(name, 80)} does not lie in it; it is cut short or damaged")
            held += end - start
            found[name] = Shaped(dtype, shape, 8 + length + start)
        if held > size - 8 - length:
            raise ValueError("its tensors lie on top of each other")
    except OSError as fault:
        raise WeightsMissing(
            f"A weight file must be readable. {path.name} is not: {fault.strerror or fault}."
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        why = str(fault) if isinstance(fault, ValueError) and not isinstance(fault, json.JSONDecodeError) else ""
        raise WeightsMissing(
            f"A weight file must be safetensors, whole. {sanitise(path.name, 120)} is not: "
            f"{why or 'its header is damaged'}. Download or copy it again."
        ) from None
    return found, told


def read_shapes(file: WeightFile) -> dict[str, Shaped]:
    """All tensors that its safetensors headers tell of."""
    found: dict[str, Shaped] = {}
    for one in file.files:
        found |= read_header(one)[0]
    return found


def check_amount(tensors: Mapping[str, Any], parameters: int, backbone: str, origin: str) -> None:
    """Refuse a file that holds far fewer numbers than the architecture has, before that is built.

    Args:
        tensors: Name → anything that knows how many numbers it has.
        parameters: Of the architecture without its classifier.
        backbone: Its name.
        origin: The file's name.

    Raises:
        WeightsMissing: It does.
    """
    held = sum(t.numel() for t in tensors.values())
    if held < 0.9 * parameters:  # a table of positions may be shorter, and buffers are no parameters
        raise WeightsMissing(
            f"A weight file must hold all of {backbone}, {parameters:,} numbers. {sanitise(origin, 120)} holds "
            f"{held:,}; "
            "choose the backbone that it was made for."
        )


def describe_unusable(origin: str, name: str, dtype: str, value: float | None = None) -> WeightsMissing:
    """The sentence on a tensor that no network computes with.

    Args:
        origin: The file's name.
        name: The tensor's.
        dtype: Its type.
        value: A number in it that cannot be; None = it is the type that cannot.
    """
    where = f"In {sanitise(origin, 120)}, {sanitise(name, 80)}"
    why = "the training that wrote it has diverged, or the file is damaged."
    if value is None:
        rule = "Weights must be floating-point numbers of 16 bits or more."
        return WeightsMissing(f"{rule} {where} is {dtype}; save them before they are quantised.")
    if not abs(value) <= HELD:
        return WeightsMissing(f"Weights must be finite numbers. {where} has NaN or infinite ones; {why}")
    if abs(value) <= LARGEST:
        return WeightsMissing(f"A variance must be at least 0. {where} has {value:.3g}; {why}")
    rule = "Weights to train from must be numbers whose square 32 bits hold, at most 1.8e19."
    return WeightsMissing(f"{rule} {where} has {value:.3g}; {why}")


def pack_tensors(tensors: Mapping[str, Any], header: Mapping[str, str]) -> bytes:
    """These tensors, torch's or NumPy's, as the bytes of a safetensors file; the same ones are the same bytes."""
    return b"".join(tensor_pieces(tensors, header))


def tensor_pieces(tensors: Mapping[str, Any], header: Mapping[str, str]) -> list[bytes | memoryview]:
    """The same file in pieces, one after the other: no tensor is copied to be written.

    Everything that the project writes as safetensors is written by this function. The words of the header are in order:
    safetensors' own writer puts them in another order each time, and then a checksum says nothing. Tensors lie as it
    lays them, the widest numbers first, then by name.

    Args:
        tensors: By name; they must not change before the pieces are written.
        header: Words, by name.

    Raises:
        ValueError: Numbers of a type that the project does not write.
    """
    body: dict[str, Any] = {"__metadata__": dict(header)} if header else {}
    flat, order = {}, list(WRITTEN)
    for name, tensor in tensors.items():
        kind = str(tensor.dtype).removeprefix("torch.")
        if kind not in WRITTEN:
            raise ValueError(f"Tensors are written as one of {', '.join(WRITTEN)}. {name} is {kind}.")
        flat[name] = (order.index(kind), list(tensor.shape), _raw(tensor))
    at, pieces = 0, list[memoryview]()
    for name in sorted(flat, key=lambda n: (-flat[n][0], n)):
        kind_, shape, raw = flat[name]
        end = at + raw.nbytes
        body[name] = {"dtype": WRITTEN[order[kind_]], "shape": shape, "data_offsets": [at, end]}
        pieces.append(raw)
        at = end
    return [_head(body), *pieces]


def _raw(tensor: Any) -> memoryview:
    """The bytes of a tensor of torch's or NumPy's, row by row, without a copy where it lies so on the processor."""
    if type(tensor).__module__.partition(".")[0] == "torch":
        import torch

        return memoryview(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return memoryview(tensor.ravel().view("uint8"))


def _head(body: dict[str, Any]) -> bytes:
    header = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header


def change_told(data: bytes, change: Callable[[str], str]) -> bytes:
    """The same weights, the words of the header changed; names of classes and columns stay, since they are compared.

    Args:
        data: A safetensors file.
        change: Of each word.

    Raises:
        WeightsMissing: The file is damaged.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        body = json.loads(data[8:start])
        told: dict[str, str] = body.get("__metadata__", {})
        changed = {name: word if name in ("classes", "columns") else change(word) for name, word in told.items()}
    except (ValueError, AttributeError):
        raise WeightsMissing("A run's model.safetensors must be whole. This one is damaged; train it again.") from None
    return data if changed == told else _head({**body, "__metadata__": changed}) + data[start:]


def export_files(data: bytes, body_prefix: str = "backbone.") -> dict[str, bytes]:
    """A run's own weights as files that timm loads as they are, by file name; no tensor is decoded.

    A head that timm's classifier cannot stand for, since it is not one linear layer, lies in a file beside the body.

    Args:
        data: The file.
        body_prefix: What stands before the names of the body's tensors, and is left out.

    Raises:
        WeightsMissing: The file is damaged.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        body = json.loads(data[8:start])
        told: dict[str, str] = body.pop("__metadata__", {})
    except (ValueError, AttributeError):
        raise WeightsMissing("A run's model.safetensors must be whole. This one is damaged; train it again.") from None
    names = {n: n.removeprefix(body_prefix) for n in body if n.startswith(body_prefix)}
    head = [n for n in body if n not in names]
    kind, classifier = told.pop("head", ""), told.get("classifier", "")
    sides = int(told.pop("classifier_ndim", "2"))
    if kind == "linear" and classifier:
        names |= {n: f"{classifier}.{n.rpartition('.')[2]}" for n in head}
        return {"model.safetensors": rename_tensors(data, names, told, {f"{classifier}.weight": sides})}
    bare = {k: v for k, v in told.items() if k not in ("classes", "classifier")}
    words = {"head": kind} | {k: told[k] for k in ("classes", "backbone") if k in told}
    beside = {"head.safetensors": rename_tensors(data, {n: n for n in head}, words)} if head else {}
    return {"model.safetensors": rename_tensors(data, names, bare), **beside}


def rename_tensors(
    data: bytes, names: Mapping[str, str], header: Mapping[str, str], sides: Mapping[str, int] | None = None
) -> bytes:
    """Some tensors of a safetensors file under other names, with other words in the header; no tensor is decoded.

    Args:
        data: The whole file.
        names: Name in it → new name; the others are left out.
        header: The words of the new header.
        sides: New name → how many sides it must have; sides of 1 are put behind.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    old = json.loads(data[8:start])
    body: dict[str, Any] = {"__metadata__": dict(header)}
    pieces, at = [], 0
    for name in sorted((n for n in old if n in names), key=lambda n: (-BYTES[old[n]["dtype"]], names[n])):
        first, last = old[name]["data_offsets"]
        shape = old[name]["shape"]
        shape = [*shape, *[1] * ((sides or {}).get(names[name], 0) - len(shape))]
        body[names[name]] = {**old[name], "shape": shape, "data_offsets": [at, at + last - first]}
        pieces.append(memoryview(data)[start + first : start + last])
        at += last - first
    return b"".join((_head(body), *pieces))

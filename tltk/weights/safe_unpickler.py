"""Tensors out of torch's .pth files, by torch's reader of weights alone; nothing in a file is ever run.

Training programs save their own objects beside the tensors: settings, counters, whole modules. Where the reader
asks for such a class it is given an inert one that keeps what it is handed and does nothing, so that neither the class
nor its module is ever imported. A file that asks for what can only be meant to run is refused.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tltk.errors import WeightsMissing
from tltk.weights import pickle_scan
from tltk.weights.pickle_scan import ObjectState, gather_tensors
from tltk.weights.weightfile import TORCH, sanitise

ATTEMPTS = 100  # different classes that a file may ask for
# Modules whose classes no training needs to keep: what asks for them wants to run something.
RUNNING = {*pickle_scan.RUNNING, "types", "operator", "builtins", "__builtin__"}
PLAIN = {  # harmless all the same, though not named as classes are
    *(
        f"builtins.{n}"
        for n in (
            "frozenset",
            "slice",
            "range",
            "object",
            "dict",
            "list",
            "tuple",
            "int",
            "float",
            "str",
            "bool",
            "bytes",
        )
    ),
    "types.SimpleNamespace",
    "copyreg._reconstructor",
    "copy_reg._reconstructor",
    "datetime.datetime",
    "datetime.date",
    "datetime.timedelta",
    "collections.defaultdict",
    "collections.deque",
    "numpy.dtype",
    "numpy.ndarray",
    "functools.partial",
    *(f"numpy.{m}.multiarray.{n}" for m in ("core", "_core") for n in ("scalar", "_reconstruct")),
}


class Inert(ObjectState):
    """Stands for an object of any class: keeps its state, does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> Inert:
        """Whatever its class was to be made of is dropped."""
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.held = state


class InertMapping:
    """Stands for a dictionary of any class; torch's reader fills plain ones alone."""

    def __new__(cls, *_: Any, **__: Any) -> OrderedDict[Any, Any]:  # type: ignore[misc]
        """A plain one."""
        return OrderedDict()


class InertList:
    """Stands for a list of any class."""

    def __new__(cls, *_: Any, **__: Any) -> list[Any]:  # type: ignore[misc]
        """A plain one."""
        return []


def unpickle(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, str], list[str]]:
    """Tensors of a .pth file by where they lie in it, as in `state_dict.conv1.weight`; words beside them; and classes.

    Args:
        path: The file.
        kind: `TORCH` or `PICKLE`, as `tltk.weights.weightfile` found it.

    Returns:
        Tensors; architecture and class names where the file has them; names of the classes that were not read.

    Raises:
        WeightsMissing: It is damaged, or asks for what could run.
    """
    stubs: dict[str, type] = {}
    while True:
        try:
            held = _load(path, kind, stubs)
            break
        except Exception as fault:  # a hostile file can make the reader fail in any way
            asked = re.search(r"GLOBAL (\S+) was not", str(fault))
            name = asked[1] if asked and "." in asked[1] else f"builtins.{asked[1]}" if asked else ""
            if name in stubs or len(stubs) >= ATTEMPTS or not is_harmless(name):
                raise WeightsMissing(
                    f"A .pth file must hold tensors and nothing that could run. {sanitise(path.name, 120)} does "
                    "not open "
                    f"so: {_reason(fault)}. Where you trust it, save its state_dict() alone, best as safetensors."
                ) from None
            stubs[name] = _stub(name)
    found = gather_tensors(held, (Tensor, nn.Parameter), Tensor.detach)
    return found, _metadata(held), sorted(stubs)


def is_harmless(name: str) -> bool:
    """Whether a name can be that of a plain class: what stands for it does nothing, but the user should know."""
    root, last = name.partition(".")[0], name.rpartition(".")[2]
    if name in PLAIN:
        return True
    return bool(re.fullmatch(r"\w+(\.\w+)+", name)) and root not in RUNNING and last.lstrip("_")[:1].isupper()


def _stub(name: str) -> type:
    last = name.rpartition(".")[2].lower()
    if last.endswith(("dict", "cfgnode", "munch")):
        return InertMapping
    return InertList if last in ("deque", "list") else Inert


def _load(path: Path, kind: str, stubs: dict[str, type]) -> Any:
    # Mapped where that can be, so that a tensor takes memory only once it is used; torch goes by the end of a name.
    mapped = kind == TORCH and path.suffix.lower() != ".safetensors"
    source: Any = path if mapped else io.BytesIO(path.read_bytes())
    if kind == TORCH and (repacked := _repack(path)) is not None:
        source, mapped = repacked, False
    with warnings.catch_warnings(), torch.serialization.safe_globals([(stub, n) for n, stub in stubs.items()]):
        warnings.simplefilter("ignore")  # of torch about odd files; what matters is in the sentence
        return torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)


def _repack(path: Path) -> io.BytesIO | None:
    """A zip that another program packed again, put as torch writes it; None where it is so.

    Windows' programs write backslashes between folders, and others compress what torch reads in place. How far it
    unpacks has been checked.
    """
    with zipfile.ZipFile(path) as archive:
        entries = [(i, i.filename.replace("\\", "/")) for i in archive.infolist()]
        root = next(name for _, name in entries if name.rpartition("/")[2] == "data.pkl").removesuffix("data.pkl")
        plainly = root.count("/") == 1 and all(i.compress_type == zipfile.ZIP_STORED for i, _ in entries)
        # Python's reader makes slashes of the backslashes on Windows alone; the bytes are in orig_filename.
        if plainly and not any("\\" in i.orig_filename for i, _ in entries):
            return None
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as out:
            for info, name in entries:
                if name.startswith(root) and not name.endswith("/"):
                    out.writestr(f"archive/{name.removeprefix(root)}", archive.read(info))
    buffer.seek(0)
    return buffer


def _reason(fault: Exception) -> str:
    """Why torch did not read it; torch's own words go on to tell how to open it all the same."""
    text = str(fault)
    if asked := re.search(r"GLOBAL (\S+) (?:was not|whose)", text):
        return f"it asks for {sanitise(asked[1], 80)}"
    if "persistent_load of storage" in text:
        return "it holds a whole model in the form of before 2020"
    if isinstance(fault, pickle.UnpicklingError):
        return "it is no file of tensors"
    return sanitise(text.split(". ")[0].strip()) or "it is cut short"


def _metadata(held: Any) -> dict[str, str]:
    """The architecture and the names of the classes, under the names that training programs use."""
    told: dict[str, str] = {}
    if not isinstance(held, dict):
        return told
    for name in ("arch", "architecture", "model_name", "licence", "license"):
        if isinstance(held.get(name), str):
            told[name] = held[name]
    for name in ("class_names", "classes", "labels", "class_to_idx", "idx_to_class"):
        names: Any = held.get(name)
        if isinstance(names, dict) and names and all(type(v) is int for v in names.values()):
            names = sorted(names, key=lambda n: (names.get(n, 0), str(n)))
        elif isinstance(names, dict) and all(type(k) is int for k in names):
            names = [names[k] for k in sorted(names)]
        if isinstance(names, list | tuple) and names and all(isinstance(n, str) for n in names):
            told["classes"] = json.dumps(list(names))
            break
    return told

"""What torch's .pth files hold, by names, types and shapes, and where their numbers lie. No torch, nothing is run.

A pickle is a program of some sixty opcodes. Here it is read opcode by opcode, and those that would call something leave
a record of what would be called: no class is looked up, no module imported, and there are no loops to be caught in.
What is understood of a file this way is enough to refuse it before a worker is asked; the worker uses torch.load.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tltk.errors import WeightsMissing
from tltk.weights.weightfile import BYTES, PICKLE, TORCH, Shaped, WeightFile, sanitise

MAX_DEPTH, MAX_ITEMS = 16, 500_000  # levels of containers within each other, and values in all of them
MAX_OPCODES, MAX_PICKLE_BYTES = 1_000_000, 2**26  # of a file that is still looked into here, and bytes of them
MAX_TEXT_CHARS = 1000  # letters of a part of a tensor's name
MODULE = ("_parameters", "_buffers", "_modules")  # what the state of a module of torch is made of
# torch's storages → safetensors' names of their numbers; what is none of these no network computes with.
KINDS = {
    "Double": "F64",
    "Float": "F32",
    "Half": "F16",
    "BFloat16": "BF16",
    "Long": "I64",
    "Int": "I32",
    "Short": "I16",
    "Char": "I8",
    "Byte": "U8",
    "Bool": "BOOL",
    "ComplexFloat": "C64",
    "QInt8": "qint8",
    "QUInt8": "quint8",
    "QInt32": "qint32",
}
SIZES = {**BYTES, "qint8": 1, "quint8": 1, "qint32": 4}
# Modules that only what wants to run something asks for, and of which torch's reader allows nothing.
RUNNING = {
    "os",
    "posix",
    "nt",
    "sys",
    "subprocess",
    "shutil",
    "runpy",
    "importlib",
    "code",
    "codeop",
    "ctypes",
    "socket",
    "pty",
    "commands",
    "webbrowser",
    "multiprocessing",
    "threading",
    "asyncio",
    "pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "inspect",
    "signal",
    "platform",
    "tempfile",
    "http",
    "urllib",
    "requests",
    "pip",
    "setuptools",
    "distutils",
    "pdb",
    "bdb",
    "timeit",
    "cProfile",
    "gc",
    "atexit",
}
TENSORS = tuple(f"torch._utils._rebuild_{n}" for n in ("tensor", "tensor_v2", "tensor_v3", "qtensor"))
PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
TYPED = "torch._tensor._rebuild_from_type_v2"


class ObjectState:
    """Stands for an object of any class: keeps its state, does nothing."""

    held: Any = None


@dataclass
class CallRecord(ObjectState):
    """What a pickle would have made by calling something."""

    name: str
    held: Any = None


@dataclass(frozen=True)
class GlobalName:
    """A class or a function that a pickle asks for, by module and name."""

    name: str


@dataclass(frozen=True)
class Storage:
    """Where the numbers of one or more tensors lie: its key in the file, their type, and how many there are."""

    key: str
    kind: str
    n: int


class StoredTensor(Shaped):
    """A tensor in a pickle: type and shape, in which storage it lies, and from which to which of its numbers."""

    __slots__ = ("end", "start", "storage")

    def __init__(self, storage: Storage, start: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__(storage.kind, shape)
        self.storage, self.start = storage, start
        empty = 0 in shape
        self.end = start + (0 if empty else 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)))


@dataclass
class PickleContents:
    """One .pth file.

    Attributes:
        tensors: By where they lie in it, as in `state_dict.conv1.weight`.
        path: The file.
        root: Of a zip, what its entries begin with; None = a file of before 2020.
        places: Of a file of before 2020, key of a storage → where its numbers begin, in bytes.
    """

    tensors: dict[str, StoredTensor]
    path: Path
    root: str | None = None
    places: dict[str, int] = field(default_factory=dict)

    def open_storage(self, storage: Storage) -> IO[bytes]:
        """The bytes of a storage, from its first number on."""
        if self.root is not None:
            with zipfile.ZipFile(self.path) as archive:
                return archive.open(f"{self.root}data/{storage.key}")
        file = self.path.open("rb")
        file.seek(self.places[storage.key])
        return file


def read_pickle(file: WeightFile) -> list[PickleContents] | None:
    """What the files hold; None where that is known to torch alone.

    Raises:
        WeightsMissing: A file asks for what can only be meant to run.
    """
    found = []
    for path in file.files:
        try:
            one = _scan_zip(path) if file.kind == TORCH else _scan_legacy(path) if file.kind == PICKLE else None
        except _RunsCode as fault:
            raise WeightsMissing(
                f"A .pth file must hold tensors and nothing that could run. {sanitise(path.name, 120)} asks for "
                f"{sanitise(str(fault), 80)}. Where you trust it, save its state_dict() alone, best as safetensors."
            ) from None
        except Exception:  # anything may be wrong with a damaged or hostile file, and the worker's reader says what
            return None
        if one is None:
            return None
        found.append(one)
    return found


class _RunsCode(Exception):
    """A name that only a program would ask for."""


class _NotUnderstood(Exception):
    """An opcode, or a kind of tensor, that is not understood here."""


def _scan_zip(path: Path) -> PickleContents | None:
    """A zip as torch writes it, or one that was packed again."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        root = next(name for name in names if name.rpartition("/")[2] == "data.pkl").removesuffix("data.pkl")
        if archive.getinfo(f"{root}data.pkl").file_size > MAX_PICKLE_BYTES:
            return None
        if f"{root}byteorder" in names:
            with archive.open(f"{root}byteorder") as file:
                if file.read(8) != b"little":
                    return None
        held = _OpcodeReader().run(io.BytesIO(archive.read(f"{root}data.pkl")))
        there = set(names)
    found = PickleContents(gather_tensors(held, StoredTensor, lambda tensor: tensor), path, root)
    return found if all(f"{root}data/{t.storage.key}" in there for t in found.tensors.values()) else None


def _scan_legacy(path: Path) -> PickleContents | None:
    """As torch wrote before 2020: a few pickles one after the other, then the numbers of each storage."""
    with path.open("rb") as file:
        opcodes, bounded = _OpcodeReader(), _Bounded(file)
        _, _, writer, held, keys = (opcodes.run(bounded) for _ in range(5))  # first a sign and the version
        if writer.get("little_endian") is not True:
            return None
        storages, places = opcodes.storages, dict[str, int]()
        for key in keys:
            places[key] = file.tell() + 8
            file.seek(8 + storages[key].n * SIZES[storages[key].kind], io.SEEK_CUR)
        if file.tell() > path.stat().st_size:
            return None
    return PickleContents(gather_tensors(held, StoredTensor, lambda tensor: tensor), path, None, places)


_MARK = object()


class _Bounded:
    """A file of which no opcode may claim more than a pickle has."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.tell = file, file.tell

    def read(self, n: int) -> bytes:
        """So many bytes."""
        if n > MAX_PICKLE_BYTES:
            raise _NotUnderstood("a text of many megabytes")
        return self._file.read(n)

    def readline(self) -> bytes:
        """Up to the end of a line; longer ones come in parts, which no opcode understands."""
        return self._file.readline(MAX_PICKLE_BYTES)


_VALUES = {
    "UNICODE",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
    "BINBYTES",
    "SHORT_BINBYTES",
    "BINBYTES8",
    "BYTEARRAY8",
    "INT",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG",
    "LONG1",
    "LONG4",
    "FLOAT",
    "BINFLOAT",
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _OpcodeReader:
    """Follows the opcodes of a pickle without obeying any that calls."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self._left = MAX_OPCODES

    def _spend(self, n: int) -> None:
        self._left -= n
        if self._left < 0:
            raise _NotUnderstood("longer than is worth it")

    def run(self, file: Any) -> Any:
        """What one pickle holds; the file then stands behind it."""
        stack: list[Any] = []
        memo: dict[int, Any] = {}
        for opcode, value, _ in pickletools.genops(file):
            self._spend(1)
            name = opcode.name
            if name in _VALUES:
                stack.append(value)
            elif name in _CONSTANTS:
                stack.append(_CONSTANTS[name]())
            elif name == "MARK":
                stack.append(_MARK)
            elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
                memo[int(value or 0)] = stack[-1]
            elif name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET", "GET"):
                stack.append(memo[int(value or 0)])
            elif name in _TUPLES:
                stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
            elif name == "STOP":
                return stack.pop()
            elif name not in ("PROTO", "FRAME"):
                self._follow(name, value, stack)
        raise _NotUnderstood("no end")

    def _follow(self, name: str, value: Any, stack: list[Any]) -> None:
        """The opcodes that build containers, name things, or would call."""
        if name in ("TUPLE", "LIST", "FROZENSET"):
            stack.append((tuple if name == "TUPLE" else list)(_since_mark(stack)))
        elif name == "DICT":
            stack.append(_fill({}, _since_mark(stack)))
        elif name in ("APPENDS", "ADDITEMS", "APPEND"):
            items = [stack.pop()] if name == "APPEND" else _since_mark(stack)
            if isinstance(stack[-1], list):
                stack[-1] += items
        elif name in ("SETITEMS", "SETITEM"):
            items = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else _since_mark(stack)
            if isinstance(stack[-1], dict):
                _fill(stack[-1], items)
        elif name == "GLOBAL":
            stack.append(_global_name(*str(value).split(" ", 1)))
        elif name == "STACK_GLOBAL":
            last, module = stack.pop(), stack.pop()
            stack.append(_global_name(module, last))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, called = stack.pop(), stack.pop()
            stack.append(self._reduce(called, arguments))
        elif name == "NEWOBJ_EX":
            _, arguments, called = stack.pop(), stack.pop(), stack.pop()
            stack.append(self._reduce(called, arguments))
        elif name == "BUILD":
            state = stack.pop()
            if isinstance(stack[-1], CallRecord):
                stack[-1].held = state
        elif name in ("BINPERSID", "PERSID"):
            stack.append(self._read_storage(stack.pop() if name == "BINPERSID" else value))
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            _since_mark(stack)
        elif name == "DUP":
            stack.append(stack[-1])
        else:
            raise _NotUnderstood(name)

    def _read_storage(self, told: Any) -> Storage:
        """What torch writes in place of numbers: ("storage", type, key, device, how many, …)."""
        word, kind, key, _, n = told[:5]
        if word not in ("storage", b"storage") or not isinstance(kind, GlobalName) or type(n) is not int or n < 0:
            raise _NotUnderstood("another kind of storage")
        name = kind.name.rpartition(".")[2].removesuffix("Storage")
        if name not in KINDS:
            raise _NotUnderstood(name)
        found = self.storages[str(key)] = Storage(str(key), KINDS[name], n)
        return found

    def _reduce(self, called: Any, arguments: Any) -> Any:
        """What a call would have made, where that is a tensor or a container; else a note of it."""
        name = called.name if isinstance(called, GlobalName) else ""
        if name == TYPED:
            return self._reduce(arguments[0], arguments[2])
        if name in PARAMETERS:
            return arguments[0]
        if name in TENSORS:
            storage, start, shape, strides = arguments[:4]
            if not isinstance(storage, Storage):
                raise _NotUnderstood("a tensor without numbers")
            found = StoredTensor(storage, int(start), tuple(map(int, shape)), tuple(map(int, strides)))
            if found.end > storage.n or min((start, *found.shape, *strides)) < 0:
                raise _NotUnderstood("a tensor that does not lie in its storage")
            return found
        if name.startswith("torch._utils._rebuild_"):
            raise _NotUnderstood(name)
        last = name.rpartition(".")[2].lower()
        given = arguments if isinstance(arguments, tuple) else ()
        inside = next((a for a in given if isinstance(a, list | tuple | dict)), ())
        if last.endswith(("dict", "cfgnode", "munch")):
            self._spend(2 * len(inside))  # one list of pairs can be asked for often
            pairs = inside.items() if isinstance(inside, dict) else inside
            return _fill({}, [x for pair in pairs for x in pair[:2]])
        if last in ("deque", "list", "set", "frozenset", "tuple"):
            self._spend(len(inside))
            return list(inside)
        return CallRecord(name)


def _since_mark(stack: list[Any]) -> list[Any]:
    at = next(i for i in range(len(stack) - 1, -1, -1) if stack[i] is _MARK)
    found = stack[at + 1 :]
    del stack[at:]
    return found


def _fill(found: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
    for key, value in zip(items[::2], items[1::2], strict=True):
        if isinstance(key, str | int):  # others name no tensor, and to hash one may take for ever
            found[key] = value
    return found


def _global_name(module: Any, last: Any) -> GlobalName:
    if not isinstance(module, str) or not isinstance(last, str):
        raise _NotUnderstood("a name that is none")
    if module.partition(".")[0] in RUNNING:
        raise _RunsCode(f"{module}.{last}")
    return GlobalName(f"{module}.{last}")


def gather_tensors(held: Any, kind: type | tuple[type, ...], taken: Callable[[Any], Any]) -> dict[str, Any]:
    """All tensors with a name, however deep, by where they lie; what holds itself is looked into once.

    Args:
        held: What a pickle holds.
        kind: Types of a tensor; no others, and none of their heirs.
        taken: What is kept of one.
    """
    found: dict[str, Any] = {}
    _gather(held, (), found, set(), kind if isinstance(kind, tuple) else (kind,), taken)
    return found


def _gather(
    held: Any,
    at: tuple[str, ...],
    found: dict[str, Any],
    seen: set[int],
    kinds: tuple[type, ...],
    taken: Callable[[Any], Any],
) -> None:
    if type(held) in kinds:
        if at:
            found.setdefault(".".join(at), taken(held))
        return
    if isinstance(held, ObjectState):
        held = held.held
    if id(held) in seen or len(at) >= MAX_DEPTH or len(seen) + len(found) > MAX_ITEMS:
        return
    if isinstance(held, dict | list | tuple):
        seen.add(id(held))
        for name, value in _children(held):
            if len(name) <= MAX_TEXT_CHARS:
                _gather(value, (*at, name), found, seen, kinds, taken)


def _children(held: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """What a container holds, by name; of a module of torch its tensors under its own names."""
    if not isinstance(held, dict):
        yield from ((str(number), value) for number, value in enumerate(held))
    elif "_modules" in held and "_parameters" in held:
        dropped = held.get("_non_persistent_buffers_set")
        dropped = dropped if isinstance(dropped, set | frozenset | list | tuple) else ()
        for kind in MODULE:
            inner = held.get(kind)
            for name, value in inner.items() if isinstance(inner, dict) else ():
                if isinstance(name, str) and not (kind == "_buffers" and name in dropped):
                    yield name, value
    else:
        for name, value in held.items():
            if isinstance(name, str):
                yield name, value
            elif isinstance(name, int) and abs(name) < 2**63:
                yield str(name), value

"""Which library does this sentence come from? `docstrings`, or `docstrings:numpy,scipy,sklearn`.

The public documentation of installed Python packages: real sentences that people wrote, read from their source files
without running them. Each package's licence is told; nothing is downloaded.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tltk.data import texts
from tltk.data.account import Account
from tltk.data.domain import Domain, Progress, subsample
from tltk.data.files import Files
from tltk.data.identity import find_copies
from tltk.data.sources.text import length_notes
from tltk.errors import BadSpec, DataProblem
from tltk.specs.parts import DataSpec

MODALITY = texts.KIND
PACKAGES = ("numpy", "plotly", "scipy", "sklearn", "torch")  # dependencies of ours, so they are there
SOURCE = "public docstrings of installed packages"
MOST = 600  # sentences of a package; those of the largest would drown the others
FEWEST_WORDS, MOST_WORDS = 5, 60
MAX_FILES, MAX_FILE_BYTES = 400, 2**20
TESTS = ("test", "tests", "testing", "_vendor", "externals", "vendored")


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Sentences from the documentation of installed packages, to be told by the library that they come from.

    The first sentence of each public function's or class's docstring, without those that name their own library.

    Args:
        spec: `n` (0 = 600 of each package, or all there are), `size` in tokens and `seed`.
        argument: Names of packages, with commas; "" = a few that tltk needs itself.
        progress: Called with (done, total) packages.

    Raises:
        DataProblem: A package that is not installed, or has no docstrings.
    """
    packages = _packages(argument)
    said, labels, names, notes = list[str](), list[int](), list[str](), list[str]()
    for number, package in enumerate(packages):
        found = _sentences(package)
        if len(found) < 4:
            raise DataProblem(
                f"Each package of docstrings must have sentences. {package} has {len(found)}; leave it out."
            )
        said += [text for _, text in found]
        names += [name for name, _ in found]
        labels += [number] * len(found)
        notes.append(f"{package} {_version(package)}: {len(found):,} sentences, licence {_licence(package)}.")
        if progress:
            progress(number + 1, len(packages))
    kept = subsample(np.array(labels, np.int64), spec.n, spec.seed, spec.name)
    chosen = [said[i] for i in kept]
    origins = texts.origins(chosen)
    return Domain.of(
        spec.name,
        texts.encode(chosen, spec.size),
        np.array(labels, np.int64)[kept],
        packages,
        licence="; ".join(f"{package}: {_licence(package)}" for package in packages),
        source=SOURCE,
        origins=origins,
        twins=find_copies(origins),
        account=Account(notes=(*length_notes(chosen, spec.size), *notes)),
        files=Files(tuple(names[i] for i in kept)),
        kind=texts.KIND,
    )


def check(argument: str) -> str:
    """The names of packages in order, each once; "" for those that are taken unless others are named.

    Raises:
        BadSpec: One package alone, or what is no name of a package.
        DataProblem: A package that is not installed.
    """
    packages = _packages(argument)
    return "" if packages == PACKAGES else ",".join(packages)


def source_version(argument: str) -> str:
    """Changes when a package is installed in another version."""
    return ",".join(f"{package} {_version(package)}" for package in _packages(argument))


def _packages(argument: str) -> tuple[str, ...]:
    named = tuple(sorted({part.strip() for part in argument.split(",") if part.strip()}))
    packages = named or PACKAGES
    for package in packages:
        if not re.fullmatch(r"[A-Za-z_]\w*", package):
            raise BadSpec(f"A package must be named as it is imported, such as numpy. Got {package[:60]!r}.")
    if len(packages) < 2:
        raise BadSpec(f"Docstrings must be of two packages at least. Got {packages[0]}; name more, with commas.")
    for package in packages:
        _folder(package)
    return packages


def _folder(package: str) -> Path:
    """Where a package lies; it is not imported.

    Raises:
        DataProblem: It is not installed, or is no folder of files.
    """
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise DataProblem(f"A package of docstrings must be installed. {package} is not; leave it out, or install it.")
    return Path(next(iter(found.submodule_search_locations)))


def _distribution(package: str) -> str:
    return next(iter(importlib.metadata.packages_distributions().get(package, [package])))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(_distribution(package))
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def _licence(package: str) -> str:
    """What the package's metadata say, in a word or two."""
    try:
        told = importlib.metadata.metadata(_distribution(package)).json
    except importlib.metadata.PackageNotFoundError:
        return "not stated"
    if expression := told.get("license_expression"):
        return str(expression)
    classifiers = [c.rpartition(" :: ")[2] for c in told.get("classifier", ()) if c.startswith("License ::")]
    first = str(told.get("license") or "").strip().split("\n")[0]
    return ", ".join(classifiers) or first[:60] or "not stated"


def _sentences(package: str) -> list[tuple[str, str]]:
    """(where, sentence) of a package, each sentence once, spread over its files."""
    root, found = _folder(package), dict[str, tuple[str, str]]()
    own = re.compile(rf"\b{re.escape(package)}|{re.escape(_distribution(package).replace('-', ' '))}\b", re.IGNORECASE)
    files = [p for p in sorted(root.rglob("*.py")) if not set(p.relative_to(root).parts[:-1]) & set(TESTS)]
    step = max(1, -(-len(files) // MAX_FILES))
    for path in files[::step]:
        for name, text in _of_file(path):
            if FEWEST_WORDS <= len(text.split()) <= MOST_WORDS and not own.search(text):
                place = path.relative_to(root.parent).as_posix()
                found.setdefault(" ".join(texts.words(text)), (f"{place} {name}", text))
    every: Sequence[tuple[str, str]] = list(found.values())
    order = np.random.default_rng(0).permutation(len(every))[:MOST]
    return [every[i] for i in sorted(order.tolist())]


def _of_file(path: Path) -> Iterator[tuple[str, str]]:
    """(name, first sentence) of each public function and class of a file; nothing of one that cannot be parsed."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            told = inspect.cleandoc(ast.get_docstring(node) or "")
            first = " ".join(told.split("\n\n")[0].split())
            yield node.name, re.split(r"(?<=[.!?])\s", first)[0]

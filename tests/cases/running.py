"""Makes the inputs and sees what comes of them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.cases import archives, arrays, checkpoints, folders, pixels
from tests.cases.outcomes import Refused, Right, Row, Safe
from tltk import data
from tltk.analyses.import_weights.spec import AdoptSpec
from tltk.analyses.inspect.analysis import domain_summary
from tltk.analyses.inspect.spec import LookSpec
from tltk.data import account
from tltk.errors import TltkError
from tltk.jobs.checking import check
from tltk.specs.parts import DataSpec
from tltk.specs.reading import located

MODULES: tuple[ModuleType, ...] = (folders, archives, pixels, arrays, checkpoints)


def recipes() -> dict[str, Callable[[Path], None]]:
    """All recipes by name."""
    return {
        name: made
        for module in MODULES
        for name, made in vars(module).items()
        if inspect.isfunction(made) and list(inspect.signature(made).parameters) == ["root"] and name[0] != "_"
        and made.__module__ == module.__name__
    }


def make(name: str, root: Path) -> Path:
    """Run one recipe in a folder, unless it was run there."""
    done = root.with_name(f"{root.name}.made")
    if not done.exists():
        root.mkdir(parents=True)
        recipes()[name](root)
        done.touch()
    return root


def spec_of(row: Row, root: Path) -> DataSpec:
    """What asks for this input, small."""
    return DataSpec(row.source.format(root), size=16)


def outcome(row: Row, root: Path) -> tuple[str, list[str]]:
    """What came of it in a few words, and what was wrong with that."""
    if row.source.startswith("file:"):
        return _of_weights(row, root)
    spec, wrong = spec_of(row, root), list[str]()
    try:
        asked = located(LookSpec(spec))
        check(asked)
    except TltkError as refusal:
        return f"refused: {refusal}", _of_sentence(row, str(refusal))
    try:
        domain = data.load(asked.data)
        found = domain_summary(domain, asked.data)[0]
    except TltkError as late:
        return f"refused late: {late}", [] if isinstance(row.outcome, Safe) else ["it was found by the worker only"]
    if isinstance(row.outcome, Refused):
        return f"read: {found['n']} pictures of {len(found['classes'])} classes", ["it must be refused"]
    said = account.sentences(domain, domain.split(asked.data, 0), asked.data)
    text = " ".join([*said, json.dumps(found["tree"]), *(f"{name} ({reason})" for name, reason in domain.skipped)])
    if isinstance(row.outcome, Right):
        wrong += _of_numbers(row.outcome, found)
        wrong += [f"{words!r} is not said in {text}" for words in row.outcome.says if words not in text]
    wrong += [f"{c!r} is no text to show" for c in found["classes"] if not c.isprintable()]
    told = f"{found['n']:,} pictures of {len(found['classes']):,} classes: {found['train']} / {found['val']} / {found['test']}"
    return told, wrong


def _of_weights(row: Row, root: Path) -> tuple[str, list[str]]:
    from tltk.analyses.import_weights.analysis import import_weights

    try:
        found = import_weights(AdoptSpec(weights=row.source.format(root)))
    except TltkError as refusal:
        return f"refused: {refusal}", _of_sentence(row, str(refusal))
    return f"read: {', '.join(f'{k} {v}' for k, v in found.items() if isinstance(v, str | int))}", []


def _of_sentence(row: Row, sentence: str) -> list[str]:
    if isinstance(row.outcome, Right):
        return [f"it must be read, and was refused: {sentence}"]
    wanted = row.outcome.says if isinstance(row.outcome, Refused) else ()
    wrong = [f"{words!r} is not in: {sentence}" for words in wanted if not re.search(_pattern(words), sentence)]
    return wrong + ([] if sentence.isprintable() else [f"it holds control characters: {sentence!r}"])


def _pattern(words: str) -> str:
    return "|".join(re.escape(part) for part in words.split("|"))


def _of_numbers(wanted: Right, found: dict[str, Any]) -> list[str]:
    wrong = []
    if (found["n"], len(found["classes"])) != (wanted.pictures, wanted.classes):
        wrong.append(f"{found['n']} pictures of {len(found['classes'])} classes, not as meant")
    sizes = (found["train"], found["val"], found["test"])
    if wanted.sizes is not None and sizes != wanted.sizes:
        wrong.append(f"train, val, test are {sizes}, not {wanted.sizes}")
    return wrong

"""Every kind of run has a class of results: what the worker writes, what pages read, what docs/json.md says of it."""

from __future__ import annotations

import json
import os
import re
import signal
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.results import BEFORE
from tests.support.smallest import smallest
from tltk.analyses.rank.result import JudgedRanking
from tltk.errors import RunProblem
from tltk.jobs import executor
from tltk.results.ledger import BreakEven, Ledger, LedgerRow
from tltk.runs.run import Run
from tltk.specs.reading import result_class, spec_kinds

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
SHIPPED = sorted((ROOT / "assets" / "weights").glob("*/runs/*/result.json"))
TYPED = sorted(kind for kind, spec in spec_kinds().items() if isinstance(result_class(spec), type))
SECTIONS = {  # kind → the section on its result; those on what it holds are found by their names in `PARTS`
    "transfer": "The result of a training",
    "compare": "The result of a comparison",
    "adopt": "tltk weights add",
    "describe": "tltk layers",
    "shift": "tltk shift",
    "response": "tltk response",
    "find_rate": "tltk find-rate",
    "zero_shot": "tltk zero-shot",
    "zero_shot_text": "tltk zero-shot-text",
    "source_check": "tltk source-check",
    "cross_validate": "tltk cross-validate",
    "feature_maps": "tltk feature-maps",
    "label_noise": "tltk label-noise",
    "unknown_words": "tltk unknown-words",
    "continue_vectors": "tltk continue-vectors",
}
PARTS = {
    "Part": "A part",
    "Groups": "Groups of pictures",
    "LeftOut": "What was left out",
    "PlannedPhase": "A phase",
    "Verdict": "A verdict",
    "ClassGap": "A class in a verdict",
    "Branch": "A branch",
    "Frame": "A frame",
    "Placed": "A picture that was placed",
    "Explained": "A picture that is explained",
    "Layer": "A layer",
    "Column": "A column",
    "MeasureTest": "A measure at a layer",
    "ClassTest": "A class that both have",
    "PermutationTest": "The test of the mean over classes",
    "Witness": "A witness",
    "ClassShare": "The shares of a class",
    "DialLevels": "A dial",
    "LevelTest": "A measure at a setting",
    "TrainedCandidate": "A candidate",
    "Agreement": "An agreement",
    "RateCurve": "A range test",
    "SpeedUp": "A speed-up",
    "Flips": "Pictures that flip",
    "SelfTaught": "What was learned without labels",
    "FeatureProbe": "A probe of features",
}  # of the others the heading is made of the name


def heading(kind: type[Any]) -> str:
    """As `docs/sections.py` writes it: `ArmResult` → An arm."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__.removesuffix("Result")).lower()
    return f"{'An' if words[0] in 'aeiou' else 'A'} {words}"


SHOWN: dict[str, type[Any]] = {"rank": JudgedRanking}  # what is printed where that is more than the worker wrote


def documented(title: str) -> list[str]:
    """The fields in the table of a section."""
    section = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert section, f"docs/json.md has no section {title!r}"
    return re.findall(r"^\| `(\w+)` \|", section[1], re.M)


def as_json(result: Any) -> Any:
    """A result as it is read back from its file."""
    return msgspec.json.decode(msgspec.json.encode(result))


def names(kind: type[Any]) -> list[str]:
    """The fields of a class of results, as its JSON spells them."""
    return [f.encode_name for f in fields(kind)]


def fields(kind: type[Any]) -> tuple[Any, ...]:
    return msgspec.inspect.type_info(kind).fields  # type: ignore[attr-defined]


def held(kind: type[Any]) -> Iterator[type[Any]]:
    """The class, and every class that it holds."""
    yield kind
    for hint in typing.get_type_hints(kind).values():
        yield from _in(hint)


def _in(hint: Any) -> Iterator[type[Any]]:
    if isinstance(hint, type) and hint.__module__.startswith("tltk."):
        yield from held(hint)
    for argument in typing.get_args(hint):
        yield from _in(argument)


def test_every_kind_of_run_has_a_class_of_results_and_a_result_of_before() -> None:
    assert sorted(spec_kinds()) == TYPED
    assert {path.stem for path in BEFORE.glob("*.json")} <= set(TYPED), "what was written stays readable"


@pytest.mark.parametrize("kind", TYPED)
def test_the_worker_writes_what_the_class_says_and_nothing_else(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Inline")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # no forks of the test process
    before = signal.getsignal(signal.SIGTERM)
    try:
        specs = smallest(tmp_path)
        if kind not in specs:
            pytest.skip(f"{kind} needs an extra of tltk that is not installed")
        run = executor().submit(specs[kind])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert run.status.state == "done", run.status.message
    result = run.read(result_class(type(run.spec)))
    assert result is not None
    assert as_json(result) == json.loads((run.path / "result.json").read_text())


@pytest.mark.parametrize("path", sorted(BEFORE.glob("*.json")), ids=lambda path: path.stem)
def test_a_result_of_the_version_before_still_opens(path: Path) -> None:
    body = json.loads(path.read_text())
    written = as_json(msgspec.convert(body, result_class(spec_kinds()[path.stem])))
    assert {name: written[name] for name in body} == body


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_first_results_still_open(path: Path) -> None:
    """The trainings behind the shipped weights were written by the first version."""
    body = json.loads(path.read_text())
    written = as_json(msgspec.convert(body, result_class(spec_kinds()["transfer"])))
    assert {name: written[name] for name in body} == body


@pytest.mark.parametrize("kind", TYPED)
def test_a_result_that_lacks_a_field_is_a_sentence(kind: str) -> None:
    spec = spec_kinds()[kind]
    run = Run.at("abcdef012345")
    required = next(f.encode_name for f in fields(result_class(spec)) if f.required)
    with pytest.raises(RunProblem, match=f"of another version: .*{required}.*Ask again"):
        run.as_result({}, result_class(spec))


@pytest.mark.parametrize("kind", TYPED)
def test_the_page_of_json_has_every_field_and_no_other(kind: str) -> None:
    printed = SHOWN.get(kind, result_class(spec_kinds()[kind]))
    whole = {result_class(spec): name for name, spec in spec_kinds().items()} | {printed: kind}
    for one in dict.fromkeys(held(printed)):
        of = whole.get(one)
        title = SECTIONS.get(of, f"tltk {of}") if of else PARTS.get(one.__name__) or heading(one)
        assert sorted(documented(title)) == sorted(names(one)), (title, one.__name__)


def test_the_page_of_json_has_the_ledger() -> None:
    for title, one in (("tltk ledger", Ledger), ("A ledger row", LedgerRow), ("A break even", BreakEven)):
        assert sorted(documented(title)) == sorted(names(one)), title


def test_every_field_of_a_result_is_explained_where_it_is_defined() -> None:
    for kind in TYPED:
        one = result_class(spec_kinds()[kind])
        told = re.findall(r"^        (\w+): ", one.__doc__ or "", re.M)
        assert sorted(told) == sorted(f.name for f in fields(one)), one

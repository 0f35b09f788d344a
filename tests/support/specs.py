"""Specs drawn at random."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import strategies as st

import tltk
from tltk.cli import main as cli
from tltk.errors import TltkError
from tltk.specs import command
from tltk.specs.knobs import Spec, knobs
from tltk.specs.reading import read_spec, spec_kinds

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)

# knobs that do not go with every value of the others
ALONE = ("val", "test", "folds", "fold", "repeat", "keep_head", "focal", "label_smoothing")
GROUPS = st.sampled_from(["", "folder", "folder:2", "column:a b", "name:^(.+)_[0-9]$"])
WIDTHS = st.just(0) | st.integers(8, 1024)  # of pictures; 0 = as their height


def values(rule: Any) -> st.SearchStrategy[Any]:
    """Every value that a knob allows, the default often."""
    if rule.choices:
        return st.sampled_from(rule.choices)
    if isinstance(rule.default, bool):
        return st.booleans()
    if isinstance(rule.default, int):
        return st.just(rule.default) | st.integers(rule.lo, rule.hi)
    if isinstance(rule.default, float):
        return st.just(rule.default) | st.floats(rule.lo, rule.hi)
    return st.just(rule.default) | WORDS


def specs(kind: type[Any], **given: Any) -> st.SearchStrategy[Any]:
    """Any spec of this class; one whose parts do not go together is drawn again."""
    # Those that are no words, or have a gap in their range.
    own = {n: s for n, s in {"group_by": GROUPS, "width": WIDTHS}.items() if n in knobs(kind)}
    fields = {name: given.get(name, values(rule)) for name, rule in knobs(kind).items()} | own | given

    def make(drawn: dict[str, Any]) -> Any:
        try:
            return kind(**drawn)
        except TltkError:
            return kind(**{k: v for k, v in drawn.items() if k not in ALONE})

    return st.fixed_dictionaries(fields).map(make)


def survives_json(spec: Spec) -> None:
    again = read_spec(spec.to_json())
    assert again == spec
    assert again.run_id == spec.run_id
    assert again.to_json() == spec.to_json()


def parsed(text: str) -> Spec:
    """What `tltk …` would launch for this command line, by click's own parser."""
    words = shlex.split(text)
    assert words.pop(0) == "tltk"
    verb = cli.main.commands[words.pop(0)]
    by_verb = {kind.verb: kind for kind in spec_kinds().values()}
    return command.build_spec(by_verb[str(verb.name)], verb.make_context(str(verb.name), words).params)


def survives_the_shell(spec: Spec) -> None:
    again = parsed(command.to_command(spec))
    assert again == spec
    assert again.run_id == spec.run_id
    if not type(spec).words:
        assert command.read_command(command.to_command(spec)) == spec


@contextmanager
def launching(caught: list[Spec]) -> Iterator[None]:
    class Fake:
        def result(self) -> dict[str, Any]:
            return {}

    def launch(spec: Spec) -> Fake:
        caught.append(spec)
        return Fake()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tltk, "launch", launch, raising=False)
        patch.setattr("builtins.print", lambda *a: None)
        yield


def survives_python(spec: Spec) -> None:
    caught: list[Spec] = []
    with launching(caught):
        exec(command.to_python(spec), {})
    assert caught == [spec]
    assert caught[0].run_id == spec.run_id

"""Any spec: to JSON and back, to a shell command and back, to Python and back; the same spec and id."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tltk
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.cli import main as cli
from tltk.errors import TltkError
from tltk.specs import command
from tltk.specs.knobs import Spec, knobs
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, ViewSpec
from tltk.specs.reading import read_spec, spec_kinds
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


def values(rule: Any) -> st.SearchStrategy[Any]:
    """Every value that a knob allows, the default often."""
    if rule.choices:
        return st.sampled_from(rule.choices)
    if isinstance(rule.default, int):
        return st.just(rule.default) | st.integers(rule.lo, rule.hi)
    if isinstance(rule.default, float):
        return st.just(rule.default) | st.floats(rule.lo, rule.hi)
    return st.just(rule.default) | WORDS


def specs(kind: type[Any], **given: Any) -> st.SearchStrategy[Any]:
    """Any spec of this class; one whose parts do not go together is drawn again."""
    fields = {name: given.get(name, values(rule)) for name, rule in knobs(kind).items()} | given

    def make(drawn: dict[str, Any]) -> Any:
        try:
            return kind(**drawn)
        except TltkError:
            return kind(**{k: v for k, v in drawn.items() if k not in ("val", "test")})

    return st.fixed_dictionaries(fields).map(make)


KNOBS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False),
    max_size=3,
)
PARTS: dict[str, Any] = {
    "target": specs(DataSpec),
    "net": specs(NetSpec),
    "optim": specs(OptimSpec),
    "views": specs(ViewSpec),
    "strategy": st.builds(
        StrategySpec,
        st.sampled_from(["fine_tune", "lp_ft", "discriminative", "a b", "$(x)"]),
        KNOBS,
    ),
}
RUNS = st.one_of(
    specs(TransferSpec, **PARTS),
    specs(
        CompareSpec,
        **PARTS,
        source=st.none() | specs(DataSpec),
        source_optim=specs(OptimSpec),
        lrs=st.lists(st.floats(1e-7, 10), min_size=1, max_size=4).map(tuple),
    ),
)
ANY = st.one_of(RUNS, specs(DescribeSpec), specs(InspectSpec, data=specs(DataSpec)))


def survives_json(spec: Spec) -> None:
    again = read_spec(spec.to_json())
    assert again == spec
    assert again.run_id == spec.run_id
    assert again.to_json() == spec.to_json()


@given(ANY)
def test_json(spec: Spec) -> None:
    survives_json(spec)


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


@settings(deadline=None)
@given(RUNS)
def test_shell_command(spec: Spec) -> None:
    """A study without a source has no command for options of the source's training: they mean nothing."""
    if isinstance(spec, CompareSpec) and spec.source is not None and not spec.source.name.strip():
        return  # no such domain
    survives_the_shell(spec)


@given(specs(DescribeSpec))
def test_shell_command_of_a_question(spec: DescribeSpec) -> None:
    words = shlex.split(command.to_command(spec))
    assert words[:2] == ["tltk", "layers"]
    verb = cli.main.commands["layers"]
    assert isinstance(verb, click.Command)
    if spec.backbone.startswith("-"):
        return  # no backbone is called so
    found = verb.make_context("layers", words[2:]).params
    assert DescribeSpec(found["backbone"], found["size"], found["channels"]) == spec


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


@settings(deadline=None)
@given(ANY)
def test_python(spec: Spec) -> None:
    survives_python(spec)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_noise_is_refused_in_a_sentence(text: str | bytes) -> None:
    try:
        read_spec(text)
    except TltkError as fault:
        assert str(fault).rstrip().endswith((".", "?"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(list(spec_kinds().values())), st.data())
def test_any_json_in_any_field_is_a_spec_or_a_sentence(kind: type[Any], data: st.DataObject) -> None:
    names = [f for f in kind.__dataclass_fields__ if f != "kind"]
    body = {data.draw(st.sampled_from(names)): data.draw(JSON)}
    try:
        spec = kind.from_dict(body)
        assert kind.from_json(spec.to_json()) == spec
    except TltkError as fault:
        assert str(fault)

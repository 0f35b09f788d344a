"""Any spec: to JSON and back, to a shell command and back, to Python and back; the same spec and id."""

from __future__ import annotations

import shlex
from typing import Any

import click
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.specs import specs, survives_json, survives_python, survives_the_shell
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.cli import main as cli
from tltk.errors import TltkError
from tltk.specs import command
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, ViewSpec
from tltk.specs.reading import read_spec, spec_kinds
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

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


@given(ANY)
def test_json(spec: Spec) -> None:
    survives_json(spec)


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
    assert DescribeSpec(found["backbone"], found["size"], found["channels"], width=found["width"]) == spec


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

"""Flags, one by one; that every spec goes there and back is in property/test_spec_properties.py."""

from __future__ import annotations

import shlex

import pytest

from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.rank.spec import RankSpec
from tltk.errors import BadSpec, UnknownName
from tltk.specs import command
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec


@pytest.mark.parametrize("kind", [TransferSpec, CompareSpec])
def test_no_two_flags_are_the_same(kind: type[TransferSpec] | type[CompareSpec]) -> None:
    found = command.options(kind)
    flags = [o.flag for o in found]
    assert len(flags) == len(set(flags))
    assert len({o.path for o in found}) == len(found)
    assert not set(flags) & {"knob", "strategy", "spec", "again", "detach", "timeout", "json", "lrs", "help"}
    assert {"target", "shots", "data-seed", "lr", "boundary", "crop"} <= set(flags)


def test_the_source_has_its_own_flags() -> None:
    flags = {o.flag: o.path for o in command.options(CompareSpec)}
    assert flags["source"] == ("source", "name")
    assert flags["source-n"] == ("source", "n")
    assert flags["source-lr"] == ("source_optim", "lr")
    assert flags["first-seed"] == ("first_seed",)


def test_only_what_differs_is_spelt_out() -> None:
    assert command.to_command(TransferSpec()) == "tltk run --target digits"
    spec = TransferSpec(
        DataSpec("folder:/my pictures"),
        NetSpec(boundary=3),
        StrategySpec("lp_ft", {"probe": 0.25}),
        OptimSpec(lr=1e-4),
        seed=2,
    )
    assert command.to_command(spec) == (
        "tltk run --target 'folder:/my pictures' --boundary 3 --lr 0.0001 --seed 2 --strategy lp_ft --knob probe=0.25"
    )
    assert command.to_command(CompareSpec()).endswith("--lrs 0.0003,0.001,0.003")


def test_questions() -> None:
    assert command.to_command(DescribeSpec("a b", 64, 1)) == "tltk layers 'a b' --size 64 --channels 1"
    assert command.to_command(InspectSpec(DataSpec("digits", n=9))) == "tltk look digits --size 32 --n 9"


def test_python_of_a_plain_run() -> None:
    assert command.to_python(TransferSpec()) == (
        "import tltk\nfrom tltk import TransferSpec\n\nrun = tltk.launch(TransferSpec())\nprint(run.result())\n"
    )
    assert "target=DataSpec(\n        shots=5,\n    ),\n" in command.to_python(TransferSpec(DataSpec(shots=5)))


def test_nothing_given_is_the_default() -> None:
    assert command.build_spec(TransferSpec, {}) == TransferSpec()
    assert command.build_spec(CompareSpec, {"lrs": "0.1,1"}) == CompareSpec(lrs=(0.1, 1.0))


@pytest.mark.parametrize("text", ["decay", "=3", "", "0.5"])
def test_a_knob_without_a_name_or_a_value(text: str) -> None:
    with pytest.raises(BadSpec, match="--knob must be NAME=VALUE"):
        command.build_spec(TransferSpec, {"knob": [text]})


def test_knobs_are_numbers_where_they_can_be() -> None:
    spec = command.build_spec(TransferSpec, {"knob": ["a=1", "b=0.5", "c=1e-3", "d=x=y", "e="]})
    assert spec.strategy.knobs == {"a": 1, "b": 0.5, "c": 1e-3, "d": "x=y", "e": ""}


@pytest.mark.parametrize("text", ["a", "0.1,", "0.1;0.2"])
def test_lrs_that_are_no_numbers(text: str) -> None:
    with pytest.raises(BadSpec, match="--lrs must be numbers separated by commas"):
        command.build_spec(CompareSpec, {"lrs": text})


def test_options_of_a_source_need_a_source() -> None:
    with pytest.raises(BadSpec, match="need --source NAME"):
        command.build_spec(CompareSpec, {"source_n": 3})


def test_values_are_checked() -> None:
    with pytest.raises(BadSpec, match=r"OptimSpec.lr must be between"):
        command.build_spec(TransferSpec, {"lr": 100.0})
    with pytest.raises(UnknownName, match="Did you mean 'cosine'"):
        command.build_spec(TransferSpec, {"schedule": "cosin"})


def test_candidates_with_commas_go_to_the_shell_and_back() -> None:
    several = ("resnet10t@file:/a,b@c/w.safetensors", 'test_vit@file:/say "x",y.pth', "test_resnet")
    spec = RankSpec(candidates=several)
    words = shlex.split(command.to_command(spec))
    given = words[words.index("--candidates") + 1]
    assert command.build_spec(RankSpec, {"candidates": given}) == spec
    plain = command.build_spec(RankSpec, {"candidates": "a, b@hub:x"})
    assert isinstance(plain, RankSpec) and plain.candidates == ("a", "b@hub:x")


@pytest.mark.parametrize("value", [True, False])
def test_a_knob_that_is_on_or_off_goes_to_the_shell_and_back(value: bool) -> None:
    spec = TransferSpec(
        source=DataSpec("rendered_digits"),
        labels="source",
        strategy=StrategySpec("surgical", {"head": value}),
        terms=(TermSpec("cdan", {"entropy": value}),),
    )
    words = command.to_command(spec)
    assert f"head={str(value).lower()}" in words and f"cdan:entropy={str(value).lower()}" in words
    again = command.build_spec(TransferSpec, {"knob": [f"head={value}"], "strategy": "surgical"})
    assert again.strategy.knobs == {"head": value}
    assert command.read_named("--term", f"cdan:entropy={value}")["knobs"] == {"entropy": value}

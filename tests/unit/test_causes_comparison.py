"""A comparison and the study of its causes ask for the same trainings, and each is found from the other."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tltk.errors import BadSpec
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, StrategySpec, TermSpec
from tltk.studies import technique
from tltk.studies.causes import study as causes
from tltk.studies.causes.comparison import causes_of, comparison_of
from tltk.studies.causes.facts import TECHNIQUE, YARDSTICK
from tltk.studies.causes.spec import CausesSpec
from tltk.studies.compare import study as compare
from tltk.studies.compare.spec import CompareSpec

PLAIN = CompareSpec(source=DataSpec("rendered_digits"), target=DataSpec("digits", shots=5), net=NetSpec(boundary=2))
RICH = dataclasses.replace(
    PLAIN,
    strategy=StrategySpec("discriminative", {"decay": 0.5}),
    adapter=AdapterSpec("lora", {"rank": 2}),
    terms=(TermSpec("l2_sp", {"weight": 0.5}), TermSpec("coral")),
)


@pytest.mark.parametrize("spec", [PLAIN, RICH])
def test_they_share_every_training(spec: CompareSpec) -> None:
    asked = causes_of(spec)
    assert causes.source_spec(asked) == compare.source_spec(spec)
    arms = causes.arms(asked)
    for ours, theirs in ((YARDSTICK, "scratch"), (TECHNIQUE, "transfer")):
        for lr, seed in ((1e-3, 0), (3e-3, 2)):
            assert arms[ours](lr, seed).run_id == compare.arm_spec(spec, theirs, lr, seed).run_id


@pytest.mark.parametrize("spec", [PLAIN, RICH])
def test_there_and_back_is_the_same_comparison(spec: CompareSpec) -> None:
    assert comparison_of(causes_of(spec)) == spec


def test_a_technique_is_written_as_it_is_read() -> None:
    for word in ("fine_tune", "lora:rank=2", "discriminative:decay=0.5+l2_sp:weight=0.5+coral"):
        how = technique.parse(word)
        written = technique.write(how.strategy or StrategySpec(), how.adapter or AdapterSpec(), how.terms)
        assert written == word


@pytest.mark.parametrize(
    "changes",
    [{"yardstick": "bias"}, {"labels": "source"}, {"technique": "source_only"}, {"technique": "store:a"}],
)
def test_a_study_against_something_else_than_scratch_has_no_comparison(changes: dict[str, Any]) -> None:
    assert comparison_of(dataclasses.replace(causes_of(PLAIN), **changes)) is None


def test_a_boundary_of_the_technique_is_that_of_the_comparison() -> None:
    asked = CausesSpec(source=DataSpec("rendered_digits"), technique="bias@3")
    found = comparison_of(asked)
    assert found is not None and (found.net.boundary, found.adapter.name) == (3, "bias")


def test_without_a_source_there_are_no_causes() -> None:
    with pytest.raises(BadSpec, match="There is no source"):
        causes_of(CompareSpec(net=NetSpec(weights="store:a")))

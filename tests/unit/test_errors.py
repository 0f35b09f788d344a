"""Sentences: what must hold, what came, what to do."""

from __future__ import annotations

import pytest

from tltk import errors
from tltk.errors import TltkError, UnknownName


@pytest.mark.parametrize(
    "name", ["UnknownName", "BadSpec", "DataProblem", "CannotSplit", "WeightsMissing", "RunProblem"]
)
def test_every_error_is_a_tltk_error_and_a_value_error(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, TltkError)
    assert issubclass(kind, ValueError)
    assert kind.__doc__


def test_the_nearest_name_is_offered() -> None:
    fault = UnknownName.among("strategy", "l2sp", ["fine_tune", "l2_sp", "coral"])
    assert str(fault) == "strategy must be one of coral, fine_tune, l2_sp. Got 'l2sp'. Did you mean 'l2_sp'?"


def test_nothing_near_offers_nothing() -> None:
    assert "Did you mean" not in str(UnknownName.among("strategy", "zzzzzz", ["fine_tune", "coral"]))


def test_a_long_list_is_cut_and_counted() -> None:
    text = str(UnknownName.among("backbone", "x", [f"net{i:03}" for i in range(40)]))
    assert "net011" in text
    assert "net012" not in text
    assert "(40 in all)" in text


def test_an_empty_list_makes_a_sentence_too() -> None:
    assert str(UnknownName.among("A run", "3f9ac1", [])) == "A run must exist. Got '3f9ac1', but there is none yet."

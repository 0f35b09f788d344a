"""Names are files; nothing is imported until it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tltk.errors import UnknownName
from tltk.registry import Registry
from tltk.specs.parts import StrategySpec
from tltk.specs.spelling import camel_case
from tltk.strategies import make, strategies
from tltk.strategies.strategy import Strategy


@pytest.mark.parametrize(("name", "found"), [("lp_ft", "LpFt"), ("fine_tune", "FineTune"), ("coral", "Coral")])
def test_camel(name: str, found: str) -> None:
    assert camel_case(name) == found


def test_names_are_the_files_without_the_machinery() -> None:
    names = strategies.names()
    assert names == sorted(names)
    assert {"fine_tune", "feature_extraction", "discriminative", "gradual_unfreezing", "lp_ft"} <= set(names)
    assert "strategy" not in names
    assert not [n for n in names if n.startswith("_")]
    assert list(strategies) == names


def test_an_entry_is_its_class_and_its_summary_the_first_line() -> None:
    kind = strategies["lp_ft"]
    assert issubclass(kind, Strategy)
    assert kind.__doc__ is not None
    assert strategies.summary("lp_ft") == kind.__doc__.strip().split("\n")[0]


@pytest.mark.parametrize("name", ["lp-ft", "strategy", "__init__", "", "../spec", "os"])
def test_other_names_are_refused(name: str) -> None:
    assert name not in strategies
    with pytest.raises(UnknownName, match="strategy must be one of"):
        strategies[name]


def test_membership_of_something_that_is_no_name() -> None:
    assert 3 not in strategies


def test_make_refuses_unknown_knobs_and_names_the_known() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'decay'"):
        make(StrategySpec("discriminative", {"decai": 0.5}))
    with pytest.raises(UnknownName, match="has no knobs"):
        make(StrategySpec("fine_tune", {"decay": 0.5}))


def test_listing_imports_no_entry() -> None:
    probe = (
        "import sys; from tltk.registry import Registry; from tltk.specs.spelling import camel_case;"
        "r = Registry('strategy', 'tltk.strategies', camel_case, skip=('phase', 'strategy'));"
        "assert 'lp_ft' in r.names(); print([m for m in sys.modules if m.startswith('tltk.strategies')])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_registry_of_nothing() -> None:
    empty: Registry[object] = Registry("thing", "tltk.no_such_package", camel_case)
    assert empty.names() == []
    with pytest.raises(UnknownName, match="thing must exist"):
        empty["x"]

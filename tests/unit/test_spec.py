"""Specs refuse what cannot be meant, in sentences, and have the same id everywhere."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.errors import BadSpec, TltkError, UnknownName
from tltk.specs.knobs import knobs
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, ViewSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.strategies.phase import Phase
from tltk.studies.compare.spec import CompareSpec

KINDS = (TransferSpec, CompareSpec, DescribeSpec, InspectSpec)
PARTS = (DataSpec, ViewSpec, NetSpec, OptimSpec, StrategySpec, *KINDS)


def test_a_known_id_stays_what_it_is() -> None:
    """Pinned: a change here orphans every run that users have."""
    assert DescribeSpec().to_json() == '{"backbone":"resnet10t","channels":3,"kind":"describe","size":32}'
    assert DescribeSpec().run_id == "d5c1503cb2af"
    assert TransferSpec(DataSpec("digits", shots=5), NetSpec("test_resnet"), seed=3).run_id == "d1fd5a6e843c"


@pytest.mark.parametrize("kind", PARTS)
def test_defaults_survive_json(kind: type[Any]) -> None:
    spec = kind()
    assert kind.from_json(spec.to_json()) == spec
    assert kind.from_dict({}) == spec


@pytest.mark.parametrize("kind", KINDS)
def test_read_spec_finds_the_kind(kind: type[Any]) -> None:
    spec = kind()
    assert read_spec(spec.to_json()) == spec
    assert read_spec(spec.to_json().encode()).run_id == spec.run_id


def test_id_is_twelve_hex_digits_and_follows_every_field() -> None:
    base = CompareSpec()
    others = [
        replace(base, seeds=4),
        replace(base, lrs=(1e-3,)),
        replace(base, source=DataSpec()),
        replace(base, optim=replace(base.optim, lr=2e-3)),
        replace(base, strategy=StrategySpec("lp_ft")),
        replace(base, strategy=StrategySpec("lp_ft", {"probe": 0.25})),
    ]
    ids = {spec.run_id for spec in (base, *others)}
    assert len(ids) == 1 + len(others)
    assert all(len(i) == 12 and set(i) <= set("0123456789abcdef") for i in ids)


def test_group_id_forgets_the_seed_alone() -> None:
    spec = TransferSpec(seed=7)
    assert spec.group_id == replace(spec, seed=9).group_id == TransferSpec().run_id
    assert spec.group_id != replace(spec, target=DataSpec(seed=1), seed=7).group_id


def test_equal_specs_have_equal_ids() -> None:
    """−0 equals 0 and 1 equals 1.0, so neither may change what is written."""
    assert OptimSpec(weight_decay=-0.0).run_id == OptimSpec(weight_decay=0).run_id == OptimSpec(weight_decay=0.0).run_id
    assert OptimSpec.from_json('{"weight_decay": -0.0}').to_json() == OptimSpec(weight_decay=0.0).to_json()
    whole = CompareSpec(lrs=(1, 2))
    assert whole.run_id == CompareSpec(lrs=(1.0, 2.0)).run_id == read_spec(whole.to_json()).run_id
    assert of_any_type(CompareSpec, lrs=[1e-3]) == CompareSpec(lrs=(1e-3,))


def of_any_type(kind: Callable[..., object], **fields: object) -> object:
    """A spec with fields of types that a checker would refuse."""
    return kind(**fields)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: DataSpec(size=4), "DataSpec.size must be between 8 and 1024. Got 4."),
        (lambda: DataSpec(size=2000), "DataSpec.size must be between 8 and 1024. Got 2000."),
        (lambda: of_any_type(DataSpec, size=32.0), "DataSpec.size must be of type int. Got 32.0."),
        (lambda: DataSpec(size=True), "DataSpec.size must be of type int. Got True."),
        (lambda: of_any_type(DataSpec, size="32"), "DataSpec.size must be of type int. Got '32'."),
        (lambda: of_any_type(DataSpec, name=None), "DataSpec.name must be of type str. Got None."),
        (lambda: OptimSpec(lr=math.nan), "OptimSpec.lr must be a finite number. Got nan."),
        (lambda: OptimSpec(lr=math.inf), "OptimSpec.lr must be a finite number. Got inf."),
        (lambda: OptimSpec(lr=-math.inf), "OptimSpec.lr must be a finite number. Got -inf."),
        (lambda: OptimSpec(lr=10**400), "OptimSpec.lr must be a finite number. Got inf."),
        (lambda: OptimSpec(lr=True), "OptimSpec.lr must be of type float. Got True."),
        (lambda: OptimSpec(lr=0), "OptimSpec.lr must be between 1e-07 and 10.0. Got 0.0."),
        (lambda: OptimSpec(epochs=0), "OptimSpec.epochs must be between 1 and 10000. Got 0."),
        (lambda: TransferSpec(seed=-1), "TransferSpec.seed must be between 0 and 2147483647. Got -1."),
        (lambda: CompareSpec(seeds=1), "CompareSpec.seeds must be between 2 and 50. Got 1."),
        (lambda: CompareSpec(lrs=()), "lrs must hold learning rates between 1e-7 and 10. Got ()."),
        (lambda: CompareSpec(lrs=(11,)), "lrs must hold learning rates between 1e-7 and 10. Got (11,)."),
        (
            lambda: of_any_type(CompareSpec, lrs=[math.nan]),
            "lrs must hold learning rates between 1e-7 and 10. Got [nan].",
        ),
        (lambda: of_any_type(CompareSpec, lrs=("a",)), "lrs must be of type float. Got 'a'."),
        (lambda: CompareSpec(lrs=(True,)), "lrs must be of type float. Got True."),
        (lambda: of_any_type(CompareSpec, lrs=0.1), "lrs must be a list. Got 0.1."),
    ],
)
def test_what_cannot_be_meant(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(BadSpec) as caught:
        make()
    assert str(caught.value) == sentence


def test_shares_must_leave_something_to_train_on() -> None:
    with pytest.raises(BadSpec, match="at least 5% for training"):
        DataSpec(val=0.5, test=0.5)


def test_a_choice_offers_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        OptimSpec(schedule="cosin")
    assert str(caught.value) == (
        "OptimSpec.schedule must be one of constant, cosine, one_cycle, plateau, warm_restarts. "
        "Got 'cosin'. Did you mean 'cosine'?"
    )


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("{", BadSpec, "A spec must be JSON"),
        (b"\xff\xfe", BadSpec, "A spec must be JSON"),
        ("[]", BadSpec, "must be an object of fields"),
        ("3", BadSpec, "must be an object of fields"),
        ('{"kind": "tranfer"}', UnknownName, "Did you mean 'transfer'"),
        ('{"kind": null}', UnknownName, "The kind of a spec must be one of"),
        ('{"kind": ["x"]}', UnknownName, "The kind of a spec must be one of"),
        ('{"sead": 3}', UnknownName, "A field of TransferSpec must be one of .* Did you mean 'seed'"),
        ('{"seed": true}', BadSpec, "seed must be of type int. Got True"),
        ('{"seed": 1.0}', BadSpec, "seed must be of type int. Got 1.0"),
        ('{"seed": null}', BadSpec, "seed must be of type int. Got None"),
        ('{"target": "digits"}', BadSpec, "DataSpec must be an object of fields"),
        ('{"target": null}', BadSpec, "DataSpec must be an object of fields"),
        ('{"optim": {"lr": NaN}}', BadSpec, "OptimSpec.lr must be a finite number"),
        ('{"optim": {"lr": Infinity}}', BadSpec, "OptimSpec.lr must be a finite number"),
        ('{"optim": {"lr": 1' + "0" * 400 + "}}", BadSpec, "OptimSpec.lr must be a finite number"),
        ('{"optim": {"lr": "1e-3"}}', BadSpec, "lr must be of type float"),
        ('{"optim": {"LR": 1e-3}}', UnknownName, "Did you mean 'lr'"),
        ('{"target": {"kind": "transfer"}}', BadSpec, "must be of kind ''"),
        ('{"strategy": {"knobs": 3}}', BadSpec, "knobs must be of type dict"),
        ('{"kind": "compare", "lrs": 3}', BadSpec, "lrs must be a list"),
        ('{"kind": "compare", "lrs": []}', BadSpec, "lrs must hold learning rates"),
        ('{"kind": "compare", "source": 3}', BadSpec, "DataSpec must be an object of fields"),
    ],
)
def test_json_that_is_no_spec(text: str | bytes, kind: type[TltkError], part: str) -> None:
    with pytest.raises(kind, match=part):
        read_spec(text)


def test_no_source_stays_none() -> None:
    assert CompareSpec.from_dict({"source": None}).source is None
    assert CompareSpec.from_dict({"source": {}}).source == DataSpec()


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1, 2}])
def test_a_knob_of_a_strategy_that_json_does_not_have(value: Any) -> None:
    with pytest.raises(BadSpec, match="must hold plain, finite values"):
        TransferSpec(strategy=StrategySpec("lp_ft", {"rate": value})).run_id  # noqa: B018


@pytest.mark.parametrize("kind", PARTS)
def test_every_knob_has_help_and_a_default_within_its_range(kind: type[Any]) -> None:
    for name, rule in knobs(kind).items():
        assert rule.help.endswith("."), f"{kind.__name__}.{name}"
        assert not rule.choices or rule.default in rule.choices
        assert rule.lo is None or rule.lo <= rule.default
        assert rule.hi is None or rule.default <= rule.hi
        assert getattr(kind(), name) == rule.default


def test_specs_are_frozen() -> None:
    with pytest.raises(AttributeError):
        DataSpec().size = 3  # type: ignore[misc]


def test_views_that_do_nothing_are_none() -> None:
    assert ViewSpec().is_none
    assert ViewSpec(copies=3).is_none
    assert not ViewSpec(flip=0.5).is_none


def test_json_has_sorted_keys_and_no_spaces() -> None:
    body = CompareSpec().to_json()
    assert json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")) == body


@pytest.mark.parametrize(
    ("scale", "epochs"),
    [((1.0, 1.0), 0), ((0.0, 0.0), 1), ((1.0, -1.0), 1), ((1.0, math.nan), 1), ((1.0, math.inf), 1), ((), 1)],
)
def test_a_phase_that_cannot_be(scale: tuple[float, ...], epochs: int) -> None:
    with pytest.raises(BadSpec, match="A phase"):
        Phase(scale, epochs)


def test_a_phase_knows_its_boundary_and_what_is_frozen_above_it() -> None:
    phase = Phase((0.0, 0.0, 1.0, 0.0, 0.5), 3)
    assert (phase.boundary, phase.frozen_above) == (2, (3,))
    assert Phase((1.0,), 1).boundary == 0 and Phase((0.0, 1.0), 1).frozen_above == ()

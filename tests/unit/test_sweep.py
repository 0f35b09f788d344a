"""A freeze-depth sweep: which network each arm is, and what its curves say."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from tests.support.engine import domain
from tests.support.results import trained
from tltk import home
from tltk.errors import BadSpec, RunProblem, UnknownName
from tltk.jobs.checking import check_names
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.studies.sweep.spec import ARMS, SweepSpec
from tltk.studies.sweep.study import arm, base, domains, examples, n_trainings, on_source, read, within
from tltk.studies.sweep.table import lines
from tltk.training.compose import build_network
from tltk.weights import load as weights

SPEC = SweepSpec(DataSpec("digits"), DataSpec("rendered_digits", n=100), net=NetSpec("test_resnet"), layers=(1, 3, 5))


def test_each_arm_keeps_the_layers_that_its_name_says() -> None:
    made = {name: arm(SPEC, name, 3, 1e-3, 7) for name in ARMS}
    a, b = on_source(SPEC, 7), base(SPEC, 1e-3, 7)
    assert (a.target.name, b.target.name) == ("rendered_digits", "digits")
    weights_of = {name: one.net.weights for name, one in made.items()}
    assert weights_of == {
        "AnB": f"run:{a.run_id}",
        "AnB+": f"run:{a.run_id}",
        "BnB": f"run:{b.run_id}",
        "BnB+": f"run:{b.run_id}",
        "random": "scratch",
    }
    assert {name: (one.net.boundary, one.net.reset) for name, one in made.items()} == {
        "AnB": (3, 3),
        "AnB+": (0, 3),
        "BnB": (3, 3),
        "BnB+": (0, 3),
        "random": (3, 0),
    }
    assert all(one.seed != b.seed and one.target == b.target and one.optim == b.optim for one in made.values())
    assert n_trainings(SPEC) == 3 * (2 + 5 * 3)
    assert [one.run_id for one in examples(SPEC)] == [base(SPEC, 1e-3, 0).run_id, on_source(SPEC, 0).run_id]


def test_layers_above_the_kept_ones_begin_anew(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_HOME", str(tmp_path))
    d = domain()
    asked = TransferSpec(net=NetSpec("test_resnet"), optim=OptimSpec(epochs=1), seed=5)
    source, _ = build_network(asked, d)
    path = home.home() / "source.safetensors"
    weights.save(source, asked.net, path)
    kept = dataclasses.replace(asked, seed=6, net=NetSpec("test_resnet", weights=f"file:{path}", reset=2))
    net, _ = build_network(kept, d)
    scratch, _ = build_network(dataclasses.replace(asked, seed=6), d)
    there, fresh, first = net.state_dict(), scratch.state_dict(), source.state_dict()
    for name, layer in net.layer_of.items():
        expected = first if layer < 2 else fresh
        assert torch.equal(there[name], expected[name]), name
    whole = dataclasses.replace(kept, net=NetSpec("test_resnet", weights=f"file:{path}"))
    assert whole.run_id != kept.run_id and "reset" not in whole.to_json()
    with pytest.raises(BadSpec, match="at most 5"):
        build_network(dataclasses.replace(kept, net=dataclasses.replace(kept.net, reset=9)), d)


def test_halves_are_the_target_s_own() -> None:
    spec = SweepSpec(DataSpec("digits", shots=5), halves="random", net=NetSpec("test_resnet"))
    a, b = domains(spec)
    assert (a.name, b.name) == ("subset:random1@digits", "subset:random2@digits") and (a.shots, b.shots) == (0, 5)
    assert on_source(spec, 0).without is not None, "what tests B is not in A"
    assert read_spec(spec.to_json()) == spec
    check_names(spec)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"source": None}, BadSpec),
        ({"halves": "random"}, BadSpec),
        ({"arms": ("AnC",)}, UnknownName),
        ({"arms": ()}, BadSpec),
        ({"layers": (0,)}, BadSpec),
        ({"lrs": ()}, BadSpec),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], fault: type[Exception]) -> None:
    with pytest.raises(fault):
        check_names(dataclasses.replace(SPEC, **changes))


def result(share: float) -> Any:
    right = round(share * 500)
    return trained(labels=[0] * 500, predictions=[0] * right + [1] * (500 - right))


def go(**share: list[float]) -> Any:
    spec = dataclasses.replace(SPEC, arms=tuple(ARMS))
    found = {
        f"{name} {n}": [result(value)] * 3
        for name, values in share.items()
        for n, value in zip(spec.layers, values, strict=True)
    }
    return read(spec, [result(0.7)] * 3, found, 1e-3, "")


def test_depths_that_a_network_lacks_are_left_out() -> None:
    base = msgspec.structs.replace(result(0.5), depth=2)
    assert within(dataclasses.replace(SPEC, layers=(1, 2, 3)), base).layers == (1, 2)
    with pytest.raises(RunProblem, match="has 2 layers, and 3 or more were to be kept; name fewer"):
        within(dataclasses.replace(SPEC, layers=(3, 4)), base)


def test_the_paper_s_signs_are_told_where_they_are_there() -> None:
    found = go(
        **{
            "AnB": [0.7, 0.6, 0.4],
            "AnB+": [0.8, 0.8, 0.8],
            "BnB": [0.7, 0.6, 0.7],
            "BnB+": [0.7] * 3,
            "random": [0.5, 0.2, 0.1],
        }
    )
    assert {s.name: s.holds for s in found.signs} == dict.fromkeys(
        ("co-adaptation", "specific", "boost", "untrained"), "yes"
    )
    assert "With 3 layers of the source frozen it is worse, by 10.0 points." in found.sentence
    by_arm = {c.arm: c for c in found.curves}
    assert by_arm["AnB"].gap == pytest.approx([0.0, -0.1, -0.3]) and by_arm["AnB"].hi[2] < 0
    text = "\n".join(lines(found))
    assert "layers kept  1" in text and "−30.0" in text


def test_signs_that_are_not_there_are_not_told() -> None:
    flat = dict.fromkeys(ARMS, [0.7, 0.7, 0.7])
    assert {s.holds for s in go(**flat).signs} == {"cannot tell"}
    worse = {**flat, "AnB+": [0.5, 0.5, 0.5], "random": [0.9, 0.9, 0.9]}
    told = {s.name: s.holds for s in go(**worse).signs}
    assert (told["boost"], told["untrained"]) == ("no", "no")
    assert "be told to be worse" in go(**flat).sentence


def test_the_published_curves_are_the_authors_own() -> None:
    """The ghost line: means over their logs, as in Table 1 of the paper to within half a point."""
    import json

    from tltk import assets

    published = json.loads(assets.text("published/yosinski.json"))
    assert set(published["accuracy"]) == set(ARMS) - {"random"}
    assert published["layers"] == list(range(1, 8)) and published["base"] == pytest.approx(0.6245, abs=5e-4)
    assert np.argmin(published["accuracy"]["BnB"]) == 4 and np.argmin(published["accuracy"]["AnB"]) == 6
    assert all(len(v) == 7 for v in published["accuracy"].values()) and "Yosinski" in published["source"]

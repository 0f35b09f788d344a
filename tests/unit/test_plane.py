"""The stability–plasticity plane: paths, points, front."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from tests.support.results import trained
from tltk.errors import BadSpec, RunProblem
from tltk.jobs.checking import check_names
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.reading import read_spec
from tltk.studies.arms import Measured, Search, scores_of
from tltk.studies.plane.spec import PlaneSpec, expand
from tltk.studies.plane.study import examples, place
from tltk.studies.plane.table import lines

SPEC = PlaneSpec(
    source=DataSpec("rendered_digits", n=100), net=NetSpec("test_resnet"), arms=("fine_tune", "bias", "norm")
)


def measured(share: dict[str, tuple[float, list[float | None]]]) -> Measured:
    """Arm → share of the target that is right, and accuracy on the source of each seed."""
    results = {}
    for name, (target, source) in share.items():
        right = round(target * 200)
        one = trained(labels=[0] * 200, predictions=[0] * right + [1] * (200 - right))
        results[name] = [msgspec.structs.replace(one, source_accuracy=s, source_accuracy_before=0.9) for s in source]
    rates = Search(dict.fromkeys(share, 1e-3), {}, {})
    return Measured(rates, results, {name: scores_of(found) for name, found in results.items()}, {})


def test_a_path_is_one_technique_for_each_value() -> None:
    assert expand("l2_sp:weight=0.1|1|10") == ["l2_sp:weight=0.1", "l2_sp:weight=1", "l2_sp:weight=10"]
    assert expand("bias+l2_sp:weight=0.1|1,head=0@3") == [
        "bias+l2_sp:weight=0.1,head=0@3",
        "bias+l2_sp:weight=1,head=0@3",
    ]
    assert expand("fine_tune@3") == ["fine_tune@3"]
    with pytest.raises(BadSpec, match="one knob with several"):
        expand("l2_sp:weight=0.1|1,head=0|1")
    spec = dataclasses.replace(SPEC, arms=("bias", "l2_sp:weight=0.1|1"))
    assert spec.arms == ("bias", "l2_sp:weight=0.1", "l2_sp:weight=1") and read_spec(spec.to_json()) == spec


def test_the_front_is_what_nothing_beats_on_both() -> None:
    found = place(
        measured(
            {"fine_tune": (0.9, [0.3, 0.32, 0.34]), "bias": (0.8, [0.7, 0.7, 0.7]), "norm": (0.7, [0.5, 0.5, 0.5])}
        ),
        SPEC,
    )
    assert {p.name: p.on_front for p in found.points} == {"fine_tune": True, "bias": True, "norm": False}
    tune = found.points[0]
    assert tune.source == pytest.approx(0.32) and tune.forgotten == pytest.approx(0.58)
    # 0.02 / √3 · t(2, 0.975)
    assert tune.source_hi - tune.source == pytest.approx(0.02 / 3**0.5 * 4.302653, rel=1e-5)
    assert found.source_before == pytest.approx(0.9) and found.race.arms[0].name == "fine_tune"
    assert "bias keeps 70.0% at 80.0% on the target. 2 of 3" in found.sentence
    assert "fine_tune  90.0" in "\n".join(lines(found))


def test_a_single_best_is_said() -> None:
    found = place(measured({"fine_tune": (0.9, [0.8] * 3), "bias": (0.8, [0.7] * 3), "norm": (0.7, [0.5] * 3)}), SPEC)
    assert found.sentence.endswith("no other technique keeps more.")


def test_what_was_not_measured_is_a_sentence() -> None:
    with pytest.raises(RunProblem, match="It was not for bias"):
        place(measured({"fine_tune": (0.9, [0.8] * 3), "bias": (0.8, [None] * 3)}), SPEC)


def test_every_arm_reads_the_source() -> None:
    check_names(SPEC)
    source, *arms = examples(SPEC)
    assert source.target.name == "rendered_digits"
    assert all(one.source is not None and one.net.weights == f"run:{source.run_id}" for one in arms)


@pytest.mark.parametrize(
    "changes",
    [
        {"source": None},
        {"forgetting": False},
        {"labels": "source", "arms": ("source_only", "coral")},
        {"arms": ("scratch", "bias")},
    ],
)
def test_a_plane_without_a_source_to_forget_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadSpec):
        check_names(dataclasses.replace(SPEC, **changes))

"""Advice: the rules' four corners, what is measured for them, and the record against races."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest

from tltk import home
from tltk.analyses.advise.analysis import advise, earliest_best, held_against, record
from tltk.analyses.advise.result import AdviseResult, SuggestionResult
from tltk.analyses.advise.rules import Facts, suggest
from tltk.analyses.advise.spec import AdviseSpec
from tltk.analyses.advise.table import lines
from tltk.analyses.rank.analysis import rank
from tltk.analyses.rank.spec import RankSpec
from tltk.analyses.sample import Context
from tltk.data import load
from tltk.errors import BadSpec
from tltk.jobs.checking import check_names
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.studies import technique
from tltk.studies.race.result import ArmResult, RaceResult
from tltk.studies.race.spec import RaceSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks

SHIPPED = NetSpec("test_efficientnet", weights="store:test_efficientnet_formulas")
SPEC = AdviseSpec(DataSpec("digits", shots=5, size=32), net=SHIPPED, pictures=100)


@pytest.mark.parametrize(
    ("few", "similar", "first"),
    [
        (True, "yes", "feature_extraction"),
        (True, "cannot tell", "feature_extraction"),
        (False, "yes", "fine_tune@3"),
        (True, "no", "fine_tune@3"),
        (False, "no", "fine_tune"),
    ],
)
def test_the_four_corners(few: bool, similar: str, first: str) -> None:
    found = suggest(Facts(few, similar, 10, 50, best_layer=2, depth=6))
    assert found[0].technique == first and len({one.technique for one in found}) == 3
    for one in found:
        technique.parse(one.technique)  # each can be raced as it is written
        assert one.why.endswith(".") and one.change.endswith(".")


def test_the_earliest_layer_that_cannot_be_told_from_the_best() -> None:
    draw = np.random.default_rng(0)
    right = [(draw.random(400) < share).astype(float) for share in (0.4, 0.7, 0.72, 0.71)]
    assert earliest_best(right) == 1
    assert earliest_best([right[1], right[0], right[0]]) == 0


def test_few_labels_on_known_pictures_are_left_to_frozen_features() -> None:
    context = Context(load, FeatureBank(), Callbacks())
    found = advise(SPEC, context)
    assert found.few and found.per_class == 5 and found.classes == 10 and found.n_train == 50
    assert len(found.probes) == len({p.layer for p in found.probes}) and found.probes[-1].layer == "features"
    assert all(p.lo <= p.accuracy - p.random <= p.hi for p in found.probes)
    assert found.suggestions[0].technique in found.sentence and "no record yet" in found.record
    assert found.distance is None and found.p is None
    assert {(one.backbone, one.weights) for one in found.suggestions} == {(SHIPPED.backbone, SHIPPED.weights)}
    first = found.suggestions[0]
    for part in (first.backbone, first.why, first.change, f"at boundary {first.boundary} of"):
        assert part in found.sentence
    text = "\n".join(lines(found))
    assert (
        all(
            f"{one.technique} at boundary {one.boundary} of {one.backbone}: {one.why} {one.change}" in text
            for one in found.suggestions
        )
        and found.record in text
    )
    limited = advise(dataclasses.replace(SPEC, minutes=1e-9), context)
    assert "were left out" in limited.sentence or len(limited.suggestions) == len(found.suggestions)
    assert limited.suggestions, "something is always advised"


def test_of_candidates_that_with_the_highest_logme_is_advised_on() -> None:
    context = Context(load, FeatureBank(), Callbacks())
    names = ("test_efficientnet@store:test_efficientnet_formulas", "test_resnet@store:nowhere")
    asked = dataclasses.replace(SPEC, net=NetSpec(), candidates=names)
    found, alone = advise(asked, context), advise(SPEC, context)
    assert found.probes == alone.probes and found.suggestions[0].technique == alone.suggestions[0].technique
    best, other = found.networks
    assert (best.backbone, best.best_place, best.why) == (SHIPPED.backbone, 1, "") and best.logme is not None
    assert other.logme is None and "weight store" in other.why
    (row,) = rank(RankSpec(SPEC.target, names[:1], ("logme",), 100), context).rows
    assert best.logme == row.scores["logme"]
    text = "\n".join(lines(found))
    assert "LogME" in text and other.why in text


def test_a_network_that_is_too_slow_is_left_out() -> None:
    context = Context(load, FeatureBank(), Callbacks())
    asked = dataclasses.replace(SPEC, net=NetSpec(), candidates=("test_efficientnet@store:test_efficientnet_formulas",))
    with pytest.raises(BadSpec, match="must be quick enough.*more than 1e-09"):
        advise(dataclasses.replace(asked, latency=1e-9), context)
    (one,) = advise(dataclasses.replace(asked, latency=1e5), context).networks
    assert one.milliseconds is not None and 0 < one.milliseconds < 1e5 and one.why == ""


def test_networks_are_named_in_one_way_and_with_weights() -> None:
    for spec, said in (
        (AdviseSpec(candidates=("test_resnet",)), "The candidate test_resnet has none"),
        (AdviseSpec(net=SHIPPED, candidates=("test_resnet@hub:x",)), "must be named in one way"),
    ):
        with pytest.raises(BadSpec, match=said):
            spec.check()


def test_a_source_s_distance_is_told() -> None:
    asked = dataclasses.replace(SPEC, source=DataSpec("rendered_digits", n=300, size=32))
    found = advise(asked, Context(load, FeatureBank(), Callbacks()))
    assert found.distance is not None and found.p is not None and found.p <= 0.05
    assert "are apart in what enters the head" in "\n".join(lines(found))


def finished(spec: Any, result: Any) -> Run:
    run = Run.create(spec)
    home.write_atomic(run.path / "result.json", msgspec.json.encode(result))
    run.write_status(state="done")
    return run


def arm(name: str, rank: int) -> ArmResult:
    return ArmResult(name, 0.9, 0.8, 1.0, rank, 2, 1e-3, "", 0.9, 1, 1, None, 1.0, 0, 0)


def race(first: int, **changes: Any) -> Run:
    spec = RaceSpec(target=SPEC.target, net=SHIPPED, arms=("feature_extraction", "fine_tune"))
    found = RaceResult([arm("feature_extraction", first), arm("fine_tune", 1)], [], "", [], [0], 10, 10)
    return finished(dataclasses.replace(spec, **changes), found)


def test_the_record_is_kept_against_races_that_tried_it() -> None:
    one = SuggestionResult("feature_extraction", 6, "Why.", "Change.", None, SHIPPED.backbone)
    advice = finished(SPEC, AdviseResult([one], "", True, "yes", 5, 50, 10, 6, [], None, None, ""))
    assert "no record yet" in record()
    assert held_against(advice, race(1)) is True and held_against(advice, race(2, seeds=4)) is False
    assert held_against(advice, race(1, target=DataSpec("rendered_digits"))) is None
    assert held_against(advice, race(1, arms=("feature_extraction", "bias"), seeds=5)) is True
    assert record().startswith("In 2 of 3 races here")


def test_advice_on_new_weights_is_refused() -> None:
    with pytest.raises(BadSpec, match="Advice is on how to use weights"):
        check_names(AdviseSpec(net=NetSpec("test_resnet")))

"""Figures of studies: each shows what its result holds, and names stay text."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.support.results import caused, cross_validated, labelled, mapped, planed, raced, swept, tuned
from tltk.plots import (
    atlas_study,
    causes_study,
    cross_validate_study,
    labels_study,
    plane_study,
    race_study,
    sweep_study,
)
from tltk.plots.chart import charts_of
from tltk.plots.theme import HELPS, HURTS, SCRATCH, faint
from tltk.specs.training import TransferSpec
from tltk.studies.atlas.result import AtlasResult
from tltk.studies.atlas.spec import AtlasSpec
from tltk.studies.cross_validate.spec import CrossValidateSpec
from tltk.studies.labels.spec import LabelsSpec
from tltk.studies.plane.spec import PlaneSpec
from tltk.studies.race.spec import RaceSpec
from tltk.studies.sweep.spec import SweepSpec
from tltk.studies.tune.spec import TuneSpec

HOSTILE = '<i onclick="x()">%{x}</i>'


def test_a_study_finds_its_figures_by_its_name() -> None:
    for kind, found in ((RaceSpec, raced()), (LabelsSpec, labelled()), (SweepSpec, swept())):
        [chart] = charts_of(kind, found)
        assert chart.alt and chart.caption and chart.figure.data
    assert charts_of(TransferSpec, None) == []


def test_a_race_has_the_best_first_with_its_interval_and_its_rank() -> None:
    figure = race_study.dots(raced())
    [dots] = figure.data
    assert list(dots.y) == ["lora+l2_sp", "fine_tune", "scratch"] and figure.layout.yaxis.autorange == "reversed"
    assert dots.x == pytest.approx([0.8, 0.75, 0.6])
    assert [x - d for x, d in zip(dots.x, dots.error_x.arrayminus, strict=True)] == pytest.approx([0.76, 0.71, 0.56])
    assert [x + d for x, d in zip(dots.x, dots.error_x.array, strict=True)] == pytest.approx([0.84, 0.79, 0.64])
    assert list(dots.marker.symbol) == ["circle", "circle", "circle-open"]
    assert [(a.y, a.text) for a in figure.layout.annotations if a.yref != "paper"] == [
        ("lora+l2_sp", "1–2"),
        ("fine_tune", "1–2"),
        ("scratch", "3"),
    ]


def test_an_interval_ends_where_accuracy_does() -> None:
    found = raced()
    best = msgspec.structs.replace(found.arms[0], accuracy=0.99, lo=0.97, hi=1.01)
    [dots] = race_study.dots(msgspec.structs.replace(found, arms=[best, *found.arms[1:]])).data
    assert dots.x[0] + dots.error_x.array[0] == pytest.approx(1.0)


def test_the_oracle_is_grey_and_says_what_it_uses() -> None:
    dots, picks, oracle = race_study.dots(raced(adapts=True)).data
    assert oracle.name == "oracle: uses target labels" and oracle.marker.color == SCRATCH != dots.marker.color
    assert list(oracle.x) == pytest.approx([0.9, 0.85, 0.8]) and list(picks.x) == [0.7] * 3
    assert "nobody would have" in race_study.charts(raced(adapts=True))[0].caption
    assert len(race_study.dots(raced()).data) == 1


def test_labels_are_on_a_log_axis_with_the_yardstick_grey() -> None:
    figure = labels_study.curves(labelled())
    assert figure.layout.xaxis.type == "log" and list(figure.layout.xaxis.tickvals) == [5, 10, 40]
    lines = {t.name: t for t in figure.data if t.line.width == 2.5}
    assert list(lines) == ["scratch", "fine_tune"]
    assert (lines["scratch"].line.color, lines["scratch"].line.dash) == (SCRATCH, "dash")
    bands = [t for t in figure.data if t.fill == "toself"]
    assert [(min(t.y), max(t.y)) for t in bands] == [pytest.approx((0.25, 0.95)), pytest.approx((0.45, 0.85))]


def test_what_a_technique_is_worth_ends_on_the_yardstick_s_curve() -> None:
    figure = labels_study.curves(labelled())
    worth = [t for t in figure.data if t.legendgroup == "worth"]
    assert [(list(t.x), list(t.y)) for t in worth] == [([5, 10.0], [0.5, 0.5]), ([10, 14.1], [0.6, 0.6])]
    assert [t.showlegend for t in worth] == [True, False], "one entry of the legend for all"
    assert "as accurate as scratch with 10 (95% interval 8 … 14)" in worth[0].text[0]
    [cross] = [t for t in figure.data if t.name == "curves cross"]
    share = math.log(20 / 10) / math.log(40 / 10)
    assert (list(cross.x), list(cross.y)) == ([20.0], pytest.approx([0.5 + share * 0.4]))


def test_a_sweep_has_a_zero_line_bands_and_the_paper_s_curve() -> None:
    figure = sweep_study.gaps(swept())
    assert [(s.y0, s.y1) for s in figure.layout.shapes] == [(0, 0)]
    own = {t.name: t for t in figure.data if t.mode == "lines+markers"}
    assert list(own) == ["AnB", "AnB+", "BnB", "BnB+", "random"]
    assert (list(own["AnB"].x), list(own["AnB"].y)) == ([1, 3, 5], pytest.approx([2, -5, -20]))
    ghosts = {t.name: t for t in figure.data if t.mode == "lines" and t.line.dash == "dash" and t.x[0]}
    assert set(ghosts) == {f"{name}, published" for name in own}
    anb = ghosts["AnB, published"]
    assert (anb.x[0], anb.x[-1]) == pytest.approx((5 / 7, 5.0)), "seven layers over the five here"
    assert anb.y[-1] == pytest.approx(100 * (0.5419 - 0.6245)) and ghosts["random, published"].y[0] == pytest.approx(
        100 * (0.4909 - 0.575)
    )
    low, high = figure.layout.yaxis.range
    assert low < -33 and high > 11 and low > -57, "as far as was measured here"
    assert "Yosinski" in sweep_study.charts(swept())[0].caption
    assert list(figure.layout.xaxis.ticktext) == ["1<br>stem", "3<br>layer2.0", "5<br>layer4.0"]


def test_only_arms_that_were_measured_have_a_published_line() -> None:
    figure = sweep_study.gaps(swept(("AnB",)))
    assert [t.name for t in figure.data] == ["95% interval", "AnB, published", "published (AlexNet)", "AnB"]


def test_causes_have_bars_and_a_dot_for_each_counter_experiment_that_was_made() -> None:
    shares, changes = causes_study.charts(caused())
    [bars] = shares.figure.data
    assert list(bars.x) == [0.6, 0.8, 0.0] and bars.marker.color[0] != bars.marker.color[1], "one stands behind another"
    assert [mark.text for mark in shares.figure.layout.annotations] == ["likely", "likely", "unlikely"]
    [dot] = changes.figure.data
    assert list(dot.x) == [25.0] and dot.y[0] == "Covariate shift"
    unmade = [msgspec.structs.replace(one, outcome=None) for one in caused().causes]
    assert len(causes_study.charts(msgspec.structs.replace(caused(), causes=unmade))) == 1


def test_a_plane_joins_a_path_and_fills_the_front() -> None:
    figure = plane_study.points(planed())
    path, alone = figure.data
    assert (path.name, path.mode, list(path.x), list(path.y)) == (
        "l2_sp:weight",
        "lines+markers",
        [0.7, 0.8],
        [0.6, 0.4],
    )
    assert alone.mode == "markers" and list(alone.marker.symbol) == ["circle-open"]
    assert list(path.marker.symbol) == ["circle", "circle"]
    assert [m + e for m, e in zip(path.y, path.error_y.array, strict=True)] == pytest.approx([0.7, 0.5])
    assert [s.y0 for s in figure.layout.shapes] == [0.9], "what the source's accuracy was before"


def test_an_atlas_is_zero_centred_blue_and_orange() -> None:
    pairs, distance = (chart.figure for chart in atlas_study.charts(mapped()))
    [heat] = pairs.data
    assert (heat.zmin, heat.zmax) == (-30, 30) and [c for _, c in heat.colorscale][::2] == [
        faint(HURTS, 0.55),
        faint(HELPS, 0.55),
    ]
    assert (
        heat.z[0][0] is None and list(heat.z[0][1:]) == pytest.approx([20, 10]) and len(pairs.layout.annotations) == 6
    )
    hurt = next(a for a in pairs.layout.annotations if (a.y, a.x) == ("rendered_digits", "digits"))
    assert hurt.text == "− 30.0"
    assert sum(len(trace.x) for trace in distance.data) == 5, "one pair has no distance"
    assert "−0.40" in atlas_study.charts(mapped())[1].caption
    bare = msgspec.structs.replace(mapped(), journeys=[msgspec.structs.replace(j, mmd=None) for j in mapped().journeys])
    assert len(atlas_study.charts(bare)) == 1


def test_a_cross_validation_joins_each_fold_and_has_the_mean_with_its_interval() -> None:
    *folds, mean = cross_validate_study.dots(cross_validated()).data
    assert [list(fold.y) for fold in folds] == [pytest.approx([y, y + 0.1]) for y in (0.7, 0.75, 0.8)]
    assert [fold.showlegend for fold in folds] == [True, False, False]
    assert list(mean.x) == ["feature_extraction", "fine_tune"] and list(mean.y) == [0.75, 0.85]
    assert list(mean.error_y.array) == pytest.approx([0.1, 0.1])
    assert len(cross_validate_study.dots(cross_validated(("scratch",))).data) == 4


def test_names_are_text_in_every_figure() -> None:
    curves = labelled(HOSTILE)
    layers = msgspec.structs.replace(swept(), names=[HOSTILE] * 6)
    hostile = [msgspec.structs.replace(p, name=HOSTILE, path=HOSTILE) for p in planed().points]
    for figure in (
        race_study.dots(raced(names=(HOSTILE, "b"))),
        labels_study.curves(curves),
        sweep_study.gaps(layers),
        atlas_study.pairs(msgspec.structs.replace(mapped(), domains=[HOSTILE, "b"])),
        plane_study.points(msgspec.structs.replace(planed(), points=hostile)),
    ):
        drawn = json.loads(figure.to_json())
        assert "onclick" in str(drawn) and "<i" not in str(drawn) and "%{x}<" not in str(drawn)


@pytest.mark.parametrize(
    ("kind", "found", "axis"),
    [
        (RaceSpec, raced(), "x"),
        (LabelsSpec, labelled(), "y"),
        (PlaneSpec, planed(), "x"),
        (CrossValidateSpec, cross_validated(), "y"),
        (TuneSpec, tuned(), "y"),
    ],
)
def test_every_accuracy_has_the_line_of_no_learning_and_sees_it(kind: Any, found: Any, axis: str) -> None:
    for chart, plain in zip(charts_of(kind, found, (0.05, "guessing")), charts_of(kind, found), strict=True):
        low, high = chart.figure.layout[f"{axis}axis"].range
        assert -0.03 < low <= 0.05 < high < 1.03 and chart.figure.layout[f"{axis}axis"].tickformat == ".0%"
        line = chart.figure.layout.shapes[-1]
        assert line[f"{axis}0"] == line[f"{axis}1"] == 0.05
        assert chart.figure.layout.annotations[-1].text.replace("\u2060", "") == "guessing: 5%"
        assert len(plain.figure.layout.shapes) == len(chart.figure.layout.shapes) - 1, "no line where it is not known"


def test_gaps_have_no_line_of_guessing() -> None:
    for kind, found in ((SweepSpec, swept()), (AtlasSpec, mapped())):
        for chart, plain in zip(charts_of(kind, found, (0.1, "guessing")), charts_of(kind, found), strict=True):
            assert chart.figure.layout == plain.figure.layout


def test_what_takes_no_learning_is_known_of_accuracies_alone() -> None:
    found = msgspec.structs.replace(tuned(), metric="auc")
    for chart in charts_of(TuneSpec, found, (0.1, "guessing")):
        assert not chart.figure.layout.shapes


@pytest.mark.parametrize("draw", [atlas_study.over_distance, sweep_study.gaps])
def test_a_gap_s_interval_ends_at_100_points(draw: Any) -> None:
    found: Any = mapped() if draw is atlas_study.over_distance else swept()
    if isinstance(found, AtlasResult):
        wild = [msgspec.structs.replace(j, lo=-1.4, hi=1.3) for j in found.journeys]
        figure = draw(msgspec.structs.replace(found, journeys=wild))
        bars = [(t.y, t.error_y) for t in figure.data]
        ends = [v for y, e in bars for v in (*np.add(y, e.array), *np.subtract(y, e.arrayminus))]
    else:
        wide = [msgspec.structs.replace(c, lo=[-1.4] * len(c.lo), hi=[1.3] * len(c.hi)) for c in found.curves]
        ends = [v for t in draw(msgspec.structs.replace(found, curves=wide)).data if t.fill for v in t.y]
    assert ends and min(ends) == pytest.approx(-100) and max(ends) == pytest.approx(100)

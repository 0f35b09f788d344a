"""An atlas: every source for every target, and what their distance tells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.support.results import trained
from tltk import home
from tltk.analyses.profile.result import ProfileResult
from tltk.analyses.profile.spec import ProfileSpec
from tltk.errors import BadSpec
from tltk.jobs.checking import check_names
from tltk.results.layers import Column
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.studies.atlas import study
from tltk.studies.atlas.result import AtlasResult
from tltk.studies.atlas.spec import AtlasSpec
from tltk.studies.atlas.table import lines
from tltk.studies.study import conduct

NAMES = ("digits", "rendered_digits", "blended_digits")
SPEC = AtlasSpec(NAMES, DataSpec(shots=5, n=200), NetSpec("test_resnet"), lrs=(1e-3,))


def go(gap: dict[tuple[str, str], float], mmd: dict[tuple[str, str], float]) -> tuple[AtlasResult, Run]:
    """An atlas whose gaps and distances are these; from scratch half of the pictures are right."""
    sources: dict[str, str] = {}

    def answer(runs: list[Run], ended: Callable[[Run], None]) -> None:
        for run in runs:
            spec = run.spec
            if isinstance(spec, ProfileSpec):
                assert spec.source is not None
                column = Column("mmd", "MMD", "", [0.0, mmd[spec.source.name, spec.target.name]])
                found: object = ProfileResult(["a", "features"], 1, [column], None, None, {}, {}, {})
            else:
                assert isinstance(spec, TransferSpec)
                if not spec.target.shots:
                    sources[run.id] = spec.target.name
                weights = spec.net.weights.removeprefix("run:")
                more = gap[sources[weights], spec.target.name] if weights in sources else 0.0
                right = round(400 * (0.5 + more))
                found = trained(labels=[0] * 400, predictions=[0] * right + [1] * (400 - right))
            home.write_atomic(run.path / "result.json", msgspec.json.encode(found))
            run.write_status(state="done")
            ended(run)

    run = Run.create(SPEC)
    return conduct(run, study.atlas(SPEC), answer, lambda done, what: None), run


GAP = {pair: g for pair, g in zip(study.pairs(SPEC), (0.3, 0.2, 0.1, 0.0, -0.1, -0.2), strict=True)}
MMD = {pair: 0.1 * i for i, pair in enumerate(study.pairs(SPEC))}


def test_every_pair_has_its_gap_its_distance_and_its_label() -> None:
    found, run = go(GAP, MMD)
    assert {(j.source, j.target): round(j.gap, 6) for j in found.journeys} == GAP
    assert {(j.source, j.target): j.mmd for j in found.journeys} == MMD
    assert [j.label for j in found.journeys] == ["helps"] * 3 + ["no difference"] + ["hurts"] * 2
    assert found.scratch == dict.fromkeys(NAMES, 0.5)
    assert "helps in 3 and hurts in 2, most from" in found.sentence and "(−20.0 points)" in found.sentence
    roles = [c.role for c in run.children()]
    assert roles.count("question") == 6 and roles.count("measure") == 9 * 3
    assert len(roles) == study.n_trainings(SPEC)
    text = "\n".join(lines(found))
    assert "+ +30.0, mmd 0.000" in text and "from scratch" in text


def test_a_distance_that_tells_the_gap_is_told() -> None:
    found, _ = go(GAP, MMD)
    assert found.correlation == pytest.approx(-1) and "A larger distance goes with a smaller gap" in found.sentence
    other, _ = go(GAP, {pair: 0.1 * ((3 * i) % 7) for i, pair in enumerate(GAP)})
    assert "Distance does not tell the gap here" in other.sentence


def test_the_correlation_equals_scipy_s_and_its_interval_covers() -> None:
    draw = np.random.default_rng(0)
    x = draw.standard_normal(12)
    y = 0.8 * x + draw.standard_normal(12)
    rho, lo, hi = study.rank_correlation(list(x), list(y))
    assert rho is not None and lo is not None and hi is not None
    assert rho == pytest.approx(spearmanr(x, y).statistic) and lo < rho < hi
    covered = 0
    for _ in range(400):  # ρ of a bivariate normal with r = 0.5 is (6/π) asin(r/2)
        a = draw.standard_normal(20)
        b = 0.5 * a + 0.75**0.5 * draw.standard_normal(20)
        _, low, high = study.rank_correlation(list(a), list(b))
        assert low is not None and high is not None
        covered += low <= 6 / np.pi * np.arcsin(0.25) <= high
    assert covered >= 0.92 * 400
    assert study.rank_correlation([1, 2, 3], [1, 2, 3]) == (None, None, None)
    assert study.rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]) == (None, None, None)


def test_sources_have_all_their_labels_and_targets_few() -> None:
    made = {name: arm(1e-3, 0) for name, arm in study.arms(SPEC).items()}
    assert len(made) == 9 and {one.target.shots for one in made.values()} == {5}
    assert all(one.target.shots == 0 for one in study.examples(SPEC))
    assert made["scratch → digits"].net.weights == "scratch"
    weights = made["rendered_digits → digits"].net.weights
    assert weights == f"run:{study.on_source(SPEC, 'rendered_digits', 'digits').run_id}"
    check_names(SPEC)
    assert read_spec(SPEC.to_json()) == SPEC


@pytest.mark.parametrize("names", [("digits", "rendered_digits"), ("digits",) * 3, ("digits", "rendered_digits", " ")])
def test_fewer_than_three_domains_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(BadSpec, match="three domains"):
        dataclasses.replace(SPEC, domains=names)

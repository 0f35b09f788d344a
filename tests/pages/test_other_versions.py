"""A result that this version cannot read is a sentence with a button that has it made once more, on every page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.depth_pages import SHARED, known, press
from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered, comparison, is_clean, network_known, open_page, texts, training
from tltk import home
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard.plan import FIRST
from tltk.jobs import queue
from tltk.runs.run import Run
from tltk.specs.knobs import Spec

OLD = {"of": "another time"}


def asks_again(app: Any, spec: Spec) -> None:
    """The page stands, says what is the matter, and its button makes the result once more."""
    is_clean(app)
    assert "It is of another version" in texts(app)
    press(app, "Ask again")
    is_clean(app)
    assert spec.run_id in [job.run for job in queue.jobs()] and Run.at(spec.run_id).result() is None


@pytest.mark.parametrize("name", ["domains", "design"])
def test_what_is_in_a_domain(name: str) -> None:
    assert FIRST.source is not None
    network_known()
    answered(InspectSpec(FIRST.target), OLD)
    asks_again(open_page(name), InspectSpec(FIRST.target))


def test_the_layers_of_a_network() -> None:
    spec = DescribeSpec(FIRST.net.backbone, FIRST.target.size, 3)
    answered(spec, OLD)
    asks_again(open_page("layers"), spec)


def test_an_embedding() -> None:
    known()
    spec = EmbedSpec(**SHARED, pictures=500, method="pca")
    answered(spec, OLD)
    asks_again(open_page("layers"), spec)


def test_a_training() -> None:
    run = training()
    home.write_atomic(run.path / "result.json", json.dumps(OLD))
    app = open_page("train", run=run.id)
    assert "bit for bit" in texts(app)  # what the rows tell stands
    asks_again(app, run.spec)


def test_a_comparison() -> None:
    run = comparison("helps")
    home.write_atomic(run.path / "result.json", json.dumps(OLD))
    asks_again(open_page("curves", run=run.id), run.spec)


def test_the_list_of_runs_says_so_in_its_line() -> None:
    run = training()
    home.write_atomic(run.path / "result.json", json.dumps(OLD))
    app = open_page("runs")
    is_clean(app)
    assert list(app.dataframe[0].value["result"]) == ["of another version"]

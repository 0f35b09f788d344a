"""A lasso on an embedding: its spread over classes and domains, and its pictures page by page."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.support.pages import answered
from tltk.analyses.embed.result import EmbedResult, Frame
from tltk.analyses.embed.spec import EmbedSpec
from tltk.dashboard import plot, points
from tltk.plots.embedding import DRAWN_ONE_BY_ONE, scatter
from tltk.results.rows import ACROSS
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec

SPEC = EmbedSpec(DataSpec("digits"), DataSpec("rendered_digits"))


def embedded(n: int = 120) -> EmbedResult:
    """Pictures of two classes in two domains; neighbours are those that follow."""
    near = [[(i + k) % n for k in range(1, 5)] for i in range(n)]
    x = [float(i) for i in range(n)]
    frames = [Frame(i, name, "", x, x, near, 0.9, 0.8, 0.4) for i, name in enumerate(("stem", "features"))]
    labels = [("cat", "dog")[i % 4 == 0] for i in range(n)]
    domain = [int(i >= n // 2) for i in range(n)]
    names = ["stem", "features"]
    return EmbedResult(names, frames, domain, labels, {"target": n // 2, "source": n - n // 2}, "pca", "layers", {})


def view() -> None:
    from tltk.analyses.embed.result import EmbedResult
    from tltk.analyses.embed.spec import EmbedSpec
    from tltk.dashboard.points import points
    from tltk.runs.run import Run
    from tltk.specs.parts import DataSpec

    run = Run.at(EmbedSpec(DataSpec("digits"), DataSpec("rendered_digits")).run_id)
    found = run.read(EmbedResult)
    assert found is not None
    points(run, found, 0, "test")


def selected(monkeypatch: pytest.MonkeyPatch, numbers: list[int]) -> AppTest:
    found = embedded()
    answered(SPEC, found)
    rows = -(-len(found.labels) // ACROSS)
    Image.new("RGB", (ACROSS * 8, rows * 8)).save(Run.at(SPEC.run_id).path / "pictures.png")
    picks: list[Any] = [numbers]
    monkeypatch.setattr(points, "pick", lambda *_, **__: picks.pop() if picks else None)
    app = AppTest.from_function(view, default_timeout=60).run()
    assert not app.exception
    return app


def test_a_selection_tells_its_spread_and_pages_through_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    app = selected(monkeypatch, list(range(30, 90)))
    assert "**60 pictures selected**" in [m.value for m in app.markdown]
    table = app.dataframe[0].value
    assert table.to_dict("list") == {"class": ["cat", "dog"], "target": [23, 7], "source": [22, 8]}
    assert len(app.get("imgs") or app.get("image")) and "Pictures 1 to 24 of 60." in [c.value for c in app.caption]


def test_one_point_is_followed_through_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    app = selected(monkeypatch, [59])
    table = app.dataframe[0].value
    assert list(table["layer"]) == ["stem", "features"] and list(table["of its class"]) == ["3 of 4"] * 2
    assert list(table["of the target"]) == ["0 of 4"] * 2 and list(table["most are"]) == ["cat (3 of 4)"] * 2


def test_pictures_come_by_turns_from_each_class_and_domain() -> None:
    found = embedded(16)
    order = points.by_turns(found, range(16))
    assert sorted(order) == list(range(16))
    first = {(found.labels[n], found.domain[n]) for n in order[:4]}
    assert first == {("cat", 0), ("cat", 1), ("dog", 0), ("dog", 1)}


def test_many_numbers_come_as_bits() -> None:
    chosen = np.random.default_rng(0).random(50_000) < 0.3
    bits = base64.b64encode(np.packbits(chosen, bitorder="little").tobytes()).decode()
    assert plot._numbers({"bits": bits}) == np.flatnonzero(chosen).tolist()
    assert plot._numbers([3, 1]) == [3, 1]


@pytest.mark.parametrize(("n", "kind"), [(40, "scatter"), (DRAWN_ONE_BY_ONE + 1, "scattergl")])
@pytest.mark.parametrize("colour", ["class", "domain"])
def test_other_classes_are_faint_and_every_point_is_drawn_once(n: int, kind: str, colour: str) -> None:
    found = embedded(n)
    figure = scatter(found, found.frames[0], colour, "dog")
    numbers = np.concatenate([trace.customdata for trace in figure.data])
    assert sorted(numbers) == list(range(n)) and {trace.type for trace in figure.data} == {kind}
    for trace in figure.data:
        is_dog = {found.labels[i] for i in trace.customdata} == {"dog"}
        assert (trace.marker.opacity > 0.5) == is_dog

"""Names in figures are text: no figure lets a class, a run or a layer name put tags, links or templates into it."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec
import pytest

from tests.support.results import LAYERS, caused, cross_validated, labelled, mapped, planed, raced, swept, tuned
from tltk import plots
from tltk.analyses.dial_response.result import DialLevels, DialResponseResult, LevelTest
from tltk.analyses.embed.result import EmbedResult, Frame, Placed
from tltk.plots import (
    atlas_study,
    balance,
    causes_study,
    confusion,
    cross_validate_study,
    curves,
    embedding,
    labels_study,
    layers,
    phases,
    plane_study,
    race_study,
    reliability,
    response,
    sweep_study,
    tune_study,
)
from tltk.plots.names import text
from tltk.results.curves import Curve
from tltk.results.layers import Column
from tltk.results.verdict import ClassGap
from tltk.strategies.phase import Phase

T = TypeVar("T")

HOSTILE = 'a<b>c</b><a href="http://evil.example">d</a><br>e&lt;i&gt;%{x}%{meta[0]}'
# What plotly acts upon: a tag, an entity, the beginning of a template.
ACTIVE = re.compile(r"</?\w[^<>]*>|&(#\d+|#x[0-9a-fA-F]+|[a-z]+);|%\{")
PERFORMED = ("<br>", "<extra>", "</extra>")  # which our own templates use

COLUMN = Column(
    HOSTILE,
    HOSTILE,
    "",
    [0.1, 0.2],
    lo=[0.0, 0.1],
    hi=[0.2, 0.3],
    p=[0.01, 0.4],
    p_holm=[0.02, 0.4],
    p_bh=[0.02, 0.4],
    null_lo=[0.0, 0.0],
    null_hi=[0.1, 0.1],
)
CURVE = Curve("accuracy", (1.0, 2.0), (0.1, 0.9), lo=(0.0, 0.8), hi=(0.2, 1.0))
FRAMES = [
    Frame(i, HOSTILE, "", [0.0, 1.0], [0.0, 1.0], [[1], [0]], 1.0, 1.0, 1.0, Placed(0.0, 0.0, [0])) for i in range(2)
]
EMBEDDED = EmbedResult(
    [HOSTILE], FRAMES, [0, 1], [HOSTILE, "b"], {"source": 1, "target": 1}, "pca", "layers", {}, [HOSTILE, "b"]
)
CELL = LevelTest(HOSTILE, 0.1, 1.0, 0.01, 0.0, 0.2)
ANSWER = DialResponseResult(
    0,
    HOSTILE,
    [HOSTILE],
    [HOSTILE],
    [DialLevels(HOSTILE, HOSTILE, [0.0, 1.0], [HOSTILE, HOSTILE])],
    {HOSTILE: {HOSTILE: [CELL, CELL]}},
    {HOSTILE: {HOSTILE: 0}},
    {HOSTILE: 0.0},
    100,
    19,
    {},
)
GAP = ClassGap(HOSTILE, 0.1, 0.3, 0.2, 0.1, 0.3, "helps")
PHASE = Phase((1.0, 0.5), 2)


def hostile(result: T, name: str) -> T:
    """The result with a hostile text wherever this name stands."""
    written = msgspec.json.encode(result).decode().replace(f'"{name}"', json.dumps(HOSTILE))
    return msgspec.json.decode(written, type=type(result))


FIGURES: dict[Callable[..., Any], Callable[[], Any]] = {
    balance.balance: lambda: balance.balance({"Source": {HOSTILE: 3, "b": 1}, "Target": {HOSTILE + "2": 1}}),
    curves.arms: lambda: curves.arms(
        {"scratch": CURVE}, HOSTILE, "step", {"scratch": [CURVE]}, guessing=(0.5, HOSTILE)
    ),
    curves.lines: lambda: curves.lines({HOSTILE: CURVE}, HOSTILE, "step"),
    curves.class_gaps: lambda: curves.class_gaps([GAP]),
    embedding.scatter: lambda: embedding.scatter(EMBEDDED, FRAMES[0]),
    embedding.film: lambda: embedding.film(EMBEDDED, FRAMES),
    layers.profile: lambda: layers.profile([COLUMN], [HOSTILE, "head"], HOSTILE),
    layers.cka_heatmap: lambda: layers.cka_heatmap([[1.0, 0.0], [0.0, 1.0]], [HOSTILE, "b"], [HOSTILE, "b"], HOSTILE),
    phases.plan: lambda: phases.plan([PHASE], [HOSTILE, "head"], 0.1),
    phases.by_layer: lambda: phases.by_layer({HOSTILE: [0.1, 0.2]}, [HOSTILE, "head"], HOSTILE),
    atlas_study.pairs: lambda: atlas_study.pairs(hostile(mapped(), "digits")),
    atlas_study.over_distance: lambda: atlas_study.over_distance(hostile(mapped(), "digits")),
    causes_study.shares: lambda: causes_study.shares(hostile(caused(), "features_missing")),
    causes_study.changes: lambda: causes_study.changes(hostile(caused(), "covariate_shift")),
    confusion.confusion: lambda: confusion.confusion([0, 1], [1, 1], [HOSTILE, "b"]),
    confusion.confusion_of_counts: lambda: confusion.confusion_of_counts([[1, 2], [0, 3]], [HOSTILE, "b"]),
    cross_validate_study.dots: lambda: cross_validate_study.dots(hostile(cross_validated(), "fine_tune")),
    labels_study.curves: lambda: labels_study.curves(hostile(labelled(), "fine_tune")),
    plane_study.points: lambda: plane_study.points(hostile(planed(), "bias")),
    race_study.dots: lambda: race_study.dots(hostile(raced(), "fine_tune")),
    sweep_study.gaps: lambda: sweep_study.gaps(hostile(swept(), LAYERS[0])),
    tune_study.over_trials: lambda: tune_study.over_trials(hostile(tuned(), "fine_tune")),
    tune_study.over_rates: lambda: tune_study.over_rates(hostile(tuned(), "fine_tune")),
    response.detection: lambda: response.detection(ANSWER),
    response.rise: lambda: response.rise(ANSWER, HOSTILE),
}


NAMELESS = {reliability.reliability}  # figures whose words are all our own


def figure_functions() -> Iterator[Callable[..., Any]]:
    """Every public function of the package that returns a figure."""
    for found in pkgutil.iter_modules(plots.__path__):
        module = importlib.import_module(f"tltk.plots.{found.name}")
        for name, member in vars(module).items():
            is_figure = getattr(member, "__annotations__", {}).get("return") == "go.Figure"
            if is_figure and member.__module__ == module.__name__ and not name.startswith("_"):
                yield member


def strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from strings(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one, key)
    elif isinstance(value, str):
        yield key, value


def test_every_figure_is_tried() -> None:
    assert set(figure_functions()) == set(FIGURES) | NAMELESS


@pytest.mark.parametrize("function", FIGURES, ids=lambda f: f"{f.__module__.rpartition('.')[2]}.{f.__name__}")
def test_a_name_in_a_figure_is_text(function: Callable[..., Any]) -> None:
    found = list(strings(json.loads(FIGURES[function]().to_json())))
    assert any("evil.example" in value for _, value in found)  # else nothing was tried
    for key, value in found:
        for mark in PERFORMED if key.endswith("template") or key in ("text", "customdata", "ticktext") else ():
            if "evil" not in value:
                value = value.replace(mark, "")
        if key.endswith("template"):
            assert "evil" not in value  # names go in as data, and are not read as a template
            continue
        assert not ACTIVE.search(value), f"{key}: {value!r}"


def test_a_name_is_shown_as_it_is_written() -> None:
    assert text("conv1.0 & pool, 5 < 6, 50%").replace("\u2060", "") == "conv1.0 & pool, 5 < 6, 50%"
    assert text("cat") == "cat" and text(7) == "7"
    assert text(HOSTILE).replace("\u2060", "") == HOSTILE
    assert text(text(HOSTILE)) == text(HOSTILE)

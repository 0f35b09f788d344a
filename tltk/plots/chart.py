"""What a page and a report need of a figure beside the figure; and where the figures of a kind of run are found.

A study's lie in `tltk/plots/NAME_study.py`, NAME being its folder's: `charts(found)` gives those of its result. There
is no list of them.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from tltk.plots.accuracy import Idle, draw_idle
from tltk.specs.knobs import Spec


@dataclass(frozen=True)
class Chart:
    """A figure with its words.

    Attributes:
        figure: As plotly has it, in the light colours.
        alt: What it shows, for those who cannot see it.
        caption: How to read it; "" = it needs no words.
        height: In pixels.
    """

    figure: go.Figure
    alt: str
    caption: str = ""
    height: int = 420


def charts_of(kind: type[Spec], found: Any, idle: Idle | None = None) -> list[Chart]:
    """The figures of what a run of this kind found; none where nobody has drawn such a result.

    Args:
        kind: Class of the run's spec.
        found: Its result, of the class of its kind.
        idle: The accuracy that takes no learning, and what it is of (`learning.idle_of`): a line on each accuracy axis.
    """
    module = f"tltk.plots.{kind.__module__.split('.')[-2]}_study"
    if importlib.util.find_spec(module) is None:
        return []
    drawn: list[Chart] = importlib.import_module(module).charts(found)
    for chart in drawn:
        draw_idle(chart.figure, idle)
    return drawn

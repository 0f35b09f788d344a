"""A race as dots with intervals, best first."""

from __future__ import annotations

import plotly.graph_objects as go

from tltk.plots.accuracy import show_accuracies
from tltk.plots.chart import Chart
from tltk.plots.names import text
from tltk.plots.theme import SCRATCH, SEQUENCE, faint, layout
from tltk.studies.race.result import RaceResult
from tltk.studies.race.table import label_free, ranks

ORACLE = "oracle: uses target labels"


def charts(found: RaceResult) -> list[Chart]:
    """The one figure of a race."""
    caption = (
        "Dots: mean over the seeds; lines: 95% intervals for other seeds and other test pictures. A filled dot may be "
        "the best one, as far as can be told; the rank is a range where arms cannot be told apart."
    )
    if any(arm.oracle is not None for arm in found.arms):
        caption += (
            " The accuracy is that of the last epoch; the oracle picks the epoch by the target's labels, which nobody "
            "would have."
        )
    alt = "Test accuracy of each technique with its 95% interval and its rank, best first."
    return [Chart(dots(found), alt, caption, 34 * len(found.arms) + 130)]


def dots(found: RaceResult) -> go.Figure:
    """A row for each technique: its accuracy with an interval, its rank, the label-free and the oracle's pick."""
    figure = go.Figure(layout=layout("Test accuracy", "", hovermode="closest"))
    names, arms = [text(arm.name) for arm in found.arms], found.arms
    figure.add_scatter(
        x=[arm.accuracy for arm in arms],
        y=names,
        mode="markers",
        name="last epoch, 95% interval",
        marker={
            "color": SEQUENCE[0],
            "size": 11,
            "symbol": ["circle" if arm.best_rank == 1 else "circle-open" for arm in arms],
            "line": {"width": 2, "color": SEQUENCE[0]},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "thickness": 2,
            "width": 5,
            "color": faint(SEQUENCE[0], 0.7),
            "array": [min(arm.hi, 1.0) - arm.accuracy for arm in arms],
            "arrayminus": [arm.accuracy - max(arm.lo, 0.0) for arm in arms],
        },
        customdata=[[f"{arm.lo:.1%} … {arm.hi:.1%}", ranks(arm), f"{arm.lr:g}"] for arm in arms],
        hovertemplate="%{y}: %{x:.1%} (%{customdata[0]})<br>"
        "rank %{customdata[1]}, rate %{customdata[2]}<extra></extra>",
    )
    picked = [(name, pick) for name, arm in zip(names, arms, strict=True) if (pick := label_free(arm)) is not None]
    if picked:
        figure.add_scatter(
            x=[pick for _, pick in picked],
            y=[name for name, _ in picked],
            mode="markers",
            name="label-free pick",
            marker={"color": SEQUENCE[1], "size": 10, "symbol": "line-ns-open", "line": {"width": 2}},
            hovertemplate="%{y}: %{x:.1%}, epoch picked without target labels<extra></extra>",
        )
    told = [(name, arm.oracle) for name, arm in zip(names, arms, strict=True) if arm.oracle is not None]
    if told:
        figure.add_scatter(
            x=[value for _, value in told],
            y=[name for name, _ in told],
            mode="markers",
            name=ORACLE,
            marker={"color": SCRATCH, "size": 10, "symbol": "diamond-open", "line": {"width": 1.5}},
            hovertemplate="%{y}: %{x:.1%}, epoch picked by target labels<extra></extra>",
        )
    beside = {"xref": "paper", "x": 1.01, "xanchor": "left", "showarrow": False}
    marks = [{**beside, "y": name, "text": ranks(arm)} for name, arm in zip(names, arms, strict=True)]
    marks.append({**beside, "yref": "paper", "y": 1, "yanchor": "bottom", "text": "rank"})
    figure.update_layout(annotations=marks, margin={"r": 64, "t": 40})
    seen = [*(v for arm in arms for v in (arm.lo, arm.hi)), *(v for _, v in (*picked, *told))]
    show_accuracies(figure, "x", seen)
    figure.update_xaxes(showgrid=True)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return figure

"""A cross-validation as dots, one for each fold, with the mean and its interval."""

from __future__ import annotations

import plotly.graph_objects as go

from tltk.plots.accuracy import show_accuracies
from tltk.plots.chart import Chart
from tltk.plots.names import text
from tltk.plots.theme import SCRATCH, SEQUENCE, faint, layout
from tltk.studies.cross_validate.result import CrossValidateResult
from tltk.verdicts.metrics import ACCURACY, WORDS


def charts(found: CrossValidateResult) -> list[Chart]:
    """The one figure of a cross-validation."""
    caption = (
        "Small dots: the folds of all repeats, those of one fold joined; diamonds: their mean with its 95% interval "
        "for other pictures, which allows for the training pictures that folds share."
    )
    alt = f"Test {WORDS[found.metric]} of each technique on every fold, with the mean and its 95% interval."
    return [Chart(dots(found), alt, caption, 380)]


def dots(found: CrossValidateResult) -> go.Figure:
    """Accuracy, or what else is weighed, of each technique on every fold."""
    figure = go.Figure(layout=layout("", f"Test {WORDS[found.metric]}", hovermode="closest"))
    names = [text(arm.name) for arm in found.arms]
    for number, folds in enumerate(zip(*(arm.folds for arm in found.arms), strict=True)):
        where = f"repeat {folds[0].repeat}, fold {folds[0].fold}"
        figure.add_scatter(
            x=names,
            y=[one.score for one in folds],
            mode="lines+markers",
            name="a fold",
            legendgroup="folds",
            showlegend=number == 0,
            line={"color": faint(SCRATCH, 0.5), "width": 1},
            marker={"color": SCRATCH, "size": 6},
            customdata=[[where, f"{one.n_test:,}", f"{one.lr:g}"] for one in folds],
            hovertemplate="%{x}, %{customdata[0]}: %{y:.1%} of %{customdata[1]}, rate %{customdata[2]}<extra></extra>",
        )
    figure.add_scatter(
        x=names,
        y=[arm.score for arm in found.arms],
        mode="markers",
        name="mean, 95% interval",
        marker={"color": SEQUENCE[0], "size": 12, "symbol": "diamond"},
        error_y={
            "type": "data",
            "symmetric": False,
            "thickness": 2,
            "width": 6,
            "color": faint(SEQUENCE[0], 0.7),
            "array": [min(arm.hi, 1.0) - arm.score for arm in found.arms],
            "arrayminus": [arm.score - max(arm.lo, 0.0) for arm in found.arms],
        },
        customdata=[f"{arm.lo:.1%} … {arm.hi:.1%}" for arm in found.arms],
        hovertemplate="%{x}: %{y:.1%} (%{customdata})<extra></extra>",
    )
    figure.update_xaxes(type="category", range=[-0.6, len(names) - 0.4], showgrid=False)
    show_accuracies(figure, "y", [v for a in found.arms for v in (a.lo, a.hi, *(f.score for f in a.folds))])
    if found.metric != ACCURACY:
        figure.update_layout(meta=None)  # what takes no learning is known of accuracies alone
    return figure

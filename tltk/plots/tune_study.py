"""A search for settings: trials over their number, and over their rate."""

from __future__ import annotations

import plotly.graph_objects as go

from tltk.plots.accuracy import show_accuracies
from tltk.plots.chart import Chart
from tltk.plots.names import text
from tltk.plots.theme import SCRATCH, SEQUENCE, layout
from tltk.studies.tune.result import TrialResult, TuneResult
from tltk.verdicts.metrics import ACCURACY

SYMBOLS = {"done": "circle", "pruned": "circle-open"}


def charts(found: TuneResult) -> list[Chart]:
    """How the search went, and what the rate has to do with it."""
    over = Chart(
        over_trials(found),
        "Validation score of each trial in the order of the search, with the best so far.",
        "A dot for each trial, an open one where it was pruned; the line is the best so far. The dashed line is the "
        "default. Validation pictures chose, so the line rises by luck too.",
        300,
    )
    rates = Chart(
        over_rates(found),
        "Validation score of each trial over its learning rate, by technique.",
        "The same trials over their learning rate; colours are techniques.",
        300,
    )
    return [over, rates]


def over_trials(found: TuneResult) -> go.Figure:
    """Score by number of the trial."""
    figure = go.Figure(layout=layout("Trial", "Validation score", hovermode="closest"))
    _dots(figure, [t for t in found.trials if t.score is not None], lambda t: t.number, "trials", SEQUENCE[0])
    best, x, y = 0.0, [], []
    for trial in found.trials:
        if trial.ended == "done" and trial.score is not None:
            best = max(best, trial.score)
        x.append(trial.number)
        y.append(best)
    figure.add_scatter(
        x=x, y=y, mode="lines", name="best so far", line={"color": SEQUENCE[0], "shape": "hv"}, hoverinfo="skip"
    )
    default = found.trials[0].score
    if default is not None:
        figure.add_scatter(
            x=[1, len(found.trials)],
            y=[default, default],
            mode="lines",
            name="default",
            line={"color": SCRATCH, "dash": "dash"},
            hoverinfo="skip",
        )
    _scale(figure, found)
    return figure


def over_rates(found: TuneResult) -> go.Figure:
    """Score by rate, a colour for each technique."""
    figure = go.Figure(layout=layout("Learning rate", "Validation score", hovermode="closest"))
    names = list(dict.fromkeys(t.setting.technique for t in found.trials))
    for i, name in enumerate(names):
        own = [t for t in found.trials if t.setting.technique == name and t.score is not None]
        _dots(figure, own, lambda t: t.setting.lr, text(name), SEQUENCE[i % len(SEQUENCE)])
    figure.update_xaxes(type="log")
    _scale(figure, found)
    return figure


def _scale(figure: go.Figure, found: TuneResult) -> None:
    show_accuracies(figure, "y", [t.score for t in found.trials if t.score is not None])
    if found.metric != ACCURACY:
        figure.update_layout(meta=None)  # what takes no learning is known of accuracies alone


def _dots(figure: go.Figure, trials: list[TrialResult], x: object, name: str, colour: str) -> None:
    assert callable(x)
    figure.add_scatter(
        x=[x(t) for t in trials],
        y=[t.score for t in trials],
        mode="markers",
        name=name,
        marker={"color": colour, "size": 9, "symbol": [SYMBOLS[t.ended] for t in trials], "line": {"width": 1.5}},
        customdata=[
            [
                t.number,
                text(t.setting.technique),
                t.setting.lr,
                t.setting.boundary,
                text(t.setting.augmentation),
                t.ended,
            ]
            for t in trials
        ],
        hovertemplate="trial %{customdata[0]}, %{customdata[5]}: %{y:.1%}<br>%{customdata[1]}, "
        "rate %{customdata[2]:.2g}, boundary %{customdata[3]}, %{customdata[4]}<extra></extra>",
    )

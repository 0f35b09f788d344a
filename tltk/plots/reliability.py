"""How far probabilities tell how often a training is right: the reliability curve, as it is and after scaling."""

from __future__ import annotations

import plotly.graph_objects as go

from tltk.analyses.evaluate.result import Reliability
from tltk.plots.theme import NEUTRAL, SEQUENCE, TRANSFER, faint, layout

SMALLEST, LARGEST = 5, 18  # px across of a mark


def reliability(plain: Reliability, scaled: Reliability | None = None) -> go.Figure:
    """Share of right pictures over the probability of the predicted class, a mark for each bin; the diagonal is best.

    Reference:
        Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML, fig. 1.
        arXiv:1706.04599.

    Args:
        plain: Of the probabilities as they are.
        scaled: After temperature scaling; None = there is none.
    """
    figure = go.Figure(layout=layout("Probability of the predicted class", "Share that is right", hovermode="closest"))
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": faint(NEUTRAL, 0.8), "width": 1, "dash": "dot"},
        name="as often right as it says",
        hoverinfo="skip",
    )
    _curve(figure, plain, "as it is", TRANSFER)
    if scaled is not None and scaled.temperature != 1:
        _curve(figure, scaled, f"at temperature {scaled.temperature:.3g}", SEQUENCE[1], "square")
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%")
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def _curve(figure: go.Figure, found: Reliability, name: str, colour: str, symbol: str = "circle") -> None:
    """The bins that hold pictures, marks as large as they are full."""
    bins = [b for b in found.bins if b.n]
    most = max((b.n for b in bins), default=1)
    figure.add_scatter(
        x=[b.confidence for b in bins],
        y=[b.accuracy for b in bins],
        mode="lines+markers",
        name=f"{name}, ECE {found.ece:.3f}",
        line={"color": colour, "width": 2},
        marker={"symbol": symbol, "size": [SMALLEST + (LARGEST - SMALLEST) * (b.n / most) ** 0.5 for b in bins]},
        customdata=[[b.n, b.lo, b.hi] for b in bins],
        hovertemplate=(
            "%{customdata[0]:,} pictures with a probability in %{customdata[1]:.0%} … %{customdata[2]:.0%}: "
            "%{y:.1%} right<extra></extra>"
        ),
    )

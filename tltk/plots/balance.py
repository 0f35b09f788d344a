"""How often each class occurs, in one domain or in two on one axis."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from tltk.plots.names import text
from tltk.plots.theme import ROLES, layout

COLOURS = {"Target": ROLES["target"], "Source": ROLES["source"]}
NUMBERED = 30  # classes up to which every bar has its name and number
OTHERS = 0.4  # opacity of the bars beside those of the class that is looked at
LONGEST = 22  # letters of a class's name on the axis


def balance(sides: Mapping[str, Mapping[str, int]], chosen: str = "", noun: str = "pictures") -> go.Figure:
    """Horizontal bars, classes of the first domain from the top, then those that only the second has.

    Bars are shares of the domain's pictures, so that domains of other sizes can be compared; numbers are pictures.

    Args:
        sides: Source or Target → class → pictures.
        chosen: A class that is looked at, whose bars stand out; "" = none.
        noun: What examples are called.
    """
    names = list(dict.fromkeys(name for counts in sides.values() for name in counts))
    marks = [text(name) for name in names]
    few, widest = len(names) <= NUMBERED, 0.0
    figure = go.Figure(layout=layout(f"Share of the domain's {noun}", "", barmode="group", hovermode="closest"))
    for title, counts in sides.items():
        total = max(sum(counts.values()), 1)
        shown = [name for name in names if name in counts]
        shares = [counts[name] / total for name in shown]
        widest = max([widest, *shares])
        figure.add_bar(
            y=[text(name) for name in shown],
            x=shares,
            orientation="h",
            name=text(title),
            marker={
                "color": COLOURS[title],
                "line": {"width": 0},
                "opacity": [1.0 if chosen in ("", name) else OTHERS for name in shown],
            },
            customdata=[counts[name] for name in shown],
            textposition="outside",
            cliponaxis=False,
            texttemplate="%{customdata:,}" if few else None,
            hovertemplate="%{y}: %{customdata:,} pictures, %{x:.1%}<extra>" + text(title) + "</extra>",
        )
    figure.update_xaxes(tickformat=".0%" if widest > 0.04 else ".1%", showgrid=True, range=[0, widest * 1.1 or 1])
    step = -(-len(names) // NUMBERED)  # of very many classes, every so manieth is named
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        showgrid=False,
        categoryorder="array",
        categoryarray=marks,
        tickmode="array",
        tickvals=marks[::step],
        ticktext=[text(shorten(name)) for name in names[::step]],
    )
    figure.update_layout(bargap=0.25 if few else 0.1, bargroupgap=0, showlegend=len(sides) > 1)
    return figure


def shorten(name: str) -> str:
    """A class's name that leaves room for its bar."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def height(sides: Mapping[str, Mapping[str, int]]) -> int:
    """Pixels that the bars need: as many as can be read, and no more than a screen."""
    names = {name for counts in sides.values() for name in counts}
    return min(100 + len(names) * (14 * len(sides) + 8), 720)

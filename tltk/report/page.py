"""A report as one file of HTML that loads nothing: plotly.js, styles, scripts and data are inside it.

Figures are drawn by the same modules as on the dashboard's pages. A module in a file on a disk may not import another,
so they are put one after another into one script. Every text from outside is escaped; the page's own policy forbids it
to load or to send anything.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from html import escape
from typing import Any

from tltk import assets
from tltk.plots.chart import Chart
from tltk.plots.library import plotly_js
from tltk.plots.theme import PALETTE
from tltk.report.content import Content

MODULES = ("components/shared/colours.js", "components/plot/figure.js", "report/report.js")  # in the order of need
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
PAGE = {
    "background": "backgroundColor",
    "panel": "secondaryBackgroundColor",
    "text": "textColor",
    "link": "linkColor",
    "border": "borderColor",
}
_IMPORT = re.compile(r"^import .*?;$\n?", re.M | re.S)
_EXPORT = re.compile(r"^export ", re.M)


def page(said: Content) -> str:
    """The whole file.

    Args:
        said: What the report says.
    """
    title = f"{said.kind}: {said.title}"
    note = f'<p class="note">{escape(said.note)}</p>' if said.note else ""
    body = [
        f'<header><p class="kind">{escape(said.kind)}</p><h1>{escape(said.title)}</h1>'
        f'<p class="meta">Run {escape(said.run)} · {escape(said.written)}</p>{note}</header>',
        f'<p class="sentence">{escape(said.sentence)}</p>' if said.sentence else "",
        *(_figure(chart) for chart in said.charts),
        _table(said.table, said.head, "Results"),
        _list("details", said.details),
        "<h2>What must be known</h2>" + _list("remarks", said.remarks) if said.remarks else "",
        _table(said.ledger, said.ledger_head, "What it cost"),
        _list("details", said.ledger_notes),
        "<h2>Protocol</h2>" + _terms(said.protocol),
        f"<pre><code>{escape(in_lines(said.command))}</code></pre>",
        "<h2>Software</h2>" + _terms(list(said.versions.items())),
    ]
    drawn = {"figures": [_content(chart) for chart in said.charts], "palette": PALETTE}
    script = (
        f'<script type="application/json" id="figures">{as_script_data(drawn)}</script>\n'
        f"<script>{plotly_js().decode()}</script>\n<script>{modules()}</script>\n"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{styles()}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, body))
        + f"\n</main>\n{script if said.charts else ''}</body>\n</html>\n"
    )


def styles() -> str:
    """The style sheet, with the palette's colours of the light and the dark page."""

    def block(theme: str) -> str:
        colours = {name: PALETTE[theme]["page"][key] for name, key in PAGE.items()}
        colours["caution"] = PALETTE[theme]["series"][1]
        return ":root { " + " ".join(f"--page-{name}: {colour};" for name, colour in colours.items()) + " }"

    dark = f"@media (prefers-color-scheme: dark) {{ {block('dark')} }}"
    return f"{block('light')}\n{dark}\n{assets.text('report/report.css')}"


def modules() -> str:
    """The modules as one script, in a function of its own."""
    parts = [_EXPORT.sub("", _IMPORT.sub("", assets.text(name))) for name in MODULES]
    return "(() => {\n" + "\n".join(parts) + "})();"


def in_lines(command: str) -> str:
    """The same command, an option a line."""
    found: list[list[str]] = [[]]
    for word in shlex.split(command):
        if word.startswith("--"):
            found.append([])
        found[-1].append(word)
    return " \\\n  ".join(shlex.join(words) for words in found)


def as_script_data(value: Any) -> str:
    """JSON inside a script element, which nothing in it can end."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _content(chart: Chart) -> dict[str, Any]:
    """A figure as the plot component takes it: its data, and its layout without plotly's template."""
    found = json.loads(chart.figure.to_json())
    layout = {name: value for name, value in found.get("layout", {}).items() if name != "template"}
    return {"data": found.get("data", []), "layout": layout, "traces": [], "frames": found.get("frames", [])}


def _figure(chart: Chart) -> str:
    caption = f"<figcaption>{escape(chart.caption)}</figcaption>" if chart.caption else ""
    return (
        f'<figure><div class="chart" role="img" aria-label="{escape(chart.alt)}" style="height:{chart.height}px"></div>'
        f"{caption}</figure>"
    )


def _table(rows: Sequence[Sequence[str]], about: str, title: str) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
    return (
        f"<h2>{title}</h2>{f'<p>{escape(about)}</p>' if about else ''}"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table><thead><tr>{head}'
        f"</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _list(name: str, sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    return f'<ul class="{name}">{"".join(f"<li>{escape(one)}</li>" for one in sentences)}</ul>'


def _terms(pairs: Sequence[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(text)}</dd>' for name, text in pairs)}</dl>"

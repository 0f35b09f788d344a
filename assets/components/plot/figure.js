/* What Plotly is to draw: pure functions of the figure that Python gave, the lines of a live run, and the theme. */

import { darkened, faint } from "../shared/colours.js";

const KNOWN = ["scratch", "transfer", "source", "target", "train", "val", "test"]; // each has its own colour
const MARKED_POINTS = 16; // longer lines need no dots
const MODES = ["autoScale2d", "zoomIn2d", "zoomOut2d"];
const NO_POINTS = { showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 };

/* The colours of the lines and of what is around them.

   `page` holds the text colour, the font and the panel's colour of Streamlit's theme. */
export function themeOf(palette, isDark, page) {
  const own = palette[isDark ? "dark" : "light"], { series, ink, grid } = own;
  const roles = Object.fromEntries(KNOWN.map((role) => [role, own[role]]));
  return { roles, first: series[0], others: [...series.slice(1), ink], grid, isDark, palette, ...page };
}

/* The arguments of `Plotly.react`.

   `data` is what Python sent, `lines` the live lines by id, `isDone` whether no more will come, `isStill` whether
   the user asked for less motion, `idle` the accuracies that take no learning, of which each gets a line. */
export function figureOf(data, lines, theme, { isDone = false, isStill = false, idle = [] } = {}) {
  const figure = theme.isDark ? { ...data.figure, ...darkened(pick(data.figure), theme.palette) } : data.figure;
  const own = new Map(figure.traces.map((trace, i) => [trace.id ?? `#${i}`, trace]));
  for (const [id, line] of lines) own.set(id, line);
  const groups = [...new Set([...own.values()].map((trace) => trace.group))].sort();
  const isShare = Boolean(figure.layout.yaxis?.hoverformat);
  const traces = [...figure.data.map((trace) => themed(trace, theme, groups)), ...lineTraces(own, theme, groups, isShare)];
  const layout = layoutOf(isStill ? still(figure.layout) : figure.layout, theme, data.height);
  if (!traces.length && data.live) { // numbers on the axes would be of nothing
    const text = isDone ? "Nothing was measured." : "The first points are on their way …";
    layout.annotations = [...(layout.annotations ?? []), { ...NO_POINTS, text }];
    for (const name of ["xaxis", "yaxis"]) layout[name] = { ...layout[name], showticklabels: false };
  }
  if (traces.length && !layout.shapes) idle.forEach((one) => addIdle(layout, one, theme)); // Python draws its own
  const removed = data.select ? MODES : ["select2d", "lasso2d", ...MODES];
  const config = { displaylogo: false, responsive: false, showTips: false, modeBarButtonsToRemove: removed };
  return { data: traces, layout, config, frames: figure.frames ?? [] };
}

const pick = ({ data, layout, frames }) => ({ data, layout, frames });

/* As `chance_line` of tltk/plots/accuracy.py draws it. */
function addIdle(layout, [share, words], theme) {
  const ends = { xref: "paper", x0: 0, x1: 1, y0: share, y1: share };
  const line = { color: theme.palette.both.neutral, width: 1, dash: "dot" };
  layout.shapes = [...(layout.shapes ?? []), { type: "line", ...ends, line }];
  const place = { xref: "paper", x: 1, xanchor: "right", y: share, yanchor: "bottom", showarrow: false, font: { size: 11 } };
  layout.annotations = [...(layout.annotations ?? []), { ...place, text: `${words}: ${Math.round(100 * share)}%` }];
}

/* Faint lines first, so that they lie under the others; the legend shows the fullest line of each group. */
function lineTraces(own, theme, groups, isShare) {
  const dotted = [...own.values()].every((line) => line.x.length <= MARKED_POINTS);
  const found = [...own.entries()]
    .sort(([, a], [, b]) => (b.role === "search") - (a.role === "search"))
    .map(([id, line]) => lineTrace(id, line, colourOf(line.group, theme, groups), dotted, isShare));
  const seen = new Set();
  for (const trace of [...found].reverse()) {
    trace.showlegend = !seen.has(trace.legendgroup);
    seen.add(trace.legendgroup);
  }
  return found;
}

export function colourOf(group, theme, groups) {
  if (KNOWN.includes(group)) return theme.roles[group];
  const rest = groups.filter((name) => !KNOWN.includes(name));
  return theme.others[Math.max(rest.indexOf(group), 0) % theme.others.length];
}

function lineTrace(id, line, color, dotted, isShare) {
  const isFaint = line.role === "search";
  return {
    type: "scatter", mode: dotted && !isFaint ? "lines+markers" : "lines",
    uid: `t${id.replace(/[^\w-]/g, "-")}`, // Plotly makes a class name and a selector of it
    meta: [line.name],
    name: line.group, legendgroup: line.group, x: line.x, y: line.y, opacity: isFaint ? 0.35 : 1,
    line: { color, width: isFaint ? 1 : 1.75, dash: line.group === "scratch" ? "dash" : "solid" },
    marker: { size: 4 }, hovertemplate: `%{y${isShare ? "" : ":.4~f"}}<extra>%{meta[0]}</extra>`, // a share as its axis has it
  };
}

/* Fills in what a figure leaves open; what it sets, stays. */
function themed(trace, theme, groups) {
  if (!KNOWN.includes(trace.legendgroup)) return trace;
  const colour = colourOf(trace.legendgroup, theme, groups);
  const dash = trace.legendgroup === "scratch" ? "dash" : "solid";
  const filled = trace.fill && trace.fill !== "none" ? { fillcolor: faint(colour, 0.19) } : {};
  return { ...filled, ...trace, line: { color: colour, dash, ...trace.line }, marker: { color: colour, ...trace.marker } };
}

function layoutOf(layout, theme, height) {
  const axis = { gridcolor: theme.grid, linecolor: theme.grid, zeroline: false, automargin: true };
  const names = ["xaxis", "yaxis", ...Object.keys(layout).filter((name) => /^[xy]axis\d+$/.test(name))];
  const axes = Object.fromEntries(names.map((name) => [name, {
    ...axis, showgrid: name[0] === "y", ...layout[name], title: { font: { size: 13 }, ...layout[name]?.title },
  }]));
  return {
    uirevision: "keep", hovermode: "closest", margin: { l: 56, r: 16, t: layout.title ? 44 : 16, b: 44 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, colorway: [theme.first, ...theme.others],
    paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    hoverlabel: { bgcolor: theme.panel, bordercolor: theme.grid, font: { color: theme.text } },
    modebar: { bgcolor: "transparent", color: theme.grid, activecolor: theme.text },
    ...layout, ...axes, height, autosize: true,
    font: { color: theme.text, family: theme.font, size: 13, ...layout.font }, // a figure sets the size alone
  };
}

/* A film's frames follow one another without moving: every transition takes no time. */
export function still(part) {
  if (Array.isArray(part)) return part.map(still);
  if (part === null || typeof part !== "object") return part;
  return Object.fromEntries(Object.entries(part).map(([key, inner]) =>
    [key, key === "transition" ? { ...inner, duration: 0 } : still(inner)]));
}

import assert from "node:assert/strict";
import { test } from "node:test";

import { faint } from "../../assets/components/shared/colours.js";
import { colourOf, figureOf, still, themeOf } from "../../assets/components/plot/figure.js";
import { afterFailure, afterNews, grown, idled, noteOf, taken } from "../../assets/components/plot/live.js";
import { packed, TABLE_ROWS, tableOf } from "../../assets/components/plot/rows.js";
import { palette } from "./read.js";

const PAGE = { text: "text", font: "font", panel: "panel" };
const LIGHT = themeOf(palette, false, PAGE), DARK = themeOf(palette, true, PAGE);
const line = (group, n = 2, more = {}) => ({ name: `${group} · seed 0`, group, x: Array(n).fill(1), y: Array(n).fill(2), ...more });
const sent = (traces, more = {}) => ({ figure: { data: [], traces, layout: {}, frames: [] }, height: 300, live: null, ...more });

test("a group has one colour, whatever else is drawn", () => {
  for (const theme of [LIGHT, DARK]) {
    const own = palette[theme === DARK ? "dark" : "light"];
    for (const role of ["scratch", "transfer", "source", "target", "train", "val", "test"]) {
      for (const beside of [[], [role], ["a", role, "val"]]) assert.equal(colourOf(role, theme, beside), own[role]);
    }
    assert.deepEqual(["a", "b"].map((g) => colourOf(g, theme, ["a", "b", "scratch", "train"])), theme.others.slice(0, 2));
  }
});

test("scratch is dashed, the search lies faint below, each group stands once in the legend", () => {
  const lines = [line("scratch"), line("transfer"), line("transfer"), line("transfer", 2, { role: "search" })];
  const figure = figureOf(sent(lines), new Map(), LIGHT);
  assert.deepEqual(figure.data.map((t) => t.opacity), [0.35, 1, 1, 1]);
  assert.deepEqual(figure.data.map((t) => t.line.dash), ["solid", "dash", "solid", "solid"]);
  assert.deepEqual(figure.data.map((t) => t.showlegend), [false, true, false, true]);
  assert.equal(new Set(figure.data.map((t) => t.uid)).size, 4);
});

test("short lines have dots, and one long line takes them from all", () => {
  const modes = (n) => figureOf(sent([line("a"), line("b", n)]), new Map(), LIGHT).data.map((t) => t.mode);
  assert.deepEqual([modes(16), modes(17)], [["lines+markers", "lines+markers"], ["lines", "lines"]]);
});

test("a live line goes on where the figure's line of that id ended", () => {
  const figure = figureOf(sent([line("a", 2, { id: "run/val" })]), new Map([["run/val", line("a", 5)]]), LIGHT);
  assert.deepEqual(figure.data.map((t) => [t.x.length, t.uid]), [[5, "trun-val"]]);
});

test("before the first point the axes have no numbers and a sentence says why", () => {
  const live = sent([], { live: { url: "/tltk/live/x" } });
  const waiting = figureOf(live, new Map(), LIGHT), done = figureOf(live, new Map(), LIGHT, { isDone: true });
  assert.match(waiting.layout.annotations[0].text, /on their way/);
  assert.equal(waiting.layout.xaxis.showticklabels, false);
  assert.equal(done.layout.annotations[0].text, "Nothing was measured.");
  assert.equal(figureOf(sent([]), new Map(), LIGHT).layout.annotations, undefined);
});

test("what a figure sets, stays; what it leaves open follows the theme", () => {
  const trace = { legendgroup: "scratch", fill: "toself", line: { width: 3 } };
  const mine = { legendgroup: "val", line: { color: palette.both.placed } };
  const foreign = { name: "x", legendgroup: "x" };
  const axes = { hovermode: "x", xaxis: { title: { text: "step" } }, yaxis3: {} };
  const given = { figure: { data: [trace, mine, foreign], traces: [], layout: axes, frames: [] }, height: 300 };
  const { data, layout } = figureOf(given, new Map(), LIGHT);
  assert.deepEqual(data[0].line, { color: LIGHT.roles.scratch, dash: "dash", width: 3 });
  assert.equal(data[0].fillcolor, faint(LIGHT.roles.scratch, 0.19));
  assert.equal(data[1].line.color, palette.both.placed);
  assert.equal(data[2], foreign);
  assert.deepEqual([layout.hovermode, layout.xaxis.title.text, layout.yaxis3.gridcolor, layout.height], ["x", "step", LIGHT.grid, 300]);
});

test("a figure made with the light palette is dark on a dark page", () => {
  const bar = { marker: { color: palette.light.series[1] } };
  const given = { figure: { data: [bar], traces: [line("transfer")], layout: {}, frames: [] }, height: 300 };
  const colours = (theme) => figureOf(given, new Map(), theme).data.map((t) => t.marker.color ?? t.line.color);
  assert.deepEqual(colours(LIGHT), [palette.light.series[1], palette.light.series[0]]);
  assert.deepEqual(colours(DARK), [palette.dark.series[1], palette.dark.series[0]]);
});

test("where less motion is asked for, a film's transitions take no time and its pace stays", () => {
  const film = { sliders: [{ steps: [{ args: [["a"], { transition: { duration: 300, easing: "e" }, frame: { duration: 700 } }] }] }] };
  const found = still(film).sliders[0].steps[0].args[1];
  assert.deepEqual(found, { transition: { duration: 0, easing: "e" }, frame: { duration: 700 } });
  const given = { figure: { data: [], traces: [], layout: film, frames: [] }, height: 300 };
  const durations = [false, true].map((isStill) => figureOf(given, new Map(), LIGHT, { isStill }).layout.sliders[0])
    .map((slider) => slider.steps[0].args[1].transition.duration);
  assert.deepEqual(durations, [300, 0]);
});

test("only charts that are picked from offer the lasso", () => {
  const buttons = (select) => figureOf({ ...sent([]), select }, new Map(), LIGHT).config.modeBarButtonsToRemove;
  assert.ok(buttons(false).includes("lasso2d") && !buttons(true).includes("lasso2d"));
});

/* ---- a live run --------------------------------------------------------------------------------------- */

test("new points are put behind the old ones, and a reset begins anew", () => {
  const one = grown(new Map(), { id: "a", x: [1], y: [5] }), two = grown(one, { id: "a", x: [2, 3], y: [6, 7] });
  assert.deepEqual([two.get("a").x, two.get("a").y], [[1, 2, 3], [5, 6, 7]]);
  assert.deepEqual(one.get("a").x, [1]); // what was drawn is not changed behind the chart's back
  assert.deepEqual(grown(two, { id: "a", x: [9], y: [9], reset: true }).get("a").x, [9]);
});

test("a long line is thinned, and keeps its first and its last point", () => {
  const points = Array.from({ length: 3002 }, (_, i) => i);
  const { x, y } = grown(new Map(), { id: "a", x: points, y: points }).get("a");
  assert.ok(x.length <= 1502 && x.length === y.length);
  assert.deepEqual([x[0], x.at(-1)], [0, 3001]);
});

test("a run is done when it ended and all of its history is here", () => {
  const done = (state, more) => taken({ cursor: "c", state, more }).done;
  assert.deepEqual([done("waiting", false), done("running", false), done("done", true), done("done", false), done("failed", false)],
    [false, false, false, true, true]);
});

test("a quiet run is asked less often, a long history at once, a lost server ever more rarely", () => {
  const none = { traces: [], more: false };
  const later = [0, 1, 2].map((quiet) => afterNews(500, quiet, none));
  assert.deepEqual(later, [{ quiet: 1, pause: 1000 }, { quiet: 2, pause: 2000 }, { quiet: 2, pause: 2000 }]);
  assert.deepEqual(afterNews(500, 2, { traces: [{}], more: true }), { quiet: 0, pause: 50 });
  assert.deepEqual([1, 2, 10].map((n) => afterFailure(500, n)), [1000, 2000, 5000]);
});

test("the note says the state and how far it is", () => {
  const news = { state: "running", message: "seed 2", epoch: 3, epochs: 10, seconds: 12.4 };
  assert.deepEqual(noteOf(news), ["Training · seed 2", "epoch 3 of 10 · 12 s · about 29 s left"]);
  assert.deepEqual(noteOf({ ...news, state: "done", message: "" }), ["Done", "epoch 3 of 10 · 12 s"]);
  assert.deepEqual(noteOf({ ...news, epoch: 0 })[1], "epoch 0 of 10 · 12 s");
  assert.deepEqual(noteOf({ ...news, message: "", epochs: 0, state: "new" }, "step"), ["new", ""]);
});

test("what takes no learning is kept once, and gets a line where Python drew none", () => {
  const idle = idled(idled([], { idle: [[0.1, "guessing"]] }), { idle: [[0.1, "guessing"], [0.3, "other"]] });
  assert.deepEqual([idle, idled(idle, {})], [[[0.1, "guessing"], [0.3, "other"]], idle]);
  const { layout } = figureOf(sent([line("val")]), new Map(), LIGHT, { idle });
  assert.deepEqual(layout.shapes.map((s) => [s.y0, s.y1]), [[0.1, 0.1], [0.3, 0.3]]);
  assert.deepEqual(layout.annotations.map((a) => a.text), ["guessing: 10%", "other: 30%"]);
  const drawn = { figure: { data: [], traces: [line("val")], layout: { shapes: [{}] }, frames: [] }, height: 300 };
  assert.equal(figureOf(drawn, new Map(), LIGHT, { idle }).layout.shapes.length, 1);
  assert.equal(figureOf(sent([]), new Map(), LIGHT, { idle }).layout.shapes, undefined);
});

test("a share is read as its axis has it, any other value by its digits", () => {
  const template = (yaxis) => {
    const given = { figure: { data: [], traces: [line("val")], layout: { yaxis }, frames: [] }, height: 300 };
    return figureOf(given, new Map(), LIGHT).data[0].hovertemplate;
  };
  assert.deepEqual([template({ hoverformat: ".1%" }), template({})], ["%{y}", "%{y:.4~f}"].map((t) => `${t}<extra>%{meta[0]}</extra>`));
});

/* ---- the table ------------------------------------------------------------------------------------------ */

test("a table names each line, and a heat map's cells have a value", () => {
  const layout = { xaxis: { title: { text: "step" } } };
  assert.deepEqual(tableOf([{ name: "a", x: [1, 2], y: [3, 4] }, { meta: ["b"], name: "no", y: Float32Array.of(5) }], layout),
    { head: ["line", "step", "y"], rows: [["a", 1, 3], ["a", 2, 4], ["b", 0, 5]] });
  assert.deepEqual(tableOf([{ name: "m", x: ["p", "q"], y: ["r"], z: [[1, 2]] }], layout),
    { head: ["line", "step", "y", "value"], rows: [["m", "p", "r", 1], ["m", "q", "r", 2]] });
});

test("a long table ends with how much is left out", () => {
  const y = Array(TABLE_ROWS + 3).fill(0), { rows } = tableOf([{ name: "a", y }], {});
  assert.equal(rows.length, TABLE_ROWS + 1);
  assert.deepEqual(rows.at(-1), ["… 3 more"]);
});

test("many numbers are sent as a map of bits, few one by one", () => {
  assert.deepEqual(packed([5, 2, 9]), [5, 2, 9]);
  const numbers = Array.from({ length: 1500 }, (_, i) => 3 * i + 1), bytes = Buffer.from(packed(numbers).bits, "base64");
  const found = [];
  for (let i = 0; i < 8 * bytes.length; i++) if (bytes[i >> 3] & (1 << (i & 7))) found.push(i);
  assert.deepEqual(found, numbers);
});

/* A Plotly chart that keeps zoom, legend and hover over updates (tltk/dashboard/plot.py mounts it).

   All drawing goes through one `Plotly.react`, with a constant uirevision. With `live`, the rows of a run are
   fetched by cursor from /tltk/live/…; Python hears once, at the end. */

import { element, isDark } from "../shared/dom.js";
import { palette } from "../shared/palette.js";
import { figureOf, themeOf } from "./figure.js";
import { follow, leave, wake } from "./follow.js";
import { packed, tableOf } from "./rows.js";

const FRAME = `
  <div class="chart" role="figure"></div>
  <p class="note"><span class="state" role="status"></span><span class="progress"></span></p>
  <details>
    <summary>Show as a table</summary>
    <div class="table" role="region" aria-label="Table of the chart" tabindex="0"></div>
  </details>`;
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
let plotly = null; // one copy for all charts of the page, from our own server

export function mount(parent) {
  const node = element("div", "tltk-plot");
  node.innerHTML = FRAME;
  parent.append(node);
  const view = { node, chart: node.querySelector(".chart"), lines: new Map(), live: null, mouse: null };
  view.draw = () => draw(view);
  view.note = (state, progress) => note(view, state, progress);
  view.chart.addEventListener("mousemove", (event) => (view.mouse = event), true);
  view.chart.addEventListener("mouseleave", () => (view.mouse = null));
  node.querySelector("details").addEventListener("toggle", () => fillTable(view));
  view.onVisible = () => !document.hidden && wake(view, 0);
  document.addEventListener("visibilitychange", view.onVisible);
  // Plotly refuses to resize what is not on the screen, as while a page is being left.
  view.resize = new ResizeObserver(() => view.drawn && view.chart.offsetParent && window.Plotly.Plots.resize(view.chart).catch(() => {}));
  view.resize.observe(node);
  return view;
}

export function update(view, data, send) {
  view.finish = (state) => send("finished", state);
  view.pick = (numbers) => send("picked", numbers);
  view.data = data;
  view.chart.setAttribute("aria-label", data.alt);
  view.chart.style.height = `${data.height}px`;
  follow(view, data.live);
  const isDrawn = data.stamp && view.stamp === data.stamp && view.isDark === isDark(view.node) && view.drawn;
  if (isDrawn) return; // what is drawn is the same: fifty thousand points need not be drawn once more
  loadPlotly(data.plotly).then(view.draw, () => view.note("The chart could not be loaded. Reload the page."));
}

export function unmount(view) {
  view.gone = true;
  leave(view);
  view.resize.disconnect();
  document.removeEventListener("visibilitychange", view.onVisible);
  if (view.drawn) window.Plotly.purge(view.chart);
  view.node.remove();
}

function loadPlotly(url) {
  plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = resolve;
    script.onerror = () => {
      plotly = null;
      reject(new Error(url));
    };
    document.head.append(script);
  });
  return plotly;
}

function draw(view) {
  if (view.gone || !window.Plotly) return;
  const now = { isDone: view.live?.done, isStill: STILL.matches, idle: view.idle };
  const figure = figureOf(view.data, view.lines, readTheme(view.node), now);
  view.stamp = view.data.stamp;
  view.isDark = isDark(view.node);
  window.Plotly.react(view.chart, figure).then(() => {
    view.drawn = true;
    listen(view);
    hoverAgain(view);
    fillTable(view);
  });
}

function readTheme(node) {
  const css = getComputedStyle(node), read = (name) => css.getPropertyValue(`--st-${name}`).trim();
  return themeOf(palette, isDark(node), { text: read("text-color"), font: read("font"), panel: read("secondary-background-color") });
}

/* A click on a point, or a line drawn around some, goes to Python as the points' `customdata`. */
function listen(view) {
  if (!view.data.select || view.listening) return;
  view.listening = true;
  const numbers = (event) => (event?.points ?? []).map((point) => point.customdata).filter((n) => n != null);
  view.chart.on("plotly_click", (event) => view.pick(numbers(event).slice(0, 1)));
  view.chart.on("plotly_selected", (event) => event && view.pick(packed(numbers(event))));
  view.chart.on("plotly_deselect", () => view.pick([]));
}

/* A redraw takes the hover label away; a mouse that rests on the chart gets it back. */
function hoverAgain(view) {
  if (view.mouse && view.chart.isConnected) window.Plotly.Fx.hover(view.chart, view.mouse);
}

/* Only a change of state is announced to screen readers; the count of epochs is not. */
function note(view, state, progress = "") {
  const [left, right] = view.node.querySelectorAll(".note span");
  if (left.textContent !== state) left.textContent = state;
  right.textContent = progress;
}

function fillTable(view) {
  if (!view.node.querySelector("details").open || !view.drawn) return;
  const { head, rows } = tableOf(view.chart._fullData, view.chart._fullLayout), table = document.createElement("table");
  tableRow(table, "th", head);
  for (const row of rows) tableRow(table, "td", row);
  view.node.querySelector(".table").replaceChildren(table);
}

function tableRow(table, kind, cells) {
  const row = table.insertRow();
  row.append(...cells.map((cell) => element(kind, "", typeof cell === "number" ? String(Number(cell.toPrecision(6))) : cell)));
}

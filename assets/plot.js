/* A Plotly chart that keeps zoom, legend and hover over updates (tltk/dashboard/plot.py mounts it).

   Streamlit calls the default export again whenever `data` or the theme changes; state lives on the
   mounting node. All drawing goes through one `Plotly.react`, with a constant uirevision. With `live`,
   the rows of a run are fetched by cursor from /tltk/live/…; Python hears once, at the end. */

const PALETTES = {
  light: { scratch: "#6b6b6b", blue: "#0072B2", others: ["#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"] },
  dark: { scratch: "#a8a8a8", blue: "#56B4E9", others: ["#E69F00", "#2BC59B", "#DE9BC1", "#F0875A", "#7FA8FF", "#F2F2F2"] },
};
const BLUE = ["transfer", "val"]; // the groups that an eye should follow
const FIXED = ["train", "test"]; // the same colour whether or not the other is there yet
const KEPT_POINTS = 3000; // a longer live line is thinned
const MARKED_POINTS = 16; // longer lines need no dots
const TABLE_ROWS = 500;

export default function ({ parentElement, data, setTriggerValue }) {
  const view = (parentElement.__plot ??= mount(parentElement));
  view.finish = (state) => setTriggerValue("finished", state);
  view.pick = (numbers) => setTriggerValue("picked", numbers);
  view.data = data;
  view.chart.setAttribute("aria-label", data.alt);
  view.chart.style.height = `${data.height}px`;
  follow(view, data.live);
  loadPlotly(data.plotly).then(() => draw(view), () => note(view, "The chart could not be loaded. Reload the page."));
  return () => unmount(view, parentElement);
}

function mount(parent) {
  const node = document.createElement("div");
  node.className = "tltk-plot";
  node.innerHTML = `<div class="chart" role="figure"></div>
    <p class="note"><span class="state" role="status"></span><span class="progress"></span></p>
    <details><summary>Show as a table</summary><div class="table" role="region" aria-label="Table of the chart" tabindex="0"></div></details>`;
  parent.append(node);
  const view = { node, chart: node.querySelector(".chart"), lines: new Map(), live: null, mouse: null };
  view.chart.addEventListener("mousemove", (event) => (view.mouse = event), true);
  view.chart.addEventListener("mouseleave", () => (view.mouse = null));
  node.querySelector("details").addEventListener("toggle", () => fillTable(view));
  view.onVisible = () => !document.hidden && view.live && wake(view.live, 0);
  document.addEventListener("visibilitychange", view.onVisible);
  // Plotly refuses to resize what is not on the screen, as while a page is being left.
  view.resize = new ResizeObserver(() => view.drawn && view.chart.offsetParent && window.Plotly.Plots.resize(view.chart).catch(() => {}));
  view.resize.observe(node);
  return view;
}

function unmount(view, parent) {
  view.gone = true;
  if (view.live) clearTimeout(view.live.timer);
  view.resize.disconnect();
  document.removeEventListener("visibilitychange", view.onVisible);
  if (view.drawn) window.Plotly.purge(view.chart);
  view.node.remove();
  delete parent.__plot;
}

/* One copy for all charts of the page, from our own server. */
function loadPlotly(url) {
  window.__tltkPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = resolve;
    script.onerror = () => { delete window.__tltkPlotly; reject(new Error(url)); };
    document.head.append(script);
  });
  return window.__tltkPlotly;
}

/* ---- drawing ---------------------------------------------------------------------------------------- */

function draw(view) {
  if (view.gone || !window.Plotly) return;
  const theme = readTheme(view.node), { figure } = view.data;
  const own = new Map(figure.traces.map((trace, i) => [trace.id ?? `#${i}`, trace]));
  for (const [id, line] of view.lines) own.set(id, line);
  const groups = [...new Set([...own.values()].map((trace) => trace.group))].sort();
  const seen = new Set();
  const dotted = [...own.values()].every((line) => line.x.length <= MARKED_POINTS);
  // Faint lines first, so that they lie under the others.
  const ours = [...own.entries()].sort(([, a], [, b]) => (b.role === "search") - (a.role === "search"))
    .map(([id, line]) => lineTrace(id, line, colourOf(line.group, theme, groups), dotted));
  for (const trace of [...ours].reverse()) { // the legend shows the fullest line of each group
    trace.showlegend = !seen.has(trace.legendgroup);
    seen.add(trace.legendgroup);
  }
  const traces = [...figure.data.map((trace) => themed(trace, theme, groups)), ...ours];
  const layout = layoutOf(figure.layout, theme, view.data.height);
  if (!traces.length && view.data.live) { // numbers on the axes would be of nothing
    const text = view.live?.done ? "Nothing was measured." : "The first points are on their way …";
    layout.annotations = [...(layout.annotations ?? []), { ...NO_POINTS, text }];
    for (const name of ["xaxis", "yaxis"]) layout[name] = { ...layout[name], showticklabels: false };
  }
  const config = view.data.select ? { ...CONFIG, modeBarButtonsToRemove: ["autoScale2d", "zoomIn2d", "zoomOut2d"] } : CONFIG;
  window.Plotly.react(view.chart, { data: traces, layout, config, frames: figure.frames ?? [] })
    .then(() => { view.drawn = true; listen(view); hoverAgain(view); fillTable(view); });
}

/* A click on a point, or a line drawn around some, goes to Python as the points' `customdata`. */
function listen(view) {
  if (!view.data.select || view.listening) return;
  view.listening = true;
  const numbers = (event) => (event?.points ?? []).map((point) => point.customdata).filter((n) => n != null);
  view.chart.on("plotly_click", (event) => view.pick(numbers(event).slice(0, 1)));
  view.chart.on("plotly_selected", (event) => event && view.pick(numbers(event)));
  view.chart.on("plotly_deselect", () => view.pick([]));
}

const NO_POINTS = { showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 };
const CONFIG = { displaylogo: false, responsive: false, showTips: false, // the observer resizes
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"] };

function colourOf(group, theme, groups) {
  if (group === "scratch") return theme.scratch;
  if (BLUE.includes(group)) return theme.blue;
  if (FIXED.includes(group)) return theme.others[FIXED.indexOf(group)];
  const rest = groups.filter((name) => name !== "scratch" && !BLUE.includes(name) && !FIXED.includes(name));
  const first = groups.some((name) => FIXED.includes(name)) ? FIXED.length : 0;
  return theme.others[(first + Math.max(rest.indexOf(group), 0)) % theme.others.length];
}

function lineTrace(id, line, color, dotted) {
  const faint = line.role === "search";
  return {
    type: "scatter", mode: dotted && !faint ? "lines+markers" : "lines",
    uid: `t${id.replace(/[^\w-]/g, "-")}`, // Plotly makes a class name and a selector of it
    meta: [line.name],
    name: line.group, legendgroup: line.group, x: line.x, y: line.y, opacity: faint ? 0.35 : 1,
    line: { color, width: faint ? 1 : 1.75, dash: line.group === "scratch" ? "dash" : "solid" },
    marker: { size: 4 }, hovertemplate: "%{y:.4~f}<extra>%{meta[0]}</extra>",
  };
}

/* Fills in what a figure leaves open; what it sets, stays. */
function themed(trace, theme, groups) {
  if (!["scratch", "transfer", ...FIXED, "val"].includes(trace.legendgroup)) return trace;
  const colour = colourOf(trace.legendgroup, theme, groups);
  const dash = trace.legendgroup === "scratch" ? "dash" : "solid";
  const filled = trace.fill && trace.fill !== "none" ? { fillcolor: colour + "30" } : {};
  return { ...filled, ...trace, line: { color: colour, dash, ...trace.line }, marker: { color: colour, ...trace.marker } };
}

function layoutOf(layout, theme, height) {
  const axis = { gridcolor: theme.grid, linecolor: theme.grid, zeroline: false, automargin: true };
  const names = ["xaxis", "yaxis", ...Object.keys(layout).filter((name) => /^[xy]axis\d+$/.test(name))];
  const axes = Object.fromEntries(names.map((name) => [name, { ...axis, showgrid: name[0] === "y", ...layout[name],
    title: { font: { size: 13 }, ...layout[name]?.title } }]));
  return {
    uirevision: "keep", hovermode: "closest", margin: { l: 56, r: 16, t: layout.title ? 44 : 16, b: 44 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, colorway: [theme.blue, ...theme.others],
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: theme.text, family: theme.font, size: 13 },
    hoverlabel: { bgcolor: theme.panel, bordercolor: theme.grid, font: { color: theme.text } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: theme.grid, activecolor: theme.text },
    ...layout, ...axes, height, autosize: true,
  };
}

function readTheme(node) {
  const css = getComputedStyle(node);
  const read = (name) => css.getPropertyValue(`--st-${name}`).trim();
  const probe = document.createElement("i");
  probe.style.color = "var(--st-background-color)";
  node.append(probe);
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  const dark = 0.299 * r + 0.587 * g + 0.114 * b < 128;
  return { ...PALETTES[dark ? "dark" : "light"], text: read("text-color"), font: read("font"),
    panel: read("secondary-background-color"), grid: dark ? "rgba(255,255,255,.16)" : "rgba(0,0,0,.13)" };
}

/* A redraw takes the hover label away; a mouse that rests on the chart gets it back. */
function hoverAgain(view) {
  if (view.mouse && view.chart.isConnected) window.Plotly.Fx.hover(view.chart, view.mouse);
}

/* ---- a live run --------------------------------------------------------------------------------------- */

function follow(view, wish) {
  if (wish?.url === view.live?.url) return;
  if (view.live) clearTimeout(view.live.timer);
  view.lines.clear();
  note(view, "");
  view.live = wish && { url: wish.url, unit: wish.unit, every: wish.every_ms ?? 500, cursor: "", failures: 0, quiet: 0, timer: 0, poll: null };
  if (!view.live) return;
  const live = view.live;
  live.poll = () => poll(view, live);
  wake(live, 0);
}

function wake(live, pause) {
  clearTimeout(live.timer);
  if (!live.done) live.timer = setTimeout(live.poll, pause);
}

async function poll(view, live) {
  if (document.hidden || live.busy) return; // onVisible wakes it
  live.busy = true;
  let pause = live.every;
  try {
    const url = new URL(live.url, location.origin);
    url.searchParams.set("cursor", live.cursor);
    const reply = await fetch(url, { cache: "no-store" });
    if (reply.status === 400) Object.assign(live, { cursor: "", restart: true });
    if (!reply.ok) throw new Error(String(reply.status));
    const news = await reply.json();
    if (view.live === live && !view.gone) take(view, live, news);
    live.quiet = news.traces.length ? 0 : Math.min(live.quiet + 1, 2);
    pause *= live.more ? 0.1 : 2 ** live.quiet; // nothing new: ask less often
  } catch {
    live.failures += 1;
    pause = Math.min(live.every * 2 ** live.failures, 5000);
    if (view.live === live && live.failures > 1) note(view, "Reconnecting …");
  }
  live.busy = false;
  if (view.live === live && !view.gone) wake(live, pause);
}

function take(view, live, news) {
  if (live.restart) view.lines.clear();
  Object.assign(live, { cursor: news.cursor, failures: 0, restart: false });
  for (const trace of news.traces) add(view.lines, trace);
  live.more = news.more; // a long history comes in several answers
  live.done = !["waiting", "running"].includes(news.state) && !live.more;
  if (news.traces.length || live.done) draw(view);
  const words = { waiting: "Waiting for its turn", running: "Training", done: "Done", stopped: "Stopped", failed: "Failed" };
  note(view, [words[news.state] ?? news.state, news.message].filter(Boolean).join(" · "),
    news.epochs ? `${live.unit ?? "epoch"} ${news.epoch} of ${news.epochs} · ${news.seconds.toFixed(0)} s` : "");
  if (live.done) view.finish(news.state);
}

function add(lines, trace) {
  const old = lines.get(trace.id);
  const line = { ...trace, x: trace.reset || !old ? trace.x : old.x.concat(trace.x), y: trace.reset || !old ? trace.y : old.y.concat(trace.y) };
  if (line.x.length > KEPT_POINTS) {
    const keep = (_, i) => i % 2 === 0 || i === line.x.length - 1;
    [line.x, line.y] = [line.x.filter(keep), line.y.filter(keep)];
  }
  lines.set(trace.id, line);
}

/* Only a change of state is announced to screen readers; the count of epochs is not. */
function note(view, state, progress = "") {
  const [left, right] = view.node.querySelectorAll(".note span");
  if (left.textContent !== state) left.textContent = state;
  right.textContent = progress;
}

/* ---- the table ------------------------------------------------------------------------------------------ */

function fillTable(view) {
  if (!view.node.querySelector("details").open || !view.drawn) return;
  const rows = view.chart._fullData.flatMap(rowsOf);
  const table = document.createElement("table");
  const axis = (name) => view.chart._fullLayout[name]?.title?.text || name[0];
  tableRow(table, "th", ["line", axis("xaxis"), axis("yaxis"), ...(rows.some((row) => row.length > 3) ? ["value"] : [])]);
  for (const row of rows.slice(0, TABLE_ROWS)) tableRow(table, "td", row);
  if (rows.length > TABLE_ROWS) tableRow(table, "td", [`… ${rows.length - TABLE_ROWS} more`]);
  view.node.querySelector(".table").replaceChildren(table);
}

function rowsOf(trace) {
  const name = trace.meta?.[0] ?? trace.name ?? "";
  const x = [...(trace.x ?? [])], y = [...(trace.y ?? [])];
  if (!trace.z) return y.map((value, i) => [name, x[i] ?? i, value]);
  return [...trace.z].flatMap((line, i) => [...line].map((value, j) => [name, x[j] ?? j, y[i] ?? i, value]));
}

function tableRow(table, kind, cells) {
  const row = table.insertRow();
  for (const cell of cells) {
    const box = document.createElement(kind);
    box.textContent = typeof cell === "number" ? Number(cell.toPrecision(6)) : cell;
    row.append(box);
  }
}

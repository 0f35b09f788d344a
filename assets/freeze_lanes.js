/* Quantities over depth, as lanes above the bars of freeze_handle.js, which this file is put before.

   Every column of a lane is as wide as its layer's bar, so all is drawn in pixels and drawn anew when
   the width changes. What a lane says is its value at one layer: the one under the pointer, else the one
   that the handle selects. */

const MARKS = {
  circle: (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  square: (x, y, r) => `M${x - 0.9 * r} ${y - 0.9 * r}h${1.8 * r}v${1.8 * r}h${-1.8 * r}z`,
  diamond: (x, y, r) => `M${x} ${y - 1.3 * r}l${1.3 * r} ${1.3 * r}l${-1.3 * r} ${1.3 * r}l${-1.3 * r} ${-1.3 * r}z`,
  triangle: (x, y, r) => `M${x} ${y - 1.2 * r}l${1.2 * r} ${2.1 * r}h${-2.4 * r}z`,
};
const ROOM = 5; // px between the range and the edge, for marks at its ends; 0 lies on the base line

/* The layer that the boundary selects: the last frozen one, or the first where none is. */
/* The last frozen layer, or the first; where all are frozen, what enters the head, if that is known. */
const selected = (k, depth, values) => (k === depth && values.length > depth ? depth : Math.max(k - 1, 0));

function buildLanes(view, overlays) {
  const signature = JSON.stringify([overlays, view.data.layers.names]);
  if (signature === view.lanesBuilt) return;
  view.lanesBuilt = signature;
  view.peek = null;
  view.find(".lanes")?.remove();
  view.node.classList.toggle("overlaid", overlays.length > 0);
  view.lanes = overlays.map((overlay) => makeLane(overlay));
  if (!overlays.length) return;
  const box = element("div", "lanes");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Quantities by layer");
  box.append(...view.lanes.map((lane) => lane.node));
  view.find(".bars").before(box);
  drawLanes(view);
}

function makeLane(overlay) {
  const node = element("div", "lane"), head = element("div", "caption"), plot = svg("svg", { class: "plot", "aria-hidden": "true" });
  const [low, high] = rangeOf(overlay), value = element("span", "value"), range = element("span", "range");
  range.textContent = `${number(low, overlay.unit, false)} to ${number(high, overlay.unit)}`;
  head.append(element("span", "name", overlay.name), range, value);
  if (overlay.null_lo) range.after(element("span", "chance", "by chance"));
  node.setAttribute("role", "img");
  node.append(head, plot);
  return { node, overlay, plot, value, low, high };
}

/* What is drawn, the span wins; 0 belongs to a quantity that is never below it. */
function rangeOf({ span, ...overlay }) {
  if (span) return span;
  const all = ["values", "lo", "hi", "null_lo", "null_hi"].flatMap((name) => overlay[name] ?? []).filter((v) => v != null);
  const low = Math.min(...all), high = Math.max(...all);
  if (!all.length) return [0, 1];
  if (low >= 0) return [0, high || 1];
  return low < high ? [low, high] : [low, 0];
}

/* ---- drawing --------------------------------------------------------------------------------------- */

function drawLanes(view) {
  if (!view.lanes?.length) return;
  const width = view.find(".bars").getBoundingClientRect().width, column = width / (view.depth + 1);
  if (!width) return;
  for (const [i, lane] of view.lanes.entries()) drawLane(lane, Object.keys(MARKS)[i % 4], width, column);
  tellLanes(view);
}

function drawLane(lane, mark, width, column) {
  const { overlay, plot, low, high } = lane, { values, lo, hi, null_lo: under, null_hi: over } = overlay;
  const height = plot.getBoundingClientRect().height, foot = height - (low < 0 ? ROOM : 0.5);
  const within = (v) => Math.min(Math.max(v, low), high);
  const x = (i) => (i + 0.5) * column;
  const y = (v) => foot - ((within(v) - low) / (high - low)) * (foot - ROOM);
  const parts = [], draw = (kind, d, more = {}) => parts.push(svg("path", { class: kind, d, ...more }));
  const radius = Math.min(Math.max(column * 0.2, 1.1), 2.8);
  // What chance gives is as wide as the layers that it was computed for, an interval from point to point.
  const area = (kind, bottom, top, half) => {
    const both = values.map((_, i) => (bottom[i] == null || top[i] == null ? null : 0));
    for (const run of runs(both)) {
      const places = [[run[0], -half], ...run.map((i) => [i, 0]), [run.at(-1), half]];
      const edge = (line) => places.map(([i, aside]) => [x(i) + aside, y(line[i])]);
      draw(kind, `M${[...edge(top), ...edge(bottom).reverse()].join("L")}z`);
    }
  };
  if (under) area("null", under, over, column / 2);
  if (low <= 0 && high >= 0) draw("base", `M0 ${y(0)}H${width}`);
  if (lo) area("interval", lo, hi, radius / 2);
  for (const run of runs(values)) {
    if (run.length > 1) draw("line", `M${run.map((i) => [x(i), y(values[i])]).join("L")}`);
    for (const i of run) draw("point", MARKS[mark](x(i), y(values[i]), radius), { "data-layer": i });
  }
  const ring = svg("circle", { class: "ring", r: radius + 3 });
  plot.replaceChildren(...parts, ring);
  Object.assign(lane, { x, y, column, ring });
}

/* Neighbours that are all known: [1, 2, null, 4] → [[0, 1], [3]]. */
function runs(values) {
  const found = [];
  values.forEach((v, i) => {
    if (v == null) return;
    if (i && values[i - 1] != null) found.at(-1).push(i);
    else found.push([i]);
  });
  return found;
}

/* ---- what the lanes say ----------------------------------------------------------------------------- */

function tellLanes(view) {
  const names = [...view.data.layers.names, "into the head"];
  for (const lane of view.lanes ?? []) {
    const { overlay: { name, values, unit }, ring } = lane, cut = selected(view.k, view.depth, values);
    const at = view.peek ?? cut, v = values[at];
    const known = values.filter((value) => value != null);
    lane.value.replaceChildren(element("i", "", names[at]), element("b", "", number(v, unit)), interval(lane.overlay, at));
    if (ring) encircle(lane, at, v, view.k);
    const range = known.length
      ? `from ${number(Math.min(...known), unit)} to ${number(Math.max(...known), unit)}` : "no value is known";
    lane.node.setAttribute("aria-label", `${name} by layer: ${range}. At ${names[cut]}: ${spoken(values[cut], unit)}.`);
  }
}

/* A ring around the point that the lane speaks of, where the handle's line leaves room for one. */
function encircle({ x, y, column, ring }, at, v, k) {
  const free = v != null && Math.abs(x(at) - k * column) > Number(ring.getAttribute("r")) + 3;
  ring.style.display = free ? "" : "none";
  if (!free) return;
  ring.setAttribute("cx", x(at));
  ring.setAttribute("cy", y(v));
}

/* The layer under the pointer; on the handle, and off the track, that is the one it selects. */
function peek(view, event) {
  const box = view.find(".bars").getBoundingClientRect(), column = box.width / (view.depth + 1);
  const x = event.clientX - box.left, onLine = Math.abs(x - view.k * column) < Math.min(8, column / 2);
  const over = event.type === "pointermove" && event.pointerType !== "touch" && !view.drag && !onLine;
  const at = over ? Math.min(Math.max(Math.floor(x / column), 0), view.depth) : null;
  if (at === view.peek) return;
  view.peek = at;
  tellLanes(view);
}

function prediction({ overlays, layers }, k) {
  const overlay = overlays.find((o) => o.predicts), name = "Predicted probe accuracy";
  if (!overlay) return null;
  if (k === 0) return [name, "–", "nothing is frozen"];
  const at = selected(k, layers.names.length, overlay.values), v = overlay.values[at];
  const between = interval(overlay, at).textContent, where = layers.names[at] ?? "what enters the head";
  return [name, number(v, overlay.unit), v == null ? "not known here" : between || `at ${where}`];
}

function interval({ lo, hi, unit }, i) {
  const known = lo?.[i] != null && hi?.[i] != null;
  return element("small", "", known ? `${number(lo[i], unit, false)} to ${number(hi[i], unit)}` : "");
}

const spoken = (v, unit) => (v == null ? "not known" : number(v, unit));

const raised = (power) => power.replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));

function number(v, unit, named = true) {
  if (v == null) return "–";
  const x = unit === "%" ? 100 * v : v, size = Math.abs(x);
  const text = x === 0 || (unit === "%" && size === 100) ? String(x)
    : unit === "%" && size >= 1 ? x.toFixed(1) // as wide at every layer, so that nothing jumps
    : size >= 1e6 || size < 1e-4 ? x.toExponential(2).replace(/\.?0*e\+?(-?\d+)/, (_, power) => "·10" + raised(power))
    : x.toLocaleString("en", { maximumSignificantDigits: unit === "%" ? 2 : 3, useGrouping: false });
  return text.replace(/^-/, "−") + (unit === "%" && named ? " %" : "");
}

function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}


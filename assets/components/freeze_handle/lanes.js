/* Quantities over depth, as lanes above the bars.

   Every column of a lane is as wide as its layer's bar, so all is drawn in pixels and drawn anew when
   the width changes. What a lane says is its value at one layer: the one under the pointer, else the one
   that the handle selects. */

import { element, svg } from "../shared/dom.js";
import { number } from "../shared/format.js";
import { layerAt, selected } from "./depth.js";
import { lanePaths, MARKS, rangeOf, scales } from "./paths.js";
import { interval, laneLabel } from "./words.js";

const SERIES = 6; // colours; what has none of its own takes them in turn

export function buildLanes(view, overlays) {
  const signature = JSON.stringify([overlays, view.data.layers.names]);
  if (signature === view.lanesBuilt) return;
  view.lanesBuilt = signature;
  view.peek = null;
  view.find(".lanes")?.remove();
  view.node.classList.toggle("overlaid", overlays.length > 0);
  view.lanes = overlays.map((overlay, i) => makeLane(overlay, overlay.series ?? (i % SERIES) + 1));
  if (!overlays.length) return;
  const box = element("div", "lanes");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Quantities by layer");
  box.append(...view.lanes.map((lane) => lane.node));
  view.find(".bars").before(box);
  drawLanes(view);
}

function makeLane(overlay, series) {
  const node = element("div", "lane"), head = element("div", "caption"), plot = svg("svg", { class: "plot", "aria-hidden": "true" });
  const drawn = rangeOf(overlay), value = element("span", "value"), range = element("span", "range");
  range.textContent = `${number(drawn[0], overlay.unit, false)} to ${number(drawn[1], overlay.unit)}`;
  head.append(element("span", "name", overlay.name), range, value);
  if (overlay.null_lo) range.after(element("span", "chance", "by chance"));
  node.dataset.series = series;
  node.setAttribute("role", "img");
  node.append(head, plot);
  return { node, overlay, plot, value, range: drawn };
}

export function drawLanes(view) {
  if (!view.lanes?.length) return;
  const { width } = view.find(".bars").getBoundingClientRect();
  if (!width) return;
  const marks = Object.keys(MARKS);
  for (const [i, lane] of view.lanes.entries()) drawLane(lane, marks[i % marks.length], width, width / (view.depth + 1));
  tellLanes(view);
}

function drawLane(lane, mark, width, column) {
  const scale = scales(lane.range, column, lane.plot.getBoundingClientRect().height);
  const parts = lanePaths(lane.overlay, lane.range, scale, mark, width);
  const ring = svg("circle", { class: "ring", r: scale.radius + 3 });
  lane.plot.replaceChildren(
    ...parts.map(({ kind, d, layer }) => svg("path", { class: kind, d, ...(layer == null ? {} : { "data-layer": layer }) })),
    ring,
  );
  Object.assign(lane, { scale, column, ring });
}

export function tellLanes(view) {
  const names = [...view.data.layers.names, "into the head"];
  for (const lane of view.lanes ?? []) {
    const { overlay } = lane, cut = selected(view.k, view.depth, overlay.values), at = view.peek ?? cut;
    const v = overlay.values[at];
    lane.value.replaceChildren(
      element("i", "", names[at]), element("b", "", number(v, overlay.unit)), element("small", "", interval(overlay, at)),
    );
    if (lane.ring) encircle(lane, at, v, view.k);
    lane.node.setAttribute("aria-label", laneLabel(overlay, cut, names[cut]));
  }
}

/* A ring around the point that the lane speaks of, where the handle's line leaves room for one. */
function encircle({ scale, column, ring }, at, v, k) {
  const free = v != null && Math.abs(scale.x(at) - k * column) > Number(ring.getAttribute("r")) + 3;
  ring.style.display = free ? "" : "none";
  if (!free) return;
  ring.setAttribute("cx", scale.x(at));
  ring.setAttribute("cy", scale.y(v));
}

/* The layer under the pointer; on the handle, and off the track, that is the one it selects. */
export function peek(view, event) {
  const over = event.type === "pointermove" && event.pointerType !== "touch" && !view.drag;
  const box = over && view.find(".bars").getBoundingClientRect();
  const at = over ? layerAt(event.clientX, box, view.depth, view.k) : null;
  if (at === view.peek) return;
  view.peek = at;
  tellLanes(view);
}

/* The freeze boundary, dragged over the network's layers (tltk/dashboard/freeze_handle.py mounts it).

   All state lives on the view. The boundary goes to Python as a trigger on release; what is shown meanwhile is
   computed here, from per-layer numbers, so that nothing waits for the server. */

import { element, isDark } from "../shared/dom.js";
import { boundaryAt, goalOf, heights, shortNames, stagesOf } from "./depth.js";
import { FRAME } from "./frame.js";
import { buildLanes, drawLanes, peek, tellLanes } from "./lanes.js";
import { buildMaps } from "./maps.js";
import { barTitle, tiles, told } from "./words.js";

const KEY_PAUSE = 180; // ms: a held arrow key sends one value, not thirty
const LABEL_WIDTH = 18; // px a layer: below it, names are left out

/* ---- mounting and drawing ------------------------------------------------------------------------ */

export function mount(parent) {
  const node = element("div", "freeze");
  node.innerHTML = FRAME;
  parent.append(node);
  const view = { node, find: (css) => node.querySelector(css), k: 0, committed: 0, drag: null, peek: null, timer: 0, built: "" };
  listen(view);
  view.resize = new ResizeObserver(() => {
    fitLabels(view);
    drawLanes(view);
  });
  view.resize.observe(node);
  return view;
}

export function unmount(view) {
  clearTimeout(view.timer);
  view.resize.disconnect();
  view.node.remove();
}

export function update(view, data, send) {
  view.send = (k) => send("moved", k);
  view.data = data;
  view.depth = data.layers.names.length;
  view.head = data.cost?.head_parameters ?? 0; // 0 where nobody knows how many classes there will be
  const signature = JSON.stringify([data.layers.names, data.layers.parameters, view.head]);
  if (signature !== view.built) build(view, signature);
  view.node.dataset.theme = isDark(view.node) ? "dark" : "light";
  view.node.classList.toggle("disabled", data.disabled);
  view.node.classList.toggle("compact", data.compact);
  view.node.classList.toggle("dense", data.dense);
  view.find(".handle").setAttribute("aria-disabled", String(data.disabled));
  if (data.disabled) stopDragging(view);
  buildLanes(view, data.overlays);
  buildMaps(view, data.maps);
  if (!view.drag && !view.timer) view.committed = view.k = data.boundary; // a hand on the handle goes first
  show(view, Math.min(view.k, view.depth));
}

function build(view, signature) {
  const { names, parameters } = view.data.layers;
  view.built = signature;
  view.stages = stagesOf(names);
  view.node.style.setProperty("--columns", names.length + 1);
  const labels = [...names, "head"], weights = [...parameters, view.head], high = heights(weights);
  view.find(".bars").replaceChildren(...weights.map((p, i) => {
    const isHead = i === names.length, bar = element("div", `bar${isHead ? " head" : ""}${isHead && !p ? " unknown" : ""}`);
    bar.style.setProperty("--height", `${high[i].toFixed(1)}%`);
    bar.title = barTitle(labels[i], p, isHead);
    return bar;
  }));
  view.find(".names").replaceChildren(...[...shortNames(names, view.stages), ""].map((text) => element("span", "", text)));
  view.node.classList.toggle("single", view.stages.length === names.length); // a stage says all that a name would
  const spans = [...view.stages, { name: "head", start: names.length, end: names.length + 1 }];
  view.find(".stages").replaceChildren(...spans.map(({ name, start, end }) => {
    const span = element("span", "", name);
    span.style.gridColumn = `${start + 1} / ${end + 1}`;
    span.title = name;
    return span;
  }));
  view.find(".handle").setAttribute("aria-valuemax", names.length);
  fitLabels(view);
}

function fitLabels(view) {
  if (!view.depth) return;
  view.node.classList.toggle("narrow", view.find(".bars").clientWidth / (view.depth + 1) < LABEL_WIDTH);
  for (const span of view.find(".stages").children) span.classList.toggle("cramped", span.scrollWidth > span.clientWidth + 1);
}

function show(view, k) {
  view.k = k;
  const said = told(view.data, view.head, k), handle = view.find(".handle"), figures = tiles(view.data, k);
  view.node.style.setProperty("--at", k / (view.depth + 1));
  [...view.find(".bars").children].forEach((bar, i) => bar.classList.toggle("frozen", i < k));
  [...view.find(".names").children].forEach((name, i) => name.classList.toggle("first", i === k));
  view.find(".frozen span").textContent = said.frozen;
  view.find(".training span").textContent = said.training;
  view.find(".training").classList.toggle("bare", said.bare);
  view.find(".tag").textContent = said.tag;
  view.find(".where").textContent = said.where;
  handle.setAttribute("aria-valuenow", k);
  handle.setAttribute("aria-valuetext", said.spoken);
  tellLanes(view);
  view.find(".figures").classList.toggle("six", figures.length === 6);
  view.find(".figures").replaceChildren(...figures.map(([term, ...lines]) => {
    const tile = element("div");
    if (view.data.dense) tile.title = [term, ...lines].join(", ");
    tile.append(element("dt", "", term), ...lines.map((line) => element("dd", "", line)));
    return tile;
  }));
}

/* ---- pointer and keys ----------------------------------------------------------------------------- */

function listen(view) {
  const track = view.find(".track"), handle = view.find(".handle");
  track.addEventListener("pointerdown", (event) => {
    if (view.data.disabled || event.button !== 0 || view.drag) return;
    event.preventDefault();
    view.drag = { id: event.pointerId };
    peek(view, event);
    track.setPointerCapture(event.pointerId);
    view.node.classList.add("dragging");
    handle.focus({ preventScroll: true });
    follow(view, event);
  });
  track.addEventListener("pointermove", (event) => (view.drag?.id === event.pointerId ? follow : peek)(view, event));
  track.addEventListener("pointerleave", (event) => peek(view, event));
  track.addEventListener("pointerup", (event) => {
    if (view.drag?.id !== event.pointerId) return;
    stopDragging(view);
    commit(view);
  });
  // The browser takes the finger away to scroll, or the capture is lost: as if it never began.
  for (const loss of ["pointercancel", "lostpointercapture"]) track.addEventListener(loss, () => view.drag && cancel(view));
  handle.addEventListener("keydown", (event) => onKey(view, event));
  handle.addEventListener("blur", () => view.timer && commit(view));
}

function follow(view, event) {
  const k = boundaryAt(event.clientX, view.find(".bars").getBoundingClientRect(), view.depth);
  if (k !== view.k) show(view, k);
}

function onKey(view, event) {
  const goal = goalOf(event.key, view.k, view.depth, view.stages);
  if (event.key === "Escape" && (view.drag || view.timer)) cancel(view);
  else if (goal === undefined || view.data.disabled || event.ctrlKey || event.metaKey || event.altKey) return;
  else {
    show(view, goal);
    clearTimeout(view.timer);
    view.timer = setTimeout(() => commit(view), KEY_PAUSE);
  }
  event.preventDefault();
  event.stopPropagation();
}

function stopDragging(view) {
  view.drag = null;
  view.node.classList.remove("dragging");
}

function cancel(view) {
  clearTimeout(view.timer);
  view.timer = 0;
  stopDragging(view);
  show(view, Math.min(view.committed, view.depth));
}

function commit(view) {
  clearTimeout(view.timer);
  view.timer = 0;
  if (view.k === view.committed) return;
  view.committed = view.k;
  view.send(view.k);
}

/* The freeze boundary, dragged over the network's layers (tltk/dashboard/freeze_handle.py mounts it).

   Streamlit calls the default export again whenever `data` or the theme changes, so all state lives on
   the mounting node. The boundary goes to Python as a trigger on release; what is shown meanwhile is
   computed here, from per-layer numbers, so that nothing waits for the server. Quantities over depth, where
   there are any, lie above the bars: freeze_lanes.js. */

const KEY_PAUSE = 180; // ms: a held arrow key sends one value, not thirty
const LABEL_WIDTH = 18; // px a layer: below it, names are left out

const SNOWFLAKE =
  '<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" aria-hidden="true">' +
  [0, 60, 120].map((a) => `<path transform="rotate(${a} 8 8)" d="M8 1v14M6 2.6 8 4.4l2-1.8M6 13.4l2-1.8 2 1.8"/>`).join("") + "</svg>";
const FLAME =
  '<svg viewBox="0 0 16 16" fill="currentColor" aria-hidden="true"><path d="M8.6 1c.4 2.6 4.4 4.6 4.4 8.6A5 5 0 0 1 8 15a5 5 0 0 1-5-5.2' +
  'c0-2 1.1-3.3 2.1-4.3.2 1.4.9 2.2 1.6 2.4C6.3 5.4 7 3 8.6 1z"/></svg>';
const ARROWS =
  '<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" ' +
  'aria-hidden="true"><path d="M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5"/></svg>';

const FRAME = `
  <div class="sides">
    <div class="side frozen">${SNOWFLAKE}<b>Frozen</b><span></span></div>
    <div class="side training">${FLAME}<b>Training</b><span></span></div>
  </div>
  <div class="track">
    <div class="bars" aria-hidden="true"></div>
    <div class="handle" role="slider" tabindex="0" aria-label="Freeze boundary" aria-orientation="horizontal" aria-valuemin="0">
      <div class="grip">${ARROWS}</div><div class="tag" aria-hidden="true"></div>
    </div>
  </div>
  <div class="names" aria-hidden="true"></div>
  <div class="stages" aria-hidden="true"></div>
  <p class="where"></p>
  <dl class="figures"></dl>`;

export default function ({ parentElement, data, setTriggerValue }) {
  const view = (parentElement.__freeze ??= mount(parentElement));
  view.send = (k) => setTriggerValue("moved", k);
  update(view, data);
  return () => unmount(view, parentElement);
}

/* ---- what a boundary costs: tltk/cost.py says it for every boundary, here it is put into words ------- */

function tiles(data, k) {
  const costs = data.cost ? costTiles(data, k) : [], predicted = prediction(data, k);
  if (predicted) costs.splice(3, 0, predicted); // after the three figures that it is weighed against
  return costs;
}

function costTiles(data, k) {
  const { cost } = data, e = cost.estimates[k], unknown = ["–", "not known for this network"];
  const proviso = e.checked ? ", if the check of the cut passes" : "";
  const bank = e.kept || e.bytes
    ? ["≈ " + bytes(e.bytes), (e.build == null ? "built once" : `≈ ${time(e.build)} to build, once`) + proviso]
    : k === 0 ? ["none", "nothing is frozen"]
    : ["off", e.cuttable ? "frozen layers run each epoch" : "no cut here: frozen layers run each epoch"];
  const unmeasured = e.step == null ? unknown : ["–", "speed not measured here yet"];
  return [
    ["Trainable parameters", count(e.trainable), `${percent(e.trainable / e.parameters)} of ${count(e.parameters)}`],
    ["Compute per step", ...(e.step == null ? unknown
      : [`≈ ${flop(e.step)}`, k === 0 ? "all of full fine-tuning" : `${percent(e.share)} of full fine-tuning`])],
    ["One epoch", ...(e.epoch == null ? unmeasured : [`≈ ${time(e.epoch)}`, faster(e.share)])],
    ["Feature bank", ...bank],
    ["Whole run", ...(e.run == null ? unmeasured
      : [`≈ ${time(e.run)}`, `${cost.epochs} epochs, ${grouped(cost.steps)} steps`])],
  ];
}

/* ---- mounting and drawing ------------------------------------------------------------------------ */

function mount(parent) {
  const node = document.createElement("div");
  node.className = "freeze";
  node.innerHTML = FRAME;
  parent.append(node);
  const view = { node, find: (css) => node.querySelector(css), k: 0, committed: 0, drag: null, peek: null, timer: 0, built: "" };
  listen(view);
  view.resize = new ResizeObserver(() => { fitLabels(view); drawLanes(view); });
  view.resize.observe(node);
  return view;
}

function unmount(view, parent) {
  clearTimeout(view.timer);
  view.resize.disconnect();
  view.node.remove();
  delete parent.__freeze;
}

function update(view, data) {
  view.data = data;
  view.depth = data.layers.names.length;
  view.head = data.cost?.head_parameters ?? 0; // 0 where nobody knows how many classes there will be
  const signature = JSON.stringify([data.layers.names, data.layers.parameters, view.head]);
  if (signature !== view.built) build(view, signature);
  view.node.dataset.theme = isDark(view.node) ? "dark" : "light";
  view.node.classList.toggle("disabled", data.disabled);
  view.node.classList.toggle("compact", data.compact);
  view.find(".handle").setAttribute("aria-disabled", String(data.disabled));
  if (data.disabled) stopDragging(view);
  buildLanes(view, data.overlays);
  if (!view.drag && !view.timer) view.committed = view.k = data.boundary; // a hand on the handle goes first
  show(view, Math.min(view.k, view.depth));
}

function build(view, signature) {
  const { names, parameters } = view.data.layers;
  view.built = signature;
  view.stages = stagesOf(names);
  view.node.style.setProperty("--columns", names.length + 1);
  const weights = [...parameters, view.head];
  const top = Math.log10(Math.max(...weights) + 1) || 1;
  const labels = [...names, "head"];
  view.find(".bars").replaceChildren(...weights.map((p, i) => {
    const bar = element("div", "bar" + (i < names.length ? "" : p ? " head" : " head unknown"));
    bar.style.setProperty("--height", `${((100 * Math.log10(p + 1)) / top).toFixed(1)}%`);
    const words = [...(i < names.length || p ? [`${count(p)} parameters`] : []), ...(i === names.length ? ["always trains"] : [])];
    bar.title = `${labels[i]}: ${words.join(", ")}`;
    return bar;
  }));
  const short = names.map((name, i) => (name === view.stages.find((s) => s.end > i).name ? "" : name.split(".").pop()));
  view.find(".names").replaceChildren(...[...short, ""].map((text) => element("span", "", text)));
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
  const { data, depth } = view, { names, parameters } = data.layers;
  view.node.style.setProperty("--at", k / (depth + 1));
  [...view.find(".bars").children].forEach((bar, i) => bar.classList.toggle("frozen", i < k));
  [...view.find(".names").children].forEach((name, i) => name.classList.toggle("first", i === k));
  const frozen = sum(parameters.slice(0, k)), all = sum(parameters) + view.head, bare = !data.cost && k === depth;
  view.find(".frozen span").textContent = `${layersOf(k)} · ${count(frozen)}`;
  const training = k === depth ? "the head" : layersOf(depth - k) + (data.cost ? " + head" : "");
  view.find(".training span").textContent = bare ? training : `${training} · ${count(all - frozen)}`;
  view.find(".training").classList.toggle("bare", bare);
  view.find(".tag").textContent = `${k} of ${depth} frozen`;
  const words = k === 0 ? `Nothing is frozen: all ${depth} layers train.`
    : k === depth ? "All layers are frozen: feature extraction. Only the new head trains."
    : `Frozen up to and including ${names[k - 1]}; training from ${names[k]}.`;
  view.find(".where").textContent = words;
  const handle = view.find(".handle");
  handle.setAttribute("aria-valuenow", k);
  const shares = `${count(all - frozen)} of ${count(all)} parameters${data.cost ? "" : " below the head"} train.`;
  const expected = prediction(data, k), said = expected ? ` ${expected[0]}: ${expected.slice(1).join(", ")}.` : "";
  handle.setAttribute("aria-valuetext", `${k} of ${depth}. ${words} ${shares}${said}`);
  tellLanes(view);
  const figures = tiles(data, k);
  view.find(".figures").classList.toggle("six", figures.length === 6);
  view.find(".figures").replaceChildren(...figures.map(([term, ...lines]) => {
    const tile = element("div");
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
    view.drag = { id: event.pointerId, from: view.k };
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
  const box = view.find(".bars").getBoundingClientRect();
  const k = Math.round(((event.clientX - box.left) / box.width) * (view.depth + 1));
  const bounded = Math.min(Math.max(k, 0), view.depth);
  if (bounded !== view.k) show(view, bounded);
}

function onKey(view, event) {
  const { k, depth } = view, edges = [...view.stages.map((s) => s.start), depth];
  const goal = {
    ArrowLeft: k - 1, ArrowDown: k - 1, ArrowRight: k + 1, ArrowUp: k + 1, Home: 0, End: depth,
    PageUp: edges.find((edge) => edge > k) ?? depth,
    PageDown: edges.findLast((edge) => edge < k) ?? 0,
  }[event.key];
  if (event.key === "Escape" && (view.drag || view.timer)) cancel(view);
  else if (goal === undefined || view.data.disabled || event.ctrlKey || event.metaKey || event.altKey) return;
  else {
    show(view, Math.min(Math.max(goal, 0), depth));
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

/* ---- small things ---------------------------------------------------------------------------------- */

/* Neighbouring layers of one stage, by name: layer1.0 → layer1, stages.2.blocks.7 → stages.2, blocks.3 → blocks. */
function stagesOf(names) {
  const stages = [];
  names.forEach((name, i) => {
    const stage = (/^([^.]*\d)\./.exec(name) ?? /^(.+?\.\d+)\./.exec(name) ?? /^(.+)\.\d+$/.exec(name) ?? [0, name])[1];
    if (stages.at(-1)?.name === stage) stages.at(-1).end = i + 1;
    else stages.push({ name: stage, start: i, end: i + 1 });
  });
  return stages;
}

function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function isDark(node) {
  const probe = element("i");
  probe.style.color = "var(--st-background-color)";
  node.append(probe);
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const grouped = (n) => n.toLocaleString("en");
const layersOf = (n) => `${n} layer${n === 1 ? "" : "s"}`;
const digits = (x) => x.toLocaleString("en", { maximumSignificantDigits: x < 100 ? 2 : 3, useGrouping: false });
const percent = (x) => (x > 0 && x < 0.001 ? "< 0.1 %" : `${(100 * x).toLocaleString("en", { maximumSignificantDigits: x > 0.99 ? 3 : 2 })} %`);
const faster = (share) => (share > 0.95 ? "nothing saved yet" : share < 1e-4 ? "the head alone" : `${digits(1 / share)}× quicker`);

function scaled(x, step, units) {
  let i = 0;
  while (x >= step * 0.9995 && i < units.length - 1) { x /= step; i += 1; }
  return `${x.toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false })} ${units[i]}`.trim();
}
const count = (n) => scaled(n, 1000, ["", "k", "M", "G"]);
const flop = (n) => scaled(n / 1e6, 1000, ["MFLOP", "GFLOP", "TFLOP", "PFLOP"]);
const bytes = (n) => scaled(n / 1e3, 1000, ["kB", "MB", "GB", "TB"]);

function time(s) {
  if (s < 0.1) return `${digits(s * 1000)} ms`;
  if (s < 59.5) return `${digits(s)} s`;
  if (s < 3570) return `${Math.floor(Math.round(s) / 60)} min ${Math.round(s) % 60} s`;
  return `${Math.floor(Math.round(s / 60) / 60)} h ${Math.round(s / 60) % 60} min`;
}

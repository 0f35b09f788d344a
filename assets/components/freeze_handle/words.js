/* What a boundary means, in words: pure functions of what Python gave and of the boundary k. What each boundary
   costs was worked out by tltk/training/cost.py for all of them. */

import { bytes, count, faster, flop, grouped, layersOf, number, percent, time } from "../shared/format.js";
import { selected } from "./depth.js";

/* The tiles under the bars: [term, figure, remark]. */
export function tiles(data, k) {
  const costs = data.cost ? costTiles(data.cost, k) : [], predicted = prediction(data, k);
  if (predicted) costs.splice(3, 0, predicted); // after the three figures that it is weighed against
  return costs;
}

function costTiles(cost, k) {
  const e = cost.estimates[k], unknown = ["–", "not known for this network"];
  const unmeasured = e.step == null ? unknown : ["–", "speed not measured here yet"];
  return [
    ["Trainable parameters", count(e.trainable), `${percent(e.trainable / e.parameters)} of ${count(e.parameters)}`],
    ["Compute per step", ...(e.step == null ? unknown
      : [`≈ ${flop(e.step)}`, k === 0 ? "all of full fine-tuning" : `${percent(e.share)} of full fine-tuning`])],
    ["One epoch", ...(e.epoch == null ? unmeasured : [`≈ ${time(e.epoch)}`, faster(e.share)])],
    ["Feature bank", ...bank(e, k)],
    ["Whole run", ...(e.run == null ? unmeasured
      : [`≈ ${time(e.run)}`, `${cost.epochs} epochs, ${grouped(cost.steps)} steps`])],
  ];
}

function bank(e, k) {
  const proviso = e.checked ? ", if the check of the cut passes" : "";
  if (e.kept || e.bytes) {
    return [`≈ ${bytes(e.bytes)}`, (e.build == null ? "built once" : `≈ ${time(e.build)} to build, once`) + proviso];
  }
  if (k === 0) return ["none", "nothing is frozen"];
  return ["off", e.cuttable ? "frozen layers run each epoch" : "no cut here: frozen layers run each epoch"];
}

/* The tile of the overlay that predicts, or null. */
export function prediction({ overlays, layers }, k) {
  const overlay = overlays.find((o) => o.predicts), name = "Predicted probe accuracy";
  if (!overlay) return null;
  if (k === 0) return [name, "–", "nothing is frozen"];
  const at = selected(k, layers.names.length, overlay.values), v = overlay.values[at];
  const where = layers.names[at] ?? "what enters the head";
  return [name, number(v, overlay.unit), v == null ? "not known here" : interval(overlay, at) || `at ${where}`];
}

/* The 95% interval at layer i, or "" where there is none. */
export function interval({ lo, hi, unit }, i) {
  return lo?.[i] != null && hi?.[i] != null ? `${number(lo[i], unit, false)} to ${number(hi[i], unit)}` : "";
}

/* All that the handle says of boundary k: to the eye (frozen, training, tag, where) and to a screen reader (spoken). */
export function told(data, head, k) {
  const { names, parameters } = data.layers, depth = names.length;
  const frozen = sum(parameters.slice(0, k)), all = sum(parameters) + head, bare = !data.cost && k === depth;
  const training = k === depth ? "the head" : layersOf(depth - k) + (data.cost ? " + head" : "");
  const where = k === 0 ? `Nothing is frozen: all ${depth} layers train.`
    : k === depth ? "All layers are frozen: feature extraction. Only the new head trains."
    : `Frozen up to and including ${names[k - 1]}; training from ${names[k]}.`;
  const shares = `${count(all - frozen)} of ${count(all)} parameters${data.cost ? "" : " below the head"} train.`;
  const expected = prediction(data, k), said = expected ? ` ${expected[0]}: ${expected.slice(1).join(", ")}.` : "";
  return {
    frozen: `${layersOf(k)} · ${count(frozen)}`,
    training: bare ? training : `${training} · ${count(all - frozen)}`,
    bare, // no number of parameters is known
    tag: `${k} of ${depth} frozen`,
    where,
    spoken: `${k} of ${depth}. ${where} ${shares}${said}`,
  };
}

/* What a pointer on a bar reads: the layer, its parameters, that the head always trains. */
export function barTitle(name, p, isHead) {
  return `${name}: ${[...(isHead && !p ? [] : [`${count(p)} parameters`]), ...(isHead ? ["always trains"] : [])].join(", ")}`;
}

/* A lane for a screen reader: its range, and its value at the layer of this name. */
export function laneLabel({ name, values, unit }, at, where) {
  const known = values.filter((value) => value != null);
  const range = known.length
    ? `from ${number(Math.min(...known), unit)} to ${number(Math.max(...known), unit)}` : "no value is known";
  const v = values[at];
  return `${name} by layer: ${range}. At ${where}: ${v == null ? "not known" : number(v, unit)}.`;
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

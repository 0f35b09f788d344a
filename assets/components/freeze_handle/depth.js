/* The layers as places: stages, what lies under the pointer, where a key leads. */

/* Neighbouring layers of one stage, by name: layer1.0 → layer1, stages.2.blocks.7 → stages.2, blocks.3 → blocks. */
export function stagesOf(names) {
  const stages = [];
  names.forEach((name, i) => {
    const found = /^([^.]*\d)\./.exec(name) ?? /^(.+?\.\d+)\./.exec(name) ?? /^(.+)\.\d+$/.exec(name) ?? [0, name];
    if (stages.at(-1)?.name === found[1]) stages.at(-1).end = i + 1;
    else stages.push({ name: found[1], start: i, end: i + 1 });
  });
  return stages;
}

/* What is written under a bar: the part of its name that its stage does not say. */
export function shortNames(names, stages) {
  return names.map((name, i) => (name === stages.find((stage) => stage.end > i).name ? "" : name.split(".").pop()));
}

/* Heights of the bars in percent, by the logarithm of their parameters. */
export function heights(parameters) {
  const top = Math.log10(Math.max(...parameters) + 1) || 1;
  return parameters.map((p) => (100 * Math.log10(p + 1)) / top);
}

/* The boundary nearest to a place on the track, whose last column is the head. */
export function boundaryAt(x, { left, width }, depth) {
  return bounded(Math.round(((x - left) / width) * (depth + 1)), depth);
}

/* The layer under the pointer, `depth` for the head; null on the handle's line, which stands at boundary k. */
export function layerAt(x, { left, width }, depth, k) {
  const column = width / (depth + 1), inside = x - left;
  if (Math.abs(inside - k * column) < Math.min(8, column / 2)) return null;
  return bounded(Math.floor(inside / column), depth);
}

/* Where a key moves boundary k: a layer, a stage (Page), an end; undefined for keys that move nothing. */
export function goalOf(key, k, depth, stages) {
  const edges = [...stages.map((stage) => stage.start), depth];
  const goals = {
    ArrowLeft: k - 1, ArrowDown: k - 1, ArrowRight: k + 1, ArrowUp: k + 1, Home: 0, End: depth,
    PageUp: edges.find((edge) => edge > k) ?? depth,
    PageDown: edges.findLast((edge) => edge < k) ?? 0,
  };
  return Object.hasOwn(goals, key) ? bounded(goals[key], depth) : undefined;
}

/* The layer that boundary k selects: the last frozen one, or the first where none is; where all are frozen, what
   enters the head, if there is a value for it. */
export const selected = (k, depth, values) => (k === depth && values.length > depth ? depth : Math.max(k - 1, 0));

const bounded = (k, depth) => Math.min(Math.max(k, 0), depth);

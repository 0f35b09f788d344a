/* Lanes as SVG paths: scales, runs of known values, bands, marks. */

export const MARKS = {
  circle: (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  square: (x, y, r) => `M${x - 0.9 * r} ${y - 0.9 * r}h${1.8 * r}v${1.8 * r}h${-1.8 * r}z`,
  diamond: (x, y, r) => `M${x} ${y - 1.3 * r}l${1.3 * r} ${1.3 * r}l${-1.3 * r} ${1.3 * r}l${-1.3 * r} ${-1.3 * r}z`,
  triangle: (x, y, r) => `M${x} ${y - 1.2 * r}l${1.2 * r} ${2.1 * r}h${-2.4 * r}z`,
};
const ROOM = 5; // px between the range and the edge, for marks at its ends; 0 lies on the base line

/* What is drawn, the span wins; 0 belongs to a quantity that is never below it. */
export function rangeOf({ span, ...overlay }) {
  if (span) return span;
  const all = ["values", "lo", "hi", "null_lo", "null_hi"].flatMap((name) => overlay[name] ?? []).filter((v) => v != null);
  const low = Math.min(...all), high = Math.max(...all);
  if (!all.length) return [0, 1];
  if (low >= 0) return [0, high || 1];
  return low < high ? [low, high] : [low, 0];
}

/* From layers and values to pixels: x is the middle of a layer's column, y counts from the top. */
export function scales([low, high], column, height) {
  const foot = height - (low < 0 ? ROOM : 0.5);
  const within = (v) => Math.min(Math.max(v, low), high);
  return {
    x: (i) => (i + 0.5) * column,
    y: (v) => foot - ((within(v) - low) / (high - low)) * (foot - ROOM),
    radius: Math.min(Math.max(column * 0.2, 1.1), 2.8),
  };
}

/* Neighbours that are all known: [1, 2, null, 4] → [[0, 1], [3]]. */
export function runs(values) {
  const found = [];
  values.forEach((v, i) => {
    if (v == null) return;
    if (i && values[i - 1] != null) found.at(-1).push(i);
    else found.push([i]);
  });
  return found;
}

/* Areas between two lines, one for each run of known layers, `half` px wider at their ends. */
export function bands(bottom, top, half, { x, y }) {
  const both = bottom.map((v, i) => (v == null || top[i] == null ? null : 0));
  return runs(both).map((run) => {
    const places = [[run[0], -half], ...run.map((i) => [i, 0]), [run.at(-1), half]];
    const edge = (line) => places.map(([i, aside]) => [x(i) + aside, y(line[i])]);
    return `M${[...edge(top), ...edge(bottom).reverse()].join("L")}z`;
  });
}

/* All of a lane, in the order in which it is painted: { kind, d, layer? }. */
export function lanePaths({ values, lo, hi, null_lo: under, null_hi: over }, range, scale, mark, width) {
  const { x, y, radius } = scale, column = x(1) - x(0), drawn = [];
  // What chance gives is as wide as the layers that it was computed for, an interval from point to point.
  if (under) drawn.push(...bands(under, over, column / 2, scale).map((d) => ({ kind: "null", d })));
  if (range[0] <= 0 && range[1] >= 0) drawn.push({ kind: "base", d: `M0 ${y(0)}H${width}` });
  if (lo) drawn.push(...bands(lo, hi, radius / 2, scale).map((d) => ({ kind: "interval", d })));
  for (const run of runs(values)) {
    if (run.length > 1) drawn.push({ kind: "line", d: `M${run.map((i) => [x(i), y(values[i])]).join("L")}` });
    for (const i of run) drawn.push({ kind: "point", d: MARKS[mark](x(i), y(values[i]), radius), layer: i });
  }
  return drawn;
}

/* Numbers as they are read: SI steps, shares, times, powers of ten. */

export const grouped = (n) => n.toLocaleString("en");
export const layersOf = (n) => `${n} layer${n === 1 ? "" : "s"}`;
export const digits = (x) => x.toLocaleString("en", { maximumSignificantDigits: x < 100 ? 2 : 3, useGrouping: false });
export const percent = (x) =>
  x > 0 && x < 0.001 ? "< 0.1%" : `${(100 * x).toLocaleString("en", { maximumSignificantDigits: x > 0.99 ? 3 : 2 })}%`;
export const faster = (share) =>
  share > 0.95 ? "nothing saved yet" : share < 1e-4 ? "the head alone" : `${digits(1 / share)}× quicker`;

function scaled(x, step, units) {
  let i = 0;
  while (x >= step * 0.9995 && i < units.length - 1) {
    x /= step;
    i += 1;
  }
  return `${x.toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false })} ${units[i]}`.trim();
}

export const count = (n) => scaled(n, 1000, ["", "k", "M", "G"]);
export const flop = (n) => scaled(n / 1e6, 1000, ["MFLOP", "GFLOP", "TFLOP", "PFLOP"]);
export const bytes = (n) => scaled(n / 1e3, 1000, ["kB", "MB", "GB", "TB"]);

export function time(s) {
  if (s < 0.1) return `${digits(s * 1000)} ms`;
  if (s < 59.5) return `${digits(s)} s`;
  if (s < 3570) return `${Math.floor(Math.round(s) / 60)} min ${Math.round(s) % 60} s`;
  return `${Math.floor(Math.round(s / 60) / 60)} h ${Math.round(s / 60) % 60} min`;
}

const raised = (power) => power.replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));

/* A value with its unit: "%" for shares, "" for plain numbers; – where it is not known. */
export function number(v, unit, named = true) {
  if (v == null) return "–";
  const x = unit === "%" ? 100 * v : v, size = Math.abs(x);
  return inDigits(x, size, unit).replace(/^-/, "−") + (unit === "%" && named ? "%" : "");
}

function inDigits(x, size, unit) {
  if (x === 0 || (unit === "%" && size === 100)) return String(x);
  if (unit === "%" && size >= 1) return x.toFixed(1); // as wide at every layer, so that nothing jumps
  if (size >= 1e6 || size < 1e-4) {
    return x.toExponential(2).replace(/\.?0*e\+?(-?\d+)/, (_, power) => "·10" + raised(power));
  }
  return x.toLocaleString("en", { maximumSignificantDigits: unit === "%" ? 2 : 3, useGrouping: false });
}

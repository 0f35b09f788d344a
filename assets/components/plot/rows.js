/* A drawn chart as the rows of a table. */

export const TABLE_ROWS = 500;

/* The head and the rows, out of Plotly's full data and layout; a last row says how many are left out. */
export function tableOf(traces, layout) {
  const rows = traces.flatMap(rowsOf), axis = (name) => layout[name]?.title?.text || name[0];
  const head = ["line", axis("xaxis"), axis("yaxis"), ...(rows.some((row) => row.length > 3) ? ["value"] : [])];
  const left = rows.length - TABLE_ROWS;
  return { head, rows: [...rows.slice(0, TABLE_ROWS), ...(left > 0 ? [[`… ${left} more`]] : [])] };
}

function rowsOf(trace) {
  const name = trace.meta?.[0] ?? trace.name ?? "";
  const x = [...(trace.x ?? [])], y = [...(trace.y ?? [])];
  if (!trace.z) return y.map((value, i) => [name, x[i] ?? i, value]);
  return [...trace.z].flatMap((line, i) => [...line].map((value, j) => [name, x[j] ?? j, y[i] ?? i, value]));
}

const EACH = 1000; // numbers that are sent one by one

/* Numbers as they are sent: of many a map with a bit for each, in base64, which is a tenth as long. */
export function packed(numbers) {
  if (numbers.length <= EACH) return numbers;
  const bits = new Uint8Array((largest(numbers) >> 3) + 1);
  for (const n of numbers) bits[n >> 3] |= 1 << (n & 7);
  let text = "";
  for (const byte of bits) text += String.fromCharCode(byte);
  return { bits: btoa(text) };
}

const largest = (numbers) => numbers.reduce((most, n) => Math.max(most, n), 0);

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

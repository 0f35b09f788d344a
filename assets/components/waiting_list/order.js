/* An order of rows and what is said of it, without a browser. */

/* The order with one row moved to a place, counted from 0; the ends are the most. */
export function withMoved(ids, id, place) {
  const others = ids.filter((one) => one !== id), at = Math.min(Math.max(place, 0), others.length);
  return [...others.slice(0, at), id, ...others.slice(at)];
}

/* The row before which one stands; null = it is the last. */
export const follower = (ids, id) => ids[ids.indexOf(id) + 1] ?? null;

/* The place of a held row: it passes another when its edge passes the other's middle. `above` and `below` are the middles of
   those that lie there now. */
export const placeAt = (top, bottom, above, below) =>
  above.filter((middle) => middle < top).length + below.filter((middle) => middle < bottom).length;

/* So many places that a key moves a row; undefined = it moves none. */
export function stepOf(key, n) {
  const steps = { ArrowUp: -1, ArrowDown: 1, Home: -n, End: n };
  return Object.hasOwn(steps, key) ? steps[key] : undefined;
}

/* What those hear who cannot see the list. */
export const said = {
  place: (title, ids, id) => `${title}: place ${ids.indexOf(id) + 1} of ${ids.length}.`,
  held: (title, ids, id) => `${title} is held at place ${ids.indexOf(id) + 1} of ${ids.length}. ` +
    "Arrow keys move it, Space puts it down, Escape puts it back.",
  back: (title, ids, id) => `${title} is back at place ${ids.indexOf(id) + 1} of ${ids.length}.`,
};

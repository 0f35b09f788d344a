import assert from "node:assert/strict";
import { test } from "node:test";

import { bands, lanePaths, MARKS, rangeOf, runs, scales } from "../../assets/components/freeze_handle/paths.js";

test("a lane's range holds all that is drawn, and 0 where nothing is below it", () => {
  assert.deepEqual(rangeOf({ values: [0.2, null, 0.6], hi: [0.3, null, 0.7], lo: [0.1, null, 0.5] }), [0, 0.7]);
  assert.deepEqual(rangeOf({ values: [-1, 2], null_hi: [3, 3] }), [-1, 3]);
  assert.deepEqual(rangeOf({ values: [0.5], span: [0, 1] }), [0, 1]);
  assert.deepEqual([rangeOf({ values: [null] }), rangeOf({ values: [0, 0] }), rangeOf({ values: [-2, -2] })], [[0, 1], [0, 1], [-2, 0]]);
});

test("known neighbours hang together", () => {
  assert.deepEqual(runs([1, 2, null, 4]), [[0, 1], [3]]);
  assert.deepEqual(runs([null, 0, undefined]), [[1]]);
  assert.deepEqual(runs([]), []);
});

test("the largest value lies at the top, the smallest on the foot, and none outside", () => {
  const { x, y } = scales([0, 2], 100, 50);
  assert.deepEqual([x(0), x(3)], [50, 350]);
  assert.deepEqual([y(0), y(2), y(9), y(-9)], [49.5, 5, 5, 49.5]);
  assert.ok(y(1) > y(2) && y(1) < y(0));
  assert.equal(scales([-1, 1], 100, 50).y(-1), 45); // room for a mark under it
});

test("marks shrink with the columns, to a size that is still seen", () => {
  assert.deepEqual([100, 10, 2].map((column) => scales([0, 1], column, 50).radius), [2.8, 2, 1.1]);
});

test("a band is closed, one piece a run, and as wide as asked for at its ends", () => {
  const scale = scales([0, 10], 20, 50.5);
  const [first, second, ...none] = bands([0, 0, null, 0], [10, 10, 10, 10], 4, scale);
  assert.deepEqual(none, []);
  assert.equal(first, "M6,5L10,5L30,5L34,5L34,50L30,50L10,50L6,50z");
  assert.equal(second, "M66,5L70,5L74,5L74,50L70,50L66,50z");
});

test("a lane is painted from the back: chance, base, interval, line, points; a gap parts the line", () => {
  const overlay = { values: [1, 2, null, 3], lo: [0, 1, null, 2], hi: [2, 3, null, 4], null_lo: [0, 0, 0, 0], null_hi: [1, 1, 1, 1] };
  const range = rangeOf(overlay), drawn = lanePaths(overlay, range, scales(range, 20, 50), "circle", 80);
  assert.deepEqual(drawn.map((part) => part.kind), ["null", "base", "interval", "interval", "line", "point", "point", "point"]);
  assert.deepEqual(drawn.filter((part) => part.kind === "point").map((part) => part.layer), [0, 1, 3]);
  assert.ok(drawn.every(({ d }) => !/NaN|undefined|null/.test(d)));
  assert.equal(lanePaths({ values: [5, 6] }, [5, 6], scales([5, 6], 20, 50), "square", 40).some((part) => part.kind === "base"), false);
});

test("every mark is a closed path around its point", () => {
  for (const mark of Object.values(MARKS)) assert.match(mark(10, 20, 2), /^M[\d.]+ [\d.]+[^N]*z$/);
});

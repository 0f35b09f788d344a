import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes, count, faster, flop, number, percent, time } from "../../assets/components/shared/format.js";

test("counts go up in thousands and never show 1000 of a unit", () => {
  assert.deepEqual([0, 7, 999, 999.6, 1000, 5130, 10_800_000, 2.5e10].map(count),
    ["0", "7", "999", "1 k", "1 k", "5.13 k", "10.8 M", "25 G"]);
  assert.equal(count(999_900), "1 M");
  assert.equal(count(7e12), "7000 G");
});

test("FLOPs and bytes begin at their smallest named unit", () => {
  assert.deepEqual([983_000, 3.2e9, 4e15].map(flop), ["0.983 MFLOP", "3.2 GFLOP", "4 PFLOP"]);
  assert.deepEqual([512, 95e6].map(bytes), ["0.512 kB", "95 MB"]);
});

test("times round up into the next unit, not to 60 of the one below", () => {
  assert.deepEqual([0.0021, 0.5, 12.34, 59.4, 59.6, 119.7, 3569, 3599, 7260].map(time),
    ["2.1 ms", "0.5 s", "12 s", "59 s", "1 min 0 s", "2 min 0 s", "59 min 29 s", "1 h 0 min", "2 h 1 min"]);
});

test("shares keep the digits that tell them from none and from all", () => {
  assert.deepEqual([0, 0.0005, 0.034, 0.5, 0.9987, 1].map(percent), ["0%", "< 0.1%", "3.4%", "50%", "99.9%", "100%"]);
  assert.deepEqual([1, 0.5, 0.00001].map(faster), ["nothing saved yet", "2× quicker", "the head alone"]);
});

test("a value of a lane is written with its unit, a true minus and powers of ten", () => {
  assert.equal(number(null, "%"), "–");
  assert.equal(number(undefined, ""), "–");
  assert.deepEqual([0, 0.31, 0.7104, 1, -0.05, 0.0034].map((v) => number(v, "%")),
    ["0%", "31.0%", "71.0%", "100%", "−5.0%", "0.34%"]);
  assert.equal(number(0.31, "%", false), "31.0");
  assert.deepEqual([0, 0.012345, -3, 1_234_567, 0.00002].map((v) => number(v, "")), ["0", "0.0123", "−3", "1.23·10⁶", "2·10⁻⁵"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { boundaryAt, goalOf, heights, layerAt, selected, shortNames, stagesOf } from "../../assets/components/freeze_handle/depth.js";

const RESNET = ["stem", ...[1, 2, 3, 4].flatMap((s) => [0, 1].map((i) => `layer${s}.${i}`))];
const BOX = { left: 100, width: 1000 }; // nine layers and the head, 100 px each

test("stages are neighbours of one name", () => {
  assert.deepEqual(stagesOf(RESNET).map(({ name, start, end }) => [name, start, end]),
    [["stem", 0, 1], ["layer1", 1, 3], ["layer2", 3, 5], ["layer3", 5, 7], ["layer4", 7, 9]]);
  assert.deepEqual(stagesOf(["patch_embed", "blocks.0", "blocks.1", "norm"]).map((s) => s.name), ["patch_embed", "blocks", "norm"]);
  assert.deepEqual(stagesOf(["stages.2.blocks.6", "stages.2.blocks.7", "stages.3.blocks.0"]).map((s) => s.name), ["stages.2", "stages.3"]);
  assert.deepEqual(stagesOf([]), []);
});

test("a bar's short name is what its stage does not say", () => {
  const names = ["stem", "layer1.0", "layer1.1"];
  assert.deepEqual(shortNames(names, stagesOf(names)), ["", "0", "1"]);
});

test("bars are as high as the logarithm of their parameters", () => {
  assert.deepEqual(heights([9, 99, 0]), [50, 100, 0]);
  assert.deepEqual(heights([0, 0]), [0, 0]);
});

test("a hand takes the nearest boundary and no other", () => {
  assert.deepEqual([100, 149, 151, 900, 1000, 1100].map((x) => boundaryAt(x, BOX, 9)), [0, 0, 1, 8, 9, 9]);
  assert.deepEqual([-500, 5000].map((x) => boundaryAt(x, BOX, 9)), [0, 9]);
});

test("the pointer is over a layer, over the head, or on the handle's line", () => {
  assert.deepEqual([130, 850, 1050, 1500].map((x) => layerAt(x, BOX, 9, 4)), [0, 7, 9, 9]);
  assert.deepEqual([493, 507].map((x) => layerAt(x, BOX, 9, 4)), [null, null]);
  assert.deepEqual([491, 509].map((x) => layerAt(x, BOX, 9, 4)), [3, 4]);
  const small = { left: 100, width: 100 }; // columns of 10 px: half of one is the line's
  assert.deepEqual([112, 116].map((x) => layerAt(x, small, 9, 1)), [null, 1]);
});

test("keys move by layers, stages and to the ends, never off the network", () => {
  const stages = stagesOf(RESNET), go = (key, k) => goalOf(key, k, 9, stages);
  assert.deepEqual([["ArrowLeft", 4], ["ArrowDown", 4], ["ArrowRight", 4], ["ArrowUp", 4]].map(([key, k]) => go(key, k)), [3, 3, 5, 5]);
  assert.deepEqual([go("ArrowLeft", 0), go("ArrowRight", 9), go("Home", 5), go("End", 5)], [0, 9, 0, 9]);
  assert.deepEqual([4, 7, 9].map((k) => go("PageUp", k)), [5, 9, 9]);
  assert.deepEqual([7, 1, 0].map((k) => go("PageDown", k)), [5, 0, 0]);
  for (const key of ["a", "Tab", "Enter", "constructor", "toString"]) assert.equal(go(key, 4), undefined);
});

test("the boundary selects the last frozen layer, the first where none is, the head's input where all are", () => {
  const values = Array(10).fill(0);
  assert.deepEqual([0, 1, 4, 9].map((k) => selected(k, 9, values)), [0, 0, 3, 9]);
  assert.equal(selected(9, 9, values.slice(1)), 8); // nothing is known of the head
});

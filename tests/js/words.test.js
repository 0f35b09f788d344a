import assert from "node:assert/strict";
import { test } from "node:test";

import { barTitle, interval, laneLabel, prediction, tiles, told } from "../../assets/components/freeze_handle/words.js";

const LAYERS = { names: ["stem", "a", "b"], parameters: [1000, 2000, 3000] };
const PROBE = { name: "Probe", values: [0.3, 0.5, null, 0.9], unit: "%", predicts: true };
const ESTIMATE = {
  trainable: 500, parameters: 6500, step: 2e9, share: 0.5, epoch: 12, run: 120,
  kept: true, bytes: 95e6, build: 3, checked: true, cuttable: true,
};
const data = (more = {}) => ({ layers: LAYERS, overlays: [], cost: null, ...more });
const cost = (estimate) => ({ epochs: 10, steps: 3200, head_parameters: 500, estimates: Array(4).fill({ ...ESTIMATE, ...estimate }) });
const tile = (estimate, name, k = 2) => tiles(data({ cost: cost(estimate) }), k).find(([term]) => term === name).slice(1);

test("the handle says what is frozen, to the eye and to the ear", () => {
  const said = told(data({ cost: cost({}) }), 500, 1);
  assert.deepEqual([said.frozen, said.training, said.tag], ["1 layer · 1 k", "2 layers + head · 5.5 k", "1 of 3 frozen"]);
  assert.equal(said.where, "Frozen up to and including stem; training from a.");
  assert.equal(said.spoken, "1 of 3. Frozen up to and including stem; training from a. 5.5 k of 6.5 k parameters train.");
});

test("the two ends have sentences of their own", () => {
  assert.match(told(data(), 0, 0).where, /Nothing is frozen: all 3 layers train/);
  const all = told(data(), 0, 3);
  assert.match(all.where, /feature extraction/);
  assert.deepEqual([all.training, all.bare], ["the head", true]); // whose size nobody knows
  assert.match(all.spoken, /0 of 6 k parameters below the head train/);
});

test("what a boundary costs, and what is not known of it", () => {
  assert.deepEqual(tile({}, "Trainable parameters"), ["500", "7.7% of 6.5 k"]);
  assert.deepEqual(tile({}, "Compute per step"), ["≈ 2 GFLOP", "50% of full fine-tuning"]);
  assert.deepEqual(tile({}, "Compute per step", 0), ["≈ 2 GFLOP", "all of full fine-tuning"]);
  assert.deepEqual(tile({}, "One epoch"), ["≈ 12 s", "2× quicker"]);
  assert.deepEqual(tile({}, "Whole run"), ["≈ 2 min 0 s", "10 epochs, 3,200 steps"]);
  assert.deepEqual(tile({ step: null, epoch: null, run: null }, "Whole run"), ["–", "not known for this network"]);
  assert.deepEqual(tile({ epoch: null }, "One epoch"), ["–", "speed not measured here yet"]);
});

test("the feature bank has four answers", () => {
  const bank = (estimate, k) => tile(estimate, "Feature bank", k);
  assert.deepEqual(bank({}), ["≈ 95 MB", "≈ 3 s to build, once, if the check of the cut passes"]);
  assert.deepEqual(bank({ checked: false, build: null }), ["≈ 95 MB", "built once"]);
  assert.deepEqual(bank({ kept: false, bytes: 0 }, 0), ["none", "nothing is frozen"]);
  assert.deepEqual(bank({ kept: false, bytes: 0 }), ["off", "frozen layers run each epoch"]);
  assert.deepEqual(bank({ kept: false, bytes: 0, cuttable: false }), ["off", "no cut here: frozen layers run each epoch"]);
});

test("the prediction is the value at the last frozen layer, beside the figures that it is weighed against", () => {
  const given = data({ overlays: [{ name: "other", values: [1, 1, 1] }, PROBE], cost: cost({}) });
  assert.deepEqual([0, 1, 2, 3].map((k) => prediction(given, k).slice(1)),
    [["–", "nothing is frozen"], ["30.0%", "at stem"], ["50.0%", "at a"], ["90.0%", "at what enters the head"]]);
  assert.equal(tiles(given, 2)[3][0], "Predicted probe accuracy");
  assert.equal(tiles(given, 2).length, 6);
  assert.match(told(given, 500, 2).spoken, /Predicted probe accuracy: 50\.0%, at a\.$/);
  assert.equal(prediction(data({ overlays: [{ ...PROBE, predicts: false }] }), 1), null);
  assert.deepEqual(prediction(data({ overlays: [{ ...PROBE, values: [null, null, null] }] }), 1).slice(1), ["–", "not known here"]);
});

test("an interval is written where both ends are known", () => {
  assert.equal(interval({ lo: [0.1, null], hi: [0.2, 0.3], unit: "%" }, 0), "10.0 to 20.0%");
  assert.equal(interval({ lo: [0.1, null], hi: [0.2, 0.3], unit: "%" }, 1), "");
  assert.equal(interval({ unit: "" }, 0), "");
});

test("a lane and a bar are read out", () => {
  assert.equal(laneLabel(PROBE, 2, "b"), "Probe by layer: from 30.0% to 90.0%. At b: not known.");
  assert.equal(laneLabel({ name: "X", values: [null], unit: "" }, 0, "stem"), "X by layer: no value is known. At stem: not known.");
  assert.equal(barTitle("stem", 1000, false), "stem: 1 k parameters");
  assert.equal(barTitle("head", 0, true), "head: always trains");
  assert.equal(barTitle("head", 5130, true), "head: 5.13 k parameters, always trains");
});

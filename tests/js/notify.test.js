import assert from "node:assert/strict";
import { test } from "node:test";

import { isOn, KEY, label, shouldTell } from "../../assets/components/notify/state.js";

test("a notification comes where it is allowed, wanted, and nobody looks at the page", () => {
  assert.equal(shouldTell("granted", true, false), true);
  const never = [["granted", true, true], ["granted", false, false], ["default", true, false], ["denied", true, false]];
  for (const [permission, on, focused] of never)
    assert.equal(shouldTell(permission, on, focused), false);
});

test("the bell says what it does, and cannot be pressed where the browser refuses", () => {
  assert.deepEqual(label("default", false), ["Notify me", false, false]);
  assert.deepEqual(label("default", true), ["Notify me", false, false]);
  assert.deepEqual(label("granted", true), ["Will notify", true, false]);
  assert.deepEqual(label("granted", false), ["Notify me", false, false]);
  assert.deepEqual(label("denied", true), ["Notifications blocked", false, true]);
});

test("the switch is what the browser kept", () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null };
  assert.equal(isOn(storage), false);
  kept.set(KEY, "on");
  assert.equal(isOn(storage), true);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { follower, placeAt, said, stepOf, withMoved } from "../../assets/components/waiting_list/order.js";

const IDS = ["a", "b", "c", "d"];

test("a row moves to a place, and never beyond the ends", () => {
  assert.deepEqual(withMoved(IDS, "a", 2), ["b", "c", "a", "d"]);
  assert.deepEqual(withMoved(IDS, "d", 0), ["d", "a", "b", "c"]);
  assert.deepEqual(withMoved(IDS, "b", 99), ["a", "c", "d", "b"]);
  assert.deepEqual(withMoved(IDS, "b", -3), ["b", "a", "c", "d"]);
  assert.deepEqual(withMoved(IDS, "c", 2), IDS);
});

test("who follows a row is told by name, and nobody follows the last", () => {
  assert.equal(follower(IDS, "b"), "c");
  assert.equal(follower(IDS, "d"), null);
});

test("a held row passes another when its edge passes the other's middle, and stays where it is until then", () => {
  const above = [10, 30], below = [70, 90]; // it lies at 40 … 60
  assert.equal(placeAt(40, 60, above, below), 2);
  assert.equal(placeAt(31, 51, above, below), 2);
  assert.equal(placeAt(29, 49, above, below), 1);
  assert.equal(placeAt(0, 20, above, below), 0);
  assert.equal(placeAt(51, 71, above, below), 3);
  assert.equal(placeAt(99, 119, above, below), 4);
});

test("arrows move one place, Home and End to the ends, other keys none", () => {
  const keys = ["ArrowUp", "ArrowDown", "Home", "End", "x", "toString"];
  assert.deepEqual(keys.map((key) => stepOf(key, 4)), [-1, 1, -4, 4, undefined, undefined]);
});

test("a place is told with how many there are", () => {
  assert.equal(said.place("Digits", IDS, "c"), "Digits: place 3 of 4.");
  assert.match(said.held("Digits", IDS, "a"), /^Digits is held at place 1 of 4\. .*Space puts it down/);
  assert.equal(said.back("Digits", IDS, "d"), "Digits is back at place 4 of 4.");
});

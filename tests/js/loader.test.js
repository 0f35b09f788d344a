import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { beforeEach, test } from "node:test";

import load from "../../assets/components/loader.js";

const MODULE = fileURLToPath(new URL("./told.js", import.meta.url));
globalThis.location = { origin: "file://" };
globalThis.told = [];
beforeEach(() => (told.length = 0));

const call = (parentElement, data = {}) => load({ parentElement, data: { module: MODULE, ...data }, setTriggerValue: () => {} });

test("a component is mounted once and told of every change", async () => {
  const parent = {};
  await call(parent, { n: 1 });
  const leave = await call(parent, { n: 2 });
  assert.deepEqual(told, ["mount", "update 1", "update 2"]);
  leave();
  assert.equal(told.at(-1), "unmount");
  await call(parent, { n: 3 });
  assert.deepEqual(told.slice(-2), ["mount", "update 3"]);
});

test("of calls that wait for the module the latest speaks, and the clean-up of the others takes nothing away", async () => {
  const parent = {}, calls = [call(parent, { n: 1 }), call(parent, { n: 2 })];
  const [first, second] = await Promise.all(calls);
  first(); // Streamlit cleans up after a call that was overtaken
  assert.deepEqual(told, ["mount", "update 2"]);
  second();
  assert.equal(told.at(-1), "unmount");
});

test("two places on a page are two views", async () => {
  await Promise.all([call({}, { n: 1 }), call({}, { n: 2 })]);
  assert.deepEqual(told.filter((word) => word === "mount").length, 2);
});

test("a module of a newer server takes the place of the old one", async () => {
  const parent = {};
  await call(parent, { n: 1 });
  await call(parent, { n: 2, module: `${MODULE}?newer` });
  assert.deepEqual(told, ["mount", "update 1", "unmount", "mount", "update 2"]);
});

test("a module that does not come is said in a sentence, once, and goes when it comes", async (t) => {
  t.mock.method(console, "error", () => {});
  const shown = [];
  globalThis.document = { createElement: () => {
    const node = { setAttribute: (name, value) => (node[name] = value), remove: () => shown.splice(shown.indexOf(node), 1) };
    return node;
  } };
  const parent = { append: (node) => shown.push(node) };
  await call(parent, { module: "/no/such/module.js" });
  await call(parent, { module: "/no/such/module.js" });
  const sentences = shown.map((node) => [node.role, node.textContent]);
  assert.deepEqual(sentences, [["alert", "This part of the page could not be loaded. Reload the page."]]);
  await call(parent, { n: 1 });
  assert.deepEqual([shown, told], [[], ["mount", "update 1"]]);
});

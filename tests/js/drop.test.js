import assert from "node:assert/strict";
import { test } from "node:test";

import { BATCH_BYTES, BATCH_FILES, batchesOf, filesOf, progressInWords, sizeOf } from "../../assets/components/drop/files.js";

const sized = (size, path = "a") => ({ path, file: { size } });
const fileEntry = (fullPath) => ({ isFile: true, fullPath, file: (resolve) => resolve({ size: fullPath.length }) });
const folderEntry = (entries, parts = 2) => ({
  isDirectory: true,
  createReader: () => {
    let at = 0; // a browser gives a folder in parts, and an empty one at its end
    return { readEntries: (resolve) => resolve(entries.slice(at, (at += parts))) };
  },
});

test("every file of the folders that are dropped is found, with its path", async () => {
  const inner = folderEntry([1, 2, 3, 4, 5].map((i) => fileEntry(`/top/a/${i}.png`)));
  const found = await filesOf([folderEntry([inner, folderEntry([]), fileEntry("/top/b.png")]), fileEntry("/c.zip")]);
  assert.deepEqual(found.map((one) => one.path), [...[1, 2, 3, 4, 5].map((i) => `top/a/${i}.png`), "top/b.png", "c.zip"]);
});

test("a folder that cannot be read is a fault", async () => {
  const broken = { isDirectory: true, createReader: () => ({ readEntries: (_, reject) => reject(new Error("gone")) }) };
  await assert.rejects(filesOf([broken]), /gone/);
});

test("batches keep the order and their bounds; a larger file goes alone", () => {
  const files = [...Array.from({ length: 100 }, () => sized(10)), sized(3 * BATCH_BYTES), sized(1), sized(BATCH_BYTES - 1), sized(1)];
  const found = batchesOf(files);
  assert.deepEqual(found.map((batch) => batch.length), [BATCH_FILES, 36, 1, 2, 1]);
  assert.deepEqual(found.flat(), files);
  assert.deepEqual(batchesOf([]), []);
  assert.equal(sizeOf(found[3]), BATCH_BYTES);
});

test("progress is told with count, size and time left", () => {
  const total = { files: 1500, bytes: 31e6 };
  assert.equal(progressInWords({ files: 312, bytes: 6.2e6 }, total, 2), "312 of 1,500 files, 6.2 of 31 MB, about 8 s left");
  assert.equal(progressInWords({ files: 0, bytes: 0 }, total, 2), "0 of 1,500 files, 0.0 of 31 MB");
  assert.equal(progressInWords({ files: 1500, bytes: 31e6 }, total, 10), "1,500 of 1,500 files, 31 of 31 MB");
});

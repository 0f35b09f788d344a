/* What was dropped or chosen, as files with their paths; how they are sent; what is told of it. No page here. */

import { grouped, time as inWords } from "../shared/format.js";

export const BATCH_FILES = 64, BATCH_BYTES = 8 * 2 ** 20; // of one request; a larger file goes alone

/* Every file below what was dropped: `{ path, file }`, folders looked through. */
export async function filesOf(entries) {
  const found = [], stack = [...entries].reverse();
  while (stack.length) {
    const entry = stack.pop();
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    } else if (entry.isDirectory) stack.push(...(await listOf(entry)).reverse());
  }
  return found;
}

/* A folder is read in parts until one is empty. */
async function listOf(folder) {
  const reader = folder.createReader(), found = [];
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return found;
    found.push(...part);
  }
}

/* The files in the order in which they came, so many at a time. */
export function batchesOf(files) {
  const found = [];
  let bytes = 0;
  for (const one of files) {
    const last = found.at(-1);
    if (!last || last.length >= BATCH_FILES || bytes + one.file.size > BATCH_BYTES) {
      found.push([one]);
      bytes = one.file.size;
    } else {
      last.push(one);
      bytes += one.file.size;
    }
  }
  return found;
}

export const sizeOf = (files) => files.reduce((sum, { file }) => sum + file.size, 0);

/* `312 of 1,500 files, 6.1 of 31 MB, about 8 s left`. */
export function progressInWords(done, total, seconds) {
  const left = done.bytes ? (seconds / done.bytes) * (total.bytes - done.bytes) : 0;
  const time = left >= 1 ? `, about ${inWords(Math.round(left))} left` : "";
  return `${grouped(done.files)} of ${grouped(total.files)} files, ${megabytes(done.bytes)} of ${megabytes(total.bytes)} MB${time}`;
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

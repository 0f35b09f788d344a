/* A place to drop a folder, an archive or pictures (tltk/dashboard/drop.py mounts it). The files go to our own server in
   batches, with what is done and what is left told; Python hears once, at the end. */

import { element } from "../shared/dom.js";
import { grouped } from "../shared/format.js";
import { batchesOf, filesOf, progressInWords, sizeOf } from "./files.js";

const FRAME = `
  <p class="what"></p>
  <p class="ways">
    <button type="button" class="folder">Choose a folder</button>
    <button type="button" class="file">Choose an archive</button>
  </p>
  <input type="file" class="folder" webkitdirectory multiple tabindex="-1" aria-label="A folder of pictures">
  <input type="file" class="file" tabindex="-1" aria-label="An archive of pictures">
  <div class="sending" hidden>
    <progress max="1" aria-label="Files that have arrived"></progress>
    <button type="button" class="stop">Stop sending</button>
  </div>
  <p class="told" role="status"></p>`;
const EVERY_MS = 200;

export function mount(parent) {
  const node = element("div", "drop");
  node.innerHTML = FRAME;
  parent.append(node);
  const view = { node, find: (selector) => node.querySelector(selector) };
  for (const kind of ["folder", "file"]) {
    const input = view.find(`input.${kind}`);
    view.find(`button.${kind}`).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const files = [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
      input.value = "";
      send(view, files);
    });
  }
  view.find(".stop").addEventListener("click", () => view.sending?.abort());
  for (const type of ["dragenter", "dragover"]) node.addEventListener(type, (event) => hover(view, event));
  node.addEventListener("dragleave", (event) => node.contains(event.relatedTarget) || node.classList.remove("over"));
  node.addEventListener("drop", (event) => drop(view, event));
  return view;
}

export function update(view, data, trigger) {
  view.data = data;
  view.finish = (files) => trigger("brought", files);
  view.find(".what").textContent = data.what;
  if (view.url !== data.url) tell(view, "");
  view.url = data.url;
}

export function unmount(view) {
  view.sending?.abort();
  view.node.remove();
}

function hover(view, event) {
  event.preventDefault();
  view.node.classList.add("over");
}

async function drop(view, event) {
  event.preventDefault();
  view.node.classList.remove("over");
  // Entries must be asked for before anything is waited for: afterwards the drop is over.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  tell(view, "Looking through the folders …");
  try {
    await send(view, await filesOf(entries));
  } catch {
    tell(view, "A folder could not be read. Choose it again.", true);
  }
}

async function send(view, files) {
  const total = { files: files.length, bytes: sizeOf(files) }, { most } = view.data;
  if (!total.files) return tell(view, "There are no files in it. Choose another folder.", true);
  if (total.files > most.files) return tell(view, `More than ${grouped(most.files)} files. Pack them as an archive.`, true);
  if (total.bytes > most.bytes) return tell(view, `More than ${grouped(Math.round(most.bytes / 1e6))} MB. Bring fewer.`, true);
  if (view.sending) return tell(view, "Other files are being sent. Wait for them, or stop them.", true);
  view.sending = new AbortController();
  view.find(".sending").hidden = false;
  const begun = Date.now(), done = { files: 0, bytes: 0 };
  let told = 0;
  try {
    for (const batch of batchesOf(files)) {
      await post(view, batch, done.files === 0);
      done.files += batch.length;
      done.bytes += sizeOf(batch);
      view.find("progress").value = total.bytes ? done.bytes / total.bytes : 1;
      if (Date.now() - told > EVERY_MS) tell(view, progressInWords(done, total, (Date.now() - begun) / 1000));
      told = Date.now();
    }
    tell(view, `All ${grouped(total.files)} files have arrived.`);
    view.finish(total.files);
  } catch (fault) {
    tell(view, fault.name === "AbortError" ? "Stopped. Nothing was kept." : fault.message, true);
  } finally {
    view.sending = null;
    view.find(".sending").hidden = true;
  }
  return undefined;
}

/* One request: a line with names and sizes, then the files one after the other. */
async function post(view, batch, isFirst) {
  const head = JSON.stringify(batch.map(({ path, file }) => [path, file.size]));
  const body = new Blob([`${head}\n`, ...batch.map(({ file }) => file)]);
  const url = `${view.data.url}${isFirst ? "?first=1" : ""}`;
  const reply = await fetch(url, { method: "POST", body, signal: view.sending.signal });
  if (!reply.ok) throw new Error((await reply.json()).error ?? "The server refused the files. Reload the page.");
}

function tell(view, text, isFault = false) {
  const line = view.find(".told");
  line.textContent = text;
  line.classList.toggle("fault", isFault);
}

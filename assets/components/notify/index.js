/* A bell that switches the browser's notifications on, and the notification itself (tltk/dashboard/notify.py mounts it).

   The switch belongs to the browser, not to the run: it is kept there. Nothing is drawn where a browser cannot notify,
   as over plain HTTP from another machine. Whoever looks at the page has its toast and needs no notification. */

import { element } from "../shared/dom.js";
import { isOn, KEY, label, shouldTell } from "./state.js";

export function mount(parent) {
  const view = { node: element("div", "notify"), told: "" };
  parent.append(view.node);
  return view;
}

export function unmount(view) {
  view.node.remove();
}

export function update(view, { message, button }) {
  const api = globalThis.Notification;
  if (!api || !globalThis.isSecureContext) return;
  if (button && !view.button) {
    view.button = element("button");
    view.button.type = "button";
    view.button.addEventListener("click", () => turn(view, api));
    view.node.append(view.button);
  }
  if (view.button) draw(view, api);
  if (message && message !== view.told) {
    view.told = message;
    if (shouldTell(api.permission, isOn(localStorage), document.hasFocus())) new api("tltk", { body: message, tag: "tltk" });
  }
}

async function turn(view, api) {
  const wanted = !(api.permission === "granted" && isOn(localStorage));
  if (wanted && api.permission === "default") await api.requestPermission();
  localStorage.setItem(KEY, wanted && api.permission === "granted" ? "on" : "off");
  draw(view, api);
}

function draw(view, api) {
  const [text, pressed, disabled] = label(api.permission, isOn(localStorage));
  view.button.textContent = text;
  view.button.setAttribute("aria-pressed", String(pressed));
  view.button.disabled = disabled;
  view.button.title = disabled
    ? "This browser refuses notifications from this page. Its settings for the page can allow them."
    : "A notification of the browser when what runs has ended and you look elsewhere.";
}

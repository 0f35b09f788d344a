/* Runs that wait, as rows in their order, which are dragged to another place (tltk/dashboard/waiting_list.py mounts it).

   The mouse takes a row anywhere, a finger by its grip, so that a list can still be scrolled. With the keyboard, Alt and an
   arrow key move a row at once; Space takes it, arrows move it, Space puts it down and Escape puts it back. Python hears
   once, where the row is put down. While a row is held, what comes from Python is left for later. */

import { element } from "../shared/dom.js";
import { follower, placeAt, said, stepOf, withMoved } from "./order.js";

const KEY_PAUSE = 180; // ms: a held arrow key sends one place, not thirty
const SLACK = 4; // px that a hand may tremble before a press is a drag
const HINT = "Drag a row to another place. With the keyboard: Alt + ↑ or ↓, or Space and then the arrows.";

export function mount(parent) {
  const node = element("div", "waiting"), list = element("ol"), hint = element("p", "hint", HINT), told = element("p", "told");
  told.setAttribute("role", "status");
  hint.id = "hint";
  node.append(list, hint, told);
  parent.append(node);
  const view = { node, list, hint, told, ids: [], sent: [], drag: null, held: null, timer: 0, pending: null };
  list.addEventListener("pointerdown", (event) => press(view, event));
  list.addEventListener("pointermove", (event) => follow(view, event));
  list.addEventListener("pointerup", (event) => release(view, event));
  for (const loss of ["pointercancel", "lostpointercapture"]) list.addEventListener(loss, () => view.drag && putBack(view));
  list.addEventListener("keydown", (event) => onKey(view, event));
  list.addEventListener("click", (event) => onClick(view, event));
  list.addEventListener("focusout", (event) => {
    if (view.held && event.relatedTarget?.closest?.("li")?.dataset.id !== view.held) putBack(view);
  });
  view.escape = (event) => onEscape(view, event);
  for (const type of ["keydown", "keyup"]) window.addEventListener(type, view.escape, true);
  return view;
}

export function unmount(view) {
  for (const type of ["keydown", "keyup"]) window.removeEventListener(type, view.escape, true);
  clearTimeout(view.timer);
  view.node.remove();
}

export function update(view, data, send) {
  view.send = send;
  if (view.drag || view.held || view.timer) view.pending = data; // a hand on a row goes first
  else show(view, data);
}

function show(view, data) {
  view.pending = null;
  view.list.setAttribute("aria-label", data.label);
  const focused = view.node.getRootNode().activeElement, known = new Map([...view.list.children].map((item) => [item.dataset.id, item]));
  const wanted = data.rows.map((one) => (view.titles?.[one.id] === one.title && known.get(one.id)) || row(one));
  view.titles = Object.fromEntries(data.rows.map(({ id, title }) => [id, title]));
  view.sent = data.rows.map(({ id }) => id);
  if (wanted.length !== view.list.children.length || wanted.some((item, i) => item !== view.list.children[i])) {
    view.list.replaceChildren(...wanted); // not where all is as it was: a click is lost with the element that was pressed
    const again = focused?.className && rowOf(view, focused.closest("li")?.dataset.id)?.querySelector(`.${focused.className}`);
    again?.focus({ preventScroll: true });
  }
  view.hint.hidden = data.rows.length < 2;
  number(view);
}

function row({ id, title }) {
  const item = element("li"), take = element("button", "take"), off = element("button", "off", "Take off");
  item.dataset.id = id;
  for (const button of [take, off]) button.type = "button";
  take.title = title;
  take.setAttribute("aria-pressed", "false");
  take.setAttribute("aria-describedby", "hint");
  const grip = element("span", "grip", "⠿");
  grip.setAttribute("aria-hidden", "true");
  take.append(grip, element("span", "place"), element("span", "title", title));
  off.setAttribute("aria-label", `Take off: ${title}`);
  item.append(take, off);
  return item;
}

const rowOf = (view, id) => [...view.list.children].find((item) => item.dataset.id === id);
const middleOf = (item) => (({ top, height }) => top + height / 2)(item.getBoundingClientRect());

/* The rows' places as numbers; the order is that of the elements. */
function number(view) {
  view.ids = [...view.list.children].map((item) => item.dataset.id);
  [...view.list.children].forEach((item, i) => (item.querySelector(".place").textContent = `${i + 1}.`));
}

/* Give a row another place. The others are moved around it: an element that is moved itself loses its focus. */
function place(view, id, at) {
  const item = rowOf(view, id), wanted = withMoved(view.ids, id, at);
  while (item.previousElementSibling && wanted.indexOf(item.previousElementSibling.dataset.id) > wanted.indexOf(id))
    item.after(item.previousElementSibling);
  while (item.nextElementSibling && wanted.indexOf(item.nextElementSibling.dataset.id) < wanted.indexOf(id))
    item.before(item.nextElementSibling);
  number(view);
}

function tell(view, what, id) {
  view.told.textContent = said[what](view.titles[id], view.ids, id);
}

/* ---- putting down ---------------------------------------------------------------------------------- */

function letGo(view) {
  clearTimeout(view.timer);
  const item = rowOf(view, view.drag?.id ?? view.held);
  if (item) {
    item.style.transform = "";
    item.classList.remove("held");
    item.querySelector(".take").setAttribute("aria-pressed", "false");
  }
  view.timer = 0;
  view.drag = view.held = null;
  view.node.classList.remove("dragging");
}

function putDown(view, id) {
  letGo(view);
  const isMoved = view.ids.join() !== view.sent.join();
  view.sent = view.ids;
  tell(view, "place", id);
  if (isMoved) view.send("moved", { run: id, before: follower(view.ids, id) });
  else if (view.pending) show(view, view.pending);
}

function putBack(view) {
  const id = view.drag?.id ?? view.held;
  letGo(view);
  place(view, id, view.sent.indexOf(id));
  tell(view, "back", id);
  if (view.pending) show(view, view.pending);
}

/* ---- pointer ------------------------------------------------------------------------------------------ */

function press(view, event) {
  const take = event.target.closest(".take"), byGrip = Boolean(event.target.closest(".grip"));
  if (!take || event.button !== 0 || view.drag || view.held || view.ids.length < 2) return;
  if (event.pointerType === "touch" && !byGrip) return;
  if (view.timer) commitKeys(view);
  const item = take.closest("li");
  view.drag = { id: item.dataset.id, pointer: event.pointerId, from: event.clientY, isMoving: false,
    grabbed: event.clientY - item.getBoundingClientRect().top };
  view.list.setPointerCapture(event.pointerId);
  take.focus({ preventScroll: true });
}

function follow(view, event) {
  const { drag } = view;
  if (drag?.pointer !== event.pointerId) return;
  if (!drag.isMoving && Math.abs(event.clientY - drag.from) < SLACK) return;
  const item = rowOf(view, drag.id);
  drag.isMoving = true;
  view.node.classList.add("dragging");
  item.classList.add("held");
  const now = view.ids.indexOf(drag.id), edge = event.clientY - drag.grabbed, middles = [...view.list.children].map(middleOf);
  const at = placeAt(edge, edge + item.offsetHeight, middles.slice(0, now), middles.slice(now + 1));
  if (at !== now) place(view, drag.id, at);
  item.style.transform = "";
  const { top } = item.getBoundingClientRect(), { top: first, bottom: last } = view.list.getBoundingClientRect();
  const y = Math.min(Math.max(edge, first), last - item.offsetHeight); // never out of the list
  item.style.transform = `translateY(${y - top}px)`;
  item.scrollIntoView({ block: "nearest" });
}

function release(view, event) {
  const { drag } = view;
  if (drag?.pointer !== event.pointerId) return;
  if (drag.isMoving) putDown(view, drag.id);
  else {
    letGo(view);
    if (view.pending) show(view, view.pending);
  }
}

/* ---- keys --------------------------------------------------------------------------------------------- */

function onKey(view, event) {
  const id = event.target.closest("li")?.dataset.id;
  if (id && event.target.closest(".take") && !view.drag) {
    const step = stepOf(event.key, view.ids.length);
    if (step === undefined || event.ctrlKey || event.metaKey || view.ids.length < 2) return;
    if (view.held === id) nudge(view, id, step);
    else if (event.altKey) {
      nudge(view, id, step);
      clearTimeout(view.timer);
      view.keyed = id;
      view.timer = setTimeout(() => commitKeys(view), KEY_PAUSE);
    } else focusAt(view, view.ids.indexOf(id) + step);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

/* Heard before the popover around the list, which would close: Escape puts a held row back and does nothing else. */
function onEscape(view, event) {
  if (event.key !== "Escape" || !(view.drag || view.held || view.isEscaping)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (view.drag || view.held) putBack(view);
  view.isEscaping = event.type === "keydown";
}

function nudge(view, id, step) {
  place(view, id, view.ids.indexOf(id) + step);
  rowOf(view, id).scrollIntoView({ block: "nearest" });
  tell(view, "place", id);
}

function commitKeys(view) {
  putDown(view, view.keyed);
}

function focusAt(view, at) {
  const items = [...view.list.children];
  items[Math.min(Math.max(at, 0), items.length - 1)].querySelector(".take").focus();
}

/* Space and Enter are clicks without a pointer. */
function onClick(view, event) {
  const id = event.target.closest("li")?.dataset.id;
  if (!id) return;
  if (event.target.closest(".off")) {
    if (view.held) putBack(view);
    event.target.closest(".off").disabled = true;
    view.send("off", id);
  } else if (event.target.closest(".take") && event.detail === 0 && !view.drag && view.ids.length > 1) {
    if (view.held === id) putDown(view, id);
    else hold(view, id);
  }
}

function hold(view, id) {
  if (view.timer) commitKeys(view);
  view.held = id;
  const item = rowOf(view, id);
  item.classList.add("held");
  item.querySelector(".take").setAttribute("aria-pressed", "true");
  tell(view, "held", id);
}

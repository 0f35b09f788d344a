/* Pictures side by side, one of which can be chosen (tltk/dashboard/thumbnails.py mounts it).

   One of them is in the order of the tabulator key; arrow keys move among the others. */

import { element } from "../shared/dom.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

export function mount(parent) {
  const node = element("div", "thumbnails");
  node.setAttribute("role", "group");
  parent.append(node);
  const view = { node, built: "" };
  node.addEventListener("click", (event) => pick(view, event.target.closest("button")));
  node.addEventListener("keydown", (event) => move(view, event));
  return view;
}

export function unmount(view) {
  view.node.remove();
}

export function update(view, data, send) {
  view.send = (number) => send("picked", number);
  view.node.setAttribute("aria-label", data.label);
  view.node.style.setProperty("--side", `${data.side}px`);
  view.node.style.setProperty("--most", data.columns);
  const signature = JSON.stringify(data.pictures);
  if (signature !== view.built) build(view, data, signature);
  mark(view, data.chosen);
}

function build(view, { pictures }, signature) {
  view.built = signature;
  view.node.replaceChildren(...pictures.map(({ src, text, number, caption }) => {
    const button = element("button"), image = element("img");
    button.type = "button";
    button.dataset.number = number;
    button.title = text;
    image.src = src;
    image.alt = text;
    button.append(image);
    if (caption) button.append(words(caption));
    return button;
  }));
}

/* What one says of the picture and what another does, who is wrong. */
function words([right, wrong]) {
  const node = element("span");
  node.setAttribute("aria-hidden", "true"); // the picture's own text says it
  node.append(element("b", "", right), element("s", "", wrong));
  return node;
}

function mark(view, chosen) {
  const buttons = [...view.node.children], at = Math.max(buttons.findIndex((b) => Number(b.dataset.number) === chosen), 0);
  buttons.forEach((button, i) => {
    button.setAttribute("aria-pressed", String(Number(button.dataset.number) === chosen));
    button.tabIndex = i === at ? 0 : -1;
  });
}

function pick(view, button) {
  if (!button) return;
  mark(view, Number(button.dataset.number));
  view.send(Number(button.dataset.number));
}

function move(view, event) {
  if (!Object.hasOwn(STEPS, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  const buttons = [...view.node.children], at = buttons.indexOf(event.target.closest("button"));
  buttons[Math.min(Math.max(at + STEPS[event.key], 0), buttons.length - 1)]?.focus();
  event.preventDefault();
}

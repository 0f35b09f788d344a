/* Making elements, and asking the page for its theme. */

import { isDarkColour } from "./colours.js";

export function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

export function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/* Whether the page around a node is dark: Streamlit says its background alone. */
export function isDark(node) {
  const probe = element("i");
  probe.style.color = "var(--st-background-color)";
  node.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return isDarkColour(colour);
}

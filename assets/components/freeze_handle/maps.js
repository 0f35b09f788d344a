/* What each layer makes of one picture: small maps under its bar, and the head's answer under the head. */

import { element } from "../shared/dom.js";
import { percent } from "../shared/format.js";

export function buildMaps(view, maps) {
  const signature = JSON.stringify([maps, view.data.layers.names]);
  if (signature === view.mapsBuilt) return;
  view.mapsBuilt = signature;
  const box = view.find(".maps");
  box.hidden = !maps;
  if (!maps) return box.replaceChildren();
  const names = view.data.layers.names;
  box.replaceChildren(...maps.layers.map((images, i) => column(images, names[i])), answers(maps.head));
}

function column(images, layer) {
  const node = element("div");
  node.append(...images.map(({ src, text }) => {
    const image = element("img");
    image.src = src;
    image.alt = image.title = `${layer}: ${text}`;
    return image;
  }));
  return node;
}

function answers(head) {
  const node = element("div", "answers");
  node.append(...head.map(([name, share]) => {
    const line = element("span");
    line.append(element("b", "", name), element("i", "", percent(share)));
    line.title = `${name}: ${percent(share)}`;
    return line;
  }));
  return node;
}

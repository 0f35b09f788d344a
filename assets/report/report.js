/* Draws the figures of a report, in the colours of the reader's theme. `tltk/report/page.py` puts this file and what it
   imports into the page as one script: a file on a disk may load no other. */

import { figureOf, themeOf } from "../components/plot/figure.js";

const { figures, palette } = JSON.parse(document.getElementById("figures").textContent);
const nodes = document.querySelectorAll(".chart"), dark = matchMedia("(prefers-color-scheme: dark)");
const less = matchMedia("(prefers-reduced-motion: reduce)");

function drawAll() {
  const page = palette[dark.matches ? "dark" : "light"].page, font = getComputedStyle(document.body).fontFamily;
  const theme = themeOf(palette, dark.matches, { text: page.textColor, font, panel: page.secondaryBackgroundColor });
  nodes.forEach((node, i) => {
    const drawn = figureOf({ figure: figures[i], height: node.clientHeight }, new Map(), theme, { isStill: less.matches });
    window.Plotly.react(node, { ...drawn, config: { ...drawn.config, responsive: true } });
  });
}

drawAll();
dark.addEventListener("change", drawAll);

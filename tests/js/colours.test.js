import assert from "node:assert/strict";
import { test } from "node:test";

import { channels, darkened, faint, isDarkColour } from "../../assets/components/shared/colours.js";
import { palette } from "./read.js";

const { light, dark, both } = palette;

/* The ratio of WCAG 2, 1 to 21. */
function contrast(one, other) {
  const luminance = (colour) => {
    const shares = channels(colour).slice(0, 3).map((v) => v / 255);
    const [r, g, b] = shares.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

test("colours are read as styles write them", () => {
  assert.deepEqual(channels("#1A2b3c"), [26, 43, 60, 1]);
  assert.deepEqual(channels("rgb(26, 43, 60)"), [26, 43, 60, 1]);
  assert.deepEqual(channels("rgba(26,43,60,0.5)"), [26, 43, 60, 0.5]);
  for (const other of ["Cividis", "transparent", "#12", "f8", ""]) assert.equal(channels(other), null);
});

test("a background is dark or light", () => {
  assert.equal(isDarkColour(dark.page.backgroundColor), true);
  assert.equal(isDarkColour(light.page.backgroundColor), false);
  assert.equal(isDarkColour("inherit"), false);
});

test("in the dark each colour of the light palette becomes its counterpart, faint ones too", () => {
  const figure = {
    data: [{
      line: { color: light.series[0] }, marker: { color: [light.series[1], light.scratch, "#123456"] },
      fillcolor: faint(light.series[2], 0.18), colorscale: [[0, light.ink], [1, "Cividis"]],
    }],
    layout: { xaxis: { gridcolor: faint(both.neutral, 0.18) } },
    frames: [{ data: [{ error_y: { color: light.series[0].toLowerCase() } }] }],
  };
  assert.deepEqual(darkened(figure, palette), {
    data: [{
      line: { color: dark.series[0] }, marker: { color: [dark.series[1], dark.scratch, "#123456"] },
      fillcolor: faint(dark.series[2], 0.18), colorscale: [[0, dark.ink], [1, "Cividis"]],
    }],
    layout: { xaxis: { gridcolor: faint(both.neutral, 0.18) } },
    frames: [{ data: [{ error_y: { color: dark.series[0] } }] }],
  });
});

test("data that only look like colours stay, and the figure that came is not touched", () => {
  const marker = { color: { dtype: "f8", bdata: "AAAA" } };
  const figure = { data: [{ x: [light.series[0]], text: light.series[0], marker }], layout: undefined };
  const before = structuredClone(figure);
  assert.deepEqual(darkened(figure, palette), before);
  darkened({ line: { color: light.series[0] } }, palette);
  assert.deepEqual(figure, before);
});

test("the two of freezing, the line of scratch and all text keep their contrast on either page", () => {
  for (const theme of [light, dark]) {
    const paper = theme.page.backgroundColor;
    for (const colour of [...theme.series.slice(0, 2), theme.scratch]) assert.ok(contrast(colour, paper) >= 3, `${colour} on ${paper}`);
    for (const colour of [theme.page.textColor, theme.page.linkColor]) assert.ok(contrast(colour, paper) >= 4.5, `${colour} on ${paper}`);
  }
});

test("both themes have the same roles", () => {
  assert.deepEqual(Object.keys(dark), Object.keys(light));
  assert.equal(dark.series.length, light.series.length);
  for (const theme of [light, dark]) assert.equal(new Set(theme.series).size, theme.series.length);
});

"""The contrast of all text of a page, as its reader sees it."""

from __future__ import annotations

from typing import Any

# Every text that can be seen, whatever shadow root it lies in, with its colour laid over its backgrounds; the ratio is
# WCAG 2.2's. Left out: what is disabled, and what lies on its own colour, which is only shown while a mouse is there.
_SCAN = """least => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (node) => {
    const style = getComputedStyle(node), papers = [];
    let opacity = 1;
    for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
      papers.unshift(read(getComputedStyle(at).backgroundColor));
      opacity *= getComputedStyle(at).opacity;
    }
    const paper = papers.reduce((below, top) => over(top, below), [255, 255, 255]);
    const ink = read(node instanceof SVGElement ? style.fill : style.color);
    const [low, high] = [over([...ink.slice(0, 3), ink[3] * opacity], paper), paper].map(luminance).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  const visit = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.shadowRoot) visit(node.shadowRoot);
      const parent = node.parentElement;
      if (node.nodeType !== Node.TEXT_NODE || !parent || !node.textContent.trim()) continue;
      if (!parent.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
      if (parent.closest("[disabled], [aria-disabled=true], [data-testid=stIconMaterial]")) continue;
      const value = ratio(parent);
      if (value > 1.001 && value < least) found.push(`${value.toFixed(2)}: ${node.textContent.trim().slice(0, 60)}`);
    }
  };
  visit(document.body);
  return [...new Set(found)];
}"""


def pale_text(page: Any, least: float = 4.5) -> list[str]:
    """The texts of a page with less contrast than this, each with its ratio."""
    found: list[str] = page.evaluate(_SCAN, least)
    return found

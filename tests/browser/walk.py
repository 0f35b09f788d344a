"""What is wrong with a page as it stands in the browser: found by axe, by its width, by what it says."""

from __future__ import annotations

import importlib.resources
from functools import cache
from typing import Any

GRAVE = ("serious", "critical")  # impacts of axe's that fail a page
# Elements that stand side by side and hide a part of their text, or lie outside the page; not what is meant to scroll.
_CUT = """() => {
  const main = document.querySelector('[data-testid=stMain]');
  const found = main.scrollWidth > innerWidth + 1 ? [`the page is ${main.scrollWidth} px wide`] : [];
  for (const node of main.querySelectorAll('p, h1, h2, h3, h4, label, button, summary, [data-testid=stMetricValue]')) {
    const box = node.getBoundingClientRect(), style = getComputedStyle(node);
    if (!box.width || style.visibility === 'hidden' || !node.checkVisibility({ opacityProperty: true })) continue;
    const text = node.innerText.trim().slice(0, 60);
    if (!text) continue;
    const hides = ['hidden', 'clip'].includes(style.overflowX);
    if (hides && node.scrollWidth > node.clientWidth + 1) found.push(`cut: ${text}`);
    const scrolls = node.closest('[data-testid=stDataFrame], [data-testid=stHorizontalBlock] [style*=overflow], pre');
    if (box.right > innerWidth + 1 && !scrolls) found.push(`outside: ${text}`);
  }
  return found;
}"""


@cache
def _axe() -> str:
    import axe_playwright_python  # which is axe itself and little else

    return (importlib.resources.files(axe_playwright_python) / "axe.min.js").read_text(encoding="utf-8")


def axe_findings(page: Any) -> list[str]:
    """What axe calls serious or worse, a line for each rule, with the first places.

    Args:
        page: Playwright's, ready.
    """
    page.evaluate(_axe())
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']} ({one['impact']}, {len(one['nodes'])}): {one['help']}: "
        + "; ".join(str(node["target"])[:160] for node in one["nodes"][:3])
        for one in found["violations"]
        if one["impact"] in GRAVE
    ]


def cut_text(page: Any) -> list[str]:
    """Text that its element hides a part of, or that lies outside the page; the page's width where it has to be moved."""
    found: list[str] = page.evaluate(_CUT)
    return found


def faults(page: Any) -> list[str]:
    """All that is wrong with a page, in lines.

    Args:
        page: Playwright's, ready.
    """
    text = page.inner_text("body")
    said = [f"says: {word}" for word in ("Internal error in tltk", "Traceback (most recent") if word in text]
    said += ["an exception of Streamlit's"] * page.locator("[data-testid=stException]").count()
    return said + cut_text(page) + axe_findings(page)

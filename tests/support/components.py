"""Components in a browser."""

from __future__ import annotations

from typing import Any


def slider(page: Any) -> Any:
    return page.get_by_role("slider", name="Freeze boundary")


def at(page: Any) -> int:
    return int(slider(page).get_attribute("aria-valuenow"))


def expect_text(page: Any, text: str) -> None:
    page.get_by_text(text).wait_for(timeout=10_000)


def point_of(page: Any, k: int) -> tuple[float, float]:
    """Where on the screen the boundary k lies."""
    box = page.locator(".bars").bounding_box()
    columns = int(slider(page).get_attribute("aria-valuemax")) + 1
    return box["x"] + box["width"] * k / columns, box["y"] + box["height"] / 2


def press(page: Any, k: int) -> None:
    page.mouse.move(*point_of(page, at(page)))
    page.mouse.down()
    page.mouse.move(*point_of(page, k), steps=6)


def tile(page: Any, name: str) -> str:
    return str(page.locator(".figures div", has_text=name).locator("dd").first.text_content())

"""One palette: `assets/palette.json`. Nothing else names a colour but Streamlit's own settings, which must agree."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tltk.plots import theme

ROOT = Path(__file__).parents[2]
PALETTE = json.loads((ROOT / "assets" / "palette.json").read_text(encoding="utf-8"))
SETTINGS = ROOT / ".streamlit" / "config.toml"  # Streamlit reads its colours from there alone

# Hexadecimal of 3, 4, 6 or 8 digits, and the functions of CSS with a number as their first argument.
LITERAL = re.compile(
    r"(?<![\w&/#])#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b(?!-)|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch)\(\s*[\d.]",
    re.IGNORECASE,
)
NAMED = re.compile(  # a colour's name as a value in a style, an attribute or a figure
    r"(?:color|colou?r|fill|stroke|background|border)[\w-]*[\"']?\s*[:=]\s*[^;,\n]*?(?<![\w-])"
    r"(?:white|black|red|green|blue|orange|purple|gr[ae]y|yellow|cyan|magenta|pink|brown)(?![\w-])",
    re.IGNORECASE,
)
SUFFIXES = {".py", ".js", ".css", ".html", ".md", ".toml", ".json", ".svg", ".yml", ".yaml", ".jinja"}
FOLDERS = ("tltk", "pages", "assets/components", "tests/js", "tests/browser", "tests/pages", "docs", ".streamlit")
EXAMPLES = ROOT / "tests" / "js" / "colours.test.js"  # of how colours are spelt


def _files() -> list[Path]:
    found = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.suffix in SUFFIXES and p.is_file()]
    return sorted({*found, ROOT / "app.py", ROOT / "README.md"} - {SETTINGS, EXAMPLES})


def test_no_other_file_names_a_colour() -> None:
    files = _files()
    assert len(files) > 200
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in (LITERAL.search(line), NAMED.search(line) if path.suffix in (".css", ".js") else None)
        if match
    ]
    assert not found, "\n".join(["These colours belong into assets/palette.json:", *found])


@pytest.mark.parametrize("text", ["#fff", "#0072B2", "#0072b230", "rgb(0, 1, 2)", "rgba(0,0,0,.2)", "hsl(20 3% 3%)"])
def test_a_colour_is_recognised(text: str) -> None:
    assert LITERAL.search(f'color = "{text}";')


@pytest.mark.parametrize(
    "text", ["rgb(*ground)", "rgb({red},{green})", "&#39;", "#1", "page.md#add-a", "color-mix(in srgb"]
)
def test_what_is_none_is_left(text: str) -> None:
    assert not LITERAL.search(f"see {text} there")


def test_the_settings_of_streamlit_agree() -> None:
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))["theme"]
    for name in ("light", "dark"):
        colours = PALETTE[name]
        assert settings[name] == {**colours["page"], "chartCategoricalColors": [*colours["series"], colours["ink"]]}


def test_both_themes_have_the_same_roles() -> None:
    assert PALETTE["light"].keys() == PALETTE["dark"].keys()
    assert PALETTE["light"]["page"].keys() == PALETTE["dark"]["page"].keys()


def test_styles_have_each_colour_of_either_theme() -> None:
    light, dark = theme.css_variables(".here").splitlines()
    for number, colour in enumerate(PALETTE["light"]["series"], 1):
        assert f"--tltk-series-{number}: {colour};" in light
    for number, colour in enumerate(PALETTE["dark"]["series"], 1):
        assert f"--tltk-series-{number}: {colour};" in dark
    assert light.startswith(".here {") and dark.startswith('.here[data-theme="dark"] {')
    used = set(re.findall(r"var\(--tltk-([\w-]+)\)", "".join(p.read_text() for p in (ROOT / "assets").rglob("*.css"))))
    assert used and used <= set(re.findall(r"--tltk-([\w-]+):", light))

"""One palette: `assets/palette.json`. Nothing else names a colour but Streamlit's own settings, which must agree."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from pathlib import Path

import numpy as np
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


# -- contrast, and eyes that see fewer colours -----------------------------------------------------------

ROLES = ("source", "target", "scratch", "transfer", "train", "val", "test", "frozen", "training")
TOGETHER = (("source", "target"), ("scratch", "transfer"), ("train", "val", "test"), ("frozen", "training"))
SIGHT = {  # Machado, Oliveira and Fernandes (2009), A physiologically-based model, IEEE TVCG 15(6), table 1, severity 1
    "all": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def _bytes(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)


def _linear(colour: np.ndarray) -> np.ndarray:
    """sRGB, IEC 61966-2-1."""
    shares = colour / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def contrast(text: np.ndarray, paper: np.ndarray) -> float:
    """WCAG 2.2, 1 … 21: (L1 + 0.05) / (L2 + 0.05)."""
    low, high = sorted(float(TO_XYZ[1] @ _linear(colour)) for colour in (text, paper))
    return (high + 0.05) / (low + 0.05)


def _lab(linear: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(linear, 0, 1) / TO_XYZ.sum(1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("name", ["light", "dark"])
def test_all_text_has_a_contrast_of_four_and_a_half(name: str) -> None:
    page = PALETTE[name]["page"]
    paper, panel, text = (_bytes(page[f"{key}Color"]) for key in ("background", "secondaryBackground", "text"))
    router = (ROOT / "tltk" / "dashboard" / "router.py").read_text(encoding="utf-8")
    faded = [float(v) for v in re.findall(r"stCaptionContainer[^}]*opacity: ([\d.]+)", router)]
    faded += [
        float(v) for v in re.findall(r"opacity: ([\d.]+)", (ROOT / "assets" / "report" / "report.css").read_text())
    ]
    assert len(faded) >= 3
    pairs = {f"text at {v} on {on}": (v * text + (1 - v) * on, on) for v in (1.0, *faded) for on in (paper, panel)}
    pairs |= {f"link on {on}": (_bytes(page["linkColor"]), on) for on in (paper, panel)}
    pairs["on a primary button"] = (paper, _bytes(page["primaryColor"]))
    pairs |= {role: (_bytes(PALETTE[name][role]), paper) for role in ROLES}
    assert {what: round(ratio, 2) for what, pair in pairs.items() if (ratio := contrast(*pair)) < 4.5} == {}


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(np.zeros(3), np.full(3, 255.0)) == pytest.approx(21)
    assert contrast(_bytes("#" + "7" * 6), np.full(3, 255.0)) == pytest.approx(
        4.48, abs=0.005
    )  # the best known example


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_what_is_drawn_together_is_told_apart_by_all_eyes(name: str, sight: str) -> None:
    seen = {role: _lab(np.array(SIGHT[sight]) @ _linear(_bytes(PALETTE[name][role]))) for role in ROLES}
    pairs = [pair for group in TOGETHER for pair in itertools.combinations(group, 2)]
    near = {pair: round(float(np.linalg.norm(seen[pair[0]] - seen[pair[1]]))) for pair in pairs}
    assert min(near.values()) >= 28, near


@pytest.mark.parametrize("name", ["light", "dark"])
def test_a_role_has_a_colour_of_its_own(name: str) -> None:
    assert len({PALETTE[name][role].lower() for role in ROLES}) == len(ROLES)
    assert {theme.ROLES[role] for role in ROLES} == {PALETTE["light"][role] for role in ROLES}

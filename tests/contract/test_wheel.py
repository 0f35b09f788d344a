"""The wheel: built from the sdist, installed into an empty environment, and used from there."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def call(*words: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it away from the checkout, so that nothing is found there."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = tuple(map(str, words))
    return subprocess.run(words, cwd=cwd, env=clean | env, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist of this tree, and the wheel that is built from the sdist alone."""
    folder = tmp_path_factory.mktemp("built")
    build: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-d", folder / "dist"]
    paths = os.pathsep.join(p for p in sys.path if p.endswith("site-packages"))
    done = call(*build, "-t", "sdist", cwd=ROOT, PYTHONPATH=paths)
    assert done.returncode == 0, done.stderr
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.glob("tltk-*")
    done = call(*build, "-t", "wheel", cwd=tree, PYTHONPATH=paths)
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin` of an environment that holds the wheel; its dependencies are those of the tests, by a .pth file."""
    folder = tmp_path_factory.mktemp("empty") / "env"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
    ]
    paths = [p for p in sys.path if p.endswith("site-packages")]
    done = call(*pip, built[1], cwd=folder, PYTHONPATH=os.pathsep.join(paths))
    assert done.returncode == 0, done.stderr
    (site,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth is searched, but the .pth files in it are not read: the checkout stays out.
    (site / "dependencies.pth").write_text("\n".join(paths), encoding="utf-8")
    return folder / "bin"


def files(path: Path) -> dict[str, bytes]:
    """Of an archive, by their names below its top folder."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return {m.name.partition("/")[2]: archive.extractfile(m).read() for m in members}  # type: ignore[union-attr]


def below(folder: str) -> set[str]:
    """Files of the checkout below a folder, without what running leaves there."""
    found = (p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {str(p.relative_to(ROOT)) for p in found}


def test_the_wheel_holds_the_package_and_the_dashboard_s_files_and_nothing_else(built: tuple[Path, Path]) -> None:
    held = {name for name in files(built[1]) if ".dist-info/" not in name}
    app = {"app.py", ".streamlit/config.toml"} | below("pages") | below("assets")
    assert held == below("tltk") | {f"tltk/_app/{name}" for name in app}
    assert "tltk/py.typed" in held


def test_nothing_is_in_the_wheel_twice(built: tuple[Path, Path]) -> None:
    sums: dict[str, str] = {}
    for name, content in files(built[1]).items():
        if len(content) > 200:  # shorter ones may be equal by chance
            other = sums.setdefault(hashlib.sha256(content).hexdigest(), name)
            assert other == name, f"{name} is {other} once more"


def test_the_sdist_holds_the_project_and_nothing_that_lies_about(built: tuple[Path, Path]) -> None:
    tops = {name.partition("/")[0] for name in files(built[0])}
    assert tops == {
        *(
            ".gitignore",
            ".streamlit",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "LICENSE",
            "eslint.config.js",
            "package.json",
            "Makefile",
            "PKG-INFO",
            "README.md",
        ),
        *("app.py", "assets", "constraints.txt", "docs", "examples", "pages", "pyproject.toml", "tests", "tltk"),
    }
    assert not [name for name in files(built[0]) if name.endswith((".pyc", ".lock", ".tmp"))]


def test_the_metadata_say_what_the_project_says(built: tuple[Path, Path]) -> None:
    (text,) = [c.decode() for name, c in files(built[1]).items() if name.endswith(".dist-info/METADATA")]
    head = text.partition("\n\n")[0].splitlines()
    assert "License-Expression: Apache-2.0" in head and "License-File: LICENSE" in head
    assert any(line.startswith("Requires-Dist: starlette") for line in head)
    assert not [line for line in head if line.startswith("Requires-Dist: jinja2")]


def test_the_installed_commands(installed: Path, tmp_path: Path) -> None:
    def tltk(*words: str) -> subprocess.CompletedProcess[str]:
        return call(installed / "tltk", *words, cwd=tmp_path, TLTK_HOME=str(tmp_path / "home"))

    done = tltk("--help")
    assert done.returncode == 0 and "See what transfers and what does not." in done.stdout, done.stderr
    checks: list[dict[str, Any]] = json.loads(tltk("doctor", "--json").stdout)
    machine = ("memory", "disk")  # which may be short while others work on it
    assert [c for c in checks if c["name"] == "device"]
    assert all(c["ok"] for c in checks if c["name"] not in machine), checks
    shelf = {entry["weights"]: entry for entry in json.loads(tltk("weights", "list", "--json").stdout)}
    ours = {f"store:{path.parent.name}" for path in (ROOT / "assets" / "weights").glob("*/card.json")}
    assert len(ours) >= 5 and ours <= set(shelf)
    listed = tltk("weights", "list").stdout
    assert all(name in listed for name in ours)
    here = {entry["name"] for entry in json.loads(tltk("backbones", "--here", "--json").stdout)}
    assert {shelf[name]["backbone"] for name in ours} <= here
    assert tltk("nonsense").returncode == 2


USE = """
import importlib.metadata, json, pathlib, sys
import tltk
from tltk.dashboard.serve import app_folder, flags
for name in tltk.__all__:
    getattr(tltk, name)
print(json.dumps({"at": tltk.__file__, "version": importlib.metadata.version("tltk"), "own": tltk.__version__,
    "app": str(app_folder()), "pages": sorted(p.name for p in (app_folder() / "pages").glob("*.py")), "flags": flags()}))
"""


def test_the_installed_package_has_its_public_names_and_finds_the_dashboard(installed: Path, tmp_path: Path) -> None:
    done = call(installed / "python", "-c", USE, cwd=tmp_path, TLTK_HOME=str(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert Path(found["at"]).is_relative_to(installed.parent), "it is the wheel, not the checkout"
    assert found["version"] == found["own"]
    assert Path(found["app"]).name == "_app" and found["flags"]
    assert found["pages"] == sorted(p.name for p in (ROOT / "pages").glob("*.py"))

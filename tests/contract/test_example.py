"""The example package: installed from its folder, each of its entries is found everywhere, and passes the batteries."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "tltk-example"
pytestmark = pytest.mark.slow

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Call:
    """Runs a command where the example is installed; `call.source` is where it was installed from."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    paths = [str(folder / "installed"), str(ROOT), *(p for p in sys.path if p.endswith("site-packages"))]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TLTK_HOME": str(folder / "home")}

    def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            words, cwd=folder / "source", env=env, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    run(*pip, "--target", str(folder / "installed"), str(folder / "source"))
    return run


def tltk(call: Call, *words: str, code: int = 0) -> str:
    return call(sys.executable, "-m", "tltk.cli", *words, code=code).stdout


def test_its_entries_are_listed(call: Call) -> None:
    for verb, name in (("strategies", "two_rates"), ("terms", "confidence"), ("domains", "stripes")):
        listed = {entry["name"]: entry for entry in json.loads(tltk(call, verb, "--json"))}
        assert name in listed and listed[name]["summary"], verb
        assert name in tltk(call, verb)
    (knob,) = [e["knobs"] for e in json.loads(tltk(call, "strategies", "--json")) if e["name"] == "two_rates"]
    assert knob["share"]["default"] == 0.1


def test_the_registries_have_them_and_know_whose_they_are(call: Call) -> None:
    probe = (
        "from tltk.shift import measures; from tltk.transferability import scores; from tltk.strategies import strategies;"
        "import tltk.terms; from tltk.data import domains;"
        "print(*(r.names_of('tltk_example') for r in (strategies, tltk.terms.terms, domains, measures, scores)));"
        "print(strategies.names_of())"
    )
    mine, own = call(sys.executable, "-c", probe).stdout.splitlines()
    assert mine == "['two_rates'] ['confidence'] ['stripes'] ['mean_distance'] ['scatter_ratio']"
    assert "fine_tune" in own and "two_rates" not in own


def test_a_training_with_all_that_it_trains_with(call: Call) -> None:
    words = ["run", "--json", "--target", "stripes", "--n", "160", "--size", "16", "--backbone", "test_resnet"]
    words += [
        "--strategy",
        "two_rates",
        "--knob",
        "share=0.2",
        "--term",
        "confidence:weight=0.01",
        "--epochs",
        "12",
        "--lr",
        "0.01",
    ]
    found = json.loads(tltk(call, *words))
    assert found["state"] == "done" and found["result"]["accuracy"] > 0.5, "of four classes"
    assert (
        "share"
        in tltk(call, *words, "--knob", "shear=0.2", code=2)
        + call(sys.executable, "-m", "tltk.cli", *words, "--knob", "shear=0.2", code=2).stderr
    )


def test_its_own_tests_are_the_batteries_on_its_own_entries(call: Call) -> None:
    done = call(sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", "tltk.testing")
    tested = set(re.findall(r"::Test\w+::\w+\[(\w+)\] PASSED", done.stdout))
    assert tested == {"two_rates", "confidence", "stripes", "mean_distance", "scatter_ratio"}
    assert "FAILED" not in done.stdout


def test_a_battery_fails_an_entry_that_breaks_its_contract(call: Call, tmp_path: Path) -> None:
    """The strategy trains what lies below the boundary."""
    broken = (EXAMPLE / "src" / "tltk_example" / "two_rates.py").read_text(encoding="utf-8")
    broken = broken.replace("(0.0,) * boundary", "(self.share,) * boundary")
    (tmp_path / "tltk_example").mkdir()
    shutil.copytree(EXAMPLE / "src" / "tltk_example", tmp_path / "tltk_example", dirs_exist_ok=True)
    (tmp_path / "tltk_example" / "two_rates.py").write_text(broken, encoding="utf-8")
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    words = ["-p", "no:cacheprovider", "-p", "tltk.testing", "-k", "TestStrategy"]
    done = call(sys.executable, "-c", start, *words, code=1)
    assert "FAILED tests/test_entries.py::TestStrategy::test_its_phases[two_rates]" in done.stdout

"""What a page or the shell imports brings neither torch nor the other slow ones."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "timm", "torchvision", "sklearn", "umap", "safetensors.torch")
PROBE = """
import sys
{0}
heavy = [name for name in {1!r} if name in sys.modules]
assert not heavy, heavy
"""


def check(code: str) -> None:
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    probe = PROBE.format(code, HEAVY)
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_and_its_light_half() -> None:
    check(
        "import tltk, tltk.cli, tltk.strategies, tltk.data, tltk.studies.compare.study, tltk.runs.run, tltk.jobs\n"
        "import tltk.specs.command, tltk.verdicts.judge, tltk.cli.doctor, tltk.jobs.supervisor, tltk.training.schedule\n"
        "dir(tltk); tltk.TransferSpec(); tltk.Run; tltk.launch; tltk.load\n"
        "from tltk.data import domains; [domains.summary(d) for d in domains]\n"
        "from tltk.strategies import strategies; [strategies.summary(s) for s in strategies]"
    )


def test_the_dashboard() -> None:
    check(
        "from tltk.dashboard import (chrome, controls, freeze_handle, network, plan, plot, routes, serve,\n"
        "    training_view, verdict_view)\n"
        "import tltk.plots.curves, tltk.plots.phases, tltk.plots.theme"
    )


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["compare", "--help"], ["runs"], ["domains"], ["strategies"]]
)
def test_the_shell(words: list[str]) -> None:
    check(
        "from click.testing import CliRunner\nfrom tltk.cli.main import main\n"
        f"done = CliRunner().invoke(main, {words!r})\nassert done.exit_code == 0, done.output"
    )


def test_the_console_command_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tltk.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )
    assert "See what transfers and what does not." in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in loaded
    assert not loaded & set(HEAVY)

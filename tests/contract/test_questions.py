"""A question from the shell with a real worker: a process of its own answers, and `--json` prints the answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import machine, until
from tltk.jobs import queue
from tltk.runs.run import Run


@pytest.mark.slow
def test_profile_from_the_shell(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "tltk.cli",
        "profile",
        "--json",
        "--target",
        "digits",
        "--n",
        "200",
        "--size",
        "16",
        "--source",
        "blended_digits",
        "--source-n",
        "200",
        "--backbone",
        "test_resnet",
        "--pictures",
        "60",
        "--permutations",
        "19",
    ]
    with machine(tmp_path / "home"):
        done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        run = json.loads(done.stdout)
        assert (run["kind"], run["state"]) == ("profile", "done")
        found = run["result"]
        assert found["names"][-1] == "features" and found["n"] == {"target": 60, "source": 60}
        assert {c["name"] for c in found["columns"]} >= {"probe_target", "mmd"}
        kept = Run.open(run["id"])
        assert kept.result() == found and kept.status.pid not in (0, os.getpid())
        assert "Traceback" not in (kept.path / "log.txt").read_text()
        until(lambda: not queue.jobs())

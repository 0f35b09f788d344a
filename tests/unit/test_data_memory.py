"""What is hostile or merely large is refused or read in bounded memory: peaks of processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tltk import data

CHILD = """
import sys, re, pathlib
from tltk.data import load, decode
from tltk.data.sources import npz, folder
from tltk.specs.parts import DataSpec
decode.MAX_IN_FLIGHT_BYTES = int(sys.argv[2])
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024
base = peak()
try:
    said = load(DataSpec(sys.argv[1], size=int(sys.argv[3]))).images.shape
except Exception as fault:
    said = f"{type(fault).__name__}: {fault}"
print(peak() - base, said)
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks of memory are read from /proc")


def measured(name: str, in_flight: int = 640 * 2**20, size: int = 16) -> tuple[float, str]:
    """MiB above what the imports took, and what came of it."""
    path = os.pathsep.join([str(Path(data.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", CHILD, name, str(in_flight), str(size)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    peak, _, said = done.stdout.strip().partition(" ")
    return float(peak), said


def test_arrays_that_unpack_to_a_hundred_times_their_size(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((300, 1000, 1000), np.uint8), y=np.arange(300) % 2)
    peak, said = measured(f"npz:{tmp_path / 'a.npz'}")
    assert peak < 30 and "at most 100 times" in said and "300,000,128" in said


def test_pictures_that_are_too_large(tmp_path: Path) -> None:
    with open(tmp_path / "x.npy", "wb") as file:  # 200 MB that take no room on the disk
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (2, 10_000, 10_000)}
        )
        file.truncate(file.tell() + 200_000_000)
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.npz", "w") as packed:
        packed.write(tmp_path / "x.npy", "x.npy")
        with packed.open("y.npy", "w") as labels:
            np.lib.format.write_array(labels, np.arange(2))
    peak, said = measured(f"npz:{tmp_path / 'a.npz'}")
    assert peak < 30 and "10,000 × 10,000 pixels" in said


def test_many_large_arrays_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 2**16, (12, 1600, 1600), np.uint16)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(12) % 2)  # 61 MB, 246 MB as float64
    peak, said = measured(f"npz:{tmp_path / 'a.npz'}")
    assert said == "(12, 3, 16, 16)" and peak < 130


def test_pictures_in_flight_share_a_budget(tmp_path: Path) -> None:
    """Of sixteen bits, 3,000 × 3,000: each took 300 MB when it was scaled in one piece."""
    for name in ("a", "b"):
        (tmp_path / "p" / name).mkdir(parents=True)
        for i in range(3):
            pixels = (np.arange(3000, dtype=np.uint16)[:, None] * (i + 1 + 5 * (name == "b"))).repeat(3000, 1)
            Image.fromarray(pixels).save(tmp_path / "p" / name / f"{i}.png", compress_level=1)
    peak, said = measured(f"folder:{tmp_path / 'p'}", in_flight=90 * 2**20)
    assert said == "(6, 3, 16, 16)" and peak < 150


def test_what_was_kept_is_checked_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened again, 150 MB of pictures are read through once, and none of them stays."""
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "home"))
    x = np.random.default_rng(0).integers(0, 256, (3000, 8, 8), np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(3000) % 2)
    name = f"npz:{tmp_path / 'a.npz'}"
    first, said = measured(name, size=128)
    assert said == "(3000, 3, 128, 128)" and first > 140
    again, said = measured(name, size=128)
    assert said == "(3000, 3, 128, 128)" and again < 45


def test_a_broken_picture_among_many_costs_no_copy(tmp_path: Path) -> None:
    """As uint8 array they take 59 MB at this size, in a file where they are so many; the others move up in it."""
    (tmp_path / "p" / "a").mkdir(parents=True)
    (tmp_path / "p" / "b").mkdir()
    draw = np.random.default_rng(0)
    for i in range(1200):
        Image.fromarray(draw.integers(0, 256, (9, 9, 3), np.uint8)).save(tmp_path / "p" / "ab"[i % 2] / f"{i}.png")
    (tmp_path / "p" / "a" / "0.png").write_bytes(b"no picture")
    peak, said = measured(f"folder:{tmp_path / 'p'}", size=128)
    assert said == "(1199, 3, 128, 128)" and peak < 59 + 45

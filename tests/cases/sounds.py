"""Folders of sounds as people have them: recordings, leftovers, other formats, silence."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from tests.cases.drawing import CAT_DOG, picture

RATE = 8000


def _hum(path: Path, tone: float, seconds: float = 0.6) -> None:
    """Noise around a frequency, a recording of its own for each path."""
    draw = np.random.default_rng(zlib.crc32(f"{path.parts[-3:]}".encode()))
    t = np.arange(round(seconds * RATE)) / RATE
    rise = draw.uniform(-tone / 3, tone / 3) * t
    sound = np.sin(2 * np.pi * (draw.uniform(0.7, 1.3) * tone + rise) * t) + 0.1 * draw.standard_normal(len(t))
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, RATE, np.rint(9000 * sound).astype(np.int16))


def _calls(folder: Path, n: int = 8) -> None:
    for name, tone in zip(CAT_DOG, (1500.0, 300.0), strict=True):
        for i in range(n):
            _hum(folder / name / f"{i}.wav", tone)


def calls(root: Path) -> None:
    """A folder per class."""
    _calls(root)


def calls_in_parts(root: Path) -> None:
    """train and test on top; notes and a cover beside the sounds."""
    for part in ("train", "test"):
        _calls(root / part)
    (root / "train" / "cat" / "notes.txt").write_text("x")
    picture(root / "train" / "cat" / "cover.jpg")


def calls_with_leftovers(root: Path) -> None:
    """What recorders and conversions leave behind: nothing, silence, an hour, another format."""
    _calls(root)
    (root / "cat" / "nothing.wav").write_bytes(b"")
    (root / "cat" / "cut.wav").write_bytes((root / "cat" / "0.wav").read_bytes()[:30])
    wavfile.write(root / "cat" / "silence.wav", RATE, np.zeros(RATE, np.int16))
    wavfile.write(root / "cat" / "hour.wav", 1000, np.ones(3600 * 1000, np.uint8))
    (root / "dog" / "phone.m4a").write_bytes(b"\0\0\0\x18ftypM4A ")


def calls_as_mp3(root: Path) -> None:
    """A class in a format that is not read."""
    _calls(root)
    for file in (root / "dog").iterdir():
        file.rename(file.with_suffix(".mp3"))

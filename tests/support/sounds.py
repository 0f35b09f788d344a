"""Small sounds as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import wavfile

RATE = 8000


def sweep(number: int, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    """A chirp of its own for each number, 16 bits."""
    t = np.arange(round(seconds * rate)) / rate
    return np.rint(20_000 * np.sin(2 * np.pi * (150 + 90 * number) * (1 + (number % 3) * t) * t)).astype(np.int16)


def write(root: Path, *names: str, seconds: float = 0.5) -> Path:
    """WAV files with these names below the root; a stem is a number and the sound the same for it everywhere."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(path, RATE, sweep(int(path.stem), seconds))
    return root

"""Files of sound: read with limits, brought to one channel and rate; and small WAV files to listen to.

WAV is read by SciPy, which is there anyway: the commonest files need no extra and give the same samples on every
machine. FLAC and Ogg, and WAV in a form that SciPy does not know, need soundfile: the extra `tltk[sound]`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tltk.errors import DataProblem

Floats = NDArray[np.float64]
WAV = frozenset((".wav", ".wave"))
CODED = frozenset((".flac", ".ogg", ".oga"))
MAX_FILE_BYTES = 2**27  # bytes of a file
MAX_SECONDS = 300.0  # of a sound: what is longer is a recording of many, and no example
MAX_VALUES = 2**25  # samples of all channels together, which are held at once
STREAMED_BYTES = 0x7FFF0000  # from which on a header's size says that its writer did not know it
RATES = (1_000, 768_000)  # sampling rates that are believed, in hertz
FULL_SCALE = {"uint8": (128.0, 128.0), "int16": (0.0, 2.0**15), "int32": (0.0, 2.0**31)}  # silence, and the loudest


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound in one channel.

    Attributes:
        samples: (n,) float64, −1 … 1.
        rate: Samples a second.
    """

    samples: Floats
    rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate

    def origin(self) -> int:
        """64 bits that the same samples at the same rate share, in whatever kind of file."""
        mark = hashlib.blake2b(f"sound {self.rate}".encode(), digest_size=8)
        mark.update(np.ascontiguousarray(self.samples).data)
        return int.from_bytes(mark.digest(), "little")

    def at(self, rate: int, seconds: float) -> Floats:
        """Its beginning at another rate, through an antialiasing filter.

        Args:
            rate: Samples a second.
            seconds: What is beyond this, and a little for the filter, is not looked at.
        """
        kept = self.samples[: math.ceil((seconds + 0.1) * self.rate)]
        if rate == self.rate:
            return kept
        from scipy.signal import resample_poly  # takes a second, which pages need not wait for

        common = math.gcd(rate, self.rate)
        found: Floats = resample_poly(kept, rate // common, self.rate // common)
        return found


def has_soundfile() -> bool:
    """Whether the package that reads FLAC and Ogg is installed."""
    return importlib.util.find_spec("soundfile") is not None


def read(path: Path) -> Sound:
    """The sound in a file, its channels averaged.

    Args:
        path: A regular file.

    Raises:
        DataProblem: Why it cannot be used, in a few words: empty, too long, silent, broken, or of another format.
    """
    try:
        size = path.stat().st_size
        if not size:
            raise DataProblem("the file is empty")
        if size > MAX_FILE_BYTES:
            raise DataProblem(f"{size / 2**20:,.0f} MiB, more than the limit of {MAX_FILE_BYTES / 2**20:,.0f}")
        samples, rate = _decode(path)
    except DataProblem:
        raise
    except PermissionError:
        raise DataProblem("may not be read") from None
    except Exception as fault:  # a decoder fed with garbage raises whatever it likes
        raise DataProblem(f"cannot be decoded: {' '.join(str(fault).split())[:120] or type(fault).__name__}") from None
    if not len(samples):
        raise DataProblem("it holds no samples")
    if not np.isfinite(samples).all():
        raise DataProblem("it holds samples that are no numbers")
    if np.ptp(samples) == 0:
        raise DataProblem("it is silent: all samples are equal")
    return Sound(samples, rate)


def _decode(path: Path) -> tuple[Floats, int]:
    """Samples of one channel, and the rate."""
    if path.suffix.lower() in WAV:
        try:
            return _wav(path)
        except DataProblem:
            raise
        except Exception:  # A-law, ADPCM and other forms that SciPy does not know, or garbage
            if not has_soundfile():
                raise
    return _coded(path)


def _wav(path: Path) -> tuple[Floats, int]:
    from scipy.io import wavfile

    # From memory: a header that promises more than there is cannot make SciPy reserve it.
    content = path.read_bytes()
    _refuse_cut(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rate, values = wavfile.read(io.BytesIO(content))
    channels = values.shape[1] if values.ndim == 2 else 1
    _check(len(values), channels, rate)
    silence, loudest = FULL_SCALE.get(values.dtype.name, (0.0, 1.0))
    scaled = (values.astype(np.float64) - silence) / loudest
    return (scaled.mean(1) if values.ndim == 2 else scaled), int(rate)


def _refuse_cut(content: bytes) -> None:
    """Refuse a WAV file that ends before its sound does: SciPy gives what is left, or stumbles over half a sample."""
    if not content.startswith(b"RIFF"):
        return
    at = 12
    while at + 8 <= len(content):
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        if content[at : at + 4] == b"data":
            there = len(content) - at - 8
            if there < size < STREAMED_BYTES:
                raise DataProblem(f"it is cut off: {there:,} of the {size:,} bytes of sound are there")
            return
        at += 8 + size + size % 2
    raise DataProblem("cannot be decoded: it ends before its sound begins")


def _coded(path: Path) -> tuple[Floats, int]:
    if not has_soundfile():
        raise DataProblem(f"the ending {path.suffix.lower()} needs the package soundfile, pip install tltk[sound]")
    library: Any = importlib.import_module("soundfile")
    with library.SoundFile(str(path)) as file:
        _check(file.frames, file.channels, file.samplerate)
        values = file.read(MAX_VALUES // file.channels, dtype="float64", always_2d=True)
        return values.mean(1), int(file.samplerate)


def _check(n: int, channels: int, rate: int) -> None:
    """Refuse by the header what is too long, or cannot be."""
    if not RATES[0] <= rate <= RATES[1]:
        raise DataProblem(f"{rate:,} samples a second, which must be {RATES[0]:,} to {RATES[1]:,}")
    if n / rate > MAX_SECONDS or n * channels > MAX_VALUES:
        limit = f"the limit of {MAX_SECONDS:,.0f} s or of {MAX_VALUES:,} samples in all channels"
        raise DataProblem(f"it lasts {n / rate:,.0f} s, more than {limit}")


def as_wav(samples: Floats, rate: int) -> bytes:
    """A WAV file of 16 bits, as loud as it can be, to be played.

    Args:
        samples: (n,) one channel.
        rate: Samples a second.
    """
    from scipy.io import wavfile

    loudest = float(np.abs(samples).max(initial=0.0)) or 1.0
    file = io.BytesIO()
    wavfile.write(file, rate, np.rint(samples / loudest * 0.9 * 32767).astype(np.int16))
    return file.getvalue()

"""Sounds as pictures: log-mel spectrograms in 256 grey levels, low pitches at the bottom, time from left to right."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from tltk.data.dials import NamedDials
from tltk.data.domain import Pixels
from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.specs.size import Size, height_and_width

Floats = NDArray[np.float64]
TINY = 1e-30  # power that is added before the logarithm, far below the range of any sound
MAX_FRAMES, MAX_BINS = 20_000, 2**16  # of a spectrogram: columns, and frequencies of the transform


@dataclass(frozen=True)
class SpectrogramDials(NamedDials):
    """How a sound becomes a picture.

    Example:
        >>> SpectrogramDials.parse("seconds=2&n_mels=96").text()
        'seconds=2&n_mels=96'
    """

    domain: ClassVar[str] = "sound"
    example: ClassVar[str] = "sound:PATH?seconds=2&n_mels=96"
    separator: ClassVar[str] = "&"
    before: ClassVar[str] = "PATH?"

    rate: int = knob(16_000, 1_000, 192_000, help="Sampling rate to which sounds are brought, in hertz.")
    seconds: float = knob(1.0, 0.05, 60.0, help="Length that is seen, from the start; shorter sounds end in silence.")
    n_mels: int = knob(64, 8, 512, help="Mel bands, that is, rows of the spectrogram before it is resized.")
    window: float = knob(25.0, 1.0, 500.0, help="Length of the Hann window, in milliseconds.")
    hop: float = knob(10.0, 1.0, 500.0, help="From one window to the next, in milliseconds.")
    fmin: float = knob(50.0, 0.0, 90_000.0, help="Lower end of the lowest band, in hertz.")
    fmax: float = knob(0.0, 0.0, 96_000.0, help="Upper end of the highest band, in hertz; 0 = half the sampling rate.")
    decibels: float = knob(80.0, 10.0, 150.0, help="Range from black to white, which is the sound's strongest band.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.fmin < self.highest <= self.rate / 2:
            raise BadSpec(
                f"Bands must lie between fmin and fmax, and fmax at half the rate, {self.rate / 2:g} Hz, or below. Got "
                f"{self.fmin:g} to {self.highest:g} Hz."
            )
        if self.n_frames > MAX_FRAMES or self.n_fft > MAX_BINS:
            raise BadSpec(
                f"A spectrogram must have at most {MAX_FRAMES:,} windows of {MAX_BINS:,} samples. Got "
                f"{self.n_frames:,} of {self.n_fft:,}; raise hop, or lower seconds, window or n_mels."
            )

    @property
    def highest(self) -> float:
        """Upper end of the highest band, in hertz."""
        return self.fmax or self.rate / 2

    @property
    def n_samples(self) -> int:
        """Samples that are seen."""
        return round(self.seconds * self.rate)

    @property
    def window_samples(self) -> int:
        """Samples of a window, two at least."""
        return max(2, round(self.window * self.rate / 1000))

    @property
    def hop_samples(self) -> int:
        """Samples from one window to the next."""
        return max(1, round(self.hop * self.rate / 1000))

    @property
    def n_frames(self) -> int:
        """Windows, that is, columns before the picture is resized; the last may end in silence."""
        return 1 + max(0, -(-(self.n_samples - self.window_samples) // self.hop_samples))

    @property
    def n_fft(self) -> int:
        """Points of the Fourier transform: a power of two, so fine that the narrowest band holds a frequency."""
        edges = band_edges(self)
        need = max(self.window_samples, self.rate / (edges[1] - edges[0]))
        return 1 << int(np.ceil(np.log2(need)))


def mel(hertz: Floats) -> Floats:
    """Pitch of a frequency: m = 2595 log₁₀(1 + f / 700).

    Reference: O'Shaughnessy (1987), Speech Communication: Human and Machine, p. 150; as in HTK (Young et al., The HTK
        Book, §5.4).

    Args:
        hertz: Frequencies, of any shape.
    """
    found: Floats = 2595 * np.log10(1 + hertz / 700)
    return found


def hertz(mels: Floats) -> Floats:
    """Frequency of a pitch: f = 700 (10^(m / 2595) − 1), the inverse of `mel`.

    Args:
        mels: Pitches, of any shape.
    """
    found: Floats = 700 * (10 ** (mels / 2595) - 1)
    return found


def band_edges(dials: SpectrogramDials) -> Floats:
    """(n_mels + 2,) frequencies, equally spaced in mel: band k rises from edge k and falls to edge k + 2."""
    low, high = mel(np.array([dials.fmin, dials.highest]))
    return hertz(np.linspace(low, high, dials.n_mels + 2))


def mel_filters(dials: SpectrogramDials) -> Floats:
    """(n_mels, n_fft / 2 + 1) triangles over frequency, each of height 1 in its middle.

    H_k(f) = max(0, min((f − f_k) / (f_{k+1} − f_k), (f_{k+2} − f) / (f_{k+2} − f_{k+1})))

    Reference: Davis & Mermelstein (1980), Comparison of parametric representations for monosyllabic word recognition
        in continuously spoken sentences, IEEE Trans. ASSP 28(4), §II and fig. 1 (triangles on the mel scale).
    """
    edges, f = band_edges(dials)[:, None], np.fft.rfftfreq(dials.n_fft, 1 / dials.rate)
    rise = (f - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - f) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rise, fall))


@functools.lru_cache(maxsize=8)
def _sparse_filters(dials: SpectrogramDials) -> Any:
    """`mel_filters`, nearly all zero; a sparse product adds in one order, however many threads there are."""
    from scipy.sparse import csr_array

    return csr_array(mel_filters(dials))


def log_mel(samples: Floats, dials: SpectrogramDials) -> Floats:
    """(n_mels, frames) power of each band in decibels below the strongest, from −`decibels` to 0.

    P_k(t) = Σ_f H_k(f) |Σ_j w_j x_{t·hop+j} e^(−2πi f j / rate)|², w a Hann window;
    L_k(t) = max(−range, 10 log₁₀(P_k(t) / max P)). So how loud a sound was recorded does not matter.

    Args:
        samples: One channel at `dials.rate`; what is beyond `dials.seconds` is not read, what is missing is silence.
        dials: Windows, bands and range.
    """
    length = (dials.n_frames - 1) * dials.hop_samples + dials.window_samples
    sound = np.zeros(length)
    kept = samples[: min(dials.n_samples, length)]
    sound[: len(kept)] = kept
    frames = np.lib.stride_tricks.sliding_window_view(sound, dials.window_samples)[:: dials.hop_samples]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(dials.window_samples) / dials.window_samples)
    power = np.abs(np.fft.rfft(frames * hann, dials.n_fft)) ** 2
    bands = _sparse_filters(dials) @ power.T
    strongest = bands.max()
    if strongest <= 0:
        return np.full(bands.shape, -dials.decibels)
    found: Floats = np.maximum(10 * np.log10(bands / strongest + TINY), -dials.decibels)
    return found


def as_image(levels: Floats, dials: SpectrogramDials) -> Image.Image:
    """A spectrogram as a picture of floats in 0 … 255, low pitches at the bottom.

    Args:
        levels: (n_mels, frames) from `log_mel`.
        dials: Its range.
    """
    return Image.fromarray((255 * (1 + levels[::-1] / dials.decibels)).astype(np.float32))


def picture(image: Image.Image, size: Size) -> Pixels:
    """(1, height, width) uint8: the spectrogram, both axes resized with antialiasing, nothing cut off.

    Args:
        image: From `as_image`.
        size: Of the picture, in pixels.
    """
    small = np.asarray(image.resize(height_and_width(size)[::-1], Resampling.BILINEAR))
    levels: Pixels = np.rint(small).clip(0, 255).astype(np.uint8)[None]
    return levels

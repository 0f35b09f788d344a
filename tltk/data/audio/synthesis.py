"""Sounds by formula: tones, chirps, noises and plucked strings; and what a room and a bad line add to them.

Filters of SciPy are imported where they are used: pages import the dials of these sounds, and it takes a second.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MAX_OVERTONES = 12  # partials of a tone at most, the fundamental among them
SWING_HZ = (4.0, 8.0)  # of vibrato and tremolo
VIBRATO_SEMITONES = (0.5, 1.5)  # either way
TREMOLO_DEPTH = (0.6, 1.0)  # share of the amplitude that comes and goes
CHIRP_OCTAVES = (0.5, 1.5)
BAND_OCTAVES = 0.5  # width of a band of noise
ATTACK_SECONDS, RELEASE_SECONDS = (0.005, 0.05), (0.02, 0.1)


def tone(frequency: Floats, timbre: float, rate: int) -> Floats:
    """A tone of changing pitch: x(t) = Σ_k timbre^(k−1) sin(k φ(t)), φ(t) = 2π Σ_{s ≤ t} f(s) / rate.

    Overtones that would lie above half the rate are left out.

    Args:
        frequency: (n,) of the fundamental, in hertz.
        timbre: Amplitude of each partial as a share of the one below, 0 … 1.
        rate: Samples a second.
    """
    phase = 2 * np.pi * np.cumsum(frequency) / rate
    n = max(1, min(MAX_OVERTONES, int(rate / 2 / frequency.max())))
    found: Floats = sum((timbre ** (k - 1) * np.sin(k * phase) for k in range(1, n + 1)), np.zeros(len(phase)))
    return found


def pluck(frequency: float, timbre: float, n: int, rate: int, draw: Generator) -> Floats:
    """A plucked string: y_t = x_t + ½ (y_{t−p} + y_{t−p−1}), of pitch rate / (p + ½); x is p samples of noise.

    The noise u goes through a low pass, x_t = b u_t + (1 − b) x_{t−1} with b = 0.2 + 0.8 timbre: timbre is brightness.

    Reference: Karplus & Strong (1983), Digital synthesis of plucked-string and drum timbres, Computer Music Journal
        7(2), 43–55 (the recurrence of the plucked string).

    Args:
        frequency: In hertz; the period is rounded to whole samples.
        timbre: 0 dull … 1 bright.
        n: Samples.
        rate: Samples a second.
        draw: Of the burst.
    """
    from scipy.signal import lfilter

    period = max(2, round(rate / frequency - 0.5))
    burst = np.zeros(n)
    first = min(period, n)
    bright = 0.2 + 0.8 * timbre
    burst[:first] = lfilter([bright], [1, bright - 1], draw.uniform(-1, 1, first))
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1, -0.5, -0.5
    found: Floats = lfilter([1], loop, burst)
    return found


def filtered_noise(low: float, high: float, n: int, rate: int, draw: Generator) -> Floats:
    """White Gaussian noise between two frequencies, by a Butterworth filter of the fourth order.

    Args:
        low: In hertz.
        high: In hertz; at or above half the rate, nothing is cut off there.
        n: Samples.
        rate: Samples a second.
        draw: Of the noise.
    """
    from scipy.signal import butter, sosfilt

    top = 0.98 * rate / 2
    low = min(low, 0.9 * top)
    kind, edges = ("highpass", low) if high >= top else ("bandpass", (low, high))
    found: Floats = sosfilt(butter(4, edges, kind, fs=rate, output="sos"), draw.standard_normal(n))
    return found


def envelope(n: int, rate: int, attack: float, release: float) -> Floats:
    """(n,) amplitude that rises in `attack` seconds and falls in the last `release` seconds, as half a cosine each.

    Args:
        n: Samples.
        rate: Samples a second.
        attack: Seconds.
        release: Seconds.
    """
    t = np.arange(n) / rate
    rise, fall = np.clip(t / attack, 0, 1), np.clip((n / rate - t) / release, 0, 1)
    found: Floats = 0.25 * (1 - np.cos(np.pi * rise)) * (1 - np.cos(np.pi * fall))
    return found


def reverberate(samples: Floats, seconds: float, rate: int, draw: Generator) -> Floats:
    """A sound in a room: x ∗ (δ + h), h(t) = g ν(t) 10^(−3 t / T), ν white Gaussian noise, Σ h² = 1.

    So the echoes fall by 60 dB in T seconds and carry as much energy as the sound that comes straight.

    Reference: Moorer (1979), About this reverberation business, Computer Music Journal 3(2), 13–28 (exponentially
        decaying noise as the response of a concert hall).

    Args:
        samples: (n,); as many come back, what rings on after that is cut off.
        seconds: T, the reverberation time; 0 = no room.
        rate: Samples a second.
        draw: Of the echoes.
    """
    from scipy.signal import fftconvolve

    if seconds <= 0:
        return samples
    n = min(len(samples), max(1, round(seconds * rate)))
    echoes = draw.standard_normal(n) * 10 ** (-3 * np.arange(n) / rate / seconds)
    echoes /= np.sqrt((echoes**2).sum())
    found: Floats = samples + fftconvolve(samples, echoes)[: len(samples)]
    return found


def add_noise(samples: Floats, level: float, draw: Generator) -> Floats:
    """A sound with white Gaussian noise whose root mean square is `level` times its own.

    Args:
        samples: (n,).
        level: 0 = none.
        draw: Of the noise.
    """
    if level <= 0:
        return samples
    rms = float(np.sqrt((samples**2).mean()))
    return samples + level * rms * draw.standard_normal(len(samples))


def between(ends: tuple[float, float], draw: Generator) -> float:
    """A number drawn evenly from a range."""
    return float(draw.uniform(*ends))


def _steady(pitch: float, timbre: float, n: int, rate: int, draw: Generator) -> Floats:
    return tone(np.full(n, pitch), timbre, rate)


def _tremolo(pitch: float, timbre: float, n: int, rate: int, draw: Generator) -> Floats:
    depth, swing = between(TREMOLO_DEPTH, draw), between(SWING_HZ, draw)
    beat = np.cos(2 * np.pi * (swing * np.arange(n) / rate + draw.random()))
    return tone(np.full(n, pitch), timbre, rate) * (1 - depth * (0.5 + 0.5 * beat))


def _vibrato(pitch: float, timbre: float, n: int, rate: int, draw: Generator) -> Floats:
    reach, swing = between(VIBRATO_SEMITONES, draw), between(SWING_HZ, draw)
    beat = np.sin(2 * np.pi * (swing * np.arange(n) / rate + draw.random()))
    return tone(pitch * 2 ** (reach / 12 * beat), timbre, rate)


def _rise(pitch: float, timbre: float, n: int, rate: int, draw: Generator) -> Floats:
    octaves = between(CHIRP_OCTAVES, draw)
    return tone(pitch * 2 ** (octaves * (np.arange(n) / n - 0.5)), timbre, rate)


def _fall(pitch: float, timbre: float, n: int, rate: int, draw: Generator) -> Floats:
    octaves = between(CHIRP_OCTAVES, draw)
    return tone(pitch * 2 ** (octaves * (0.5 - np.arange(n) / n)), timbre, rate)


def _hiss(pitch: float, timbre: float, n: int, rate: int, draw: Generator) -> Floats:
    return filtered_noise(pitch, rate, n, rate, draw)


def _band(pitch: float, timbre: float, n: int, rate: int, draw: Generator) -> Floats:
    half = 2 ** (BAND_OCTAVES / 2)
    return filtered_noise(pitch / half, pitch * half, n, rate, draw)


# Class → its sound of this pitch (Hz) and timbre, so many samples at this rate. Chirps pass the pitch in their middle,
# a band of noise lies around it, hiss above it.
INSTRUMENTS: dict[str, Callable[[float, float, int, int, Generator], Floats]] = {
    "tone": _steady,
    "tremolo": _tremolo,
    "vibrato": _vibrato,
    "rise": _rise,
    "fall": _fall,
    "hiss": _hiss,
    "band": _band,
    "pluck": pluck,
}

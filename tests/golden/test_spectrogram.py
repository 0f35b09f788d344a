"""Spectrograms against their equations, summed up term by term in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tltk.data.audio.spectrogram import SpectrogramDials, as_image, hertz, log_mel, mel, mel_filters, picture
from tltk.errors import BadSpec

SMALL = SpectrogramDials(rate=2000, seconds=0.1, n_mels=8, window=20, hop=12.5, fmin=100, fmax=900, decibels=60)


def band(f: float, k: int, dials: SpectrogramDials) -> float:
    """The height of triangle k at a frequency: linear interpolation between its three corners."""
    low, high = (2595 * math.log10(1 + end / 700) for end in (dials.fmin, dials.fmax))
    step = (high - low) / (dials.n_mels + 1)
    corners = [700 * (10 ** ((low + (k + j) * step) / 2595) - 1) for j in range(3)]
    return float(np.interp(f, corners, [0.0, 1.0, 0.0]))


def test_the_mel_scale_is_that_of_htk() -> None:
    assert mel(np.array([0.0, 700.0])) == pytest.approx([0.0, 2595 * math.log10(2)])
    assert mel(np.array([1000.0]))[0] == pytest.approx(1000, abs=0.02)  # 1,000 Hz is the anchor of the scale
    assert hertz(mel(np.array([20.0, 440.0, 7999.0]))) == pytest.approx([20, 440, 7999])


def test_filters_are_triangles_and_none_is_empty() -> None:
    for dials in (SMALL, SpectrogramDials(), SpectrogramDials(n_mels=256, fmin=0)):
        filters = mel_filters(dials)
        assert filters.shape == (dials.n_mels, dials.n_fft // 2 + 1)
        assert (filters.max(1) > 0).all() and filters.min() == 0 and filters.max() <= 1
    wanted = [[band(i * 2000 / SMALL.n_fft, k, SMALL) for i in range(SMALL.n_fft // 2 + 1)] for k in range(8)]
    assert mel_filters(SMALL) == pytest.approx(np.array(wanted), abs=1e-12)


def test_log_mel_is_its_equation() -> None:
    sound = np.random.default_rng(0).standard_normal(170)  # shorter than what is seen: the rest is silence
    length, hop = 40, 25  # 20 ms and 12.5 ms at 2,000 Hz
    frames = 1 + math.ceil((200 - length) / hop)
    power = np.zeros((8, frames))
    for t in range(frames):
        for i in range(SMALL.n_fft // 2 + 1):
            f = i * 2000 / SMALL.n_fft
            total = 0j
            for j in range(length):
                x = sound[t * hop + j] if t * hop + j < len(sound) else 0.0
                hann = math.sin(math.pi * j / length) ** 2
                total += hann * x * np.exp(-2j * math.pi * f * j / 2000)
            for k in range(8):
                power[k, t] += band(f, k, SMALL) * abs(total) ** 2
    wanted = np.maximum(-60, 10 * np.log10(power / power.max() + 1e-30))
    assert log_mel(sound, SMALL) == pytest.approx(wanted, abs=1e-9)
    assert log_mel(0.01 * sound, SMALL) == pytest.approx(wanted, abs=1e-9)  # how loud it is does not matter


def test_a_pure_tone_lies_in_the_band_of_its_frequency_and_low_is_at_the_bottom() -> None:
    dials = SpectrogramDials()
    edges = hertz(np.linspace(mel(np.array(50.0)), mel(np.array(8000.0)), dials.n_mels + 2))
    for frequency in (200.0, 1000.0, 5000.0):
        levels = log_mel(np.sin(2 * np.pi * frequency * np.arange(16000) / 16000), dials)
        strongest = int(levels[:, 40].argmax())
        assert edges[strongest] < frequency < edges[strongest + 2]
        image = picture(as_image(levels, dials), 64)
        assert image.shape == (1, 64, 64) and image.dtype == np.uint8 and image.max() == 255 and image.min() == 0
        assert int(image[0, :, 40].argmax()) == 63 - strongest  # 64 bands on 64 rows


def test_grey_levels_are_decibels() -> None:
    levels = np.array([[-80.0, -40.0], [0.0, -80.0]])
    image = as_image(levels, SpectrogramDials())
    assert np.asarray(image).tolist() == [[255.0, 0.0], [0.0, 127.5]]


@pytest.mark.parametrize(
    ("dials", "words"),
    [
        ({"fmin": 9000.0}, "between fmin and fmax.* Got 9000 to 8000"),
        ({"fmax": 9000.0}, "half the rate, 8000 Hz, or below. Got 50 to 9000"),
        ({"seconds": 60.0, "hop": 1.0}, "at most 20,000 windows.* Got 59,97"),
        ({"rate": 192_000, "n_mels": 512, "fmin": 0.0, "fmax": 200.0}, "windows of 65,536 samples"),
    ],
)
def test_dials_that_do_not_go_together_are_refused(dials: dict[str, float], words: str) -> None:
    with pytest.raises(BadSpec, match=words):
        SpectrogramDials(**dials)  # type: ignore[arg-type]

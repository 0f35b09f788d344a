"""Sounds against their formulas, sample by sample in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tltk.data.audio import synthesis

RATE = 8000


def strongest(samples: np.ndarray) -> float:
    """The frequency of the largest peak, in hertz, to a hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 16 * RATE))
    return float(np.fft.rfftfreq(16 * RATE, 1 / RATE)[spectrum.argmax()])


def test_a_tone_is_its_sum_of_partials() -> None:
    found = synthesis.tone(np.full(200, 900.0), 0.5, RATE)
    wanted = [
        sum(0.5 ** (k - 1) * math.sin(2 * math.pi * 900 * k * (t + 1) / RATE) for k in (1, 2, 3, 4)) for t in range(200)
    ]  # the fifth partial, 4,500 Hz, would lie above half the rate
    assert found == pytest.approx(wanted, abs=1e-9)


def test_a_string_is_its_recurrence() -> None:
    n, period = 600, round(RATE / 440 - 0.5)
    found = synthesis.pluck(440.0, 0.3, n, RATE, np.random.default_rng(5))
    u, bright = np.random.default_rng(5).uniform(-1, 1, period), 0.2 + 0.8 * 0.3
    x: list[float] = []
    y: list[float] = []
    for t in range(n):
        x.append((bright * u[t] + (1 - bright) * (x[-1] if x else 0.0)) if t < period else 0.0)
        before = [y[t - lag] if t >= lag else 0.0 for lag in (period, period + 1)]
        y.append(x[t] + sum(before) / 2)
    assert found == pytest.approx(y, abs=1e-9)


@pytest.mark.parametrize("pitch", [110.0, 261.6, 440.0])
def test_a_string_has_its_pitch_and_dies_away(pitch: float) -> None:
    found = synthesis.pluck(pitch, 0.0, RATE, RATE, np.random.default_rng(1))
    lag = np.correlate(found[:4000], found[:4000], "full")[4000:][10:200].argmax() + 11
    assert RATE / lag == pytest.approx(RATE / (round(RATE / pitch - 0.5) + 0.5), rel=0.03)
    assert np.abs(found[-800:]).max() < 0.5 * np.abs(found[:800]).max()


def test_echoes_fall_by_sixty_decibels_in_the_reverberation_time() -> None:
    click = np.zeros(2 * RATE)
    click[0] = 1.0
    heard = synthesis.reverberate(click, 1.0, RATE, np.random.default_rng(0))
    echoes = heard - click
    assert (echoes**2).sum() == pytest.approx(1.0) and np.abs(echoes[RATE + 1 :]).max() < 1e-12
    pieces = (echoes[:RATE].reshape(20, -1) ** 2).mean(1)  # power in 50 ms each
    slope = np.polyfit((np.arange(20) + 0.5) / 20, 10 * np.log10(pieces), 1)[0]
    assert slope == pytest.approx(-60, abs=3)
    assert synthesis.reverberate(click, 0.0, RATE, np.random.default_rng(0)) is click


def test_noise_is_as_loud_as_it_says() -> None:
    sound = 3 * np.sin(np.arange(20_000))
    hum = synthesis.add_noise(sound, 0.5, np.random.default_rng(0)) - sound
    assert hum.std() == pytest.approx(0.5 * math.sqrt((sound**2).mean()), rel=0.02)
    assert synthesis.add_noise(sound, 0.0, np.random.default_rng(0)) is sound


def test_filtered_noise_lies_in_its_band() -> None:
    found = synthesis.filtered_noise(800, 1200, 4 * RATE, RATE, np.random.default_rng(0))
    power, f = np.abs(np.fft.rfft(found)) ** 2, np.fft.rfftfreq(4 * RATE, 1 / RATE)
    assert power[(f > 700) & (f < 1300)].sum() > 0.95 * power.sum()
    high = synthesis.filtered_noise(1000, RATE, 4 * RATE, RATE, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(high)) ** 2
    assert power[f > 900].sum() > 0.98 * power.sum() and power[f > 3500].mean() > 0.5 * power[f > 1200].mean()


def test_chirps_pass_their_pitch_in_the_middle_up_and_down() -> None:
    for name, sign in (("rise", 1), ("fall", -1)):
        found = synthesis.INSTRUMENTS[name](600.0, 0.0, RATE, RATE, np.random.default_rng(0))
        first, middle, last = (strongest(found[at : at + 400]) for at in (0, RATE // 2 - 200, RATE - 400))
        assert middle == pytest.approx(600, rel=0.03) and sign * first < sign * 520 and sign * last > sign * 690


def test_envelopes_are_half_cosines() -> None:
    found = synthesis.envelope(RATE, RATE, 0.1, 0.2)
    assert found[0] == 0 and found[RATE // 20] == pytest.approx(0.5, abs=1e-3) and found[RATE // 2] == 1
    assert found[RATE - RATE // 10] == pytest.approx(0.5, abs=1e-3) and found[-1] < 1e-4

"""The shift lab of sounds: every dial moves what it says and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tltk import data
from tltk.data.sources import tones
from tltk.data.sources.tones import CLASSES, SEEN, Dials, play
from tltk.errors import BadSpec, UnknownName
from tltk.specs.knobs import knobs
from tltk.specs.parts import DataSpec


def spectrum(samples: np.ndarray) -> np.ndarray:
    power: np.ndarray = np.abs(np.fft.rfft(samples)) ** 2
    return power / power.sum()


def sound(i: int, **dials: Any) -> np.ndarray:
    return play(i, 0, Dials(**dials))[0]


def test_a_smaller_set_is_the_beginning_of_a_larger_one_and_seeds_differ() -> None:
    small, large, other = (data.load(DataSpec("tones", n=n, size=16, seed=s)) for n, s in ((16, 0), (24, 0), (16, 1)))
    assert np.array_equal(small.images, large.images[:16]) and np.array_equal(small.origins, large.origins[:16])
    assert not np.array_equal(small.images, other.images) and not set(small.origins) & set(other.origins)
    assert small.classes == CLASSES and small.labels.tolist() == [*range(8)] * 2
    assert small.images.shape == (16, 1, 16, 16) and small.licence == "CC0 1.0"


def test_a_domain_has_one_name_in_one_spelling() -> None:
    assert data.parse("tones:noise=.50, reverberation=1.0") == ("tones", "reverberation=1,noise=0.5")
    assert data.parse("tones:low=110") == ("tones", "")
    for argument, kind, words in [
        ("nois=1", UnknownName, "Did you mean 'noise'"),
        ("low=900", BadSpec, "The dial low of tones must be below high. Got 900 and 880 Hz. Write"),
        ("noise=9", BadSpec, "between 0.0 and 4.0"),
        ("noise=loud", BadSpec, "The dial noise must be a number. Got 'loud'; write as in tones:noise=0.5"),
    ]:
        with pytest.raises(kind, match=words):
            data.parse(f"tones:{argument}")


@pytest.mark.parametrize("dials", [{"reverberation": 2.0}, {"noise": 1.0}])
def test_room_and_noise_change_no_note(dials: dict[str, float]) -> None:
    for i in range(len(CLASSES)):
        clean, turned = sound(i), sound(i, **dials)
        assert not np.allclose(clean, turned) and np.corrcoef(clean, turned)[0, 1] > 0.3
    heard, plain = (data.load(DataSpec(name, n=16, size=16)) for name in ("tones:reverberation=2", "tones"))
    assert np.array_equal(heard.origins, plain.origins)  # the same examples, heard in a room
    assert np.array_equal(heard.attributes["pitch"].numbers, plain.attributes["pitch"].numbers)


def test_echoes_fill_what_was_silent() -> None:
    for i in range(len(CLASSES)):
        clean, wet = sound(i), sound(i, reverberation=1.0)
        after = int(np.flatnonzero(clean)[-1]) + 50
        if after < SEEN.n_samples - 500:
            assert np.abs(wet[after : after + 500]).max() > 1e-3 * np.abs(wet).max()


def test_pitches_lie_between_low_and_high_and_are_told() -> None:
    f = np.fft.rfftfreq(SEEN.n_samples, 1 / SEEN.rate)
    for low, high in ((200.0, 300.0), (900.0, 1500.0)):
        for i in range(0, 80, 8):  # tones
            samples, third = play(i, 0, Dials(low=low, high=high, timbre=0.0))
            peak = float(f[spectrum(samples).argmax()])
            assert low - 3 <= peak <= high + 3
            height = np.log(peak / low) / np.log(high / low)
            assert abs(height - (third + 0.5) / 3) < 1 / 6 + 0.02


def test_timbre_is_brightness() -> None:
    f = np.fft.rfftfreq(SEEN.n_samples, 1 / SEEN.rate)
    for i in (*range(5), CLASSES.index("pluck")):
        dull, bright = (float((spectrum(sound(i, timbre=timbre)) * f).sum()) for timbre in (0.1, 0.9))
        assert bright > 1.2 * dull, CLASSES[i]


def test_every_dial_moves_the_pictures() -> None:
    turned = {"low": 220.0, "high": 440.0, "timbre": 0.9, "reverberation": 0.5, "noise": 0.2}
    assert set(turned) == set(knobs(Dials))
    usual = tones.load(DataSpec("tones", n=16, size=16)).images.astype(int)
    for name, value in turned.items():
        argument = dataclasses.replace(Dials(), **{name: value}).text()
        moved = tones.load(DataSpec("tones", n=16, size=16), argument).images.astype(int)
        assert np.abs(moved - usual).mean() > 2, name


def test_what_is_played_is_what_is_seen() -> None:
    spec = DataSpec("tones:noise=0.5", n=16, size=16)
    (heard,) = data.sounds(spec, data.load(spec), [5])
    assert heard.rate == 16_000 and np.array_equal(heard.samples, sound(5, noise=0.5))

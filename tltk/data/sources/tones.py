"""The shift lab of sounds: tones, chirps, noises and plucked strings made by formula, with a dial for every shift.

`tones`, or `tones:reverberation=1,noise=0.3,low=440`: source and target are two settings of the dials, so the true
shift is known. Networks see log-mel spectrograms, as of `sound:PATH` at its defaults. Licence: CC0 1.0 (made here).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tltk.data.attributes import Attribute
from tltk.data.audio import spectrogram, synthesis
from tltk.data.audio.files import Sound
from tltk.data.audio.spectrogram import SpectrogramDials
from tltk.data.audio.synthesis import Floats
from tltk.data.decode import allocate
from tltk.data.dials import NamedDials
from tltk.data.domain import Domain, Progress
from tltk.data.identity import generated_origins
from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.specs.parts import DataSpec

LICENCE, SOURCE = "CC0 1.0", "made here from formulas of sounds"
DEFAULT_N = 2000
CLASSES = tuple(synthesis.INSTRUMENTS)
PITCHES = ("low", "middle", "high")  # thirds of the range of pitches, in octaves
ONSET_SECONDS, SOUNDING = (0.0, 0.15), (0.6, 1.0)  # when a sound begins, and its share of the time that is left
SEEN = SpectrogramDials()


@dataclass(frozen=True)
class Dials(NamedDials):
    """What is shifted, and by how much. At the defaults sounds are clean.

    Example:
        >>> Dials.parse("noise=0.2, reverberation=1").text()
        'reverberation=1,noise=0.2'
    """

    domain: ClassVar[str] = "tones"
    example: ClassVar[str] = "tones:reverberation=1,noise=0.2"

    low: float = knob(110.0, 55.0, 3000.0, help="Lowest pitch, in hertz.", log=True)
    high: float = knob(880.0, 60.0, 3000.0, help="Highest pitch, in hertz.", log=True)
    timbre: float = knob(0.5, 0.0, 0.95, help="Amplitude of each overtone as a share of the one below it; brightness.")
    reverberation: float = knob(0.0, 0.0, 5.0, help="Seconds in which the echoes of a room fall by 60 dB; 0 = no room.")
    noise: float = knob(0.0, 0.0, 4.0, help="White noise over all: its root mean square as a share of the sound's.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low >= self.high:
            raise BadSpec(f"The dial low of tones must be below high. Got {self.low:g} and {self.high:g} Hz.")


def check(argument: str) -> str:
    """The argument as it is written in names and keys: dials in one order, defaults left out.

    Raises:
        UnknownName, BadSpec: As `Dials.parse`.
    """
    return Dials.parse(argument).text()


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Tones, chirps, noises and plucked strings with dials for every shift, as in tones:reverberation=1.

    Sound i depends on i, `spec.seed` and the dials only, so a smaller set is the beginning of a larger one. The seed
    decides what is played, the dials how: two settings play the same notes. Pitch is an attribute.

    Args:
        spec: n (0 = 2,000), size and seed.
        argument: The dials.
        progress: Called with (done, total).
    """
    dials, n = Dials.parse(argument), spec.n or DEFAULT_N
    images, labels, pitches = allocate((n, 1, spec.size, spec.size)), np.arange(n) % len(CLASSES), np.empty(n, np.int64)
    for i in range(n):
        samples, pitches[i] = play(i, spec.seed, dials)
        image = spectrogram.as_image(spectrogram.log_mel(samples, SEEN), SEEN)
        images[i] = spectrogram.picture(image, spec.size)
        if progress and ((i + 1) % 64 == 0 or i + 1 == n):
            progress(i + 1, n)
    return Domain.of(
        spec.name,
        images,
        labels.astype(np.int64),
        CLASSES[:n],
        licence=LICENCE,
        source=SOURCE,
        origins=generated_origins("tones", spec.seed, n),
        attributes={"pitch": Attribute(PITCHES, pitches)},
    )


def class_names(_argument: str) -> tuple[str, ...]:
    """Whatever the dials, the instruments."""
    return CLASSES


def attribute_names(argument: str) -> tuple[str, ...]:
    """What is known of each sound beside its class."""
    return ("pitch",)


def sounds(spec: DataSpec, argument: str, domain: Domain, index: Sequence[int]) -> list[Sound]:
    """Some sounds of the domain, as they are to be heard.

    Args:
        spec: Its seed decides what is played.
        argument: The dials.
        domain: Not asked: sounds are made anew.
        index: Positions in it.
    """
    dials = Dials.parse(argument)
    return [Sound(play(i, spec.seed, dials)[0], SEEN.rate) for i in index]


def play(i: int, seed: int, dials: Dials) -> tuple[Floats, int]:
    """Sound i, at the rate and of the length that are seen, and which of `PITCHES` it has.

    Args:
        i: Decides the class and, with the seed, the note.
        seed: Of the domain.
        dials: How it sounds.
    """
    # A stream for the note, one for the room, one for the noise: a dial does not disturb what the others decide.
    note, room, hum = (np.random.default_rng((seed, i, stream)) for stream in range(3))
    height = note.random()
    pitch = dials.low * (dials.high / dials.low) ** height
    onset = synthesis.between(ONSET_SECONDS, note)
    n = round((SEEN.seconds - onset) * synthesis.between(SOUNDING, note) * SEEN.rate)
    attack, release = (synthesis.between(ends, note) for ends in (synthesis.ATTACK_SECONDS, synthesis.RELEASE_SECONDS))
    instrument = synthesis.INSTRUMENTS[CLASSES[i % len(CLASSES)]]
    sound = instrument(pitch, dials.timbre, n, SEEN.rate, note) * synthesis.envelope(n, SEEN.rate, attack, release)
    samples = np.zeros(SEEN.n_samples)
    first = math.floor(onset * SEEN.rate)
    samples[first : first + n] = sound[: len(samples) - first]
    samples = synthesis.reverberate(samples, dials.reverberation, SEEN.rate, room)
    return synthesis.add_noise(samples, dials.noise, hum), min(int(3 * height), 2)

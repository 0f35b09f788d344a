"""Folders of sounds: what is read, what is named instead, and that a sound is the same example in every form."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from tests.support.sounds import RATE, sweep, write
from tltk import data
from tltk.dashboard import permitted
from tltk.data.audio import files
from tltk.data.audio.spectrogram import SpectrogramDials, as_image, log_mel, picture
from tltk.data.domain import Domain, exclude_examples, held_out_origins
from tltk.data.sources import sound
from tltk.errors import BadSpec, DataProblem, UnknownName
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths

FOUR = [f"{c}/{i + 4 * (c == 'bee')}.wav" for c in ("ant", "bee") for i in range(4)]
DIALS = "seconds=0.5&rate=8000"


def load(root: Path, dials: str = DIALS, **fields: Any) -> Domain:
    spec = DataSpec(f"sound:{root}?{dials}", **{"size": 16, **fields})
    return data.load(spec)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder for sounds; beside it lies the home of the runs."""
    (tmp_path / "sounds").mkdir()
    return tmp_path / "sounds"


@pytest.fixture
def without_soundfile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "has_soundfile", lambda: False)


# -- what is read ----------------------------------------------------------------------------------------------


def test_a_folder_per_class_becomes_pictures_of_one_channel(root: Path) -> None:
    domain = load(write(root, *FOUR))
    assert domain.classes == ("ant", "bee") and domain.images.shape == (8, 1, 16, 16) and not domain.skipped
    dials = SpectrogramDials(seconds=0.5, rate=8000)
    wanted = picture(as_image(log_mel(sweep(5) / 2**15, dials), dials), 16)
    assert np.array_equal(domain.images[domain.files.names.index("bee/5.wav")], wanted)
    assert any(
        "64 mel bands from 50 to 4000 Hz over 0.5 s" in note and "80 dB" in note for note in domain.account.notes
    )
    assert load(root, size=24).images.shape == (8, 1, 24, 24)


def test_parts_on_top_and_few_labels(root: Path) -> None:
    for part in ("train", "val", "test"):
        write(root / part, *FOUR)
    domain = load(root)
    split = domain.split(DataSpec(shots=2), 0)
    assert domain.given is not None and len(split.train) == 4 and (domain.given[split.test] == 2).all()


@pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "float32", "float64", "stereo"])
def test_every_kind_of_samples_is_the_same_sound(root: Path, kind: str) -> None:
    whole = sweep(3) / 2**15
    values = {
        "uint8": lambda: np.rint(whole * 128 + 128).astype(np.uint8),
        "int16": lambda: sweep(3),
        "int32": lambda: np.rint(whole * 2**31).astype(np.int32),
        "stereo": lambda: np.stack([sweep(3), sweep(3)], 1),
    }.get(kind, lambda: whole.astype(kind))()
    wavfile.write(root / "a.wav", RATE, values)
    found = files.read(root / "a.wav")
    assert found.rate == RATE and found.samples == pytest.approx(whole, abs=0.005 if kind == "uint8" else 1e-6)
    wavfile.write(root / "b.wav", RATE, sweep(3))
    assert (found.origin() == files.read(root / "b.wav").origin()) == (kind != "uint8")


def test_another_rate_shows_the_same_picture_but_what_lies_above_it(root: Path) -> None:
    t = np.arange(16_000) / 16_000
    wavfile.write(root / "a.wav", 16_000, np.rint(2e4 * np.sin(2 * np.pi * 700 * t)).astype(np.int16))
    t = np.arange(44_100) / 44_100
    both = np.sin(2 * np.pi * 700 * t) + np.sin(2 * np.pi * 15_000 * t)  # the second would fold down to 1,000 Hz
    wavfile.write(root / "b.wav", 44_100, np.rint(1e4 * both).astype(np.int16))
    low, high = (log_mel(files.read(root / name).at(16_000, 1.0), SpectrogramDials()) for name in ("a.wav", "b.wav"))
    loud = low > -50
    assert np.abs(low - high)[:, 3:90][loud[:, 3:90]].max() < 1 and high[:, 50].argmax() == low[:, 50].argmax()
    assert (high[:, 20:80].max(1) > -40).tolist() == (low[:, 20:80].max(1) > -40).tolist()


def test_what_is_longer_is_cut_and_what_is_shorter_ends_in_silence(root: Path) -> None:
    write(root, *FOUR)
    write(root, "ant/9.wav", seconds=1.5)
    write(root, "bee/8.wav", seconds=0.1)
    domain = load(root)
    told = " ".join(domain.account.notes)
    assert "1 of 10 sounds are longer than the 0.5 s" in told and "up to 1.5 s" in told and "seconds=2" in told
    assert "1 of 10 sounds fill less than half" in told
    short = domain.images[domain.files.names.index("bee/8.wav")][0]
    assert short[:, :2].max() > 200 and not short[:, 6:].any()


# -- copies ----------------------------------------------------------------------------------------------------


def test_copies_are_found_by_what_is_heard_and_stay_in_one_part(root: Path) -> None:
    write(root, *FOUR)
    (root / "ant" / "10.wav").write_bytes((root / "ant" / "0.wav").read_bytes())
    wavfile.write(root / "ant" / "11.wav", RATE, np.rint(sweep(1) * 0.5).astype(np.int16))  # the same, not as loud
    domain = load(root)
    at = {name: i for i, name in enumerate(domain.files.names)}
    assert domain.origins[at["ant/10.wav"]] == domain.origins[at["ant/0.wav"]]
    assert domain.origins[at["ant/11.wav"]] != domain.origins[at["ant/1.wav"]]
    twins = {frozenset(n for n in at if domain.twins[at[n]] == t) for t in set(domain.twins.tolist())}
    assert {len(group) for group in twins} == {1, 2}
    assert {frozenset(("ant/0.wav", "ant/10.wav")), frozenset(("ant/1.wav", "ant/11.wav"))} <= twins
    split = domain.split(DataSpec(val=0.2, test=0.2), 0)
    for pair in (("ant/0.wav", "ant/10.wav"), ("ant/1.wav", "ant/11.wav")):
        parts = [{at[n] in part.tolist() for n in pair} for part in (split.train, split.val, split.test)]
        assert all(len(found) == 1 for found in parts)
    for size in (8, 64):  # what is a copy does not hang on the size that is trained on
        assert np.array_equal(load(root, size=size).twins, domain.twins)


def test_a_source_does_not_teach_what_the_target_tests(root: Path) -> None:
    target, source = load(write(root / "a", *FOUR)), load(write(root / "b", *FOUR), "rate=8000&seconds=0.25")
    held = held_out_origins(target, target.split(DataSpec(), 0))
    assert len(held) and len(exclude_examples(source, np.arange(8), held)) == 8 - len(held)


# -- what is named instead -------------------------------------------------------------------------------------


def as_file(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    wavfile.write(file, RATE, values)
    return file.getvalue()


@pytest.mark.usefixtures("without_soundfile")
def test_what_cannot_be_used_is_named_with_its_reason(root: Path) -> None:
    write(root, *FOUR)
    bad = {
        "empty.wav": (b"", "the file is empty"),
        "broken.wav": (b"RIFF\x00\x00\x00\x00WAVEnonsense", "cannot be decoded"),
        "cut.wav": (as_file(sweep(1))[:1001], "is cut off: 957 of the [0-9,]+ bytes of sound are there"),
        "half.wav": (as_file(sweep(1))[:1002], "is cut off: 958 of the [0-9,]+ bytes of sound are there"),
        "head.wav": (as_file(sweep(1))[:20], "ends before its sound begins"),
        "text.wav": (b"no sound at all", "cannot be decoded"),
        "a.flac": (b"fLaC", r"needs the package soundfile, pip install tltk\[sound\]"),
        "a.mp3": (b"x", "is not a sound format that is read"),
        "notes.txt": (b"x", "is not a sound format that is read"),
    }
    for name, (content, _) in bad.items():
        (root / "ant" / name).write_bytes(content)
    more = {
        "silent.wav": (np.full(800, 7, np.int16), RATE, "silent: all samples are equal"),
        "late.wav": (np.concatenate([np.zeros(RATE, np.int16), sweep(1)]), RATE, "silent in the 0.5 s that are seen"),
        "long.wav": (np.ones(301 * 1000, np.int16), 1000, "lasts 301 s, more than the limit of 300 s"),
        "none.wav": (np.zeros(0, np.int16), RATE, "holds no samples"),
        "nan.wav": (np.array([0.0, np.nan], np.float32), RATE, "no numbers"),
        "slow.wav": (sweep(1), 10, "10 samples a second"),
    }
    for name, (values, rate, _) in more.items():
        wavfile.write(root / "ant" / name, rate, values)
    domain = load(root)
    assert len(domain.labels) == 8
    reasons = dict(domain.skipped)
    assert set(reasons) == {f"ant/{name}" for name in (*bad, *more)}

    for name, words in [*((n, w) for n, (_, w) in bad.items()), *((n, w) for n, (*_, w) in more.items())]:
        assert re.search(words, reasons[f"ant/{name}"]), (name, reasons[f"ant/{name}"])


def test_reasons_that_differ_by_a_figure_are_one_reason(root: Path) -> None:
    write(root, *FOUR)
    for i in range(3):
        (root / "ant" / f"cut {i}.wav").write_bytes(as_file(sweep(1))[: 500 + i])
    for name in ("a.mp3", "b.mp3"):
        (root / "ant" / name).touch()
    said = " ".join(load(root).account.notes)
    assert "files: it is cut off (3); the ending .mp3 is not a sound format that is read (2)." in said


def test_a_header_that_promises_gigabytes_reads_what_is_there_or_is_refused(root: Path) -> None:
    content = bytearray(as_file(sweep(1)))
    struct.pack_into("<I", content, content.index(b"data") + 4, 0xFFFF_FF00)
    (root / "a.wav").write_bytes(content)
    try:
        assert len(files.read(root / "a.wav").samples) == len(sweep(1))
    except DataProblem as fault:
        assert "cannot be decoded" in str(fault)


def test_large_files_are_not_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "ant/1.wav")
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(files, "_decode", lambda path: pytest.fail("it was read"))
    with pytest.raises(DataProblem, match="MiB, more than the limit"):
        files.read(root / "ant" / "1.wav")


@pytest.mark.usefixtures("without_soundfile")
def test_folders_without_sounds_get_a_sentence(root: Path) -> None:
    with pytest.raises(DataProblem, match="sound:PATH must name a folder. .* is nothing there"):
        load(root / "no")
    (root / "ant").mkdir()
    (root / "ant" / "1.jpg").write_bytes(b"x")
    with pytest.raises(DataProblem, match="must hold sounds in class folders.* PATH/cats/1.wav"):
        load(root)
    write(root, "ant/1.wav", "ant/2.wav")
    (root / "bee").mkdir()
    (root / "bee" / "1.ogg").write_bytes(b"OggS")
    with pytest.raises(DataProblem, match="bee holds 1 file, all .ogg, which needs the package soundfile"):
        load(root)
    (root / "bee" / "1.wav").write_bytes(b"x")
    with pytest.raises(
        DataProblem, match="must hold sounds that can be used. None can be in bee: bee/1.wav: cannot be"
    ):
        load(root)


# -- names -----------------------------------------------------------------------------------------------------


def test_dials_stand_in_the_name_in_one_spelling(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data.parse("sound:/a?n_mels=96&seconds=2.0") == ("sound", "/a?seconds=2&n_mels=96")
    assert data.parse("sound:/a?seconds=1") == ("sound", "/a") == data.parse("sound:/a?rate=16000~fog:3")
    for name, kind, words in [
        ("sound:", BadSpec, "write sound:PATH"),
        ("sound:?seconds=2", BadSpec, "write sound:PATH"),
        ("sound:/a?second=2", UnknownName, "Did you mean 'seconds'"),
        ("sound:/a?seconds=long", BadSpec, r"must be a number. Got 'long'; write as in sound:PATH\?seconds=0.5"),
        ("sound:/a?rate=8e3", BadSpec, r"must be a whole number. Got '8e3'; write as in sound:PATH\?rate=16000"),
        ("sound:/a?seconds=100", BadSpec, "between 0.05 and 60.0. Got 100"),
    ]:
        with pytest.raises(kind, match=words):
            data.parse(name)
    write(root / "odd?name", *FOUR)  # a folder that is called so has no dials
    assert len(data.load(DataSpec(f"sound:{root}/odd?name", size=8)).labels) == 8
    monkeypatch.chdir(root)
    assert with_absolute_paths(DataSpec("sound:here?seconds=2")).name == f"sound:{root}/here?seconds=2"


def test_what_is_kept_is_made_again_when_a_file_or_a_dial_changes(root: Path) -> None:
    first = load(write(root, *FOUR))
    assert load(root).fingerprint == first.fingerprint
    assert load(root, DIALS + "&n_mels=32").fingerprint != first.fingerprint
    wavfile.write(root / "ant" / "0.wav", RATE, sweep(20))
    assert load(root).fingerprint != first.fingerprint


def test_strangers_may_name_sounds_where_they_may_name_pictures() -> None:
    found = set(permitted.paths(DataSpec("sound:/a/b?seconds=2")))
    assert {"/a/b", "/a/b?seconds=2"} <= found  # both are asked about: a folder may be called so


# -- hearing ---------------------------------------------------------------------------------------------------


def test_what_is_played_is_what_is_seen(root: Path) -> None:
    write(root, *FOUR, seconds=0.8)
    domain, spec = load(root), DataSpec(f"sound:{root}?{DIALS}", size=16)
    at = domain.files.names.index("bee/6.wav")
    (heard,) = data.sounds(spec, domain, [at])
    assert heard.rate == RATE and heard.samples == pytest.approx(sweep(6, 0.8)[:4000] / 2**15)
    rate, played = wavfile.read(io.BytesIO(files.as_wav(heard.samples, heard.rate)))
    assert rate == RATE and np.corrcoef(played, heard.samples)[0, 1] > 0.9999 and np.abs(played).max() > 29_000
    assert data.sounds(DataSpec(f"{spec.name}~fog:3", size=16), domain, [at]) == []  # nobody hears the fog
    assert data.sounds(DataSpec("digits"), domain, [at]) == []
    (root / "bee" / "6.wav").unlink()
    with pytest.raises(DataProblem, match=r"bee/6.wav must lie below .* It is gone"):
        data.sounds(spec, domain, [at])


@pytest.mark.parametrize(("ending", "form"), [("flac", "FLAC"), ("ogg", "OGG")])
def test_coded_files_are_read_with_soundfile(root: Path, ending: str, form: str) -> None:
    library: Any = pytest.importorskip("soundfile")
    write(root, *FOUR)
    library.write(root / "ant" / f"0.{ending}", sweep(0), RATE, format=form)
    (root / "bee" / f"9.{ending}").write_bytes(b"garbage")
    domain = load(root)
    assert dict(domain.skipped)[f"bee/9.{ending}"].startswith("cannot be decoded")
    plain, coded = (domain.files.names.index(f"ant/0.{e}") for e in ("wav", ending))
    assert domain.twins[plain] == domain.twins[coded]  # one sound, whatever the file
    if form == "FLAC":
        assert domain.origins[plain] == domain.origins[coded]


def test_soundfile_is_asked_for_where_it_is_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, *FOUR)
    (root / "ant" / "0.flac").write_bytes(b"fLaC")
    versions = []
    for there in (False, True):
        monkeypatch.setattr(files, "has_soundfile", lambda there=there: there)
        versions.append(sound.source_version(str(root)))
    assert versions[0] != versions[1]  # what was kept without it is read again once it is installed

"""`load`: names, and arrays that are kept on disk and never trusted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tltk import data, home
from tltk.data import domains, load, parse
from tltk.data.sources import rendered_digits
from tltk.errors import BadSpec, DataProblem, UnknownName
from tltk.specs.parts import DataSpec

SPEC = DataSpec("rendered_digits", n=30, size=8)


def test_names() -> None:
    assert domains.names() == [
        "archive",
        "blended_digits",
        "contours",
        "csv",
        "digits",
        "docstrings",
        "folder",
        "formulas",
        "fractals",
        "grey",
        "hf",
        "leaves",
        "npz",
        "rendered_digits",
        "sentences",
        "shapes",
        "sound",
        "subset",
        "surfaces",
        "table",
        "text",
        "tones",
        "torchvision",
        "transactions",
    ]
    assert parse("digits") == ("digits", "")
    assert parse("folder:/a/b:c d") == ("folder", "/a/b:c d")
    assert parse("folder:C:\\pictures") == ("folder", "C:\\pictures")
    with pytest.raises(UnknownName, match="Did you mean 'digits'"):
        parse("digit")
    for name, words in {
        "folder": "needs a path. Got 'folder'; write folder:PATH",
        "npz: ": "needs a path",
        "digits:x": "takes no path",
        "./pictures": "write one of these before the path",
    }.items():
        with pytest.raises(BadSpec, match=words):
            parse(name)
    with pytest.raises(UnknownName):
        load(DataSpec("domain"))


def kept() -> Path:
    """The one folder in the cache."""
    (only,) = home.folder("domains").iterdir()
    return only


def test_a_second_load_reads_the_kept_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    first = load(SPEC, lambda done, total: calls.append((done, total)))
    assert calls == [(30, 30)] and sorted(p.name for p in kept().iterdir()) == ["images.npy", "meta.json"]
    monkeypatch.setattr(rendered_digits, "load", lambda *_: pytest.fail("made anew"))
    again = load(DataSpec("rendered_digits", n=30, size=8, shots=1, val=0.3))
    assert again.fingerprint == first.fingerprint and again.classes == first.classes
    assert np.array_equal(again.images, first.images) and np.array_equal(again.labels, first.labels)
    assert isinstance(again.images, np.memmap) and again.licence == first.licence
    again.images[:] = 0  # stays in this process
    assert load(SPEC).images.any()


def test_every_field_that_changes_pixels_changes_the_key() -> None:
    for spec in (SPEC, DataSpec("rendered_digits", n=40, size=8), DataSpec("rendered_digits", n=30, size=9)):
        load(spec)
    load(DataSpec("rendered_digits", n=30, size=8, seed=1))
    assert len(list(home.folder("domains").iterdir())) == 4


def damage_short(folder: Path) -> None:
    path = folder / "images.npy"
    os.truncate(path, path.stat().st_size - 100)


def damage_pixel(folder: Path) -> None:
    with (folder / "images.npy").open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\xaa")


def damage_zeros(folder: Path) -> None:
    size = (folder / "images.npy").stat().st_size
    os.truncate(folder / "images.npy", 200)
    os.truncate(folder / "images.npy", size)


def damage_other_size(folder: Path) -> None:
    np.save(folder / "images.npy", np.zeros((29, 3, 8, 8), np.uint8))


def damage_other_type(folder: Path) -> None:
    np.save(folder / "images.npy", np.zeros((30, 3, 8, 8), np.float32))


def damage_pickle(folder: Path) -> None:
    np.save(folder / "images.npy", np.array([{}], object), allow_pickle=True)


def damage_meta(folder: Path) -> None:
    path = folder / "meta.json"
    path.write_bytes(path.read_bytes()[:50])


def damage_labels(folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_bytes())
    meta["labels"][0] = 5
    (folder / "meta.json").write_text(json.dumps(meta))


def damage_classes(folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_bytes())
    meta["classes"] = meta["classes"][:3]
    (folder / "meta.json").write_text(json.dumps(meta))


def damage_parts(folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_bytes())
    meta["given"] = [300] * 30
    (folder / "meta.json").write_text(json.dumps(meta))


def damage_gone(folder: Path) -> None:
    (folder / "images.npy").unlink()


@pytest.mark.parametrize("damage", [v for k, v in sorted(globals().items()) if k.startswith("damage_")])
def test_damaged_arrays_are_made_anew(damage: object) -> None:
    first = load(SPEC)
    damage(kept())  # type: ignore[operator]
    again = load(SPEC)
    assert again.fingerprint == first.fingerprint
    assert np.array_equal(again.images, rendered_digits.load(SPEC).images)
    assert data._read(kept(), "x") is not None  # and what is kept now is whole


def test_a_full_disk_costs_the_cache_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    domain = load(SPEC)
    assert len(domain.labels) == 30 and not list(home.folder("domains").iterdir())


def test_two_writers_leave_one_whole_folder() -> None:
    first = load(SPEC)
    assert data._keep(kept(), first).fingerprint == first.fingerprint
    assert sorted(p.name for p in kept().iterdir()) == ["images.npy", "meta.json"]


def test_what_killed_processes_left_is_swept_away() -> None:
    old, new = (home.folder("domains") / f"{name}.tmp" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    load(SPEC)
    assert not old.exists() and new.exists()


def test_a_folder_is_read_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "p" / name)
    spec = DataSpec(f"folder:{tmp_path / 'p'}", size=8)
    first = load(spec)
    assert load(DataSpec(spec.name, size=8, seed=3)).fingerprint == first.fingerprint
    assert len(list(home.folder("domains").iterdir())) == 1  # without n the seed changes no pixel
    monkeypatch.chdir(tmp_path)
    near = load(DataSpec("folder:p", size=8))
    assert near.name == "folder:p" and near.fingerprint == first.fingerprint
    assert len(list(home.folder("domains").iterdir())) == 1
    Image.new("RGB", (8, 8), "red").save(tmp_path / "p" / "a" / "3.png")
    (tmp_path / "p" / "b" / "2.png").write_bytes(b"")
    changed = load(spec)
    assert changed.labels.tolist() == [0, 0, 0, 1] and changed.skipped == (("b/2.png", "the file is empty"),)
    assert load(spec).skipped == changed.skipped
    shutil.rmtree(tmp_path / "p")
    with pytest.raises(DataProblem, match="nothing there"):
        load(spec)


def test_nothing_heavy_is_imported_for_kept_arrays() -> None:
    load(SPEC)
    code = (
        "import sys, tltk.data; from tltk.specs.parts import DataSpec; [tltk.data.parse(f'{k}:x') for k in"
        "('folder', 'archive', 'npz')]; tltk.data.load(DataSpec('rendered_digits', n=30, size=8));"
        "print([m for m in ('torch', 'sklearn', 'scipy', 'streamlit') if m in sys.modules])"
    )
    path = os.pathsep.join([str(Path(data.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"[]"

"""Pictures that are no squares: the middle, the whole on its ground, or squashed; by file, archive and array alike."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from timm.data.transforms_factory import create_transform

from tltk import data
from tltk.analyses.inspect.analysis import domain_summary
from tltk.analyses.inspect.table import lines
from tltk.analyses.predict.inputs import domain_spec
from tltk.data.cautions import cautions
from tltk.data.decode import decode
from tltk.data.fit import GREY_GROUND, GROUND, place, resize
from tltk.errors import BadSpec, UnknownName
from tltk.specs.parts import FITS, DataSpec
from tltk.specs.size import Size, height_and_width
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

OF_TIMM = {"crop": "center", "pad": "border", "squash": "squash"}


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def own_folder(root: Path, width: int = 60, height: int = 40, ending: str = "png") -> Path:
    for label in range(2):
        (root / f"class {label}").mkdir(parents=True)
        for i in range(6):
            noise(width, height, 10 * label + i).save(root / f"class {label}" / f"{i}.{ending}")
    return root


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [32, (24, 48)])
@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (61, 37), (90, 31), (50, 50), (20, 11), (300, 20), (7, 95)])
def test_it_is_what_timm_does_for_evaluation(tmp_path: Path, shape: tuple[int, int], fit: str, size: Size) -> None:
    """timm's own transform of the mode that exports name; with ImageNet's mean, which it pads with."""
    picture = noise(*shape)
    picture.save(tmp_path / "a.png")
    theirs = create_transform(
        (3, *height_and_width(size)), crop_pct=1.0, crop_mode=OF_TIMM[fit], interpolation="bicubic", normalize=False
    )
    wanted = np.asarray(theirs(picture)).astype(int)
    got = decode(tmp_path / "a.png", size, fit)
    assert got.shape[1:] == height_and_width(size)
    # Its middle is cut on whole pixels of what was resized, ours before it is resized: at most half a pixel
    # apart. A side that shrinks more than threefold is first halved by boxes here.
    assert np.abs(got - wanted).mean() < (12 if fit == "crop" else 0.5 if max(shape) < 96 else 3)
    if fit == "pad":
        assert (got == np.array(GROUND)[:, None, None]).all(0).sum() == (
            (wanted == np.array(GROUND)[:, None, None]).all(0).sum()
        )


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("orientation", [3, 5, 6, 8])
@pytest.mark.parametrize("size", [24, (16, 40)])
def test_a_turned_picture_lies_as_an_upright_one_does(tmp_path: Path, orientation: int, fit: str, size: Size) -> None:
    upright = noise(61, 40)
    undo = {3: 3, 5: 5, 6: 2, 8: 4}
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright.transpose(Image.Transpose(undo[orientation])).save(tmp_path / "a.png", exif=exif)
    upright.save(tmp_path / "upright.png")
    got, wanted = (decode(tmp_path / name, size, fit).astype(int) for name in ("a.png", "upright.png"))
    assert np.abs(got - wanted).max() <= 12


@pytest.mark.parametrize("fit", FITS)
def test_rectangles_by_file_and_array(tmp_path: Path, fit: str) -> None:
    """Pictures of 60 × 40 as 48 × 16: by hand, crop keeps 20 of 40 rows, pad fills 24 of 48 columns."""
    root = own_folder(tmp_path / "p")
    pixels = np.stack([np.asarray(Image.open(file)) for file in sorted(root.rglob("*.png"))])
    np.savez(tmp_path / "a.npz", x=pixels, y=np.repeat([0, 1], 6))
    spec = DataSpec(f"folder:{root}", size=16, width=48, fit=fit)
    folder = data.load(spec)
    arrays = data.load(dataclasses.replace(spec, name=f"npz:{tmp_path / 'a.npz'}"))
    assert folder.images.shape == arrays.images.shape == (12, 3, 16, 48)
    assert np.abs(folder.images.astype(int) - arrays.images).mean() < 0.6
    wanted = {"crop": (0.5, 0, 1), "pad": (0, 0.5, 1), "squash": (0, 0, 2)}[fit]
    for one in (folder, arrays):
        assert (one.reading.cropped, one.reading.empty, one.reading.stretched) == pytest.approx(wanted)
    if fit == "crop":
        by_hand = Image.fromarray(pixels[0, 10:30]).resize((48, 16), Image.Resampling.BICUBIC)
        assert np.abs(np.asarray(by_hand, int).transpose(2, 0, 1) - folder.images[0]).max() <= 1
    if fit == "pad":
        assert (folder.images[:, 0, :, [*range(12), *range(36, 48)]] == GROUND[0]).all()
    found, _ = domain_summary(folder, spec)
    assert found.size == (16, 48) and any("48:16 rectangle" in line for line in lines(found))
    assert data.load(dataclasses.replace(spec, name=f"grey:folder:{root}~fog:3")).images.shape[2:] == (16, 48)


def test_a_width_is_one_way_to_say_a_size() -> None:
    assert DataSpec(size=40, width=40) == DataSpec(size=40) and "width" not in DataSpec(size=40).to_json()
    assert DataSpec(size=40, width=64).picture_size == (40, 64) and DataSpec(size=40).picture_size == 40
    with pytest.raises(BadSpec, match="8 to 1024 px. Got 7"):
        DataSpec(width=7)
    for name in ("digits", "shapes:hue=0.2", "grey:digits", "digits~fog:2", "subset:0+1@rendered_digits", "tones"):
        with pytest.raises(BadSpec, match="drawn here are squares"):
            data.check(DataSpec(name, width=64))
    asked = TransferSpec(DataSpec("folder:x", size=40, width=64), source=DataSpec("folder:y"))
    assert asked.source is not None and asked.source.picture_size == (40, 64)


@pytest.mark.parametrize("fit", FITS)
def test_folder_archive_arrays_and_what_is_made_of_them_agree(tmp_path: Path, fit: str) -> None:
    root = own_folder(tmp_path / "p")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as packed:
        for file in sorted(root.rglob("*.png")):
            packed.write(file, file.relative_to(root))
    pixels = np.stack([np.asarray(Image.open(file)) for file in sorted(root.rglob("*.png"))])
    np.savez(tmp_path / "a.npz", x=pixels, y=np.repeat([0, 1], 6))
    names = (f"folder:{root}", f"archive:{tmp_path / 'p.zip'}", f"npz:{tmp_path / 'a.npz'}")
    folder, archive, arrays = (data.load(DataSpec(name, size=24, fit=fit)) for name in names)
    assert np.array_equal(folder.images, archive.images)
    off = np.abs(folder.images.astype(int) - arrays.images)  # Pillow rounds and clips between its two passes
    assert off.mean() < 0.6 and off.max() <= 12
    for one in (folder, archive, arrays):
        assert one.reading.cropped == pytest.approx(1 / 3 if fit == "crop" else 0)
        assert one.reading.empty == pytest.approx(1 / 3 if fit == "pad" else 0)
        assert one.reading.stretched == pytest.approx(1.5 if fit == "squash" else 1)
    rows = [f"p/{file.relative_to(root)},{file.parent.name}" for file in sorted(root.rglob("*.png"))]
    (tmp_path / "table.csv").write_text("\n".join(["file,label", *rows]))
    table = data.load(DataSpec(f"csv:{tmp_path / 'table.csv'}", size=24, fit=fit))
    assert np.array_equal(table.images, folder.images) and table.reading == folder.reading
    half = data.load(DataSpec(f"subset:class 0+class 1@folder:{root}", size=24, fit=fit))
    assert np.array_equal(half.images, folder.images) and half.reading == folder.reading
    others = [np.asarray(data.load(DataSpec(names[0], size=24, fit=other)).images) for other in FITS if other != fit]
    assert all(np.abs(folder.images.astype(int) - other).mean() > 3 for other in others)


def test_grey_arrays_lie_on_grey_and_many_channels_too() -> None:
    """One channel becomes three, on the ground of colour pictures; what has two or five lies on its grey."""
    two = resize(np.zeros((1, 10, 20, 2), np.uint8), 20, "pad").transpose(0, 3, 1, 2)
    assert place(two, 20)[0, :, 0, 0].tolist() == [GREY_GROUND] * 2 and (place(two, 20)[0, :, 5:15] == 0).all()
    three = place(np.zeros((1, 3, 10, 20), np.uint8), 20)
    assert three[0, :, 0, 0].tolist() == list(GROUND)


def test_what_it_costs_is_told(tmp_path: Path) -> None:
    root = own_folder(tmp_path / "p", 90, 40)
    said = {}
    for fit in FITS:
        spec = DataSpec(f"folder:{root}", size=24, fit=fit)
        domain = data.load(spec)
        found, _ = domain_summary(domain, spec)
        said[fit] = "\n".join(lines(found))
        assert found.fit == fit and found.cautions == cautions(domain, domain.split(spec, 0))
    assert "on average 56% of one lies outside" in said["crop"] and "take --fit pad" in said["crop"]
    assert "of which 54% is empty" in said["pad"] and "take --fit crop or squash" in said["pad"]  # 11 of 24 rows
    assert "one side is stretched by 2.25" in said["squash"] and "take --fit pad or crop" in said["squash"]


def test_uniform_pictures_are_found_on_their_ground_and_grey_ones_stay_grey(tmp_path: Path) -> None:
    for label in range(2):
        (tmp_path / "p" / str(label)).mkdir(parents=True)
        for i in range(6):
            picture = noise(60, 40, 10 * label + i).convert("L") if i else Image.new("L", (60, 40), 90)
            picture.save(tmp_path / "p" / str(label) / f"{i}.png")
    spec = DataSpec(f"folder:{tmp_path / 'p'}", size=24, fit="pad")
    domain = data.load(spec)
    assert domain.reading.flat == 2
    found, _ = domain_summary(domain, spec)
    assert len(set(found.mean)) == len(set(found.std)) == 1, "the coloured ground is no part of the pictures"


def test_specs_of_before_keep_their_ids_and_the_source_is_read_as_the_target_is() -> None:
    assert "fit" not in json.loads(TransferSpec().to_json())["target"]
    asked = TransferSpec(DataSpec("digits", fit="pad"), source=DataSpec("rendered_digits"))
    assert asked.source is not None and asked.source.fit == "pad"
    assert TransferSpec.from_json(asked.to_json()) == asked and asked.run_id != TransferSpec().run_id
    study = CompareSpec(target=DataSpec("digits", fit="squash"), source=DataSpec("rendered_digits"))
    assert study.source is not None and study.source.fit == "squash"
    assert domain_spec("shapes", asked).fit == "pad"
    with pytest.raises(UnknownName, match="fit"):
        DataSpec(fit="stretch")

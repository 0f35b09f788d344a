"""Corruptions against their formulas in float64, against Pillow where it defines them; suffixes of names."""

from __future__ import annotations

import colorsys
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tltk.data.corrupt as module
from tltk import home
from tltk.data import corruption, domains, load, parse
from tltk.data.corrupt import Corruption, corrupt, names, split
from tltk.data.domain import Pixels
from tltk.data.sources import shapes
from tltk.errors import BadSpec, DataProblem, TltkError, UnknownName
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths

FIFTEEN = [
    "brightness",
    "contrast",
    "defocus_blur",
    "elastic_transform",
    "fog",
    "frost",
    "gaussian_noise",
    "glass_blur",
    "impulse_noise",
    "jpeg_compression",
    "motion_blur",
    "pixelate",
    "shot_noise",
    "snow",
    "zoom_blur",
]
RANDOM = set(FIFTEEN) - set(["brightness", "contrast", "defocus_blur", "jpeg_compression", "pixelate", "zoom_blur"])
BLURS = ["defocus_blur", "elastic_transform", "glass_blur", "motion_blur", "pixelate", "zoom_blur"]


def pictures(size: int = 32, n: int = 48) -> Pixels:
    return shapes.load(DataSpec("shapes", n=n, size=size), "background=photo").images


def flat(shade: int, n: int = 20, size: int = 32) -> Pixels:
    return np.full((n, 3, size, size), shade, np.uint8)


def change(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(float) - b).mean())


# -- all of them ------------------------------------------------------------------------------------------


def test_the_names() -> None:
    assert names() == FIFTEEN


@pytest.mark.parametrize("name", FIFTEEN)
class TestEvery:
    @pytest.mark.parametrize("argument", ["background=photo", "background=gradient,position=0.3,rotation=180"])
    @pytest.mark.parametrize("size", [32, 48])
    def test_severity_changes_more_and_more(self, name: str, argument: str, size: int) -> None:
        images = shapes.load(DataSpec("shapes", n=48, size=size, seed=3), argument).images
        found = [change(corrupt(images, name, severity), images) for severity in range(1, 6)]
        assert all(a < b for a, b in zip(found, found[1:], strict=False)) and found[0] > 0.3 and found[-1] < 80, found

    def test_the_seed_decides_and_sets_grow_at_the_end(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "PIECE_PIXELS", 16 * 32**2)
        images, calls = pictures(), list[tuple[int, int]]()
        before, first = images.copy(), corrupt(images, name, 4, 7, lambda *at: calls.append(at))
        assert calls == [(16, 48), (32, 48), (48, 48)]
        assert first.shape == images.shape and first.dtype == np.uint8 and np.array_equal(images, before)
        assert np.array_equal(corrupt(images, name, 4, 7), first)
        assert np.array_equal(corrupt(images[:21], name, 4, 7), first[:21])
        other = corrupt(images, name, 4, 8)
        assert (other != first).any((1, 2, 3)).all() if name in RANDOM else np.array_equal(other, first)

    def test_every_picture_has_its_own_dice(self, name: str) -> None:
        same = np.repeat(pictures(n=20)[3:4], 4, axis=0)
        found = corrupt(same, name, 5)
        assert (found[0] != found[1:]).any((1, 2, 3)).all() == (name in RANDOM)

    def test_the_number_of_threads_does_not_show(self, name: str) -> None:
        images, before, found = pictures(), torch.get_num_threads(), list[Pixels]()
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(corrupt(images, name, 4))
        torch.set_num_threads(before)
        assert np.array_equal(found[0], found[1])

    @pytest.mark.parametrize("shape", [(3, 1, 8, 8), (2, 2, 9, 14), (2, 4, 33, 20), (0, 3, 8, 8), (2, 3, 65, 65)])
    def test_any_shape(self, name: str, shape: tuple[int, ...]) -> None:
        images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        for severity in (1, 5):
            found = corrupt(images, name, severity)
            assert found.shape == shape and found.dtype == np.uint8

    def test_large_pictures_suffer_as_small_ones_do(self, name: str) -> None:
        """Lengths follow the side, so the change is of one order at 32 and at 96 pixels."""
        ratio = [change(corrupt(x, name, 5), x) for x in (pictures(96, 24), pictures(32, 24))]
        assert 0.3 < ratio[0] / ratio[1] < 2.5


@pytest.mark.parametrize("name", BLURS)
def test_blurs_leave_flat_pictures(name: str) -> None:
    for shade in (0, 77, 255):
        assert np.abs(corrupt(flat(shade), name, 5).astype(int) - shade).max() <= 1


# -- one by one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("severity", "sigma"), list(enumerate((0.04, 0.06, 0.08, 0.09, 0.10), 1)))
def test_gaussian_noise(severity: int, sigma: float) -> None:
    noise = corrupt(flat(127), "gaussian_noise", severity).astype(float) - 127
    assert noise.std() / 255 == pytest.approx(sigma, rel=0.05) and abs(noise.mean()) < 0.5
    assert abs(np.corrcoef(noise[:, 0].ravel(), noise[:, 1].ravel())[0, 1]) < 0.03
    assert ((noise / noise.std()) ** 4).mean() == pytest.approx(3, abs=0.2)  # normal, not only of this width


@pytest.mark.parametrize(("severity", "photons"), list(enumerate((500, 250, 100, 75, 50), 1)))
def test_shot_noise(severity: int, photons: int) -> None:
    for shade in (40, 120):
        found = corrupt(flat(shade), "shot_noise", severity) / 255
        assert found.mean() == pytest.approx(shade / 255, rel=0.01)
        assert found.var() == pytest.approx(shade / 255 / photons, rel=0.05)
    assert not corrupt(flat(0), "shot_noise", severity).any()


@pytest.mark.parametrize(("severity", "share"), list(enumerate((0.01, 0.02, 0.03, 0.05, 0.07), 1)))
def test_impulse_noise(severity: int, share: float) -> None:
    found = corrupt(flat(99, 60), "impulse_noise", severity)
    assert set(np.unique(found)) == {0, 99, 255}
    assert (found != 99).mean() == pytest.approx(share, rel=0.05)
    assert (found == 255).sum() / (found != 99).sum() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("severity", "c"), list(enumerate((0.75, 0.5, 0.4, 0.3, 0.15), 1)))
def test_contrast(severity: int, c: float) -> None:
    x = pictures() / 255
    mean = x.mean((2, 3), keepdims=True)
    assert np.abs(corrupt(pictures(), "contrast", severity) - 255 * np.clip((x - mean) * c + mean, 0, 1)).max() <= 0.501


@pytest.mark.parametrize(("severity", "c"), list(enumerate((0.05, 0.1, 0.15, 0.2, 0.3), 1)))
def test_brightness(severity: int, c: float) -> None:
    images = pictures(8, 30)
    images[0] = 0  # black has no hue
    found = corrupt(images, "brightness", severity)
    for before, after in zip(
        images.transpose(0, 2, 3, 1).reshape(-1, 3), found.transpose(0, 2, 3, 1).reshape(-1, 3), strict=True
    ):
        hue, saturation, value = colorsys.rgb_to_hsv(*(before / 255))
        wanted = 255 * np.array(colorsys.hsv_to_rgb(hue, saturation, min(1, value + c)))
        assert np.abs(after - wanted).max() <= 0.501


def point(size: int = 33) -> Pixels:
    image = np.zeros((1, 3, size, size), np.uint8)
    image[..., size // 2, size // 2] = 255
    return image


def test_defocus_blur_is_the_authors_disc() -> None:
    """Their kernel: points within the radius, then 3 × 3 of exp(−r² / 2σ²), for 32 pixels."""
    for severity, (radius, sigma) in enumerate(((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)), 1):
        at = np.arange(-4, 5)
        disc = (at[:, None] ** 2 + at**2 <= radius**2).astype(float)
        taps = np.exp(-0.5 * (np.arange(-1, 2) / sigma) ** 2)
        taps /= taps.sum()
        kernel = np.apply_along_axis(
            np.convolve, 0, np.apply_along_axis(np.convolve, 1, disc, taps, "same"), taps, "same"
        )
        found = corrupt(point(32), "defocus_blur", severity)[0, 0, 12:21, 12:21]
        assert np.abs(found - 255 * kernel / kernel.sum()).max() <= 1


def test_motion_blur_is_half_a_gaussian_on_a_line() -> None:
    found = corrupt(np.repeat(point(), 40, 0), "motion_blur", 5)[:, 0].astype(float)
    yy, xx = np.mgrid[-16:17, -16:17]
    assert np.abs(found.sum((1, 2)) - 255).max() < 30  # rounding of many small values
    x, y = ((found * v).sum((1, 2)) / found.sum((1, 2)) for v in (xx, yy))
    sigma = 2.5 * 33 / 32
    weights = np.exp(-0.5 * (np.arange(19) / sigma) ** 2)
    assert np.hypot(x, y) == pytest.approx((weights * np.arange(19)).sum() / weights.sum(), rel=0.1)
    angle = np.rad2deg(np.arctan2(-y, -x))
    assert -46 < angle.min() < -30 and 30 < angle.max() < 46


def test_glass_blur_takes_pixels_from_near() -> None:
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8) * 8, (60, 3, 32, 32)).copy()
    inner = (corrupt(ramp, "glass_blur", 5).astype(float) - ramp)[..., 4:-4] / 8
    far = np.round(np.random.default_rng(0).uniform(-1.6, 1.6, 100_000))
    assert inner.std() == pytest.approx(far.std(), rel=0.05) and np.abs(inner).max() < 2.3


def test_zoom_blur_keeps_the_middle_and_widens_outwards() -> None:
    images = np.zeros((1, 3, 33, 33), np.uint8)
    images[..., 12:21, 12:21] = 255
    found = corrupt(images, "zoom_blur", 5)[0, 0]
    assert found[16, 16] == 255 and 30 < found[16, 21] < 250 and found[16, 24] == 0


def test_fog_follows_its_formula() -> None:
    """(x + c·p)·max / (max + c) with clouds p from 0 to 1 in every picture."""
    for severity, c in enumerate((0.2, 0.5, 0.75, 1.0, 1.5), 1):
        found = corrupt(flat(102, 60), "fog", severity) / 255
        clouds = (found * (0.4 + c) / 0.4 - 0.4) / c
        step = (0.4 + c) / 0.4 / c / 255
        assert -step < clouds.min() < step and clouds.max() < 1 + step and clouds.max((1, 2, 3)).mean() > 0.95
        assert np.array_equal(found[:, 0], found[:, 2])


def test_snow_adds_white_streaks_twice() -> None:
    found = corrupt(flat(0, 10), "snow", 3).astype(int)
    assert np.abs(found - found[:, :, ::-1, ::-1]).max() <= 1 and found.max() > 40  # itself upside down
    assert np.array_equal(found[:, 0], found[:, 1])
    assert corrupt(flat(200, 10), "snow", 5).min() >= 200 * 0.8


def test_frost_is_bluish_light_on_a_darker_picture() -> None:
    found = corrupt(flat(120), "frost", 5).astype(float).mean((0, 2, 3))
    assert found[0] < found[1] < found[2]
    assert corrupt(flat(0), "frost", 5).max() <= round(0.45 * 255) and corrupt(flat(200), "frost", 5).min() == 150


def test_elastic_transform_moves_by_its_share() -> None:
    x = np.broadcast_to((np.arange(64) * 4).astype(np.uint8), (40, 3, 64, 64)).copy()
    for severity in (1, 5):
        moved = (corrupt(x, "elastic_transform", severity).astype(float) - x)[..., 12:-12] / 4 / 64
        assert 0.003 * severity < moved.std() < 0.012 * severity and np.abs(moved).max() < 0.05 * severity


def test_pixelate_is_what_pillow_does() -> None:
    images = pictures(32, 30)
    for severity, share in enumerate((0.95, 0.9, 0.85, 0.75, 0.65), 1):
        found, side = corrupt(images, "pixelate", severity), int(32 * share)
        for i in range(30):
            small = Image.fromarray(images[i].transpose(1, 2, 0)).resize((side, side), Image.Resampling.BOX)
            wanted = np.asarray(small.resize((32, 32), Image.Resampling.BOX)).transpose(2, 0, 1)
            assert np.abs(found[i].astype(int) - wanted).max() <= 2  # Pillow rounds three times more


def test_jpeg_is_what_pillow_writes() -> None:
    images = pictures(32, 30)
    for severity, quality in enumerate((80, 65, 58, 50, 40), 1):
        buffer = io.BytesIO()
        Image.fromarray(images[5].transpose(1, 2, 0)).save(buffer, "JPEG", quality=quality)
        assert np.array_equal(
            corrupt(images, "jpeg_compression", severity)[5], np.asarray(Image.open(buffer)).transpose(2, 0, 1)
        )


# -- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "base", "wanted"),
    [
        ("digits~fog:3", "digits", ("fog", 3)),
        ("folder:/my/pics~gaussian_noise:5", "folder:/my/pics", ("gaussian_noise", 5)),
        ("folder:~/pictures~snow:1", "folder:~/pictures", ("snow", 1)),
        ("shapes:hue=0.5~pixelate:2", "shapes:hue=0.5", ("pixelate", 2)),
        ("folder:C:\\pictures~frost:2", "folder:C:\\pictures", ("frost", 2)),
    ],
)
def test_a_suffix_is_split_off(name: str, base: str, wanted: tuple[str, int]) -> None:
    assert split(name) == (base, Corruption(*wanted)) and parse(name) == parse(base) == parse(split(name)[0])
    assert corruption(name) == Corruption(*wanted) and corruption(base) is None


@pytest.mark.parametrize(
    "name",
    [
        "folder:~/pictures",
        "folder:~me/pictures",
        "folder:/a/b~old",
        "folder:/a/~fog:3",
        "folder:~root:3",
        "folder:C:\\PROGRA~1\\x",
        "archive:/a/b~1.zip",
        "folder:/a~b:c",
        "npz:~/x~y/z:3.npz",
        "digits",
    ],
)
def test_other_tildes_stay(name: str) -> None:
    assert split(name) == (name, None) and ":".join(filter(None, parse(name))) == name


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("digits~fgo:3", UnknownName, "A corruption must be one of brightness, .* Got 'fgo'. Did you mean 'fog'"),
        ("digits~fog:6", BadSpec, "severity of a corruption must be 1, 2, 3, 4 or 5. Got 6; write ~fog:3"),
        ("digits~fog:0", BadSpec, "Got 0"),
        ("digits~fog:-1", BadSpec, "Got '-1'"),
        ("digits~fog:", BadSpec, "Got ''"),
        ("digits~fog:2.5", BadSpec, "Got '2.5'"),
        ("digits~fog:high", BadSpec, "Got 'high'"),
        ("digit~fog:3", UnknownName, "Did you mean 'digits'"),
        ("digits:x~fog:3", BadSpec, "takes no path"),
        ("shapes:hue=7~fog:3", BadSpec, "The dial hue of shapes"),
        ("digits~fog", UnknownName, "Got 'digits~fog'"),
    ],
)
def test_bad_suffixes_get_a_sentence(name: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        parse(name)


def test_bad_arrays_and_arguments_get_a_sentence() -> None:
    with pytest.raises(DataProblem, match="must be uint8 of shape"):
        corrupt(np.zeros((2, 3, 8, 8), np.float32), "fog", 1)
    with pytest.raises(DataProblem, match="must be uint8 of shape"):
        corrupt(np.zeros((3, 8, 8), np.uint8), "fog", 1)
    for severity in list[Any]((0, 6, True, 2.0)):
        with pytest.raises(BadSpec, match="must be 1, 2, 3, 4 or 5"):
            corrupt(flat(1), "fog", severity)
    with pytest.raises(UnknownName, match="Did you mean 'snow'"):
        corrupt(flat(1), "snoww", 1)


def test_any_domain_can_be_corrupted_and_is_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    dim = load(DataSpec("rendered_digits~contrast:5", n=40, size=16), lambda *at: calls.append(at))
    plain = load(DataSpec("rendered_digits", n=40, size=16))
    assert calls == [(40, 40), (40, 40)]
    assert np.array_equal(dim.images, corrupt(plain.images, "contrast", 5)) and np.array_equal(dim.labels, plain.labels)
    assert dim.name == "rendered_digits~contrast:5" and dim.classes == plain.classes and dim.licence == plain.licence
    assert dim.source.endswith("corrupted here (contrast, severity 5)")
    load(DataSpec("rendered_digits~contrast:4", n=40, size=16))
    load(DataSpec("rendered_digits~fog:4", n=40, size=16))
    assert len(list(home.folder("domains").iterdir())) == 4
    monkeypatch.setattr(module, "FAMILIES", {**module.FAMILIES, "contrast": lambda *_: pytest.fail("made anew")})
    assert load(DataSpec("rendered_digits~contrast:5", n=40, size=16)).fingerprint == dim.fingerprint


def test_the_seed_reaches_the_noise_on_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/1.png", "b/1.png"):
        (tmp_path / "p" / name).parent.mkdir(parents=True)
        Image.new("RGB", (8, 8), "grey").save(tmp_path / "p" / name)
    monkeypatch.chdir(tmp_path)
    spec = with_absolute_paths(DataSpec("folder:p~gaussian_noise:5", size=8))
    assert spec.name == f"folder:{tmp_path / 'p'}~gaussian_noise:5"
    first, second = (load(DataSpec(spec.name, size=8, seed=seed)) for seed in (0, 1))
    assert first.fingerprint != second.fingerprint and first.classes == ("a", "b")
    metas = [json.loads(p.read_bytes()) for p in home.folder("domains").glob("*/meta.json")]
    assert len(metas) == 3 and sum("corrupted" in m["source"] for m in metas) == 2


def test_every_domain_takes_a_suffix() -> None:
    for name in domains:
        try:
            parse(f"{name}~fog:3")
        except TltkError as fault:
            assert "needs a path" in str(fault) or re.search(
                "must (say (which classes, and )?of what|name a data set|be one of)|Corruptions are of pictures",
                str(fault),
            )

"""Pixels mean the same in the whole set: one scale for what is no byte, and what shows nothing is told."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tltk.data import load
from tltk.data.cautions import cautions, figures
from tltk.data.decode import decode
from tltk.data.domain import Domain
from tltk.specs.parts import DataSpec


def folder(root: Path, **kinds: Any) -> Domain:
    """Six pictures of each class, from a function of the number."""
    for name, draw in kinds.items():
        (root / name).mkdir(parents=True)
        for i in range(6):
            draw(np.random.default_rng(i), root / name / f"{i}")
    return load(DataSpec(f"folder:{root}", size=16))


def said(domain: Domain) -> str:
    return " ".join(cautions(domain, domain.split(DataSpec(), 0)))


def grey(top: float, kind: str, ending: str) -> Any:
    """Pictures whose mean is 0.6 of top."""

    def draw(chance: np.random.Generator, path: Path) -> None:
        values = np.clip(chance.normal(0.6 * top, 0.1 * top, (40, 40)), 0, top)
        Image.fromarray(values.astype(kind)).save(f"{path}.{ending}")

    return draw


@pytest.mark.parametrize(
    ("kind", "ending", "dim", "bright", "white"),
    [
        ("float32", "tif", 230, 500, None),  # either side of 255: a scale for each alone would turn them round
        ("float32", "tif", 0.4, 0.9, 1),
        ("float32", "tif", 100, 240, 255),
        ("int32", "tif", 230, 500, 1023),
        ("int32", "tif", 3000, 70_000, None),
        ("uint16", "png", 1500, 4000, 4095),  # twelve bits of a microscope in sixteen
        ("uint16", "png", 200, 1000, 1023),
        ("uint16", "tif", 6000, 60_000, 65535),
    ],
)
def test_one_scale_for_the_set(
    tmp_path: Path, kind: str, ending: str, dim: float, bright: float, white: float | None
) -> None:
    domain = folder(tmp_path / "p", dim=grey(dim, kind, ending), bright=grey(bright, kind, ending))
    means = [float(domain.images[domain.labels == c].mean()) for c in (1, 0)]
    assert means[1] / means[0] == pytest.approx(bright / dim, rel=0.1 if means[0] > 20 else 0.6)
    if white is not None:
        assert means[1] == pytest.approx(255 * 0.6 * bright / white, rel=0.05)
        assert f"0 is black and {white:,} is white" in said(domain)
    assert "12 pictures do not hold bytes" in said(domain)


def test_values_below_zero_and_no_numbers(tmp_path: Path) -> None:
    def hounsfield(level: float) -> Any:
        def draw(chance: np.random.Generator, path: Path) -> None:
            values = chance.normal(level, 50, (40, 40)).astype("float32")
            values[0, 0], values[0, 1] = np.nan, np.inf
            Image.fromarray(values).save(f"{path}.tif")

        return draw

    domain = folder(tmp_path / "p", air=hounsfield(-800), bone=hounsfield(1000))
    air, bone = (domain.images[domain.labels == c].mean() for c in (0, 1))
    assert 5 < air < 60 and 200 < bone < 250 and domain.images[domain.labels == 0].std() > 1


def tiff(path: Path, pixels: np.ndarray, photometric: int) -> None:
    """An uncompressed TIFF as instruments write it: any bits, any number of channels, no word on the extra ones."""
    h, w = pixels.shape[:2]
    n, bits, data = pixels.shape[2] if pixels.ndim == 3 else 1, 8 * pixels.itemsize, pixels.tobytes()
    tags = [
        (256, 4, 1, w),
        (257, 4, 1, h),
        (258, 3, n, bits),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, 0),
        (277, 3, 1, n),
        (278, 4, 1, h),
        (279, 4, 1, len(data)),
        (284, 3, 1, 1),
    ]
    end = 8 + 2 + 12 * len(tags) + 4
    depths = struct.pack(f"<{n}H", *[bits] * n) if n > 2 else b""
    out = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, kind, count, value in tags:
        value = end if tag == 258 and n > 2 else end + len(depths) if tag == 273 else value
        out += struct.pack("<HHI", tag, kind, count) + struct.pack("<I", value)
    path.write_bytes(out + struct.pack("<I", 0) + depths + data)


@pytest.mark.parametrize("bits", ["u1", "<u2"])
def test_min_is_white_in_8_and_in_16_bits(tmp_path: Path, bits: str) -> None:
    ramp = np.linspace(0, np.iinfo(bits).max, 48)[:, None].repeat(48, 1).astype(bits)
    for photometric, first in ((0, 255), (1, 0)):
        tiff(tmp_path / "a.tif", ramp, photometric)
        got = decode(tmp_path / "a.tif", 48)[0].astype(int)
        assert abs(got[0, 0] - first) <= 2 and abs(got[-1, 0] - (255 - first)) <= 2


def test_a_fourth_channel_is_transparent_only_where_the_file_says_so(tmp_path: Path) -> None:
    """Aerial pictures have infrared there."""
    picture = np.zeros((32, 32, 4), "<u2")
    picture[:] = (200 * 257, 60 * 257, 20 * 257, 40 * 257)
    tiff(tmp_path / "infrared.tif", picture, 2)
    assert np.abs(decode(tmp_path / "infrared.tif", 8).reshape(3, -1).mean(1) - (200, 60, 20)).max() < 2
    Image.new("RGBA", (32, 32), (200, 60, 20, 0)).save(tmp_path / "clear.tif")
    assert (decode(tmp_path / "clear.tif", 8) == 255).all()


def test_pictures_of_one_tone_are_counted(tmp_path: Path) -> None:
    def icon(chance: np.random.Generator, path: Path) -> None:
        pixels = np.full((40, 40, 4), 255, np.uint8)  # white strokes on nothing: the shape is in the alpha alone
        pixels[..., 3] = chance.integers(0, 2, (40, 40)) * 255
        Image.fromarray(pixels).save(f"{path}.png")

    domain = folder(tmp_path / "p", icon=icon, noise=grey(200, "uint8", "png"))
    assert figures(domain, domain.split(DataSpec(), 0))["flat"] == 6
    assert "6 of 12 pictures" in said(domain) and "transparent" in said(domain)


def test_what_the_centre_crop_removes_is_told(tmp_path: Path) -> None:
    def wide(chance: np.random.Generator, path: Path) -> None:
        Image.fromarray(chance.integers(0, 256, (32, 128, 3), np.uint8)).save(f"{path}.png")

    domain = folder(tmp_path / "wide", a=wide, b=lambda c, p: wide(np.random.default_rng(c.integers(99) + 9), p))
    assert domain.reading.cropped == pytest.approx(0.75) and "On average 75% of a picture" in said(domain)
    square = folder(tmp_path / "square", a=grey(200, "uint8", "png"), b=grey(100, "uint8", "png"))
    assert square.reading.cropped == 0 and "average" not in said(square)
    np.savez(
        tmp_path / "a.npz", x=np.random.default_rng(0).integers(0, 256, (12, 20, 40), np.uint8), y=np.arange(12) % 2
    )
    assert load(DataSpec(f"npz:{tmp_path / 'a.npz'}", size=16)).reading.cropped == pytest.approx(0.5)

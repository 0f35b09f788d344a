"""Pictures whose pixels mean something else than they seem to, or are not what their names say."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.cases.drawing import classes, noise, picture

LEFT, RIGHT = (200, 60, 20), (20, 60, 200)


def two_tones() -> Image.Image:
    """A picture of known colours, 48 × 48: one half each."""
    pixels = np.zeros((48, 48, 3), np.uint8)
    pixels[:, :24], pixels[:, 24:] = LEFT, RIGHT
    return Image.fromarray(pixels)


def odd_files(root: Path) -> None:
    """One picture of known colours in each odd form, beside two plain classes."""
    classes(root, names=("plain", "zother"))
    odd, im = root / "odd", two_tones()
    odd.mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    for name, mode in (
        ("cmyk.jpg", "CMYK"),
        ("cmyk.tif", "CMYK"),
        ("grey.png", "L"),
        ("one_bit.png", "1"),
        ("la.png", "LA"),
    ):
        im.convert(mode).save(odd / name)
    for name, mode in (("ycc.tif", "YCbCr"), ("lab.tif", "LAB"), ("rgba.png", "RGBA"), ("rgba.webp", "RGBA")):
        im.convert(mode).save(odd / name)
    for name in ("palette.png", "palette.gif"):
        im.quantize(8).save(odd / name)
    for name in ("turned.jpg", "turned.png", "turned.webp"):
        im.rotate(90).save(odd / name, exif=turned)
    for name in ("UPPER.JPG", "x.JPEG", "x.bmp", "x.ppm", "x.tga", "x.ico"):
        im.save(odd / name)
    im.save(odd / "png_named.jpg", "PNG")
    im.save(odd / "x.jfif", "JPEG")
    other = Image.fromarray(np.asarray(im)[:, ::-1].copy())
    for name in ("many.gif", "many.png", "many.webp", "many.tif"):
        im.save(odd / name, save_all=True, append_images=[other])
    grey = np.repeat(np.repeat(np.array([[50000, 10000]], np.uint16), 48, 0), 24, 1)
    for name, values in (
        ("bits16.png", grey),
        ("bits16.tif", grey),
        ("bits12.png", grey // 16),
        ("bits12.tif", grey // 16),
    ):
        Image.fromarray(values).save(odd / name)
    Image.fromarray(grey.astype(np.float32) / 65535).save(odd / "unit.tif")
    Image.fromarray(grey.astype(np.float32) - 30000).save(odd / "below_zero.tif")
    buffer = io.BytesIO()
    im.save(buffer, "JPEG", quality=95)
    raw = buffer.getvalue()
    for name, content in (
        ("half.jpg", raw[: len(raw) // 2]),
        ("tail.jpg", raw[:-2]),
        ("trailing.jpg", raw + b"junk" * 9),
        ("zero.jpg", b""),
        ("page.jpg", b"<!DOCTYPE html><html>403</html>"),
        ("x.svg", b"<svg/>"),
        ("x.dcm", bytes(128) + b"DICM"),
    ):
        (odd / name).write_bytes(content)
    im.resize((1, 1)).save(odd / "one_pixel.png")
    im.resize((3, 500)).save(odd / "sliver.png")


def deep_colour(root: Path) -> None:
    """16 bits in each of three channels, which Pillow cannot write: PNG and TIFF made by hand."""
    classes(root)
    pixels = np.zeros((48, 48, 3), ">u2")
    pixels[:, :24], pixels[:, 24:] = (51400, 15420, 5140), (5140, 15420, 51400)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 48, 48, 16, 2, 0, 0, 0))
    (root / "odd").mkdir()
    data = _chunk(b"IDAT", zlib.compress(rows))
    (root / "odd" / "deep.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + data + _chunk(b"IEND", b""))
    for i in range(3):
        picture(root / "odd" / f"{i}.jpg")


def _chunk(kind: bytes, body: bytes) -> bytes:
    content = kind + body
    return struct.pack(">I", len(body)) + content + struct.pack(">I", zlib.crc32(content))


def twelve_bits(root: Path) -> None:
    """A microscope's 12 bits in 16-bit files: one scale for both classes."""
    for name, top in (("dim", 1500), ("bright", 4000)):
        (root / name).mkdir()
        for i in range(8):
            values = noise(root / name / f"{i}", 128)[..., 0].astype(np.float64) / 255 * top
            Image.fromarray(values.astype(np.uint16)).save(root / name / f"{i}.png")


def counts_beyond_255(root: Path) -> None:
    """Counts as float32: the bright class goes beyond 255, the dim one does not."""
    for name, top in (("dim", 230), ("bright", 500)):
        (root / name).mkdir()
        for i in range(8):
            values = noise(root / name / f"{i}", 150)[..., 0].astype(np.float32) / 255 * top
            Image.fromarray(values).save(root / name / f"{i}.tif")


def white_on_transparent(root: Path) -> None:
    """Icons whose shape lies in the alpha channel alone."""
    y, x = np.mgrid[:40, :40]
    for name in ("bar", "disc"):
        (root / name).mkdir()
        for i in range(8):
            shape = abs(y - 20) < 4 + i % 3 if name == "bar" else (y - 20) ** 2 + (x - 20) ** 2 < 100 + 9 * i
            pixels = np.full((40, 40, 4), 255, np.uint8)
            pixels[..., 3] = 255 * shape
            Image.fromarray(pixels).save(root / name / f"{i}.png")


def object_at_the_edge(root: Path) -> None:
    """Panoramas whose ends tell the classes apart: the middle square does not hold them."""
    for name, start in (("left", 4), ("right", 104)):
        (root / name).mkdir()
        for i in range(10):
            pixels = noise(root / name / f"{i}", 100, (128, 32))
            pixels[8:24, start : start + 20] = (250, 20, 20)
            Image.fromarray(pixels).save(root / name / f"{i}.png")


def copies_beside_originals(root: Path) -> None:
    """Each picture mirrored five times beside itself."""
    classes(root, n=6)
    for path in sorted(root.rglob("*.jpg")):
        for j in range(5):
            mirrored = Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            mirrored.save(path.with_name(f"{path.stem}_aug{j}.jpg"))


def one_picture_in_two_classes(root: Path) -> None:
    """Half of one class lies in the other too."""
    classes(root)
    for i in range(4):
        (root / "dog" / f"copy_{i}.jpg").write_bytes((root / "cat" / f"{i}.jpg").read_bytes())

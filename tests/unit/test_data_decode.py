"""Every odd kind of picture file: handled, or named with the reason."""

from __future__ import annotations

import random
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tltk.data import decode as module
from tltk.data.decode import decode, decode_all, gather, keep_rows, three_channels
from tltk.data.fit import resize
from tltk.errors import DataProblem

RED, WHITE = (255, 0, 0), (255, 255, 255)


def colour(path: Path) -> tuple[int, ...]:
    """Mean colour of the decoded picture."""
    picture = decode(path, 16)
    assert picture.shape == (3, 16, 16) and picture.dtype == np.uint8
    return tuple(int(v) for v in picture.reshape(3, -1).mean(1).round())


@pytest.mark.parametrize(
    ("mode", "fill", "name", "wanted"),
    [
        ("RGB", RED, "a.png", RED),
        ("L", 77, "a.png", (77, 77, 77)),
        ("1", 1, "a.png", WHITE),
        ("RGBA", (255, 0, 0, 0), "a.png", WHITE),
        ("RGBA", (255, 0, 0, 128), "a.webp", (255, 127, 127)),
        ("LA", (0, 0), "a.png", WHITE),
        ("I;16", 0x8080, "a.png", (128, 128, 128)),
        ("I;16", 0xFFFF, "a.tif", WHITE),
        ("F", 0.5, "a.tif", (128, 128, 128)),
        ("I", 65535, "a.tif", WHITE),
        ("CMYK", (0, 255, 255, 0), "a.tif", RED),
        ("YCbCr", (76, 85, 255), "a.tif", (254, 0, 0)),
    ],
)
def test_modes(tmp_path: Path, mode: str, fill: object, name: str, wanted: tuple[int, ...]) -> None:
    path = tmp_path / name
    Image.new(mode, (40, 30), fill).save(path, **({"lossless": True} if name.endswith("webp") else {}))  # type: ignore[arg-type]
    assert np.abs(np.subtract(colour(path), wanted)).max() <= 1


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (40, 30), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(np.subtract(colour(tmp_path / "a.jpg"), RED)).max() <= 3


def test_palette_with_a_transparent_entry(tmp_path: Path) -> None:
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([0, 0, 255, 255, 0, 0])
    picture.save(tmp_path / "plain.png")
    assert colour(tmp_path / "plain.png") == RED
    picture.save(tmp_path / "clear.png", transparency=1)
    assert colour(tmp_path / "clear.png") == WHITE
    picture.save(tmp_path / "bytes.png", transparency=bytes([255, 0]))
    assert colour(tmp_path / "bytes.png") == WHITE


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), c) for c in ((255, 0, 0), (0, 255, 0))]
    for name in ("a.gif", "a.webp", "a.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        assert np.abs(np.subtract(colour(tmp_path / name), RED)).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_camera_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = Image.new("RGB", (64, 48), "black")
    upright.paste((255, 0, 0), (8, 0, 24, 16))  # a mark off all axes of symmetry
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Transpose that makes the stored picture
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    upright.save(tmp_path / "upright.png")
    got, wanted = decode(tmp_path / "a.png", 16), decode(tmp_path / "upright.png", 16)
    # A wrong turn differs by 255; Pillow clips between its two passes, so turning first differs by 9.
    assert np.abs(got.astype(int) - wanted).max() <= 12


def test_damaged_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), RED).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    found = decode_all([tmp_path / "a.jpg"], 8)
    assert not found.reasons and (found.images[0, 0] > 250).all() and (found.images[0, 1:] < 5).all()


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (1, 5000), (5000, 1), (7, 7), (1, 1)])
def test_short_side_then_centre(tmp_path: Path, shape: tuple[int, int]) -> None:
    """The centre square is green, all else red: nothing red may be seen but at the very edge."""
    side = min(shape)
    picture = Image.new("RGB", shape, RED)
    left, top = (shape[0] - side) // 2, (shape[1] - side) // 2
    picture.paste((0, 255, 0), (left, top, left + side + 1, top + side + 1))
    picture.save(tmp_path / "a.png")
    result = decode(tmp_path / "a.png", 32)[:, 1:-1, 1:-1]
    assert (result[1] > 250).all() and (result[0] < 5).all()


def test_a_big_jpeg_equals_the_full_decode_nearly(tmp_path: Path) -> None:
    ramp = np.add.outer(np.arange(1200), np.arange(1600)) % 510
    ramp = np.minimum(ramp, 510 - ramp).astype(np.uint8)
    Image.fromarray(ramp).convert("RGB").save(tmp_path / "a.jpg", quality=95)
    Image.fromarray(ramp).convert("RGB").save(tmp_path / "a.png")
    difference = decode(tmp_path / "a.jpg", 64).astype(int) - decode(tmp_path / "a.png", 64)
    assert np.abs(difference).mean() < 3


def _png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_what_cannot_be_used_is_named_with_the_reason(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.effect_noise((60, 60), 80).save(good)
    files = {
        "empty.jpg": b"",
        "text.jpg": b"this is not a picture",
        "short.png": good.read_bytes()[: good.stat().st_size // 2],
        "huge.png": _png_claiming(30000, 30000),
        "large.png": _png_claiming(10000, 10000),
        "script.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    paths = [good, *(tmp_path / name for name in files), tmp_path / "gone.png"]
    found = decode_all(paths, 16)
    images, reasons = found.images, found.reasons
    assert sorted(reasons) == [1, 2, 3, 4, 5, 6, 7]
    said = {paths[i].name: reason for i, reason in reasons.items()}
    assert said["empty.jpg"] == "the file is empty"
    assert said["text.jpg"] == said["script.jpg"] == "not a picture of a known format"
    assert "truncated" in said["short.png"] or "broken" in said["short.png"]
    assert "limit" in said["huge.png"] and said["large.png"].startswith("10000 × 10000 pixels")
    assert np.array_equal(images[0], decode(good, 16))


def test_random_damage_never_escapes(tmp_path: Path) -> None:
    """500 flips of bytes in four formats: each is decoded or refused with a reason."""
    chance = random.Random(0)
    for ending in ("jpg", "png", "gif", "tif"):
        Image.effect_noise((24, 24), 80).save(tmp_path / f"a.{ending}")
        whole = (tmp_path / f"a.{ending}").read_bytes()
        paths = []
        for number in range(125):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 12)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            paths.append(tmp_path / f"{number}.{ending}")
            paths[-1].write_bytes(damaged[: chance.randint(1, len(damaged))])
        found = decode_all(paths, 8)
        images, reasons = found.images, found.reasons
        assert images.shape == (125, 3, 8, 8) and 0 < len(reasons) <= 125
        assert all(reasons.values())


def test_progress_reaches_the_total_and_no_thread_is_left(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    calls: list[tuple[int, int]] = []
    decode_all([tmp_path / "a.png"] * 40, 8, lambda done, total: calls.append((done, total)))
    assert calls == [(16, 40), (32, 40), (40, 40)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_all([tmp_path / "a.png"] * 40, 8, stop)
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]


def test_rows_that_are_kept_move_together_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRIP_PIXELS", 30)  # a few rows at a time
    whole = np.arange(40, dtype=np.uint8).reshape(20, 2, 1, 1).repeat(3, 2)
    kept = np.array([0, 3, 4, 5, 11, 12, 13, 14, 18, 19])
    wanted = whole[kept]
    found = keep_rows(whole, kept)
    assert np.array_equal(found, wanted) and np.shares_memory(found, whole)
    assert keep_rows(whole, np.arange(20)) is whole
    assert np.array_equal(gather(whole, kept[::-1]), whole[kept[::-1]])


def test_a_large_set_is_decoded_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (8, 8), RED).save(tmp_path / "a.png")
    monkeypatch.setattr(module, "MAX_IN_MEMORY_BYTES", 100)
    images = decode_all([tmp_path / "a.png"] * 4, 8).images
    assert isinstance(images, np.memmap) and (images[:, 0] == 255).all()
    with pytest.raises(DataProblem, match="need .* GB on the disk"):
        module.allocate((2**40, 3, 64, 64))


def test_resize_equals_pillow() -> None:
    images = np.random.default_rng(0).integers(80, 176, (5, 20, 20), np.uint8)
    for size in (8, 20, 47):
        ours = resize(images, size)
        pillow = [np.asarray(Image.fromarray(i).resize((size, size), Image.Resampling.BICUBIC)) for i in images]
        assert np.abs(ours.astype(int) - np.stack(pillow)).max() <= 1  # Pillow rounds between both passes
    colours = np.stack([images, 255 - images], axis=3)
    assert np.array_equal(resize(colours, 13)[..., 0], resize(images, 13))
    assert resize(np.zeros((2, 9, 30, 5), np.uint8), 9).shape == (2, 9, 9, 5)


def test_three_channels() -> None:
    grey = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    for images in (grey, grey[..., None]):
        assert np.array_equal(three_channels(images), np.repeat(grey[:, None], 3, axis=1))
    many = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 5), np.uint8)
    assert np.array_equal(three_channels(many), many.transpose(0, 3, 1, 2))


def test_formats_whose_decoders_take_much_memory_have_a_lower_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS", 1000)
    for name in ("a.png", "a.webp"):
        Image.new("RGB", (30, 20), RED).save(tmp_path / name)
    assert (decode(tmp_path / "a.png", 8)[0] == 255).all()
    with pytest.raises(DataProblem, match="more than the limit of 500"):
        decode(tmp_path / "a.webp", 8)


def test_pictures_are_the_same_where_copies_are_not_looked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    files = [tmp_path / name for name in ("a.jpg", "b.png", "deep.png", "broken.jpg")]
    for file in files[:2]:
        Image.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8)).save(file)
    Image.fromarray(rng.integers(0, 40_000, (50, 50)).astype(np.uint16)).save(files[2])
    files[3].write_bytes(b"no picture")
    whole, quick = decode_all(files, 32), decode_all(files, 32, identify=False)
    np.testing.assert_array_equal(quick.images[:3], whole.images[:3])
    assert quick.reasons == whole.reasons and quick.notes == whole.notes and set(quick.reasons) == {3}
    assert not quick.origins.any() and not quick.prints.any() and len(set(whole.origins[:3].tolist())) == 3

"""Archives: the forms that are taken, and every hostile one refused before it is written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.cases.archives import Unsaid
from tltk import data, home
from tltk.data.sources import archive
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec


def png(shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (9, 9), shade).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {f"top/{part}/{c}/{i}.png": png(40 * i) for part in ("train", "test") for c in "ab" for i in range(3)}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    packing = next((k for k in ("gz", "bz2", "xz") if path.name.lower().endswith(k)), "")
    with tarfile.open(path, f"w:{packing}") as file:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def load(path: Path | str) -> data.Domain:
    return archive.load(DataSpec(f"archive:{path}", size=8), str(path))


def refuse(path: Path, words: str) -> None:
    """The archive is refused with these words, and nothing of it is left anywhere."""
    with pytest.raises(DataProblem, match=words):
        load(path)
    assert not any(home.folder("domains").iterdir())
    assert not (path.parent / "evil").exists() and not (home.folder("domains").parent / "evil").exists()


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "A.TGZ", "a.tar.bz2", "a.tar.xz"])
def test_all_forms_give_the_same_domain(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    (zipped if name.endswith("zip") else tarred)(path, FILES)
    domain = load(path)
    assert domain.classes == ("a", "b") and domain.given is not None
    assert domain.given.tolist() == [2] * 6 + [0] * 6
    assert domain.images[:, 0, 4, 4].tolist() == [0, 40, 80] * 4
    assert domain.fingerprint == "8aa1346af6cd5873" and domain.source == str(path)
    assert not any(home.folder("domains").iterdir())  # unpacked files are removed again


def test_one_folder_inside(tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tar", {f"{d}/{c}/{i}.png": png() for d in "xy" for c in "ab" for i in "12"})
    refuse(path, r"several domains. Name one of them, such as archive:.*a\.tar/x\.")
    domain = load(f"{path}/x")
    assert len(domain.labels) == 4 and domain.source == f"{path}/x"
    with pytest.raises(DataProblem, match="has no 'z'"):
        load(f"{path}/z")
    with pytest.raises(DataProblem, match="a folder inside the archive"):
        load(f"{path}/x/../..")


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a\\..\\evil", "C:/evil"])
def test_names_that_lead_outside(tmp_path: Path, pack: object, name: str) -> None:
    ending = "zip" if pack is zipped else "tar"
    refuse(pack(tmp_path / f"a.{ending}", {**FILES, name: b"x"}), "must stay inside")  # type: ignore[operator]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        info = tarfile.TarInfo("a/evil")
        info.type, info.linkname = kind, "/etc"
        file.addfile(info)
    refuse(path, "'a/evil' is a link or a device")


def test_links_and_encryption_in_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        info = zipfile.ZipInfo("a/evil")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc")
    refuse(path, "'a/evil' is a link or a device")
    raw = bytearray(zipped(path, FILES).read_bytes())
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    refuse(path, "is encrypted")


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FREE_BYTES", 2**20)
    for name in ("a.zip", "a.tar.gz"):
        pack = zipped if name.endswith("zip") else tarred
        refuse(pack(tmp_path / name, {**FILES, "top/big.png": bytes(2**22)}), "may unpack to at most")
    monkeypatch.setattr(archive, "MAX_FILES", 5)
    refuse(zipped(tmp_path / "many.zip", FILES), "at most 5 files")


def test_a_zip_that_lies_about_a_size(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a/1.png": bytes(5000)})
    raw = path.read_bytes()
    place = raw.rindex(b"PK\x01\x02") + 24
    path.write_bytes(raw[:place] + (100).to_bytes(4, "little") + raw[place + 4 :])
    refuse(path, "damaged|cannot be unpacked")


def test_a_tar_header_that_would_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    head = tarfile.TarInfo("x")
    head.type, head.size = tarfile.XHDTYPE, 2**32
    with gzip.open(path, "wb") as file:
        file.write(head.tobuf(tarfile.PAX_FORMAT) + bytes(4096))
    refuse(path, "header of many megabytes")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_tar_cut_between_two_files_is_not_taken_for_a_whole_one(tmp_path: Path, name: str) -> None:
    whole = tarred(tmp_path / "whole.tar", FILES).read_bytes()
    torn = whole[: 1024 * 11]
    (tmp_path / name).write_bytes(gzip.compress(torn) if name.endswith("gz") else torn)
    refuse(tmp_path / name, "breaks off")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_damaged_archives(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = (zipped if name.endswith("zip") else tarred)(path, FILES).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refuse(path, "cannot be unpacked|breaks off|damaged")
    path.write_bytes(b"nothing of the kind" * 100)
    refuse(path, "cannot be unpacked")
    path.write_bytes(b"")
    refuse(path, "cannot be unpacked")


def test_an_xz_of_several_streams_is_read_on(tmp_path: Path) -> None:
    whole = tarred(tmp_path / "whole.tar", FILES).read_bytes()
    half = len(whole) // 2
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(whole[:half]) + bytes(8) + lzma.compress(whole[half:]))
    assert len(load(tmp_path / "a.tar.xz").labels) == 12


def test_an_xz_that_wants_too_much_memory(tmp_path: Path) -> None:
    """The window of a stream is asked for in its head, whatever is in it."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 512 * 2**20}]
    whole = tarred(tmp_path / "whole.tar", FILES).read_bytes()
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(whole, filters=filters))
    refuse(tmp_path / "a.tar.xz", "[Mm]emory")


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz"])
def test_a_packed_bomb_is_refused_before_it_is_queued(tmp_path: Path, packing: str) -> None:
    """A gigabyte that is said to be there is not unpacked to be passed over."""
    path = tmp_path / f"a.tar.{packing}"
    head = tarfile.TarInfo("top/a/0.png")
    head.size = 200 * 2**20
    packed = {"gz": gzip.GzipFile, "bz2": bz2.BZ2File, "xz": lzma.LZMAFile}[packing]
    with packed(path, "wb") as file:
        file.write(head.tobuf())
        for _ in range(200):
            file.write(bytes(2**20))
    with pytest.raises(DataProblem, match="may unpack to at most 0.07 GB"):
        data.check(DataSpec(f"archive:{path}", size=8))
    refuse(path, "may unpack to at most 0.07 GB")


@pytest.mark.parametrize(
    ("codec", "names", "words"),
    [
        ("gbk", ("猫", "狗"), "Chinese"),
        ("gbk", ("無尾熊", "長頸鹿"), "Chinese"),  # of which GB 2312 has no letters
        ("cp932", ("ネコ", "いぬ"), "Japanese"),
        ("cp866", ("кошка", "собака"), "Cyrillic"),
        ("cp437", ("Kätzchen", "Señor"), ""),
        ("utf-8", ("猫", "Señor"), ""),
        ("gbk", ("cat", "狗"), "Chinese"),
    ],
)
def test_names_that_do_not_say_how_they_are_coded(
    codec: str, names: tuple[str, str], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            for i in range(3):
                file.writestr(Unsaid(f"{name}/{i}.png".encode(codec).decode("cp437")), png(40 * i + 9))
    domain = load(path)
    assert set(domain.classes) == set(names)
    notes = [note for note in domain.account.notes if "do not say how their letters are coded" in note]
    assert len(notes) == (1 if words else 0) and all(words in note for note in notes)


def test_a_name_that_is_there_a_second_time_in_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("猫", "狗"):
            for i in range(3):
                entry = Unsaid(f"{name}/{i}.png".encode("gbk").decode("cp437"))
                true = f"{name}/{i}.png".encode()
                body = b"\1" + zlib.crc32(entry.filename.encode("cp437")).to_bytes(4, "little") + true
                entry.extra = (0x7075).to_bytes(2, "little") + len(body).to_bytes(2, "little") + body
                file.writestr(entry, png(40 * i + 9))
    assert set(load(path).classes) == {"猫", "狗"} and not load(path).account.notes


def test_a_name_that_comes_twice(tmp_path: Path) -> None:
    """The same twice is one file; what differs cannot both be meant."""
    for second in (FILES["top/test/a/0.png"], png(99)):
        path = tarred(tmp_path / "a.tar", FILES)
        with tarfile.open(path, "a") as file:
            info = tarfile.TarInfo("top/test/a/0.png")
            info.size = len(second)
            file.addfile(info, io.BytesIO(second))
        if second == png(99):
            refuse(path, "'top/test/a/0.png' comes twice with different content")
        else:
            assert len(load(path).labels) == 12
            assert load(path).skipped == (("top/test/a/0.png", "comes twice in the archive"),)


def test_paths_that_name_no_archive(tmp_path: Path) -> None:
    with pytest.raises(DataProblem, match="nothing there"):
        load(tmp_path / "a.zip")
    with pytest.raises(DataProblem, match="a folder: write folder:PATH"):
        load(tmp_path)
    (tmp_path / "a.rar").write_bytes(b"x")
    with pytest.raises(DataProblem, match="pack it as one of them"):
        load(tmp_path / "a.rar")


@pytest.mark.shared
def test_real_photographs(shared: Path) -> None:
    calls: list[tuple[int, int]] = []
    spec = DataSpec(f"archive:{shared / 'folders' / 'hymenoptera_256.tar'}", size=64, shots=20)
    domain = data.load(spec, lambda done, total: calls.append((done, total)))
    assert domain.classes == ("ants", "bees") and domain.images.shape == (396, 3, 64, 64)
    assert not domain.skipped and calls[-1] == (396, 396)
    split = domain.split(spec, seed=0)
    assert domain.given is not None and (domain.given[split.val] == 1).all() and len(split.val) == 153
    assert len(split.train) == 40 and len(split.test) > 60

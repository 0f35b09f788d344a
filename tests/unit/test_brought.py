"""What a browser brings is kept under safe names, within bounds, equal things once; hostile archives harm nothing."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tltk import data, home
from tltk.dashboard import brought, staging
from tltk.dashboard.routes import routes
from tltk.errors import BadSpec, DataProblem, UnknownName
from tltk.specs.parts import DataSpec


def picture(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def flowers(top: str = "flowers", each: int = 4) -> list[tuple[str, bytes]]:
    return [
        (f"{top}/{name}/{i}.png", picture(100 * c + i)) for c, name in enumerate(("daisy", "rose")) for i in range(each)
    ]


def below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def load(name: str) -> data.Domain:
    return data.load(DataSpec(name, size=16))


# -- names and places -------------------------------------------------------------------------------------------


def test_equal_drops_are_one_domain_whatever_the_folder_is_called() -> None:
    first, told = brought.keep_folder(flowers())
    assert (first.title, first.files, told) == ("flowers", 8, [])
    again, _ = brought.keep_folder(flowers("copy of flowers")[::-1])
    other, _ = brought.keep_folder(flowers(each=3))
    assert again.name == first.name and other.name != first.name
    found = load(first.name)
    assert found.classes == ("daisy", "rose") and len(found.labels) == 8
    assert [one.name for one in brought.known()] == [other.name, first.name]
    assert brought.is_brought(first.name) and not brought.is_brought("folder:/home/me/pictures")
    brought.remove(first)
    assert [one.name for one in brought.known()] == [other.name]
    assert not list(home.folder("pictures").glob(".*")), "nothing half written is left"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a/../../b.png", None),
        ("../b.png", None),
        ("a\\..\\b.png", None),
        ("/etc/cron.d/x.png", "etc/cron.d/x.png"),
        ("C:\\pictures\\a.png", "C_/pictures/a.png"),
        ("a/./b.png", "a/b.png"),
        ("a/b\x00\n.png", "a/b_x00_n.png"),
        ("a/\u202egnp.exe", "a/_u202egnp.exe"),
        ("a/.DS_Store", "a/.DS_Store"),
        ("a/...", "a/.picture"),
        ("/".join("abcdefghij") + ".png", None),
        ("", None),
        ("//", None),
    ],
)
def test_a_path_from_a_browser_stays_below_its_folder(name: str, kept: str | None) -> None:
    assert brought.safe_path(name) == kept


def test_long_names_fit_any_disk() -> None:
    found, _ = brought.keep_folder([(f"{'花' * 300}/{'ö' * 300}.png", b"1"), ("b/2.png", b"2")])
    names = below(Path(found.name.partition(":")[2]))
    assert len(names) == 2 and all(len(part.encode()) < 256 for name in names for part in name.split("/"))


def test_names_that_become_one_are_told_apart_and_equal_files_are_not() -> None:
    files = [
        ("a/x:1.png", b"1"),
        ("a/x_1.png", b"2"),
        ("a\\x_1.png", b"2"),
        ("b/1.png", b"3"),
        ("b", b"4"),
        ("../c", b"5"),
    ]
    found, told = brought.keep_folder(files, "a ~fog:3 title")
    assert below(Path(found.name.partition(":")[2])) == ["a/x_1 (2).png", "a/x_1.png", "b/1.png"]
    assert "2 files were not kept" in told[0]
    assert found.title == "a _fog_3 title", "no corruption is read out of a title"


def test_classes_whose_safe_names_are_equal_stay_two() -> None:
    long = "a" * 150
    names = [f"{long}1", f"{long}2", "x:y", "x_y", "caf\ufffd"]
    files = [(f"{name}/{i}.png", f"{c}{i}".encode()) for c, name in enumerate(names) for i in range(3)]
    found, told = brought.keep_folder(files)
    folders = {Path(name).parent.name for name in below(Path(found.name[7:]))}
    assert folders == {"a" * 100, "a" * 100 + " (2)", "x_y", "x_y (2)", "caf\ufffd"}
    assert len(told) == 1 and "3 names have letters" in told[0]


def test_too_many_and_too_large_is_told_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brought, "MAX_FILES", 3)
    with pytest.raises(BadSpec, match="At most 3 files"):
        brought.keep_folder(flowers())
    monkeypatch.setattr(brought, "MAX_FILES", 100)
    monkeypatch.setattr(brought, "MAX_BYTES", 500)
    with pytest.raises(BadSpec, match="can be brought at once"):
        brought.keep_folder(flowers())
    with pytest.raises(BadSpec, match="can be brought at once"):
        brought.keep_archive("a.zip", b"x" * 501)
    monkeypatch.setattr(brought, "FREE_BYTES", 2**62)
    with pytest.raises(OSError, match="make room"):
        brought.keep_archive("a.zip", b"x")
    with pytest.raises(BadSpec, match="must be brought as files"):
        brought.keep_folder([("..", b"1")])
    assert list(home.folder("pictures").iterdir()) == []


def test_in_a_room_each_sees_and_deletes_what_is_theirs() -> None:
    one, _ = brought.keep_folder(flowers())
    for name in ("ann", "bob", "ann"):
        brought.claim(brought.keep_folder(flowers())[0], name)
    assert [len(brought.known(name)) for name in ("ann", "bob", "cid", "")] == [1, 1, 0, 1]
    brought.remove(brought.known("ann")[0], "ann")
    assert not brought.known("ann") and Path(one.name[7:]).is_dir(), "it is bob's as well"
    brought.remove(brought.known("bob")[0], "bob")
    assert not Path(one.name[7:]).exists()


# -- archives ---------------------------------------------------------------------------------------------------


def packed(files: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files:
            file.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_is_a_domain_under_its_name() -> None:
    content = packed(flowers())
    found = brought.keep_archive("../my flowers~fog:5.ZIP", content)
    assert found.title == "my flowers_fog_5.zip" and brought.keep_archive("other.zip", content).name == found.name
    assert load(found.name).classes == ("daisy", "rose")


def linked() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        link = tarfile.TarInfo("a/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", packed([("../../../evil.png", picture()), *flowers()])),
        ("a.zip", packed([("a/bomb.png", b"\0" * 80_000_000), *flowers()])),
        ("a.zip", packed(flowers())[:300]),
        ("a.zip", b"<html>not found</html>"),
        ("a.tar", linked()),
    ],
    ids=["leads out", "bomb", "cut off", "a web page", "link"],
)
def test_a_hostile_archive_is_refused_by_the_worker_and_writes_nothing_elsewhere(
    name: str, content: bytes, tmp_path: Path
) -> None:
    found = brought.keep_archive(name, content)
    with pytest.raises(DataProblem):
        load(found.name)
    assert not list(tmp_path.rglob("evil.png")) and not list(home.home().rglob("evil.png"))


def test_what_is_no_archive_is_told() -> None:
    with pytest.raises(BadSpec, match=r"must end in \.zip"):
        brought.keep_archive("pictures.exe", b"MZ")


# -- on their way -----------------------------------------------------------------------------------------------


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes)) as found:
        yield found


def batch(files: list[tuple[str, bytes]]) -> bytes:
    head = json.dumps([[name, len(content)] for name, content in files])
    return head.encode() + b"\n" + b"".join(content for _, content in files)


def test_batches_arrive_under_a_token_and_are_kept(client: TestClient) -> None:
    token, files = staging.begin(), flowers()
    assert client.post(f"/tltk/bring/{token}?first=1", content=batch(files[:3])).json() == {"files": 3}
    assert client.post(f"/tltk/bring/{token}?first=1", content=batch(files[:5])).json() == {"files": 5}, "begun anew"
    assert client.post(f"/tltk/bring/{token}", content=batch(files[5:])).json() == {"files": 8}
    arrived = staging.files(token)
    assert [(name, path.read_bytes()) for name, path in arrived] == files
    found, _ = brought.keep_folder(arrived)
    staging.close(token)
    assert found.name == brought.keep_folder(files)[0].name and len(load(found.name).labels) == 8
    assert not staging.is_open(token) and not list(home.folder("pictures").glob(".staged*"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no line",
        b"{}\n",
        b'[["a", -1]]\n',
        b'[["a", 5]]\nabc',
        b'[["a", 1]]\nabc',
        b"\xff\n",
        b"[" * 200_000 + b"\n",
        b"x" * 2_000_000,
    ],
    ids=str,
)
def test_what_is_no_batch_is_told(client: TestClient, content: bytes) -> None:
    reply = client.post(f"/tltk/bring/{staging.begin()}", content=content)
    assert reply.status_code == 400 and "A batch must be" in reply.json()["error"]


def test_a_stranger_without_a_token_writes_nothing(client: TestClient) -> None:
    for token in ("0" * 32, "..%2f..", "a"):
        assert client.post(f"/tltk/bring/{token}", content=batch(flowers())).status_code == 404
    assert client.get(f"/tltk/bring/{staging.begin()}").status_code == 405
    assert list(home.folder("pictures").iterdir()) == []
    with pytest.raises(UnknownName, match="Reload"):
        staging.files("0" * 32)


def test_batches_are_bounded_and_old_places_make_room(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    token = staging.begin()
    monkeypatch.setattr(staging, "MAX_FILES", 9)
    assert client.post(f"/tltk/bring/{token}", content=batch(flowers())).status_code == 200
    reply = client.post(f"/tltk/bring/{token}", content=batch(flowers()))
    assert reply.status_code == 400 and "At most 9 files" in reply.json()["error"]
    monkeypatch.setattr(staging, "MAX_BYTES", 10)
    reply = client.post(f"/tltk/bring/{token}?first=1", content=batch([("a/b.png", b"x" * 11)]))
    assert reply.status_code == 400 and "at once" in reply.json()["error"]
    monkeypatch.setattr(staging, "MAX_OPEN", 2)
    later: Any = [staging.begin(), staging.begin()]
    assert not staging.is_open(token) and all(map(staging.is_open, later))

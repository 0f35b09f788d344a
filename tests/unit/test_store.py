"""The weight store: cards, checksums, names; entries that come with tltk and those that are added."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.support.stored import NAME, added, card
from tltk import home
from tltk.errors import BadSpec, UnknownName, WeightsMissing
from tltk.runs.run import Run
from tltk.specs.parts import NetSpec
from tltk.specs.training import TransferSpec
from tltk.weights import store
from tltk.weights.load import build_net
from tltk.weights.store import Stage


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty shelf in place of the one that comes with tltk."""
    (tmp_path / "shipped").mkdir()
    monkeypatch.setattr(store, "shipped_shelf", lambda: tmp_path / "shipped")
    return tmp_path / "shipped"


pytestmark = pytest.mark.usefixtures("shelf")


def test_what_is_put_is_found() -> None:
    entry = added(notes=("as it was",))
    assert store.find("mine") == entry and store.entries() == [entry]
    assert entry.card.bytes == entry.file.stat().st_size and entry.card.sha256 == store.sha256(entry.file)
    assert store.is_intact(entry) and store.verify("mine") == entry
    told = store.as_dict(entry)
    assert (told["weights"], told["shipped"], told["file"]) == ("store:mine", False, str(entry.file))
    text = store.as_text(entry)
    for part in ("# mine", NAME, entry.card.sha256, "unknown", "- as it was"):
        assert part in text


def test_the_shipped_ones_come_first_and_stay(shelf: Path) -> None:
    added("a")
    given = store.put(shelf, b"x", card("z"))
    assert [e.card.name for e in store.entries()] == ["z", "a"]
    assert given.shipped and store.find("z").shipped
    with pytest.raises(BadSpec, match="z came with tltk"):
        store.remove("z")
    store.remove("a")
    assert [e.card.name for e in store.entries()] == ["z"]
    assert not (home.folder("weights") / "a").exists()


def test_what_is_no_entry_is_left_out(shelf: Path) -> None:
    folder = home.folder("weights")
    for name, text in (("none", None), ("broken", "{"), ("odd", '{"name": 5}'), ("other", None)):
        (folder / name).mkdir()
        (folder / name / store.FILE).write_bytes(b"x")
        if text is not None:
            (folder / name / store.CARD).write_text(text)
    (folder / "other" / store.CARD).write_bytes(json.dumps({**store.as_dict(added())}).encode())  # another's name
    (folder / "a file").write_text("x")
    (folder / "to nowhere").symlink_to(folder / "nowhere")
    assert [e.card.name for e in store.entries()] == ["mine"]
    (folder / "mine" / store.FILE).unlink()
    assert store.entries() == []


def test_put_replaces_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = added()
    store.put(home.folder("weights"), b"new", card())
    assert entry.file.read_bytes() == b"new" and store.is_intact(store.find("mine"))

    def full(path: Path, data: bytes) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(home, "write_atomic", full)
    with pytest.raises(OSError, match="no space"):
        store.put(home.folder("weights"), b"newer", card())
    assert store.entries() == []  # a file without a card that speaks of it is no entry


@pytest.mark.parametrize("name", ["a", "0", "resnet18.a1_in1k-mine", "x" * 64])
def test_names_that_can_be(name: str) -> None:
    assert store.check_name(name) == name


@pytest.mark.parametrize("name", ["", "../../x", "a/b", "A", ".a", "-a", "a..b", "x" * 65, "a b", "a\n", "ä"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(BadSpec, match="must be small letters"):
        store.check_name(name)


def test_a_name_that_is_taken() -> None:
    added()
    with pytest.raises(BadSpec, match="There is 'mine' already"):
        store.check_name("mine")


def test_an_unknown_name_is_a_sentence() -> None:
    for call in (store.find, store.verify, store.remove):
        with pytest.raises(UnknownName, match="there is none yet"):
            call("mine")
    added()
    with pytest.raises(UnknownName, match="must be one of mine.*Did you mean 'mine'"):
        store.find("mien")
    with pytest.raises(UnknownName, match="Did you mean 'mine'"):
        build_net(NetSpec(backbone=NAME, weights="store:mien"), 3, 32, 3, 0)


def test_a_network_from_the_store() -> None:
    entry = added()
    net, same = (
        build_net(NetSpec(backbone=NAME, weights=w), 3, 32, 3, 0) for w in ("store:mine", f"file:{entry.file}")
    )
    assert all(torch.equal(t, same.state_dict()[n]) for n, t in net.state_dict().items())
    with pytest.raises(
        WeightsMissing, match="mine in the weight store must be of the backbone test_vit.*They are of test_resnet"
    ):
        build_net(NetSpec(backbone="test_vit", weights="store:mine"), 3, 32, 3, 0)
    with pytest.raises(WeightsMissing, match="must name what to load, as in store:"):
        build_net(NetSpec(backbone=NAME, weights="store:"), 3, 32, 3, 0)


def test_another_file_than_the_cards_is_refused(shelf: Path) -> None:
    entry = added()
    with entry.file.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert not store.is_intact(entry)
    with pytest.raises(WeightsMissing, match="must have the checksum of their card.*remove them and add them again"):
        build_net(NetSpec(backbone=NAME, weights="store:mine"), 3, 32, 3, 0)
    store.put(shelf, b"x", card("given")).file.write_bytes(b"y")
    with pytest.raises(WeightsMissing, match="install tltk again"):
        store.verify("given")


def test_the_trainings_of_an_entry_are_copied_on_first_use() -> None:
    spec = TransferSpec(net=NetSpec(backbone=NAME))
    stages = tuple(Stage(i, "digits", 16, 10, 100, 300, 30, 5.0, "cpu", 0.5) for i in (spec.run_id, "ffffffffffff"))
    entry = added(stages=stages)
    kept = entry.path / store.RUNS / spec.run_id
    kept.mkdir(parents=True)
    (kept / "spec.json").write_text(spec.to_json())
    assert [run.id for run in entry.runs] == [spec.run_id]  # the other's rows were not kept
    assert not Run.at(spec.run_id).path.exists()
    for _ in range(2):
        (run,) = store.open_runs(entry)
        assert run.path == Run.at(spec.run_id).path and run.spec == spec
    assert "Training 2" in store.as_text(entry) and "300 times" in store.as_text(entry)


def test_the_hubs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    assert store.hub_cache() == tmp_path / "hf" / "hub"
    assert store.cached_models() == []
    for folder, file in (
        ("models--timm--resnet18.a1_in1k", store.FILE),
        ("models--some--one--else", "pytorch_model.bin"),
        ("models--timm--empty", "config.json"),
        ("models--timm--vit.x", "open_clip_model.safetensors"),  # which timm does not ask for under this name
    ):
        place = store.hub_cache() / folder / "snapshots" / "abc"
        place.mkdir(parents=True)
        (place / file).write_bytes(b"1234")
    other, timms, unasked = store.cached_models()
    assert (unasked.hub_id, unasked.weights) == ("timm/vit.x", None)
    assert (timms.hub_id, timms.weights) == ("timm/resnet18.a1_in1k", ("resnet18", "hub:a1_in1k"))
    assert (other.hub_id, other.weights) == ("some/one--else", None)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert store.hub_cache() == tmp_path / "elsewhere" and store.cached_models() == []
    for name in ("HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert store.hub_cache() == tmp_path / "xdg" / "huggingface" / "hub"

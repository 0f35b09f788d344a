from __future__ import annotations

import dataclasses
import errno
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.engine import domain, spec, train
from tltk import home
from tltk.errors import CannotSplit
from tltk.nn.cut import Cut
from tltk.nn.freeze import freeze
from tltk.nn.net import Net
from tltk.specs.parts import NetSpec, ViewSpec
from tltk.training.bank import FeatureBank, Features, derive_seed
from tltk.training.batches import CachedBatches
from tltk.training.loop import Stopped
from tltk.weights.load import build_net

D = domain(40)
INDEX = np.arange(40)
VIEW = ViewSpec(crop=0.3, flip=0.5, copies=2)


class Counting(Cut):
    """A cut that counts its forward passes."""

    passes = 0

    def prefix(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.passes += 1
        return super().prefix(x)


def cut_at(boundary: int = 2, seed: int = 0, net: Net | None = None) -> Counting:
    net = net or build_net(NetSpec(backbone="test_resnet"), 3, 32, 3, seed)
    freeze(net, boundary)
    made = Counting(net, boundary)
    made.passes = 0
    return made


def entries() -> list[Path]:
    return [p for p in home.folder("bank").iterdir() if not p.name.startswith(".")]


def equal(a: Features, b: Features) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.arrays, b.arrays, strict=True))


def test_rows_are_what_the_prefix_gives() -> None:
    cut = cut_at()
    kept = FeatureBank().features(cut, D, INDEX)
    images = torch.from_numpy(D.images[[7, 3]]).float() / 255
    rows = kept.rows(torch.tensor([7, 3]), torch.device("cpu"))
    assert torch.allclose(rows[0], cut.prefix(cut.net.normalise(images))[0], atol=1e-5)
    rows[0].zero_()  # a copy: nothing kept is touched
    assert float(kept.rows(torch.tensor([7]), torch.device("cpu"))[0].abs().sum()) > 0
    assert kept.bytes == 40 * cut.numbers * 4 and kept.seconds > 0


@pytest.mark.parametrize("ram", [1 << 30, 1000], ids=["ram", "mapped"])
@pytest.mark.parametrize("fresh", [False, True], ids=["held", "on disk"])
@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "test_convnext"])
def test_rows_lie_in_memory_as_the_prefix_left_them(backbone: str, fresh: bool, ram: int) -> None:
    net = build_net(NetSpec(backbone=backbone), 3, 32, 3, 0).to(memory_format=torch.channels_last)
    freeze(net, 2)
    cut = Cut(net, 2)
    images = torch.from_numpy(D.images[:8]).float() / 255
    told = cut.prefix(net.normalise(images).contiguous(memory_format=torch.channels_last))
    bank = FeatureBank(ram=ram)
    bank.features(cut, D, INDEX, batch=8, full=True)
    rows = (
        (FeatureBank(ram=ram) if fresh else bank)
        .features(cut, D, INDEX, batch=8, full=True)
        .rows(torch.arange(8), torch.device("cpu"))
    )
    for ours, theirs in zip(rows, told, strict=True):
        assert torch.equal(ours, theirs) and ours.stride() == theirs.stride()


@pytest.mark.parametrize("batch", [3, 8, 128, 200])
def test_views_hang_on_no_batch_and_the_last_batch_is_filled_up(batch: int) -> None:
    sizes: list[int] = []

    class Seen(Counting):
        def prefix(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            sizes.append(len(x))
            return super().prefix(x)

    cut = cut_at()
    seen = Seen(cut.net, 2)
    sizes.clear()
    usual = FeatureBank(disk=0).features(cut_at(), D, INDEX, view=VIEW)
    kept = FeatureBank(disk=0).features(seen, D, INDEX, view=VIEW, batch=batch, full=True)
    assert set(sizes) == {batch} and len(kept.arrays[0]) == 2 * 40
    for ours, theirs in zip(kept.arrays, usual.arrays, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("fresh", [False, True], ids=["held", "on disk"])
def test_the_second_asking_takes_no_forward_pass(fresh: bool) -> None:
    bank = FeatureBank()
    first = bank.features(cut_at(seed=0), D, INDEX)
    again = cut_at(net=build_net(NetSpec(backbone="test_resnet", head="cosine"), 7, 32, 3, 0))
    found = (FeatureBank() if fresh else bank).features(again, D, INDEX)
    assert again.passes == 0 and found.seconds == 0 and equal(first, found)


def test_strategies_and_seeds_share() -> None:
    """The weights come from a file, so that seeds differ in the head and the order alone."""
    from tltk.weights.load import save

    where = home.home() / "w.safetensors"
    save(build_net(NetSpec(backbone="test_resnet"), 3, 32, 3, 0), NetSpec(backbone="test_resnet"), where)
    bank = FeatureBank()
    for i, (name, seed) in enumerate([("fine_tune", 0), ("discriminative", 1), ("fine_tune", 2)]):
        run = train(spec(boundary=3, strategy=name, seed=seed, net={"weights": f"file:{where}"}), D, bank=bank)
        feed = run.training.train_feed
        assert isinstance(feed, CachedBatches) and (feed.features.seconds > 0) == (i == 0)


def keys(**changes: Any) -> str:
    asked: dict[str, Any] = {
        "cut": cut_at(),
        "domain": D,
        "index": INDEX,
        "view": None,
        "seed": 0,
        "precision": "float32",
        "batch": 128,
        "full": False,
    }
    asked.update(changes)
    return FeatureBank._key(**asked)


def test_the_key_tells_apart_what_differs() -> None:
    padded = build_net(NetSpec(backbone="test_efficientnet"), 3, 32, 3, 0)
    same = build_net(NetSpec(backbone="test_efficientnet"), 3, 32, 3, 0)
    same.backbone.conv_stem.padding = (0, 0)  # type: ignore[union-attr]
    other = dataclasses.replace(D, fingerprint="0" * 16)
    nudged = cut_at()
    with torch.no_grad():
        next(nudged.net.backbone.parameters()).view(-1)[0] += 1e-6
    with torch.autocast("cpu", torch.bfloat16):
        half = keys()
    found = [
        keys(),
        keys(cut=cut_at(seed=1)),
        keys(cut=cut_at(3)),
        keys(domain=other),
        keys(index=INDEX[::-1]),
        keys(view=VIEW),
        keys(view=VIEW, seed=1),
        keys(view=dataclasses.replace(VIEW, copies=3)),
        keys(precision="float16"),
        keys(cut=nudged),
        keys(cut=cut_at(net=padded)),
        keys(cut=Counting(same, 2)),
        half,
        keys(batch=8),
        keys(full=True),
    ]
    assert len(set(found)) == len(found)
    assert keys(seed=5) == keys() and keys(view=ViewSpec(copies=4)) == keys()  # nothing is drawn


def test_memory_mapped_rows_equal_those_in_ram() -> None:
    for view in (None, VIEW):
        ram = FeatureBank(disk=0).features(cut_at(), D, INDEX, view=view)
        mapped = FeatureBank(ram=1000).features(cut_at(), D, INDEX, view=view)
        assert isinstance(mapped.arrays[0], np.memmap) and not isinstance(ram.arrays[0], np.memmap)
        assert equal(ram, mapped)
        at = torch.tensor([3, 39, 0])
        assert torch.equal(ram.rows(at, torch.device("cpu"))[0], mapped.rows(at, torch.device("cpu"))[0])
    whole, small = (
        train(spec(boundary=2), D, bank=FeatureBank(disk=0)),
        train(spec(boundary=2), D, bank=FeatureBank(ram=1000)),
    )
    assert whole.values() == small.values()


def test_budgets_and_eviction() -> None:
    size = 40 * cut_at().numbers * 4
    bank = FeatureBank(ram=int(1.5 * size), disk=int(2.5 * (size + 400)))
    for seed in range(3):
        bank.features(cut_at(seed=seed), D, INDEX)
        for path in entries():  # older by a second each time
            os.utime(path, (path.stat().st_mtime - 1,) * 2)
    assert len(bank._held) == 1
    assert len(entries()) == 2
    first, last = cut_at(seed=0), cut_at(seed=2)
    fresh = FeatureBank(disk=int(2.5 * (size + 400)))
    fresh.features(last, D, INDEX)
    fresh.features(first, D, INDEX)
    assert last.passes == 0 and first.passes == 1
    none = FeatureBank(disk=0)
    none.features(cut_at(seed=5), D, INDEX)
    assert len(entries()) == 2
    with pytest.raises(CannotSplit, match="no room"):
        FeatureBank(ram=100, disk=100).features(cut_at(seed=6), D, INDEX)


def flip(path: Path) -> None:
    data = bytearray((path / "0.bin").read_bytes())
    data[len(data) // 2] ^= 1
    (path / "0.bin").write_bytes(data)


def edit(path: Path, **changes: Any) -> None:
    meta = json.loads((path / "meta.json").read_text())
    (path / "meta.json").write_text(json.dumps({**meta, **changes}))


DAMAGE: dict[str, Any] = {
    "torn": lambda p: (p / "0.bin").write_bytes((p / "0.bin").read_bytes()[:-5]),
    "longer": lambda p: (p / "0.bin").write_bytes((p / "0.bin").read_bytes() + b"1234"),
    "empty": lambda p: (p / "0.bin").write_bytes(b""),
    "gone": lambda p: (p / "0.bin").unlink(),
    "flipped": flip,
    "meta cut": lambda p: (p / "meta.json").write_text((p / "meta.json").read_text()[:20]),
    "meta gone": lambda p: (p / "meta.json").unlink(),
    "meta a list": lambda p: (p / "meta.json").write_text("[1]"),
    "no arrays": lambda p: edit(p, arrays=[]),
    "no orders": lambda p: edit(p, orders=[]),
    "other axes": lambda p: edit(p, orders=[[0, 1, 1, 3]]),
    "wrong count": lambda p: edit(p, n=39),
    "other shape": lambda p: edit(p, arrays=[[[80, 16, 8, 8], "float32", 0]]),
}


@pytest.mark.parametrize("mapped", [False, True], ids=["ram", "mapped"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_computed_anew(damage: str, mapped: bool) -> None:
    true = FeatureBank(disk=0).features(cut_at(), D, INDEX)
    FeatureBank().features(cut_at(), D, INDEX)
    DAMAGE[damage](entries()[0])
    cut = cut_at()
    found = FeatureBank(ram=1000 if mapped else 1 << 30).features(cut, D, INDEX)
    assert cut.passes == 1 and equal(true, found)
    healed = cut_at()
    assert equal(FeatureBank().features(healed, D, INDEX), true) and healed.passes == 0


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("ram", [1 << 30, 1000], ids=["ram", "mapped"])
def test_a_full_disk_still_trains(ram: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = train(spec(boundary=2), D, bank=FeatureBank(disk=0))
    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    run = train(spec(boundary=2), D, bank=FeatureBank(ram=ram))
    assert run.curve("loss", "train") == pytest.approx(usual.curve("loss", "train"), abs=1e-6)
    assert run.result.cached == (ram > 1000)
    if ram == 1000:
        assert any("No space left" in s and "without a bank" in s for s in run.said)
    assert list(home.folder("bank").iterdir()) == []


def test_float16_is_half_the_bytes_and_a_bounded_difference() -> None:
    whole = FeatureBank(disk=0).features(cut_at(), D, INDEX)
    half = FeatureBank(disk=0).features(cut_at(), D, INDEX, precision="float16")
    assert half.bytes * 2 == whole.bytes
    a, b = whole.arrays[0], half.arrays[0].astype(np.float32)
    assert float(np.abs(a - b).max()) <= 2**-11 * float(np.abs(a).max()) and not np.array_equal(a, b)
    run, same = train(spec(boundary=2, cache="float16"), D), train(spec(boundary=2), D)
    assert run.curve("loss", "train") == pytest.approx(same.curve("loss", "train"), abs=1e-2)


def test_what_float16_cannot_hold_is_not_kept() -> None:
    cut = cut_at()
    with torch.no_grad():
        for p in cut.net.backbone.parameters():
            p.mul_(300)
    with pytest.raises(CannotSplit, match="65,504"):
        FeatureBank().features(cut, D, INDEX, precision="float16")


def test_bfloat16_can_be_kept() -> None:
    run = train(spec(boundary=2, precision="bfloat16"), D)
    assert run.result.cached and np.isfinite(run.result.loss)


@pytest.mark.parametrize("ram", [1 << 30, 1000], ids=["ram", "mapped"])
def test_a_stop_during_the_fill_leaves_nothing(ram: int) -> None:
    calls = 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Stopped

    with pytest.raises(Stopped):
        FeatureBank(ram=ram).features(cut_at(), D, INDEX, view=VIEW, should_stop=stop)
    assert list(home.folder("bank").iterdir()) == []


def test_what_a_killed_process_left_is_swept_up() -> None:
    left = home.folder("bank") / ".abc.1.tmp"
    left.mkdir()
    os.utime(left, (time.time() - 2 * 24 * 3600,) * 2)
    FeatureBank().features(cut_at(), D, INDEX)
    assert not left.exists()


def test_the_cost_is_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    FeatureBank(disk=0, notify=said.append).features(cut_at(), D, INDEX)
    assert len(said) == 1 and "40 examples" in said[0] and "MB" in said[0]


def test_seeds_are_named_by_all_their_parts() -> None:
    assert len({derive_seed(a, b, c) for a in range(3) for b in range(5) for c in range(9)}) == 135
    assert 0 <= derive_seed(2**31 - 1, 4, 10_000) < 2**63


def test_what_other_threads_computed_is_not_taken() -> None:
    """A sum over more threads differs in its last bits: what a run finds must not hang on who ran before it."""
    bank, cut = FeatureBank(), cut_at()
    bank.features(cut, D, INDEX)
    before, passes = torch.get_num_threads(), cut.passes
    try:
        torch.set_num_threads(before + 1)
        bank.features(cut, D, INDEX)
    finally:
        torch.set_num_threads(before)
    assert cut.passes > passes
    passes = cut.passes
    bank.features(cut, D, INDEX)
    assert cut.passes == passes

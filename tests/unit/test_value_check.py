"""Numbers that no network computes with are found before anything is queued, in every kind of file, without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import Tensor

from tests.support.stored import added
from tltk import home
from tltk.cli import main as cli
from tltk.errors import WeightsMissing
from tltk.jobs import queue
from tltk.weights import reader, safe_unpickler, store, value_check, weightfile
from tltk.weights.checks import check_weights

State = dict[str, Tensor]
NAME, INNER = "test_resnet", "layer1.0.conv1.weight"


def state() -> State:
    torch.manual_seed(0)
    found: State = timm.create_model(NAME, num_classes=3).state_dict()
    return found


def whole(s: State, path: Path) -> Path:
    save_file(s, path / "w.safetensors")
    return path / "w.safetensors"


def pieces(s: State, path: Path) -> Path:
    names = sorted(s)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, mine in parts.items():
        save_file({n: s[n] for n in mine}, path / file)
    index = path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {n: f for f, mine in parts.items() for n in mine}}))
    return index


def pth(s: State, path: Path) -> Path:
    torch.save({"state_dict": {f"module.{n}": t for n, t in s.items()}, "epoch": 3}, path / "w.pth.tar")
    return path / "w.pth.tar"


def old(s: State, path: Path) -> Path:
    torch.save({"model": s}, path / "w.pth", _use_new_zipfile_serialization=False)
    return path / "w.pth"


def repacked(s: State, path: Path) -> Path:
    with zipfile.ZipFile(pth(s, path)) as there, zipfile.ZipFile(path / "r.pth", "w", zipfile.ZIP_DEFLATED) as out:
        for entry in there.infolist():
            out.writestr(entry.filename, there.read(entry))
    return path / "r.pth"


def parameters(s: State, path: Path) -> Path:
    torch.save({n: torch.nn.Parameter(t, requires_grad=False) for n, t in s.items()}, path / "w.pth")
    return path / "w.pth"


def module(s: State, path: Path) -> Path:
    net = timm.create_model(NAME, num_classes=3)
    net.load_state_dict(s, assign=True)
    torch.save(net, path / "w.pth")
    return path / "w.pth"


WAYS: list[Callable[[State, Path], Path]] = [whole, pieces, pth, old, repacked, parameters, module]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (INNER, float("nan"), "must be finite numbers"),
        (INNER, float("-inf"), "must be finite numbers"),
        (INNER, -3e30, "must be numbers whose square 32 bits hold"),
        ("bn1.running_var", -0.25, "A variance must be at least 0"),
        ("fc.weight", float("nan"), "must be finite numbers"),
    ],
)
def test_every_kind_of_file(
    way: Callable[[State, Path], Path], kind: torch.dtype, name: str, value: float, words: str, tmp_path: Path
) -> None:
    given = {n: t.to(kind) if t.is_floating_point() else t for n, t in state().items()}
    path = way({n: t.clone() for n, t in given.items()}, tmp_path)
    check_weights(f"file:{path}", NAME)
    given[name].view(-1)[-1] = value
    if kind is torch.float16 and value == -3e30:
        words = "must be finite numbers"  # 16 bits do not hold it
    path = way(given, tmp_path)
    with pytest.raises(WeightsMissing, match=f"{words}.*{name}"):
        check_weights(f"file:{path}", NAME)
    if "square" in words:  # what can be looked at all the same, and is told
        check_weights(f"file:{path}", NAME, trained=False)
        assert any("no training starts from it" in note for note in reader.read(path, NAME).notes)
        return
    with pytest.raises(WeightsMissing, match=f"{words}.*{name}"):
        check_weights(f"file:{path}", NAME, trained=False)
    with pytest.raises(WeightsMissing, match=f"{words}.*{name}"):  # the worker says the same
        reader.read(path, NAME)


def test_what_is_not_used_may_hold_anything(tmp_path: Path) -> None:
    s = state()
    bad = torch.full((3, 3), float("nan"))
    for beside in (
        {"optimizer": {"state": {0: {"exp_avg": bad}}}},
        {"queue": bad},
        {"train_loss.total": bad},
        {"model_old": {n: t * float("nan") for n, t in s.items() if n != "conv1.0.weight"}},
    ):
        torch.save({"state_dict": s, **beside}, tmp_path / "w.pth")
        check_weights(f"file:{tmp_path}/w.pth", NAME)
        assert reader.read(tmp_path / "w.pth", NAME).part == "state_dict"


def test_tensors_that_share_a_storage_answer_for_their_own_numbers(tmp_path: Path) -> None:
    s = state()
    flat = torch.full((s[INNER].numel() + 2_000_000,), float("nan"))
    flat[1_500_000 : 1_500_000 + s[INNER].numel()] = 0.5
    for start, fine in ((1_500_000, True), (1_499_999, False)):
        s[INNER] = flat[start : start + s[INNER].numel()].view(s[INNER].shape)
        torch.save(s, tmp_path / "w.pth")
        if fine:
            check_weights(f"file:{tmp_path}/w.pth", NAME)
        else:
            with pytest.raises(WeightsMissing, match="finite"):
                check_weights(f"file:{tmp_path}/w.pth", NAME)


def test_a_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path = whole(state(), tmp_path)
    check_weights(f"file:{path}", NAME)
    times = path.stat().st_mtime_ns
    head = weightfile.read_header(path)[0][INNER].start
    with path.open("r+b") as file:
        file.seek(head)
        file.write(b"\xff" * 4)
    os.utime(path, ns=(times, times))
    value_check._answers.clear()  # as in another process: it is kept on the disk
    check_weights(f"file:{path}", NAME)
    os.utime(path, ns=(times + 10, times + 10))
    for _ in range(2):
        with pytest.raises(WeightsMissing, match="finite"):
            check_weights(f"file:{path}", NAME)


def test_a_damaged_memory_is_made_anew(tmp_path: Path) -> None:
    path = whole(state(), tmp_path)
    home.write_atomic(home.home() / value_check.FILE, b"[1]")
    check_weights(f"file:{path}", NAME)
    assert home.read_json(home.home() / value_check.FILE, dict[str, str])


def test_an_entry_of_the_store_that_was_altered_is_refused_at_once() -> None:
    added("mine")
    file = store.find("mine").file
    check_weights("store:mine", "")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(WeightsMissing, match="must have the checksum of their card"):
        check_weights("store:mine", "")
    done = CliRunner().invoke(cli.main, ["weights", "check", "mine"])
    assert done.exit_code == 1 and "checksum" in done.output


def test_the_shell_says_it_before_anything_is_queued(tmp_path: Path) -> None:
    given = state()
    given[INNER][0, 0, 0, 0] = float("nan")
    path = str(pth(given, tmp_path))
    for words, code in (
        (["weights", "add", path, "--name", "mine"], 2),
        (["weights", "check", path], 1),
        (["run", "--target", "digits", "--backbone", NAME, "--weights", f"file:{path}"], 2),
        (["profile", "--target", "digits", "--backbone", NAME, "--weights", f"file:{path}"], 2),
    ):
        done = CliRunner().invoke(cli.main, words)
        assert done.exit_code == code and "must be finite numbers" in done.output, (words, done.output)
    assert queue.jobs() == [] and not any(home.folder("runs").iterdir())


@pytest.mark.parametrize("way", [pth, old, repacked, parameters, module], ids=lambda way: way.__name__)
def test_a_pickle_is_understood_as_torch_reads_it(way: Callable[[State, Path], Path], tmp_path: Path) -> None:
    path = way(state(), tmp_path)
    file = weightfile.identify(path)
    found = value_check.contents(file)
    assert found is not None
    theirs = safe_unpickler.unpickle(path, file.kind)[0]
    assert {n: t.shape for n, t in found.tensors.items()} == {n: tuple(t.shape) for n, t in theirs.items()}


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch evil",)


def test_what_would_run_is_refused_at_once_and_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": state(), "hook": Evil()}, tmp_path / "w.pth")
    with pytest.raises(WeightsMissing, match="nothing that could run"):
        check_weights("file:w.pth", NAME)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("way", [pth, old, module], ids=lambda way: way.__name__)
def test_damaged_pickles_are_refused_or_left_to_the_worker(way: Callable[[State, Path], Path], tmp_path: Path) -> None:
    """Bytes of the orders changed, cut out and doubled: a sentence or nothing, and no long work."""
    source, draw = way(state(), tmp_path).read_bytes(), np.random.default_rng(0)
    place = tmp_path / "odd.pth"
    start = source.find(b"\x80\x02")
    for _ in range(150):
        data, at = bytearray(source), start + int(draw.integers(0, 9000))
        kind = draw.integers(3)
        if kind == 0:
            data[at] = draw.integers(256)
        elif kind == 1 and way is old:
            del data[at : at + int(draw.integers(1, 9))]
        else:
            data[at : at + 4] = data[at + 4 : at + 8]
        place.write_bytes(data)
        try:
            check_weights(f"file:{place}", NAME)
        except WeightsMissing as fault:
            assert str(fault).endswith(".")


def orders(*parts: bytes) -> bytes:
    return b"\x80\x02" + b"".join(parts) + b"."


def test_orders_that_would_fill_the_memory_are_not_followed(tmp_path: Path) -> None:
    many = b"(" + b"K\1" * 50_000
    copied = orders(b"cbuiltins\nset\nq\0", many, b"lq\1", b"h\0h\1\x85R0" * 60_000, b"}")
    name = b"X" + (2**20).to_bytes(4, "little") + b"n" * 2**20
    nested = orders(b"}", b"".join(name + b"}" for _ in range(20)), b"s" * 20)
    line = b"\x80\x02S'" + b"a" * 2**27
    for text in (copied, nested, line):
        with zipfile.ZipFile(tmp_path / "w.pth", "w") as file:
            file.writestr("archive/data.pkl", text)
            file.writestr("archive/data/0", bytes(400_000))
        (tmp_path / "old.pth").write_bytes(text)
        for path in ("w.pth", "old.pth"):
            code = (
                "import resource, sys\nfrom tltk.weights import value_check; from tltk.weights import weightfile\nfrom pathlib import Path\n"
                "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nbefore = peak()\n"
                "value_check.contents(weightfile.identify(Path(sys.argv[1])))\n"
                "assert peak() - before < 400_000, peak() - before"
            )
            done = subprocess.run(
                [sys.executable, "-c", code, str(tmp_path / path)],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr


def test_a_file_of_gigabytes_takes_no_memory_and_no_torch(tmp_path: Path) -> None:
    """Sparse on the disk, so that the test is quick: 1.2 GB of zeros in one tensor, the last number none."""
    n = 300_000_000
    head = json.dumps({"w": {"dtype": "F32", "shape": [n], "data_offsets": [0, 4 * n]}}).encode()
    path = tmp_path / "w.safetensors"
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.seek(4 * (n - 1), os.SEEK_CUR)
        file.write(np.float32("nan").tobytes())
    code = (
        "import resource, sys\nfrom tltk.weights import value_check; from tltk.weights import weightfile\nfrom pathlib import Path\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "file = weightfile.identify(Path(sys.argv[1]))\nbefore = peak()\n"
        "try:\n    value_check.check(file, ['w'], 'w')\nexcept ValueError as fault:\n    assert 'finite' in str(fault)\n"
        "else:\n    raise AssertionError\n"
        "assert peak() - before < 60_000, peak() - before\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_weights_of_a_run_and_of_the_hub_s_cache_are_looked_at_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tltk.runs.run import Run
    from tltk.specs.parts import NetSpec
    from tltk.specs.training import TransferSpec

    run = Run.create(TransferSpec(net=NetSpec(NAME)))
    run.write_status(state="done")
    good = state()
    save_file(good, run.path / store.FILE)
    check_weights(f"run:{run.id}", NAME, True)
    bad = {**good, INNER: good[INNER] * float("nan")}
    save_file(bad, run.path / store.FILE)
    with pytest.raises(WeightsMissing, match=f"run {run.id}.*{INNER}"):
        check_weights(f"run:{run.id}", NAME, True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    place = tmp_path / "hub" / "models--timm--resnet18.a1_in1k" / "snapshots" / "abc"
    place.mkdir(parents=True)
    save_file(timm.create_model("resnet18").state_dict(), place / "model.safetensors")
    check_weights("hub:a1_in1k", "resnet18", True)
    broken = timm.create_model("resnet18").state_dict()
    broken["conv1.weight"] = broken["conv1.weight"] / 0
    save_file(broken, place / "model.safetensors")
    with pytest.raises(WeightsMissing, match="in the hub's cache.*conv1.weight"):
        check_weights("hub:a1_in1k", "resnet18", True)

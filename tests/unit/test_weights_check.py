"""Weights are refused before anything is queued: by name, first bytes and header, with no torch."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tltk.analyses.inspect.spec import InspectSpec
from tltk.errors import BadSpec, TltkError, UnknownName, WeightsMissing
from tltk.runs.run import Run
from tltk.specs.parts import NetSpec
from tltk.specs.training import TransferSpec
from tltk.weights import store
from tltk.weights.checks import check_weights


def header(entries: Mapping[str, object], padding: int = 0) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * padding


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.parametrize(
    ("weights", "kind", "sentence"),
    [
        ("file:/etc/hostname", WeightsMissing, "must be"),
        ("file:/no/such/file.pth", WeightsMissing, "must exist. There is none at"),
        ("file:~nosuchuser/x", WeightsMissing, "no such user"),
        ("file:/" + "a" * 300, WeightsMissing, "must exist"),
        ("file:a\0b", WeightsMissing, "must exist"),
        ("file:/dev/zero", WeightsMissing, "no plain file"),
        ("file:", WeightsMissing, "must name what to load"),
        ("file: ", WeightsMissing, "must name what to load"),
        ("run:", WeightsMissing, "must name what to load"),
        ("store:nosuch", UnknownName, "weight store"),
        ("store:resnet10t_formula", UnknownName, "Did you mean 'resnet10t_formulas'"),
        ("store:resnet10t_formulas", WeightsMissing, "They are of resnet10t"),
        ("run:nosuch", BadSpec, "must be hex digits"),
        ("run:ffffffffffff", UnknownName, "A run must exist"),
        ("hub:nosuch", UnknownName, "The hub tag of resnet18"),
        ("hub:a1_in1k", WeightsMissing, "not on this machine"),
        ("hub:", WeightsMissing, "not on this machine"),
        ("bananas", UnknownName, "The kind of weights"),
        ("", UnknownName, "The kind of weights"),
    ],
)
def test_what_is_not_there_is_a_sentence(weights: str, kind: type[TltkError], sentence: str) -> None:
    with pytest.raises(kind) as fault:
        check_weights(weights, "resnet18")
    assert sentence in str(fault.value)


def test_what_is_there_passes(tmp_path: Path) -> None:
    check_weights("scratch", "resnet18")
    check_weights("store:resnet10t_formulas", "resnet10t")
    check_weights("store:resnet10t_formulas", "")
    check_weights(f"file:{store.find('resnet10t_formulas').file}", "resnet10t")
    check_weights(f"file:{store.find('resnet10t_formulas').path}", "resnet10t")  # its folder
    place = tmp_path / "hub" / "models--timm--resnet18.a1_in1k" / "snapshots" / "x"
    place.mkdir(parents=True)
    save_file({"a": np.zeros(1, np.float32)}, place / "model.safetensors")
    check_weights("hub:a1_in1k", "resnet18")
    check_weights("hub:", "resnet18")


def test_a_header_tells_whose_tensors_these_are() -> None:
    file = store.find("resnet10t_formulas").file
    with pytest.raises(WeightsMissing, match="must be of the backbone resnet18.*They are of resnet10t"):
        check_weights(f"file:{file}", "resnet18")
    with pytest.raises(WeightsMissing, match="must be of the backbone test_resnet to fit. They are of resnet10t"):
        check_weights(f"file:{file}", "test_resnet")


def test_a_tiny_file_cannot_be_a_giant(tmp_path: Path) -> None:
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "w.safetensors", {"arch": "vit_giant_patch14_clip_224"})
    with pytest.raises(WeightsMissing, match="1,011,203,840 numbers. w.safetensors holds 1;"):
        check_weights(f"file:{tmp_path}/w.safetensors", "vit_giant_patch14_clip_224")


def test_runs() -> None:
    run = Run.create(TransferSpec(net=NetSpec("test_resnet")))
    check_weights(f"run:{run.id}", "test_resnet")  # it waits: its weights are there when the queue has come so far
    with pytest.raises(WeightsMissing, match="They are of test_resnet"):
        check_weights(f"run:{run.id}", "test_vit")
    for state in ("failed", "stopped", "done"):
        run.write_status(state=state)
        with pytest.raises(WeightsMissing, match="must have finished"):
            check_weights(f"run:{run.id}", "test_resnet")
    save_file({"a": np.zeros(1, np.float32)}, run.path / "model.safetensors")
    check_weights(f"run:{run.id[:6]}", "test_resnet")
    with pytest.raises(WeightsMissing, match="must have kept the weights of epoch 3"):
        check_weights(f"run:{run.id}@3", "test_resnet")
    save_file({"a": np.zeros(1, np.float32)}, run.snapshot(3))
    check_weights(f"run:{run.id}@3", "test_resnet")
    with pytest.raises(WeightsMissing, match="kind look"):
        check_weights(f"run:{Run.create(InspectSpec()).id}", "test_resnet")


SOME = {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("a.safetensors", b"<!DOCTYPE html><html>", "web page"),
        ("a.safetensors", b"\n\n <html>", "web page"),
        ("a.pth", b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("a.pth", b"\x93NUMPY\x01\0", "NumPy array"),
        ("a.bin", b"GGUF\x03\0\0\0", "GGUF"),
        ("a.pt", b"\x08\x07\x12\x07pytorch", "ONNX"),
        ("a.onnx", b"\x01\x02\x03\x04" * 4, "ONNX"),
        ("a.tflite", b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        ("a.pth", b"\x1f\x8b\x08\0", "gzip"),
        ("a.pth", b"\0" * 257 + b"ustar\x00", "tar archive"),
        ("a.pth", b"\xff\xd8\xff\xe0", "a picture"),
        ("a.pth", b"\0" * 4000, "empty space"),
        ("a.pth", b"", "empty"),
        ("a.pth", b"PK\x03\x04", "cut short"),
        ("a.pth", b"hello world", "text"),
        ("a.json", b'{"weight_map": {"a": "../../etc/passwd"}}', "must name files beside it"),
        ("a.json", b'{"weight_map": {"a": "part-1.safetensors"}}', "part-1.safetensors is missing"),
        ("a.json", b'{"weight_map": ' + b"[" * 100_000, "must name files beside it"),
        ("a.safetensors", header(SOME, 4)[:-3], "cut short"),
        ("a.safetensors", header(SOME, 0), "a does not lie in it"),
        ("a.safetensors", header({"a": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 4]}}, 4), "lie in it"),
        ("a.safetensors", header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, 4), "type or shape"),
        ("a.safetensors", header({"a": {"dtype": "Q4", "shape": [1], "data_offsets": [0, 4]}}, 4), "type or shape"),
        ("a.safetensors", header({**SOME, "b": SOME["a"]}, 4), "on top of each other"),
        ("a.safetensors", header({"__metadata__": {"arch": 5}}), "does not hold texts"),
        ("a.safetensors", header({"a": 5}), "damaged"),
        ("a.safetensors", struct.pack("<Q", 60_000) + b"{" + b"[" * 60_000, "damaged"),
    ],
    ids=range(28),
)
def test_every_other_file_is_told_by_its_bytes(name: str, data: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(WeightsMissing) as fault:
        check_weights(f"file:{tmp_path}/{name}", "resnet18")
    assert sentence in str(fault.value) and str(fault.value).endswith(".") and "\n" not in str(fault.value)


@pytest.mark.parametrize("length", [0x5A4D, 0x0280, 0x0580, 0x4D])  # as a program and as pickles begin
def test_a_length_that_looks_like_another_sign(length: int, tmp_path: Path) -> None:
    text = json.dumps(SOME).encode()
    (tmp_path / "w").write_bytes(struct.pack("<Q", length) + text + b" " * (length - len(text)) + b"\0" * 4)
    with pytest.raises(WeightsMissing, match="holds 1;"):
        check_weights(f"file:{tmp_path}/w", "resnet18")


def test_it_takes_no_torch() -> None:
    code = (
        "import sys\nfrom tltk.weights import checks, store\nchecks.check_weights('store:resnet10t_formulas', 'resnet10t')\n"
        "checks.check_weights('file:' + str(store.find('resnet10t_formulas').file), 'resnet10t')\n"
        "assert not {'torch', 'timm'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr

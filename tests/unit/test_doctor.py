"""The doctor finds what is wrong and says what to do."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tltk.cli import doctor


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(returncode=0, stdout="2.11.0 cpu 2\n", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: answer)


@pytest.mark.usefixtures("quick")
def test_a_good_machine() -> None:
    found = {check.name: check for check in doctor.examine()}
    assert {"python", "torch", "home", "disk", "memory", "device", "network"} <= set(found)
    assert found["python"].ok
    assert found["home"].ok
    assert found["device"].text == "torch 2.11.0 will train on cpu with 2 threads."
    assert all(check.text for check in found.values())
    assert "HF_HUB_OFFLINE is set" in found["network"].text


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert not any(check.ok for check in doctor._packages())
    assert "make app" in doctor._packages()[0].text


def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    check = doctor._home()
    assert not check.ok
    assert "TLTK_HOME" in check.text


def test_a_full_disk_and_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 10**8))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**8))
    assert not doctor._disk().ok
    assert doctor._disk().text.startswith("0.1 GB free")
    assert not doctor._memory().ok


@pytest.mark.parametrize(
    ("stderr", "said"),
    [("Traceback\nImportError: torchvision::nms\n", "torchvision::nms"), ("", "no message")],
)
def test_a_torch_that_does_not_load(monkeypatch: pytest.MonkeyPatch, stderr: str, said: str) -> None:
    answer = SimpleNamespace(returncode=1, stdout="", stderr=stderr)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: answer)
    check = doctor._torch()
    assert not check.ok
    assert said in check.text


def test_a_torch_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("python", 300)

    monkeypatch.setattr(subprocess, "run", hang)
    assert not doctor._torch().ok


def test_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert "fetched when asked for" in doctor._offline().text

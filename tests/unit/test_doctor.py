"""The doctor finds what is wrong and says what to do."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.support.ray_stub import RayStub, ray_stub
from tltk import home
from tltk.cli import doctor
from tltk.jobs import nodes
from tltk.jobs.cluster import Cluster


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


# -- a cluster ---------------------------------------------------------------------------------------------------


def node(name: str, address: str, state: str = "ALIVE", **has: float) -> dict[str, Any]:
    """As Ray lists a node."""
    raylet = {"state": state, "nodeManagerAddress": address, "resourcesTotal": has}
    return {"hostname": name, "raylet": raylet}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayStub]:
    with ray_stub() as stub:
        monkeypatch.setenv("TLTK_EXECUTOR", stub.address)
        monkeypatch.setattr("tltk.jobs.nodes.LOOK_SECONDS", 0.01)
        monkeypatch.setattr("tltk.jobs.cluster.LOOK_SECONDS", 0.0)
        monkeypatch.setattr(Cluster.__init__, "__defaults__", (0.0, 5.0))
        yield stub


def test_a_cluster_is_asked_who_is_there_and_each_node_whether_a_run_could_begin(cluster: RayStub) -> None:
    cluster.nodes = [node("a", "10.0.0.1", CPU=4), node("b", "10.0.0.2", CPU=8, GPU=2), node("c", "10.0.0.3", "DEAD")]
    cluster.ends = {"node:10.0.0.1": 0, "node:10.0.0.2": nodes.NO_HOME}
    found = {check.name: check for check in doctor._cluster()}
    assert list(found) == ["cluster", "node a", "node b"]
    where = cluster.address.replace("ray", "http", 1)
    assert found["cluster"].text == f"Ray 2.60.0 answers at {where}: 2 nodes, 12 CPUs, 2 GPUs."
    assert found["node a"].ok and found["node a"].text == f"It sees {home.home()} and has tltk."
    assert not found["node b"].ok and "mount the disk there at that path" in found["node b"].text
    assert cluster.jobs == {} and not list(home.home().glob(".probe*")), "nothing stays"


@pytest.mark.parametrize(
    ("code", "sentence"), [(nodes.NO_WRITING, "permitted to write in"), (1, "must have tltk"), (127, "exit code 127")]
)
def test_what_a_node_lacks(cluster: RayStub, code: int, sentence: str) -> None:
    cluster.nodes, cluster.ends = [node("a", "10.0.0.1", CPU=4)], {"node:10.0.0.1": code}
    assert sentence in doctor._cluster()[1].text


def test_a_node_that_does_not_answer_is_not_waited_for(cluster: RayStub, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.nodes = [node("a", "10.0.0.1", CPU=4)]
    monkeypatch.setattr(nodes.try_nodes, "__defaults__", (0.1,))
    assert "must answer within 0.1 s" in doctor._cluster()[1].text
    assert [job["status"] for job in cluster.jobs.values()] == ["STOPPED"]


def test_a_cluster_that_is_none_is_a_sentence(cluster: RayStub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "must have a node. None is up" in doctor._cluster()[0].text
    cluster.page()
    [check] = doctor._cluster()
    assert not check.ok and "must be Ray's dashboard" in check.text
    monkeypatch.setenv("TLTK_EXECUTOR", "ray://127.0.0.1:9")
    assert "It does not (ConnectionError)" in doctor._cluster()[0].text
    monkeypatch.setenv("TLTK_EXECUTOR", "local")
    assert doctor._cluster() == []

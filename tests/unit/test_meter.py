"""Energy and memory of a training: which counter is read, how it is shared out, and when it is an estimate."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.training import meter
from tltk.training.callbacks import Callbacks, Stopped
from tltk.training.compose import train
from tltk.training.meter import Meter


def zone(folder: Path, name: str, what: str, microjoules: int, limit: int = 262_143_328_850) -> Path:
    path = folder / name
    path.mkdir(parents=True)
    (path / "name").write_text(f"{what}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    (path / "max_energy_range_uj").write_text(f"{limit}\n")
    return path / "energy_uj"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Processor seconds of this process and of the whole machine, as the test sets them."""
    now = {"own": 10.0, "user": 100.0, "idle": 1000.0}
    own = SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=now["own"], system=0.0))
    monkeypatch.setattr(psutil, "Process", lambda: own)

    class Times(SimpleNamespace):
        def _asdict(self) -> dict[str, float]:
            return {"user": now["user"], "guest": now["user"] / 2, "idle": now["idle"], "iowait": 5.0}

    monkeypatch.setattr(psutil, "cpu_times", Times)
    return now


def test_the_processor_s_energy_is_shared_by_processor_time(tmp_path: Path, machine: dict[str, float]) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 1_000_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 0)  # a part of the package: not counted twice
    found = Meter("", 1, tmp_path)
    package.write_text("65000000")
    memory.write_text("11000000")
    core.write_text("50000000")
    machine |= {"own": 13.0, "user": 112.0, "idle": 9000.0}
    energy = found.energy(20.0)
    assert (energy.source, energy.watts) == ("rapl", 0.0)
    assert energy.joules == pytest.approx((60 + 10) * 3 / 12)


def test_a_counter_that_wraps_goes_on(tmp_path: Path, machine: dict[str, float]) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 90_000_000, limit=100_000_000)
    found = Meter("", 1, tmp_path)
    for value in (30_000_000, 95_000_000, 5_000_000):  # 40 J, 65 J and 10 J later
        package.write_text(str(value))
        machine["own"] += 1
        machine["user"] += 1
        found.sample(now=True)
    assert found.energy(1.0).joules == pytest.approx(115.0)


def test_what_an_earlier_leg_used_is_added(tmp_path: Path, machine: dict[str, float]) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    found = Meter("", 2, tmp_path)
    package.write_text("7000000")
    machine |= {"own": 11.0, "user": 101.0}
    assert found.energy(9.0, before=5.0, source="rapl").joules == pytest.approx(12.0)
    other = found.energy(9.0, before=5.0, source="nvml")  # measured in part by another counter: estimated as a whole
    assert (other.joules, other.source, other.watts) == (pytest.approx(9 * 24.0), "estimated", 24.0)


def test_a_counter_that_may_not_be_read_is_an_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (zone(tmp_path, "intel-rapl:0", "package-0", 0)).unlink()  # as where only the administrator may
    for folder in (tmp_path, tmp_path / "none"):
        energy = Meter("", 3, folder).energy(10.0)
        assert (energy.joules, energy.source, energy.watts) == (360.0, "estimated", 36.0)
    monkeypatch.setenv("TLTK_POWER_WATTS", "45")
    energy = Meter("", 3, tmp_path).energy(10.0)
    assert (energy.joules, energy.source, energy.watts) == (450.0, "estimated", 45.0)


def test_a_counter_that_stops_being_readable_leaves_an_estimate(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    found = Meter("", 1, tmp_path)
    package.unlink()
    assert found.energy(2.0).source == "estimated"


def test_a_gpu_tells_its_own_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = {"mj": 1_000.0}, list[str]()

    def by_uuid(uuid: str) -> str:
        asked.append(uuid)
        return "the GPU"

    nvml: Any = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=by_uuid,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: now["mj"],
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    found = Meter("1234", 1)
    now["mj"] = 91_000.0
    energy = found.energy(1.0)
    assert (energy.joules, energy.source, asked) == (pytest.approx(90.0), "nvml", ["GPU-1234"])
    monkeypatch.setitem(sys.modules, "pynvml", None)  # not installed
    energy = Meter("1234", 1).energy(2.0)
    assert (energy.joules, energy.source, energy.watts) == (400.0, "estimated", 200.0)


def test_peak_memory_is_that_of_the_process() -> None:
    code = (  # a process of its own: in one that has held gigabytes before, what is freed is used again
        "import numpy as np\n"
        "from tltk.training import meter\n"
        "meter.forget_peak_memory()\n"
        "before = meter.peak_memory()\n"
        "held = np.ones(8_000_000)  # 64 MB\n"
        "most = meter.peak_memory()\n"
        "assert held.sum() == 8_000_000 and most >= before + 50_000_000, (before, most)\n"
        "del held\n"
        "assert meter.peak_memory() >= most - 5_000_000, 'it is the most, not what is held now'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


SPEC = TransferSpec(
    DataSpec("digits", n=120, size=16),
    NetSpec("test_resnet"),
    optim=OptimSpec(epochs=2, batch_size=16, device="cpu", cache="off"),
)


def test_a_training_tells_what_it_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_POWER_WATTS", "50")
    monkeypatch.setattr(meter, "POWERCAP", Path("/nowhere"))
    done = train(SPEC)
    found = done.result
    assert (found.energy_source, found.watts) == ("estimated", 50.0)
    assert found.joules == pytest.approx(50 * found.seconds)
    assert (
        found.peak_memory > 100_000_000 and max(r.value for r in done.rows if r.name == "memory") <= found.peak_memory
    )
    assert found.test_seconds is not None and 0 < found.test_seconds < found.seconds
    assert found.gflops is not None and found.test_gflops is not None
    assert found.gflops == pytest.approx(3 * found.images * found.test_gflops), "thrice forward, from scratch"


def test_a_training_that_was_stopped_counts_both_legs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    monkeypatch.setattr(meter, "POWERCAP", tmp_path)
    saved: list[Any] = []

    def spend() -> None:
        package.write_text(str(int(package.read_text()) + 10_000_000))

    def check() -> None:
        if saved:
            raise Stopped

    def save(tensors: Any, state: Any) -> None:
        spend()
        saved.append((tensors, state))

    with pytest.raises(Stopped):
        train(SPEC, callbacks=Callbacks(save=save, check=check))
    tensors, state = saved[0]
    assert state["progress"]["energy_source"] == "rapl"
    state["progress"]["joules"] = 1000.0
    time.sleep(0.01)
    found = train(SPEC, callbacks=Callbacks(saved=saved[0], emit=lambda rows: spend())).result
    assert found.energy_source == "rapl" and found.joules is not None and found.joules > 1000.0

"""What a training uses of its machine: energy and memory, from the counters that the machine has.

Energy is read from the GPU's own counter (NVML) or the processor's (RAPL), else estimated from seconds and a stated
power, and always marked by which of these it is.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tltk import home

POWERCAP = Path("/sys/class/powercap")
WATTS_PER_THREAD, WATTS_PER_GPU = 12.0, 200.0  # of a processor or GPU of which nothing is known
SAMPLE_SECONDS = 30.0  # a counter of 262 kJ, as many processors have, wraps after 15 minutes at 290 W
NVML, RAPL, ESTIMATED = "nvml", "rapl", "estimated"


@dataclass(frozen=True)
class Energy:
    """What a training has used.

    Attributes:
        joules: How much.
        source: Where the figure is from: nvml, rapl or estimated.
        watts: The power that an estimate takes; 0 = it was measured.
    """

    joules: float
    source: str
    watts: float = 0.0


class Meter:
    """Counts the energy of this process from now on.

    On a GPU it is all that the device uses (`nvmlDeviceGetTotalEnergyConsumption`), without the processor; where no
    GPU is used, the energy of the processor's packages and their memory, of which this process gets its share of the
    processor time that all processes use meanwhile. So trainings side by side do not each count the whole machine.

    Without a counter it is seconds × power, by default 12 W for each thread or 200 W for a GPU.

    Reference:
        Lannelongue, Grealey and Inouye (2021), Green Algorithms: quantifying the carbon footprint of computation,
        Advanced Science 8(12), 2100707 (the default powers, of a core and of a GPU of any make). arXiv:2007.07610.

    Args:
        gpu: UUID of the GPU that is used, as torch has it; "" = none.
        threads: Processor threads.
        powercap: Where the system shows the processor's counters; None = at the usual place.
        processes: Of the training, each taken to use as much as this one.
    """

    def __init__(self, gpu: str, threads: int, powercap: Path | None = None, processes: int = 1) -> None:
        usual = (WATTS_PER_GPU if gpu else WATTS_PER_THREAD * max(threads, 1)) * processes
        self._processes = processes
        self.watts = home.setting("TLTK_POWER_WATTS", usual)
        self._used = 0.0  # joules of the whole device
        self._next = time.monotonic() + SAMPLE_SECONDS
        self._read, self.source = _gpu_counter(gpu) if gpu else _package_counters(powercap or POWERCAP)
        self._last = self._counters()
        self._own, self._busy = _processor_seconds()
        if not self._last:
            self.source = ESTIMATED

    def sample(self, now: bool = False) -> None:
        """Read the counters where that is due, so that none wraps unseen.

        Args:
            now: Whether to read them in any case.
        """
        if self.source == ESTIMATED or (not now and time.monotonic() < self._next):
            return
        self._next = time.monotonic() + SAMPLE_SECONDS
        found = self._counters()
        if not found:  # it cannot be read any more
            self.source = ESTIMATED
        for (before, limit), (after, _) in zip(self._last, found, strict=False):
            self._used += (after - before) % limit if limit else after - before
        self._last = found

    def energy(self, seconds: float, before: float = 0.0, source: str = "") -> Energy:
        """What the training has used.

        Args:
            seconds: Its time, earlier legs of it included.
            before: Joules of earlier legs of a training that was stopped meanwhile.
            source: What these were read from; "" = there were none. Where that is another source, all is estimated.
        """
        self.sample(now=True)
        if self.source == ESTIMATED or source not in ("", self.source):
            return Energy(seconds * self.watts, ESTIMATED, self.watts)
        return Energy(before + self._used * self._share() * self._processes, self.source)

    def _share(self) -> float:
        """The part of the device's energy that is this process's."""
        if self.source == NVML:
            return 1.0
        own, busy = _processor_seconds()
        own, busy = own - self._own, busy - self._busy
        return own / max(own, busy) if own > 0 else 0.0

    def _counters(self) -> list[tuple[float, float]]:
        """Each counter in joules, with the value at which it wraps (0 = never); none where they cannot be read."""
        try:
            return self._read()
        except Exception:  # whatever a driver raises; then it is estimated
            return []


def _processor_seconds() -> tuple[float, float]:
    """Processor seconds that this process has used, and that all of them have."""
    own, every = psutil.Process().cpu_times(), psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "guest", "guest_nice")  # what guests use is in `user` already
    return float(own.user + own.system), float(sum(v for name, v in every.items() if name not in idle))


def _gpu_counter(uuid: str) -> tuple[Callable[[], list[tuple[float, float]]], str]:
    """Reads a GPU's counter in joules, which does not wrap; nothing where NVML is not there."""
    try:
        nvml: Any = importlib.import_module("pynvml")
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
    except Exception:  # not installed, no driver, or a part of a GPU, which has no counter of its own
        return list, ESTIMATED
    return lambda: [(nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3, 0.0)], NVML


def _package_counters(folder: Path) -> tuple[Callable[[], list[tuple[float, float]]], str]:
    """Reads the counters of the processor's packages, and of their memory where it has one, in joules."""
    zones = []
    with contextlib.suppress(OSError):
        for zone in sorted(folder.glob("intel-rapl:*")):  # AMD's processors are listed under this name too
            name = (zone / "name").read_text().strip()
            if name.startswith("package") or name == "dram":
                zones.append((zone / "energy_uj", float((zone / "max_energy_range_uj").read_text()) / 1e6))
    return lambda: [(float(file.read_text()) / 1e6, limit) for file, limit in zones], RAPL


def forget_peak_memory() -> None:
    """Let the peak of this process's memory begin anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """The most memory that this process has held, in bytes; since `forget_peak_memory` where the system can tell."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    held = psutil.Process().memory_info()
    if hasattr(held, "peak_wset"):
        return int(held.peak_wset)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if sys.platform == "darwin" else most * 1024)

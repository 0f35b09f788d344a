"""`python -m tests.benchmarks [NAME [OPTIONS]]`: one benchmark, or all with their defaults.

Run them alone on a quiet machine; each prints the load that it met.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

NAMES = sorted(p.stem.removeprefix("bench_") for p in Path(__file__).parent.glob("bench_*.py"))


def header() -> None:
    """Machine and versions, for whoever reads the figures later."""
    import platform

    import timm
    import torch

    load = ", ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
    print(
        f"load {load} · {device} · {torch.get_num_threads()} thread(s) · Python {platform.python_version()} · ", end=""
    )
    print(f"torch {torch.__version__} · timm {timm.__version__}\n", flush=True)


def main(arguments: list[str]) -> int:
    if not arguments:
        # Each in a process of its own: a full cache or a pool of threads is nobody else's.
        return max(subprocess.run([sys.executable, "-m", "tests.benchmarks", name]).returncode for name in NAMES)
    name = arguments[0].removeprefix("bench_")
    if name not in NAMES:
        print(f"A benchmark must be one of {', '.join(NAMES)}. Got {arguments[0]!r}.")
        return 2
    sys.argv = [f"bench_{name}", *arguments[1:]]
    print(f"## {name}\n")
    if not {"-h", "--help"} & set(arguments):
        header()
    runpy.run_module(f"tests.benchmarks.bench_{name}", run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""In which precision a training computes: as asked for, or whichever is faster here, measured once and kept.

bfloat16 halves what moves through memory, and some processors multiply it twice as fast; others emulate it and take
several times as long. No list of processors tells, so a few steps are timed. `torch.compile` is not among the choices:
on a processor it compiles for minutes and spares about a twentieth of a step.
"""

from __future__ import annotations

import copy
import platform
import time
from collections.abc import Callable

import msgspec
import torch
import torch.nn.functional as F

from tltk import home
from tltk.nn.net import Net
from tltk.specs.parts import OptimSpec

FILE = "step_seconds.json"  # in the home: machine and network → precision → seconds of a step
PRECISIONS = ("float32", "bfloat16")
TIMED_STEPS = 3
LARGEST_BATCH = 32  # pictures that are timed; more tell no more
GAIN = 1.1  # bfloat16 must be so many times as fast: it rounds to three digits


def choose_precision(
    optim: OptimSpec, net: Net, device: torch.device, notify: Callable[[str], None] = lambda _: None
) -> str:
    """`float32` or `bfloat16`, as this training is to compute.

    Args:
        optim: What was asked for: one of the two; `auto`, bfloat16 on CUDA and float32 elsewhere; or `fastest`.
        net: The network; it is not changed.
        device: Where it computes.
        notify: Where the figures go if they decide.
    """
    if optim.precision in PRECISIONS:
        return optim.precision
    if optim.precision == "auto" or device.type != "cpu":
        return "bfloat16" if device.type == "cuda" else "float32"
    seconds = step_seconds(net, min(optim.batch_size, LARGEST_BATCH))
    ratio = seconds["float32"] / seconds["bfloat16"]
    best = "bfloat16" if ratio >= GAIN else "float32"
    notify(f"It computes in {best}: on this machine a step in bfloat16 is {ratio:.2f} times as fast as in float32.")
    return best


def step_seconds(net: Net, batch: int) -> dict[str, float]:
    """Precision → seconds of a training step of the whole network on this machine; measured once and kept.

    Args:
        net: The network; a copy is trained.
        batch: Pictures of a step.
    """
    threads = torch.get_num_threads()
    shape = " × ".join(map(str, net.shape))
    key = f"{platform.machine()} {_processor()}, torch {torch.__version__}, {threads} thread(s), {batch} × {shape}, "
    key += type(net.backbone).__name__ + f" of {sum(p.numel() for p in net.parameters()):,}"
    path = home.home() / FILE
    with home.hold_lock("speed.lock"):  # of the trainings of a study the first measures, undisturbed by the others
        kept: dict[str, dict[str, float]] = home.read_json(path, dict[str, dict[str, float]]) or {}
        found = kept.get(key, {})
        if not all(found.get(name, 0.0) > 0 for name in PRECISIONS):
            found = kept[key] = _measure(net, batch)
            home.write_atomic(path, msgspec.json.encode(kept))
    return found


def _measure(net: Net, batch: int) -> dict[str, float]:
    """The shortest of a few steps of each precision, in turns."""
    own = copy.deepcopy(net).train().requires_grad_(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = own.sample(batch, torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last)
        labels = torch.zeros(batch, dtype=torch.long)
        optimizer = torch.optim.AdamW(own.parameters(), lr=0.0, fused=True)
        found = dict.fromkeys(PRECISIONS, float("inf"))
        for i in range(1 + TIMED_STEPS):
            for name in PRECISIONS:
                start = time.process_time()
                with torch.autocast("cpu", torch.bfloat16, enabled=name == "bfloat16"):
                    loss = F.cross_entropy(own(x)[1], labels)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                if i:  # the first of each makes its kernels
                    found[name] = min(found[name], time.process_time() - start)
    return found


def _processor() -> str:
    """What the system calls the processor; empty where it does not say."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()

"""The MMD permutation test side by side: ours, a loop that recomputes it, and TorchDrift if importable.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_mmd.py [--full] [--sizes 500 2000]

Seconds are CPU seconds of this process, best of the rounds, which are interleaved, so that a busy
machine disturbs all alike. Without --full the slow ones do a part of the permutations and their time is
scaled up to all of them; the set-up is timed apart and counted once.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import torch

from tltk.shift.kernels import median_bandwidth
from tltk.shift.mmd import mmd
from tltk.shift.null import permutation_mmd

Test = Callable[[torch.Tensor, torch.Tensor, float, int], tuple[float, float]]


def ours(x: torch.Tensor, y: torch.Tensor, bandwidth: float, permutations: int) -> tuple[float, float]:
    null = permutation_mmd(x, y, kernel="rbf", bandwidth=bandwidth, permutations=permutations)
    return null.value, null.p


def recomputing(x: torch.Tensor, y: torch.Tensor, bandwidth: float, permutations: int) -> tuple[float, float]:
    """The same statistic by the same Gram products, with the kernel made anew for every permutation."""
    value = float(mmd(x, y, kernel="rbf", bandwidth=bandwidth))
    pooled, larger = torch.cat([x, y]), 0
    for _ in range(permutations):
        order = torch.randperm(len(pooled))
        a, b = pooled[order[: len(x)]], pooled[order[len(x) :]]
        larger += float(mmd(a, b, kernel="rbf", bandwidth=bandwidth)) >= value
    return value, (larger + 1) / (permutations + 1)


def peer(x: torch.Tensor, y: torch.Tensor, bandwidth: float, permutations: int) -> tuple[float, float]:
    from torchdrift.detectors.mmd import GaussianKernel, kernel_mmd

    kernel: Any = GaussianKernel(lengthscale=bandwidth)
    if not permutations:
        return float(kernel_mmd(x, y, n_perm=None, kernel=kernel)), float("nan")
    value, p = kernel_mmd(x, y, n_perm=permutations, kernel=kernel)
    # It keeps the diagonals that the unbiased statistic leaves out; they add 1/(n−1) + 1/(m−1).
    return float(value) - 1 / (len(x) - 1) - 1 / (len(y) - 1), float(p)


def seconds(test: Test, *arguments: Any) -> tuple[float, tuple[float, float]]:
    start = time.process_time()
    result = test(*arguments)
    return time.process_time() - start, result


def scaled(
    test: Test, x: torch.Tensor, y: torch.Tensor, s: float, part: int, whole: int
) -> tuple[float, tuple[float, float]]:
    """Seconds for all permutations, from a part of them, and that part's value and p."""
    once, _ = seconds(test, x, y, s, 0) if part < whole else (0.0, None)
    spent, result = seconds(test, x, y, s, part)
    return once + (spent - once) * whole / part, result


def large(permutations: int) -> None:
    """Random features at a size where the kernel matrix would take 160 GB."""
    import resource

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(100_000, 512, generator=generator)
    y = torch.randn(100_000, 512, generator=generator).add_(0.005)
    start = time.process_time()
    null = permutation_mmd(x, y, permutations=permutations, random_features=1024)
    spent, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"100,000 × 512 per domain, 1,024 random frequencies, {permutations} permutations: {spent:.1f} s,")
    print(f"{peak:.2f} GiB at most, all included; MMD² {null.value:.3e}, null {null.lo:.1e} … {null.hi:.1e}")


def main() -> None:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--part", type=int, default=20, help="permutations of the slow ones without --full")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--large", action="store_true", help="only ours, 100,000 × 512, with peak memory")
    options = parser.parse_args()
    if options.large:
        large(options.permutations)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Every size, the tests taking turns."""
    tests: dict[str, Test] = {"ours": ours, "recomputing loop": recomputing}
    try:
        import torchdrift.detectors.mmd  # noqa: F401
    except ImportError as fault:
        print(f"TorchDrift is left out: it cannot be imported ({fault}).")
    else:
        tests["TorchDrift"] = peer
    whole = options.permutations
    part = whole if options.full else min(options.part, whole)
    for n in options.sizes:
        generator = torch.Generator().manual_seed(0)
        x, y = torch.randn(n, 512, generator=generator), torch.randn(n, 512, generator=generator) + 0.02
        s, best = median_bandwidth(x, y), dict.fromkeys(tests, (float("inf"), (0.0, 0.0)))
        for _ in range(options.rounds):
            for name, test in tests.items():
                best[name] = min(best[name], scaled(test, x, y, s, whole if name == "ours" else part, whole))
        exact = float(mmd(x.double(), y.double(), kernel="rbf", bandwidth=s))
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        print(
            f"\nn = {n} per domain, d = 512, {whole} permutations, RBF, {torch.get_num_threads()} thread(s), "
            f"load {load}; float64 value {exact:.6e}"
        )
        for name, (spent, (value, p)) in best.items():
            note = "" if name == "ours" or part == whole else f" (scaled from {part})"
            ratio = spent / best["ours"][0]
            print(f"  {name:17s} {spent:9.3f} s {ratio:7.1f} × ours  MMD² {value:.6e}  p {p:.4f}{note}")


if __name__ == "__main__":
    main()

"""Five seeds × four strategies at one boundary with one bank, against a bank each, and against none.

Weights come from a file, as they do in a study: seeds then differ in the head and the order of batches.
With F and S as in `cache`, R fine-tunings of E epochs cost (F − S) + 3SER with one bank and R times
(F − S) + 3SE with a bank each: where S/F is a quarter, as in most networks at three quarters of their
layers, arithmetic allows a factor of two at the most, whatever is shared. It is large where the last
layers are cheap (densenet121: S/F = .03).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.benchmarks.rounds import own_home, pictures, prepared, table, transfer
from tltk.nn.flops import layer_flops
from tltk.specs.parts import NetSpec
from tltk.training.bank import FeatureBank
from tltk.weights.load import build_net, save

WAYS = ("one bank for all", "one bank each", "no bank")
STRATEGIES = ("fine_tune", "discriminative", "gradual_unfreezing", "lp_ft")


def study(options: argparse.Namespace, ways: list[str], weights: str) -> dict[str, tuple[float, int]]:
    """Seconds of each way, and how many sets of features had to be computed.

    The ways take turns run by run, so that whatever else the machine does befalls them alike.
    """
    data, domain = pictures(options.pictures, options.size)
    shared, seconds, filled = FeatureBank(disk=0), dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
    for seed in range(options.seeds):
        for strategy in STRATEGIES:
            for how in ways:
                bank = shared if how == "one bank for all" else FeatureBank(disk=0)
                cache = "off" if how == "no bank" else "float32"
                start, before = time.perf_counter(), len(bank._held)
                prepared(
                    transfer(
                        data,
                        options.net,
                        options.boundary,
                        cache=cache,
                        strategy=strategy,
                        seed=seed,
                        epochs=options.epochs,
                        weights=weights,
                    ),
                    domain,
                    bank,
                ).run()
                seconds[how] += time.perf_counter() - start
                filled[how] += len(bank._held) - before
        print(f"seed {seed}: " + ", ".join(f"{how} {s:.0f} s" for how, s in seconds.items()), flush=True)
    return {how: (seconds[how], filled[how]) for how in ways}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--net", default="densenet121")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--share", type=float, default=0.75)
    parser.add_argument("--leave-out", choices=WAYS[1:], help="a way not to measure, each being long")
    options = parser.parse_args()
    with own_home() as home:
        net = build_net(NetSpec(backbone=options.net), 10, options.size, 3, 0)
        options.boundary = round(options.share * net.depth)
        path = Path(home) / "weights.safetensors"
        save(net, NetSpec(backbone=options.net), path)
        found = study(options, [how for how in WAYS if how != options.leave_out], f"file:{path}")
    runs = options.seeds * len(STRATEGIES)
    print(
        f"{runs} runs of {options.epochs} epochs, {options.pictures:,} pictures, {options.net} at {options.size} px, "
        f"boundary {options.boundary} of {net.depth}.\n"
    )
    flops = layer_flops(options.net, options.size, 3)
    assert flops is not None, "--net must be a network whose FLOPs can be counted"
    f, s = sum(flops), sum(flops[options.boundary :])
    once, each = f - s, 3 * s * options.epochs
    shared = once + runs * each
    print(
        f"S/F {s / f:.3f}; were all fine-tunings, FLOPs would allow {runs * (once + each) / shared:.2f} over a bank each, "
        f"{runs * options.epochs * (once + 3 * s) / shared:.2f} over no bank.\n"
    )
    base = found["one bank for all"][0]
    rows = [[how, f"{seconds:.1f}", f"{seconds / base:.2f}", n] for how, (seconds, n) in found.items()]
    table(["", "seconds", "times one bank", "feature sets computed"], rows)


if __name__ == "__main__":
    main()

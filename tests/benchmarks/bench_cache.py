"""The loop with and without the bank at 0, 50, 75, 100% frozen: ratio per epoch, over all epochs, and its bound.

With F the forward FLOPs of the whole network, S of what trains and v validation pictures per training
picture, an epoch without the bank costs F + 2S + vF and one with it 3S + vS. Building the bank is
measured once; epochs take turns, and the total is build + epochs × the median epoch (--full runs them
all instead). At few pixels the last layers of a residual network reach half the FLOPs per second of
the others, so the bound in FLOPs lies above what their kernels allow; 128 px show less of that.
"""

from __future__ import annotations

import argparse

from tests.benchmarks.rounds import Epochs, own_home, pictures, table, transfer
from tltk.training.bank import FeatureBank

NETS = (("resnet18", 128), ("vit_tiny_patch16_224", 96))
SHARES = (0.0, 0.5, 0.75, 1.0)


def measure(backbone: str, size: int, options: argparse.Namespace) -> list[list[str]]:
    size = options.size or size
    data, domain = pictures(options.pictures, size)
    rows: list[list[str]] = []
    for share in options.shares:
        with own_home():
            probe = Epochs(transfer(data, backbone, 0, epochs=options.epochs), domain, FeatureBank())
            boundary = round(share * probe.depth)
            flops = probe.training.flops
            assert flops is not None, "the FLOPs of these networks are known"
            arms = {
                cache: Epochs(
                    transfer(data, backbone, boundary, cache=cache, epochs=options.epochs), domain, FeatureBank()
                )
                for cache in ("off", "float32")
            }
            rounds = options.epochs if options.full else options.rounds
            for _ in range(rounds):
                for arm in arms.values():
                    arm.epoch()
        whole, kept = arms["off"], arms["float32"]
        f, s, v = sum(flops), sum(flops[boundary:]), len(whole.training.split.val) / len(whole.training.split.train)
        bound = (f + 2 * s + v * f) / (3 * s + v * s)
        ratio = whole.median / kept.median
        if options.full:
            over = (whole.build + sum(whole.seconds)) / (kept.build + sum(kept.seconds))
        else:
            over = (whole.build + options.epochs * whole.median) / (kept.build + options.epochs * kept.median)
        most = max(abs(a - b) for a, b in zip(whole.losses, kept.losses, strict=True))
        # Over all epochs the bound pays for one forward pass below the cut.
        bound_over = options.epochs * (f + 2 * s + v * f) / ((1 + v) * (f - s) + options.epochs * (3 * s + v * s))
        row = [
            f"{backbone}, {size}",
            f"{share:.0%}",
            f"{whole.median:.3f}",
            f"{kept.median:.3f}",
            f"{kept.build:.2f}",
            f"{ratio:.2f}",
            f"{bound:.2f}",
            f"{ratio / bound:.0%}",
            f"{over:.2f}",
            f"{bound_over:.2f}",
            f"{over / bound_over:.0%}",
            f"{most:.1e}",
        ]
        print(" · ".join(row), flush=True)  # the table comes at the end, minutes later
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="epochs of each that are measured without --full")
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--net", choices=[n for n, _ in NETS], help="only this one")
    parser.add_argument("--size", type=int, default=0, help="pixels, instead of each network's own")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="frozen shares of the layers")
    parser.add_argument("--full", action="store_true", help="run every epoch")
    options = parser.parse_args()
    print(
        f"Seconds per epoch of {options.pictures:,} pictures, batch 64, AdamW; totals over {options.epochs} epochs.\n"
    )
    e = options.epochs
    head = [
        "network, px",
        "frozen",
        "without, s",
        "with, s",
        "build, s",
        "ratio",
        "bound",
        "reached",
        f"ratio over {e}",
        f"bound over {e}",
        "reached",
        "curves differ by",
    ]
    found: list[list[str]] = []
    with own_home():
        for backbone, size in NETS:
            if options.net in (None, backbone):
                found += measure(backbone, size, options)
    table(head, found)


if __name__ == "__main__":
    main()

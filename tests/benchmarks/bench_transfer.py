"""Do the shipped weights transfer? Ten labels per class of pictures that no formula made, several seeds.

Probe: standardised features of the frozen network, logistic regression, against the same architecture frozen with
random weights. Fine-tune: `tltk compare` against scratch, both arms with the same 1,280 pictures and search for the
rate. Sets of 28 px and less are read at 32 px, photos and drawings at 64 px. Runs are kept in TLTK_HOME, so a
benchmark that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import statistics
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from tests.benchmarks.rounds import table
from tltk import home
from tltk.data import load
from tltk.data.domain import Domain, Split
from tltk.jobs import Local, wait
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.weights import store
from tltk.weights.load import build_net

SHARED = Path(os.environ.get("TLTK_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
SHOTS, SEEDS, STRENGTH = 10, 5, 0.1
ARRAYS = {"mnist": 2000, "usps": 2000, "mnistm": 2000, "fashion_12k": 2000, "omniglot": 0}  # pictures kept
FOLDERS = {
    "hymenoptera": ("hymenoptera_256", ""),
    "flowers": ("flowers_160", ""),
    "pacs photo": ("pacs_128_s80", "photo"),
    "pacs art": ("pacs_128_s80", "art_painting"),
    "pacs cartoon": ("pacs_128_s80", "cartoon"),
    "pacs sketch": ("pacs_128_s80", "sketch"),
}


def sets() -> dict[str, DataSpec]:
    """Digits always; the others where the folder of shared data is."""
    found = {"digits": DataSpec("digits", shots=SHOTS)}
    if not SHARED.is_dir():
        return found
    for name, n in ARRAYS.items():
        found[name] = DataSpec(f"npz:{SHARED / 'npz' / name}.npz", n=n, shots=SHOTS)
    place = home.home() / "unpacked"
    for name, (tar, part) in FOLDERS.items():
        if not (place / tar).is_dir():
            with tarfile.open(SHARED / "folders" / f"{tar}.tar") as archive:
                archive.extractall(place, filter="data")
        found[name] = DataSpec(f"folder:{place / tar / part}", size=64, shots=SHOTS)
    return found


def features(net: NetSpec, domain: Domain, index: np.ndarray, seed: int) -> np.ndarray:
    """What enters the head, (n, d), of a frozen network."""
    made = build_net(net, len(domain.classes), domain.images.shape[-1], domain.images.shape[1], seed).eval()
    with torch.inference_mode():
        parts = [
            made(made.normalise(torch.from_numpy(np.asarray(domain.images[part])).float() / 255))[0]
            for part in np.array_split(index, max(len(index) // 100, 1))
        ]
    return torch.cat(parts).double().numpy()


def probes(net: NetSpec, domain: Domain, data: DataSpec) -> list[float]:
    """Test accuracy of a logistic regression on the labelled few, seed by seed; random weights are new ones each time."""
    splits = [domain.split(data, seed) for seed in range(SEEDS)]
    wanted = [np.concatenate([s.train, s.test]) for s in splits]
    if net.weights == "scratch":
        return [scored(features(net, domain, index, s), domain, splits[s]) for s, index in enumerate(wanted)]
    every = np.unique(np.concatenate(wanted))
    known = features(net, domain, every, 0)
    return [
        scored(known[np.searchsorted(every, index)], domain, split) for index, split in zip(wanted, splits, strict=True)
    ]


def scored(known: np.ndarray, domain: Domain, split: Split) -> float:
    """Fit on the training pictures' features, (train, d), which come first; test on the others."""
    from sklearn.linear_model import LogisticRegression

    x, held = known[: len(split.train)], known[len(split.train) :]
    mean, spread = x.mean(0), x.std(0)
    spread[spread <= 1e-12 * np.abs(mean).clip(1e-30)] = np.inf
    x, held = (x - mean) / spread, (held - mean) / spread
    penalty = STRENGTH * np.square(x).sum() / min(x.shape)
    model = LogisticRegression(C=1 / penalty, max_iter=2000).fit(x, domain.labels[split.train])
    return float(model.score(held, domain.labels[split.test]))


def interval(differences: list[float]) -> tuple[float, float]:
    """Mean and half its 95% interval, Student's t over seeds."""
    from scipy.special import stdtrit

    n = len(differences)
    half = stdtrit(n - 1, 0.975) * statistics.stdev(differences) / math.sqrt(n) if n > 1 else math.inf
    return statistics.mean(differences), float(half)


def probed(net: NetSpec, data: DataSpec) -> dict[str, Any]:
    """Both probes on one set, seed by seed."""
    domain, random = load(data), dataclasses.replace(net, weights="scratch")
    found = {"random": probes(random, domain, data), "probe": probes(net, domain, data)}
    gain, half = interval([b - a for a, b in zip(found["random"], found["probe"], strict=True)])
    return {name: statistics.mean(values) for name, values in found.items()} | {"gain": gain, "half": half}


def tuned(net: NetSpec, data: DataSpec) -> dict[str, Any]:
    """The verdict on fine-tuning all layers, through the queue."""
    spec = CompareSpec(
        target=data,
        net=net,
        seeds=SEEDS,
        lrs=(1e-3, 3e-3),
        optim=OptimSpec(epochs=1, epoch_images=1280, batch_size=32, warmup=0.1),
    )
    run = wait(Local().submit(spec))
    verdict = (run.result() or {}).get("verdict")
    if verdict is None:
        raise SystemExit(f"Run {run.id} ended without a verdict: {run.status.message}")
    return {k: verdict[k] for k in ("scratch", "transfer", "gap", "lo", "hi", "label")}


def percent(value: float, sign: str = "") -> str:
    return f"{100 * value:{sign}.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="+", help="BACKBONE@WEIGHTS, as in resnet10t@store:resnet10t_formulas")
    parser.add_argument("--only", default="", help="names of sets, with commas")
    parser.add_argument("--probe", action="store_true", help="leave out the fine-tuning")
    parser.add_argument(
        "--card", action="store_true", help="also write the table into the card, for weights store:NAME"
    )
    options = parser.parse_args()
    wanted = {k: v for k, v in sets().items() if not options.only or k in options.only.split(",")}
    for text in options.nets:
        backbone, _, weights = text.partition("@")
        net = NetSpec(backbone=backbone, weights=weights)
        rows: dict[str, dict[str, Any]] = {}
        for name, data in wanted.items():
            rows[name] = probed(net, data)
            if not options.probe:
                rows[name]["fine_tune"] = tuned(net, data)
            print(name, json.dumps(rows[name]), flush=True)
        print(f"\n### {text}\n")
        show(rows)
        if options.card:
            entry = store.find(weights.partition(":")[2])
            card = msgspec.structs.replace(entry.card, transfer={"shots": SHOTS, "seeds": SEEDS, "sets": rows})
            home.write_atomic(entry.path / store.CARD, msgspec.json.format(msgspec.json.encode(card), indent=1))


def show(rows: dict[str, dict[str, Any]]) -> None:
    """Both comparisons in per cent, and how they stand to the goals."""
    head = ["set", "random, probe", "shipped, probe", "gain", "scratch", "fine-tuned", "gain", "verdict"]
    lines = []
    for name, row in rows.items():
        line = [
            name,
            percent(row["random"]),
            percent(row["probe"]),
            f"{percent(row['gain'], '+')} ± {percent(row['half'])}",
        ]
        if tune := row.get("fine_tune"):
            line += [
                percent(tune["scratch"]),
                percent(tune["transfer"]),
                f"{percent(tune['gap'], '+')} ({percent(tune['lo'], '+')} … {percent(tune['hi'], '+')})",
                tune["label"],
            ]
        lines.append(line)
    table(head[: len(lines[0])], lines)
    gains = [row["gain"] for row in rows.values()]
    print(
        f"probe: {percent(statistics.mean(gains), '+')} on average (goal +15), least {percent(min(gains), '+')} (goal 0)"
    )
    if all("fine_tune" in row for row in rows.values()):
        tunes = [row["fine_tune"]["gap"] for row in rows.values()]
        print(
            f"fine-tune: {percent(statistics.mean(tunes), '+')} on average (goal +5), least {percent(min(tunes), '+')}"
        )
    print(flush=True)


if __name__ == "__main__":
    main()

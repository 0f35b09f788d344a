"""Accuracy of nearest prototypes over episodes: pre-trained features against those of the same network at random."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tests.benchmarks.rounds import SHARED
from tltk.analyses.episodes.analysis import episodes
from tltk.analyses.episodes.spec import EpisodesSpec
from tltk.analyses.sample import Context
from tltk.data import load
from tltk.specs.parts import DataSpec, NetSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks

SEEDS, EPISODES = 3, 600
COLUMNS = (("1 shot", 1, "prototype"), ("5 shots", 5, "prototype"), ("5 shots, templates", 5, "template"))
FOLDERS = SHARED / "folders"
PACS = FOLDERS / "pacs_128_s80.tar" / "pacs_128_s80"
# Setting → what is drawn from, and the classes of an episode: ants and bees are but two.
TARGETS = {
    "ants and bees (2-way)": (DataSpec(f"archive:{FOLDERS / 'hymenoptera_256.tar'}", size=128), 2),
    "flowers": (DataSpec(f"archive:{FOLDERS / 'flowers_160.tar'}", size=128), 5),
    "PACS, photo": (DataSpec(f"archive:{PACS / 'photo'}", size=128), 5),
    "PACS, sketch": (DataSpec(f"archive:{PACS / 'sketch'}", size=128), 5),
    "Omniglot, every second character": (DataSpec(f"subset:even@npz:{SHARED / 'npz' / 'omniglot.npz'}", size=64), 5),
}
IMAGENET = SHARED / "weights" / "mobilenetv2_100.tf2_in1k_q8_fp16.same.safetensors"
NETS = {
    "ImageNet, `mobilenetv2_100`": NetSpec("mobilenetv2_100", f"file:{IMAGENET}"),
    "`store:resnet10t_formulas`": NetSpec("resnet10t", "store:resnet10t_formulas"),
    "`store:mobilenetv2_050_formulas`": NetSpec("mobilenetv2_050", "store:mobilenetv2_050_formulas"),
}


def measure(setting: str) -> Iterator[tuple[str, dict[str, list[float]], dict[str, list[float]]]]:
    """Features, and by column the accuracies of each seed: with these weights, and with random ones.

    A seed draws the same episodes for both, and the random weights of its own.
    """
    target, ways = TARGETS[setting]
    domain = load(target)
    for name, net in NETS.items():
        found: list[dict[str, list[float]]] = []
        for weights in (net.weights, "scratch"):
            columns: dict[str, list[float]] = {column: [] for column, _, _ in COLUMNS}
            bank = FeatureBank()
            for seed in range(SEEDS):
                if weights == "scratch":
                    bank = FeatureBank()  # features of random weights serve one seed
                context = Context(lambda _: domain, bank, Callbacks())
                spec = EpisodesSpec(
                    target, NetSpec(net.backbone, weights), ways=ways, episodes=EPISODES, part="all", seed=seed
                )
                for column, shots, nearest in COLUMNS:
                    one = dataclasses.replace(spec, shots=shots, nearest=nearest)
                    columns[column].append(episodes(one, context).accuracy)
            found.append(columns)
        yield name, found[0], found[1]

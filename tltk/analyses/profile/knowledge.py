"""What each layer knows of one domain: probe, nearest neighbours, effective rank, silent units."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.analyses.chance import is_constant
from tltk.analyses.profile.ledger import Ledger
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import Sample
from tltk.probes.linear import probe, wilson
from tltk.reduce.dead_units import dead_units
from tltk.reduce.effective_rank import effective_rank
from tltk.reduce.knn_accuracy import knn_accuracy


def add_knowledge(ledger: Ledger, side: str, sample: Sample, layers: list[Tensor], spec: ProfileSpec) -> None:
    """Add the four columns of one domain.

    Args:
        ledger: Where they go.
        side: target or source.
        sample: Its pictures.
        layers: Their features at each layer, (n, d) each.
        spec: The question.
    """
    labels, settings = sample.labels, [sample.labels.tolist(), spec.seed]
    null_lo, null_hi = wilson(round(majority_share(sample) * len(sample)), len(sample))

    def probe_entries(i: int) -> dict[str, float]:
        found = probe(spec.probe, layers[i], labels, seed=spec.seed)
        return {"values": found.accuracy, "lo": found.lo, "hi": found.hi, "null_lo": null_lo, "null_hi": null_hi}

    def knn_entries(i: int) -> dict[str, float]:
        value = cross_validated_knn(layers[i], labels, spec.seed)
        lo, hi = wilson(round(value * len(labels)), len(labels))
        return {"values": value, "lo": lo, "hi": hi, "null_lo": null_lo, "null_hi": null_hi}

    def rank_entries(i: int) -> dict[str, float]:
        return {"values": 0.0 if is_constant(layers[i]) else effective_rank(layers[i])}

    def dead_entries(i: int) -> dict[str, float]:
        return {"values": dead_units(layers[i])}

    ledger.add(f"probe_{side}", f"Probe accuracy, {side}", "%", layers, [*settings, spec.probe], probe_entries)
    ledger.add(f"knn_{side}", f"kNN accuracy, {side}", "%", layers, settings, knn_entries)
    ledger.add(f"rank_{side}", f"Effective rank, {side}", "", layers, [], rank_entries)
    ledger.add(f"dead_{side}", f"Silent units, {side}", "%", layers, [], dead_entries)


def majority_share(sample: Sample) -> float:
    """Accuracy of always naming the most frequent class, 0 … 1."""
    return float(torch.bincount(sample.labels).max()) / len(sample)


def cross_validated_knn(x: Tensor, labels: Tensor, seed: int, folds: int = 5) -> float:
    """kNN accuracy, each fifth of the pictures asked against the others, 0 … 1.

    Args:
        x: (n, d).
        labels: (n,) class numbers.
        seed: Of the division.
        folds: Parts.
    """
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    right = 0.0
    for held in order.chunk(folds):
        mask = torch.ones(len(x), dtype=torch.bool)
        mask[held] = False
        right += knn_accuracy(x[mask], labels[mask], x[held], labels[held]) * len(held)
    return right / len(x)

"""How layers differ: from one another, and from themselves with other weights."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from tltk.analyses.chance import is_constant
from tltk.analyses.profile.ledger import Ledger
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import Context, Sample, features, network, with_weights
from tltk.errors import BadSpec
from tltk.nn.net import Net
from tltk.probes.linear import probe
from tltk.reduce.cka import cka, cka_matrix

MATRIX = 1000  # pictures from which the matrix of CKA between layers is computed
FEWEST = 4  # pictures that unbiased CKA takes


def similarity(ledger: Ledger, layers: list[Tensor]) -> list[list[float]] | None:
    """Unbiased CKA between all pairs of layers; None for fewer than `FEWEST` pictures.

    Args:
        ledger: For what is said and how long it takes.
        layers: Features at each layer, (n, d) each.
    """
    start = time.perf_counter()
    some = _comparable(layers)
    if len(some[0]) < FEWEST:
        return None
    ledger.context.callbacks.notify("CKA between layers.")
    found = cka_matrix(some, some)
    ledger.seconds["cka"] = time.perf_counter() - start
    return _as_rows(found)


def _comparable(layers: list[Tensor]) -> list[Tensor]:
    """The rows that CKA compares; 0 where a layer is constant, or its rounding would be compared."""
    return [torch.zeros_like(x[:MATRIX]) if is_constant(x) else x[:MATRIX] for x in layers]


def _as_rows(matrix: Tensor) -> list[list[float]]:
    """Rounded, and without what JSON cannot hold: a constant layer is like no other."""
    return [[round(v, 5) for v in row] for row in matrix.nan_to_num(0.0).tolist()]


def add_change(
    ledger: Ledger, net: Net, target: Sample, before: list[Tensor], spec: ProfileSpec, context: Context
) -> list[list[float]] | None:
    """Add CKA, probe and weight change of each layer with the weights of `after`.

    Args:
        ledger: Where the columns go.
        net: The network as it is.
        target: The pictures.
        before: Their features at each layer, (n, d) each.
        spec: The question.
        context: For features.

    Returns:
        CKA between all layers before (rows) and after (columns); None where no weights are named.

    Raises:
        BadSpec: Weights of another network.
    """
    if not spec.after:
        return None
    other = network(with_weights(spec.net, spec.after), target, spec.seed)
    if other.names != net.names:
        raise BadSpec(f"The weights {spec.after} must belong to {spec.net.backbone}. Their layers differ.")
    later = features(other, target, context, spec.pooling)
    labels, moved = target.labels, relative_changes(net, other)

    def probe_entries(i: int) -> dict[str, float]:
        found = probe(spec.probe, later[i], labels, seed=spec.seed)
        return {"values": found.accuracy, "lo": found.lo, "hi": found.hi}

    def cka_entries(i: int) -> dict[str, float]:
        if is_constant(before[i]) or is_constant(later[i]):
            return {"values": 0.0}
        return {"values": cka(before[i], later[i], unbiased=True)}

    settings = [labels.tolist(), spec.seed, spec.probe]
    ledger.add("probe_after", "Probe accuracy after, target", "%", later, settings, probe_entries)
    ledger.add("cka_after", "CKA, before and after", "", [*before, *later], [], cka_entries)
    ledger.add("change", "Relative weight change", "%", later, [moved], lambda i: {"values": moved[i]})
    return _as_rows(cka_matrix(_comparable(before), _comparable(later)))


def relative_changes(before: Net, after: Net) -> list[float]:
    """‖w − w₀‖₂ / ‖w₀‖₂ of each layer; 0 for the last entry, as what enters the head has no weights."""
    moved, size = [0.0] * (before.depth + 1), [0.0] * (before.depth + 1)
    new = dict(after.named_parameters())
    for name, old in before.named_parameters():
        layer = before.layer_of[name]
        if layer < before.depth and new[name].shape == old.shape:
            moved[layer] += float((new[name].detach() - old.detach()).double().square().sum())
            size[layer] += float(old.detach().double().square().sum())
    return [(m / s) ** 0.5 if s else 0.0 for m, s in zip(moved, size, strict=True)]

"""Every quantity on one depth axis: what each layer knows, and where two domains part.

A column is a list of numbers, one per layer and one for what enters the head, with an interval or a
null band beside it where there is one. Features come from one pass; columns are kept by content, so
that a question with one measure more computes that measure alone.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from tltk import home
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import Context, Sample, features, network, samples, strangers, with_weights
from tltk.errors import BadSpec
from tltk.nn.net import Net
from tltk.probes.linear import Probe, probe, wilson
from tltk.reduce.cka import cka, cka_matrix
from tltk.reduce.dead_units import dead_units
from tltk.reduce.effective_rank import effective_rank
from tltk.reduce.knn_accuracy import knn_accuracy
from tltk.results.layers import Column
from tltk.shift import measures
from tltk.shift.class_mmd import permutation_class_mmd
from tltk.shift.multiple import benjamini_hochberg, describe_correction, holm
from tltk.shift.null import Null, permutation_energy, permutation_mmd, permutation_test

MATRIX = 1000  # pictures from which the matrix of CKA between layers is computed
WITHIN = "class_mmd"  # the one measure that needs labels
NOTHING = {"c2st": 0.5}  # what a measure says of domains that are one, where that is not 0
FORMAT = 2  # raise it when a column's numbers come out otherwise than before

Each = Callable[[int], dict[str, float]]  # layer → its entries of a column


def profile(spec: ProfileSpec, context: Context) -> dict[str, Any]:
    """All columns that the spec asks for.

    Returns:
        names (layers, then "features"), columns, tests (how many p-values were corrected together),
        correction (that in a sentence), within (of each class that both domains share the pictures in each, where
        class_mmd is asked), compared (pictures of each side in the tests), drawn (what was left out so that no example
        is in both, in words), why (measure → why it has no column), cka (matrix between layers on the target), n,
        chance, seconds by part.

    Raises:
        UnknownName, BadSpec: A measure that is not there; a source that is missing where one is needed.
        WeightsMissing: Weights that are not there, or do not fit.
    """
    for name in spec.measures:
        if name != WITHIN:
            measures[name]
    start = time.perf_counter()
    target, source = samples(spec, context)
    net = network(spec.net, target, spec.seed)
    by_side: dict[str, tuple[Sample, list[Tensor]]] = {}
    for side, sample in (("target", target), ("source", source)):
        if sample is not None:
            by_side[side] = sample, features(net, sample, context, spec.pooling)
    seconds = {"features": time.perf_counter() - start}
    ledger = _Ledger(context, net.names[:-1], seconds)
    for side, (sample, layers) in by_side.items():
        _knowledge(ledger, side, sample, layers, spec)
    drawn, compared, why = "", {}, dict[str, str]()
    if source is not None and spec.measures:
        other, one, drawn = strangers(spec, context, target, source)
        tested = {"source": by_side["source"], "target": by_side["target"]}
        if drawn:  # the probes above look at all pictures, the tests at those that are in one sample only
            tested = {
                side: (s, features(net, s, context, spec.pooling)) for side, s in (("source", one), ("target", other))
            }
        compared = {side: len(s) for side, (s, _) in tested.items()}
        for name in spec.measures:
            if name == WITHIN:
                _within(ledger, tested["source"], tested["target"], spec)
                continue
            try:
                _shift(ledger, name, tested["source"][1], tested["target"][1], spec)
            except BadSpec as fault:  # the other measures go on
                why[name] = str(fault)
    matrix = _matrix(ledger, by_side["target"][1])
    after = _after(ledger, net, target, by_side["target"][1], spec, context) if spec.after else None
    columns = _corrected(ledger.columns)
    tests = sum(len(c.p) for c in columns)
    seconds["all"] = time.perf_counter() - start
    return {
        "names": [*net.names[:-1], "features"],
        "depth": net.depth,
        "columns": [msgspec.to_builtins(c) for c in columns],
        "tests": tests,
        "correction": describe_correction(tests, spec.permutations) if tests else "",
        "within": _members(tested["source"][0], tested["target"][0]) if compared and WITHIN in spec.measures else {},
        "compared": compared,
        "drawn": drawn,
        "why": why,
        "cka": matrix,
        "cka_after": after,
        "n": {side: len(sample) for side, (sample, _) in by_side.items()},
        "chance": {side: _chance(sample) for side, (sample, _) in by_side.items()},
        "seconds": {k: round(v, 3) for k, v in seconds.items()},
    }


class _Ledger:
    """Columns as they are found; each is kept under a key of its content."""

    def __init__(self, context: Context, names: tuple[str, ...], seconds: dict[str, float]) -> None:
        self.context, self.names, self.seconds = context, (*names, "features"), seconds
        self.columns: list[Column] = []

    def add(self, name: str, title: str, unit: str, layers: list[Tensor], settings: list[Any], each: Each) -> None:
        """Compute a column layer by layer, or find it."""
        start = time.perf_counter()
        path = home.folder("columns") / f"{_key(name, layers, settings)}.json"
        column: Column | None = home.read_json(path, Column)
        if column is None:
            entries = []
            for i, layer in enumerate(self.names):
                self.context.callbacks.check()
                self.context.callbacks.say(f"{title}: {layer}, {i + 1} of {len(self.names)}.")
                entries.append(each(i))
            column = Column(name, title, unit, **{k: [e[k] for e in entries] for k in entries[0]})
            home.write_atomic(path, msgspec.json.encode(column))
        self.columns.append(column)
        self.seconds[name] = time.perf_counter() - start


def _key(name: str, layers: list[Tensor], settings: list[Any]) -> str:
    digest = hashlib.blake2b(json.dumps([FORMAT, torch.__version__, name, settings]).encode(), digest_size=16)
    for x in layers:
        digest.update(np.ascontiguousarray(x.numpy()).data)
    return digest.hexdigest()


# -- what a layer knows ---------------------------------------------------------------------------


def _knowledge(ledger: _Ledger, side: str, sample: Sample, layers: list[Tensor], spec: ProfileSpec) -> None:
    """Probe, nearest neighbours, effective rank and silent units of one domain."""
    labels, settings = sample.labels, [sample.labels.tolist(), spec.seed]
    chance = wilson(round(_chance(sample) * len(sample)), len(sample))

    def probed(i: int) -> dict[str, float]:
        found: Probe = probe(spec.probe, layers[i], labels, seed=spec.seed)
        return {"values": found.accuracy, "lo": found.lo, "hi": found.hi, "null_lo": chance[0], "null_hi": chance[1]}

    def near(i: int) -> dict[str, float]:
        value = _knn(layers[i], labels, spec.seed)
        lo, hi = wilson(round(value * len(labels)), len(labels))
        return {"values": value, "lo": lo, "hi": hi, "null_lo": chance[0], "null_hi": chance[1]}

    kept = layers
    ledger.add(f"probe_{side}", f"Probe accuracy, {side}", "%", kept, [*settings, spec.probe], probed)
    ledger.add(f"knn_{side}", f"kNN accuracy, {side}", "%", kept, settings, near)
    ledger.add(
        f"rank_{side}",
        f"Effective rank, {side}",
        "",
        kept,
        [],
        lambda i: {"values": 0.0 if dead(layers[i]) else effective_rank(layers[i])},
    )
    ledger.add(f"dead_{side}", f"Silent units, {side}", "%", kept, [], lambda i: {"values": dead_units(layers[i])})


def dead(x: Tensor) -> bool:
    """Whether a layer says the same of every picture, up to rounding."""
    return dead_units(x) == 1.0


def _knn(x: Tensor, labels: Tensor, seed: int, folds: int = 5) -> float:
    """kNN accuracy, each fifth of the pictures asked against the others."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    right = 0.0
    for held in order.chunk(folds):
        mask = torch.ones(len(x), dtype=torch.bool)
        mask[held] = False
        right += knn_accuracy(x[mask], labels[mask], x[held], labels[held]) * len(held)
    return right / len(x)


def _chance(sample: Sample) -> float:
    """Accuracy of always naming the most frequent class."""
    return float(torch.bincount(sample.labels).max()) / len(sample)


# -- where domains part ---------------------------------------------------------------------------


def _corrected(columns: list[Column]) -> list[Column]:
    """The columns with p-values that are corrected over all tests of all of them; kept columns hold the raw ones."""
    p = [v for c in columns for v in c.p]
    both = [iter(f(p)) for f in (holm, benjamini_hochberg)]
    return [
        msgspec.structs.replace(c, p_holm=[next(both[0]) for _ in c.p], p_bh=[next(both[1]) for _ in c.p])
        for c in columns
    ]


def _members(source: Sample, target: Sample) -> dict[str, dict[str, int]]:
    """Pictures of each class that both domains have by name."""
    return {
        name: {"source": int((source.labels == c).sum()), "target": int((target.labels == there).sum())}
        for c, (there, name) in shared_classes(source, target).items()
    }


def _shift(ledger: _Ledger, name: str, source: list[Tensor], target: list[Tensor], spec: ProfileSpec) -> None:
    """One shift measure with its null at every layer."""

    def measured(i: int) -> dict[str, float]:
        return _entries(with_null(name, source[i], target[i], spec.permutations, spec.seed))

    title = {"mmd": "MMD²", "coral": "CORAL", "frechet": "Fréchet distance"}.get(name, name.replace("_", " "))
    settings = [spec.permutations, spec.seed]
    ledger.add(name, f"{title}, source to target", "", [*source, *target], settings, measured)


def _within(
    ledger: _Ledger, source: tuple[Sample, list[Tensor]], target: tuple[Sample, list[Tensor]], spec: ProfileSpec
) -> None:
    """MMD² within classes, for those that both domains have by name."""
    pairs = shared_classes(source[0], target[0])
    own = torch.tensor([pairs[int(c)][0] if int(c) in pairs else -1 for c in source[0].labels])
    labels = target[0].labels

    def measured(i: int) -> dict[str, float]:
        x, y = source[1][i], target[1][i]
        if dead(torch.cat([x, y])):
            return _entries(nothing(WITHIN, spec.permutations))
        return _entries(
            permutation_class_mmd(x[own >= 0], own[own >= 0], y, labels, permutations=spec.permutations, seed=spec.seed)
        )

    if not (own >= 0).any():
        raise BadSpec(
            "class_mmd must be asked of domains that share classes by name. They share none; leave class_mmd out."
        )
    settings = [spec.permutations, spec.seed, own.tolist(), labels.tolist()]
    ledger.add(WITHIN, "MMD² within classes", "", [*source[1], *target[1]], settings, measured)


def shared_classes(source: Sample, target: Sample) -> dict[int, tuple[int, str]]:
    """Source class → (target class, name), for the names that both domains have."""
    there = {name: i for i, name in enumerate(target.domain.classes)}
    return {i: (there[name], name) for i, name in enumerate(source.domain.classes) if name in there}


def _entries(found: Null) -> dict[str, float]:
    """A test as an entry of a column."""
    return {
        "values": found.value,
        "null_lo": found.lo,
        "null_hi": found.hi,
        "p": found.p,
        "effect": found.effect,
    }


def nothing(name: str, permutations: int) -> Null:
    """The test of two domains of which every picture is the same: nothing is apart."""
    value = NOTHING.get(name, 0.0)
    return Null(value, 1.0, value, value, 0.0, permutations)


def with_null(name: str, source: Tensor, target: Tensor, permutations: int, seed: int) -> Null:
    """A shift measure beside what chance gives: all permutations at once where there is a kernel."""
    if dead(torch.cat([source, target])):
        return nothing(name, permutations)  # what a measure gives is the rounding, or a refusal
    if name == "mmd":
        return permutation_mmd(source, target, permutations=permutations, seed=seed)
    if name == "energy":
        return permutation_energy(source, target, permutations=permutations, seed=seed)
    return permutation_test(measures[name], source, target, permutations=permutations, seed=seed)


# -- how layers differ ----------------------------------------------------------------------------


def _matrix(ledger: _Ledger, layers: list[Tensor]) -> list[list[float]] | None:
    """Unbiased CKA between all pairs of layers, on the target's pictures."""
    start = time.perf_counter()
    some = _compared(layers)
    if len(some[0]) < 4:
        return None
    ledger.context.callbacks.say("CKA between layers.")
    found = cka_matrix(some, some)
    ledger.seconds["cka"] = time.perf_counter() - start
    return _plain(found)


def _compared(layers: list[Tensor]) -> list[Tensor]:
    """The rows that CKA compares; 0 where a layer is dead, or its rounding would be compared."""
    return [torch.zeros_like(x[:MATRIX]) if dead(x) else x[:MATRIX] for x in layers]


def _plain(matrix: Tensor) -> list[list[float]]:
    """Rounded, and without what JSON cannot hold: a constant layer is like no other."""
    return [[round(v, 5) for v in row] for row in matrix.nan_to_num(0.0).tolist()]


def _after(
    ledger: _Ledger, net: Net, target: Sample, before: list[Tensor], spec: ProfileSpec, context: Context
) -> list[list[float]]:
    """The same pictures through other weights: CKA and probe of each layer, and how far its weights went."""
    other = network(with_weights(spec.net, spec.after), target, spec.seed)
    if other.names != net.names:
        raise BadSpec(f"The weights {spec.after} must belong to {spec.net.backbone}. Their layers differ.")
    later = features(other, target, context, spec.pooling)
    labels = target.labels

    def alike(i: int) -> dict[str, float]:
        if dead(before[i]) or dead(later[i]):
            return {"values": 0.0}
        return {"values": cka(before[i], later[i], unbiased=True)}

    def probed(i: int) -> dict[str, float]:
        found = probe(spec.probe, later[i], labels, seed=spec.seed)
        return {"values": found.accuracy, "lo": found.lo, "hi": found.hi}

    change = distances(net, other)
    settings = [labels.tolist(), spec.seed, spec.probe]
    ledger.add("probe_after", "Probe accuracy after, target", "%", later, settings, probed)
    ledger.add("cka_after", "CKA, before and after", "", [*before, *later], [], alike)
    ledger.add("change", "Relative weight change", "%", later, [change], lambda i: {"values": change[i]})
    return _plain(cka_matrix(_compared(before), _compared(later)))


def distances(before: Net, after: Net) -> list[float]:
    """‖w − w₀‖₂ / ‖w₀‖₂ of each layer; 0 for the last entry, what enters the head has no weights."""
    moved, size = [0.0] * (before.depth + 1), [0.0] * (before.depth + 1)
    new = dict(after.named_parameters())
    for name, old in before.named_parameters():
        layer = before.layer_of[name]
        if layer < before.depth and new[name].shape == old.shape:
            moved[layer] += float((new[name].detach() - old.detach()).double().square().sum())
            size[layer] += float(old.detach().double().square().sum())
    return [(m / s) ** 0.5 if s else 0.0 for m, s in zip(moved, size, strict=True)]

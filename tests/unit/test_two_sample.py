"""One layer of two domains: the table is what measures and nulls give, and the numbers point at the right pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.support.engine import domain
from tests.support.layers import HERE, THERE, by_hand, context, round_trips
from tests.support.values import present
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import Sample, draw, shared_classes
from tltk.analyses.two_sample.analysis import two_sample
from tltk.analyses.two_sample.pictures import NEAR, SHOWN
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.data.domain import Domain
from tltk.errors import BadSpec, UnknownName
from tltk.results.rows import ACROSS
from tltk.shift import measures
from tltk.shift.class_mmd import class_mmd, class_tests, conditional_mmd
from tltk.shift.null import permutation_mmd, permutation_test, self_split
from tltk.shift.witness import mixed_share, most_typical
from tltk.specs.parts import DataSpec, NetSpec
from tltk.weights import load as weights

SPEC = TwoSampleSpec(
    DataSpec("here"), DataSpec("there"), NetSpec("test_resnet"), measures=("mmd", "coral"), permutations=19
)


def layers_of(spec: TwoSampleSpec, at: int) -> tuple[Tensor, Sample, Tensor, Sample]:
    """Features of source and target at a layer, and their samples, by hand."""
    asked = ProfileSpec(spec.target, spec.source, spec.net, spec.pictures, spec.pooling, spec.seed)
    (x, source), (y, target) = by_hand(asked, "source"), by_hand(asked, "target")
    return x[at], source, y[at], target


def noisy(base: Domain, names: list[str], seed: int = 0, name: str = "other") -> Domain:
    """The same pictures with other class names and a little noise."""
    noise = np.random.default_rng(seed).integers(0, 9, base.images.shape, dtype=np.uint8)
    return Domain.of(name, base.images // 2 + noise, base.labels, names, licence="none", source="made")


def tile(sheet: Image.Image, i: int, side: int = 32) -> np.ndarray:
    left, top = i % ACROSS * side, i // ACROSS * side
    return np.asarray(sheet.crop((left, top, left + side, top + side))).transpose(2, 0, 1)


@pytest.mark.parametrize("layer", [-1, 2])
def test_the_table_is_what_measures_and_nulls_give(layer: int) -> None:
    spec = dataclasses.replace(SPEC, layer=layer, seed=2)
    found, _ = two_sample(spec, context())
    x, source, y, target = layers_of(spec, layer)
    assert (found.layer, found.name) == ((5, "features") if layer < 0 else (2, "layer2.0"))
    assert found.n == {"source": len(x), "target": len(y)}
    assert [r.measure for r in found.table] == ["mmd", "coral"]
    for row in found.table:
        measure = measures[row.measure]
        null = (
            permutation_mmd(x, y, permutations=19, seed=2)
            if row.measure == "mmd"
            else permutation_test(measure, x, y, permutations=19, seed=2)
        )
        halves = self_split(measure, x, y, seed=2)
        parts = ("value", "null_lo", "null_hi", "p", "effect", "self_value", "self_lo", "self_hi", "self_n")
        got = [getattr(row, k) for k in parts]
        want = [null.value, null.lo, null.hi, null.p, null.effect, halves.value, halves.lo, halves.hi, halves.n]
        assert row.why == "" and row.self_n == min(len(x), len(y)) // 2
        assert got == pytest.approx(want, rel=1e-3, abs=1e-6)
        assert present(row.null_lo) <= present(row.null_hi) and present(row.self_lo) <= present(row.self_hi)
    assert found.mixed == pytest.approx(mixed_share(x, y, k=10))
    per_class = class_mmd(x, source.labels, y, target.labels)
    assert found.per_class == pytest.approx({f"c{c}": v for c, v in per_class.items()}, rel=1e-3, abs=1e-6)
    assert found.conditional == pytest.approx(conditional_mmd(per_class), rel=1e-3, abs=1e-6)
    round_trips(found)


def test_p_values_are_corrected_over_all_measures_and_classes() -> None:
    measures_ = ("mmd", "coral", "frechet", "energy")
    found, _ = two_sample(dataclasses.replace(SPEC, measures=measures_, permutations=39), context())
    for rows, count in ((found.table, 4), (found.classes, 3)):
        p, by_bh, by_holm = ([present(getattr(row, name)) for row in rows] for name in ("p", "p_bh", "p_holm"))
        assert by_holm == pytest.approx(adjusted(p, "holm"))
        assert by_bh == pytest.approx(adjusted(p, "fdr_bh"))
        assert all(a <= b <= c for a, b, c in zip(p, by_bh, by_holm, strict=True)) and len(rows) == count
    assert found.tests == 4
    assert "over all 4 tests" in found.correction and "over all 3 tests" in found.class_correction
    assert "With 39 permutations Holm's p cannot fall below 0.1; for .05 it takes 79 or more." in found.correction


def adjusted(p: list[float], method: str) -> list[float]:
    """The same by the definitions, test by test."""
    m = len(p)
    ordered = sorted(p)
    if method == "holm":
        steps = [max(min(1.0, (m - j) * ordered[j]) for j in range(i + 1)) for i in range(m)]
    else:
        steps = [min(min(1.0, m / (j + 1) * ordered[j]) for j in range(i, m)) for i in range(m)]
    return [steps[ordered.index(v) if method == "fdr_bh" else ordered.index(v)] for v in p]


def test_classes_have_their_band_their_p_and_their_pictures() -> None:
    found, _ = two_sample(dataclasses.replace(SPEC, permutations=39), context())
    x, source, y, target = layers_of(SPEC, -1)
    each, mean = class_tests(x, source.labels, y, target.labels, permutations=39, seed=0)
    for c, row in enumerate(found.classes):
        null = each[c]
        assert row.name == f"c{c}" and row.value == found.per_class[f"c{c}"]
        got = [getattr(row, k) for k in ("value", "null_lo", "null_hi", "p", "effect")]
        assert got == pytest.approx([null.value, null.lo, null.hi, null.p, null.effect], rel=1e-3, abs=1e-6)
        assert row.source == int((source.labels == c).sum()) and row.target == int((target.labels == c).sum())
    within = present(found.within)
    assert within.p == pytest.approx(mean.p)
    assert within.value == pytest.approx(found.conditional)
    moved = noisy(HERE, ["c0", "c1", "c2"])
    far, _ = two_sample(dataclasses.replace(SPEC, source=DataSpec("moved"), permutations=39), context(moved=moved))
    assert all(row.p == 1 / 40 and row.value > row.null_hi for row in far.classes)


def scaled(path: Path, factor: float) -> str:
    """Weights of which what enters the head is so many times as large."""
    net = weights.build_net(NetSpec("test_resnet"), 3, 32, 3, 0)
    last: Any = list(net.backbone.get_submodule("layer4").children())[-1]
    norm = last.bn2  # the last scale before the last activation
    with torch.no_grad():
        for part in last.downsample or []:
            for p in part.parameters():
                p.mul_(factor if p.ndim == 1 else 1)
        norm.weight.mul_(factor)
        norm.bias.mul_(factor)
    weights.save(net, NetSpec("test_resnet"), path)
    return f"file:{path}"


def test_features_that_overflow_are_a_row_with_a_sentence(tmp_path: Path) -> None:
    """The other measures are what they are without the factor."""
    names = ("coral", "frechet", "energy", "mmd", "sliced_wasserstein", "symmetric_kl")
    spec = dataclasses.replace(SPEC, measures=names)
    large = dataclasses.replace(spec, net=NetSpec("test_resnet", scaled(tmp_path / "large.safetensors", 1e24)))
    plain = dataclasses.replace(spec, net=NetSpec("test_resnet", scaled(tmp_path / "plain.safetensors", 1.0)))
    found, usual = two_sample(large, context())[0], two_sample(plain, context())[0]
    round_trips(found)
    for row, other in zip(found.table, usual.table, strict=True):
        if row.measure in ("coral", "frechet"):
            assert row.value is None and "that float32 can hold" in row.why
        else:
            assert row.why == "" and row.p == other.p
    assert found.tests == 4 and found.table[0].p_holm is None
    assert found.classes and all(np.isfinite(v) for w in found.witness["source"] for v in w.distance)


def test_a_dead_layer_is_numbers_and_no_fault(tmp_path: Path) -> None:
    """Every picture gives the same: nothing is apart, whatever the measure, and no picture is typical of a side."""
    path = tmp_path / "dead.safetensors"
    net = weights.build_net(NetSpec("test_resnet"), 3, 32, 3, 0)
    with torch.no_grad():
        for p in net.backbone.parameters():
            p.zero_()
    weights.save(net, NetSpec("test_resnet"), path)
    spec = dataclasses.replace(SPEC, measures=tuple(measures), net=NetSpec("test_resnet", f"file:{path}"))
    found, _ = two_sample(spec, context())
    round_trips(found)
    for row in found.table:
        assert row.p == 1.0 and row.why == "" and row.value == (0.5 if row.measure == "c2st" else 0.0)
        assert row.null_lo == row.value == row.null_hi == row.self_value
    assert found.witness == {"source": [], "target": []} and found.classes == []


def test_witnesses_and_neighbours_point_at_the_right_pictures() -> None:
    found, sheet = two_sample(SPEC, context())
    x, source, y, target = layers_of(SPEC, -1)
    n, m = len(x), len(y)
    assert sheet.size == (32 * ACROSS, 32 * -(-(n + m) // ACROSS))
    pictures = [HERE_AND_THERE[1].images[i] for i in source.index] + [HERE_AND_THERE[0].images[i] for i in target.index]
    for i, picture in enumerate(pictures):  # the source's first
        assert np.array_equal(tile(sheet, i), picture), i
    classes = [f"c{c}" for c in (*source.labels.tolist(), *target.labels.tolist())]
    assert found.labels == classes
    only_source, only_target = most_typical(x, y, count=SHOWN)
    assert [w.at for w in found.witness["source"]] == only_source.tolist()
    assert [w.at for w in found.witness["target"]] == (only_target + n).tolist()
    both = torch.cat([x, y]).double()
    for side, others in (("source", range(n, n + m)), ("target", range(n))):
        for w in found.witness[side]:
            distance = (both - both[w.at]).norm(dim=1)
            assert set(w.near) <= set(others) and len(w.near) == NEAR
            nearest = sorted(float(distance[i]) for i in others)[:NEAR]
            assert [float(distance[i]) for i in w.near] == pytest.approx(nearest, rel=1e-3, abs=1e-4)
            assert w.distance == pytest.approx(nearest, rel=1e-2, abs=1e-3)
            assert w.distance == sorted(w.distance)


HERE_AND_THERE = (HERE, THERE)


def test_the_same_domain_twice_is_not_apart() -> None:
    found, _ = two_sample(dataclasses.replace(SPEC, source=DataSpec("here"), permutations=39), context())
    for row in found.table:
        assert present(row.p) > 0.05 and present(row.value) <= present(row.null_hi)
    assert found.mixed > 0.9


def test_domains_far_apart_are_seen_to_be() -> None:
    dark = noisy(HERE, ["c0", "c1", "c2"])
    found, _ = two_sample(dataclasses.replace(SPEC, source=DataSpec("dark")), context(dark=dark))
    assert found.table[0].p == pytest.approx(1 / 20) and present(found.table[0].effect) > 5
    assert found.mixed < 0.5


# -- classes ----------------------------------------------------------------------------------------------


def test_classes_are_matched_by_name_not_by_number() -> None:
    turned = noisy(HERE, ["c2", "c0", "zebra"])
    spec = dataclasses.replace(SPEC, source=DataSpec("turned"))
    found, _ = two_sample(spec, context(turned=turned))
    parts = [draw(d, DataSpec("x"), 1000, 0) for d in (turned, HERE)]
    assert shared_classes(parts[0], parts[1]) == {0: (2, "c2"), 1: (0, "c0")}
    assert set(found.per_class) == {"c0", "c2"}
    assert set(found.labels[: found.n["source"]]) == {"c2", "c0", "zebra"}
    assert found.label_shift == "The domains must have the same classes by name for this estimate. They do not."
    # As if the source's numbers had been the target's all along.
    right = noisy(HERE, ["c0", "c1", "c2"])
    again = Domain.of(
        "again", right.images, np.array([2, 0, 1])[right.labels], ["c0", "c1", "c2"], licence="none", source="made"
    )
    # Class 2 of `turned` (zebra) has no partner, but c0 and c2 are the same pictures.
    other, _ = two_sample(dataclasses.replace(SPEC, source=DataSpec("again")), context(again=again))
    for name in ("c0", "c2"):
        assert np.sign(found.per_class[name]) == np.sign(other.per_class[name])


def test_without_a_class_in_common_there_is_no_class_table() -> None:
    found, _ = two_sample(
        dataclasses.replace(SPEC, source=DataSpec("other")), context(other=noisy(HERE, ["x", "y", "z"]))
    )
    assert found.per_class == {} and found.conditional is None
    assert isinstance(found.label_shift, str)


def uneven(counts: list[int], names: list[str], seed: int) -> Domain:
    """So many pictures of each class, which shows in its colour: a is red, b green, c blue."""
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    images = np.random.default_rng(seed).integers(0, 120, (len(labels), 3, 32, 32), dtype=np.uint8)
    for i, c in enumerate(labels):
        images[i, ord(names[c][-1]) % 3] += 120
    return Domain.of("uneven", images, labels, names, licence="none", source="made")


def test_label_shift_is_estimated_without_the_targets_labels() -> None:
    """Also where the target counts its classes in another order."""
    source, target = uneven([20, 20, 20], ["a", "b", "c"], 0), uneven([8, 40, 12], ["c", "a", "b"], 1)
    spec = dataclasses.replace(SPEC, target=DataSpec("t"), source=DataSpec("s"), layer=0)
    found, _ = two_sample(spec, context(s=source, t=target))
    shift = found.label_shift
    assert not isinstance(shift, str) and list(shift) == ["a", "b", "c"]
    sides = {"source": draw(source, DataSpec("x"), 1000, 0), "true": draw(target, DataSpec("x"), 1000, 0)}
    for name, its in shift.items():
        for k, part in sides.items():
            assert getattr(its, k) == pytest.approx(
                float((part.labels == part.domain.classes.index(name)).double().mean())
            )
        assert its.estimated == pytest.approx(its.true, abs=0.1)
    assert sum(s.estimated for s in shift.values()) == pytest.approx(1)
    assert shift["a"].true > 0.6 > 0.35 > shift["a"].source


def test_a_target_with_a_class_more_has_no_label_shift() -> None:
    source, target = uneven([20, 20], ["a", "b"], 0), uneven([20, 20, 20], ["a", "b", "c"], 1)
    spec = dataclasses.replace(SPEC, target=DataSpec("t"), source=DataSpec("s"))
    found, _ = two_sample(spec, context(s=source, t=target))
    assert found.label_shift == "The domains must have the same classes by name for this estimate. They do not."


def test_few_pictures_of_a_class_are_an_estimate_or_a_sentence_and_no_warning() -> None:
    """Fewer of a class than the folds that are usual."""
    for shots in (2, 3):
        spec = dataclasses.replace(SPEC, target=DataSpec("here", shots=shots), source=DataSpec("there", shots=shots))
        found, _ = two_sample(spec, context())
        round_trips(found)
        assert found.n == {"source": 3 * shots, "target": 3 * shots}
    found, _ = two_sample(
        dataclasses.replace(SPEC, source=DataSpec("there", shots=1), target=DataSpec("here")), context()
    )
    assert found.label_shift == (
        "Each class of the source must have two pictures for this estimate. One has a single one."
    )
    rare = uneven([30, 30, 6], ["c0", "c1", "c2"], 0)  # three or four of the last in the training part
    found, _ = two_sample(dataclasses.replace(SPEC, source=DataSpec("rare")), context(rare=rare))
    round_trips(found)


def test_two_pictures_of_a_side() -> None:
    """The fewest that a measure takes: neighbourhoods are counted over both sides together."""
    two = uneven([10, 10], ["c0", "c1"], 0)
    found, sheet = two_sample(dataclasses.replace(SPEC, source=DataSpec("two", shots=1)), context(two=two))
    assert found.n["source"] == 2 and len(found.witness["source"]) == 2
    assert all(len(w.near) == 2 for w in found.witness["target"])


# -- what cannot be meant ---------------------------------------------------------------------------------


def test_refusals() -> None:
    with pytest.raises(BadSpec, match="layer must be from 0 to 4, or -1 for what enters the head. Got 6."):
        two_sample(dataclasses.replace(SPEC, layer=6), context())
    with pytest.raises(BadSpec, match="as many channels"):
        two_sample(dataclasses.replace(SPEC, source=DataSpec("grey")), context(grey=domain(60, channels=1)))


def test_what_names_tell_is_refused_before_anything_is_read() -> None:
    def refuse(_: DataSpec) -> Domain:
        raise AssertionError

    nowhere = dataclasses.replace(context(), load=refuse)
    with pytest.raises(BadSpec, match="There is no source; name one."):
        two_sample(dataclasses.replace(SPEC, source=None), nowhere)
    with pytest.raises(UnknownName, match="Did you mean 'frechet'"):
        two_sample(dataclasses.replace(SPEC, measures=("frechett",)), nowhere)

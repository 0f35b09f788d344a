"""Columns over depth are what their measures give on the same features; kept ones are not computed again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.stats import false_discovery_control
from torch import Tensor

from tests.support import engine
from tests.support.engine import domain
from tests.support.layers import HERE, NAMES, THERE, by_hand, column, context, round_trips
from tests.support.values import present
from tltk import home
from tltk.analyses import sample
from tltk.analyses.profile.analysis import profile
from tltk.analyses.profile.change import relative_changes
from tltk.analyses.profile.knowledge import cross_validated_knn
from tltk.analyses.profile.result import ProfileResult
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import Context, draw
from tltk.data.domain import Domain
from tltk.errors import BadSpec, TltkError, UnknownName, WeightsMissing
from tltk.nn.net import Net
from tltk.probes.linear import probe, wilson
from tltk.reduce.cka import cka
from tltk.reduce.dead_units import dead_units
from tltk.reduce.effective_rank import effective_rank
from tltk.shift import measures
from tltk.shift.class_mmd import permutation_class_mmd
from tltk.shift.null import permutation_mmd, permutation_test
from tltk.specs.parts import DataSpec, NetSpec
from tltk.training.bank import FeatureBank
from tltk.training.loop import Callbacks
from tltk.weights import load as weights

SPEC = ProfileSpec(DataSpec("here"), DataSpec("there"), NetSpec("test_resnet"), permutations=29)


def one_domain(**changes: Any) -> ProfileSpec:
    return dataclasses.replace(SPEC, source=None, measures=(), **changes)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights after a short training with the first two layers frozen, from those of seed 0."""
    run = engine.train(engine.spec(boundary=2), HERE, parts=engine.split(HERE, 30))
    path = tmp_path_factory.mktemp("tuned") / "after.safetensors"
    weights.save(run.net, NetSpec("test_resnet"), path)
    return path


def edited(path: Path, change: Any) -> Path:
    """A copy of a weight file with its tensors changed."""
    from safetensors import safe_open
    from safetensors.torch import save

    with safe_open(path, "pt") as file:
        header = file.metadata()
    tensors = load_file(path)
    new = path.with_name("edited.safetensors")
    home.write_atomic(new, save({n: change(n, t).contiguous() for n, t in tensors.items()}, header))
    return new


# -- shape ------------------------------------------------------------------------------------------------


def test_names_lengths_and_chance() -> None:
    found = profile(SPEC, context())
    assert found.names == NAMES and found.depth == 5
    assert [c.name for c in found.columns] == [
        "probe_target",
        "knn_target",
        "rank_target",
        "dead_target",
        "probe_source",
        "knn_source",
        "rank_source",
        "dead_source",
        "mmd",
    ]
    for c in found.columns:
        for part in ("values", "lo", "hi", "null_lo", "null_hi", "p", "effect"):
            assert len(getattr(c, part)) in (0, len(NAMES)), (c.name, part)
        assert len(c.values) == len(NAMES)
        for lo, value, hi in zip(c.lo, c.values, c.hi, strict=False):
            assert lo <= value <= hi
    matrix = np.array(found.cka)
    assert matrix.shape == (6, 6) and found.cka_after is None
    assert np.allclose(matrix.diagonal(), 1) and np.array_equal(matrix, matrix.T)
    target, source = by_hand(SPEC, "target")[1], by_hand(SPEC, "source")[1]
    assert found.n == {"target": len(target), "source": len(source)}
    for side, one in (("target", target), ("source", source)):
        chance = max(np.bincount(one.labels.numpy())) / len(one)
        assert found.chance[side] == pytest.approx(chance)
        lo, hi = wilson(round(chance * len(one)), len(one))
        for name in (f"probe_{side}", f"knn_{side}"):
            its = column(found, name)
            assert set(its.null_lo) == {lo} and set(its.null_hi) == {hi} and lo < chance < hi
    round_trips(found)
    assert set(found.seconds) >= {"features", "probe_target", "mmd", "cka", "all"}


def test_one_domain_alone_has_no_shift() -> None:
    found = profile(dataclasses.replace(SPEC, source=None), context())
    assert {c.name for c in found.columns} == {"probe_target", "knn_target", "rank_target", "dead_target"}
    assert set(found.n) == set(found.chance) == {"target"}


# -- numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "pooling"), [("ridge", "avg"), ("logistic", "max")])
def test_columns_are_what_the_measures_give(kind: str, pooling: str) -> None:
    spec = dataclasses.replace(SPEC, probe=kind, pooling=pooling, seed=3, measures=("mmd", "coral"))
    found = profile(spec, context())
    sides = {side: by_hand(spec, side) for side in ("target", "source")}
    for side, (layers, part) in sides.items():
        for i, x in enumerate(layers):
            best = probe(kind, x, part.labels, seed=3)
            mine = column(found, f"probe_{side}")
            assert (mine.values[i], mine.lo[i], mine.hi[i]) == (best.accuracy, best.lo, best.hi)
            assert column(found, f"rank_{side}").values[i] == pytest.approx(effective_rank(x), rel=1e-4)
            assert column(found, f"dead_{side}").values[i] == pytest.approx(dead_units(x))
    for i, (x, y) in enumerate(zip(sides["source"][0], sides["target"][0], strict=True)):
        for name, null in (
            ("mmd", permutation_mmd(x, y, permutations=29, seed=3)),
            ("coral", permutation_test(measures["coral"], x, y, permutations=29, seed=3)),
        ):
            its = column(found, name)
            got = [getattr(its, k)[i] for k in ("values", "null_lo", "null_hi", "p", "effect")]
            assert got == pytest.approx([null.value, null.lo, null.hi, null.p, null.effect], rel=1e-3, abs=1e-6)


def test_mmd_within_classes_over_depth() -> None:
    spec = dataclasses.replace(SPEC, measures=("mmd", "class_mmd"))
    its = column(profile(spec, context()), "class_mmd")
    (xs, here), (ys, there) = by_hand(spec, "source"), by_hand(spec, "target")
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        null = permutation_class_mmd(x, here.labels, y, there.labels, permutations=29, seed=0)
        got = [getattr(its, k)[i] for k in ("values", "null_lo", "null_hi", "p", "effect")]
        assert got == pytest.approx([null.value, null.lo, null.hi, null.p, null.effect], rel=1e-3, abs=1e-6)
    others = Domain.of("x", HERE.images, HERE.labels, [f"other {c}" for c in HERE.classes], licence="", source="")
    with pytest.raises(BadSpec, match="class_mmd must be asked of domains that share classes"):
        profile(dataclasses.replace(spec, source=DataSpec("x")), context(x=others))


def test_knn_asks_each_picture_once_against_the_others() -> None:
    centres = 10 * torch.eye(3)
    labels = torch.arange(30) % 3
    x = centres[labels] + 0.1 * torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    assert cross_validated_knn(x, labels, 0) == 1.0
    wrong = labels.clone()
    wrong[:2] = (wrong[:2] + 1) % 3  # two of thirty bear another's label: they alone are named wrongly
    assert cross_validated_knn(x, wrong, 0) == pytest.approx(28 / 30)


def test_the_matrix_is_unbiased_cka_between_layers() -> None:
    found = profile(one_domain(), context())
    layers, _ = by_hand(SPEC, "target")
    for i, x in enumerate(layers):
        for j, y in enumerate(layers):
            assert present(found.cka)[i][j] == pytest.approx(cka(x, y, unbiased=True), abs=2e-4)


def test_seeds_and_poolings_change_the_question() -> None:
    first = profile(one_domain(), context())
    other = profile(one_domain(pooling="max"), context())
    assert column(first, "rank_target").values[:-1] != column(other, "rank_target").values[:-1]
    assert column(first, "rank_target").values[-1] == pytest.approx(column(other, "rank_target").values[-1])


# -- before and after -------------------------------------------------------------------------------------


def test_after_equal_weights_nothing_has_changed() -> None:
    found = profile(one_domain(after="scratch"), context())
    assert column(found, "cka_after").values == pytest.approx([1.0] * 6)
    assert column(found, "change").values == [0.0] * 6
    assert column(found, "probe_after").values == column(found, "probe_target").values
    assert np.allclose(present(found.cka_after), present(found.cka), atol=1e-5)


def test_after_a_training(tuned: Path) -> None:
    found = profile(one_domain(after=f"file:{tuned}"), context())
    alike, change = column(found, "cka_after").values, column(found, "change").values
    assert alike[:2] == pytest.approx([1.0, 1.0]) and all(v < 1 - 1e-6 for v in alike[2:])
    assert change[:2] == [0.0, 0.0] and change[5] == 0.0
    before = weights.build_net(NetSpec("test_resnet"), 3, 32, 3, 0)
    after = load_file(tuned)
    for layer in range(2, 5):
        moved = size = 0.0
        for name, w in before.named_parameters():
            if before.layer_of[name] == layer:
                moved += float((after[name].double() - w.detach().double()).square().sum())
                size += float(w.detach().double().square().sum())
        assert change[layer] == pytest.approx((moved / size) ** 0.5, rel=1e-6) and change[layer] > 0
    layers, later = by_hand(SPEC, "target")[0], by_hand(SPEC, "target", f"file:{tuned}")[0]
    labels = by_hand(SPEC, "target")[1].labels
    for i, (x, y) in enumerate(zip(layers, later, strict=True)):
        assert alike[i] == pytest.approx(cka(x, y, unbiased=True), abs=1e-4)
        assert column(found, "probe_after").values[i] == probe("ridge", y, labels, seed=0).accuracy
        for j, z in enumerate(later):
            assert present(found.cka_after)[i][j] == pytest.approx(cka(x, z, unbiased=True), abs=2e-4)


def test_distances_of_a_net_without_weights_is_nought() -> None:
    net = weights.build_net(NetSpec("test_resnet"), 3, 32, 3, 0)
    other = weights.build_net(NetSpec("test_resnet"), 7, 32, 3, 0)  # the head differs in shape, and is left out
    assert relative_changes(net, other) == [0.0] * 6
    with torch.no_grad():
        for p in net.backbone.parameters():
            p.zero_()
    assert relative_changes(net, other) == [0.0] * 6  # ‖w₀‖ = 0: no share of it


def test_weights_of_another_backbone(tmp_path: Path) -> None:
    path = tmp_path / "vit.safetensors"
    weights.save(weights.build_net(NetSpec("test_vit"), 3, 32, 3, 0), NetSpec("test_vit"), path)
    with pytest.raises(WeightsMissing, match="must fit"):
        profile(one_domain(after=f"file:{path}"), context())


# -- kept columns -----------------------------------------------------------------------------------------


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("computed again")


def computed(spec: ProfileSpec) -> tuple[ProfileResult, list[str]]:
    """An answer, and the titles of what was computed for it: that is said layer by layer, and nothing else is."""
    said: list[str] = []
    here = context()
    here.callbacks = Callbacks(notify=said.append)
    found = profile(spec, here)
    return found, list(dict.fromkeys(text.partition(": ")[0] for text in said))


MATRIX = "CKA between layers."  # the one thing that is not kept


def test_a_second_asking_computes_no_column(tuned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = dataclasses.replace(SPEC, after=f"file:{tuned}", measures=("mmd", "energy"))
    first, told = computed(spec)
    assert set(told) == {*(c.title for c in first.columns), MATRIX}
    monkeypatch.setattr(FeatureBank, "_compute", refuse)
    again, told = computed(spec)
    assert told == [MATRIX]
    assert msgspec.structs.replace(again, seconds={}) == msgspec.structs.replace(first, seconds={})


def test_one_measure_more_computes_that_measure_alone() -> None:
    first = profile(SPEC, context())
    found, told = computed(dataclasses.replace(SPEC, measures=("mmd", "coral")))
    assert told == ["CORAL, source to target", MATRIX]
    plain = [msgspec.structs.replace(c, p_holm=[], p_bh=[]) for c in (*found.columns, *first.columns)]
    assert plain[: len(first.columns)] == plain[len(found.columns) :]


def test_p_values_are_corrected_over_all_layers_and_measures() -> None:
    """The corrected ones are of the whole answer, so they are not kept with a column."""
    for names in (("mmd",), ("mmd", "coral", "class_mmd"), ("coral", "mmd")):
        found = profile(dataclasses.replace(SPEC, measures=names), context())
        its = [column(found, name) for name in names]
        p = [v for c in its for v in c.p]
        assert [v for c in its for v in c.p_bh] == pytest.approx(false_discovery_control(p).tolist())
        assert min(v for c in its for v in c.p_holm) == pytest.approx(min(1.0, len(p) * min(p)))
        assert all(v >= w for c in its for v, w in zip(c.p_holm, c.p_bh, strict=True))
        assert found.tests == len(p) == 6 * len(names) and f"over all {len(p)} tests" in found.correction
        assert column(found, "probe_target").p_holm == []
    alone = profile(one_domain(), context())
    assert alone.tests == 0 and alone.correction == "" and alone.within == {}


def test_the_pictures_of_each_class_are_said_where_classes_are_compared() -> None:
    found = profile(dataclasses.replace(SPEC, measures=("class_mmd",)), context())
    sides = {side: by_hand(SPEC, side)[1].labels for side in ("source", "target")}
    assert found.within == {
        f"c{c}": {side: int((labels == c).sum()) for side, labels in sides.items()} for c in range(3)
    }
    assert profile(SPEC, context()).within == {}


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"pooling": "max"}, {"permutations": 39}, {"target": DataSpec("here", seed=1)}]
)
def test_another_question_is_computed(changes: dict[str, Any]) -> None:
    profile(SPEC, context())
    assert "MMD², source to target" in computed(dataclasses.replace(SPEC, **changes))[1]


def test_a_torn_column_is_computed_anew() -> None:
    first = profile(one_domain(), context())
    for i, path in enumerate(sorted(home.folder("columns").iterdir())):
        path.write_bytes(b"" if i % 2 else b'{"name": "probe_target", "values": [1')
    assert profile(one_domain(), context()).columns == first.columns


# -- what cannot be meant ---------------------------------------------------------------------------------


def test_an_unknown_measure_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'coral'"):
        profile(dataclasses.replace(SPEC, measures=("mmd", "corall")), Context(refuse, FeatureBank(), Callbacks()))


def test_other_channels_are_refused() -> None:
    spec = dataclasses.replace(SPEC, source=DataSpec("grey"))
    with pytest.raises(BadSpec, match="Got 1 and 3; save both in colour, or both in grey."):
        profile(spec, context(grey=domain(60, channels=1)))


def test_it_stops_when_asked_to() -> None:
    class Enough(Exception):
        pass

    said: list[str] = []

    def check() -> None:
        if len(said) > 3:
            raise Enough

    here = context()
    here.callbacks = Callbacks(notify=said.append, check=check)
    with pytest.raises(Enough):
        profile(SPEC, here)
    assert said[0] == "Probe accuracy, target: stem, 1 of 6."


# -- degenerate layers ------------------------------------------------------------------------------------


def test_a_dead_layer_is_a_number_and_no_fault(tuned: Path) -> None:
    """All weights of one layer are 0: from there on every picture is the same."""

    def killed(name: str, t: Tensor) -> Tensor:
        return torch.zeros_like(t) if ".layer3." in name else t

    path = edited(tuned, killed)
    spec = dataclasses.replace(
        SPEC,
        net=NetSpec("test_resnet", f"file:{path}"),
        after=f"file:{tuned}",
        permutations=19,
        measures=("mmd", "coral", "frechet", "energy", "sliced_wasserstein", "symmetric_kl", "a_distance", "c2st"),
    )
    found = profile(spec, context())
    again = msgspec.json.decode(json.dumps(msgspec.to_builtins(found), allow_nan=False), type=ProfileResult)
    assert column(again, "dead_target").values[3:] == [1.0, 1.0, 1.0]
    assert column(again, "rank_target").values[3:] == [0.0, 0.0, 0.0]
    assert column(again, "rank_target").values[2] > 1
    assert column(again, "cka_after").values[3:] == [0.0, 0.0, 0.0]
    for matrix in (present(again.cka), present(again.cka_after)):  # a layer that is constant is like no other
        assert not np.any(np.array(matrix)[3:]) and matrix[2][2] > 0.5
    for name in ("mmd", "coral", "frechet", "energy", "sliced_wasserstein"):
        its = column(again, name)
        assert its.values[3:] == pytest.approx([0.0] * 3, abs=1e-6), name
        assert min(its.p[3:]) > 0.05, name
    chance = again.chance["target"]
    assert max(column(again, "probe_target").values[3:]) <= chance + 1e-9
    assert profile(spec, context()).columns == found.columns  # kept as well


def test_a_measure_that_overflows_is_left_out_with_a_sentence_and_the_others_go_on(tuned: Path) -> None:
    def large(name: str, t: Tensor) -> Tensor:
        return t * 1e24 if ".layer4." in name and name.endswith(("bn2.weight", "bn2.bias")) else t

    spec = dataclasses.replace(
        SPEC,
        net=NetSpec("test_resnet", f"file:{edited(tuned, large)}"),
        permutations=19,
        measures=("coral", "mmd", "frechet", "energy", "sliced_wasserstein"),
    )
    found = profile(spec, context())
    round_trips(found)
    assert set(found.why) == {"coral", "frechet"} and "that float32 can hold" in found.why["coral"]
    names = [c.name for c in found.columns]
    assert {"mmd", "energy", "sliced_wasserstein"} <= set(names) and not {"coral", "frechet"} & set(names)
    assert found.tests == 18


def test_a_diverged_net_is_a_sentence(tuned: Path) -> None:
    path = edited(tuned, lambda n, t: torch.full_like(t, torch.nan) if ".layer3." in n and "weight" in n else t)
    with pytest.raises(TltkError, match="Weights must be finite numbers"):
        profile(one_domain(net=NetSpec("test_resnet", f"file:{path}")), context())


# -- which pictures ---------------------------------------------------------------------------------------


def uneven() -> Domain:
    """Classes of 60, 24 and 12 pictures."""
    base = domain(96)
    labels = np.repeat(np.arange(3), [60, 24, 12]).astype(np.int64)
    return Domain.of("uneven", base.images, labels, ["a", "b", "c"], licence="none", source="made")


def test_validation_and_test_pictures_are_never_looked_at() -> None:
    d, spec = uneven(), DataSpec("uneven")
    parts = d.split(spec, 0)
    for pictures in (20, 30, 1000):
        for seed in range(3):
            part = draw(d, spec, pictures, seed)
            assert set(part.index) <= set(parts.train)
            assert not set(part.index) & (set(parts.val) | set(parts.test))
            assert len(set(part.index)) == len(part) == min(pictures, len(parts.train))
            assert np.array_equal(part.labels.numpy(), d.labels[part.index])
            assert np.array_equal(part.index, np.sort(part.index))


def test_profile_looks_at_no_other_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, set[int]]] = []
    kept = FeatureBank.features

    def noted(self: FeatureBank, cut: Any, d: Domain, index: np.ndarray, **more: Any) -> Any:
        seen.append((d.fingerprint, set(index.tolist())))
        return kept(self, cut, d, index, **more)

    monkeypatch.setattr(FeatureBank, "features", noted)
    profile(dataclasses.replace(SPEC, after="scratch"), context())
    assert len(seen) == 3
    for mark, index in seen:
        d = {HERE.fingerprint: HERE, THERE.fingerprint: THERE}[mark]
        assert index <= set(d.split(DataSpec("x"), 0).train.tolist())


def test_classes_take_turns() -> None:
    d, spec = uneven(), DataSpec("uneven")
    full = np.bincount(d.labels[d.split(spec, 0).train])  # some 33, 13 and 7
    counts = np.bincount(draw(d, spec, 20, 0).labels.numpy(), minlength=3)
    assert counts.sum() == 20 and counts[2] >= 6 and counts[:2].max() - counts[:2].min() <= 1
    counts = np.bincount(draw(d, spec, 30, 0).labels.numpy(), minlength=3)
    assert counts.tolist() == [30 - full[1:].sum() if full[1] < 12 else counts[0], counts[1], full[2]]
    assert counts[0] >= counts[1] >= counts[2]
    assert not np.array_equal(draw(d, spec, 20, 0).index, draw(d, spec, 20, 1).index)
    assert np.array_equal(draw(d, spec, 20, 1).index, draw(d, spec, 20, 1).index)


def test_a_few_shot_spec_stays_one() -> None:
    d = uneven()
    part = draw(d, DataSpec("uneven", shots=2), 1000, 5)
    assert np.bincount(part.labels.numpy()).tolist() == [2, 2, 2]
    assert np.array_equal(part.index, d.split(DataSpec("uneven", shots=2), 5).train)
    found = profile(one_domain(target=DataSpec("here", shots=4)), context())
    assert found.n == {"target": 12}


# -- the network and the sheet ----------------------------------------------------------------------------


def test_network_and_features_are_those_of_the_spec() -> None:
    part = draw(HERE, DataSpec("here"), 20, 0)
    net = sample.network(NetSpec("test_vit"), part, 4)
    assert isinstance(net, Net) and not net.training
    same = weights.build_net(NetSpec("test_vit"), 3, 32, 3, 4)
    for name, t in same.state_dict().items():
        assert torch.equal(t, net.state_dict()[name].cpu()), name
    layers = sample.features(net, part, context(), "avg")
    assert len(layers) == net.depth + 1 and all(len(x) == 20 for x in layers)
    assert sample.with_weights(NetSpec("a", "b", boundary=2), "c") == NetSpec("a", "c", boundary=2)

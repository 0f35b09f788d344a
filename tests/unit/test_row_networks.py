"""Networks of rows: columns by name, standardised by the training part alone, cut, frozen, and carried to other tables."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tltk import data
from tltk.analyses.classify.features import gather
from tltk.analyses.classify.spec import ClassifySpec
from tltk.analyses.sample import Context
from tltk.data import rows
from tltk.errors import TltkError, UnknownName, WeightsMissing
from tltk.jobs.checking import check
from tltk.nn.cut import Cut
from tltk.nn.flops import layer_flops
from tltk.nn.net import Net
from tltk.nn.rows import RowBackbone
from tltk.nn.taps import Taps
from tltk.runs.run import Run
from tltk.specs.mlps import parse_mlp
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.training.compose import Trained, build_network, divide, train
from tltk.weights import load as weights

MLP = "mlp?layers=3&width=16"
HERE = DataSpec("transactions:missing=0.2", n=120, size=16)
THERE = DataSpec("transactions:columns=1,prices=1", n=120, size=16)
OPTIM = OptimSpec(epochs=2, batch_size=16, device="cpu")


def trained_on(target: DataSpec = HERE, boundary: int = 0, **parts: Any) -> Trained:
    return train(
        TransferSpec(target=target, net=parts.pop("net", NetSpec(MLP, boundary=boundary)), optim=OPTIM, **parts)
    )


def kept(found: Trained) -> Run:
    """The run of a training, with its weights, as a worker leaves it."""
    run = Run.create(found.spec)
    weights.save(found.net, found.spec.net, run.path / "model.safetensors", classes=json.dumps(found.result.classes))
    run.write_status(state="done")
    return run


def body(net: Net) -> RowBackbone:
    assert isinstance(net.backbone, RowBackbone)
    return net.backbone


def seen(net: Net, spec: DataSpec) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised columns and logits of all rows of a domain."""
    found = data.load(spec)
    x = net.normalise(torch.from_numpy(found.images[:]).float() / 255)
    with torch.no_grad():
        return body(net).columns(x), net.eval()(x)[1]


# -- standardisation -----------------------------------------------------------------------------------------


def test_columns_are_standardised_by_the_training_part() -> None:
    spec = TransferSpec(target=HERE, net=NetSpec(MLP))
    parts = divide(spec)
    net, _ = build_network(spec, parts.domain, parts)
    x = seen(net, HERE)[0].double().numpy()
    names = list(parts.domain.columns)
    values = rows.decode(parts.domain.images)[1][:, : len(names)].astype(np.float64)
    part = values[parts.split.train]
    wanted = (values - np.nanmean(part, 0)) / np.nanstd(part, 0)
    assert np.allclose(x[:, : len(names)], np.nan_to_num(wanted), atol=1e-4) and not x[:, len(names) :].any()
    lost = np.isnan(values[:, names.index("account age")])
    assert lost.any() and (x[lost, names.index("account age")] == 0).all(), "missing is the mean"


def test_rows_that_test_or_validate_do_not_move_it(tmp_path: Path) -> None:
    """Two tables that are alike in their training part, and wildly unlike in the other parts."""

    def table(name: str, factor: float) -> str:
        told = [("train", "val", "test")[max(i % 5 - 2, 0)] for i in range(100)]
        lines = [
            [i * (1 if part == "train" else factor), "w" if part == "train" else name, part, i % 2]
            for i, part in enumerate(told)
        ]
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([["x", "word", "split", "label"], *lines])
        return f"table:{tmp_path / name}"

    columns = []
    for name, factor in (("a.csv", 1.0), ("b.csv", -1e6)):
        for shots in (0, 3):
            spec = TransferSpec(target=DataSpec(table(name, factor), size=8, shots=shots), net=NetSpec(MLP))
            parts = divide(spec)
            columns.append(body(build_network(spec, parts.domain, parts)[0]).columns)
    first = columns[0]
    for other in columns[1:]:
        assert first.mean[0] == other.mean[0] and first.scale[0] == other.scale[0] > 0
    train_part = np.array([i for i in range(100) if i % 5 < 3])
    assert float(first.mean[0]) == pytest.approx(train_part.mean()) and float(first.scale[0]) == pytest.approx(
        train_part.std()
    )
    assert columns[-1].scale[1:].sum() == 0, "a word that only other parts have counts as nothing"


@pytest.mark.parametrize("weights", ["scratch", "run"])
def test_classical_learners_see_features_that_rows_to_test_do_not_move(tmp_path: Path, weights: str) -> None:
    """The same training rows under two tables whose test rows are wildly unlike."""
    name = f"run:{kept(trained_on()).id}" if weights == "run" else weights
    found = []
    for factor in (1.0, 1e5):
        draw = np.random.default_rng(0)
        path = tmp_path / f"{factor:g}.csv"
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["amount", "split", "label"])
            for i in range(120):
                part = ("train", "train", "val", "test")[i // 2 % 4]
                table.writerow([draw.normal() * (factor if part == "test" else 1.0), part, i % 2])
        spec = ClassifySpec(target=DataSpec(f"table:{path}", size=16), net=NetSpec(MLP, name), seeds=1)
        found.append(gather(spec, Context(data.load, FeatureBank(disk=0), Callbacks())))
    assert np.array_equal(found[0].draws[0].x, found[1].draws[0].x) and found[0].draws[0].x.any()
    assert not np.array_equal(found[0].test, found[1].test)


def test_few_shots_and_seeds_share_one_network() -> None:
    few = dataclasses.replace(HERE, shots=2)
    marks = set()
    for seed in (0, 1):
        spec = TransferSpec(target=few, net=NetSpec(MLP), seed=seed)
        parts = divide(spec)
        marks.add(repr(body(build_network(spec, parts.domain, parts)[0]).columns))
    assert len(marks) == 1


def test_of_a_source_s_labels_the_source_tells() -> None:
    found = trained_on(THERE, source=HERE, labels="source")
    columns, names = body(found.net).columns, data.load(THERE).columns
    here = data.load(HERE)
    amount = rows.decode(here.images)[1][:, 0]
    assert abs(float(columns.mean[0]) - amount.mean()) < 0.3 * amount.std(), (
        "not the target's, which are e times dearer"
    )
    assert float(columns.scale[names.index("basket size")]) == 0, "nothing was learned of what only the target has"


# -- names ---------------------------------------------------------------------------------------------------


def test_a_network_reads_any_table_by_the_names_of_its_columns() -> None:
    net = weights.build_net(
        NetSpec(MLP), 2, 8, 1, 0, rows.Columns(("a", "b"), np.array([1.0, 2.0]), np.array([2.0, 1.0]), np.zeros(2))
    )
    plain = rows.encode(["a", "b"], np.array([[3.0, 5.0], [1.0, np.nan]]), 8, "")
    turned = rows.encode(["c", "B ", "a"], np.array([[9.0, 5.0, 3.0], [9.0, np.nan, 1.0]]), 12, "")
    x, other = (body(net).columns(torch.from_numpy(r).float()) for r in (plain, turned))
    assert x[:, :2].tolist() == [[1.0, 3.0], [0.0, 0.0]] and torch.equal(x, other)
    wide = rows.encode(["a", "b"], np.array([[3.0, 5.0], [1.0, np.nan]]), 12, "")
    both = body(net).columns(torch.from_numpy(np.concatenate([wide, turned])).float())
    assert torch.equal(both, torch.cat([x, x])), "rows of two tables in one batch"


@pytest.mark.parametrize("boundary", range(4))
def test_the_halves_are_the_whole_at_every_boundary(boundary: int) -> None:
    net = trained_on().net.eval()
    found = data.load(HERE)
    x = torch.from_numpy(found.images[:40]).float()
    cut = Cut(net, boundary)
    with torch.no_grad():
        assert torch.allclose(cut.suffix(cut.prefix(x))[1], net(x)[1], atol=1e-6)
    assert net.names == ("layers.0", "layers.1", "layers.2", "head")
    if boundary:
        assert cut.numbers == 16
    taps = Taps(net).prefix(x)
    assert [t.shape for t in taps] == [(40, 16)] * 4 and (taps[0] >= 0).all()


def test_costs_are_counted() -> None:
    assert layer_flops(MLP, 16, 1) == (2 * 16 * 16,) * 3


# -- training ------------------------------------------------------------------------------------------------

PARTS: dict[str, dict[str, Any]] = {
    "frozen": {"boundary": 2},
    "the head alone": {"boundary": 3},
    "lora": {"boundary": 1, "adapter": AdapterSpec("lora")},
    "gradual": {"strategy": StrategySpec("gradual_unfreezing")},
    "l2_sp": {"terms": (TermSpec("l2_sp"),)},
    "coral": {"source": THERE, "terms": (TermSpec("coral"),), "labels": "source"},
    "dann": {"source": THERE, "terms": (TermSpec("dann"),), "labels": "source"},
}


@pytest.mark.parametrize("what", PARTS)
def test_techniques_train_rows(what: str) -> None:
    found = trained_on(**PARTS[what])
    assert found.result.frozen_moved == 0 and np.isfinite(found.result.accuracy or np.nan)
    fresh, now = build_network(found.spec, data.load(HERE))[0].state_dict(), found.net.state_dict()
    boundary = PARTS[what].get("boundary", 0)
    for name, layer in found.net.layer_of.items():
        if name in fresh and layer < boundary:
            assert torch.equal(now[name], fresh[name])
    assert any(not torch.equal(now[n], fresh[n]) for n in fresh if n in now)


def test_caching_changes_no_curve() -> None:
    both = [
        trained_on(net=NetSpec(MLP, boundary=1)),
        train(TransferSpec(target=HERE, net=NetSpec(MLP, boundary=1), optim=dataclasses.replace(OPTIM, cache="off"))),
    ]
    losses = [[r.value for r in t.rows if r.name == "loss" and r.split == "val"] for t in both]
    assert len(losses[0]) == 2 and np.allclose(losses[0], losses[1], atol=1e-5)


# -- weights -------------------------------------------------------------------------------------------------


def test_a_run_s_weights_are_carried_to_another_table_by_name() -> None:
    source = trained_on()
    run = kept(source)
    spec = TransferSpec(target=THERE, net=NetSpec(MLP, f"run:{run.id}"))
    net, _ = build_network(spec, data.load(THERE))
    mine, theirs = data.load(THERE).columns, data.load(HERE).columns
    new, old = body(net), body(source.net)
    for j, name in enumerate(mine):
        if name in theirs:
            i = theirs.index(name)
            assert torch.equal(new.first.weight[:, j], old.first.weight[:, i])
            assert new.columns.mean[j] == old.columns.mean[i] and new.columns.scale[j] == old.columns.scale[i]
        else:
            assert not new.first.weight[:, j].any() and new.columns.scale[j] > 0
    for name in ("layers.1.weight", "layers.2.bias", "layers.0.bias"):
        assert torch.equal(new.state_dict()[name], old.state_dict()[name])
    told = net.fitting.sentence if net.fitting else ""
    assert "7 of 9 columns are known" in told
    assert "begin at 0: address match, basket size" in told and "account age is missing" in told
    again = train(dataclasses.replace(spec, optim=OPTIM))
    moved = body(again.net).first.weight[:, mine.index("basket size")]
    assert moved.any(), "what is new is learned"


def test_of_the_same_columns_the_network_begins_as_the_run_ended() -> None:
    source = trained_on()
    net, _ = build_network(
        TransferSpec(target=HERE, net=NetSpec(MLP, f"run:{kept(source).id}", keep_head=True)), data.load(HERE)
    )
    assert torch.allclose(seen(net, HERE)[1], seen(source.net, HERE)[1], atol=1e-6)


def test_rebuilt_from_its_weights_alone_it_answers_the_same() -> None:
    source = trained_on()
    spec = NetSpec(MLP, f"run:{kept(source).id}")
    for size in (16, 12):
        net = weights.build_net(spec, 2, size, 1, 0)
        net.head.load_state_dict(source.net.head.state_dict())
        assert torch.allclose(seen(net, HERE)[1], seen(source.net, HERE)[1], atol=1e-6)
    with pytest.raises(WeightsMissing, match="set the size to 10 or more"):
        weights.build_net(spec, 2, 8, 1, 0)
    with pytest.raises(WeightsMissing, match="must be of the backbone"):
        weights.build_net(dataclasses.replace(spec, backbone="mlp?layers=2"), 2, 16, 1, 0)


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"net": NetSpec("test_vit")},
            "test_vit sees pictures. transactions.* holds rows; take one that reads them, mlp",
        ),
        ({"target": DataSpec("digits")}, "mlp.* reads rows. digits holds pictures; take one of timm's"),
        ({"views": ViewSpec(flip=0.5)}, "are of pictures"),
        ({"views": ViewSpec(word_swap=0.5)}, "leave both at 0"),
        ({"optim": OptimSpec(mixup=0.2)}, "Rows neither grow nor blend"),
        ({"terms": (TermSpec("rotation"),)}, "rotation is made for pictures. .* holds rows"),
        ({"net": NetSpec(MLP, "store:shapes")}, "scratch or those of a run"),
        ({"source": DataSpec("digits"), "terms": (TermSpec("coral"),)}, "all rows. Got"),
        ({"net": NetSpec("mlp?depth=2")}, "dial of mlp"),
        ({"target": dataclasses.replace(HERE, width=64)}, "width"),
    ],
)
def test_what_is_for_others_is_refused_before_it_is_queued(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(TltkError, match=words):
        check(TransferSpec(**{"target": HERE, "net": NetSpec(MLP), **parts}))


def test_dials_of_the_network() -> None:
    assert parse_mlp("mlp").width == 64 and parse_mlp("mlp?layers=1&width=8").layers == 1
    with pytest.raises(UnknownName, match="layers"):
        parse_mlp("mlp?layer=2")
    with pytest.raises(TltkError, match="whole number"):
        parse_mlp("mlp?width=many")

"""Learning without labels: terms teach, the head stays, labels only measure, and the weights serve later runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.engine import Record, domain, interrupted, spec, split, train
from tltk import terms
from tltk.data.domain import Domain
from tltk.errors import BadSpec, TltkError
from tltk.jobs import worker
from tltk.results.training import TrainingResult
from tltk.results.words import accuracy_in_words, outcome_in_words
from tltk.runs import index
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.terms import teachers
from tltk.terms.term import Term
from tltk.training import compose, cost
from tltk.training.check import check_transfer
from tltk.weights import load as weights
from tltk.weights import weightfile

METHODS = {"denoising": "layer_by_layer", "masked_patches": "fine_tune", "rotation": "fine_tune", "simclr": "fine_tune"}


def unlabelled(method: str = "rotation", backbone: str = "test_resnet", **optim: Any) -> TransferSpec:
    base = spec(backbone, strategy=METHODS[method], **{"epochs": 6, **optim})
    return dataclasses.replace(base, terms=(TermSpec(method),), labels="none")


def relabelled(d: Domain) -> Domain:
    return dataclasses.replace(d, labels=(d.labels + 1) % len(d.classes))


def test_every_term_that_teaches_is_tested_here() -> None:
    assert sorted(METHODS) == sorted(name for name in teachers() if name in terms.terms.names_of())


@pytest.mark.parametrize("method", METHODS)
def test_it_is_taught_without_a_label(method: str) -> None:
    """Labels move no weight and choose no epoch; the head keeps its first values; no accuracy is told."""
    run, other = train(unlabelled(method)), train(unlabelled(method), relabelled(domain()))
    mine, theirs = run.net.state_dict(), other.net.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    layers = {run.net.layer_of[n] for n in mine if n in run.net.layer_of and not torch.equal(mine[n], run.first[n])}
    assert layers == set(range(run.net.depth)), "all layers of the backbone learn, and the head does not"
    result = run.result
    assert result.accuracy is result.macro_f1 is result.val_accuracy is result.tested_val_accuracy is None
    assert (result.predictions, result.labels, result.accuracy_lo) == ([], [], None)
    assert "accuracy" not in {r.name for r in run.rows}
    assert (result.frozen_moved, result.best_epoch) == (0, other.result.best_epoch)
    taught = result.self_taught
    assert taught is not None and result.loss == taught.test[f"term.{method}"]
    train_curve, val_curve = (run.curve(f"term.{method}", part) for part in ("train", "val"))
    assert len(val_curve) == 6 and np.isfinite([*train_curve, *val_curve]).all()
    assert run.curve("loss", "val") == pytest.approx(val_curve), "of one term, its own loss is the loss"
    assert {p.name for p in taught.probes} == {"knn", "ridge"}
    for probe in taught.probes:
        assert run.curve(probe.name, "probe") == [probe.before, probe.after]
        assert probe.after_lo <= probe.after <= probe.after_hi
    assert "no accuracy" in outcome_in_words(result) and "Labels, used to measure alone" in outcome_in_words(result)
    assert accuracy_in_words(result) == "none, since no labels were learned from"


def test_what_it_learns_without_labels_tells_classes() -> None:
    """The bright corner of a turned picture tells its turn, and unturned it tells the class."""
    run = train(unlabelled("rotation", "test_vit", epochs=30), domain(96), parts=split(domain(96), 48))
    assert run.result.self_taught is not None
    (knn,) = (p for p in run.result.self_taught.probes if p.name == "knn")
    # Of 24 test pictures; processors round otherwise, and end at 21 or at 24 of them, from 15 before.
    assert knn.after > knn.before + 0.15 and run.result.self_taught.test["term.rotation.accuracy"] > 0.7


@pytest.mark.parametrize("method", METHODS)
def test_it_goes_on_where_it_was_stopped(method: str, tmp_path: Path) -> None:
    whole = train(unlabelled(method))
    again = interrupted(unlabelled(method), tmp_path / "checkpoint", after=3)
    a, b = whole.net.state_dict(), again.net.state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert again.values() == whole.values()
    assert again.result.self_taught == whole.result.self_taught


def test_layer_by_layer_each_layer_learns_in_its_own_epochs() -> None:
    run = train(unlabelled("denoising", epochs=5))
    moved = [[r.value for r in run.rows if (r.name, r.layer) == ("change", layer)] for layer in range(run.net.depth)]
    for layer, distances in enumerate(moved):
        assert all(v == 0 for v in distances[:layer]) and distances[layer] > 0
        assert len(set(distances[layer:])) == 1, "done, it stays as it is"
    assert [p.lr_scale[-1] for p in run.training.phases] == [0.0] * run.net.depth, "the head learns in none"
    assert run.result.best_epoch == 5, "of the last phase: losses of two layers are not compared"


def test_with_patience_the_best_epoch_by_the_term_s_own_loss_is_kept() -> None:
    run = train(unlabelled("masked_patches", epochs=12, lr=3e-2, patience=3))
    curve = run.curve("loss", "val")
    assert run.result.best_epoch == 1 + int(np.argmin(curve)) and len(curve) == run.result.epochs
    assert run.result.self_taught is not None
    assert run.result.self_taught.val["term.masked_patches"] == pytest.approx(min(curve), rel=1e-5), "it is kept whole"


def test_below_the_boundary_nothing_moves() -> None:
    base = unlabelled("simclr")
    run = train(dataclasses.replace(base, net=dataclasses.replace(base.net, boundary=2)))
    assert run.result.frozen_moved == 0 and not run.result.cached
    after = run.net.state_dict()
    for name, layer in run.net.layer_of.items():
        if layer < 2:
            assert torch.equal(after[name], run.first[name])


# -- beside labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_beside_labels_running_statistics_are_not_told_of_altered_pictures(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights that stand still, they are those of a training without the term."""
    still: dict[str, Any] = {"epochs": 2, "lr": 1e-7, "weight_decay": 0.0}

    def statistics(run: Record) -> list[torch.Tensor]:
        return [t for n, t in run.net.state_dict().items() if "running_" in n]

    plain = train(spec("test_resnet", **still))
    beside = train(dataclasses.replace(spec("test_resnet", **still), terms=(TermSpec(method),)))
    found = list(zip(statistics(plain), statistics(beside), strict=True))
    assert found and all(torch.allclose(a, b, atol=1e-4) for a, b in found)
    assert beside.result.accuracy is not None and beside.result.self_taught is None


def test_it_sees_the_target_where_the_source_s_labels_are_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose.add_source, "__defaults__", (lambda _: domain(60, seed=3),))
    source = DataSpec("rendered_digits", n=40, size=32)
    asked = dataclasses.replace(spec(epochs=1), source=source, labels="source", terms=(TermSpec("rotation"),))

    def weights_of(d: Domain) -> dict[str, torch.Tensor]:
        return compose.train(asked, domain=d, split=split(domain())).net.state_dict()

    mine, other = weights_of(domain()), weights_of(relabelled(domain()))
    darker = weights_of(dataclasses.replace(domain(), images=domain().images // 2))
    assert all(torch.equal(mine[name], other[name]) for name in mine), "its labels are not looked at"
    assert any(not torch.equal(mine[name], darker[name]) for name in mine), "its pictures are"


# -- what is refused -------------------------------------------------------------------------------------

SOURCE = DataSpec("rendered_digits", n=40, size=32)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"terms": ()}, "there is no term; name denoising or masked_patches or rotation or simclr"),
        ({"terms": (TermSpec("l2_sp"),)}, "none of l2_sp does"),
        ({"terms": (TermSpec("rotation", {"weight": 0.0}),)}, "none of rotation does"),
        ({"terms": (TermSpec("rotation"), TermSpec("coral"))}, "coral needs a batch of both domains"),
        ({"terms": (TermSpec("rotation"), TermSpec("lwf"))}, "lwf needs"),
        ({"source": SOURCE}, "leave --source out"),
        ({"target": DataSpec(shots=5)}, "leave shots at 0"),
        ({"optim": OptimSpec(mixup=0.2)}, "set both to 0"),
        ({"optim": OptimSpec(label_smoothing=0.1)}, "set both to 0"),
        ({"terms": (TermSpec("simclr"),), "optim": OptimSpec(batch_size=1)}, "take 2 or more"),
    ],
)
def test_what_has_no_meaning_without_labels_is_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(BadSpec, match=match):
        check_transfer(dataclasses.replace(unlabelled(), **changes))


@pytest.mark.parametrize("strategy", ["feature_extraction", "lp_ft", "gradual_unfreezing", "chain_thaw"])
def test_a_phase_of_the_head_alone_teaches_nothing(strategy: str) -> None:
    with pytest.raises(BadSpec, match="trains the head alone"):
        train(dataclasses.replace(unlabelled(), strategy=StrategySpec(strategy)))


def test_patience_does_not_compare_the_losses_of_two_phases() -> None:
    with pytest.raises(BadSpec, match=r"Patience.*layer_by_layer has 5"):
        train(unlabelled("denoising", patience=2))


# -- what it costs ---------------------------------------------------------------------------------------


def test_the_head_costs_nothing_and_each_altered_picture_a_pass() -> None:
    def passes(labels: str, *names: str) -> int:
        return cost.n_passes([TermSpec(name) for name in names], labels, False)

    assert passes("none", "rotation") == 4 and passes("none", "simclr") == 2
    assert passes("target", "rotation") == 5 and passes("target") == 1
    assert passes("none", "simclr", "l2_sp") == 3, "the pictures as they are pass for a term that does not teach"
    assert not cost.caches_features(unlabelled())


# -- the weights afterwards ------------------------------------------------------------------------------


@pytest.fixture
def taught() -> Run:
    """A finished run without labels."""
    run = Run.create(
        TransferSpec(
            DataSpec("digits", n=120, size=32),
            NetSpec("test_resnet"),
            optim=OptimSpec(epochs=2, device="cpu", snapshots=1),
            terms=(TermSpec("rotation"),),
            labels="none",
        )
    )
    worker.execute(run)
    assert run.status.state == "done", run.status.message
    return run


def test_its_weights_are_a_backbone_and_no_classifier(taught: Run) -> None:
    result = taught.read(TrainingResult)
    assert result is not None and result.self_taught is not None and result.accuracy is None
    assert index.accuracy(taught.result()) is None
    for where in (f"run:{taught.id}", f"run:{taught.id}@1"):
        used = NetSpec("test_resnet", weights=where)
        assert weights.source_classifier(used) is None
        net, new = (weights.build_net(one, 10, 32, 1, 0) for one in (used, NetSpec("test_resnet")))
        first = new.state_dict()
        moved = {net.layer_of[n] for n, t in net.state_dict().items() if n in net.layer_of and not t.equal(first[n])}
        assert moved == set(range(net.depth)), "the backbone is the run's, the head is new"
    assert list(weightfile.export_files((taught.path / "model.safetensors").read_bytes())) == ["model.safetensors"]
    base = TransferSpec(
        DataSpec("digits", n=120, size=32),
        NetSpec("test_resnet", weights=f"run:{taught.id}"),
        optim=OptimSpec(epochs=1, device="cpu"),
    )
    with pytest.raises(BadSpec, match="has none; take the weights of a run"):
        compose.train(dataclasses.replace(base, terms=(TermSpec("lwf"),)))
    with pytest.raises(TltkError, match="came with no classifier"):
        compose.train(dataclasses.replace(base, source=DataSpec("digits", n=400)))
    again = compose.train(base)
    assert again.result.accuracy is not None, "it is transferred like any other"


def test_a_term_of_another_package_can_teach_too() -> None:
    """What it takes is the class attribute and the pictures."""
    assert not Term.teaches and all(terms.terms[name].needs == ("pictures",) for name in METHODS)

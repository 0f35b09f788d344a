"""Classes of unlike size: what is drawn, what is minimised, what chooses, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.engine import domain, interrupted, spec, train, training
from tltk.data.domain import Domain, Split
from tltk.errors import BadSpec
from tltk.specs.parts import DataSpec, OptimSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.studies.arms import scores_of
from tltk.tasks import Classification
from tltk.training.batches import epoch_batches
from tltk.training.heads import batch_key
from tltk.verdicts.metrics import balanced_accuracy, confusion, macro_f1

LABELS = torch.tensor([0] * 80 + [1] * 15 + [2] * 5)


def uneven(seed: int = 0) -> tuple[Domain, Split]:
    """Of three classes 40, 8 and 4 training pictures, 8 of each to choose and to test by."""
    d = domain(200, seed=seed)
    by_class = [np.flatnonzero(d.labels == c) for c in range(3)]
    train_ = np.sort(np.concatenate([own[:n] for own, n in zip(by_class, (40, 8, 4), strict=True)]))
    val = np.sort(np.concatenate([own[40:48] for own in by_class]))
    test = np.sort(np.concatenate([own[48:56] for own in by_class]))
    return d, Split(train_, val, test)


# -- sampling ----------------------------------------------------------------------------------------------


def test_balanced_sampling_draws_every_class_as_often() -> None:
    found = torch.cat(epoch_batches(100, 30_000, 64, torch.Generator().manual_seed(0), LABELS))
    shares = LABELS[found].bincount() / len(found)
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.01)
    of_first = found[LABELS[found] == 0].bincount(minlength=80)[:80]
    assert of_first.min() > 60 and of_first.max() < 200  # 125 of each picture of the class, on average


def test_it_has_as_many_batches_as_an_epoch_of_each_picture_once() -> None:
    draw = torch.Generator().manual_seed(0)
    own, plain = epoch_batches(100, 0, 32, draw, LABELS), epoch_batches(100, 0, 32, draw)
    assert [len(b) for b in own] == [len(b) for b in plain]


def test_a_training_learns_from_classes_as_often() -> None:
    d, parts = uneven()
    seen: list[int] = []

    class Recorded(Classification):
        def example_scores(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            seen.extend(targets.tolist())
            return super().example_scores(outputs, targets)

    made = training(spec(sampling="balanced", epochs=6, epoch_images=400), d, parts=parts)
    made.task = Recorded(3)
    made.run()
    assert np.bincount(seen) / len(seen) == pytest.approx([1 / 3] * 3, abs=0.03)


# -- what is learned ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {"class_weights": "balanced"},
        {"class_weights": "effective"},
        {"logit_adjustment": 1.0},
        {"sampling": "balanced"},
    ],
    ids=str,
)
def test_rare_classes_are_found_more_often(asked: dict[str, Any]) -> None:
    """A linear head on features of a few steps: rare classes are named more often than by plain cross-entropy."""
    d, parts = uneven()
    wanted = spec(strategy="feature_extraction", epochs=4, lr=3e-3)
    plain, own = (
        train(one, d, parts=parts).result
        for one in (wanted, dataclasses.replace(wanted, optim=dataclasses.replace(wanted.optim, **asked)))
    )
    rare = [sum(p != 0 for p in found.predictions) for found in (plain, own)]
    assert rare[1] > rare[0]


@pytest.mark.parametrize("asked", [{"focal": 2.0}, {"class_weights": "effective"}, {"sampling": "balanced"}], ids=str)
def test_a_stopped_training_goes_on_to_the_same_end(asked: dict[str, Any], tmp_path: Path) -> None:
    wanted = spec(**asked)
    whole = train(wanted)
    again = interrupted(wanted, tmp_path, after=1)
    assert again.result.predictions == whole.result.predictions
    assert again.result.loss == whole.result.loss


def test_heads_of_trainings_that_weigh_classes_are_trained_one_by_one() -> None:
    plain = TransferSpec(strategy=spec(strategy="feature_extraction").strategy)
    plain = dataclasses.replace(plain, net=dataclasses.replace(plain.net, weights="store:resnet10t_formulas"))
    assert batch_key(plain) is not None
    assert batch_key(dataclasses.replace(plain, optim=OptimSpec(class_weights="balanced"))) is None
    assert batch_key(dataclasses.replace(plain, optim=OptimSpec(focal=2.0, metric="macro_f1"))) is not None


# -- what chooses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1"])
def test_the_metric_picks_the_epoch_and_is_what_studies_weigh(metric: str) -> None:
    d, parts = uneven()
    found = train(spec(metric=metric, epochs=6, patience=6), d, parts=parts)
    curve, accuracy = found.curve(metric, "val"), found.curve("accuracy", "val")
    best = found.result.best_epoch - 1
    assert curve[best] == max(curve) == found.result.val_score == found.result.tested_scores[0]
    assert found.result.val_accuracy == accuracy[best]
    table = confusion(np.array(found.result.predictions), np.array(found.result.labels), 3)
    figure = balanced_accuracy if metric == "balanced_accuracy" else macro_f1
    assert found.result.score == pytest.approx(float(figure(table)))
    assert found.result.metric == metric
    assert any("studies weigh" in caution for caution in found.result.cautions)
    scores = scores_of([found.result])
    assert scores.mean() == pytest.approx(found.result.score, abs=0.05) and not set(scores[0]) <= {0.0, 1.0}


def test_of_two_classes_the_area_under_the_curve_chooses() -> None:
    d = domain(120, classes=2)
    parts = Split(np.arange(60), np.arange(60, 90), np.arange(90, 120))
    found = train(spec(metric="auc", epochs=3), d, parts=parts).result
    assert len(found.margins) == len(found.labels)
    assert [int(m > 0) for m in found.margins] == found.predictions
    from sklearn.metrics import roc_auc_score

    assert found.score == pytest.approx(roc_auc_score(found.labels, found.margins))
    assert scores_of([found]).mean() == pytest.approx(found.score, abs=1e-9)


def test_of_three_classes_it_is_refused_by_a_sentence() -> None:
    with pytest.raises(BadSpec, match="two classes.*balanced_accuracy"):
        train(spec(metric="auc"))


def test_without_another_metric_nothing_changes() -> None:
    found = train(spec()).result
    assert found.metric == "accuracy" and found.score == found.accuracy and found.val_score == found.val_accuracy
    assert not any("studies weigh" in caution for caution in found.cautions)


# -- what is refused ---------------------------------------------------------------------------------------


def test_without_labels_of_the_target_another_metric_is_refused() -> None:
    asked = TransferSpec(source=DataSpec("mnist_like"), labels="source", optim=OptimSpec(metric="macro_f1"))
    with pytest.raises(BadSpec, match="tltk evaluate"):
        asked.check()


def test_without_any_labels_classes_are_not_weighed() -> None:
    with pytest.raises(BadSpec, match="labels is 'none'"):
        TransferSpec(labels="none", optim=OptimSpec(class_weights="balanced")).check()


def test_a_spec_of_before_has_the_id_that_it_had() -> None:
    assert "class_weights" not in TransferSpec().to_json()
    assert read_spec(TransferSpec().to_json()).run_id == TransferSpec().run_id
    assert "class_weights" in TransferSpec(optim=OptimSpec(class_weights="balanced")).to_json()

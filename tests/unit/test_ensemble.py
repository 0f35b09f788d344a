"""Ensembles of trainings on several sources: weights by the validation pictures alone, and what they are worth."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.special import log_softmax, softmax

from tltk.analyses.ensemble.analysis import ensemble
from tltk.analyses.ensemble.spec import EnsembleSpec
from tltk.analyses.ensemble.table import lines
from tltk.analyses.sample import Context
from tltk.data import load
from tltk.data.domain import Domain
from tltk.errors import BadSpec, WeightsMissing
from tltk.jobs import executor
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.weights import store
from tltk.weights.load import build_net

TARGET = DataSpec("digits", n=300, size=16)
SOURCE = DataSpec("rendered_digits", n=300, size=16)
OPTIM = OptimSpec(epochs=2, lr=3e-3, batch_size=32, device="cpu")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """One trained on the target, one of another network on a source; and one that has learned next to nothing."""
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Inline")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    asked = [
        TransferSpec(TARGET, NetSpec("test_resnet"), optim=dataclasses.replace(OPTIM, epochs=6)),
        TransferSpec(SOURCE, NetSpec("test_efficientnet"), optim=OPTIM),
        TransferSpec(SOURCE, NetSpec("test_resnet"), optim=dataclasses.replace(OPTIM, lr=1e-6)),
    ]
    return [executor().submit(one) for one in asked]


def context(domain: Domain | None = None) -> Context:
    def find(spec: DataSpec) -> Domain:
        return domain if domain is not None and spec == TARGET else load(spec)

    return Context(find, FeatureBank(), Callbacks())


def told(run: Run, domain: Domain, index: Any) -> Any:
    """The logits of a run's network for these pictures, in float64."""
    spec = run.spec
    assert isinstance(spec, TransferSpec)
    net = build_net(spec.net, 10, 16, domain.images.shape[1], spec.seed).eval()
    net.load_state_dict(load_file(store.run_weights(run.id)[1]))
    x = net.normalise(torch.from_numpy(domain.images[index]).float() / 255)
    with torch.no_grad():
        return net(x.contiguous(memory_format=torch.channels_last))[1].double().numpy()


def test_members_weights_and_averages_are_those_of_the_equations(runs: list[Run]) -> None:
    found = ensemble(EnsembleSpec(TARGET, tuple(run.id for run in runs), temperature=0.5), context())
    domain = load(TARGET)
    split = domain.split(TARGET, 0)
    y_val, y_test = domain.labels[split.val], domain.labels[split.test]
    said = {run.id: [told(run, domain, index) for index in (split.val, split.test)] for run in runs}
    order = [one.run for one in found.members]
    vals = [one.val for one in found.members]
    assert vals == sorted(vals, reverse=True)
    for one in found.members:
        z_val, z_test = said[one.run]
        assert one.val == (z_val.argmax(1) == y_val).mean() and one.accuracy == (z_test.argmax(1) == y_test).mean()
        likelihood = log_softmax(z_val, 1)[np.arange(len(y_val)), y_val].mean()
        assert one.scores["likelihood"] == pytest.approx(likelihood, rel=1e-5)
        theta = softmax(z_val, 1)
        joint = np.array([[theta[y_val == y, z].sum() for z in range(10)] for y in range(10)])
        each = [np.log(joint[y] / joint.sum(0) @ p) for y, p in zip(y_val, theta, strict=True)]
        assert one.scores["leep"] == pytest.approx(np.mean(each), rel=1e-5)
    rows = {row.name: row for row in found.mixtures}
    assert list(rows) == ["uniform", "likelihood", "leep", "logme", "best"]
    for name in ("likelihood", "leep", "logme"):
        weights = [one.weights[name] for one in found.members]
        np.testing.assert_allclose(weights, softmax(np.array([m.scores[name] for m in found.members]) / 0.5), rtol=1e-9)
        for part, y, shown in ((0, y_val, rows[name].val), (1, y_test, rows[name].accuracy)):
            p = sum(w * softmax(said[run][part], 1) for w, run in zip(weights, order, strict=True))
            assert shown == (p.argmax(1) == y).mean()
    plain = np.mean([softmax(said[run][1], 1) for run in order], 0)
    assert rows["uniform"].accuracy == (plain.argmax(1) == y_test).mean() and rows["uniform"].gap == 0
    for row in found.mixtures:
        assert row.gap == pytest.approx(row.accuracy - rows["uniform"].accuracy) and row.lo <= row.gap <= row.hi
    assert rows["best"].accuracy == found.members[0].accuracy
    text = "\n".join(lines(found))
    assert found.sentence in text and "weight by logme" in text and "rendered_digits" in text
    assert all(run.id in text for run in runs)


def test_the_test_s_labels_make_no_weight(runs: list[Run]) -> None:
    """Changed on the test pictures alone, they change accuracies and no score or weight."""
    domain = load(TARGET)
    split = domain.split(TARGET, 0)
    given = np.zeros(len(domain.labels), np.int8)
    given[split.val], given[split.test] = 1, 2
    fixed = dataclasses.replace(domain, given=given)
    labels = domain.labels.copy()
    labels[split.test] = (labels[split.test] + 1) % 10
    asked = EnsembleSpec(TARGET, tuple(run.id for run in runs))
    one, other = (ensemble(asked, context(d)) for d in (fixed, dataclasses.replace(fixed, labels=labels)))
    assert [m.weights for m in one.members] == [m.weights for m in other.members]
    assert [m.scores for m in one.members] == [m.scores for m in other.members]
    assert [m.accuracy for m in one.members] != [m.accuracy for m in other.members]


def test_a_low_temperature_leaves_the_best_alone_and_a_high_one_the_plain_mean(runs: list[Run]) -> None:
    names = tuple(run.id for run in runs)
    cold, hot = (ensemble(EnsembleSpec(TARGET, names, temperature=t), context()) for t in (1e-6, 1e3))
    for name in ("likelihood", "leep", "logme"):
        best = max(cold.members, key=lambda one: one.scores[name])
        assert best.weights[name] == pytest.approx(1)
        assert all(one.weights[name] == pytest.approx(1 / 3, abs=1e-2) for one in hot.members)
    assert max(cold.members, key=lambda one: one.weights["likelihood"]).run == runs[0].id
    plain = next(row for row in hot.mixtures if row.name == "uniform")
    assert next(row for row in hot.mixtures if row.name == "leep").accuracy == plain.accuracy


def test_what_a_member_has_seen_of_the_held_out_pictures_is_said(runs: list[Run]) -> None:
    names = tuple(run.id for run in runs)
    assert not any(one.seen for one in ensemble(EnsembleSpec(TARGET, names), context()).members)
    elsewhere = ensemble(EnsembleSpec(dataclasses.replace(TARGET, seed=5), names), context())
    seen = {one.run: one.seen for one in elsewhere.members}
    assert seen[runs[0].id] > 0 and seen[runs[1].id] == seen[runs[2].id] == 0
    assert any(f"Run {runs[0].id} learned from {seen[runs[0].id]}" in remark for remark in elsewhere.remarks)


def test_what_does_not_belong_together_is_refused(runs: list[Run]) -> None:
    for names in ((), ("a",), ("a", "a")):
        with pytest.raises(BadSpec, match="two finished trainings"):
            EnsembleSpec(TARGET, names).check()
    pair = (runs[0].id, runs[1].id)
    with pytest.raises(BadSpec, match="target's size, 32 px"):
        ensemble(EnsembleSpec(dataclasses.replace(TARGET, size=32), pair), context())
    with pytest.raises(BadSpec, match="must know the target's classes by name"):
        ensemble(EnsembleSpec(DataSpec("shapes", n=60, size=16), pair), context())
    waiting = Run.create(TransferSpec(TARGET, NetSpec("test_resnet"), seed=77))
    with pytest.raises(WeightsMissing, match="must have finished"):
        ensemble(EnsembleSpec(TARGET, (runs[0].id, waiting.id)), context())

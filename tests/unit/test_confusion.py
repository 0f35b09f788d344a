"""Counts and pictures of what trainings answer, recomputed from the networks themselves; neighbours by scikit-learn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix
from sklearn.neighbors import NearestNeighbors

from tests.support.finished import CLASSES, finished
from tltk.analyses.confusion.analysis import choose, confusion
from tltk.analyses.confusion.spec import ConfusionSpec
from tltk.analyses.confusion.table import lines
from tltk.analyses.neighbours.analysis import neighbours
from tltk.analyses.neighbours.spec import NeighboursSpec
from tltk.analyses.neighbours.table import lines as neighbour_lines
from tltk.analyses.sample import Context, Sample, features
from tltk.analyses.trained import open_training
from tltk.data import load
from tltk.errors import BadSpec, DataProblem
from tltk.nn.net import Net
from tltk.results.rows import ACROSS
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.weights import load as weights

CONTEXT = Context(load, FeatureBank(), Callbacks())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of two classes that a training of `finished` knows and of one that it does not."""
    for c, name in enumerate(("c", "a cat", "zebra")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(10):
            coarse = np.random.default_rng(100 * c + i).integers(0, 256, (5, 5, 3), np.uint8)
            Image.fromarray(coarse).resize((70, 70)).save(tmp_path / "set" / name / f"{i}.png")
    return tmp_path / "set"


def probabilities(net: Net, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        x = net.normalise(torch.from_numpy(np.ascontiguousarray(images)).float() / 255)
        found: np.ndarray = net(x.contiguous(memory_format=torch.channels_last))[1].double().softmax(1).numpy()
    return found


def test_counts_and_answers_are_those_of_the_networks(folder: Path) -> None:
    (run, net), (other, beside) = finished(), finished(seed=1)
    with torch.no_grad():
        for parameter in beside.head.parameters():
            parameter.mul_(-1)  # of another opinion
    spec = other.spec
    assert isinstance(spec, TransferSpec)
    told = {"data": "digits", "size": "64", "run": other.id, "classes": json.dumps(CLASSES)}
    weights.save(beside, spec.net, other.path / "model.safetensors", **told)
    name = f"folder:{folder}"
    found, sheet = confusion(ConfusionSpec(run.id, name, "all", other.id, each=3), CONTEXT)
    domain = load(DataSpec(name, size=64))
    known = np.flatnonzero(domain.labels != domain.classes.index("zebra"))
    labels = np.array([CLASSES.index(domain.classes[c]) for c in domain.labels[known]])
    p, q = probabilities(net, domain.images[known]), probabilities(beside, domain.images[known])
    mine, theirs = p.argmax(1), q.argmax(1)
    assert found.counts == confusion_matrix(labels, mine, labels=range(3)).tolist()
    assert found.other_counts == confusion_matrix(labels, theirs, labels=range(3)).tolist()
    assert found.lost == ((mine != labels) & (theirs == labels)).sum()
    assert found.gained == ((mine == labels) & (theirs != labels)).sum()
    assert (found.n, found.left_out, found.lost + found.gained > 0) == (20, 10, True)
    place = {int(position): i for i, position in enumerate(known)}
    for one in found.pictures:
        i = place[one.index]
        assert (one.label, one.predicted, one.other) == (labels[i], mine[i], theirs[i])
        assert abs(one.probability - p[i].max()) < 1e-5 and abs((one.other_probability or 0) - q[i].max()) < 1e-5
    assert len({one.index for one in found.pictures}) == len(found.pictures)
    side = sheet.width // ACROSS
    first = np.asarray(sheet.crop((0, 0, side, side)), int)
    shown = Image.fromarray(domain.images[found.pictures[0].index].transpose(1, 2, 0)).resize((side, side))
    assert np.abs(first - np.asarray(shown, int)).mean() < 20, "the sheet is in the order of the pictures"
    text = "\n".join(lines(found))
    assert f"{found.lost:,} are wrong here and right by run {other.id}" in text and "were left out" in text


def test_the_surest_of_each_kind_are_chosen_and_differences_come_first() -> None:
    labels, predicted = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 0, 0])
    sure = np.array([0.6, 0.9, 0.7, 0.8, 0.5, 0.95])
    assert choose(labels, predicted, sure, None, None, 1).tolist() == [2, 5, 1, 3]
    other, other_sure = np.array([1, 0, 0, 1, 1, 0]), np.array([0.9, 0.9, 0.6, 0.5, 0.8, 0.5])
    chosen = choose(labels, predicted, sure, other, other_sure, 1).tolist()
    assert chosen[:3] == [2, 4, 0], "lost by falling confidence of both (0.42, 0.40), then gained"
    assert sorted(chosen) == [0, 1, 2, 3, 4, 5]


def test_other_classes_and_the_same_run_are_refused(folder: Path) -> None:
    run, _ = finished()
    with pytest.raises(BadSpec, match="names the same run"):
        ConfusionSpec(run.id, against=run.id).check()


def test_neighbours_are_those_of_every_layer_s_features(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"folder:{folder}"
    source = f"grey:{name}"
    run, net = finished()
    spec = DataSpec(name, size=64, val=0.2, test=0.2)
    asked = NeighboursSpec(run.id, name, index=3, k=4)
    trained = open_training(run.id)
    learned = replace(trained.spec, target=spec, source=DataSpec(source, size=64))
    changed = replace(trained, spec=learned)
    with monkeypatch.context() as patch:
        patch.setattr("tltk.analyses.neighbours.analysis.open_training", lambda _: changed)
        found, _ = neighbours(asked, CONTEXT)
    assert (found.label, found.source, len(found.layers)) == ("a cat", source, net.depth + 1)
    domain = load(spec)
    train = np.sort(domain.split(spec, changed.spec.seed).train)
    train = train[domain.origins[train] != domain.origins[3]]
    every = Sample(domain, train, torch.from_numpy(domain.labels[train]))
    one = Sample(domain, np.array([3]), torch.from_numpy(domain.labels[[3]]))
    known, mine = features(net, every, CONTEXT, "avg"), features(net, one, CONTEXT, "avg")
    for layer, x, y in zip(found.layers, known, mine, strict=True):
        oracle = NearestNeighbors(n_neighbors=4, metric="cosine").fit(x.double().numpy())
        distance, _ = oracle.kneighbors(y.double().numpy())
        np.testing.assert_allclose([n.distance for n in layer.target], distance[0], atol=1e-5)
        assert len(layer.source) == 4 and layer.nearer is not None and 0 <= layer.nearer <= 1
    tiles = {near.tile for layer in found.layers for near in (*layer.target, *layer.source)}
    assert tiles == set(range(1, len(tiles) + 1))
    assert "a cat" in "\n".join(neighbour_lines(found))
    with pytest.raises(BadSpec, match="index must be below 30"):
        neighbours(NeighboursSpec(run.id, name, index=30), CONTEXT)


def test_neighbours_of_pictures_of_other_channels_are_refused(tmp_path: Path) -> None:
    run, _ = finished()
    x, y = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 5), np.uint8), np.arange(12) % 3
    np.savez(tmp_path / "five.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(DataProblem, match="learned from, 3. .*five.npz has 5; name pictures of the same kind"):
        neighbours(NeighboursSpec(run.id, f"npz:{tmp_path / 'five.npz'}"), CONTEXT)

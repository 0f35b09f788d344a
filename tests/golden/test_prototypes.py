"""Prototypes against Snell et al. (2017), eq. 1–2, and accuracies that are known beforehand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import norm

from tltk.errors import BadSpec
from tltk.probes.prototypes import class_probabilities, nearest_template, prototype_accuracy, prototypes

RNG = np.random.default_rng(8)
SUPPORT, QUERIES = RNG.normal(size=(3, 4, 5)), RNG.normal(size=(7, 5))


def test_prototypes_and_probabilities_are_the_papers() -> None:
    means = [sum(SUPPORT[k, i] for i in range(4)) / 4 for k in range(3)]
    found = prototypes(torch.from_numpy(SUPPORT))
    np.testing.assert_allclose(found.numpy(), means, rtol=1e-12)
    for q, mine in zip(QUERIES, class_probabilities(torch.from_numpy(QUERIES), found), strict=True):
        weights = [math.exp(-sum((a - b) ** 2 for a, b in zip(q, c, strict=True))) for c in means]
        np.testing.assert_allclose(mine.numpy(), np.array(weights) / sum(weights), rtol=1e-10)


def test_cosine_minds_directions_alone() -> None:
    q, c = torch.from_numpy(QUERIES), torch.from_numpy(SUPPORT.mean(1))
    found = class_probabilities(q, c, "cosine")
    torch.testing.assert_close(found, class_probabilities(q * 7, c * torch.tensor([[1.0], [2.0], [30.0]]), "cosine"))
    gaps = 1 - (QUERIES @ c.numpy().T) / np.linalg.norm(QUERIES, axis=1)[:, None] / np.linalg.norm(c.numpy(), axis=1)
    np.testing.assert_allclose(found.numpy(), np.exp(-gaps) / np.exp(-gaps).sum(1, keepdims=True), rtol=1e-10)


@pytest.mark.parametrize(("distance", "metric"), [("euclidean", "sqeuclidean"), ("cosine", "cosine")])
def test_the_nearest_template_is_one_nearest_neighbour(distance: str, metric: str) -> None:
    gaps = cdist(QUERIES, SUPPORT.reshape(12, 5), metric)
    found = nearest_template(torch.from_numpy(QUERIES), torch.from_numpy(SUPPORT), distance)
    np.testing.assert_array_equal(found.numpy(), gaps.argmin(1) // 4)


def test_one_template_a_class_is_its_prototype_and_several_follow_a_class_of_two_heaps() -> None:
    labels = torch.arange(400) % 2
    heap = torch.arange(400) // 2 % 2
    x = torch.stack([labels * (20.0 * heap - 10), torch.zeros(400)], 1).double() + torch.from_numpy(
        RNG.normal(size=(400, 2))
    )
    one, same = (prototype_accuracy(x, labels, ways=2, episodes=30, nearest=by) for by in ("prototype", "template"))
    assert one == same
    mean, templates = (
        prototype_accuracy(x, labels, ways=2, shots=8, episodes=30, nearest=by).accuracy
        for by in ("prototype", "template")
    )
    assert mean < 0.9 and templates > 0.95  # the mean of two heaps lies between them, where the other class is


@pytest.mark.parametrize("shots", [1, 5])
def test_two_gaussians_give_the_accuracy_that_the_integral_says(shots: int) -> None:
    """Classes N(±a, 1): right where the query lies on the side of the midpoint of both prototypes where its own lies.

    q − (c₊ + c₋)/2 and c₊ − c₋ are independent normals: P = Φ(a/√(1 + 1/2K)) Φ(a√2K) + the same with both wrong.
    """
    a, n = 1.0, 20_000
    x = torch.from_numpy(np.concatenate([RNG.normal(a, 1, n), RNG.normal(-a, 1, n)])[:, None])
    labels = torch.arange(2).repeat_interleave(n)
    found = prototype_accuracy(x, labels, ways=2, shots=shots, queries=10, episodes=4000)
    side, order = norm.cdf(a / math.sqrt(1 + 1 / (2 * shots))), norm.cdf(2 * a / math.sqrt(2 / shots))
    expected = side * order + (1 - side) * (1 - order)
    assert found.accuracy == pytest.approx(expected, abs=4 * found.deviation / math.sqrt(4000) + 0.005)
    assert found.hi - found.accuracy == pytest.approx(1.96 * found.deviation / math.sqrt(4000), rel=1e-12)


def test_classes_that_lie_apart_are_all_right_and_equal_ones_are_chance() -> None:
    labels = torch.arange(200) % 10
    apart = 100 * torch.nn.functional.one_hot(labels).double() + torch.from_numpy(RNG.normal(size=(200, 10)))
    found = prototype_accuracy(apart, labels, ways=5, queries=5, episodes=50)
    assert (found.accuracy, found.lo, found.hi, found.worst) == (1, 1, 1, 1)
    noise = torch.from_numpy(RNG.normal(size=(200, 10)))
    found = prototype_accuracy(noise, labels, ways=5, queries=5, episodes=2000)
    assert abs(found.accuracy - 0.2) < 0.02


def test_draws_repeat_by_seed() -> None:
    labels = torch.arange(60) % 6
    x = torch.from_numpy(RNG.normal(size=(60, 3))) + labels[:, None]
    one, again, other = (prototype_accuracy(x, labels, queries=4, episodes=20, seed=s) for s in (1, 1, 2))
    assert one == again != other


@pytest.mark.parametrize(
    ("given", "sentence"),
    [({"ways": 7}, "7 classes must have"), ({"shots": 8}, "5 classes must have 8"), ({"ways": 1}, "at least 2")],
)
def test_what_cannot_be_drawn_is_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSpec, match=sentence):
        prototype_accuracy(torch.eye(60), torch.arange(60) % 6, queries=4, **given)

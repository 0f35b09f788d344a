"""The jackknife by its definition, places by hand, and how seldom equal candidates are told apart, simulated."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import binom, t
from torch import Tensor

from tltk.errors import BadSpec
from tltk.transferability import scores
from tltk.transferability.jackknife import interval, leave_out_groups, rank_ranges, replicates, standard_error


def test_each_picture_is_left_out_once_and_no_class_vanishes() -> None:
    labels = torch.tensor([0] * 41 + [1] * 37 + [2] * 3 + [3] * 2 + [4])
    rows = leave_out_groups(labels, seed=3)
    out = [set(range(84)) - set(r.tolist()) for r in rows]
    assert len(rows) == 10 and all(set(labels[r].tolist()) == {0, 1, 2, 3, 4} for r in rows)
    assert sorted(i for o in out for i in o) == list(range(81))  # the classes of two and one stay whole
    assert max(map(len, out)) - min(map(len, out)) <= 1
    assert [r.tolist() for r in leave_out_groups(labels, seed=3)] == [r.tolist() for r in rows]
    assert [r.tolist() for r in leave_out_groups(labels, seed=4)] != [r.tolist() for r in rows]


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (torch.arange(20) % 10, "There are 20, and 10 of 10 classes have fewer than 3"),
        (torch.arange(18) % 2, "There are 18, and 0 of 2 classes"),
    ],
)
def test_too_few_pictures_are_a_sentence(labels: Tensor, sentence: str) -> None:
    with pytest.raises(BadSpec, match=sentence):
        leave_out_groups(labels)


def test_of_a_mean_it_is_the_usual_standard_error() -> None:
    """Of groups of one picture each, (g − 1)/g Σ (θ_i − θ̄)² is s²/n."""
    x = torch.randn(10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left_out = torch.tensor([float(x[torch.arange(10) != i].mean()) for i in range(10)])
    assert standard_error(left_out.double()) == pytest.approx(float(x.std()) / math.sqrt(10), rel=1e-6)
    lo, hi = interval(float(x.mean()), left_out.double())
    assert hi - lo == pytest.approx(2 * t.ppf(0.975, 9) * float(x.std()) / math.sqrt(10), rel=1e-6)


def test_places_are_those_of_the_pairs_that_are_told_apart() -> None:
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 10)))
    values = [0.0, 10.0, 10.1, 20.0]
    found = [v + n * 0.1 for v, n in zip(values, noise, strict=True)]
    assert rank_ranges(values, found) == [(4, 4), (2, 3), (2, 3), (1, 1)]
    assert rank_ranges(values, [*found[:3], None]) == [(3, 4), (1, 3), (1, 3), (1, 4)]
    assert rank_ranges(values, [None] * 4) == [(1, 4)] * 4
    assert rank_ranges([1.0, 1.0], [found[0]] * 2) == [(1, 2)] * 2 and rank_ranges([1.0], [None]) == [(1, 1)]
    same = torch.zeros(10)
    assert rank_ranges([0.3, 0.7], [same + 0.3, same + 0.7]) == [(2, 2), (1, 1)]
    close = [found[1], found[1] + 0.1]  # the same pictures count for and against both: the difference is sure
    assert rank_ranges([10.0, 10.1], close) == [(2, 2), (1, 1)]


def test_a_score_that_is_no_number_without_some_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="without any tenth"):
        replicates(lambda rows: float("nan"), leave_out_groups(torch.arange(40) % 2))


def of_rows(score: Callable[..., float], x: Tensor, labels: Tensor, rows: Tensor) -> float:
    return score(x[rows], labels[rows])


def told(name: str, n: int, d: int, classes: int, spread: float, count: int, tries: int, gap: float = 0.0) -> int:
    """In how many tries any of so many candidates, all as good but for the gap, is told apart from another."""
    score: Callable[..., float] = scores[name]
    found = 0
    for seed in range(tries):
        g = torch.Generator().manual_seed(seed)
        labels = torch.arange(n) % classes
        centres = spread * torch.randn(classes, d, generator=g)
        nets = [centres[labels] * (1 + gap * i) + torch.randn(n, d, generator=g) for i in range(count)]
        rows = leave_out_groups(labels, seed)
        its = [replicates(partial(of_rows, score, x, labels), rows) for x in nets]
        found += rank_ranges([score(x, labels) for x in nets], its) != [(1, count)] * count
    return found


@pytest.mark.parametrize("name", ["logme", "hscore", "transrate", "gbc", "knn"])
@pytest.mark.parametrize(("n", "d", "classes"), [(20, 6, 2), (60, 8, 3), (40, 64, 2)])
def test_equal_candidates_are_seldom_told_apart(name: str, n: int, d: int, classes: int) -> None:
    """Three that are alike: in 5% of the tries at most is any of them put before another."""
    tries = 30 if name == "logme" else 60  # it takes longest
    assert told(name, n, d, classes, 0.5, 3, tries) <= binom.ppf(0.995, tries, 0.05)


@pytest.mark.parametrize("name", ["logme", "gbc", "knn"])
def test_candidates_that_differ_are_told_apart(name: str) -> None:
    assert told(name, 200, 8, 3, 0.7, 2, 10, gap=2.0) >= 8

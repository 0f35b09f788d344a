"""Probes against scikit-learn's ridge, explicit leave-one-out, and Wilson's formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from tltk.errors import BadSpec, UnknownName
from tltk.probes.linear import (
    STRENGTHS,
    Probe,
    _folds,
    _RidgePath,
    _standardise,
    logistic_probe,
    probe,
    ridge_probe,
    wilson,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RNG = np.random.default_rng(41)


def clusters(n: int, d: int, apart: float, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    y = RNG.permutation(np.arange(n) % classes)
    x = RNG.normal(size=(classes, d))[y] * apart + RNG.normal(size=(n, d)) * (1 + np.arange(d) % 5) + 3
    return torch.from_numpy(x), torch.from_numpy(y)


SMALL = {"more samples": clusters(36, 5, 1.5), "more features": clusters(30, 50, 0.8)}


def by_hand(x: Floats, y: Ints, folds: int, seed: int, strengths: Sequence[float]) -> tuple[NDArray[np.bool_], float]:
    """Everything anew: scaling, leave-one-out by leaving out, ridge by scikit-learn."""
    part = _folds(torch.from_numpy(y), folds, seed).numpy()
    named, chosen = np.empty_like(y), list[float]()
    for fold in range(folds):
        train, held = part != fold, part == fold
        scaler = StandardScaler().fit(x[train])
        a, b, t = scaler.transform(x[train]), scaler.transform(x[held]), 2 * np.eye(y.max() + 1)[y[train]] - 1
        mean = (a**2).sum() / min(a.shape)
        errors = []
        for s in strengths:
            error = 0.0
            for i in range(len(a)):
                rest = np.arange(len(a)) != i
                error += ((Ridge(s * mean).fit(a[rest], t[rest]).predict(a[i : i + 1]) - t[i]) ** 2).sum()
            errors.append(error)
        chosen.append(strengths[int(np.argmin(errors))])
        named[held] = Ridge(chosen[-1] * mean).fit(a, t).predict(b).argmax(1)
    return named == y, sorted(chosen)[folds // 2]


@pytest.mark.parametrize("case", SMALL)
@pytest.mark.parametrize("seed", [0, 7])
def test_ridge_equals_the_probe_by_hand(case: str, seed: int) -> None:
    x, y = SMALL[case]
    strengths = (1e-3, 1e-1, 1.0, 10.0)
    found = ridge_probe(x, y, folds=4, seed=seed, strengths=strengths)
    correct, strength = by_hand(x.numpy(), y.numpy(), 4, seed, strengths)
    np.testing.assert_array_equal(found.correct, correct)
    assert found.strength == strength
    assert found.accuracy == pytest.approx(correct.mean())
    assert found.correct.dtype == bool
    assert (found.lo, found.hi) == wilson(int(correct.sum()), len(y))


@pytest.mark.parametrize("case", SMALL)
@pytest.mark.parametrize("penalty", [1e-2, 1.0, 300.0])
def test_leave_one_out_equals_leaving_out(case: str, penalty: float) -> None:
    x, y = SMALL[case]
    a, _ = _standardise(x, x)
    t = 2 * np.eye(3)[y.numpy()] - 1
    path = _RidgePath(a, torch.from_numpy(t))
    (ours,) = path.leave_one_out_residuals(torch.tensor([penalty], dtype=torch.float64))
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        model = Ridge(penalty).fit(a.numpy()[rest], t[rest])
        np.testing.assert_allclose(ours[i], t[i] - model.predict(a.numpy()[i : i + 1])[0], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(path.predict(a, penalty), Ridge(penalty).fit(a.numpy(), t).predict(a.numpy()), atol=1e-9)


def logistic_by_hand(x: Floats, y: Ints, part: Ints, strength: float) -> Ints:
    named = np.empty_like(y)
    for fold in np.unique(part):
        train, held = part != fold, part == fold
        scaler = StandardScaler().fit(x[train])
        a = scaler.transform(x[train])
        model = LogisticRegression(C=min(a.shape) / (strength * (a**2).sum())).fit(a, y[train])
        named[held] = model.predict(scaler.transform(x[held]))
    return named


def test_logistic_is_scikit_learns() -> None:
    x, y = clusters(60, 6, 1.0)
    named = logistic_by_hand(x.numpy(), y.numpy(), _folds(y, 3, 0).numpy(), 0.1)
    np.testing.assert_array_equal(logistic_probe(x, y, folds=3).correct, named == y.numpy())


def test_logistic_chooses_within_the_training_part() -> None:
    """Each fold's choice is that of a cross-validation by hand that never sees the fold."""
    x, y = (v.numpy() for v in clusters(60, 40, 0.4))
    part, correct, chosen = _folds(torch.from_numpy(y), 3, 0).numpy(), np.empty(60, bool), list[float]()
    for fold in range(3):
        held = part == fold
        a, t = StandardScaler().fit_transform(x[~held]), y[~held]
        b = StandardScaler().fit(x[~held]).transform(x[held])
        inner = _folds(torch.from_numpy(t), 3, 0).numpy()
        right: dict[float, int] = {}
        for s in (1.0, 1e-3):
            right[s] = 0
            for i in range(3):
                c = min(a[inner != i].shape) / (s * (a[inner != i] ** 2).sum())
                model = LogisticRegression(C=c, max_iter=1000).fit(a[inner != i], t[inner != i])
                right[s] += (model.predict(a[inner == i]) == t[inner == i]).sum()
        chosen.append(max(right, key=right.__getitem__))
        model = LogisticRegression(C=min(a.shape) / (chosen[-1] * (a**2).sum()), max_iter=1000).fit(a, t)
        correct[held] = model.predict(b) == y[held]
    found = logistic_probe(torch.from_numpy(x), torch.from_numpy(y), folds=3, strengths=(1e-3, 1.0))
    np.testing.assert_array_equal(found.correct, correct)
    assert found.strength == sorted(chosen)[1]


@pytest.mark.parametrize(("right", "n"), [(0, 1), (0, 20), (3, 7), (50, 100), (20, 20)])
def test_wilson_solves_its_equation(right: int, n: int) -> None:
    """The bounds are where |p̂ − p| = z √(p(1 − p)/n)."""
    lo, hi = wilson(right, n)
    assert 0 <= lo <= right / n <= hi <= 1
    for p in (lo, hi):
        assert abs(right / n - p) == pytest.approx(1.959963984540054 * math.sqrt(p * (1 - p) / n), abs=1e-12)
    assert wilson(n - right, n) == pytest.approx((1 - hi, 1 - lo), abs=1e-12)


def test_noise_is_named_by_chance() -> None:
    """40 probes of 4 classes: on average 1/4, and 1/4 within most intervals."""
    found = []
    for seed in range(40):
        x, y = clusters(80, 30, 0.0, 4)
        found.append(ridge_probe(x, y, seed=seed))
    assert np.mean([p.accuracy for p in found]) == pytest.approx(0.25, abs=0.03)
    assert sum(p.lo <= 0.25 <= p.hi for p in found) >= 30


@pytest.mark.parametrize("name", ["logistic", "ridge"])
class TestProbe:
    def test_what_is_apart_is_named(self, name: str) -> None:
        found = probe(name, *clusters(90, 8, 12.0))
        assert found.accuracy == 1 == found.hi
        assert found.lo > 0.95

    def test_the_seed_is_all_there_is_to_chance(self, name: str) -> None:
        x, y = clusters(60, 5, 1.0)
        one, two = probe(name, x, y, seed=3), probe(name, x, y, seed=3)
        np.testing.assert_array_equal(one.correct, two.correct)
        assert len({tuple(probe(name, x, y, seed=s).correct) for s in range(5)}) > 1

    def test_scale_shift_and_type_do_not_matter(self, name: str) -> None:
        x, y = clusters(60, 5, 2.0)
        plain = probe(name, x, y).correct
        np.testing.assert_array_equal(probe(name, 1000 * x - 7, y).correct, plain)
        np.testing.assert_array_equal(probe(name, x.float(), 5 * y.int() + 2).correct, plain)

    def test_classes_smaller_than_the_folds(self, name: str) -> None:
        x, y = clusters(40, 3, 9.0, 2)
        y[:2], x[:2] = 9, x[:2] + 40
        found = probe(name, x, y, folds=5)
        assert found.correct[2:].all()
        assert found.correct[:2].all() or name == "logistic"  # its penalty weighs more than one sample

    def test_as_many_folds_as_samples_and_as_few(self, name: str) -> None:
        x, y = clusters(12, 2, 15.0, 2)
        assert probe(name, x, y, folds=12).accuracy == 1
        assert probe(name, x[:4], torch.tensor([0, 1, 0, 1]), folds=2).correct.shape == (4,)

    def test_constant_and_dead_columns(self, name: str) -> None:
        x, y = clusters(40, 3, 15.0, 2)
        wider = torch.cat([x, torch.full((40, 2), 0.1), torch.zeros(40, 1)], 1)
        np.testing.assert_array_equal(probe(name, wider, y).correct, probe(name, x, y).correct)
        dead = probe(name, torch.full((40, 3), 0.1), torch.arange(40) // 30)
        assert dead.accuracy == 0.75  # the frequent class

    def test_errors_are_sentences(self, name: str) -> None:
        x, y = clusters(10, 3, 1.0, 2)
        for features, labels, text in [
            (x, torch.zeros(10, dtype=torch.long), "two classes"),
            (x, torch.tensor([0] * 4 + [1] * 5 + [7]), "Class 7 has 1"),
            (x, y[:9], "one class number per row"),
            (x, y.double(), "one class number per row"),
            (x[:, 0], y, r"floating \(n, d\)"),
            (x * torch.nan, y, "finite"),
        ]:
            with pytest.raises(BadSpec, match=text):
                probe(name, features, labels)
        for folds in (1, 11):
            with pytest.raises(BadSpec, match="folds must be from 2"):
                probe(name, x, y, folds=folds)


@pytest.mark.parametrize("one", [ridge_probe, logistic_probe])
@pytest.mark.parametrize("strengths", [(), (0.0,), (1.0, math.nan), (math.inf,)])
def test_strengths_that_cannot_be_meant(one: Callable[..., Probe], strengths: tuple[float, ...]) -> None:
    with pytest.raises(BadSpec, match="positive"):
        one(*clusters(10, 3, 1.0, 2), strengths=strengths)


def test_an_unsettled_logistic_fit_does_not_warn() -> None:
    found = logistic_probe(*clusters(40, 60, 0.5), strengths=(1e-9, 1e-6))
    assert 0 <= found.accuracy <= 1


def test_counts_and_names_that_cannot_be_meant() -> None:
    for right, n in [(1, 0), (-1, 5), (6, 5)]:
        with pytest.raises(BadSpec, match="from 0 to n"):
            wilson(right, n)
    with pytest.raises(UnknownName, match=r"logistic, ridge\. Got 'logstic'\. Did you mean 'logistic'"):
        probe("logstic", *clusters(10, 3, 1.0, 2))


@pytest.mark.parametrize("folds", [2, 5, 7])
def test_folds_are_even_overall_and_by_class(folds: int) -> None:
    y = torch.from_numpy(RNG.permutation(np.repeat([0, 1, 2, 3], [40, 2, 11, 6])))
    part = _folds(y, folds, 0)
    for some in (part, *(part[y == c] for c in range(4))):
        counts = torch.bincount(some, minlength=folds)
        assert counts.max() - counts.min() <= 1


def test_the_strengths_are_nine() -> None:
    assert list(STRENGTHS) == pytest.approx([10.0**e for e in range(-4, 5)])

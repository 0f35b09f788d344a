"""Linear probes: how well a linear map of kept features names the classes, by cross-validation.

A probe asks what a layer knows without training the network. `ridge_probe` is in closed form and fits all
layers of a network in seconds; `logistic_probe` is the usual one. Both standardise on the training part of
each fold and name each sample once, by a fit that has not seen it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tltk.errors import BadSpec, UnknownName
from tltk.features import check_features

STRENGTHS = tuple(10.0**e for e in range(-4, 5))
Z = NormalDist().inv_cdf(0.975)
CONSTANT = 1e-12  # a column whose spread is below this share of its size is constant up to rounding

Fit = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, float]]  # x, classes, held x → classes, strength


@dataclass(frozen=True, eq=False)
class Probe:
    """What a probe found; `correct` says of each sample, in the order given, whether it was named rightly."""

    accuracy: float
    lo: float  # Wilson, 95%
    hi: float
    correct: NDArray[np.bool_]  # (n,)
    strength: float  # the median of those that the folds chose


def ridge_probe(
    features: Tensor, labels: Tensor, *, folds: int = 5, seed: int = 0, strengths: Sequence[float] = STRENGTHS
) -> Probe:
    """One-vs-rest ridge regression onto ±1, its strength chosen within the training part of each fold.

    W = (XᵀX + λI)⁻¹Xᵀ(Y − ȳ), X standardised, λ = strength · tr(XᵀX) / min(n, d); the class of x is
    argmax_c (xW + ȳ)_c. Each fold takes the λ of least leave-one-out error on its own training part,
    PRESS = Σ_i ‖y_i − ŷ_i‖² / (1 − H_ii)², H = 11ᵀ/n + X(XᵀX + λI)⁻¹Xᵀ. One eigendecomposition a fold, of
    XᵀX or XXᵀ, whichever is smaller, serves all strengths.

    Reference: Hastie, Tibshirani & Friedman (2009), The elements of statistical learning, eq. 3.44 and 7.64;
    leave-one-out: Golub, Heath & Wahba (1979), Generalized cross-validation as a method for choosing a good
    ridge parameter, Technometrics 21; interval: Wilson (1927), JASA 22.

    Args:
        features: (n, d).
        labels: (n,) class numbers; each class at least twice.
        folds: Parts, each held out once; from 2 to n. Classes are spread evenly over them; one with fewer
            members than folds is not asked for in each, but is known to each fit.
        seed: Of the folds.
        strengths: To choose among, relative to the mean eigenvalue of XᵀX that is not zero.

    Returns:
        Out-of-fold accuracy from 0 to 1, its interval, and which samples were named rightly.

    Raises:
        BadSpec: Shapes, or values, that cannot be used; one class only, or a class that occurs once.

    Example:
        >>> x = torch.tensor([[-2.0], [-1.5], [-1.0], [1.0], [1.5], [2.0]])
        >>> ridge_probe(x, torch.tensor([0, 0, 0, 1, 1, 1]), folds=3).accuracy
        1.0
    """
    found = _check_strengths(strengths)
    return _cross_validate(features, labels, folds, seed, partial(_ridge, strengths=found))


def logistic_probe(
    features: Tensor, labels: Tensor, *, folds: int = 5, seed: int = 0, strengths: Sequence[float] = (0.1,)
) -> Probe:
    """Multinomial logistic regression with an L2 penalty, by scikit-learn.

    min_W Σ_i −log softmax(x_i W + b)_{y_i} + λ/2 ‖W‖², X standardised, λ = strength · tr(XᵀX) / min(n, d) as for
    `ridge_probe`; scikit-learn's C is 1/λ. One strength of 0.1 (C = 0.01 for 1,000 samples) is within 0.03 of the
    best of six on digits, from 100 to 1,800 samples of 64 and 512 features, where a fixed C = 0.01 loses 0.08 at
    100 samples of 64. Of several, each fold chooses by three-fold cross-validation of its training part.

    Reference: Hastie, Tibshirani & Friedman (2009), The elements of statistical learning, §4.4;
    interval: Wilson (1927), JASA 22.

    Args:
        features: (n, d).
        labels: (n,) class numbers; each class at least twice.
        folds: Parts, each held out once; from 2 to n.
        seed: Of the folds.
        strengths: To choose among, relative as for `ridge_probe`.

    Returns:
        Out-of-fold accuracy from 0 to 1, its interval, and which samples were named rightly.

    Raises:
        BadSpec: Shapes, or values, that cannot be used; one class only, or a class that occurs once.

    Example:
        >>> x = torch.tensor([[-2.0], [-1.5], [-1.0], [1.0], [1.5], [2.0]])
        >>> logistic_probe(x, torch.tensor([0, 0, 0, 1, 1, 1]), folds=3).accuracy
        1.0
    """
    found = _check_strengths(strengths)
    return _cross_validate(features, labels, folds, seed, partial(_logistic, strengths=found, seed=seed))


PROBES = {"logistic": logistic_probe, "ridge": ridge_probe}


def probe(name: str, features: Tensor, labels: Tensor, *, folds: int = 5, seed: int = 0) -> Probe:
    """The probe of this name, with its own strengths.

    Args:
        name: "ridge" or "logistic".
        features: (n, d) floating and finite.
        labels: (n,) class numbers.
        folds: Of the cross-validation, at least 2.
        seed: Decides which sample is in which fold.

    Raises:
        UnknownName: A probe that is not there.
        BadSpec: What the probe refuses.

    Example:
        >>> x, y = torch.tensor([[0.0], [0.1], [5.0], [5.1]]), torch.tensor([0, 0, 1, 1])
        >>> probe("ridge", x, y, folds=2).correct.tolist()
        [True, True, True, True]
    """
    if name not in PROBES:
        raise UnknownName.among("probe", name, PROBES)
    return PROBES[name](features, labels, folds=folds, seed=seed)


def out_of_fold_probabilities(
    features: Tensor,
    labels: Tensor,
    *,
    folds: int = 5,
    seed: int = 0,
    strength: float = 0.1,
    groups: Tensor | None = None,
) -> Tensor:
    """What the logistic probe thinks of each sample when it has not seen it: probabilities of the classes.

    Reference: As for `logistic_probe`.

    Args:
        features: (n, d).
        labels: (n,) class numbers; each class at least twice.
        folds: Parts, each held out once; from 2 to n.
        seed: Of the folds.
        strength: Of the penalty, relative as for `ridge_probe`.
        groups: (n,) equal for samples that go to one fold, such as copies; None = each alone.

    Returns:
        (n, classes) float64, columns in the order of the class numbers that occur; a class that the other folds lack
        has 0.

    Raises:
        BadSpec: Shapes, or values, that cannot be used; one class only, or a class that occurs once.

    Example:
        >>> x = torch.tensor([[-2.0], [-1.5], [-1.0], [1.0], [1.5], [2.0]])
        >>> out_of_fold_probabilities(x, torch.tensor([0, 0, 0, 1, 1, 1]), folds=3).argmax(1).tolist()
        [0, 0, 0, 1, 1, 1]
    """
    _check_strengths([strength])
    classes = _check(features, labels, folds)
    x, part = features.detach().cpu().double(), _folds(classes, folds, seed)
    if groups is not None:
        _, first, group = np.unique(groups.numpy(), return_index=True, return_inverse=True)
        part = part[torch.from_numpy(first[group])]  # all of a group are where the first of it is
    found = torch.zeros(len(x), int(classes.max()) + 1, dtype=torch.float64)
    for fold in sorted(set(part.tolist())):
        held = part == fold
        train, other = _standardise(x[~held], x[held])
        known = torch.tensor(sorted(set(classes[~held].tolist())))
        if len(known) < 2:
            found[held, known[0]] = 1.0
            continue
        p = _fit_logistic(train, classes[~held], strength).predict_proba(other.numpy())
        found[held.nonzero(), known] = torch.from_numpy(p)
    return found


def predict_classes(train: Tensor, labels: Tensor, other: Tensor, *, strength: float = 0.1) -> Tensor:
    """What the logistic probe that learned from some samples says of others, (m,) class numbers.

    Reference: As for `logistic_probe`.

    Args:
        train: (n, d) features.
        labels: (n,) class numbers.
        other: (m, d) features of the others.
        strength: Of the penalty, relative as for `ridge_probe`.

    Raises:
        BadSpec: Values that are no numbers.
    """
    check_features("train", train, 1)
    check_features("other", other, 1)
    x, y = _standardise(train.detach().cpu().double(), other.detach().cpu().double())
    return _predict_logistic(x, labels.cpu(), y, _check_strengths([strength])[0])


def wilson(right: int, n: int) -> tuple[float, float]:
    """95% interval of a share: (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n), p = right/n, z = 1.96.

    Reference: Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.

    Args:
        right: From 0 to n.
        n: At least 1.

    Returns:
        Lower and upper bound, from 0 to 1.

    Raises:
        BadSpec: Counts that cannot be meant.

    Example:
        >>> [round(v, 4) for v in wilson(8, 10)]
        [0.4902, 0.9433]
    """
    if n < 1 or not 0 <= right <= n:
        raise BadSpec(f"Right ones must be from 0 to n, and n at least 1. Got {right} of {n}.")
    p = right / n
    centre, half = p + Z**2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    lo, hi = (centre - half) / (1 + Z**2 / n), (centre + half) / (1 + Z**2 / n)
    return (0.0 if right == 0 else lo), (1.0 if right == n else hi)  # exact there, but for rounding


# -- cross-validation ------------------------------------------------------------------------------


def _cross_validate(features: Tensor, labels: Tensor, folds: int, seed: int, fit: Fit) -> Probe:
    classes = _check(features, labels, folds)
    x = features.detach().cpu().double()
    n, part = len(x), _folds(classes, folds, seed)
    named, strengths = torch.empty_like(classes), []
    for fold in range(folds):
        held = part == fold
        train, other = _standardise(x[~held], x[held])
        named[held], strength = fit(train, classes[~held], other)
        strengths.append(strength)
    correct = (named == classes).numpy()
    right = int(correct.sum())
    lo, hi = wilson(right, n)
    return Probe(right / n, lo, hi, correct, sorted(strengths)[folds // 2])


def _folds(classes: Tensor, folds: int, seed: int) -> Tensor:
    """(n,) fold of each sample: each class shuffled and dealt in turn, where the one before it left off."""
    order = torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))
    order = order[torch.argsort(classes[order], stable=True)]
    part = torch.empty_like(order)
    part[order] = torch.arange(len(order)) % folds
    return part


def _standardise(train: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Both by mean and deviation of `train`; a column that is constant there is 0 there."""
    mean = train.mean(0)
    train = train - mean
    deviation = train.square().mean(0).sqrt()
    scale = deviation.masked_fill_(deviation <= CONSTANT * mean.abs(), torch.inf)
    return train.div_(scale), (other - mean).div_(scale)


def _check(features: Tensor, labels: Tensor, folds: int) -> Tensor:
    """Labels as 0 … classes − 1, on the CPU."""
    check_features("features", features, 4)
    n = len(features)
    if labels.shape != (n,) or labels.is_floating_point() or labels.is_complex():
        raise BadSpec(
            f"labels must be one class number per row, {n} in all. Got shape {tuple(labels.shape)} of {labels.dtype}."
        )
    classes: Tensor
    values, classes, counts = torch.unique(labels.detach().cpu(), return_inverse=True, return_counts=True)
    if len(values) < 2:
        raise BadSpec("A probe needs samples of two classes. All are of one; give it another class.")
    if int(counts.min()) < 2:
        once = int(values[int(counts.argmin())])
        raise BadSpec(
            f"Each class must have at least 2 samples, one to learn from and one to ask for. Class {once} has 1; "
            f"add samples of it, or leave it out."
        )
    if not 2 <= folds <= n:
        raise BadSpec(f"folds must be from 2 to the {n} samples. Got {folds}.")
    return classes


def _check_strengths(strengths: Sequence[float]) -> list[float]:
    """Strongest first, so that of equals the strongest is taken."""
    found = sorted((float(s) for s in strengths), reverse=True)
    if not found or not all(0 < s < math.inf for s in found):
        raise BadSpec(f"strengths must be positive numbers, one or more. Got {tuple(strengths)}.")
    return found


def _mean_eigenvalue(x: Tensor) -> float:
    """tr(XᵀX) / min(n, d), or 1 where all is constant."""
    return float(x.square().sum()) / min(x.shape) or 1.0


# -- ridge -----------------------------------------------------------------------------------------


class _RidgePath:
    """Ridge fits of centred x (n, d) onto y (n, classes) at every λ, from one eigendecomposition.

    W = L diag(1/(v + λ)) Rᵀ(y − ȳ): from XᵀX = V diag(v) Vᵀ, L = V and R = XV; from XXᵀ = U diag(v) Uᵀ,
    L = XᵀU and R = U. Then XW = (XL) diag(1/(v + λ)) Rᵀ(y − ȳ).
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        n, d = x.shape
        self.mean = y.mean(0)
        self.y = y - self.mean
        if d <= n:
            values, self.left = torch.linalg.eigh(x.mT @ x)
            self.values = values.clamp_min(0)
            self.right = self.fitted = x @ self.left
        else:
            values, self.right = torch.linalg.eigh(x @ x.mT)
            self.values = values.clamp_min(0)
            self.left, self.fitted = x.mT @ self.right, self.right * self.values
        self.targets = self.right.mT @ self.y
        self.mean_eigenvalue = _mean_eigenvalue(x)
        self.own = self.fitted * self.right  # (n, r): Σ_r own / (v + λ) is the diagonal of X(XᵀX + λI)⁻¹Xᵀ

    def leave_one_out_residuals(self, penalties: Tensor) -> Iterator[Tensor]:
        """For each λ (n, classes): y_i less its prediction by the fit without i.

        Args:
            penalties: (k,) values of λ above 0.
        """
        shrunk = 1 / (self.values[:, None] + penalties)
        one_minus_leverage = (1 - 1 / len(self.y) - self.own @ shrunk).clamp_min(1e-12)
        for j in range(len(penalties)):
            yield (self.y - self.fitted @ (shrunk[:, j, None] * self.targets)) / one_minus_leverage[:, j, None]

    def predict(self, x: Tensor, penalty: float) -> Tensor:
        """(m, d) → (m, classes).

        Args:
            x: (m, d), centred as the fitted rows are.
            penalty: λ above 0.
        """
        weights: Tensor = self.left @ (self.targets / (self.values + penalty)[:, None])
        return x @ weights + self.mean


def _ridge(train: Tensor, classes: Tensor, held: Tensor, *, strengths: Sequence[float]) -> tuple[Tensor, float]:
    path = _RidgePath(train, 2 * torch.nn.functional.one_hot(classes).double() - 1)
    penalties = path.mean_eigenvalue * torch.tensor(strengths, dtype=torch.float64)
    error = torch.stack([residual.square().sum() for residual in path.leave_one_out_residuals(penalties)])
    best = int(error.argmin())
    return path.predict(held, float(penalties[best])).argmax(1), strengths[best]


# -- logistic regression ---------------------------------------------------------------------------


def _logistic(
    train: Tensor, classes: Tensor, held: Tensor, *, strengths: Sequence[float], seed: int
) -> tuple[Tensor, float]:
    strength = strengths[0]
    if len(strengths) > 1:
        right = {s: _inner_right(train, classes, s, seed) for s in strengths}
        strength = max(right, key=right.__getitem__)
    return _predict_logistic(train, classes, held, strength), strength


def _inner_right(x: Tensor, classes: Tensor, strength: float, seed: int, folds: int = 3) -> int:
    """How many of the training part are named rightly when a third of it is held out in turn."""
    part, right = _folds(classes, folds, seed), 0
    for fold in range(folds):
        held = part == fold
        if bool(held.any()):
            right += int((_predict_logistic(x[~held], classes[~held], x[held], strength) == classes[held]).sum())
    return right


def _predict_logistic(x: Tensor, classes: Tensor, held: Tensor, strength: float) -> Tensor:
    if len(torch.unique(classes)) < 2:  # a tiny inner part
        return classes[:1].expand(len(held))
    return torch.from_numpy(_fit_logistic(x, classes, strength).predict(held.numpy()))


def _fit_logistic(x: Tensor, classes: Tensor, strength: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / (strength * _mean_eigenvalue(x)), max_iter=1000)
    with warnings.catch_warnings():  # an unsettled fit still names classes
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x.numpy(), classes.numpy())
    return model

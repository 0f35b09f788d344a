"""Optimal transport: the plan against the dual's maximum by SciPy and, where it is installed, POT; limits of ε and η."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, minimize
from scipy.spatial.distance import cdist

from tltk.alignments.optimal_transport import OptimalTransport, sinkhorn

RNG = np.random.default_rng(6)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(8, 3)) + 1
LABELS = np.arange(6) % 2
COST = cdist(X, Y, "sqeuclidean") / cdist(X, Y, "sqeuclidean").max()


def test_the_plan_is_that_of_the_dual() -> None:
    """max_f,g mean f + mean g − ε Σ exp((f_i + g_j − C_ij)/ε), whose γ is the plan."""
    eps = 0.1

    def dual(z: np.ndarray) -> tuple[float, np.ndarray]:
        plan = np.exp((z[:6, None] + z[None, 6:] - COST) / eps)
        slope = np.concatenate([1 / 6 - plan.sum(1), 1 / 8 - plan.sum(0)])
        return float(-(z[:6].mean() + z[6:].mean() - eps * plan.sum())), -slope

    z = minimize(dual, np.zeros(14), jac=True, method="BFGS", options={"gtol": 1e-11}).x
    expected = np.exp((z[:6, None] + z[None, 6:] - COST) / eps)
    np.testing.assert_allclose(sinkhorn(COST, eps, tolerance=1e-13), expected, rtol=1e-5, atol=1e-9)


def test_the_plan_is_that_of_pot() -> None:
    ot = pytest.importorskip("ot")
    expected = ot.sinkhorn(np.full(6, 1 / 6), np.full(8, 1 / 8), COST, 0.05, stopThr=1e-13)
    np.testing.assert_allclose(sinkhorn(COST, 0.05, tolerance=1e-12), expected, atol=1e-9)


def test_marginals_are_even_however_small_the_entropy() -> None:
    plan = sinkhorn(COST, 0.002, iterations=20_000)
    np.testing.assert_allclose(plan.sum(0), 1 / 8, atol=1e-12)
    np.testing.assert_allclose(plan.sum(1), 1 / 6, atol=1e-6)


def test_with_little_entropy_pictures_go_to_their_match() -> None:
    """As many on both sides, moved apart: what the assignment of least cost says."""
    there = RNG.permutation(X + [4, 0, 0] + 0.01 * RNG.normal(size=X.shape))
    match = linear_sum_assignment(cdist(X, there, "sqeuclidean"))[1]
    moved = OptimalTransport(entropy=0.001)(X, LABELS, there)
    np.testing.assert_allclose(moved.source, there[match], atol=0.05)
    assert moved.move_target(there) is there


def test_with_much_entropy_all_go_to_the_mean() -> None:
    np.testing.assert_allclose(
        OptimalTransport(entropy=100.0)(X, LABELS, Y).source, np.tile(Y.mean(0), (6, 1)), atol=0.02
    )


def test_the_class_term_lowers_what_it_weighs() -> None:
    """Σ_j Σ_c √(share of class c in column j) falls as η grows: columns belong to one class."""

    def mixed(eta: float) -> float:
        plan = cost = COST
        moved = OptimalTransport(entropy=0.05, classes=eta)(X, LABELS, Y)
        # The plan is found again from where pictures went: X̂ = n γ Y, and Y has more rows than columns, so by the steps.
        plan = sinkhorn(cost, 0.05)
        member = np.stack([LABELS == 0, LABELS == 1], 1).astype(float)
        for _ in range(10 if eta else 0):
            plan = sinkhorn(cost + member @ (eta / 2 / np.sqrt(member.T @ plan * 8 + 1e-3)), 0.05)
        np.testing.assert_allclose(moved.source, 6 * plan @ Y, atol=1e-4)
        return float(np.sqrt(member.T @ plan * 8).sum())

    values = [mixed(eta) for eta in (0.0, 0.1, 1.0)]
    assert values[0] > values[1] > values[2] >= 8

"""A shift measure: the distance of two means."""

from __future__ import annotations

from torch import Tensor

from tltk.shift import check_pair


def mean_distance(source: Tensor, target: Tensor) -> Tensor:
    """Distance of the domains' mean features, ‖mean(X) − mean(Y)‖.

    Reference: Gretton et al. (2012), A kernel two-sample test, JMLR 13: the MMD of a linear kernel, Lemma 4.

    Args:
        source: (n, d).
        target: (m, d).

    Returns:
        Scalar, not negative.

    Raises:
        BadSpec: Shapes, or values, that cannot be compared.
    """
    check_pair(source, target)
    gap = source.mean(0) - target.mean(0)
    return gap.square().sum().sqrt()

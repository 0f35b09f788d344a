"""What a reweighting is: features of two domains in, a weight for each picture of the source out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reweighting(Spec, ABC):
    """The base of all reweightings: estimates of w(x) = p_T(x) / p_S(x) at the source's pictures."""

    @abstractmethod
    def __call__(self, source: Floats, target: Floats, seed: int = 0) -> Floats:
        """The weights of the source's pictures.

        Args:
            source: (n, d), standardised.
            target: (m, d), in the same units.
            seed: Of folds and of what is drawn.

        Returns:
            (n,), not negative, 1 on average or nearly so.
        """


def effective_size(weights: Floats) -> float:
    """How many pictures of equal weight would tell as much: (Σ w)² / Σ w².

    Reference: Kish (1965), Survey sampling, §11.7; as Shimodaira (2000), Improving predictive inference under covariate
    shift, Journal of Statistical Planning and Inference 90, uses weights.

    Args:
        weights: (n,), not negative.

    Returns:
        From 1 to n.

    Raises:
        BadSpec: No weight is above 0.
    """
    if not weights.sum() > 0:
        raise BadSpec("A weight must be above 0. All are 0: the domains have nothing in common at this layer.")
    share = weights / weights.sum()
    return float(1 / (share**2).sum())

"""Classes that nobody has shown, named by their attributes: direct attribute prediction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tltk.errors import BadSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST = 1e-12  # of a probability, so that an attribute that seems impossible counts much and not infinitely


def attribute_priors(signatures: Ints, values: Sequence[int]) -> list[Floats]:
    """p(a_m = v), the share of the seen classes whose attribute m is v: p(a_m) = 1/K Σ_k [a_m^{y_k} = v].

    Reference: Lampert, Nickisch and Harmeling (2009), Learning to detect unseen object classes by between-class
    attribute transfer, CVPR, §2.2.

    Args:
        signatures: Values of the seen classes, (k, m).
        values: How many values each attribute has.
    """
    return [np.bincount(signatures[:, m], minlength=n) / len(signatures) for m, n in enumerate(values)]


def class_log_scores(probabilities: Sequence[Floats], signatures: Ints, priors: Sequence[Floats]) -> Floats:
    """log Π_m p(a_m^z | x) / p(a_m^z) for each class z; the class of x is the one of the largest score.

    Classes are equally likely before x is seen. The paper's attributes are yes or no; those here have several values,
    of which each class has one, so p(a_m | x) is a distribution over values.

    Reference: Lampert, Nickisch and Harmeling (2009), Learning to detect unseen object classes by between-class
    attribute transfer, CVPR, eq. 2–3 (direct attribute prediction).

    Args:
        probabilities: p(a_m = v | x) for each attribute m, (n, values of m).
        signatures: The value of each attribute for each class z, (k, m).
        priors: p(a_m = v), (values of m,) for each attribute.

    Returns:
        (n, k).

    Raises:
        BadSpec: A class has a value of which no seen class can tell anything.
    """
    scores = np.zeros((len(probabilities[0]), len(signatures)))
    for m, (p, prior) in enumerate(zip(probabilities, priors, strict=True)):
        wanted = signatures[:, m]
        if (prior[wanted] == 0).any():
            raise BadSpec(
                "Each value of an attribute must occur in a seen class. One of an unseen class does not; show more "
                "classes."
            )
        scores += np.log(np.maximum(p[:, wanted], LEAST)) - np.log(prior[wanted])
    return scores

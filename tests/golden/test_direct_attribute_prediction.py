"""Direct attribute prediction against Lampert et al. (2009), eq. 2: the sum over all attribute vectors."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tltk.errors import BadSpec
from tltk.probes.direct_attribute_prediction import attribute_priors, class_log_scores

RNG = np.random.default_rng(4)
VALUES = (3, 2, 4)
SEEN = np.array([[0, 0, 0], [1, 1, 1], [2, 0, 2], [0, 1, 3], [1, 0, 2]])
UNSEEN = np.array([[0, 1, 2], [2, 1, 0], [1, 0, 3]])


def test_scores_are_the_sum_over_all_attribute_vectors() -> None:
    """p(z|x) = Σ_a p(z|a) p(a|x), with p(z|a) = p(z)/p(a^z) [a = a^z] and factors for each attribute."""
    p = [RNG.dirichlet(np.ones(v), size=6) for v in VALUES]
    prior = [[sum(row[m] == v for row in SEEN) / len(SEEN) for v in range(n)] for m, n in enumerate(VALUES)]
    expected = np.zeros((6, len(UNSEEN)))
    for x, (z, own) in product(range(6), enumerate(UNSEEN)):
        for a in product(*(range(v) for v in VALUES)):
            if tuple(own) == a:
                posterior = np.prod([p[m][x, v] for m, v in enumerate(a)])
                expected[x, z] += posterior / np.prod([prior[m][v] for m, v in enumerate(a)])
    priors = attribute_priors(SEEN, VALUES)
    for mine, theirs in zip(priors, prior, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    found = class_log_scores(p, UNSEEN, priors)
    np.testing.assert_allclose(found, np.log(expected), rtol=1e-10)


def test_a_value_that_is_rare_among_seen_classes_counts_for_more() -> None:
    even = [np.full((1, v), 1 / v) for v in VALUES]
    found = class_log_scores(even, np.array([[0, 0, 0], [2, 0, 0]]), attribute_priors(SEEN, VALUES))
    assert found[0, 1] - found[0, 0] == pytest.approx(np.log(2))  # value 2 in one seen class, value 0 in two


def test_certain_attributes_name_their_class_and_impossible_ones_stay_finite() -> None:
    certain = [np.eye(v)[UNSEEN[:, m]] for m, v in enumerate(VALUES)]
    found = class_log_scores(certain, UNSEEN, attribute_priors(SEEN, VALUES))
    assert found.argmax(1).tolist() == [0, 1, 2] and np.isfinite(found).all()


def test_a_value_of_no_seen_class_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="must occur in a seen class"):
        class_log_scores([np.full((1, 3), 1 / 3)], np.array([[2]]), attribute_priors(np.array([[0], [1]]), [3]))

"""Results in words: what an adaptation comes to, and which classes are taken for which."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from tests.support.results import adapted, trained
from tltk.plots.confusion import confusion, shares
from tltk.results.words import adaptation_in_words


def test_an_adaptation_tells_last_picked_and_oracle_and_the_source() -> None:
    first, second = adaptation_in_words(adapted())
    assert "last epoch, which is kept: 50.0%" in first and "entropy: epoch 1, 25.0%" in first
    assert "(oracle: nobody has them): epoch 2, 75.0%" in first
    assert second == "Accuracy on the source's test pictures at the end: 75.0%."
    [kept] = adaptation_in_words(trained(source_accuracy=0.5, source_accuracy_before=0.875))
    assert kept.endswith("at the end: 50.0%; 87.5% at the start, by the classifier that came with the weights.")
    assert adaptation_in_words(trained()) == []


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_those_of_scikit_learn(seed: int) -> None:
    dice = np.random.default_rng(seed)
    labels, named = dice.integers(0, 4, 200), dice.integers(0, 5, 200)
    wanted = confusion_matrix(labels, named, labels=range(5), normalize="true")
    found = shares(labels.tolist(), named.tolist(), 5)
    np.testing.assert_allclose(found[:4], wanted[:4], atol=1e-12)
    assert np.isnan(found[4]).all(), "a class without pictures has no shares"
    heat = confusion(labels.tolist(), named.tolist(), list("abcd<")).data[0]
    assert list(heat.z[4]) == [None] * 5 and heat.x[4] != "<", "no name is markup"

"""The words that tell two domains of texts apart: those that one uses far more often than the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tltk.analyses.two_sample.result import TellingWord
from tltk.data.texts import words

SHOWN = 20  # words of each side
LEAST_Z = 1.96  # a word that is less surely of one side is not shown


def telling_words(source: Sequence[str], target: Sequence[str]) -> list[TellingWord]:
    """The words that one side uses more often than the other, the surest of the source first, then of the target.

    With counts y of word w among n words of a side, the prior α_w = how often both use it and α₀ = Σ α_w:
    δ = log((y_s + α_w)/(n_s + α₀ − y_s − α_w)) − log((y_t + α_w)/(n_t + α₀ − y_t − α_w)),
    z = δ / √(1/(y_s + α_w) + 1/(y_t + α_w)).

    Args:
        source: Texts of the source.
        target: Texts of the target.

    Reference:
        Monroe, Colaresi and Quinn (2008), Fightin' words: lexical feature selection and evaluation for identifying the
        content of political conflict, Political Analysis 16(4), Eq. 16, 19–22 with the prior of §3.3.2.
    """
    sides = [Counter(word for text in side for word in words(text)) for side in (source, target)]
    among = [Counter(word for text in side for word in set(words(text))) for side in (source, target)]
    vocabulary = sorted(sides[0] | sides[1])
    if not vocabulary:
        return []
    y = np.array([[side[word] for word in vocabulary] for side in sides], np.float64)
    alpha, n = y.sum(0), y.sum(1, keepdims=True)
    with_prior = y + alpha
    odds = np.log(with_prior / (n + alpha.sum() - with_prior).clip(min=1e-9))
    z = (odds[0] - odds[1]) / np.sqrt((1 / with_prior).sum(0))
    order = np.argsort(-z, kind="stable")
    chosen = [i for i in order[:SHOWN] if z[i] > LEAST_Z] + [i for i in order[::-1][:SHOWN] if z[i] < -LEAST_Z]
    return [
        TellingWord(
            word=vocabulary[i],
            source=among[0][vocabulary[i]] / max(len(source), 1),
            target=among[1][vocabulary[i]] / max(len(target), 1),
            z=round(float(z[i]), 2),
        )
        for i in chosen
    ]

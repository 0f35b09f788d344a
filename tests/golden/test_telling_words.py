"""Words that tell two domains apart, against the equations of Monroe et al. (2008) written out for each word."""

from __future__ import annotations

import math

import pytest

from tltk.analyses.two_sample.words import telling_words

SOURCE = ["The phone is good"] * 12 + ["a good cable", "bad phone, bad!"] * 8
TARGET = ["The film was good"] * 15 + ["bad film"] * 9 + ["a plot"] * 6


def expected(word: str) -> float:
    """Eq. 16 and 19–22, the prior being both sides together."""

    def counts(side: list[str]) -> tuple[int, int]:
        told = [w.strip(",!").lower() for text in side for w in text.split()]
        return told.count(word), len(told)

    (y_i, n_i), (y_j, n_j) = counts(SOURCE), counts(TARGET)
    alpha, alpha_0 = y_i + y_j, n_i + n_j
    omega_i = math.log((y_i + alpha) / (n_i + alpha_0 - y_i - alpha))
    omega_j = math.log((y_j + alpha) / (n_j + alpha_0 - y_j - alpha))
    return (omega_i - omega_j) / math.sqrt(1 / (y_i + alpha) + 1 / (y_j + alpha))


def test_z_is_that_of_the_paper() -> None:
    found = {one.word: one for one in telling_words(SOURCE, TARGET)}
    assert {"phone", "film"} <= set(found) and "good" not in found
    for word, one in found.items():
        assert one.z == pytest.approx(expected(word), abs=0.006)
    assert found["phone"].source == pytest.approx(20 / 28) and found["phone"].target == 0
    assert found["film"].target == pytest.approx(24 / 30)
    order = [one.z for one in telling_words(SOURCE, TARGET)]
    assert order[0] == max(order) > 0 > min(order)


def test_sides_that_are_turned_give_the_opposite_and_equal_ones_nothing() -> None:
    here, there = telling_words(SOURCE, TARGET), telling_words(TARGET, SOURCE)
    assert {(one.word, one.z) for one in here} == {(one.word, -one.z) for one in there}
    assert telling_words(SOURCE, SOURCE) == [] and telling_words([], []) == []

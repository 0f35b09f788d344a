"""What examples are called on a page: one place knows it, by the name of their domain."""

from __future__ import annotations

import pytest

from tltk.dashboard.words import noun_of_domain, target_of, told_of
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec

SENTENCE = "Pictures: Reading the pictures of a picture."


@pytest.mark.parametrize(
    ("name", "noun", "sentence"),
    [
        ("digits", "pictures", SENTENCE),
        ("tones", "sounds", "Sounds: Reading the sounds of a sound."),
        ("tones~fog:2", "sounds", "Sounds: Reading the sounds of a sound."),
        ("grey:tones", "sounds", "Sounds: Reading the sounds of a sound."),
        ("sound:/nowhere/birds", "sounds", "Sounds: Reading the sounds of a sound."),
        ("docstrings", "texts", "Texts: Reading the texts of a text."),
        ("text:/nowhere/reviews.csv", "texts", "Texts: Reading the texts of a text."),
        ("transactions", "rows", "Rows: Reading the rows of a row."),
        ("table:/nowhere/patients.csv?label=died", "rows", "Rows: Reading the rows of a row."),
        ("no such domain", "pictures", SENTENCE),
    ],
)
def test_a_sentence_is_said_of_what_a_domain_holds(name: str, noun: str, sentence: str) -> None:
    spec = DataSpec(name)
    assert noun_of_domain(spec) == noun and told_of(spec, SENTENCE) == sentence
    assert target_of(TransferSpec(target=spec)) == spec


def test_without_a_domain_it_is_said_of_pictures() -> None:
    assert told_of(None, SENTENCE) == SENTENCE and noun_of_domain(None) == "pictures"

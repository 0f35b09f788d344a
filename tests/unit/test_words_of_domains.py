"""What examples are called on a page: one place knows it, by the name of their domain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.results import compared
from tltk import data
from tltk.dashboard.words import noun_of_domain, target_of, told_of
from tltk.errors import DataProblem
from tltk.results.transfer import Flips
from tltk.specs.nouns import reword
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare import table as comparison

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


def test_names_of_files_and_flags_stay() -> None:
    said = "Pictures lie on pictures.png below My/pictures/; --pictures tells how many pictures. A picture: text:picture-1."
    assert reword(said, "rows") == (
        "Rows lie on pictures.png below My/pictures/; --pictures tells how many rows. A row: text:picture-1."
    )


@pytest.mark.parametrize(
    ("fields", "words"), [({"shots": 9}, "training texts"), ({"n": 3}, "Add texts"), ({}, "texts of")]
)
def test_what_all_domains_refuse_is_said_of_texts(tmp_path: Path, fields: dict[str, int], words: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"text {i}\t{i % 2 if fields else 'one'}\n" for i in range(12)))
    spec = DataSpec(f"text:{path}", size=8, n=fields.get("n", 0), shots=fields.get("shots", 0))
    with pytest.raises(DataProblem) as refused:
        data.load(spec).split(spec, 0)
    assert words in str(refused.value) and "picture" not in str(refused.value)


def test_a_comparison_of_rows_counts_rows() -> None:
    found = compared("helps", 0.1, noun="rows", flips=Flips([3], [1, 2], [], ["a", "b"]))
    said = " ".join([*comparison.details(found), *comparison.rows(found)[0]])
    assert "In most seeds 1 test row is right from scratch" in said and "picture" not in said

"""Names: which are the same, and how one is shown."""

from __future__ import annotations

import os
import unicodedata

import pytest

from tltk.data.names import escape_name, escape_text, normalise_name

ODD = [
    "\x1b[2J",
    "a\nb",
    "a\\nb",
    "caf\udce9",
    "caf\\xe9",
    "\u202egnp",
    "a\u2028b",
    "\ud800",
    "\x7f",
    "\u200dcat",
    "cat",
]


@pytest.mark.parametrize("name", ODD)
def test_what_is_shown_can_be_printed_and_written(name: str) -> None:
    assert escape_name(name).isprintable()
    assert escape_name(name).encode()


def test_different_names_stay_different() -> None:
    assert len({escape_name(name) for name in ODD}) == len(ODD)


def test_two_spellings_of_a_text_are_one_and_other_bytes_are_not() -> None:
    composed, apart = "café", unicodedata.normalize("NFD", "café")
    assert (
        composed != apart
        and normalise_name(composed) == normalise_name(apart)
        and escape_name(composed) == escape_name(apart)
    )
    assert normalise_name(os.fsdecode(b"caf\xe9")) != normalise_name(os.fsdecode(b"caf\xe8"))


@pytest.mark.parametrize("name", ["naïve cats", "猫", "می‌خواهم", "👩‍🔬", "a'b\"c", "50%"])
def test_plain_text_of_any_language_stays_as_it_is(name: str) -> None:
    assert escape_name(name) == name


def test_a_sentence_keeps_its_lines() -> None:
    assert escape_text("first\nsecond\t\x1b[31m\udcff") == "first\nsecond\t\\x1b[31m\\xff"

"""Each verb of using a training answers for texts and for rows as for pictures, and calls them what they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.shell import here, tltk  # noqa: F401 – fixture
from tests.support.texts import needs_transformers
from tests.support.words import trained_on

KINDS = ["rows", "vectors", pytest.param("encoder", marks=needs_transformers)]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_for_what_is_no_picture(kind: str, tmp_path: Path) -> None:
    run, file = trained_on(kind, tmp_path)
    domain, noun = (f"table:{file}", "rows") if kind == "rows" else (f"text:{file}", "texts")
    size = ("--target", domain, "--size", "16" if kind == "rows" else "32")
    asked = {
        "predict": (run, str(file)),
        "evaluate": (run, "--on", domain, "--part", "all"),
        "errors": (run,),
        "confusion": (run,),
        "nearest": (run, str(file)),
        "saliency": (run,),
        "duplicates": size,
        "runs": ("show", run),
    }
    for verb, words in asked.items():
        done = tltk(verb, *words)
        assert done.exit_code == 0, (verb, done.output)
        told = re.sub(r"pictures\.png", "", done.output)
        assert not re.search(r"\bpictures?\b", told), (verb, told)
    assert f"validation {noun}" in tltk("evaluate", run).stdout

"""`tltk judge`: files of scores in, a verdict out; whatever cannot be read is refused in a sentence."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

import tltk
from tests.support.shell import agree, idle  # noqa: F401
from tests.support.shell import tltk as shell
from tltk.dashboard import plan
from tltk.specs.parts import DataSpec
from tltk.specs.reading import read_spec
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.compare.study import FIRST_QUESTION

A = np.repeat([[0.0] * 60 + [1.0] * 40], 3, axis=0)
B = np.repeat([[1.0] * 100], 3, axis=0)


def write(path: Path, values: np.ndarray, between: str = ",") -> str:
    path.write_text("".join(between.join(f"{v:g}" for v in row) + "\n" for row in values))
    return str(path)


@pytest.mark.parametrize("between", [",", ";", "\t", " ", " , "])
def test_the_shell_says_what_python_says(tmp_path: Path, between: str) -> None:
    files = write(tmp_path / "a.csv", A, between), write(tmp_path / "b.csv", B, between)
    done = shell("judge", *files)
    assert done.exit_code == 0, done.output
    expected = tltk.judge(A, B, names=("a.csv", "b.csv"))
    assert expected.label == "helps"
    assert done.stdout.strip() == expected.sentence
    found = json.loads(shell("judge", *files, "--json").stdout)
    assert (found["label"], found["gap"], found["lo"], found["hi"]) == ("helps", 0.6, expected.lo, expected.hi)
    agree("A verdict", found)


def test_names_in_the_first_row_a_mark_of_order_and_rows_of_examples(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeffseed 0,seed 1,seed 2\n" + "".join("0,0,0\n" for _ in range(30)))
    (tmp_path / "b.csv").write_text("x\ty\tz\n" + "".join("1\t1\t1\n" for _ in range(30)) + "\n")
    done = shell("judge", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--transpose")
    assert done.stdout.startswith("Helps: a.csv scores 0.0% on average over 30 examples"), done.output


def test_labels_give_a_verdict_for_each_class(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("red fox\n" * 60 + "owl\n" * 40)
    words = ["judge", write(tmp_path / "a.csv", A), write(tmp_path / "b.csv", B), "--labels", str(labels)]
    lines = shell(*words).stdout.splitlines()
    assert lines[1].startswith("helps") and lines[1].endswith("60 of red fox")
    assert lines[2].startswith("cannot tell") and lines[2].endswith("40 of owl")
    labels.write_text("owl\n")
    assert "a label for each of the 100 examples. Got 1" in shell(*words).stderr


@pytest.mark.skipif(os.name != "posix", reason="devices are files")
def test_a_device_is_no_table(tmp_path: Path) -> None:
    done = shell("judge", write(tmp_path / "a.csv", A), "/dev/zero")
    assert done.exit_code == 2 and "/dev/zero must be a text file of scores. It is a device." in done.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must hold a row of scores for each seed. It holds none"),
        ("a,b\n", "It holds none"),
        ("1,0\n1\n", "must be of one length. Row 2 has 1 scores, the first 2"),
        ("1,0\n1,x\n", "Row 2, column 2 is 'x'"),
        ("1,0\n1,\n", "Row 2, column 2 is ''"),
        ("80,20\n", "scores from 0 to 1. Got 80; divide percentages by 100"),
        ("nan,1\n", "scores from 0 to 1. Got nan"),
        ("1,0,1\n", "same seeds and examples"),
    ],
)
def test_what_cannot_be_judged_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(text)
    done = shell("judge", str(bad), write(tmp_path / "b.csv", np.ones((1, 2))))
    assert done.exit_code == 2 and sentence in done.stderr and done.stdout == "", done.output


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, content: bytes | None) -> None:
    bad = tmp_path / "bad.csv"
    if content is not None:
        bad.write_bytes(content)
    done = shell("judge", str(bad), str(bad))
    assert done.exit_code == 2 and "must be a text file of scores. It cannot be read" in done.stderr


@pytest.mark.parametrize("flags", [["--level", "2"], ["--delta", "-1"]])
def test_knobs_out_of_range_are_refused(tmp_path: Path, flags: list[str]) -> None:
    file = write(tmp_path / "a.csv", A)
    assert shell("judge", file, file, *flags).exit_code == 2


def test_compare_without_options_asks_what_the_first_page_asks(idle: None) -> None:  # noqa: F811
    def asked(*words: str) -> CompareSpec:
        done = shell("compare", *words, "--detach", "--json")
        assert done.exit_code == 0, done.output
        spec = read_spec(json.dumps(json.loads(done.stdout)["spec"]))
        assert isinstance(spec, CompareSpec)
        return spec

    assert asked() == FIRST_QUESTION == plan.FIRST
    assert asked("--seeds", "5") == dataclasses.replace(FIRST_QUESTION, seeds=5)
    assert asked("--shots", "5").target == dataclasses.replace(FIRST_QUESTION.target, shots=5)
    own = asked("--source", "rendered_digits", "--target", "digits")
    assert own == CompareSpec(source=DataSpec("rendered_digits"), target=DataSpec("digits"))

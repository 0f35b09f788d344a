"""Domains of texts: what is read of folders, tables and lines, what is refused, and what is the same example."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.texts import BAD, GOOD, folders, lines
from tltk import data
from tltk.analyses.inspect.analysis import domain_summary
from tltk.analyses.predict.inputs import list_texts
from tltk.data import texts
from tltk.data.account import remarks
from tltk.data.domain import Domain, exclude_examples, held_out_origins, link_copies
from tltk.data.file_names import picture_names
from tltk.data.sources import docstrings, sentences
from tltk.errors import BadSpec, DataProblem, UnknownName
from tltk.specs.parts import DataSpec, ViewSpec


def load(name: str, **fields: Any) -> Domain:
    return data.load(DataSpec(name, **{"size": 16, **fields}))


def said(domain: Domain) -> list[str]:
    return texts.decode(domain.images)


# -- bytes ---------------------------------------------------------------------------------------------------


def test_bytes_are_the_text_and_no_letter_is_cut_in_two() -> None:
    rows = texts.encode(["café", "é" * 40, ""], 8)
    assert rows.shape == (3, 1, 4, 8) and rows.dtype == np.uint8
    assert texts.decode(rows) == ["café", "é" * 16, ""]
    assert texts.decode(texts.encode(["a" + "é" * 40], 8)) == ["a" + "é" * 15]  # a letter of two bytes would be halved


def test_a_copy_is_known_by_its_words() -> None:
    same = texts.origins(["Great phone!", "great  PHONE", "great phones", "!!!", "???"])
    assert same[0] == same[1] != same[2]
    assert same[3] != same[4]  # without a word the marks themselves count


def test_words_are_dropped_and_swapped_and_one_is_left() -> None:
    rows = torch.from_numpy(texts.encode(["one two three four", "alone"], 16))
    draw = torch.Generator().manual_seed(0)
    dropped = texts.TEXTS.augment(rows, ViewSpec(word_dropout=0.9), draw)
    kept = texts.decode((dropped * 255).round().to(torch.uint8).numpy())
    assert set(kept[0].split()) < {"one", "two", "three", "four"} and kept[0] and kept[1] == "alone"
    swapped = texts.TEXTS.augment(rows, ViewSpec(word_swap=1.0), draw)
    moved = texts.decode((swapped * 255).round().to(torch.uint8).numpy())
    assert moved == ["two three four one", "alone"]
    plain = texts.TEXTS.augment(rows, ViewSpec(), draw)
    assert torch.equal((plain * 255).round().to(torch.uint8), rows)


# -- what is read --------------------------------------------------------------------------------------------


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    root = folders(tmp_path / "reviews")
    (root / "good" / "empty.txt").write_text(" \n")
    (root / "bad" / "picture.jpg").write_bytes(b"\xff\xd8\xff")
    (root / "bad" / "binary.txt").write_bytes(b"a\0b")
    domain = load(f"text:{root}")
    assert domain.kind == "text" and domain.classes == ("bad", "good") and len(domain.labels) == 10
    assert sorted(said(domain)) == sorted((*BAD, *GOOD))
    reasons = dict(domain.skipped)
    assert reasons["good/empty.txt"] == "it is empty" and "binary" in reasons["bad/binary.txt"]
    assert data.modality_of(f"text:{root}") == "text"
    assert picture_names(DataSpec(f"text:{root}"), domain)[0].endswith(f": {said(domain)[0]}")


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "cp1252"])
def test_texts_of_other_codings_are_read_alike_to_learn_and_to_predict(tmp_path: Path, coding: str) -> None:
    root = folders(tmp_path / "reviews")
    (root / "bad" / "0.txt").write_bytes("Das Café war öde".encode(coding))
    assert "Das Café war öde" in said(load(f"text:{root}"))
    assert ("bad/0.txt", "Das Café war öde") in list_texts(root)[0]
    path = tmp_path / "lines.txt"
    path.write_bytes("".join(f"Café {i}\t{i % 2}\n" for i in range(8)).encode(coding))
    assert said(load(f"text:{path}"))[0] == "Café 0" and list_texts(path)[0][0][1] == "Café 0\t0"


def test_the_commonest_reason_for_a_loss_comes_first(tmp_path: Path) -> None:
    root = folders(tmp_path / "reviews")
    (root / "bad" / "0.txt").write_bytes(b"a\0b")
    for i in range(4):
        (root / "bad" / f"empty {i}.txt").touch()
    (root / "bad" / "scan.pdf").touch()
    domain = load(f"text:{root}")
    (lost,) = [one for one in domain.account.notes if "loses" in one]
    assert "Class bad loses 6 of its 10 files: it is empty (4); " in lost and "it is binary, not text (1)" in lost
    assert "bad/empty 0.txt (it is empty)" in remarks(domain)[-1].split(";")[0]


def test_a_class_of_which_no_text_can_be_used_is_refused(tmp_path: Path) -> None:
    root = folders(tmp_path / "reviews")
    for i in range(5):
        (root / "bad" / f"{i}.txt").write_text(" ")
    with pytest.raises(DataProblem, match=r"None can be in bad: bad/0.txt: it is empty. Check the files"):
        load(f"text:{root}")


def test_lines_of_a_text_a_tab_and_a_label(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    told = "one\x85two\t1\nthree\tfour\t0\nno label here\n\nfive\t1\nsix\t0\n"
    path.write_text(told, encoding="utf-8")
    domain = load(f"text:{path}")
    # What Unicode takes for the end of a line is none, and of several tabs the last one counts.
    assert said(domain) == ["one\x85two", "three\tfour", "five", "six"]
    assert domain.skipped == (("a.txt, line 3", "no tab, and so no label"),)
    assert domain.files.names[2] == "a.txt, line 5"
    assert any("4 lines of a text, a tab and a label" in note for note in domain.account.notes)


def test_a_table_s_columns_are_found_or_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f'{i},"well, {word} {i}",{stars},{part}' for i, (word, stars, part) in enumerate(_table())]
    path.write_text("id,review_text,stars,split\n" + "\n".join(rows) + "\n")
    domain = load(f"text:{path}")
    assert domain.classes == ("bad", "good") and said(domain)[0] == "well, fine 0"
    assert domain.given is not None and set(domain.given.tolist()) == {0, 2}
    assert any("column review_text, labels in stars, parts in split" in note for note in domain.account.notes)
    assert list(domain.files.columns) == ["id"]
    named = load(f"text:{path}?label=split&text=stars")
    assert named.classes == ("test", "train") and said(named)[0] == "good"
    with pytest.raises(UnknownName, match="starz"):
        load(f"text:{path}?label=starz")
    with pytest.raises(UnknownName, match="Did you mean 'label'"):
        data.parse(f"text:{path}x?lable=stars")


def _table() -> list[tuple[str, str, str]]:
    return [(w, s, p) for p in ("train", "test") for w, s in (("fine", "good"), ("poor", "bad")) for _ in range(4)]


def test_lines_may_begin_with_their_labels(tmp_path: Path) -> None:
    path = tmp_path / "sms.txt"
    path.write_text(
        "".join(f"{'spam' if i % 3 == 0 else 'ham'}\tmessage {i}\tof two parts, {i}\r\n" for i in range(30))
    )
    domain = load(f"text:{path}")
    assert domain.classes == ("ham", "spam") and said(domain)[1] == "message 1\tof two parts, 1"
    assert "30 lines of a label, a tab and a text" in domain.account.notes[0]


def test_labels_of_texts_are_read_as_those_of_tables(tmp_path: Path) -> None:
    table, plain = tmp_path / "a.csv", tmp_path / "a.txt"
    labels = ["+", "-", "1.0", "1", "NA", "n/a", "01"]
    told = [(f"text {i}", labels[i % 7]) for i in range(70)]
    table.write_text("text,label,topic\n" + "".join(f"{text},{label},{len(label)}\n" for text, label in told))
    plain.write_text("".join(f"{text}\t{label}\n" for text, label in told))
    for path in (table, plain):
        domain = load(f"text:{path}")
        assert domain.classes == ("+", "-", "01", "1")
        assert len(domain.skipped) == 20 and "no label" in domain.skipped[0][1]
    assert any("topic is called as labels are, too" in note for note in load(f"text:{table}").account.notes)


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("just\nlines\n", "a.txt", "one text a line, a tab and a label, or .* Of 2 lines 0 do"),
        ("a\tx\nb\tx\n", "a.txt", "at least two classes"),
        ("x,y1\n1,2\n", "a.csv", "column of texts"),
        ("text,thing\nhello,1\n", "a.csv", "column of labels"),
        ("text,v1\nhello,ham\nbye,ham\nbuy,spam\n", "a.csv", "Few values have v1. Name it with .label=COLUMN"),
        ("v1,v2\nham,a long text\nspam,b\n", "a.csv", "The longest cells are in v2. Name it with .text=COLUMN&label="),
        ("".join(f"text {i}\t{i}\n" for i in range(60)), "a.txt", "Labels of .* must be classes"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(tmp_path: Path, content: str, name: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataProblem, match=words):
        load(f"text:{path}")


def test_nothing_there_and_no_path() -> None:
    with pytest.raises(DataProblem, match="nothing at"):
        data.check(DataSpec("text:/nowhere/at/all"))
    with pytest.raises(BadSpec, match="needs a path"):
        data.parse("text:")
    with pytest.raises(BadSpec, match="Corruptions are of pictures"):
        data.parse("sentences~fog:2")
    with pytest.raises(BadSpec, match="in grey must hold pictures"):
        data.parse("grey:sentences")


def test_long_texts_are_told(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.txt")
    domain = load(f"text:{path}", size=8)
    assert all(len(text.encode()) <= 32 for text in said(domain))
    assert any("longer than the 32 bytes" in note and "would keep 95%" in note for note in domain.account.notes)
    assert not any("longer" in note for note in load(f"text:{path}", size=64).account.notes)


def test_splits_few_shots_and_fingerprints_are_as_of_pictures(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.txt")
    spec = DataSpec(f"text:{path}", size=16, shots=3)
    domain = data.load(spec)
    split = domain.split(spec, 0)
    assert np.bincount(domain.labels[split.train]).tolist() == [3, 3]
    assert not set(split.train) & set(split.test) and len(split.val)
    assert data.load(spec).fingerprint == domain.fingerprint
    before = data.source_version(spec.name)
    path.write_text(path.read_text() + "one more\t1\n")
    assert data.source_version(spec.name) != before
    assert len(data.load(spec).labels) == len(domain.labels) + 1
    part = data.load(DataSpec(f"subset:0-1@text:{path}", size=16))
    assert part.kind == "text" and data.modality_of(part.name) == "text"


def test_copies_go_to_one_part_and_leaks_between_domains_are_found(tmp_path: Path) -> None:
    path, other = lines(tmp_path / "a.txt"), lines(tmp_path / "b.txt", times=2)
    path.write_text(path.read_text() + "".join(f"{text.upper()}!! {i}\t1\n" for i in range(4) for text in GOOD))
    spec = DataSpec(f"text:{path}", size=16)
    domain = data.load(spec)
    assert (domain.twins != np.arange(len(domain.twins))).sum() == 20
    split = domain.split(spec, 0)
    parts = [set(domain.origins[index].tolist()) for index in (split.train, split.val, split.test)]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert domain_summary(domain, spec)[0].copies == 20
    theirs = data.load(DataSpec(f"text:{other}", size=16))
    mine, linked = link_copies(domain, theirs)
    left = exclude_examples(linked, np.arange(len(linked.labels)), held_out_origins(mine, split))
    assert 0 < len(left) < len(linked.labels)


def test_a_look_shows_sentences(tmp_path: Path) -> None:
    spec = DataSpec(f"text:{lines(tmp_path / 'a.txt')}", size=16)
    found, sheet = domain_summary(data.load(spec), spec)
    assert len(found.texts) == found.shown and found.texts[0].endswith(("0", "1", "2", "3"))
    assert sheet.width > 0 and np.asarray(sheet).min() < 128  # something is written on it


# -- what is made here ---------------------------------------------------------------------------------------


def test_dials_of_sentences_shift_what_they_say() -> None:
    plain = load("sentences", n=200)
    assert plain.classes == ("complaint", "praise") and plain.attributes["negated"].numbers.sum() == 0
    first = {word for pair in sentences.JUDGEMENTS[0] for word in pair}
    turned = load("sentences:vocabulary=1,negation=1,order=1", n=200)
    assert not any(set(texts.words(text)) & first for text in said(turned))
    assert all(" not " in f" {text.lower()} " for text in said(turned))
    films = load("sentences:correlation=1", n=200)
    assert np.array_equal(films.attributes["topic"].numbers, films.labels)
    assert np.mean([len(text) for text in said(load("sentences:length=2", n=200, size=64))]) > 1.4 * np.mean(
        [len(text) for text in said(load("sentences", n=200, size=64))]
    )
    # A dial changes what it says and nothing else: the class of a sentence stays what its words mean.
    for i in range(20):
        text, _, negated = sentences.write(i, 0, sentences.Dials(negation=0.5))
        praises = any(word in text for word in sentences.JUDGEMENTS[0][1])
        assert (praises != bool(negated)) == (i % 2 == 1)
    with pytest.raises(UnknownName, match="Did you mean 'negation'"):
        data.parse("sentences:negatio=1")


def test_docstrings_tell_library_and_licence() -> None:
    domain = load("docstrings:numpy,scipy", n=120)
    assert domain.classes == ("numpy", "scipy") and np.bincount(domain.labels).tolist() == [60, 60]
    assert not any("numpy" in text.lower() for text, y in zip(said(domain), domain.labels, strict=True) if y == 0)
    assert "numpy: BSD" in domain.licence and any(note.startswith("numpy ") for note in domain.account.notes)
    assert data.parse("docstrings:scipy, numpy") == ("docstrings", "numpy,scipy")
    with pytest.raises(DataProblem, match="no_such_library is not"):
        data.parse("docstrings:numpy,no_such_library")
    with pytest.raises(BadSpec, match="two packages at least"):
        data.parse("docstrings:numpy")


def test_docstrings_run_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("loud", "louder"):
        (tmp_path / package).mkdir()
        body = "".join(
            f'def f{i}():\n    """It does the thing number {i} for {package[-1]} you."""\n' for i in range(9)
        )
        (tmp_path / package / "__init__.py").write_text(f"raise SystemExit\n{body}")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    domain = load("docstrings:loud,louder")
    assert len(domain.labels) == 18 and docstrings.source_version("loud,louder").startswith("loud of unknown version")

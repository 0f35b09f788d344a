"""Tables as domains: columns found, named and left out, missing values, copies, parts, groups and their sentences."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tltk import data
from tltk.dashboard import permitted
from tltk.data import rows
from tltk.data.cautions import cautions
from tltk.data.giveaways import giveaways
from tltk.data.sources import transactions
from tltk.errors import BadSpec, DataProblem, UnknownName
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths


def write(path: Path, head: Sequence[str], lines: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *lines])
    return path


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """Twenty-four rows: numbers with gaps, words, row numbers, notes, and a label."""
    lines = [
        [
            i,
            "" if i % 6 == 0 else 20 + i,
            "f" if i % 2 else "m",
            "?" if i == 5 else "AB"[i % 2],
            f"note {i}",
            i % 3 == 0,
        ]
        for i in range(24)
    ]
    return write(tmp_path / "patients.csv", ["id", "age", "sex", "ward", "note", "Outcome"], lines)


def loaded(path: object, **given: object) -> data.Domain:
    return data.load(DataSpec(f"table:{path}", **given))  # type: ignore[arg-type]


def test_columns_become_numbers_and_it_is_said_how(patients: Path) -> None:
    found = loaded(patients)
    names = ("age", "age is missing", "sex = f", "sex = m", "ward = A", "ward = B", "ward is missing")
    assert found.columns == names and found.classes == ("False", "True") and found.kind == rows.KIND
    values = rows.decode(found.images)[1][:, : len(names)]
    assert np.isnan(values[0, 0]) and values[0, 1:].tolist() == [1, 0, 1, 1, 0, 0]
    assert values[5].tolist() == [25, 0, 1, 0, 0, 0, 1]
    said = " ".join(found.account.notes)
    assert "column Outcome, found by its name" in said and "age 16.7%" in said and "mean of the training part" in said
    assert "id (it numbers the rows)" in said and "note (words that hardly come twice)" in said
    assert found.modality.sentence(found, 1, 99) == "age 21 · sex f · ward B"
    assert found.modality.sentence(found, 0, 99) == "age is missing · sex m · ward A"


def test_what_is_kept_is_what_was_read(patients: Path) -> None:
    first, again = loaded(patients), loaded(patients)
    assert first.columns == again.columns and first.fingerprint == again.fingerprint and again.kind == rows.KIND


def test_settings_name_the_columns(patients: Path) -> None:
    found = loaded(f"{patients}?label=sex&group=ward&without=Outcome+note")
    assert found.classes == ("f", "m") and found.columns == ("age", "age is missing")
    assert found.files.group == "ward"
    assert "column sex, named" in found.account.notes[0]


def test_the_rest_is_refused_in_sentences(patients: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="column"):
        loaded(f"{patients}?label=died")
    with pytest.raises(UnknownName, match="setting of table"):
        loaded(f"{patients}?labels=sex")
    with pytest.raises(BadSpec, match="must have a value"):
        loaded(f"{patients}?label=")
    with pytest.raises(DataProblem, match="must be classes"):
        loaded(f"{patients}?label=note")
    with pytest.raises(DataProblem, match="set the size to"):
        data.load(DataSpec("transactions", n=40, size=8))
    with pytest.raises(DataProblem, match="nothing there"):
        loaded(tmp_path / "none.csv")
    with pytest.raises(DataProblem, match="Few values have a"):
        loaded(write(tmp_path / "b.csv", ["a", "b"], [[i % 2, i] for i in range(60)]))
    with pytest.raises(DataProblem, match="must have a head"):
        loaded(f"{write(tmp_path / 'c.csv', ['1', '2'], [[i % 2, i] for i in range(60)])}?label=1")
    with pytest.raises(BadSpec, match="Corruptions are of pictures"):
        data.parse("transactions~fog:3")


def test_a_changed_table_is_read_again_and_strangers_name_none_outside(patients: Path) -> None:
    first = loaded(patients)
    assert data.source_version(f"table:{patients}") != data.source_version(f"table:{patients}?label=sex")
    patients.write_text(patients.read_text() + "99,50,f,A,new,True\n")
    assert len(loaded(patients).labels) == len(first.labels) + 1
    found = set(permitted.paths(DataSpec("table:/a/b.csv?label=c")))
    assert {"/a/b.csv", "/a/b.csv?label=c"} <= found  # both are asked about: a file may be called so
    assert with_absolute_paths(DataSpec("table:b.csv?label=c")).name == f"table:{Path.cwd()}/b.csv?label=c"


def test_rare_words_are_one_column(tmp_path: Path) -> None:
    words = [f"w{i % 40}" for i in range(200)]
    found = loaded(write(tmp_path / "a.csv", ["word", "y"], [[w, i % 2] for i, w in enumerate(words)]), size=64)
    assert len(found.columns) == 31 and "word = other" in found.columns
    assert (rows.decode(found.images)[1][:, :31].sum(1) == 1).all()


def test_numbers_with_a_comma_and_of_other_languages(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x;y\n" + "".join(f"{i},5;{i % 2}\n" for i in range(20)))
    assert rows.decode(loaded(path).images)[1][3, 0] == 3.5


@pytest.mark.parametrize(
    ("delimiter", "cells", "numbers", "said"),
    [
        (",", ["1,000", "12,500", "7"], [1000, 12500, 7], "read as a mark of thousands"),
        (",", ["1,000.5", "999", "1,000,000"], [1000.5, 999, 1e6], ""),
        (",", ["3,5", "1,000", "2"], [3.5, 1, 2], ""),
        (";", ["1,500", "2,250", "7"], [1.5, 2.25, 7], "read as a decimal comma"),
        (";", ["1.000,5", "2.500", "7"], [1000.5, 2500, 7], ""),
        (",", ["1 000", "12\u202f500", "1'000"], [1000, 12500, 1000], ""),
        (",", ["0,125", "0,250", "1,500"], [0.125, 0.25, 1.5], ""),
        (",", ["1e3", "-2.5E-1", "+.5"], [1000, -0.25, 0.5], ""),
    ],
)
def test_commas_points_and_blanks_in_numbers_are_what_their_column_says(
    tmp_path: Path, delimiter: str, cells: list[str], numbers: list[float], said: str
) -> None:
    path, lines = tmp_path / "a.csv", [[cells[i % 3], "ab"[i % 2]] for i in range(30)]
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([["sum", "label"], *lines])
    found = loaded(path)
    assert found.columns == ("sum",)
    assert rows.decode(found.images)[1][:3, 0].tolist() == pytest.approx(numbers)
    assert (said in " ".join(found.account.notes)) and ("sum: the comma" in " ".join(found.account.notes)) == bool(said)


def test_numbers_that_no_network_computes_with_are_missing_and_it_is_said(tmp_path: Path) -> None:
    lines = [[("1e300", "inf", "-1e31")[i] if i < 3 else i, i % 2] for i in range(40)]
    found = loaded(write(tmp_path / "a.csv", ["x", "label"], lines))
    values = rows.decode(found.images)[1]
    assert np.isnan(values[:3, 0]).all() and values[:3, 1].tolist() == [1, 1, 1] and values[3, 0] == 3
    assert "x: 3 of 40 numbers are infinite or beyond 1e+30" in " ".join(found.account.notes)


def test_labels_are_classes_whatever_sign_or_fraction_they_are_written_with(tmp_path: Path) -> None:
    lines = [[i, ("+", "-", "NA", "?")[i % 4]] for i in range(40)]
    found = loaded(write(tmp_path / "a.csv", ["x", "label"], lines))
    assert found.classes == ("+", "-") and len(found.skipped) == 20
    mixed = loaded(write(tmp_path / "b.csv", ["x", "label"], [[i, ("1.0", "0", "1", "01")[i % 4]] for i in range(40)]))
    assert mixed.classes == ("0", "01", "1")


def test_a_second_column_that_is_called_as_labels_are_is_told(tmp_path: Path) -> None:
    lines = [[i, i % 2, i % 3] for i in range(60)]
    path = write(tmp_path / "a.csv", ["x", "target", "Category"], lines)
    assert "Category is called as labels are, too" in " ".join(loaded(path).account.notes)
    assert "too: where" not in " ".join(loaded(f"{path}?label=target").account.notes)
    assert "too: where" not in " ".join(loaded(f"{path}?without=Category").account.notes)


@pytest.mark.parametrize(
    ("column", "tells"),
    [
        (lambda i: "AB"[i % 2], True),
        (lambda i: 100 * (i % 2) + i, True),
        (lambda i: "" if i % 2 else 7, True),
        (lambda i: "AB"[i % 2] if i else "B", False),
        (lambda i: i, False),
    ],
)
def test_a_column_that_gives_the_label_away_is_told(
    tmp_path: Path, column: Callable[[int], object], tells: bool
) -> None:
    path = write(tmp_path / "a.csv", ["x", "after", "label"], [[i % 7, column(i), "ab"[i % 2]] for i in range(80)])
    found = loaded(path)
    said = " ".join(cautions(found, found.split(DataSpec(found.name), 0)))
    assert ("tells the label of every row: after." in said and "?without=after;" in said) is tells
    assert "x" not in giveaways(found)


def test_a_column_without_a_name_that_numbers_the_rows_is_left_out(tmp_path: Path) -> None:
    found = loaded(write(tmp_path / "a.csv", ["", "x", "label"], [[i, i * i % 97, "ab"[i % 2]] for i in range(40)]))
    assert found.columns == ("x",) and "1 (it numbers the rows)" in " ".join(found.account.notes)


def test_what_cannot_be_learned_from_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(
        DataProblem, match=r"It has none. Left out: note \(words that hardly come twice\); far \(its num"
    ):
        loaded(write(tmp_path / "a.csv", ["note", "far", "label"], [[f"n{i}", "inf", i % 2] for i in range(40)]))
    with pytest.raises(DataProblem, match="0 comes twice; rename one, or, if the first line is a row"):
        loaded(write(tmp_path / "b.csv", ["0", "0", "a"], [[i, i, i % 2] for i in range(40)]))
    found = loaded(write(tmp_path / "c.csv", ["x", "label"], [[i, ("Yes", "yes", "No")[i % 3]] for i in range(60)]))
    assert "capitals alone: Yes and yes. If they are one" in " ".join(found.account.notes)


def test_rows_that_say_the_same_stay_together(tmp_path: Path) -> None:
    lines = [[i // 2, (i // 2) % 7, (i // 2) % 2] for i in range(80)]
    found = loaded(write(tmp_path / "a.csv", ["a", "b", "label"], lines))
    assert len(set(found.twins.tolist())) == 40
    split = found.split(DataSpec(found.name), 0)
    assert not set(found.origins[split.train]) & set(found.origins[split.test])
    turned = loaded(write(tmp_path / "b.csv", ["b", "a", "label"], [[b, a, y] for a, b, y in lines]))
    assert (turned.origins == found.origins).all(), "the order of the columns does not matter"


def test_parts_and_groups_are_kept(tmp_path: Path) -> None:
    lines = [[i, i % 2, ("train", "train", "test", "val")[i // 2 % 4], i // 4] for i in range(64)]
    found = loaded(write(tmp_path / "a.csv", ["x", "label", "split", "patient_id"], lines))
    assert found.columns == ("x",) and found.files.group == "patient_id"
    assert found.given is not None and (found.given == 2).sum() == 16


def test_mean_and_deviation_are_those_of_the_rows_that_are_given() -> None:
    found = data.load(DataSpec("transactions:missing=0.3", n=200))
    train = found.split(DataSpec(found.name), 0).train
    told = rows.standardisation(found.columns, [found.images[train]])
    values = rows.decode(found.images[train])[1][:, : len(found.columns)].astype(np.float64)
    assert told.mean == pytest.approx(np.nanmean(values, 0)) and told.scale == pytest.approx(np.nanstd(values, 0))
    assert told.missing[found.columns.index("account age")] == pytest.approx(np.isnan(values).any(1).mean())
    unknown = rows.standardisation(("height",), [found.images[train]])
    assert unknown.scale.tolist() == [0] and unknown.missing.tolist() == [1]


def test_a_smaller_lab_is_the_beginning_of_a_larger_one() -> None:
    small, large = (data.load(DataSpec("transactions:missing=0.2", n=n)) for n in (50, 90))
    assert (small.images == large.images[:50]).all() and (small.labels == large.labels[:50]).all()


def test_a_payment_under_other_dials_is_the_same_example() -> None:
    one, other = (data.load(DataSpec(f"transactions{dials}", n=60)) for dials in ("", ":prices=1,columns=1"))
    assert (one.origins == other.origins).all() and len(set(one.twins.tolist())) == 60
    assert not set(one.origins) & set(data.load(DataSpec("transactions", n=60, seed=1)).origins)


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5])
def test_so_many_are_fraud(share: float) -> None:
    found = transactions.classes_of(1000, share)
    assert found[0] in (0, 1) and abs(found.sum() - 1000 * share) <= 1 and found[:2].max() == 1


def test_each_dial_moves_what_it_says() -> None:
    def table(dials: str) -> dict[str, np.ndarray]:
        found = data.load(DataSpec(f"transactions:{dials}" if dials else "transactions", n=600))
        values = rows.decode(found.images)[1]
        return {name: values[:, i] for i, name in enumerate(found.columns)} | {"fraud": found.labels}

    plain, dear = table(""), table("prices=1")
    assert dear["amount"] == pytest.approx(plain["amount"] * np.e, rel=1e-4) and (dear["hour"] == plain["hour"]).all()
    assert set(table("columns=1")) - set(plain) == {"address match", "basket size"}
    honest = plain["fraud"] == 0
    night, day = (t["hour"][honest] for t in (table("night=1"), plain))
    assert ((night < 6) | (night > 22)).mean() > 0.6 > 0.2 > ((day < 6) | (day > 22)).mean()
    turned = table("habits=1")["amount"]
    assert (
        turned[~honest].mean() < turned[honest].mean()
        and plain["amount"][~honest].mean() > plain["amount"][honest].mean()
    )
    assert np.isnan(table("missing=0.5")["account age"]).mean() == pytest.approx(0.5, abs=0.08)

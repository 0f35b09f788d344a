"""A table as a domain: its columns, its groups, what changes it, and where a page may have it lead."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.cases.drawing import picture
from tltk import data
from tltk.analyses.predict.inputs import understand
from tltk.dashboard import permitted
from tltk.data.sources import csv
from tltk.data.tables import read_table
from tltk.errors import BadSpec, DataProblem, UnknownName
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths
from tltk.specs.training import TransferSpec


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """24 scans of 8 patients at two sites, as hospitals list them; a patient's scans are of both classes."""
    place = tmp_path / "scans"
    rows = ["image,diagnosis,patient_id,site"]
    for i in range(24):
        picture(place / "images" / f"{i}.png", 60 + 100 * (i % 2))
        rows.append(f"images/{i}.png,{('benign', 'malignant')[i % 2]},P{i // 3},{'north' if i < 12 else ''}")
    (place / "labels.csv").write_text("\n".join(rows))
    return place / "labels.csv"


def test_classes_names_and_columns_are_those_of_the_rows(table: Path) -> None:
    domain = data.load(DataSpec(f"csv:{table}", size=16))
    assert domain.classes == ("benign", "malignant") and len(domain.labels) == 24
    for name, label in zip(domain.files.names, domain.labels, strict=True):
        assert label == int(name.removeprefix("images/").removesuffix(".png")) % 2
    patients = domain.files.columns["patient_id"]
    assert [patients.classes[i] for i in patients.numbers[:4]] == ["P0", "P0", "P0", "P1"]
    means = domain.images.reshape(24, -1).mean(1)
    assert means[domain.labels == 1].min() > means[domain.labels == 0].max() + 50


def test_a_column_of_patients_keeps_them_together_unasked(table: Path) -> None:
    spec = DataSpec(f"csv:{table}", size=16)
    domain = data.load(spec)
    patient = domain.files.columns["patient_id"].numbers
    split = domain.split(spec, 0)
    parts = [set(patient[part].tolist()) for part in (split.train, split.val, split.test)]
    assert sum(map(len, parts)) == 8 and all(parts)
    apart = data.load(dataclasses.replace(spec, name=f"csv:{table}?group="))
    loose = apart.split(spec, 0)
    assert set(patient[loose.train].tolist()) & set(patient[loose.test].tolist())
    by_folds = [set(patient[domain.split(dataclasses.replace(spec, folds=4, fold=f), 0).test]) for f in range(1, 5)]
    assert sorted(p for fold in by_folds for p in fold) == list(range(8))


def test_another_column_can_be_named_and_an_empty_cell_is_its_own_group(table: Path) -> None:
    spec = DataSpec(f"csv:{table}", size=16, group_by="column:site")
    domain = data.load(spec)
    groups = domain.groups(spec)
    assert groups is not None and len(groups.classes) == 13
    assert np.bincount(groups.numbers).max() == 12
    with pytest.raises(UnknownName, match="A column of csv:.*must be one of patient_id, site. Got 'ward'"):
        data.check(dataclasses.replace(spec, group_by="column:ward"))


def test_it_is_another_domain_once_the_table_or_a_picture_changes(table: Path) -> None:
    name = f"csv:{table}"
    first = data.source_version(name)
    assert data.source_version(name) == first
    picture(table.parent / "images" / "3.png", 90, (44, 40))
    second = data.source_version(name)
    text = table.read_text()
    table.write_text(text.replace("images/5.png,malignant", "images/5.png,benign"))
    third = data.source_version(name)
    assert len({first, second, third, data.source_version(f"{name}?group=site")}) == 4


def test_a_question_mark_in_a_name_is_none_of_settings(table: Path) -> None:
    odd = table.with_name("odd?label=x.csv")
    odd.write_text(table.read_text())
    assert csv.divide(str(odd)) == (str(odd), {})
    assert len(data.load(DataSpec(f"csv:{odd}", size=16)).labels) == 24


def test_settings_have_one_spelling() -> None:
    assert csv.check("a.csv?label=x&file=y") == csv.check("a.csv?file=y&label=x") == "a.csv?file=y&label=x"
    assert csv.divide("a.csv?label=R%26D")[1] == {"label": "R&D"}
    assert csv.divide(csv.check("a.csv?label=R%26D%25"))[1] == {"label": "R&D%"}


def test_a_path_is_made_absolute_with_its_settings(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(table.parent)
    made = with_absolute_paths(TransferSpec(DataSpec("csv:labels.csv?label=diagnosis")))
    assert made.target.name == f"csv:{table}?label=diagnosis"
    assert understand("labels.csv").where == f"csv:{table}"


@pytest.mark.parametrize(
    "name",
    [
        "csv:/etc/labels.csv",
        "csv:/etc/labels.csv?label=/../../{}/x",
        "csv:{}/labels.csv?root=/etc",
        "csv:{}/labels.csv?root=../..",
        "grey:csv:/etc/labels.csv",
        "grey:folder:/etc",
        "subset:a+b@csv:/etc/labels.csv?label=x",
    ],
)
def test_a_page_reads_no_table_outside_the_permitted_folders(
    name: str, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLTK_ROOTS", str(table.parent))
    with pytest.raises(BadSpec, match="may read only below"):
        permitted.check(TransferSpec(DataSpec(name.format(table.parent))))
    permitted.check(TransferSpec(DataSpec(f"csv:{table}?label=diagnosis&root=images")))


def test_links_in_the_folder_are_followed_and_paths_out_of_it_are_not(table: Path, tmp_path: Path) -> None:
    elsewhere = picture(tmp_path / "elsewhere" / "a.png")
    (table.parent / "images" / "link.png").symlink_to(elsewhere)
    table.write_text(table.read_text() + "\nimages/link.png,benign,P9,")
    assert len(data.load(DataSpec(f"csv:{table}", size=16)).labels) == 25
    for path in (f"{elsewhere}", "../elsewhere/a.png", "images/../../elsewhere/a.png", "..\\elsewhere\\a.png"):
        other = table.with_name("out.csv")
        other.write_text(f"{table.read_text()}\n{path},benign,P9,")
        with pytest.raises(DataProblem, match="must lie below .*1 do not"):
            data.check(DataSpec(f"csv:{other}"))


def test_cells_in_quotes_may_hold_delimiters_and_line_breaks(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('file;label;note\n"a;1.png";x;"two\nlines"\nb.png;y;\n')
    table = read_table(file, {"file", "label"})
    assert table.rows == [["a;1.png", "x", "two\nlines"], ["b.png", "y", ""]] and table.lines == [3, 4]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ('file,label,note\na.png,x,"begun\nb.png,y,\nc.png,x,\n', 2, 4),  # to the end of the file
        ('file,label,note\na.png,x,"begun\nb.png,y,"whole"\nc.png,x,\n', 2, 3),  # to the next quote
        ('sep=,\nfile,label,note\na.png,x,"begun\nb.png,y,\n', 3, 4),
    ],
)
def test_a_quote_that_is_not_closed_swallows_no_row(text: str, first: int, last: int, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(DataProblem, match=rf"line {first} must close each quote .* to line {last}; close it"):
        read_table(file, {"file", "label"})


def test_a_quote_inside_a_cell_is_a_sign_like_others(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('file,label,note\na.png,x,a 5" disk\nb.png,y,"a ""quoted"" word"\n')
    assert [row[2] for row in read_table(file, {"file", "label"}).rows] == ['a 5" disk', 'a "quoted" word']

"""Groups told by folders and by patterns in names: in a division, on the disk, in `look`, and in sentences."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.cases.drawing import picture
from tests.support.executors import Inline
from tltk import data
from tltk.analyses.inspect.analysis import domain_summary
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.inspect.table import lines
from tltk.cli import main as cli
from tltk.data import account
from tltk.errors import BadSpec, DataProblem
from tltk.specs.command import to_command
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Two classes, six patients each with three pictures: healthy/p0/p0_0.png … sick/p11/p11_2.png."""
    for k, label in enumerate(("healthy", "sick")):
        for patient in range(6 * k, 6 * k + 6):
            for i in range(3):
                picture(tmp_path / "scans" / label / f"p{patient}" / f"p{patient}_{i}.png", 60 + 120 * k)
    return tmp_path / "scans"


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """The same pictures in their class folders: healthy/p0_0.png."""
    for k, label in enumerate(("healthy", "sick")):
        for patient in range(6 * k, 6 * k + 6):
            for i in range(3):
                picture(tmp_path / "scans" / label / f"p{patient}_{i}.png", 60 + 120 * k)
    return tmp_path / "scans"


def patients(domain: data.Domain, index: np.ndarray) -> set[str]:
    return {domain.files.names[i].split("/")[-1].split("_")[0] for i in index}


@pytest.mark.parametrize(
    ("made", "by"), [("scans", "folder"), ("flat", "name:/(p[0-9]+)_"), ("flat", r"name:(p\d+)_\d\.png$")]
)
def test_pictures_of_a_group_stay_in_one_part(made: str, by: str, request: pytest.FixtureRequest) -> None:
    spec = DataSpec(f"folder:{request.getfixturevalue(made)}", size=16, group_by=by)
    data.check(spec)
    domain = data.load(spec)
    split = domain.split(spec, 0)
    sets = [patients(domain, part) for part in (split.train, split.val, split.test)]
    assert all(sets) and set.union(*sets) == {f"p{i}" for i in range(12)} and sum(map(len, sets)) == 12
    loose = domain.split(dataclasses.replace(spec, group_by=""), 0)
    assert patients(domain, loose.train) & patients(domain, loose.test), "without groups they are mixed"
    if by == "folder":  # else they might be data sets
        with pytest.raises(DataProblem, match="name the folders below groups, with group_by folder"):
            data.check(DataSpec(spec.name))
    told = account.describe_parts(account.parts(domain, split, spec))
    assert f"Train {len(split.train)} in {len(sets[0])} groups (the rest)" in told


def test_names_are_kept_beside_the_pixels(flat: Path) -> None:
    spec = DataSpec(f"folder:{flat}", size=16)
    first, again = data.load(spec), data.load(spec)
    assert first.files.names == again.files.names and len(again.files.names) == 36
    few = data.load(DataSpec(f"folder:{flat}", size=16, n=12))
    assert len(few.files.names) == 12
    some = data.load(DataSpec(f"subset:healthy+sick@folder:{flat}~fog:2", size=16))
    assert some.files.names == first.files.names


def test_look_tells_how_many_groups_there_are(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", f"{Inline.__module__}:{Inline.__name__}")
    picture(scans / "sick" / "p11" / "p11_3.png", 180)
    words = ["look", f"folder:{scans}", "--size", "16", "--group-by", "folder"]
    said = CliRunner().invoke(cli.main, words)
    assert said.exit_code == 0, said.output
    assert "12 groups by folder, the largest, p11, with 4 pictures; none of them lies in two parts." in said.stdout
    body = json.loads(CliRunner().invoke(cli.main, [*words, "--json"]).stdout)
    assert (body["groups"]["n"], body["groups"]["largest_name"], body["groups"]["across"]) == (12, "p11", 0)
    assert sum(part["groups"] for part in body["parts"].values()) == 12
    spec = InspectSpec(DataSpec(f"folder:{scans}", size=16, group_by="folder"))
    assert to_command(spec).endswith("--group-by folder")
    plain = DataSpec(f"folder:{scans}", size=16)
    assert not any("groups" in line for line in lines(domain_summary(data.load(spec.data), plain)[0]))


def test_groups_across_parts_that_came_with_the_data_are_told(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for k, label in enumerate(("cat", "dog")):
            for i in range(8):
                picture(tmp_path / "scans" / part / label / f"p{i}_{part}.png", 60 + 120 * k)
    spec = DataSpec(f"folder:{tmp_path}/scans", size=16, group_by=r"name:(p\d)_")
    domain = data.load(spec)
    split = domain.split(spec, 0)
    assert not {domain.files.names[i] for i in split.test} & {domain.files.names[i] for i in split.train}
    said = domain_summary(domain, spec)[0].cautions
    assert any("8 of 8 groups" in sentence and "lie in more than one part" in sentence for sentence in said)
    kept = account.training_data_fields(domain, split, spec)["remarks"]
    assert any("lie in more than one part" in sentence for sentence in kept)


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        ("patient", "group_by must be folder, folder:2, column:NAME or name:PATTERN. Got 'patient'"),
        ("folder:0", "group_by must be"),
        ("name:([", "must hold a regular expression"),
        (r"name:p\d+", r"one group in parentheses, .* has 0"),
        (r"name:(p)(\d+)", r"has 2; write \(\?:…\)"),
    ],
)
def test_what_means_no_group_is_refused(by: str, sentence: str) -> None:
    with pytest.raises(BadSpec, match=sentence):
        DataSpec(group_by=by)


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        ("folder", r"at least 3 different groups.*healthy \(1\), sick \(1\)"),
        (r"name:(q\d+)", r"must tell the group of some pictures.*the first is 'healthy/p0_0.png'"),
        ("column:patient", "are for tables, csv:PATH"),
    ],
)
def test_groups_that_cannot_be_are_refused_before_anything_is_read(flat: Path, by: str, sentence: str) -> None:
    with pytest.raises(DataProblem, match=sentence):
        data.check(DataSpec(f"folder:{flat}", size=16, group_by=by))


def test_pictures_without_names_have_no_groups_by_name() -> None:
    spec = DataSpec("digits", n=100, size=16, group_by="folder")
    with pytest.raises(DataProblem, match="need files with names. The pictures of digits have none"):
        data.load(spec).split(spec, 0)
    with pytest.raises(DataProblem, match="need files with names"):
        data.check(spec)


def test_folds_of_files_are_refused_early(scans: Path) -> None:
    spec = DataSpec(f"folder:{scans}", size=16, group_by="folder", folds=7)
    with pytest.raises(DataProblem, match=r"at least 7 different groups, to be in each of 7 folds"):
        data.check(spec)
    data.check(dataclasses.replace(spec, folds=6))


@pytest.mark.parametrize("spec", [DataSpec(), TransferSpec()])
def test_runs_of_before_keep_their_ids(spec: Spec) -> None:
    assert not {"group_by", "folds", "fold"} & set(json.loads(spec.to_json()).get("target", json.loads(spec.to_json())))


@pytest.mark.parametrize(("folds", "fold"), [(1, 1), (5, 6), (0, 2)])
def test_a_fold_that_is_none_is_refused(folds: int, fold: int) -> None:
    with pytest.raises(BadSpec, match="DataSpec.fold one of them"):
        DataSpec(folds=folds, fold=fold)

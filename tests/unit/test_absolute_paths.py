"""A path is meant from where the user stands, and a worker stands elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.reading import with_absolute_paths
from tltk.studies.compare.spec import CompareSpec


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = CompareSpec(
        source=DataSpec("archive:b.tar"), target=DataSpec("folder:a/b"), net=NetSpec(weights="file:w.safetensors")
    )
    found = with_absolute_paths(spec)
    assert found.source is not None
    assert found.source.name == f"archive:{tmp_path / 'b.tar'}"
    assert found.target.name == f"folder:{tmp_path / 'a' / 'b'}"
    assert found.net.weights == f"file:{tmp_path / 'w.safetensors'}"
    assert with_absolute_paths(found) == found


@pytest.mark.parametrize("weights", ["scratch", "hub:a1_in1k", "run:abcdef012345", "file:"])
def test_what_names_no_path_is_left(weights: str) -> None:
    spec = NetSpec(weights=weights)
    assert with_absolute_paths(spec) == spec
    assert with_absolute_paths(DataSpec("digits")) == DataSpec("digits")


def test_the_users_own_folder_is_understood() -> None:
    assert with_absolute_paths(DataSpec("folder:~/pictures")).name == f"folder:{Path.home() / 'pictures'}"


def test_blanks_belong_to_a_path_where_something_of_that_name_is_there(tmp_path: Path) -> None:
    (tmp_path / " own ").mkdir()
    assert with_absolute_paths(DataSpec(f"folder:{tmp_path}/ own ")).name == f"folder:{tmp_path}/ own "
    assert with_absolute_paths(DataSpec(f"folder:{tmp_path} ")).name == f"folder:{tmp_path}"


@pytest.mark.parametrize("path", ["~no-such-user/x", "a\0b", "n" * 5000])
def test_a_path_that_cannot_be_looked_up_is_left_for_the_check_to_refuse(path: str) -> None:
    assert path in with_absolute_paths(DataSpec(f"folder:{path}")).name

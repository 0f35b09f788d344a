"""A plan to begin with: the size by the files, the rest by advice at that size."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tltk.analyses.advise.spec import AdviseSpec
from tltk.analyses.propose.analysis import choose_size, measure, propose
from tltk.analyses.propose.result import SidesResult
from tltk.analyses.propose.spec import ProposeSpec
from tltk.analyses.propose.table import lines
from tltk.analyses.rank.spec import RankSpec
from tltk.analyses.sample import Context
from tltk.data import load
from tltk.errors import BadSpec
from tltk.jobs.checking import check
from tltk.specs.parts import DataSpec
from tltk.studies import technique
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks

SHIPPED = "test_efficientnet@store:test_efficientnet_formulas"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of wide pictures: 70 × 100, 140 × 200 … of which one file is no picture."""
    draw = np.random.default_rng(0)
    for c, name in enumerate(("dark", "light")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(12):
            small = (draw.integers(0, 100, (7, 10, 3)) + 150 * c).astype(np.uint8)
            times = 10 * (1 + i % 2)
            Image.fromarray(small).resize((10 * times, 7 * times)).save(tmp_path / "set" / name / f"{i}.png")
    (tmp_path / "set" / "dark" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "set"


@pytest.mark.parametrize(
    ("median", "n", "size"),
    [(20, 100, 32), (64, 100, 64), (90, 100, 64), (500, 100, 128), (500, 9000, 64), (40, 9000, 32)],
)
def test_the_size_is_one_that_the_files_have_and_that_is_quick(median: int, n: int, size: int) -> None:
    found, why = choose_size(SidesResult(n, 10, median, 1000), n)
    assert found == size and f"{median} px" in why and why.endswith(".")
    assert ("enlarged." in why) == (median <= size)
    assert choose_size(None, n)[0] == 64


def test_files_are_measured_in_folders_and_in_archives(folder: Path, tmp_path: Path) -> None:
    known = SidesResult(24, 70, 105, 140)
    assert measure(f"folder:{folder}") == (known, 25)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        for path in folder.rglob("*.png"):
            file.write(path, path.relative_to(folder.parent))
    assert measure(f"archive:{tmp_path}/set.zip~fog:2") == (known, 25)
    assert measure("digits") is None


def test_a_plan_with_its_reasons(folder: Path) -> None:
    spec = ProposeSpec(DataSpec(f"folder:{folder}"), (SHIPPED,), pictures=24)
    found = propose(spec, Context(load, FeatureBank(), Callbacks()))
    assert (found.size, found.weights) == (96, "store:test_efficientnet_formulas")
    assert 0 <= found.boundary <= found.depth and found.advice.suggestions[0].technique == found.technique
    technique.parse(found.technique)
    text = "\n".join(lines(found))
    assert all(part in text for part in ("96 px", found.why, found.change, found.why_weights, found.why_size))


def test_without_weights_there_is_nothing_to_propose() -> None:
    assert ProposeSpec(DataSpec("digits", size=64), (SHIPPED,)) == ProposeSpec(DataSpec("digits"), (SHIPPED,))
    with pytest.raises(BadSpec, match="candidates"):
        ProposeSpec().check()
    with pytest.raises(BadSpec, match="resnet18 has none"):
        ProposeSpec(candidates=("resnet18",)).check()


@pytest.mark.parametrize("name", ["docstrings", "transactions"])
def test_a_size_in_pixels_is_not_proposed_for_texts_and_rows(name: str) -> None:
    with pytest.raises(BadSpec, match="`tltk propose` is about pictures. .* `tltk advise`"):
        check(ProposeSpec(DataSpec(name), (SHIPPED,)))


def test_candidates_must_read_what_the_domain_holds() -> None:
    with pytest.raises(BadSpec, match="sees pictures. docstrings holds texts; take"):
        check(RankSpec(DataSpec("docstrings"), candidates=("encoder:bert", SHIPPED)))
    with pytest.raises(BadSpec, match="reads rows. digits holds pictures; take"):
        check(AdviseSpec(DataSpec("digits"), candidates=("mlp@run:0123456789ab",)))

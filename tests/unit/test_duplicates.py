"""Copies and near copies: which pairs, in which parts, under which labels, and in another domain."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

import tltk as api
from tests.support.shell import here, refused, tltk  # noqa: F401 – a fixture
from tltk.analyses.duplicates.result import DuplicatesResult
from tltk.analyses.duplicates.spec import DuplicatesSpec
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec

pytestmark = pytest.mark.usefixtures("here")


def scene(seed: int) -> Image.Image:
    """A smooth picture of its own."""
    tones = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return Image.fromarray(tones).resize((64, 64), Image.Resampling.BICUBIC)


def pictures(root: Path) -> Path:
    """Two classes in three parts: a copy, a mirror image and a brighter one, under one label and under two."""
    for place, (part, label) in enumerate((p, c) for p in ("train", "val", "test") for c in ("cat", "dog")):
        (root / part / label).mkdir(parents=True)
        for i in range(6):
            scene(100 * place + i).save(root / part / label / f"{i}.png")
    scene(0).save(root / "val" / "cat" / "copy.png")  # of train/cat/0
    ImageEnhance.Brightness(scene(1)).enhance(1.04).save(root / "train" / "cat" / "brighter.png")
    scene(2).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "train" / "cat" / "mirrored.png")
    scene(3).save(root / "train" / "dog" / "clash.png")  # of train/cat/3
    return root


def ask(spec: DuplicatesSpec) -> DuplicatesResult:
    found = api.ask(spec)
    assert isinstance(found, DuplicatesResult)
    return found


def test_pairs_are_found_part_by_part_with_their_kind(tmp_path: Path) -> None:
    found = ask(DuplicatesSpec(DataSpec(f"folder:{pictures(tmp_path / 'set')}")))
    told = {frozenset((one.name, one.other_name)): one for one in found.pairs}
    wanted = {
        ("train/cat/0.png", "val/cat/copy.png"): "identical",
        ("train/cat/1.png", "train/cat/brighter.png"): "near",
        ("train/cat/2.png", "train/cat/mirrored.png"): "mirrored",
        ("train/cat/3.png", "train/dog/clash.png"): "identical",
    }
    assert {tuple(sorted(pair)): one.kind for pair, one in told.items()} == {
        tuple(sorted(pair)): kind for pair, kind in wanted.items()
    }
    assert found.pairs[0].name.endswith("cat/0.png"), "across parts first"
    assert (found.pairs[1].label, found.pairs[1].other_label) == ("cat", "dog"), "then under two labels"
    assert all(one.bits is not None and one.bits <= 6 for one in found.pairs)
    across = [(one.part, one.other_part, one.pairs, one.identical, one.clashing) for one in found.parts]
    assert ("train", "train", 3, 1, 1) in across and sum(one[2] for one in across) == 4
    assert "both sides of training" in found.remarks[0]


def test_two_domains_are_compared(tmp_path: Path) -> None:
    mine, other = pictures(tmp_path / "set"), tmp_path / "other"
    for label, first in (("cat", 1500), ("bird", 1600)):
        (other / label).mkdir(parents=True)
        for i in range(6):
            scene(first + i).save(other / label / f"{i}.png")
    scene(0).resize((48, 48)).save(other / "cat" / "small.png")
    scene(0).save(other / "bird" / "same.png")
    found = ask(DuplicatesSpec(DataSpec(f"folder:{mine}"), DataSpec(f"folder:{other}")))
    pairs = {(one.name, one.other_name, one.kind) for one in found.pairs}
    assert ("train/cat/0.png", "bird/same.png", "identical") in pairs
    assert found.n_other == 14 and found.total == 3
    assert {name for pair in pairs for name in pair[:2]} == {
        "train/cat/0.png",
        "val/cat/copy.png",
        "bird/same.png",
        "cat/small.png",
    }
    assert "1 validation and test pictures" in found.remarks[0]


def test_there_may_be_none() -> None:
    found = ask(DuplicatesSpec(DataSpec("shapes", n=60, size=16), DataSpec("digits", n=60, size=16)))
    assert found.total == 0 and found.pairs == [] and "only identical ones" in found.remarks[-1]


def test_the_same_digits_plain_and_blended_are_the_same_examples() -> None:
    found = ask(DuplicatesSpec(DataSpec("digits", n=60, size=16), DataSpec("blended_digits", size=16), most=20))
    assert found.total == 60 and len(found.pairs) == 20 and "40 pairs are not listed" in found.remarks[1]
    assert all(one.label == one.other_label for one in found.pairs)


def test_the_shell(tmp_path: Path) -> None:
    name = f"folder:{pictures(tmp_path / 'set')}"
    done = tltk("duplicates", "--target", name, "--png", str(tmp_path / "a.png"), "--csv", str(tmp_path / "a.csv"))
    assert done.exit_code == 0, done.output
    assert "4 pairs" in done.stdout and "train – train" in done.stdout
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 4 and {"identical", "near", "mirrored"} == {row["kind"] for row in rows}
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width > 1000
    spec = DuplicatesSpec(DataSpec("digits", shots=3), DataSpec("usps", n=50, size=64), most=5)
    assert to_command(spec) == "tltk duplicates --target digits --other usps --other-n 50 --most 5"
    assert spec.other is not None and spec.other.size == spec.target.size and spec.target.shots == 0
    refused(["duplicates", "--target", "digits", "--other-n", "5"], "need --other NAME")
    refused(["duplicates", "--target", "digits", "--other", "nothing"], "domain")

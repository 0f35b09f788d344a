"""Nearest training texts and rows: a copy finds itself, a sentence may be given as it is, words are said, not pictures."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest

import tltk as api
from tests.support.shell import here, refused, said, tltk  # noqa: F401 – a fixture
from tests.support.texts import BAD, GOOD, lines, needs_transformers
from tests.support.trainings import PLAIN, TARGET, trained
from tltk.analyses.nearest.result import NearestResult
from tltk.analyses.nearest.spec import NearestSpec
from tltk.data import load
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec

pytestmark = pytest.mark.usefixtures("here")
OPTIM = OptimSpec(epochs=1, batch_size=16, lr=1e-3, device="cpu")
ROWS = DataSpec("transactions:missing=0.2", n=120, size=16)


def ask(spec: NearestSpec) -> NearestResult:
    found = api.ask(spec)
    assert isinstance(found, NearestResult)
    return found


@needs_transformers
def test_training_sentences_of_a_sentence(tmp_path: Path) -> None:
    target = DataSpec(f"text:{lines(tmp_path / 'reviews.txt')}", size=16)
    net = NetSpec("encoder:bert?layers=1&width=16&heads=2&vocabulary=500")
    run = trained(TransferSpec(target, net, optim=OPTIM))
    domain = load(target)
    first = domain.modality.sentence(domain, int(domain.split(target, 0).train[0]), 160)
    found = ask(NearestSpec(run.id, text=first, k=3))
    assert [one.name for one in found.pictures] == [f"text: {first}"]
    near = found.pictures[0].neighbours
    assert near[0].name.endswith(first) and near[0].distance < 1e-5 < near[-1].distance
    (tmp_path / "asked.txt").write_text(f"{first}\n{GOOD[1]} {BAD[2]}\n", encoding="utf-8")
    both = ask(NearestSpec(run.id, (str(tmp_path / "asked.txt"),), k=1))
    assert [one.name.partition(": ")[0] for one in both.pictures] == ["asked.txt, line 1", "asked.txt, line 2"]
    assert both.pictures[0].neighbours == near[:1]
    done = tltk("nearest", run.id, "--text", first, "--k", "2", "--csv", str(tmp_path / "a.csv"))
    assert done.exit_code == 0, done.output
    assert "training texts of" in done.stdout and "picture " not in done.stdout
    assert len(list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))) == 2
    assert to_command(NearestSpec(run.id, text="it's dull", k=2)) == (
        f"""tltk nearest {run.id} --text 'it'"'"'s dull' --k 2"""
    )


def test_training_rows_of_rows() -> None:
    run = trained(TransferSpec(ROWS, NetSpec("mlp?layers=2&width=16"), optim=OPTIM))
    found = ask(NearestSpec(run.id, (ROWS.name,), k=2, part="train", distance="euclidean", layer="0"))
    domain = load(ROWS)
    train = domain.split(ROWS, 0).train.tolist()
    assert len(found.pictures) == len(train)
    assert [one.neighbours[0].distance for one in found.pictures] == pytest.approx([0] * len(train), abs=1e-5)
    assert domain.modality.sentence(domain, train[0], 160) in found.pictures[0].name
    refused(["nearest", run.id, "--text", "a sentence"], "training of texts")


def test_a_training_without_labels_names_no_class_and_finds_its_neighbours() -> None:
    taught = dataclasses.replace(
        PLAIN, strategy=StrategySpec("fine_tune"), terms=(TermSpec("rotation"),), labels="none", optim=OPTIM
    )
    run = trained(taught)
    found = ask(NearestSpec(run.id, (TARGET.name,), k=1, part="train"))
    one = found.pictures[0]
    assert (one.predicted, one.probability, one.agree) == ("", None, None)
    assert one.neighbours[0].distance < 1e-5 and one.neighbours[0].label == one.label
    assert any("learned without labels" in remark for remark in found.remarks)
    assert said("nearest", run.id, TARGET.name, "--k", "1", "--part", "train")["result"]["pictures"][0]["agree"] is None
    refused(["predict", run.id, TARGET.name], "must have learned from labels")

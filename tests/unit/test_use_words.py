"""Trainings of texts and rows in use: nearest training examples, and what is predicted of texts without labels."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import tltk as api
from tests.support.shell import here, refused, said, tltk  # noqa: F401 – a fixture
from tests.support.texts import BAD, GOOD, needs_transformers
from tests.support.trainings import PLAIN, TARGET, trained
from tests.support.words import train, trained_on
from tltk.analyses.advise.spec import AdviseSpec
from tltk.analyses.nearest.result import NearestResult
from tltk.analyses.nearest.spec import NearestSpec
from tltk.analyses.saliency.analysis import _verdict
from tltk.analyses.saliency.result import RandomisedLayer, SaliencyResult
from tltk.analyses.saliency.spec import SaliencySpec
from tltk.analyses.soup.analysis import _check_columns
from tltk.analyses.soup.spec import SoupSpec
from tltk.analyses.source_check.spec import SourceCheckSpec
from tltk.data import load
from tltk.errors import BadSpec
from tltk.runs.run import Run
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


def test_training_sentences_of_a_sentence(tmp_path: Path) -> None:
    run, file = trained_on("vectors", tmp_path)
    target = Run.open(run).spec.target  # type: ignore[attr-defined]
    domain = load(target)
    first = domain.modality.sentence(domain, int(domain.split(target, 0).train[0]), 160)
    found = ask(NearestSpec(run, text=first, k=3))
    assert [one.name for one in found.pictures] == [f"text: {first}"]
    near = found.pictures[0].neighbours
    assert near[0].distance < 1e-5 and {near[0].name.split(": ")[1][:6]} == {first[:6]}
    (tmp_path / "asked.txt").write_text(f"{first}\n{GOOD[1]} {BAD[2]}\n", encoding="utf-8")
    both = ask(NearestSpec(run, (str(tmp_path / "asked.txt"),), k=1))
    assert [one.name.partition(": ")[0] for one in both.pictures] == ["asked.txt, line 1", "asked.txt, line 2"]
    assert both.pictures[0].neighbours == near[:1]
    done = tltk("nearest", run, "--text", first, "--k", "2", "--csv", str(tmp_path / "a.csv"))
    assert done.exit_code == 0, done.output
    assert "training texts of" in done.stdout and "picture " not in done.stdout
    assert len(list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))) == 2
    assert to_command(NearestSpec(run, text="dull & long", k=2)) == f"tltk nearest {run} --text 'dull & long' --k 2"
    refused(["nearest", run], "or give one text with --text")


def test_a_table_of_texts_needs_no_labels_to_be_predicted(tmp_path: Path) -> None:
    run, file = trained_on("vectors", tmp_path)
    bare = tmp_path / "new.csv"
    bare.write_text(f"id,review\n1,{GOOD[0]}\n2,\n3,{BAD[0]}\n4,a,b,c\n", encoding="utf-8")
    found = api.predict(run, bare)
    assert [name.partition(": ")[0] for name in found.result.names] == ["new.csv, line 2", "new.csv, line 4"]
    assert found.probabilities.sum(1) == pytest.approx([1, 1], abs=1e-6)
    assert [(one.name, one.reason) for one in found.result.skipped] == [
        ("new.csv, line 5", "4 cells, and the head has 2"),
        ("new.csv, line 3", "no text"),
    ]
    assert found.result.labels == []
    lines_of_text = tmp_path / "new.txt"
    lines_of_text.write_text(f"{GOOD[0]}\n{BAD[0]}\n", encoding="utf-8")
    np.testing.assert_allclose(found.probabilities, api.predict(run, lines_of_text).probabilities, atol=1e-7)
    labelled = tmp_path / "known.tsv"
    labelled.write_text(f"body\tlabel\n{GOOD[0]}\t1\n{BAD[0]}\t\n", encoding="utf-8")
    assert api.predict(run, labelled).result.labels == ["1", ""]
    assert len(api.predict(run, f"text:{bare}?text=review").result.names) == 2
    labelled.write_text(f"body\tlabel\n{GOOD[0]}\t1.0\n{BAD[0]}\tNA\n", encoding="utf-8")
    assert api.predict(run, labelled).result.labels == ["1", ""], "as they are read to learn from"
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    refused(["predict", run, str(tmp_path / "odd.csv")], "must have a column of texts")
    assert len(api.predict(run, file).result.labels) == 40, "its own texts, with their labels"


def test_training_rows_of_rows() -> None:
    run = trained(TransferSpec(ROWS, NetSpec("mlp?layers=2&width=16"), optim=OPTIM))
    found = ask(NearestSpec(run.id, (ROWS.name,), k=2, part="train", distance="euclidean", layer="0"))
    domain = load(ROWS)
    train = domain.split(ROWS, 0).train.tolist()
    assert len(found.pictures) == len(train)
    assert [one.neighbours[0].distance for one in found.pictures] == pytest.approx([0] * len(train), abs=1e-5)
    assert domain.modality.sentence(domain, train[0], 160) in found.pictures[0].name
    refused(["nearest", run.id, "--text", "a sentence"], "training of texts")


def explained(spec: SaliencySpec) -> SaliencyResult:
    found = api.ask(spec)
    assert isinstance(found, SaliencyResult)
    return found


def test_words_are_explained_by_what_their_vectors_add_to_the_score(tmp_path: Path) -> None:
    """Of a linear head on the mean of n vectors a word adds wᵀ(v − mean of all vectors) / n."""
    run, _ = trained_on("vectors", tmp_path)
    found = explained(SaliencySpec(run, part="all", pictures=6))
    assert found.method == "integrated_gradients" and "mean of the known word vectors" in found.baseline
    assert (found.rows, found.columns, found.depends) == (0, 0, True)
    state = load_file(Run.open(run).path / "model.safetensors")
    vectors = state["backbone.encoder.vectors.weight"].astype(np.float64)
    known = (tmp_path / "v.txt").read_text().splitlines()
    place = {line.split()[0]: i for i, line in enumerate(known, start=2)}
    for one in found.pictures:
        weights, of = state["head.0.weight"].astype(np.float64), one.explained
        read = [part for part in one.parts if part.weight is not None]
        for part in read:
            added = weights[of] @ (vectors[place[part.name]] - vectors[2:].mean(0)) / len(read)
            assert part.weight == pytest.approx(added, abs=1e-5)
        assert one.score is not None and one.baseline_score is not None
        assert sum(p.weight or 0 for p in read) == pytest.approx(one.score - one.baseline_score, abs=1e-5)
    done = tltk("saliency", run, "--csv", str(tmp_path / "a.csv"))
    assert done.exit_code == 0, done.output
    assert "what words add to the score of the class" in done.stdout and "attributions" in done.stdout
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert {"text", "part", "value", "weight"} <= set(rows[0])
    refused(["saliency", run, "--method", "grad_cam"], "take integrated_gradients")
    refused(["saliency", run, "--layer", "0"], "Leave --layer out")
    refused(["explain", run, str(tmp_path / "v.txt")], "is about pictures")


def test_columns_are_explained_from_their_means(tmp_path: Path) -> None:
    """The outcome follows from age and colour; what is not there weighs nothing."""
    run, _ = trained_on("rows", tmp_path)
    found = explained(SaliencySpec(run, of="yes", pictures=8))
    assert "all at their means" in found.baseline and {one.explained for one in found.pictures} == {1}
    names = {part.name for one in found.pictures for part in one.parts}
    assert {"age", "Colour = red"} <= names
    for one in found.pictures:
        assert one.score is not None and one.baseline_score is not None
        total = sum(part.weight or 0 for part in one.parts)
        assert total == pytest.approx(one.score - one.baseline_score, abs=0.02)
    assert found.depends is True and len(found.check) == 3


def test_attributions_that_random_weights_give_too_are_not_to_be_trusted() -> None:
    layer = RandomisedLayer(0, "layers.0", 0.9, 0.8, 0.95, 0)
    depends, sentence = _verdict([layer], 12, "attributions", "texts")
    assert depends is False and "the text's own structure" in sentence and "over 12 texts" in sentence


@needs_transformers
def test_words_of_an_encoder_are_explained_by_its_attention(tmp_path: Path) -> None:
    run, _ = trained_on("encoder", tmp_path)
    found = explained(SaliencySpec(run, pictures=4))
    assert found.method == "attention_rollout" and found.baseline == ""
    for one in found.pictures:
        said = " ".join(part.name for part in one.parts)
        assert one.explained is None and said.replace(" .", ".").replace(" !", "!") == one.name.partition(": ")[2]
        assert 0 < sum(part.weight or 0 for part in one.parts) < 1, "the marks of beginning and end have the rest"
    assert any("marks of a text's beginning and end" in remark for remark in found.remarks)
    refused(["saliency", run, "--method", "integrated_gradients"], "take attention_rollout")


def test_a_soup_advice_and_a_check_of_the_source_are_of_rows_too(tmp_path: Path) -> None:
    run, file = trained_on("rows", tmp_path)
    words = ("--target", f"table:{file}", "--size", "16", "--backbone", "mlp?layers=2&width=16")
    other = train(*words, "--seed", "1")
    soup = api.ask(SoupSpec((run, other)))
    assert {row.name for row in soup.rows} >= {"uniform", "greedy", "ensemble"}
    assert "test rows right" in soup.sentence or "no other one helps" in soup.sentence
    with_name = tltk("soup", "--runs", f"{run},{other}", "--name", "mine")
    assert with_name.exit_code == 2 and "leave out --name" in with_name.stderr
    target, net = DataSpec(f"table:{file}", size=16), NetSpec("mlp?layers=2&width=16", f"run:{run}")
    advice = api.ask(AdviseSpec(target=target, net=net))
    assert len(advice.probes) == 3 and advice.suggestions
    checked = api.ask(SourceCheckSpec(target=target, net=net))
    assert checked.attributes == [] and "unseen rows of its own domain" in checked.sentence
    refused(["response", "--backbone", "mlp"], "Measure two domains with `tltk shift`")


def test_columns_that_are_read_otherwise_make_no_soup() -> None:
    """First-layer weights of other means, or of columns in another order, are of other inputs."""
    columns = {"backbone.columns.codes": torch.tensor([3, 4]), "backbone.columns.mean": torch.zeros(2)}
    _check_columns({"a": columns, "b": dict(columns)})
    for name, other in (("codes", torch.tensor([4, 3])), ("mean", torch.ones(2))):
        with pytest.raises(BadSpec, match="the same columns, standardised alike"):
            _check_columns({"a": columns, "b": columns | {f"backbone.columns.{name}": other}})


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

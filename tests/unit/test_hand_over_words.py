"""What a training of texts or of rows made, used without tltk: as a script, for other runtimes, as a folder, a card."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.support.shell import agree, here, said, tltk  # noqa: F401 – fixtures
from tests.support.texts import needs_transformers
from tests.support.words import train, trained_on
from tltk import data
from tltk.analyses.export.analysis import export
from tltk.analyses.export.forms import form_of
from tltk.analyses.export.network import load_trained
from tltk.analyses.export.spec import ExportSpec
from tltk.analyses.network import rebuild
from tltk.analyses.trained import open_training
from tltk.data import rows
from tltk.errors import WeightsMissing
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.weights.handover import import_zip

KINDS = ["rows", "vectors", pytest.param("encoder", marks=needs_transformers)]
COMMAS = 'age;Colour\n"61,5";red\n1.030,5;pink\ninf;red\n"1.000";blue\n'
NEW = "age,Colour,more\n30,red,1\n,BLUE,2\n61.5,pink,3\nx,green,4\n"
TEXTS = "A lovely noise.\nnothing that anyone knows: qqq\nPoor plots, said slowly\n"
pytestmark = pytest.mark.usefixtures("here")


def probabilities(run: str, file: Path) -> list[dict[str, float]]:
    """What `tltk predict` says of each line."""
    done = tltk("predict", run, str(file), "--jsonl", str(file) + ".jsonl")
    assert done.exit_code == 0, done.output
    told = [json.loads(line) for line in Path(str(file) + ".jsonl").read_text().splitlines()]
    return [row["probabilities"] for row in told]


def test_a_table_without_labels_is_read_by_the_columns_of_the_training(tmp_path: Path) -> None:
    """One row is enough: which words a column may hold is what the training knows, not what the table shows."""
    run, _ = trained_on("rows", tmp_path)
    (tmp_path / "new.csv").write_text(NEW)
    (tmp_path / "one.csv").write_text("Colour;age\npink;61,5\n")
    every, one = probabilities(run, tmp_path / "new.csv"), probabilities(run, tmp_path / "one.csv")
    assert one == [every[2]] and len({tuple(p.values()) for p in every}) == 4
    done = tltk("predict", run, str(tmp_path / "new.csv"))
    assert "new.csv, line 3: age is missing · Colour blue" in done.stdout and "4 rows: " in done.stdout
    assert "age: 1 of 4 cells are no numbers, and are read as missing." in done.stdout
    whole = probabilities(run, tmp_path / "rows.csv")  # as a table, and as the domain that it was trained on
    assert whole == [
        row["probabilities"] for row in _predicted(run, f"table:{tmp_path / 'rows.csv'}?label=outcome", tmp_path)
    ]
    (tmp_path / "other.csv").write_text("height,weight\n1,2\n")
    done = tltk("predict", run, str(tmp_path / "other.csv"))
    assert done.exit_code == 2
    assert "Rows must have columns that the network knows by name, such as 'age, Colour'" in done.stderr


def _predicted(run: str, word: str, folder: Path) -> list[dict[str, Any]]:
    tltk("predict", run, word, "--jsonl", str(folder / "again.jsonl"))
    return [json.loads(line) for line in (folder / "again.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_predicts_the_same_without_tltk(kind: str, tmp_path: Path) -> None:
    run, file = trained_on(kind, tmp_path)
    new = tmp_path / ("new.csv" if kind == "rows" else "new.txt")
    new.write_text(NEW if kind == "rows" else TEXTS)
    found = said("export", run, "--to", "script", str(tmp_path / "out"))
    agree("tltk export", found)
    assert found["difference"] < 1e-6 and found["noun"] == ("rows" if kind == "rows" else "texts")
    program = (tmp_path / "out" / "predict.py").read_text()
    assert len(program.splitlines()) < 60 and "import tltk" not in program and str(tmp_path) not in program
    words = [sys.executable, "-I", str(tmp_path / "out" / "predict.py"), str(new)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = [json.loads(line)["probabilities"] for line in done.stdout.splitlines()]
    ours = probabilities(run, new)
    assert len(theirs) == len(ours) > 2
    for own, other in zip(ours, theirs, strict=True):
        assert other == pytest.approx(own, abs=1e-5)


def test_a_script_reads_numbers_in_the_notation_of_their_table(tmp_path: Path) -> None:
    run, _ = trained_on("rows", tmp_path)
    (tmp_path / "new.csv").write_text(COMMAS)
    export(ExportSpec(run, "script", str(tmp_path / "out")))
    ours = [row["probabilities"] for row in _predicted(run, str(tmp_path / "new.csv"), tmp_path)]
    theirs = [row["probabilities"] for row in without_tltk(tmp_path / "out", tmp_path / "new.csv")]
    assert [list(p.values()) for p in theirs] == [pytest.approx(list(p.values()), abs=1e-5) for p in ours]


def without_tltk(folder: Path, file: Path) -> list[dict[str, Any]]:
    """What an exported program prints in a process in which tltk cannot be imported."""
    first = "import runpy, sys; sys.modules['tltk'] = None; del sys.argv[0]; "
    first += "runpy.run_path(sys.argv[0], run_name='__main__')"
    words = [sys.executable, "-I", "-c", first, str(folder / "predict.py"), str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_script_reads_rows_as_the_built_in_table_was_read(tmp_path: Path) -> None:
    """Each row of a domain, written as a table with its missing cells and words: the same class and probabilities."""
    name = "transactions:fraud=0.2,missing=0.3"
    run = train("--target", name, "--n", "300", "--backbone", "mlp", "--adapter", "lora:rank=2")
    domain = data.load(DataSpec(name, n=300))
    values = rows.decode(domain.images)[1][:, : len(domain.columns)]
    table: list[dict[str, str]] = []
    for row in values.tolist():
        told = {column: value for column, value in zip(domain.columns, row, strict=True) if value == value}
        words = {c.split(rows.IS)[0]: c.split(rows.IS)[1] for c, v in told.items() if rows.IS in c and v == 1}
        numbers = {c: repr(v) for c, v in told.items() if rows.IS not in c and not c.endswith(rows.MISSING)}
        table.append({**numbers, **words})
    file, columns = tmp_path / "t.csv", sorted(set().union(*table))
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, columns, restval="")
        writer.writeheader()
        writer.writerows(table)
    export(ExportSpec(run, "script", str(tmp_path / "out")))
    theirs = without_tltk(tmp_path / "out", file)
    ours = _predicted(run, name, tmp_path)[: len(theirs)]
    assert len(theirs) == len(domain.labels) and any("" in one["row"].values() for one in theirs)
    own = np.array([one["probabilities"]["fraud"] for one in ours])
    np.testing.assert_allclose([one["probabilities"]["fraud"] for one in theirs], own, atol=1e-6)
    assert own.std() > 0.01


@pytest.mark.parametrize("kind", ["vectors", pytest.param("encoder", marks=needs_transformers)])
def test_a_script_reads_sentences_as_they_are_written(kind: str, tmp_path: Path, shared: Path) -> None:
    """Sentences of three sites, with all that people type; the first hundred of each."""
    sites = [shared / "text" / f"{site}_labelled.txt" for site in ("amazon_cells", "imdb", "yelp")]
    sentences = [line.rpartition("\t")[0] for site in sites for line in site.read_text().split("\n")[:100]]
    run, _ = trained_on(kind, tmp_path)
    (tmp_path / "real.txt").write_text("\n".join(sentences))
    export(ExportSpec(run, "script", str(tmp_path / "out")))
    assert not [file.name for file in (tmp_path / "out").iterdir() if str(tmp_path).encode() in file.read_bytes()]
    theirs, ours = without_tltk(tmp_path / "out", tmp_path / "real.txt"), probabilities(run, tmp_path / "real.txt")
    own = np.array([list(one.values())[1] for one in ours])
    assert len(theirs) == len(ours) == 300 and own.std() > 1e-4
    np.testing.assert_allclose([list(one["probabilities"].values())[1] for one in theirs], own, atol=1e-6)


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated")
@pytest.mark.parametrize("kind", KINDS)
def test_files_of_weights_and_for_other_runtimes(kind: str, tmp_path: Path) -> None:
    run, _ = trained_on(kind, tmp_path)
    trained = load_trained(run)
    whole = export(ExportSpec(run, "safetensors", str(tmp_path / "w.safetensors")))
    assert whole.difference == 0 and {"head.0.weight", "head.0.bias"} < load_file(tmp_path / "w.safetensors").keys()
    traced = export(ExportSpec(run, "torchscript", str(tmp_path / "t.pt")))
    assert traced.difference is not None and traced.difference < 1e-6
    net = torch.jit.load(str(tmp_path / "t.pt"))
    for noise in (trained.noise()[:3], trained.noise()[4:5]):  # other numbers and lengths than it was traced with
        torch.testing.assert_close(net(*form_of(trained).inputs(trained, noise)), trained.answer(noise))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="the extra `onnx` is not installed")
@pytest.mark.parametrize("kind", KINDS)
def test_onnx_takes_any_number_and_length(kind: str, tmp_path: Path) -> None:
    import onnxruntime

    run, _ = trained_on(kind, tmp_path)
    trained, form = load_trained(run), form_of(load_trained(run))
    export(ExportSpec(run, "onnx", str(tmp_path / "net.onnx")))
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(trained.classes) and str(tmp_path) not in json.dumps(told)
    for noise in (trained.noise(), trained.noise()[2:3]):
        inputs = {n: x.numpy() for n, x in zip(form.axes, form.inputs(trained, noise), strict=True)}
        np.testing.assert_allclose(session.run(None, inputs)[0], trained.answer(noise).numpy(), atol=1e-5)


@needs_transformers
def test_a_folder_is_opened_by_transformers_and_by_tltk(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import AutoModel, BertConfig, BertModel

    _, file = trained_on("vectors", tmp_path)
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "A", "The", "plot", "film", "is", "cast", "!"])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(tmp_path / "first")
    tokenizer.save(str(tmp_path / "first" / "tokenizer.json"))
    name = f"folder:{tmp_path / 'first'}"
    words = ("--target", f"text:{file}", "--size", "32", "--backbone", name, "--weights", name)
    run = train(*words)
    found = said("export", run, "--to", "folder", str(tmp_path / "out"))
    assert found["difference"] < 1e-6 and "mean of its last hidden states" in found["notes"][0]
    model = AutoModel.from_pretrained(tmp_path / "out", local_files_only=True).eval()
    head = load_file(tmp_path / "out" / "head.safetensors")
    ids = torch.tensor([Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json")).encode("The plot is odd").ids])
    with torch.no_grad():
        x = model(input_ids=ids, attention_mask=torch.ones_like(ids))[0].mean(1)
    p = torch.nn.functional.linear(x, head["head.0.weight"], head["head.0.bias"]).softmax(1)[0].tolist()
    (tmp_path / "a.txt").write_text("The plot is odd\n")
    assert list(probabilities(run, tmp_path / "a.txt")[0].values()) == pytest.approx(p, abs=1e-5)
    again = f"folder:{tmp_path / 'out'}"  # a backbone like any other
    more = Run.open(train("--target", f"text:{file}", "--size", "32", "--backbone", again, "--weights", again)).result()
    assert more is not None and "taken as they came" in more["fitting"]["sentence"]


@pytest.mark.parametrize("kind", ["rows", "vectors"])
def test_what_no_library_opens_is_refused_and_a_card_speaks_of_what_it_read(kind: str, tmp_path: Path) -> None:
    run, _ = trained_on(kind, tmp_path)
    done = tltk("export", run, "--to", "folder", str(tmp_path / "folder"))
    assert done.exit_code == 2 and "A folder is what timm or transformers opens." in done.stderr
    export(ExportSpec(run, "card", str(tmp_path / "card.md")))
    card, noun = (tmp_path / "card.md").read_text(), "rows" if kind == "rows" else "texts"
    assert "picture" not in card and str(tmp_path) not in card
    assert f"## {noun.capitalize()} and labels" in card and f"| class | test {noun} | recall |" in card
    line = {"rows": "age is missing, Colour = blue", "vectors": "word vectors of a file, v.txt; their licence"}[kind]
    assert line in card


@pytest.mark.parametrize("kind", [*KINDS, pytest.param("stored", marks=needs_transformers)])
def test_a_run_goes_to_another_machine(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what it learned from is there, nor the file of vectors, nor the folder with the tokenizer."""
    run, file = trained_on(kind, tmp_path)
    new = tmp_path / ("new.csv" if kind == "rows" else "new.txt")
    new.write_text(NEW if kind == "rows" else TEXTS)
    ours = probabilities(run, new)
    told = export(ExportSpec(run, "zip", str(tmp_path / "run.zip")))
    assert len(told.notes) == 1
    there = tmp_path / "there"
    there.mkdir()
    for name in ("v.txt", "own"):
        if (tmp_path / name).exists():
            shutil.move(tmp_path / name, there)
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "elsewhere"))
    import_zip(tmp_path / "run.zip")
    for kept in Run.open(run).path.iterdir():
        assert str(tmp_path).encode() not in kept.read_bytes(), kept
    assert Run.open(run).status.state == "done"
    assert probabilities(run, new) == ours
    if kind != "rows":
        kind, _, where = open_training(run).spec.net.backbone.partition(":")
        name = f"{kind}:{there / where}" if kind in ("vectors", "folder") else f"{kind}:{where}"
        further = train("--target", f"text:{file}", "--size", "32", "--backbone", name, "--weights", f"run:{run}")
        assert further != run and Run.open(further).status.state == "done"
        assert len(probabilities(further, new)) == len(ours)


@needs_transformers
def test_a_run_reads_on_as_it_learned_when_the_tokenizer_changes(tmp_path: Path) -> None:
    run, _ = trained_on("stored", tmp_path)
    (tmp_path / "new.txt").write_text(TEXTS)
    ours = probabilities(run, tmp_path / "new.txt")
    words = tmp_path / "own" / "tokenizer.json"
    words.write_text(words.read_text().replace("film", "song"))
    assert probabilities(run, tmp_path / "new.txt") == ours


@needs_transformers
@pytest.mark.parametrize(
    ("reader", "why"),
    [
        ({"config": {"model_type": "bert", "auto_map": {"AutoModel": "evil.Model"}}, "tokenizer": "{}"}, "brings code"),
        ({"config": {"model_type": "bert"}, "words": ["a"], "width": 2}, "the words of its vectors, or its encoder"),
        ({"words": ["a"], "width": -1}, "It is damaged"),
        ([], "It is damaged"),
    ],
)
def test_what_a_zip_reads_texts_by_is_checked(reader: Any, why: str, tmp_path: Path) -> None:
    run, _ = trained_on("stored", tmp_path)
    file = Run.open(run).path / "reader.json"
    file.write_text(json.dumps(reader))
    export(ExportSpec(run, "zip", str(tmp_path / "run.zip")))
    Run.open(run).path.rename(tmp_path / "gone")
    with pytest.raises(WeightsMissing, match=why):
        import_zip(tmp_path / "run.zip")


def test_what_a_table_does_not_say_of_a_column_that_it_has_is_not_so(tmp_path: Path) -> None:
    """Blue rows without gaps bring no column of red ones and none of gaps: as a domain and as rows they are the same."""
    run, _ = trained_on("rows", tmp_path)
    lines = ["age,Colour,outcome", *(f"{30 + i},blue,{'yes' if i > 9 else 'no'}" for i in range(20))]
    (tmp_path / "blue.csv").write_text("\n".join(lines) + "\n")
    as_rows = probabilities(run, tmp_path / "blue.csv")
    net = rebuild(open_training(run))
    spec = dataclasses.replace(open_training(run).spec.target, name=f"table:{tmp_path / 'blue.csv'}")
    domain = data.load(spec)
    assert set(domain.columns) < set(net.columns) and "Colour = red" not in domain.columns
    p = net.answer(domain.images, np.arange(20), 20)[1].double().softmax(1).tolist()
    assert [list(row.values()) for row in as_rows] == [pytest.approx(row, abs=1e-6) for row in p]

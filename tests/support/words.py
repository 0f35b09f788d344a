"""Finished trainings of texts and of rows, each made in a moment."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.support.shell import tltk
from tests.support.texts import BAD, GOOD, lines
from tltk.nn.net import Net
from tltk.runs.run import all_runs
from tltk.specs.parts import NetSpec
from tltk.specs.training import TransferSpec
from tltk.weights.load import build_net

COLOURS = ("red", "green", "blue")
HERE = ("--device", "cpu", "--epochs", "2", "--lr", "0.01")


def table(path: Path, n: int = 120) -> Path:
    """Rows of a number that is sometimes missing, a word, and an outcome that follows from both."""
    draw = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, ["age", "Colour", "outcome"])
        out.writeheader()
        for _ in range(n):
            colour, age = draw.choice(COLOURS), draw.gauss(40, 10)
            outcome = "yes" if (age > 40) != (colour == "red") else "no"
            out.writerow({"age": "" if draw.random() < 0.1 else f"{age:.1f}", "Colour": colour, "outcome": outcome})
    return path


def vectors(path: Path) -> Path:
    """Vectors of most of the words of `tests.support.texts`."""
    draw = random.Random(0)
    words = sorted({word for text in (*GOOD, *BAD) for word in text.lower().strip(".!").split()})[1:]
    path.write_text("\n".join(f"{w} {' '.join(f'{draw.gauss(0, 1):.4f}' for _ in range(8))}" for w in words))
    return path


def trained_on(kind: str, folder: Path) -> tuple[str, Path]:
    """The id of a training, and a file of what it can predict.

    Args:
        kind: rows, encoder, vectors, or stored, which is an encoder in a folder.
        folder: For its files.
    """
    if kind == "rows":
        target = table(folder / "rows.csv")
        words = ("--target", f"table:{target}", "--size", "16", "--backbone", "mlp?layers=2&width=16")
    else:
        target = lines(folder / "texts.tsv")
        small = "encoder:bert?layers=2&width=32"
        name = small if kind == "encoder" else f"vectors:{vectors(folder / 'v.txt')}"
        if kind == "stored":
            name = f"folder:{stored(folder / 'own', build_net(NetSpec(small), 2, 32, 1, 0))}"
        first = () if kind == "encoder" else ("--weights", name)
        words = ("--target", f"text:{target}", "--size", "32", "--backbone", name, *first)
    return train(*words), target


def train(*words: str) -> str:
    """The id of a training that is asked for in the shell; what it notes is printed there too."""
    done = tltk("run", *words, *HERE)
    assert done.exit_code == 0, done.output
    return next(run.id for run in all_runs() if isinstance(run.spec, TransferSpec))


def stored(folder: Path, net: Net, prefix: str = "bert.", **more: Any) -> Path:
    """A folder as transformers writes it: configuration, tokenizer and tensors of a larger network."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    folder.mkdir()
    encoder: Any = net.backbone.encoder
    (folder / "config.json").write_text(json.dumps({**encoder.config.to_dict(), **more}))
    own = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, "good": 2, "film": 3}, unk_token="[UNK]"))
    own.pre_tokenizer = Whitespace()
    own.save(str(folder / "tokenizer.json"))
    tensors = {f"{prefix}{n}": t.contiguous() for n, t in encoder.state_dict().items()}
    save_file({**tensors, "cls.predictions.bias": torch.zeros(3)}, folder / "model.safetensors")
    return folder

"""The program that is exported of a network of rows: torch alone, under 60 lines, with the reading of columns in it."""

from __future__ import annotations

import json

from tltk.analyses.export.network import Trained
from tltk.data.numbers import LARGEST, notations
from tltk.data.numbers import MISSING as EMPTY
from tltk.data.rows import IS, MISSING
from tltk.data.sources.table import OTHER
from tltk.data.tables import DELIMITERS

COLUMNS_FILE = "columns.json"
NUMBER, LACKING, WORD = "number", "missing", "word"

SCRIPT = f'''"""%(about)s
`python predict.py TABLE.csv` prints a line of JSON for each row. Needs torch and safetensors."""
import csv
import json
import re
import sys
import unicodedata
from pathlib import Path

import torch
from safetensors.torch import load_file

HERE, NAN, F = Path(__file__).parent, float("nan"), torch.nn.functional
CLASSES = %(classes)s
# Of a cell where nothing is known; delimiter → [pattern, marks of thousands]; [column, number | missing | word, word]
EMPTY, NOTATIONS, COLUMNS = json.loads((HERE / "columns.json").read_text(encoding="utf-8"))
W%(head)s = load_file(HERE / "model.safetensors")%(load)s
MEAN, SCALE = (W["columns." + name][: len(COLUMNS)] for name in ("mean", "scale"))


def plain(text):
    return " ".join(unicodedata.normalize("NFC", str(text)).casefold().split())


def read(rows, delimiter=","):
    """Numbers (n, columns) of rows, dictionaries of text by column; what is missing is NaN."""
    rows, found = [{{plain(k): plain(v) for k, v in row.items() if k}} for row in rows], []
    for column, kind, word in COLUMNS:
        cells = [row.get(plain(column)) for row in rows]
        said = [c for c in cells if c is not None and c not in EMPTY]
        form, marks = max(NOTATIONS[delimiter], key=lambda f: sum(bool(re.fullmatch(f[0], c)) for c in said))
        values = [float(re.sub(marks, "", c).replace(",", ".")) if c and re.fullmatch(form, c) else NAN for c in cells]
        values = [v if abs(v) <= {LARGEST:g} else NAN for v in values]
        if kind == "missing":
            values = [float(v != v if [column, "number", ""] in COLUMNS else c in EMPTY) for c, v in zip(cells, values)]
        elif kind == "word":  # {OTHER!r} is whatever is none of the others
            known = [plain(w) for c, k, w in COLUMNS if (c, k) == (column, kind)] if word == {OTHER!r} else said
            values = [float(c in said and (c == plain(word) or c not in known)) for c in cells]
        found.append([NAN if c is None else v for c, v in zip(cells, values)])
    return torch.tensor(found).T


@torch.inference_mode()
def predict(numbers):
    """%(gives)s of numbers (n, columns)."""
    x = ((numbers - MEAN) / SCALE.clamp(min=1e-30)).where(numbers.isfinite() & (SCALE > 0), 0.0)
    x = F.pad(x, (0, W["layers.0.weight"].shape[1] - len(COLUMNS)))
    for i in range(%(layers)d):
        x = F.linear(x, W[f"layers.{{i}}.weight"], W[f"layers.{{i}}.bias"]).relu()
    return %(answer)s


if __name__ == "__main__":
    head, *lines = open(sys.argv[1], encoding="utf-8-sig", newline="")
    mark = max(",;\t|", key=head.count)
    rows = list(csv.DictReader([head, *lines], delimiter=mark))
    for row, found in zip(rows, predict(read(rows, mark)).tolist()):
        %(told)s
        print(json.dumps({{"row": row, **told}}))
'''


def row_script(trained: Trained, heads: dict[str, str], told: str) -> str:
    """The program for a training of rows.

    Args:
        trained: The training.
        heads: Kind of head → its logits of features `x`.
        told: Where it knows classes, the line that makes `told` of `found`.
    """
    answer = f"{heads[trained.spec.net.head]}.softmax(1)" if trained.classes else "x"
    what = f"{len(trained.classes)} classes" if trained.classes else "features"
    return SCRIPT % {
        "about": f"{trained.spec.net.backbone}, from a row to {what}; of run {trained.run.id} of tltk, which it does "
        f"not need.",
        "classes": json.dumps(list(trained.classes)),
        "layers": trained.net.depth,
        "head": ", HEAD" if trained.classes else "",
        "load": ', load_file(HERE / "head.safetensors")' if trained.classes else "",
        "gives": "Probabilities (n, classes)" if trained.classes else "Features (n, d)",
        "answer": answer,
        "told": told,
    }


def columns_beside(trained: Trained) -> dict[str, str]:
    """columns.json: empty cells, how numbers are written, and what each column that the network reads is made of."""
    found = []
    for name in trained.columns:
        base, is_word, word = name.partition(IS)
        if is_word:
            found.append([base, WORD, word])
        elif name.endswith(MISSING):
            found.append([name.removesuffix(MISSING), LACKING, ""])
        else:
            found.append([name, NUMBER, ""])
    written = {mark: [(one.pattern, one.marks and f"[{one.marks}]") for one in notations(mark)] for mark in DELIMITERS}
    return {COLUMNS_FILE: json.dumps([sorted(EMPTY), written, found], ensure_ascii=False, indent=0)}

"""Predictions as rows, and as files for other programs: CSV, JSON lines, parquet. No torch here."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from tltk.analyses.predict.result import PredictResult
from tltk.errors import BadSpec, RunProblem
from tltk.runs.run import Run

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a training says of pictures, a row for each in the order of `result.names`.

    Attributes:
        run: The question's run.
        result: Names, classes, and the files that were not read.
        probabilities: (n, classes), float32, 0 … 1.
        logits: (n, classes), float32.
        embeddings: (n, width), float32; None where none were asked for.
        thumbnails: The first pictures, small and in colour, (m, 3, h, w) uint8, the longer side 48 px; None in
            answers of before.
    """

    run: Run
    result: PredictResult
    probabilities: Floats
    logits: Floats
    embeddings: Floats | None = None
    thumbnails: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, run: Run) -> Predictions:
        """Those of a finished question.

        Raises:
            RunProblem: It has not finished, or its file is damaged.
        """
        result = run.read(PredictResult)
        if result is None:
            raise RunProblem(f"Run {run.id} must have predicted before it is read. It is {run.status.state}.")
        try:
            held = load_file(run.path / result.file)
            numbers = held["probabilities"], held["logits"], held.get("embeddings")
            found = cls(run, result, *numbers, held.get("thumbnails"))
        except (OSError, KeyError, SafetensorError):
            raise RunProblem(
                f"Run {run.id} must have its {result.file}. It is not there or damaged; predict once more with --again."
            ) from None
        return found

    @property
    def classes(self) -> list[str]:
        """The class of each picture, by name."""
        return [self.result.classes[c] for c in self.result.predicted]

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row for each picture, then one for each file that was not read."""
        return rows(self.result, self.probabilities, self.embeddings)


def rows(result: PredictResult, probabilities: Floats, embeddings: Floats | None) -> Iterator[dict[str, Any]]:
    """A row for each picture, then one for each file that was not read.

    Args:
        result: What a training says of pictures.
        probabilities: (n, classes), float32.
        embeddings: (n, width), float32; None = without.
    """
    for i, name in enumerate(result.names):
        row: dict[str, Any] = {"picture": name, "class": result.classes[result.predicted[i]]}
        row["probability"] = result.probability[i]
        if result.labels:
            row["label"] = result.labels[i]
        row["probabilities"] = dict(zip(result.classes, _short(probabilities[i]), strict=True))
        if embeddings is not None:
            row["embedding"] = _short(embeddings[i])
        yield row
    for one in result.skipped:
        yield {"picture": one.name, "not_read": one.reason}


def as_jsonl(found: Predictions) -> bytes:
    """An object on each line: `Predictions.rows`."""
    return "".join(json.dumps(row) + "\n" for row in found.rows()).encode()


def as_csv(found: Predictions) -> bytes:
    """A line for each picture and each file that was not read, a column for each class and number of an embedding."""
    buffer = io.StringIO(newline="")
    names, columns = _columns(found)
    writer = csv.writer(buffer)
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
    return buffer.getvalue().encode()


def as_parquet(found: Predictions) -> bytes:
    """The columns of the CSV as a parquet file.

    Raises:
        BadSpec: pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise BadSpec("Parquet is written by the package pyarrow. It is not installed; install it, or take --csv FILE.")
    import pyarrow  # type: ignore[import-untyped,unused-ignore]
    import pyarrow.parquet  # type: ignore[import-untyped,unused-ignore]

    names, columns = _columns(found)
    numbers = [[None if cell == "" and i not in _texts(names) else cell for cell in c] for i, c in enumerate(columns)]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(numbers, names=names), buffer)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[Predictions], bytes]] = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}


def _texts(names: list[str]) -> set[int]:
    """The places of the columns of text."""
    return {names.index(name) for name in ("picture", "class", "label", "not_read") if name in names}


def _columns(found: Predictions) -> tuple[list[str], list[list[Any]]]:
    """Names and values of the columns; files that were not read come last, and have no figures."""
    result, more = found.result, len(found.result.skipped)
    columns: dict[str, list[Any]] = {
        "picture": [*result.names, *(one.name for one in result.skipped)],
        "class": found.classes + [""] * more,
        "probability": [*result.probability, *[""] * more],
    }
    if result.labels:
        columns["label"] = result.labels + [""] * more
    columns["not_read"] = [""] * len(result.names) + [one.reason for one in result.skipped]
    named = list(columns.items())
    for prefix, table in (("p_", found.probabilities), ("e", found.embeddings)):
        if table is not None:
            ends = result.classes if prefix == "p_" else range(table.shape[1])
            named += [(f"{prefix}{end}", _short(table[:, i]) + [""] * more) for i, end in enumerate(ends)]
    return [name for name, _ in named], [values for _, values in named]


def _short(values: Floats) -> list[Any]:
    """Numbers with the nine digits that a float32 has, as Python writes them."""
    return [float(f"{v:.9g}") for v in values.tolist()]

"""Columns over depth as they are computed; each is kept under a key of its content, and found there again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from tltk import home
from tltk.analyses.sample import Context
from tltk.results.layers import Column

FORMAT = 2  # raise it when a column's numbers come out otherwise than before

Each = Callable[[int], dict[str, float]]  # layer → its entries of a column


class Ledger:
    """The columns of one answer, and the seconds that each took."""

    def __init__(self, context: Context, names: list[str], seconds: dict[str, float]) -> None:
        self.context, self.names, self.seconds = context, names, seconds
        self.columns: list[Column] = []

    def add(self, name: str, title: str, unit: str, layers: list[Tensor], settings: list[Any], each: Each) -> None:
        """Compute a column layer by layer, or find it.

        Args:
            name: Of the column.
            title: The same in words.
            unit: "%" for shares, 0 … 1; else empty.
            layers: The features that it is computed of, (n, d) each: with `settings` they are its key.
            settings: What else decides its numbers, as JSON can hold it.
            each: The entries of the column for the layer of this number.
        """
        start = time.perf_counter()
        path = home.folder("columns") / f"{_key(name, layers, settings)}.json"
        column: Column | None = home.read_json(path, Column)
        if column is None:
            entries = []
            for i, layer in enumerate(self.names):
                self.context.callbacks.check()
                self.context.callbacks.notify(f"{title}: {layer}, {i + 1} of {len(self.names)}.")
                entries.append(each(i))
            column = Column(name, title, unit, **{k: [e[k] for e in entries] for k in entries[0]})
            home.write_atomic(path, msgspec.json.encode(column))
        self.columns.append(column)
        self.seconds[name] = time.perf_counter() - start


def _key(name: str, layers: list[Tensor], settings: list[Any]) -> str:
    digest = hashlib.blake2b(json.dumps([FORMAT, torch.__version__, name, settings]).encode(), digest_size=16)
    for x in layers:
        digest.update(np.ascontiguousarray(x.numpy()).data)
    return digest.hexdigest()

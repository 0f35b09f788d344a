"""Rows: the numbers that a training writes, one a line of `rows.jsonl`."""

from __future__ import annotations

import msgspec

ACROSS = 32  # pictures in a row of a contact sheet, `pictures.png`


class Row(msgspec.Struct, frozen=True, array_like=False, omit_defaults=True):
    """One measured number: a line of `rows.jsonl`.

    `split` is train, val or test; `layer` is an index into the network's layers (depth = the head)
    or None. `seconds` count from the first start of the run, stops left out.
    """

    epoch: int
    step: int
    seconds: float
    split: str
    name: str
    value: float
    layer: int | None = None

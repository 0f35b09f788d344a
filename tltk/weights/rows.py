"""Weights of networks that read rows of tables: drawn, or of a run, whose columns are matched by name."""

from __future__ import annotations

import json

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tltk.data.rows import Columns, code
from tltk.errors import WeightsMissing
from tltk.nn.net import Net, make_backbone, make_net
from tltk.nn.rows import RowBackbone
from tltk.specs.parts import NetSpec
from tltk.weights import store, weightfile
from tltk.weights.bytes import fitting_of_bytes
from tltk.weights.checks import check_architecture

OWN = "backbone."  # how names of tensors begin in what is kept of a run
FIRST = "layers.0.weight"  # (width, columns)
KNOWN = ("columns.codes", "columns.mean", "columns.scale")
SAID = 8  # columns of a list that are named


def build_row_net(spec: NetSpec, n_classes: int, size: int, seed: int, columns: Columns | None) -> Net:
    """The network of rows of this spec with its first weights; torch's generator decides what is drawn.

    Args:
        spec: Backbone, weights and head.
        n_classes: Number of logits.
        size: As `DataSpec.size`.
        seed: Of the head's first weights.
        columns: What it is to read; None = what its weights say, or columns without a name.

    Raises:
        UnknownName, BadSpec: No such run or dial.
        WeightsMissing: The weights are no run's, or do not fit.
    """
    backbone = make_backbone(spec.backbone, size, 1, spec.drop_path)
    assert isinstance(backbone, RowBackbone)
    if columns is not None:
        backbone.set_columns(columns)
    kind, where = store.parse_weights(spec.weights)
    names = () if columns is None else columns.names
    told = "All weights are drawn."
    if kind == "run":
        names, told = _load_run(backbone, spec, where, size, columns)
        backbone.columns.name(names)
    elif kind != "scratch":
        raise WeightsMissing(f"Weights of {spec.backbone} must be scratch or run:ID. Got {spec.weights!r}.")
    net = make_net(backbone, size, 1, n_classes, spec, seed)
    net.options = {"columns": json.dumps(names)}
    net.fitting = fitting_of_bytes(
        f"{told} A classifier of {n_classes:,} classes is new, its weights drawn by the seed.",
        kind,
        size,
        n_classes,
    )
    return net


def _load_run(
    backbone: RowBackbone, spec: NetSpec, where: str, size: int, columns: Columns | None
) -> tuple[tuple[str, ...], str]:
    """Load a run's weights, the first layer's by the names of the columns; names, and a sentence on them."""
    run, path = store.run_weights(where)
    head = weightfile.identify(path).told
    check_architecture(spec.backbone, head.get("backbone", spec.backbone), f"run {run.id}")
    theirs = tuple(json.loads(head.get("columns", "[]")))
    try:
        given = {n.removeprefix(OWN): t for n, t in load_file(path).items() if n.startswith(OWN)}
    except (OSError, SafetensorError) as fault:
        raise WeightsMissing(
            f"The weights of run {run.id} must be a whole safetensors file. They are not: {fault}."
        ) from None
    wanted = backbone.state_dict()
    fits = given.keys() == wanted.keys() and all(
        t.shape == wanted[n].shape for n, t in given.items() if n not in (FIRST, *KNOWN)
    )
    if not fits or len(given[FIRST]) != len(wanted[FIRST]):
        raise WeightsMissing(f"The weights of run {run.id} must be of {spec.backbone}. Names or shapes are others.")
    if columns is None:
        if len(theirs) > size:
            raise WeightsMissing(
                f"Run {run.id} reads {len(theirs)} columns. There is room for {size}; set the size to {len(theirs)} or "
                f"more."
            )
        return _as_it_was(backbone, given, theirs, size), f"Weights of run {run.id}."
    return columns.names, _match(backbone, given, theirs, columns, run.id)


def _as_it_was(backbone: RowBackbone, given: dict[str, Tensor], theirs: tuple[str, ...], size: int) -> tuple[str, ...]:
    """The run's own columns, with more or less room behind them."""
    n = len(theirs)
    state = dict(given)
    for name in (FIRST, *KNOWN):
        kept = given[name][..., :n]
        state[name] = torch.cat([kept, kept.new_zeros(*kept.shape[:-1], size - n)], -1)
    backbone.load_state_dict(state)
    return theirs


def _match(
    backbone: RowBackbone, given: dict[str, Tensor], theirs: tuple[str, ...], columns: Columns, run_id: str
) -> str:
    """Weights, mean and scale of each column that both know are the run's; others begin at 0, where they do nothing.

    So on what both tables have the network begins as the run ended, a column that is gone counting as its mean.
    """
    state, known = dict(given), backbone.columns
    at = {int(c): i for i, c in enumerate(given["columns.codes"].tolist()) if c}
    first = torch.zeros_like(backbone.first.weight)
    state |= {name: backbone.state_dict()[name].clone() for name in KNOWN}
    for j, c in enumerate(known.codes.tolist()):
        i = at.get(c)
        if i is not None and given["columns.scale"][i] > 0:  # else it never varied there, and nothing was learned of it
            first[:, j] = given[FIRST][:, i]
            for name in KNOWN:
                state[name][j] = given[name][i]
    state[FIRST] = first
    backbone.load_state_dict(state)
    mine = {code(name): name for name in columns.names}
    other = {code(name): name for name in theirs}
    shared = [name for c, name in mine.items() if c in other]
    new = [name for c, name in mine.items() if c not in other]
    gone = [name for c, name in other.items() if c not in mine]
    told = f"Weights of run {run_id}: {len(shared)} of {len(mine)} columns are known to it by name, and are read as "
    told += "there, with its means and deviations."
    told += f" New, with weights that begin at 0: {_some(new)}." if new else ""
    told += f" Not in this table, and read as its mean: {_some(gone)}." if gone else ""
    return told


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SAID} more" if len(names) > SAID else ""
    return f"{', '.join(names[:SAID])}{more}"

"""Weights of networks that read texts: drawn, of a stored encoder, or of a run. safetensors alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tltk.data.vectors import read_vectors
from tltk.errors import WeightsMissing
from tltk.nn.encoders import make_text_backbone
from tltk.nn.head import Classifier
from tltk.nn.net import Net, make_net
from tltk.nn.text import MeanVectors, TextBackbone, WordList
from tltk.specs.encoders import STORED, WEIGHTS, locate, vectors_file
from tltk.specs.parts import NetSpec
from tltk.weights import store, weightfile
from tltk.weights.bytes import fitting_of_bytes
from tltk.weights.checks import check_architecture

OWN = "backbone.encoder."  # how names of tensors begin in what is kept of a run
HEADS = ("cls.", "classifier.", "lm_head.", "pooler.", "pre_classifier.", "vocab_", "qa_outputs.", "mask_predictions.")


def build_text_net(spec: NetSpec, n_classes: int, size: int, seed: int) -> Net:
    """The network of texts of this spec with its first weights; torch's generator decides what is drawn.

    Args:
        spec: Backbone, weights and head.
        n_classes: Number of logits.
        size: As `DataSpec.size`.
        seed: Of the head's first weights.

    Raises:
        UnknownName: No such network or run.
        WeightsMissing: The weights are not on this machine or do not fit.
    """
    kind, where = store.parse_weights(spec.weights)
    reader = store.reader_of(where) if kind == "run" else None
    backbone = make_text_backbone(spec.backbone, size, spec.drop_path, reader)
    mark = backbone.tokens.tokenizer.mark
    told = f"All weights are drawn; words are read by {backbone.tokens.tokenizer.mark}."
    if kind in STORED:
        told = _load_stored(backbone, spec.weights)
    elif kind == "vectors":
        told = _load_vectors(backbone, spec.weights)
    elif kind == "run":
        told = _load_run(backbone, spec, where, mark)
    net = make_net(backbone, size, 1, n_classes, spec, seed)
    net.options = {"tokenizer": mark}
    net.fitting = fitting_of_bytes(
        f"{told} Texts are read up to {backbone.tokens.longest} tokens. A classifier of {n_classes:,} classes "
        f"is new, its weights drawn by the seed.",
        kind,
        size,
        n_classes,
    )
    return net


def _load_stored(backbone: TextBackbone, weights: str) -> str:
    """The tensors of a stored encoder, by the names of `transformers`; heads for other questions are left out."""
    path = locate(weights) / WEIGHTS
    if not path.is_file():
        raise WeightsMissing(f"The weights of {weights} must be {WEIGHTS}. There is none; pickles are not read.")
    tensors = _read(path, weights)
    wanted = backbone.encoder.state_dict()
    prefix = _prefix(tensors, wanted)
    given = {n.removeprefix(prefix): t.float() if t.is_floating_point() else t for n, t in tensors.items()}
    given = {n.replace(".gamma", ".weight").replace(".beta", ".bias"): t for n, t in given.items()}  # of early files
    extra = [n for n in given if n not in wanted]
    unknown = [n for n in extra if not n.startswith(HEADS) and not n.endswith(("position_ids", "token_type_ids"))]
    _check_fit({n: t for n, t in given.items() if n in wanted}, wanted, unknown, weights)
    backbone.encoder.load_state_dict({n: t for n, t in given.items() if n in wanted}, strict=False)
    heads = f", {len(extra) - len(unknown)} tensors of heads left out" if len(extra) > len(unknown) else ""
    return f"Weights of {weights} were taken as they came{heads}."


def _load_vectors(backbone: TextBackbone, weights: str) -> str:
    """The vectors of a file, for the words of this network.

    Raises:
        WeightsMissing: The network is another, or has other words.
    """
    read, encoder = read_vectors(vectors_file(weights)), backbone.encoder
    if not isinstance(encoder, MeanVectors) or WordList(read.words).mark != backbone.tokens.tokenizer.mark:
        raise WeightsMissing(f"The vectors of {weights} must be of this network's words. Take the backbone {weights}.")
    given = torch.from_numpy(read.vectors)
    if given.shape[1] != encoder.vectors.embedding_dim:
        raise WeightsMissing(f"The vectors of {weights} must be as wide as the network's. Take the backbone {weights}.")
    with torch.no_grad():
        encoder.vectors.weight[2:] = given
    more = f"; {read.left:,} rarer words of the file were left out" if read.left else ""
    return f"{len(read.words):,} word vectors were taken as they came{more}."


def _prefix(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """What stands before the names of an encoder that is a part of a larger network, such as `bert.`."""
    tries = ["", *dict.fromkeys(name.partition(".")[0] + "." for name in tensors)]
    return max(tries, key=lambda p: sum(name.removeprefix(p) in wanted for name in tensors if name.startswith(p)))


def _load_run(backbone: TextBackbone, spec: NetSpec, where: str, mark: str) -> str:
    run, path = store.run_weights(where)
    told = weightfile.identify(path).told
    check_architecture(spec.backbone, told.get("backbone", spec.backbone), f"run {run.id}")
    if told.get("tokenizer", mark) != mark:
        raise WeightsMissing(
            f"The weights of run {run.id} were learned with another tokenizer than {spec.backbone} has now. "
            f"Put back the one that was there."
        )
    tensors = {n.removeprefix(OWN): t for n, t in _read(path, f"run {run.id}").items() if n.startswith(OWN)}
    wanted = backbone.encoder.state_dict()
    _check_fit(tensors, wanted, [n for n in tensors if n not in wanted], f"run {run.id}")
    backbone.encoder.load_state_dict(tensors)
    return f"Weights of run {run.id}."


def run_classifier(spec: NetSpec) -> Classifier | None:
    """The linear classifier that came with the weights of a run; None where there is none."""
    kind, _, where = spec.weights.partition(":")
    if kind != "run":
        return None
    path = store.run_weights(where)[1]
    told = weightfile.identify(path)
    if told.told.get("head", "linear") != "linear":
        return None
    own = {n: t for n, t in _read(path, spec.weights).items() if n.startswith("head.")}
    weight = next((t for n, t in own.items() if n.endswith(".weight")), None)
    bias = next((t for n, t in own.items() if n.endswith(".bias")), None)
    if weight is None or bias is None:
        return None
    names = json.loads(told.told.get("classes", "null")) or ()
    return Classifier(weight.float(), bias.float(), tuple(names))


def _read(path: Path, origin: str) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as fault:
        raise WeightsMissing(f"The weights of {origin} must be a whole safetensors file. It is not: {fault}.") from None


def _check_fit(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], unknown: list[str], origin: str) -> None:
    """Refuse tensors that are missing, of another shape, or that the architecture does not have."""
    buffers = ("position_ids", "token_type_ids")
    missing = [n for n in wanted if n not in given and not n.endswith(buffers)]
    shapes = [n for n, t in given.items() if n in wanted and t.shape != wanted[n].shape]
    faults = {"missing": missing, "of another shape": shapes, "unknown": unknown}
    told = [f"{len(names)} {what}, such as {names[0]}" for what, names in faults.items() if names]
    if told:
        raise WeightsMissing(f"The weights of {origin} must be of this architecture. Tensors: {'; '.join(told)}.")

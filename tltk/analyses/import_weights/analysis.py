"""Weight files of other people: read without running anything in them, named, and kept as timm loads them."""

from __future__ import annotations

import json

import timm
import torch
from torch import Tensor

from tltk import home
from tltk.analyses.import_weights.result import ImportWeightsResult
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.analyses.sample import Context
from tltk.errors import WeightsMissing
from tltk.nn.net import config_value
from tltk.weights import receptive_fields as receptive
from tltk.weights import store, weightfile
from tltk.weights.reader import Weights, read
from tltk.weights.store import Card
from tltk.weights.weightfile import sanitise

KEPT = ("source", "mean", "std", "size")  # what the store passes on of a header, beside licence, data and classes


def import_weights(spec: ImportWeightsSpec, context: Context | None = None) -> ImportWeightsResult:
    """What a weight file holds; with a name, it is put into the store under timm's names.

    Raises:
        WeightsMissing: No file, not tensors alone, not whole, or of no architecture that is known.
        UnknownName: The backbone named is not timm's.
        BadSpec: The name cannot be a new entry's.
    """
    kind, _, where = spec.weights.partition(":")
    if kind != "file" or not where:
        raise WeightsMissing(f"Weights to look into must be a file, as in file:PATH. Got {spec.weights!r}.")
    path = weightfile.resolve_path(where)
    if spec.name:
        store.check_name(spec.name)
    found = read(path, spec.backbone, spec.part)
    licence = _word(found, "licence", "license") or "unknown"
    data = _word(found, "data", "dataset", "datasets")
    parameters = sum(p.numel() for p in found.shell.parameters())
    names = [sanitise(n) for n in found.classes]
    if spec.name:
        classifier = (*config_value(found.shell.pretrained_cfg, "classifier"), "head")[0]
        passed = {key: sanitise(found.told[key]) for key in KEPT if found.told.get(key)}
        passed |= {k: v for k, v in (("licence", licence), ("data", data)) if v and v != "unknown"}
        passed |= {"classes": json.dumps(names)} if names else {}
        header = {"backbone": found.backbone, "classifier": classifier, **found.options, **passed}
        kept = {n: _limit_precision(t) for n, t in for_timm(found, classifier).items()}
        card = Card(
            spec.name,
            found.backbone,
            "",
            0,
            parameters,
            found.channels,
            f"added from {sanitise(path.name)}",
            licence,
            passed.get("source", ""),
            notes=tuple(found.notes),
            classes=tuple(names),
            data=data,
        )
        receptive.save_fields(store.put(home.folder("weights"), weightfile.pack_tensors(kept, header), card))
    n_classes = len(found.classifier["weight"]) if found.classifier else None
    return ImportWeightsResult(
        name=spec.name,
        weights=f"store:{spec.name}" if spec.name else spec.weights,
        backbone=found.backbone,
        guessed=found.guessed,
        candidates=found.candidates,
        layout=found.layout,
        part=found.part,
        parameters=parameters,
        channels=found.channels,
        classifier=f"classifier of {n_classes:,} classes" if n_classes else "no classifier",
        classes=n_classes,
        class_names=names,
        tensors=found.tensors,
        bytes=found.bytes,
        sha256=store.sha256(*weightfile.identify(path).files),
        licence=licence,
        data=data,
        notes=found.notes,
    )


def _word(found: Weights, *keys: str) -> str:
    return next((sanitise(found.told[key]) for key in keys if found.told.get(key)), "")


def for_timm(found: Weights, classifier: str) -> dict[str, Tensor]:
    """The tensors as timm's own model of so many classes has them, so that it loads them as they are.

    Args:
        found: What a file holds.
        classifier: timm's name of the classifier.
    """
    if not found.classifier:
        return found.body
    with torch.device("meta"):
        wanted = timm.create_model(
            found.backbone.partition(".")[0], num_classes=len(found.classifier["weight"]), in_chans=found.channels
        ).state_dict()
    named = {f"{classifier}.{n}": t for n, t in found.classifier.items()}
    bias = f"{classifier}.bias"
    if bias in wanted and bias not in named:
        named[bias] = torch.zeros(wanted[bias].shape, dtype=named[f"{classifier}.weight"].dtype)
    for name, tensor in named.items():
        if name in wanted and tensor.numel() == wanted[name].numel():
            named[name] = tensor.reshape(wanted[name].shape)  # a classifier may be a convolution there
    return found.body | named


def _limit_precision(tensor: Tensor) -> Tensor:
    """In the file's precision, but 32 bits at most."""
    return (tensor.float() if tensor.dtype == torch.float64 else tensor).clone().contiguous()

"""Weight files of other people: opened without running anything in them, named, put into timm's layout, kept."""

from __future__ import annotations

import pickle
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save
from torch import Tensor, nn

from tltk import catalogue, home, store
from tltk.catalogue import CLASSIFIERS
from tltk.errors import WeightsMissing
from tltk.nn import layouts, receptive
from tltk.nn.net import make_backbone, told
from tltk.nn.weights import load_backbone, read_tensors
from tltk.spec import AdoptSpec
from tltk.store import Card

PICKLED = (".pth", ".pt", ".bin", ".tar", ".ckpt")  # opened with weights_only: tensors and plain containers alone
INSIDE = (  # where tensors may lie, the moving average of a training first
    "state_dict_ema", "model_ema", "ema", "state_dict", "model", "module", "teacher", "student",
)  # fmt: skip
AROUND = ("module.", "_orig_mod.", "model.", "backbone.", "encoder.")  # what training programs put before names
TOLD = ("licence", "license", "source", "mean", "std")  # what the store passes on of a header
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def adopt(spec: AdoptSpec) -> dict[str, Any]:
    """What a weight file holds; with a name, it is put into the store under timm's names.

    Raises:
        WeightsMissing: No file, not tensors alone, not whole, or of no architecture that is known.
        UnknownName: The backbone named is not timm's.
        BadSpec: The name cannot be a new entry's.
    """
    kind, _, where = spec.weights.partition(":")
    if kind != "file" or not where:
        raise WeightsMissing(f"Weights to look into must be a file, as in file:PATH. Got {spec.weights!r}.")
    path = Path(where).expanduser()
    if spec.name:
        store.check_name(spec.name)
    given, header, notes = opened(path)
    passed = {key: _line(header[key]) for key in TOLD if header.get(key)}
    check(given, path)
    tensors = cleaned(given)
    names, guessed = architectures(spec.backbone, header, tensors, path.name)
    if len(names) > 1:
        notes.append(f"The same tensors also fit {_some(names[1:])}; name it with --backbone where it is that one.")
    padding = {"pad_type": "same"} if header.get("pad_type") == "same" else {}
    fit = fitted(names[0], tensors, padding)
    body, classifier = parted(fit, notes)
    load_backbone(fit.backbone, body, path.name)
    classes = len(classifier["weight"]) if classifier else None
    licence = passed.get("licence") or passed.get("license") or "unknown"
    parameters = sum(p.numel() for p in fit.backbone.parameters())
    if spec.name:
        own = (*told(fit.backbone.pretrained_cfg, "classifier"), "head")[0]
        kept = {n: _stored(t) for n, t in (body | {f"{own}.{n}": t for n, t in classifier.items()}).items()}
        data = save(kept, {"backbone": names[0], **padding, **passed})
        card = Card(
            spec.name, names[0], "", 0, parameters, fit.channels, f"added from {path.name}", licence,
            passed.get("source", ""), notes=tuple(notes),
        )  # fmt: skip
        receptive.keep(store.put(home.room("weights"), data, card))
    return {
        "name": spec.name,
        "weights": f"store:{spec.name}" if spec.name else spec.weights,
        "backbone": names[0],
        "guessed": guessed,
        "candidates": names,
        "layout": fit.layout,
        "parameters": parameters,
        "channels": fit.channels,
        "classifier": f"classifier of {classes:,} classes" if classes else "no classifier",
        "classes": classes,
        "tensors": len(given),
        "bytes": path.stat().st_size,
        "sha256": store.sha256(path),
        "licence": licence,
        "notes": notes,
    }


def opened(path: Path) -> tuple[dict[str, Tensor], dict[str, str], list[str]]:
    """Tensors by name, the header where the file has one, and what was left out of it in sentences.

    Raises:
        WeightsMissing: No such file, or one that holds more than tensors.
    """
    if path.suffix.lower() not in PICKLED:
        return *read_tensors(path), []
    if not path.is_file():
        raise WeightsMissing(f"A weight file must exist. There is none at {path}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about odd files; what matters is in the sentence
            held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as fault:  # a hostile file can make the reader fail in any way
        raise WeightsMissing(
            f"A {path.suffix} file must hold tensors and nothing that could run. {path.name} does not open so: "
            f"{_reason(fault)}. Where you trust it, save its state_dict() alone, best as safetensors."
        ) from None
    notes: list[str] = []
    while inside := [name for name in INSIDE if isinstance(held, dict) and isinstance(held.get(name), dict)]:
        held = held[inside[0]]
        if inside[1:]:
            notes.append(f"Of {_some(inside)} in the file, {inside[0]} was taken.")
    found = held.items() if isinstance(held, dict) else ()
    return {n: t for n, t in found if isinstance(n, str) and isinstance(t, Tensor)}, {}, notes


def _reason(fault: Exception) -> str:
    """Why torch did not read it; torch's own words go on to tell how to open it all the same."""
    text = str(fault)
    if asked := re.search(r"GLOBAL (\S+) was not", text):
        return f"it asks for {asked[1]}"
    if isinstance(fault, pickle.UnpicklingError):
        return "it is no file of tensors"
    return text.split(". ")[0].strip()[:200] or "it is cut short"


def check(tensors: dict[str, Tensor], path: Path) -> None:
    """Refuse what no network could use.

    Raises:
        WeightsMissing: No tensors, quantised numbers, numbers that are none, or a tensor larger than its file.
    """
    if not tensors:
        raise WeightsMissing(f"A weight file must hold tensors by name. {path.name} holds none.")
    room = path.stat().st_size
    for name, tensor in tensors.items():
        if tensor.is_quantized or (tensor.ndim and tensor.dtype not in (*FLOATS, torch.int64, torch.bool)):
            raise WeightsMissing(
                f"Weights must be floating-point numbers of 16 bits or more. In {path.name}, {name} is "
                f"{str(tensor.dtype).removeprefix('torch.')}; save them before they are quantised."
            )
        if tensor.numel() * tensor.element_size() > room:  # one number, said to be many
            raise WeightsMissing(f"A tensor must lie in its file. In {path.name}, {name} is larger than all of it.")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise WeightsMissing(
                f"Weights must be finite numbers. In {path.name}, {name} has NaN or infinite ones; the training that "
                "wrote it has diverged, or the file is damaged."
            )


def cleaned(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without what training programs put before the names of a whole body; a classifier may lie beside it."""
    given = {n: t for n, t in tensors.items() if n != "n_averaged"}  # torch.optim.swa_utils counts so
    while True:
        for around in AROUND:
            inside = {n.removeprefix(around): t for n, t in given.items() if n.startswith(around)}
            beside = {n: t for n, t in given.items() if not n.startswith(around)}
            if inside and all(n.startswith(CLASSIFIERS) for n in beside):
                given = beside | inside
                break
        else:
            return given


def architectures(
    backbone: str, header: dict[str, str], tensors: dict[str, Tensor], origin: str
) -> tuple[list[str], bool]:
    """timm's names that these tensors may be of, the likeliest first, and whether that was found from them.

    Raises:
        WeightsMissing: They are of no architecture that is known.
    """
    named = next((n for k in ("backbone", "arch", "architecture") if timm.is_model(n := _plain(header.get(k, "")))), "")
    if backbone or named:
        return [backbone or named], False
    found = catalogue.guess({n: tuple(t.shape) for n, t in tensors.items()}) or layouts.guess(tensors)
    if not found:
        raise WeightsMissing(
            f"The architecture must be known by the names and shapes of its tensors. Those of {origin} are of none: "
            f"{len(tensors)} tensors, {_some(list(tensors))}. Name it with --backbone."
        )
    return found, True


def _plain(name: str) -> str:
    return name.partition(".")[0]


def _line(text: str, most: int = 200) -> str:
    """A stranger's words as one short line that no terminal takes for orders."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:most]).split())


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(_line(n) for n in names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")


@dataclass(frozen=True)
class Fit:
    """A backbone and a file's tensors by its names.

    Attributes:
        backbone: Of the file's architecture and channels; its weights are not the file's yet.
        tensors: Those of the file, the classifier among them.
        layout: Whose names the file had: `timm` or `torchvision`.
        channels: Of the pictures that the file's first convolution reads.
    """

    backbone: nn.Module
    tensors: dict[str, Tensor]
    layout: str
    channels: int


def fitted(name: str, tensors: dict[str, Tensor], padding: dict[str, Any]) -> Fit:
    """The backbone that these tensors are of, and the tensors by its names.

    Raises:
        UnknownName: timm has no such model.
    """
    config = timm.get_pretrained_cfg(_plain(name))
    size = config.input_size[-1] if config is not None else 224
    backbone, channels = make_backbone(name, size, 3, **padding), 3
    firsts = [f"{n}.weight" for n in told(backbone.pretrained_cfg, "first_conv")]
    ours = next((t for n, t in backbone.state_dict().items() if n in firsts), None)
    other = layouts.family(tensors)
    theirs = next((tensors[n] for n in (*firsts, *(other.signs[:1] if other else ())) if n in tensors), None)
    if ours is not None and theirs is not None and theirs.ndim == 4 and theirs.shape[1] != ours.shape[1]:
        channels = int(theirs.shape[1])
        backbone = make_backbone(name, size, channels, **padding)
    state = backbone.state_dict()
    if any(n not in tensors for n in state if not n.endswith("num_batches_tracked")):
        found = layouts.to_timm(tensors, state, (*told(backbone.pretrained_cfg, "classifier"), "head")[0])
        if found is not None:
            return Fit(backbone, found, "torchvision", channels)
    return Fit(backbone, tensors, "timm", channels)


def parted(fit: Fit, notes: list[str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The body's tensors by timm's names; and `weight` (classes, d) and `bias` of the classifier on its d features.

    A classifier that is no single linear layer on those features is left out, with a note.
    """
    state = fit.backbone.state_dict()
    own = tuple(f"{n}." for n in told(fit.backbone.pretrained_cfg, "classifier"))
    heads = {n: t for n, t in fit.tensors.items() if n not in state and n.startswith((*own, *CLASSIFIERS))}
    body = {n: t for n, t in fit.tensors.items() if n not in heads and (n in state or not n.endswith(layouts.MADE))}
    width = getattr(fit.backbone, "head_hidden_size", None) or fit.backbone.num_features
    weights = [n for n in heads if n.endswith("weight")]
    if len(weights) == 1 and heads[weights[0]].ndim > 1 and heads[weights[0]].flatten(1).shape[1] == width:
        weight = heads[weights[0]].flatten(1)  # of a 1 × 1 convolution too
        bias = heads.get(weights[0].removesuffix("weight") + "bias")
        return body, {"weight": weight} | ({} if bias is None else {"bias": bias})
    if heads:
        what = _some(list(heads))
        notes.append(f"Its classifier ({what}) is not one linear layer on {width} features; it is left out.")
    return body, {}


def _stored(tensor: Tensor) -> Tensor:
    """In the file's precision, but 32 bits at most."""
    return (tensor.float() if tensor.dtype == torch.float64 else tensor).clone().contiguous()

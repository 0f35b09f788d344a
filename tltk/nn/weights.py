"""Where weights come from: `scratch`, `store:NAME`, `hub:TAG`, `file:PATH`, `run:ID`, or `run:ID@EPOCH`, a snapshot.

safetensors alone: nothing is unpickled. What is missing is said in a sentence with the ways out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from tltk import checkpoint, home, store
from tltk.errors import UnknownName, WeightsMissing
from tltk.nn.net import Net, assemble, make_backbone, told
from tltk.runs import Run
from tltk.spec import NetSpec

WAYS_OUT = (
    "Ways out: weights 'scratch', 'store:NAME' from the weight store (`tltk weights list`), 'file:PATH' to a local "
    ".safetensors file, or 'run:ID' of a run of yours."
)


def build(spec: NetSpec, n_classes: int, size: int, channels: int, seed: int) -> Net:
    """The network of this spec with its first weights; the same seed gives the same network.

    Raises:
        UnknownName: No such backbone, tag or run.
        WeightsMissing: The weights are not on this machine or do not fit, key by key.
    """
    kind, _, where = spec.weights.partition(":")
    makers = {"scratch": _scratch, "store": _store, "hub": _hub, "file": _file, "run": _run}
    if kind not in makers:
        raise UnknownName.among("The kind of weights", kind, [f"{k}:…" for k in makers if k != "scratch"] + ["scratch"])
    if kind in ("store", "file", "run") and not where:
        raise WeightsMissing(f"weights {kind!r} must name what to load, as in {kind}:…. Got {spec.weights!r}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone, options = makers[kind](spec, where, size, channels)
    net = assemble(backbone, size, channels, n_classes, spec, seed)
    net.options = options
    return net


def save(net: Net, spec: NetSpec, path: Path, **notes: str) -> None:
    """Write a net's weights with what is needed to build it again in the header."""
    header = {"backbone": spec.backbone, "head": spec.head, **net.options, **notes}
    home.write_whole(path, to_bytes(checkpoint.pack(net, ""), header))


def _scratch(spec: NetSpec, _: str, size: int, channels: int) -> tuple[nn.Module, dict[str, str]]:
    return make_backbone(spec.backbone, size, channels, spec.drop_path), {}


def _hub(spec: NetSpec, tag: str, size: int, channels: int) -> tuple[nn.Module, dict[str, str]]:
    """timm's own pre-trained weights, from the hub's cache, or over the network where there is one."""
    architecture = spec.backbone.partition(".")[0]
    tag = tag.removeprefix(architecture + ".")
    name = f"{architecture}.{tag}" if tag else spec.backbone
    known = timm.list_pretrained(architecture)
    if not timm.is_model(architecture):
        raise UnknownName.among("backbone", architecture, timm.list_models())
    if not known:
        raise WeightsMissing(f"{architecture} must have weights on the hub. It has none. {WAYS_OUT}")
    if tag and name not in known:
        raise UnknownName.among(f"The hub tag of {architecture}", tag, [n.partition(".")[2] for n in known])
    _check_hub(name, timm.get_pretrained_cfg(name))
    try:
        return make_backbone(name, size, channels, spec.drop_path, pretrained=True), {}
    except (OSError, RuntimeError) as fault:
        first = str(fault).strip().split("\n")[0]
        raise WeightsMissing(f"The weights of {name} must come from the hub. It failed: {first}. {WAYS_OUT}") from None


def _check_hub(name: str, config: Any) -> None:
    """Refuse at once when the weights are neither in the cache nor within reach.

    Without this check the hub's client retries for the better part of a minute.
    """
    import requests
    from huggingface_hub import constants, try_to_load_from_cache

    if not config.hf_hub_id:
        return
    files = ("model.safetensors", "pytorch_model.bin")
    if any(isinstance(try_to_load_from_cache(config.hf_hub_id, f), str) for f in files):
        return
    offline = f"The weights of {name} are not on this machine, and {{}}. {WAYS_OUT}"
    if constants.HF_HUB_OFFLINE:
        raise WeightsMissing(offline.format("HF_HUB_OFFLINE forbids to fetch them"))
    try:
        requests.head(constants.ENDPOINT, timeout=2)
    except requests.RequestException:
        os.environ["HF_HUB_OFFLINE"] = "1"
        raise WeightsMissing(offline.format("the hub cannot be reached from here")) from None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header of a safetensors file.

    Raises:
        WeightsMissing: No such file, or not safetensors.
    """
    if not path.is_file():
        raise WeightsMissing(f"A weight file must exist. There is none at {path}. {WAYS_OUT}")
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
        return load_file(path), header
    except (SafetensorError, OSError, ValueError) as fault:
        raise WeightsMissing(
            f"A weight file must be safetensors. {path.name} is not: {fault}. "
            "Files of other kinds can hold programs and are not opened here; `tltk weights add FILE` takes the tensors "
            "out of a .pth or .pt file without running anything in it."
        ) from None


def _padding(header: dict[str, str]) -> dict[str, str]:
    """Weights that were trained with TensorFlow's padding say so in their header."""
    return {"pad_type": header["pad_type"]} if header.get("pad_type") == "same" else {}


def _file(spec: NetSpec, where: str, size: int, channels: int) -> tuple[nn.Module, dict[str, str]]:
    path = Path(where).expanduser()
    return _loaded(spec, *read_tensors(path), path.name, size, channels)


def _loaded(
    spec: NetSpec, tensors: dict[str, Tensor], header: dict[str, str], origin: str, size: int, channels: int
) -> tuple[nn.Module, dict[str, str]]:
    options = _padding(header)
    backbone = make_backbone(spec.backbone, size, channels, spec.drop_path, **options)
    load_backbone(backbone, tensors, origin)
    return backbone, options


def _store(spec: NetSpec, where: str, size: int, channels: int) -> tuple[nn.Module, dict[str, str]]:
    entry = store.verified(where)
    _must_be(spec, entry.card.backbone, f"{where} in the weight store")
    return _loaded(spec, *read_tensors(entry.file), where, size, channels)


def _must_be(spec: NetSpec, theirs: str, origin: str) -> None:
    if theirs != spec.backbone:
        raise WeightsMissing(
            f"The weights of {origin} must be of the backbone {spec.backbone} to fit. They are of {theirs}; "
            f"choose that backbone."
        )


def of_run(where: str) -> tuple[Run, Path]:
    """The run that `ID` or `ID@EPOCH` means, and its weight file.

    Raises:
        WeightsMissing: It has not finished, or kept no such snapshot.
    """
    run_id, at, epoch = where.partition("@")
    run = Run.open(run_id)
    if at:
        kept = run.snapshots()
        if not epoch.isdecimal() or int(epoch) not in kept:
            raise WeightsMissing(
                f"Run {run.id} must have kept the weights of epoch {epoch or '?'}. It kept {kept or 'none'}; "
                f"train with optim.snapshots 1 to keep each."
            )
        return run, run.snapshot(int(epoch))
    path = run.path / "model.safetensors"
    if not path.exists():
        raise WeightsMissing(
            f"Run {run.id} must have finished before its weights can be used. It is {run.status.state}."
        )
    return run, path


def _run(spec: NetSpec, where: str, size: int, channels: int) -> tuple[nn.Module, dict[str, str]]:
    run, path = of_run(where)
    tensors, header = read_tensors(path)
    _must_be(spec, header.get("backbone", spec.backbone), f"run {run.id}")
    return _loaded(spec, tensors, header, f"run {run.id}", size, channels)


def load_backbone(backbone: nn.Module, tensors: dict[str, Tensor], origin: str) -> None:
    """Load weights into a backbone; a classifier in the file is left out, the rest must fit.

    The first convolution is adapted to another number of input channels, position tables to
    another picture size, both by timm's own rules.

    Raises:
        WeightsMissing: Keys or shapes that do not fit, listed.
    """
    wanted = backbone.state_dict()
    config = getattr(backbone, "pretrained_cfg", None) or {}
    heads = told(config, "classifier")
    own = {n.removeprefix("backbone."): t for n, t in tensors.items() if n.startswith("backbone.")}
    given = own or {n.removeprefix("module."): t for n, t in tensors.items()}  # of a run of ours, or of others
    given = {n: t for n, t in given.items() if not any(n.startswith(f"{h}.") for h in heads)}
    given = {n: _fitted(backbone, n, t, wanted.get(n), config) for n, t in given.items()}
    missing = [n for n in wanted if n not in given and not n.endswith("num_batches_tracked")]
    extra = [n for n in given if n not in wanted]
    shapes = [
        f"{n}: {tuple(given[n].shape)} in the file, {tuple(wanted[n].shape)} in the network"
        for n in wanted
        if n in given and given[n].shape != wanted[n].shape
    ]
    faults = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for names, what in ((missing, "missing"), (extra, "unknown"), (shapes, "of another shape"))
        if names
    ]
    if faults:
        raise WeightsMissing(
            f"The weights in {origin} must fit {config.get('architecture', 'the network')} tensor by tensor. "
            f"Tensors: {'; '.join(faults)}. Choose the backbone that the file was made for."
        )
    backbone.load_state_dict(given, strict=False)


def _fitted(backbone: nn.Module, name: str, tensor: Tensor, wanted: Tensor | None, config: Any) -> Tensor:
    """The tensor in float32, its input channels or positions adapted where timm has a rule for it."""
    tensor = tensor.float() if tensor.is_floating_point() else tensor
    if wanted is None or tensor.shape == wanted.shape:
        return tensor
    if name in [f"{first}.weight" for first in told(config, "first_conv")] and tensor.ndim == wanted.ndim == 4:
        from timm.models._manipulate import adapt_input_conv

        adapted: Tensor = adapt_input_conv(wanted.shape[1], tensor, base_chans=tensor.shape[1])
        return adapted
    if name == "pos_embed" and tensor.ndim == 3 and hasattr(backbone, "patch_embed"):
        from timm.layers import resample_abs_pos_embed

        patches: Any = backbone.patch_embed
        extra = 0 if getattr(backbone, "no_embed_class", False) else getattr(backbone, "num_prefix_tokens", 1)
        resampled: Tensor = resample_abs_pos_embed(tensor, new_size=patches.grid_size, num_prefix_tokens=extra)
        return resampled
    return tensor


def source_head(spec: NetSpec) -> tuple[Tensor, Tensor] | None:
    """Weight (classes, d) and bias of the linear classifier that came with the weights, if one did."""
    kind, _, where = spec.weights.partition(":")
    if kind == "hub":
        return _hub_head(spec, where)
    if kind not in ("run", "file", "store"):
        return None
    if kind == "run":
        path = of_run(where)[1]
    else:
        path = store.find(where).file if kind == "store" else Path(where).expanduser()
    tensors, header = read_tensors(path)
    if kind == "run" and header.get("head", "linear") != "linear":
        return None
    names = [n for n, t in tensors.items() if n.endswith("weight") and t.ndim == 2 and _is_head(n, spec)]
    if len(names) != 1:
        return None
    weight = tensors[names[0]].float()
    bias = tensors.get(names[0].removesuffix("weight") + "bias", weight.new_zeros(len(weight))).float()
    return weight, bias


def _is_head(name: str, spec: NetSpec) -> bool:
    """Whether this is the classifier: ours, or where timm says that the architecture has it."""
    own = told(timm.get_pretrained_cfg(spec.backbone.partition(".")[0]), "classifier")
    return any(name.startswith(f"{h}.") for h in ("head", *own)) and not name.startswith("backbone.")


def _hub_head(spec: NetSpec, tag: str) -> tuple[Tensor, Tensor] | None:
    """The classifier of timm's own weights; they are in the cache, since the backbone was just built."""
    name = f"{spec.backbone.partition('.')[0]}.{tag}" if tag else spec.backbone
    try:
        linear = timm.create_model(name, pretrained=True).get_classifier()
    except (OSError, RuntimeError, ValueError):
        return None
    if not isinstance(linear, nn.Linear):
        return None
    bias = linear.bias if linear.bias is not None else linear.weight.new_zeros(linear.out_features)
    return linear.weight.detach(), bias.detach()

"""Where weights come from: `scratch`, `store:NAME`, `hub:TAG`, `file:PATH`, `run:ID`, or `run:ID@EPOCH`, a snapshot.

Networks of texts: see `tltk.weights.text`; of rows of tables: `tltk.weights.rows`.

Files are read by `tltk.weights.reader`, which runs no code from them. Where weights are missing, the error names the
alternatives.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from tltk import home
from tltk.data.rows import Columns
from tltk.errors import UnknownName, WeightsMissing
from tltk.nn.head import Classifier
from tltk.nn.net import Net, config_value, make_backbone, make_net
from tltk.specs.encoders import reads_text
from tltk.specs.mlps import reads_rows
from tltk.specs.parts import NetSpec
from tltk.specs.size import Size, height_and_width
from tltk.weights import store, weightfile
from tltk.weights.checks import WAYS_OUT, check_architecture, check_reach
from tltk.weights.fitting import (
    Given,
    describe_fitting,
    given_by_file,
    given_by_hub,
    prefix_tokens,
    table_grid,
    told_size,
)
from tltk.weights.reader import check_fit, read
from tltk.weights.rows import build_row_net
from tltk.weights.text import build_text_net, run_classifier

# A backbone, how it was built, what to say of its file, and what its weights were made for; None = drawn.
Built = tuple[nn.Module, dict[str, str], list[str], Given | None]


def build_net(
    spec: NetSpec, n_classes: int, size: Size, channels: int, seed: int, columns: Columns | None = None
) -> Net:
    """The network of this spec with its first weights; the same seed gives the same network.

    Args:
        spec: Backbone, weights and head.
        n_classes: Number of logits.
        size: Of a picture in pixels.
        channels: Of a picture.
        seed: Of all weights that do not come from `spec.weights`.
        columns: Of a network of rows, what it is to read; None = what its weights say.

    Raises:
        UnknownName: No such backbone, tag or run.
        WeightsMissing: The weights are not on this machine or do not fit, key by key.
    """
    if reads_text(spec.backbone):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build_text_net(spec, n_classes, height_and_width(size)[1], seed)
    if reads_rows(spec.backbone):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build_row_net(spec, n_classes, height_and_width(size)[1], seed, columns)
    kind, where = store.parse_weights(spec.weights)
    makers = {"scratch": _scratch, "store": _store, "hub": _hub, "file": _file, "run": _run}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone, options, notes, given = makers[kind](spec, where, size, channels)
    net = make_net(backbone, size, channels, n_classes, spec, seed)
    net.options, net.notes = options, notes
    net.fitting = describe_fitting(net, given, n_classes)
    return net


def save(net: Net, spec: NetSpec, path: Path, **notes: str) -> None:
    """Write a net's weights with what is needed to build it again, and to use it elsewhere, in the header.

    With the note labels="none" the head is left out: nobody's labels taught it, so it knows nothing.

    Args:
        net: Its weights are written as they are.
        spec: Of this network.
        path: Of the safetensors file; replaced as a whole.
        **notes: More words for the header, by name.
    """
    own = None if reads_text(spec.backbone) or reads_rows(spec.backbone) else own_classifier(spec.backbone)
    taught = notes.get("labels") != "none"
    classifier = {"classifier": own[0], "classifier_ndim": str(own[1])} if own else {}
    mean, std = (str(tuple(round(float(v), 6) for v in t.flatten())) for t in (net.mean, net.std))
    header = {"backbone": spec.backbone, "head": spec.head, "mean": mean, "std": std, **classifier}
    kept = {n: t for n, t in net.state_dict().items() if taught or net.layer_of.get(n) != net.depth}
    home.write_atomic(path, weightfile.tensor_pieces(kept, {**header, **net.options, **notes}))


@cache
def own_classifier(backbone: str) -> tuple[str, int] | None:
    """timm's name of a model's classifier, and how many sides its weight has; None where it is not weight and bias."""
    name = backbone.partition(".")[0]
    with torch.device("meta"):
        with_it, without = (timm.create_model(name, num_classes=n).state_dict() for n in (2, 0))
    added = {n: t for n, t in with_it.items() if n not in without}
    weights = [n for n in added if n.endswith(".weight")]
    own = weights[0].removesuffix(".weight") if len(weights) == 1 else ""
    return (own, added[weights[0]].ndim) if set(added) == {f"{own}.weight", f"{own}.bias"} else None


def _scratch(spec: NetSpec, _: str, size: Size, channels: int) -> Built:
    return make_backbone(spec.backbone, size, channels, spec.drop_path), {}, [], None


def _hub(spec: NetSpec, tag: str, size: Size, channels: int) -> Built:
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
        backbone = make_backbone(name, size, channels, spec.drop_path, pretrained=True)
    except (OSError, RuntimeError) as fault:
        first = str(fault).strip().split("\n")[0]
        raise WeightsMissing(f"The weights of {name} must come from the hub. It failed: {first}. {WAYS_OUT}") from None
    return backbone, {}, [], given_by_hub(backbone)


def _check_hub(name: str, config: Any) -> None:
    """Refuse at once when the weights are neither in the cache nor within reach."""
    from huggingface_hub import try_to_load_from_cache

    if not config.hf_hub_id:
        return
    files = ("model.safetensors", "pytorch_model.bin")
    if not any(isinstance(try_to_load_from_cache(config.hf_hub_id, f), str) for f in files):
        check_reach(name)


def _file(spec: NetSpec, where: str, size: Size, channels: int) -> Built:
    path = weightfile.resolve_path(where)
    return _read(spec, path, path.name, size, channels)


def _store(spec: NetSpec, where: str, size: Size, channels: int) -> Built:
    entry = store.verify(where)
    check_architecture(spec.backbone, entry.card.backbone, f"{where} in the weight store")
    return _read(spec, entry.file, where, size, channels)


def _run(spec: NetSpec, where: str, size: Size, channels: int) -> Built:
    run, path = store.run_weights(where)
    theirs = weightfile.identify(path).told.get("backbone", spec.backbone)
    check_architecture(spec.backbone, theirs, f"run {run.id}")
    return _read(spec, path, f"run {run.id}", size, channels)


def _read(spec: NetSpec, path: Path, origin: str, size: Size, channels: int) -> Built:
    found = read(path, spec.backbone)
    backbone = make_backbone(spec.backbone, size, channels, spec.drop_path, **found.options)
    load_backbone(backbone, found.body, origin, told_size(found.told))
    classes = len(found.classifier["weight"]) if found.classifier else 0
    return backbone, found.options, found.notes, given_by_file(backbone, found.body, found.told, classes)


def load_backbone(backbone: nn.Module, tensors: dict[str, Tensor], origin: str, made_for: Size = 0) -> None:
    """Load a body's weights, by timm's names, into a backbone; all must fit.

    The first convolution is adapted to another number of input channels, position tables to
    another picture size, both by timm's own rules.

    Args:
        backbone: Its weights are overwritten.
        tensors: Without the classifier, by timm's names.
        origin: The file as error sentences name it.
        made_for: Size of the pictures that they learned from; of others than squares a table of positions tells
            nothing of its rows and columns. 0 = squares.

    Raises:
        WeightsMissing: Names or shapes that do not fit, listed.
    """
    wanted = backbone.state_dict()
    config = getattr(backbone, "pretrained_cfg", None) or {}
    given = {n: _fit_tensor(backbone, n, t, wanted.get(n), config, made_for) for n, t in tensors.items()}
    check_fit(backbone, given, origin, exact=True)
    backbone.load_state_dict(given, strict=False)


def _fit_tensor(
    backbone: nn.Module, name: str, tensor: Tensor, wanted: Tensor | None, config: Any, made_for: Size
) -> Tensor:
    """The tensor in float32, its input channels or positions adapted where timm has a rule for it."""
    tensor = tensor.float() if tensor.is_floating_point() else tensor
    is_table = name == "pos_embed" and tensor.ndim == 3 and hasattr(backbone, "patch_embed")
    old = list(table_grid(backbone, tensor.shape[1], made_for)) if is_table else []
    if wanted is None or (tensor.shape == wanted.shape and (not old or old == _grid(backbone))):
        return tensor  # a table of as many places may still be of other rows and columns
    if name in [f"{first}.weight" for first in config_value(config, "first_conv")] and tensor.ndim == wanted.ndim == 4:
        from timm.models._manipulate import adapt_input_conv

        adapted: Tensor = adapt_input_conv(wanted.shape[1], tensor, base_chans=tensor.shape[1])
        return adapted
    if old:
        from timm.layers import resample_abs_pos_embed

        resampled: Tensor = resample_abs_pos_embed(
            tensor, new_size=_grid(backbone), old_size=old, num_prefix_tokens=prefix_tokens(backbone)
        )
        return resampled
    return tensor


def _grid(backbone: Any) -> list[int]:
    """Rows and columns of patches that the network was built for."""
    return list(backbone.patch_embed.grid_size)


def source_head(spec: NetSpec) -> tuple[Tensor, Tensor] | None:
    """Weight (classes, d) and bias of the linear classifier that came with the weights, if one did."""
    found = source_classifier(spec)
    return None if found is None else (found.weight, found.bias)


def source_classifier(spec: NetSpec) -> Classifier | None:
    """The linear classifier that came with the weights, with the names of its classes where they are told."""
    if reads_text(spec.backbone) or reads_rows(spec.backbone):
        return run_classifier(spec)
    kind, _, where = spec.weights.partition(":")
    if kind == "hub":
        head = _hub_head(spec, where)
        return None if head is None else Classifier(*head)
    if kind == "run":
        path = store.run_weights(where)[1]
    elif kind == "store":
        path = store.find(where).file
    elif kind == "file":
        path = weightfile.resolve_path(where)
    else:
        return None
    found = read(path, spec.backbone)
    if not found.classifier or found.told.get("head", "linear") != "linear":
        return None
    weight = found.classifier["weight"].float()
    bias = found.classifier.get("bias", weight.new_zeros(len(weight))).float()
    return Classifier(weight, bias, tuple(found.classes))


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

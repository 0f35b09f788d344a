"""Weights as training programs leave them, of tiny networks with random weights."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

State = dict[str, Tensor]


def under(prefix: str, state: State) -> State:
    """The same tensors under longer names."""
    return {prefix + name: tensor for name, tensor in state.items()}


def network(name: str = "test_resnet", **options: Any) -> torch.nn.Module:
    """A network whose random weights are always the same."""
    torch.manual_seed(0)
    made: torch.nn.Module = timm.create_model(name, num_classes=7, **options)
    return made


def wrapped_weights(root: Path) -> None:
    """One network's weights under the keys, prefixes and companions of other programs."""
    s = network().state_dict()
    bare = {name: tensor for name, tensor in s.items() if not name.startswith("fc.")}
    module, model, backbone = under("module.", s), under("model.", s), under("backbone.", s)
    namespace = argparse.Namespace(lr=1)
    extra = {"criterion.weight": torch.ones(7), "train_acc.count": torch.tensor(1)}
    queue = under("module.encoder_q.", s) | {"module.queue": torch.zeros(3, 5)}
    student = under("module.backbone.", s) | {"module.head.mlp.0.weight": torch.zeros(4, 4)}
    teacher = under("backbone.", bare) | {"head.mlp.0.weight": torch.zeros(4, 4)}
    forms: dict[str, Any] = {
        "plain.pth": s,
        "parallel.pth.tar": {"state_dict": module},
        "model_state_dict.pth": {"model_state_dict": s, "optimizer_state_dict": {}, "epoch": 3},
        "net_key.pth": {"net": s, "acc": 90.0, "epoch": 3},
        "weights_key.pth": {"weights": s},
        "lightning.ckpt": {"epoch": 1, "state_dict": model, "hyper_parameters": {"lr": 0.1}, "optimizer_states": []},
        "lightning_extra.ckpt": {"state_dict": backbone | extra},
        "namespace.pth.tar": {"model": s, "args": namespace},
        "moco.pth.tar": {"state_dict": queue},
        "dino.pth": {"student": student, "teacher": teacher},
        "ema.pth": {
            "state_dict": s,
            "state_dict_ema": {n: t + 1 if t.is_floating_point() else t for n, t in s.items()},
        },
        "half.pth": {n: t.half() if t.is_floating_point() else t for n, t in s.items()},
        "not_a_number.pth": {n: t * float("nan") if i == 0 else t for i, (n, t) in enumerate(s.items())},
        "no_classifier.pth": bare,
        "other_classes.pth": s | {"fc.weight": torch.zeros(21, s["fc.weight"].shape[1]), "fc.bias": torch.zeros(21)},
        "grey.pth": network(in_chans=1).state_dict(),
        "whole_module.pth": network(),
        "deep.pth": {"a": {"b": {"state_dict": s}}},
        "compiled.ckpt": {"state_dict": under("model._orig_mod.", s)},
        "vit_decoder.pth": {"model": network("test_vit").state_dict() | {"decoder_embed.weight": torch.zeros(8, 8)}},
    }
    huge = s | {"conv1.0.weight": s["conv1.0.weight"] * 1e30}
    forms |= {
        "parameters.pth": {n: torch.nn.Parameter(t, requires_grad=False) for n, t in s.items()},
        "sequential.pth": {"0": s, "1": {"weight": torch.ones(3, 7)}},
        "absurd.pth": {"model": huge, "epoch": 2},
        "another.pth": network("test_vit").state_dict(),
        "runs.pth": {"state_dict": s, "hook": _Runs()},
        "quantised.pth": {n: (t * 9).to(torch.int8) if t.is_floating_point() else t for n, t in s.items()},
    }
    for name, content in forms.items():
        torch.save(content, root / name)
    torch.save(s, root / "legacy.pth", _use_new_zipfile_serialization=False)
    save_file(s | {"conv1.0.weight": s["conv1.0.weight"] / 0}, root / "infinite.safetensors")
    save_file(s, root / "plain.safetensors", {"format": "pt"})
    save_file(module, root / "module.safetensors")
    save_file({n: t for n, t in s.items() if not n.startswith("layer4")}, root / "missing.safetensors")
    hub = root / "hub"
    hub.mkdir()
    save_file(s, hub / "model.safetensors")
    (hub / "config.json").write_text(json.dumps({"architecture": "test_resnet", "num_classes": 7}))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    for name, content in (
        ("lfs.safetensors", pointer.encode()),
        ("lfs.pth", pointer.encode()),
        ("keras.h5", b"\x89HDF\r\n\x1a\n"),
        ("page.pth", b"<!doctype html>"),
        ("empty.pth", b""),
    ):
        (root / name).write_bytes(content)
    for name in ("plain.safetensors", "plain.pth"):
        (root / name.replace("plain", "cut")).write_bytes((root / name).read_bytes()[:-2000])


class _Runs:
    """Would be called by whoever unpickles it as Python does."""

    def __reduce__(self) -> Any:
        return os.system, ("exit 1",)

"""A finished training with weights of its own, without the time that it takes to train one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import torch

from tests.support.results import trained
from tltk import home
from tltk.nn.net import Net
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.training import TransferSpec
from tltk.weights import load as weights

CLASSES = ["a cat", 'ein "Hündchen"', "c"]


def finished(
    name: str = "test_resnet", head: str = "linear", dropout: float = 0.0, fit: str = "crop", **changes: Any
) -> tuple[Run, Net]:
    """A run as a training leaves it, and its network; its head is far from uniform answers."""
    spec = TransferSpec(DataSpec("digits", size=64, fit=fit), NetSpec(name, head=head, dropout=dropout), **changes)
    net = weights.build_net(spec.net, 3, 64, 3, 7).eval()
    with torch.no_grad():
        for parameter in net.head.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    run = Run.create(spec)
    told = {"classes": json.dumps(CLASSES)} if spec.labels != "none" else {"labels": "none"}
    weights.save(net, spec.net, run.path / "model.safetensors", data="digits", size="64", run=run.id, **told)
    result = msgspec.structs.replace(trained(), classes=CLASSES)
    home.write_atomic(run.path / "result.json", msgspec.json.encode(result))
    run.write_status(state="done")
    return run, net

"""Weights in the store."""

from __future__ import annotations

import timm
import torch
from safetensors.torch import save

from tltk import home
from tltk.weights import store
from tltk.weights.store import Card, Entry

NAME = "test_resnet"


def card(name: str = "mine", **more: object) -> Card:
    return Card(name, NAME, "", 0, 5, **more)  # type: ignore[arg-type]


def added(name: str = "mine", **more: object) -> Entry:
    """Real weights on the user's shelf."""
    torch.manual_seed(3)
    tensors = {n: t.contiguous() for n, t in timm.create_model(NAME, num_classes=0).state_dict().items()}
    return store.put(home.folder("weights"), save(tensors, {"backbone": NAME}), card(name, **more))

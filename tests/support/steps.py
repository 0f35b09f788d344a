"""What terms and criteria are given, made of toy features and logits in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tltk.selection import Unlabelled
from tltk.terms.term import Side, Step, Term

Floats = NDArray[np.float64]


def side(features: Floats | Tensor, logits: Floats | Tensor | None = None) -> Side:
    """A side without labels; its tensors are leaves that ask for a gradient."""
    f = torch.as_tensor(features).detach().clone().requires_grad_()
    z = torch.as_tensor(np.zeros((len(f), 2)) if logits is None else logits).detach().clone().requires_grad_()
    return Side(f, z, None)


def step(source: Side, target: Side, module: nn.Module | None = None, progress: float = 1.0) -> Step:
    """Both sides; `report` keeps what it is told, a dictionary."""
    net: Any = nn.Identity()
    return Step(target, source, net, {}, progress, module, report=Reports())


def module_of(term: Term, width: int, n_classes: int) -> nn.Module:
    """What the term learns itself, from a fixed seed, in float64."""
    torch.manual_seed(0)
    module = term.module(width, n_classes)
    assert module is not None
    return module.double()


def gradient(x: Tensor | None) -> Floats:
    """What a backward pass left in x; zeros where it left nothing."""
    assert x is not None
    return np.zeros(x.shape) if x.grad is None else x.grad.double().numpy()


class Reports(dict[str, float]):
    """Takes what a term reports."""

    def __call__(self, name: str, value: Tensor) -> None:
        self[name] = value.item()


def reported(asked: Step) -> Reports:
    """What a term has reported of this step."""
    assert isinstance(asked.report, Reports)
    return asked.report


def differences(f: Callable[[Floats], Any], x: Floats, h: float = 1e-6) -> Floats:
    """The gradient of f at x, by central differences."""
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        found[i] = (f(up) - f(down)) / (2 * h)
    return found


def softmax(z: Floats) -> Floats:
    """Of each row."""
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def forward(module: nn.Module, x: Floats) -> Floats:
    """Linear layers with rectified units between them, (n, d) → (n,): in NumPy."""
    layers = [m for m in module.modules() if isinstance(m, nn.Linear)]
    for i, m in enumerate(layers):
        x = x @ m.weight.detach().double().numpy().T + m.bias.detach().double().numpy()
        x = x if i + 1 == len(layers) else np.maximum(x, 0)
    return x[:, 0]


def said(
    target_logits: Floats,
    target_features: Tensor | None = None,
    source_logits: Floats | None = None,
    source_labels: NDArray[np.int64] | None = None,
    source_features: Tensor | None = None,
    train_features: Tensor | None = None,
) -> Unlabelled:
    """What a network says of both domains; one row of zeros where nothing is given."""
    nothing = torch.zeros(1, 1, dtype=torch.float64)

    def given(x: Floats | Tensor | None) -> Tensor:
        return nothing if x is None else torch.as_tensor(x)

    labels = torch.zeros(1, dtype=torch.int64) if source_labels is None else torch.from_numpy(source_labels)
    return Unlabelled(
        given(target_features),
        given(target_logits),
        given(source_features),
        given(source_logits),
        labels,
        lambda: given(train_features),
    )

"""Weights that know a source with its classifier, and a training on a target that makes them forget it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import domain, spec, split
from tltk.specs.parts import DataSpec, NetSpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.training import compose
from tltk.weights import load as weights

SOURCE = DataSpec("rendered_digits", n=60, size=32)  # a name alone: its pictures are those of `known`


def known_weights(path: Path) -> str:
    """Weights of a network that has learned noise in 60 pictures, with its classifier."""
    d = domain(60, seed=3)
    source = compose.train(spec("test_resnet", epochs=10), domain=d, split=split(d, 30))
    weights.save(source.net, source.spec.net, path, classes=json.dumps(d.classes))
    return f"file:{path}"


def wanted(where: str, *asked: TermSpec, source: DataSpec | None = SOURCE, **optim: Any) -> TransferSpec:
    """A training from these weights on the same corners under other labels."""
    plain = spec("test_resnet", **{"epochs": 6, "lr": 3e-3, **optim})
    return dataclasses.replace(plain, source=source, terms=asked, net=NetSpec("test_resnet", weights=where))


def train(monkeypatch: pytest.MonkeyPatch, asked: TransferSpec, **options: Any) -> compose.Trained:
    """Train it; the source is the noise that the weights know."""
    monkeypatch.setattr(compose.add_source, "__defaults__", (lambda _: domain(60, seed=3),))
    d = domain()
    d = dataclasses.replace(d, labels=(d.labels + 1) % 3, classes=("x", "y", "z"))
    return compose.train(asked, domain=d, split=split(d), **options)

"""Two small domains, and the features of a network's layers computed by hand."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import torch
from torch import Tensor

from tests.support.engine import domain
from tltk.analyses.profile.result import ProfileResult
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import Context, Sample, draw
from tltk.data.domain import Domain
from tltk.nn.taps import Taps
from tltk.results.layers import Column
from tltk.training.bank import FeatureBank
from tltk.training.loop import Callbacks
from tltk.weights import load as weights

HERE, THERE = domain(60), domain(60, seed=1)


NAMES = ["stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0", "features"]


def context(bank: FeatureBank | None = None, **more: Domain) -> Context:
    """Two small domains by name, `here` and `there`."""
    known = {"here": HERE, "there": THERE, **more}
    return Context(lambda spec: known[spec.name], bank or FeatureBank(), Callbacks())


def column(found: ProfileResult, name: str) -> Column:
    (its,) = [c for c in found.columns if c.name == name]
    return its


def round_trips(found: Any) -> None:
    """What is written is JSON, and read strictly it is the same again."""
    text = json.dumps(msgspec.to_builtins(found), allow_nan=False)
    again = msgspec.json.decode(text, type=type(found), strict=True)
    assert json.loads(json.dumps(msgspec.to_builtins(again))) == json.loads(text)


def by_hand(spec: ProfileSpec, side: str, weights_: str = "") -> tuple[list[Tensor], Sample]:
    """Features of one side without bank and ledger."""
    wanted = spec.target if side == "target" else spec.source
    assert wanted is not None
    part = draw(context().load(wanted), wanted, spec.pictures, spec.seed)
    net = weights.build_net(
        dataclasses.replace(spec.net, weights=weights_ or spec.net.weights), 3, 32, 3, spec.seed
    ).eval()
    taps = Taps(net, spec.pooling)
    x = torch.from_numpy(part.domain.images[part.index]).float() / 255
    return list(taps.prefix(net.normalise(x).contiguous(memory_format=torch.channels_last))), part

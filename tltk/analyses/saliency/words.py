"""What words of a text, or columns of a row, weigh in a network's answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tltk.analyses.network import TrainedNet
from tltk.analyses.saliency.result import Attribution
from tltk.analyses.saliency.spec import GRADIENTS
from tltk.data import rows, texts
from tltk.data.names import escape_name
from tltk.nn.cut import evaluation_mode
from tltk.nn.net import Net
from tltk.nn.rows import RowBackbone
from tltk.nn.text import NO_WORD, Tokens, Words, masked_mean
from tltk.saliency.integrated_gradients import integrated_gradients
from tltk.saliency.token_rollout import token_rollout

MEAN_VECTOR = "a text whose words are all the mean of the known word vectors"
MEAN_ROW = "a row whose columns are all at their means in the training, which is 0 once standardised"


@dataclass(frozen=True)
class Attributed:
    """What the parts of some texts or rows weigh.

    Attributes:
        weights: Of each, (parts that the network reads,), on the CPU.
        scores: (n, 2) the score of the class, and that of the baseline; None where no class is explained.
        apart: Share of the attention that lies on marks of beginning and end, mean; 0 elsewhere.
    """

    weights: list[Tensor]
    scores: Tensor | None = None
    apart: float = 0.0


def attribute(method: str, net: Net, x: Tensor, classes: Tensor, layer: int) -> Attributed:
    """What words or columns weigh.

    Args:
        method: attention_rollout or integrated_gradients.
        net: The network, or a copy of it with other weights.
        x: Bytes as numbers in 0 … 255, (n, 1, 4 or 8, size).
        classes: The class that is explained of each, (n,).
        layer: Up to which attention counts.
    """
    if method != GRADIENTS:
        return _attention(net, x, layer)
    with evaluation_mode(net):
        return _of_columns(net, x, classes) if isinstance(net.backbone, RowBackbone) else _of_vectors(net, x, classes)


def _attention(net: Net, x: Tensor, layer: int) -> Attributed:
    found, apart = [], 0.0
    for told, tokens in zip(token_rollout(net, x, layer), _words(net, x), strict=True):
        weights = _summed(told, tokens)
        apart += (1 - float(weights.sum())) / len(x)
        found.append(weights)
    return Attributed(found, apart=max(apart, 0.0))


def _of_vectors(net: Net, x: Tensor, classes: Tensor) -> Attributed:
    """Integrated gradients over the vectors of the words, from their mean."""
    assert net.tokens is not None
    encoder: Any = net.backbone.encoder
    with torch.no_grad():
        ids, mask = net.tokens(x)
        vectors = encoder(input_ids=ids)[0]
        known = torch.arange(2, encoder.vectors.num_embeddings, device=x.device)[None]
        mean = encoder(input_ids=known)[0].mean(1, keepdim=True)

    def score(at: Tensor) -> Tensor:
        logits = net.head(masked_mean(at, mask))
        found: Tensor = logits.gather(1, classes.to(logits.device)[:, None])[:, 0]
        return found

    each, scores = _integrated(score, vectors, mean.expand_as(vectors))
    return Attributed([_summed(one, told) for one, told in zip(each.sum(2), _words(net, x), strict=True)], scores)


def _of_columns(net: Net, x: Tensor, classes: Tensor) -> Attributed:
    """Integrated gradients over the standardised columns, from 0, which is the mean of each."""
    backbone: Any = net.backbone
    with torch.no_grad():
        columns = backbone.columns(x)

    def score(at: Tensor) -> Tensor:
        for layer in backbone.layers:
            at = layer(at)
        logits = net.head(at)
        found: Tensor = logits.gather(1, classes.to(logits.device)[:, None])[:, 0]
        return found

    each, scores = _integrated(score, columns, torch.zeros_like(columns))
    return Attributed([one[read] for one, read in zip(each, (columns != 0).cpu(), strict=True)], scores)


def _integrated(score: Any, x: Tensor, baseline: Tensor) -> tuple[Tensor, Tensor]:
    """What each number adds, and the scores (n, 2) of x and of the baseline, on the CPU."""
    each, gained = integrated_gradients(score, x, baseline)
    with torch.no_grad():
        whole = score(x)
    return each.cpu(), torch.stack([whole, whole - gained], 1).double().cpu()


def _words(net: Net, x: Tensor) -> list[Words]:
    tokens = net.tokens
    assert isinstance(tokens, Tokens)
    said = texts.decode(x.detach().float().round().clamp(0, 255).byte().cpu().numpy())
    return [tokens.tokenizer.words_of(text, tokens.longest) for text in said]


def _summed(of_tokens: Tensor, words: Words) -> Tensor:
    """What the words that are read weigh: the sum over the tokens of each, in order."""
    read = sorted({word for word in words.of_token if word != NO_WORD})
    place = {word: i for i, word in enumerate(read)}
    found = torch.zeros(len(read))
    for weight, word in zip(of_tokens.tolist(), words.of_token, strict=False):
        if word != NO_WORD:
            found[place[word]] += weight
    return found


def parts_of(net: TrainedNet, x: Tensor, weights: Sequence[Tensor]) -> list[list[Attribution]]:
    """The words or columns of each text or row by name, with what they weigh.

    Args:
        net: The network.
        x: Bytes as numbers in 0 … 255, (n, 1, 4 or 8, size).
        weights: Of each, of those that the network reads.
    """
    if isinstance(net.net.backbone, RowBackbone):
        return _columns(net, x, weights)
    found = []
    for told, own in zip(_words(net.net, x), weights, strict=True):
        read = iter(own.tolist())
        known = set(told.of_token)
        found.append(
            [
                Attribution(escape_name(word), "", _short(next(read)) if i in known else None)
                for i, word in enumerate(told.said)
            ]
        )
    return found


def _columns(net: TrainedNet, x: Tensor, weights: Sequence[Tensor]) -> list[list[Attribution]]:
    backbone: Any = net.net.backbone
    with torch.no_grad():
        read = (backbone.columns(x) != 0).cpu().numpy()
    codes = backbone.columns.codes.tolist()
    names = {rows.code(name): name for name in net.columns}
    theirs, values = rows.decode(x.detach().float().round().clamp(0, 255).byte().cpu().numpy())
    found = []
    for i, own in enumerate(weights):
        says = dict(zip(theirs[i].tolist(), values[i].tolist(), strict=True))
        where = np.flatnonzero(read[i]).tolist()
        parts = [
            Attribution(names.get(codes[j], f"column {j + 1}"), _value(says.get(codes[j])), _short(weight))
            for j, weight in zip(where, own.tolist(), strict=True)
        ]
        found.append(parts)
    return found


def _value(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.5g}"


def _short(weight: float) -> float:
    return round(weight, 9)

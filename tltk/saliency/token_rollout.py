"""Attention rollout of an encoder of texts: which tokens its features are mixed from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from tltk.errors import CannotSplit
from tltk.nn.cut import evaluation_mode
from tltk.nn.net import Net
from tltk.saliency.attention_rollout import roll_out


def token_rollout(net: Net, x: Tensor, layer: int) -> list[Tensor]:
    """How much of each token enters the features, by the attention of the layers up to one; of no class in particular.

    The features are the mean over the tokens, so it is the mean of the rows of the rollout. Attention tells what is
    looked at, not what it says, and knows neither values nor the layers between.

    Reference:
        Abnar & Zuidema (2020), Quantifying attention flow in transformers, ACL, §3, eq. 1, arXiv:2005.00928.

    Args:
        net: A network of texts with an encoder.
        x: Bytes as numbers in 0 … 255, (n, 1, 4, size).
        layer: The last one that counts.

    Returns:
        Of each text, (tokens,), with the sum 1, float32, on the CPU.

    Raises:
        CannotSplit: The encoder tells no attention, or there is none up to this layer.
    """
    if net.tokens is None:
        raise CannotSplit("Attention over tokens is of networks of texts. This one reads others.")
    with evaluation_mode(net), torch.no_grad(), _told(net.backbone.encoder):
        ids, mask = net.tokens(x)
        encoder: Any = net.backbone.encoder
        output = encoder(input_ids=ids, attention_mask=mask, output_attentions=True)
    attentions = [one.float() for one in getattr(output, "attentions", None) or ()]
    shape = (*mask.shape, mask.shape[1])
    if not attentions or any((len(one), *one.shape[2:]) != shape for one in attentions):
        raise CannotSplit("Attention rollout needs an encoder that tells how tokens attend to tokens. This does not.")
    first = net.depth - len(attentions)  # below it are embeddings
    counted = [attention for at, attention in enumerate(attentions, first) if at <= layer]
    if not counted:
        raise CannotSplit(f"Attention rollout needs a layer with attention. There is none up to {net.names[layer]}.")
    rolled = roll_out(counted).cpu()
    return [one[:n, :n].mean(0) for one, n in zip(rolled, mask.sum(1).tolist(), strict=True)]


@contextmanager
def _told(encoder: Any) -> Iterator[None]:
    """The encoder with attention as it is written down, for fused kernels keep none."""
    before = getattr(encoder.config, "_attn_implementation", "eager")
    if before == "eager":
        yield
        return
    encoder.set_attn_implementation("eager")
    try:
        yield
    finally:
        encoder.set_attn_implementation(before)

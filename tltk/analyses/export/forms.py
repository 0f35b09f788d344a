"""What goes into an exported network: bytes of pictures, tokens of texts, or columns of rows; a class for each."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from tltk.analyses.export.network import Trained
from tltk.data import rows
from tltk.nn.rows import RowBackbone
from tltk.nn.text import TextBackbone, masked_mean
from tltk.specs.nouns import ROWS, TEXTS

BATCH, LENGTH = "n", "t"  # axes of any length, by name
Axes = dict[str, tuple[str, ...]]


class Form(Protocol):
    """How the examples of a training enter what is exported."""

    axes: Axes  # name of each input → its axes that may have any length, the first ones

    def inputs(self, trained: Trained, noise: Tensor) -> tuple[Tensor, ...]:
        """What enters, for examples as tltk keeps them.

        Args:
            trained: The training.
            noise: (n, *shape) uint8.
        """

    def module(self, trained: Trained) -> nn.Module:
        """From the inputs to what `Trained.answer` gives, all preparation that tensors can do inside."""

    def told(self, trained: Trained) -> str:
        """What the inputs are, in a sentence for whoever uses the file."""


class Answers(nn.Module):
    """The end of a network: features (n, d) to probabilities (n, classes), or as they are where it knows no class."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.head = trained.net.head if trained.classes else None

    def forward(self, features: Tensor) -> Tensor:
        """Probabilities, or features.

        Args:
            features: (n, d).
        """
        if self.head is None:
            return features
        found: Tensor = self.head(features).softmax(1)
        return found


# -- pictures ----------------------------------------------------------------------------------------------


class _FromBytes(nn.Module):
    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.net, self.taught = trained.net, bool(trained.classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Answers.

        Args:
            pictures: (n, channels, height, width) uint8.
        """
        features, logits = self.net(self.net.normalise(pictures.to(torch.float32) / 255))
        found: Tensor = logits.softmax(1) if self.taught else features
        return found


class Pictures:
    """Bytes, the normalisation inside."""

    axes: Axes = {"pictures": (BATCH,)}

    def inputs(self, trained: Trained, noise: Tensor) -> tuple[Tensor, ...]:
        """The bytes themselves.

        Args:
            trained: The training.
            noise: (n, channels, height, width) uint8.
        """
        return (noise,)

    def module(self, trained: Trained) -> nn.Module:
        """From bytes to answers."""
        return _FromBytes(trained)

    def told(self, trained: Trained) -> str:
        """Shape and preparation."""
        return f"bytes (n, {', '.join(map(str, trained.net.shape))}): each picture {trained.preparation}"


# -- texts -------------------------------------------------------------------------------------------------


class _FromTokens(nn.Module):
    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.encoder, self.answers = text_backbone(trained).encoder, Answers(trained)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Answers.

        Args:
            input_ids: (n, t) int64.
            attention_mask: (n, t) int64, 1 where there is a token.
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask)[0]
        found: Tensor = self.answers(masked_mean(hidden, attention_mask))
        return found


class Texts:
    """Numbers of tokens and their mask; the tokenizer is no tensor's work."""

    axes: Axes = {"input_ids": (BATCH, LENGTH), "attention_mask": (BATCH, LENGTH)}

    def inputs(self, trained: Trained, noise: Tensor) -> tuple[Tensor, ...]:
        """Numbers and mask, (n, t) int64 each.

        Args:
            trained: The training.
            noise: (n, 1, 4, size) uint8.
        """
        ids, mask = text_backbone(trained).tokens(noise.float())
        return ids, mask

    def module(self, trained: Trained) -> nn.Module:
        """From tokens to answers."""
        return _FromTokens(trained)

    def told(self, trained: Trained) -> str:
        """How a text becomes tokens."""
        tokens = text_backbone(trained).tokens
        return (
            f"int64 (n, t) each: tokens of the first {trained.room} bytes of each text, at most {tokens.longest}, "
            f"short ones filled with {tokens.tokenizer.pad}, and a mask of 1 for each that is there; --to script "
            f"writes the tokenizer, {trained.tokenizer_in_words}"
        )


# -- rows --------------------------------------------------------------------------------------------------


class _FromColumns(nn.Module):
    mean: Tensor
    scale: Tensor

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        backbone, n = row_backbone(trained), len(trained.columns)
        self.register_buffer("mean", backbone.columns.mean[:n].clone())
        self.register_buffer("scale", backbone.columns.scale[:n].clone())
        first = nn.Linear(n, backbone.first.out_features)
        first.weight.data = backbone.first.weight[:, :n].detach().clone()
        first.bias.data = backbone.first.bias.detach().clone()
        self.first, self.layers, self.answers = first, backbone.layers[1:], Answers(trained)

    def forward(self, columns: Tensor) -> Tensor:
        """Answers.

        Args:
            columns: (n, columns) float32; NaN = missing.
        """
        known = columns.isfinite() & (self.scale > 0)
        x = torch.where(known, (columns - self.mean) / self.scale.clamp(min=1e-30), 0.0)
        x = self.first(x).relu()
        for layer in self.layers:
            x = layer(x)
        found: Tensor = self.answers(x)
        return found


class Rows:
    """Numbers of the columns, standardised inside."""

    axes: Axes = {"columns": (BATCH,)}

    def inputs(self, trained: Trained, noise: Tensor) -> tuple[Tensor, ...]:
        """The numbers, (n, columns) float32, NaN = missing.

        Args:
            trained: The training.
            noise: (n, 1, 8, size) uint8.
        """
        values = rows.decode(noise.numpy())[1][:, : len(trained.columns)]
        return (torch.from_numpy(np.ascontiguousarray(values)),)

    def module(self, trained: Trained) -> nn.Module:
        """From numbers to answers."""
        return _FromColumns(trained)

    def told(self, trained: Trained) -> str:
        """Which columns, in which order."""
        return (
            f"float32 (n, {len(trained.columns)}): the columns that the metadata lists, in that order; NaN where one "
            f"is missing, and 1 or 0 for `COLUMN = word` and `COLUMN is missing`"
        )


FORMS: dict[str, Form] = {TEXTS: Texts(), ROWS: Rows()}


def form_of(trained: Trained) -> Form:
    """How its examples enter."""
    return FORMS.get(trained.noun, Pictures())


def text_backbone(trained: Trained) -> TextBackbone:
    """The network of texts that it is."""
    assert isinstance(trained.net.backbone, TextBackbone)
    return trained.net.backbone


def row_backbone(trained: Trained) -> RowBackbone:
    """The network of rows that it is."""
    assert isinstance(trained.net.backbone, RowBackbone)
    return trained.net.backbone

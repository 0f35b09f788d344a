"""The network of a finished training, and what timm needs to build it."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor

from tltk.data.fit import CROP, GROUND, PAD, SQUASH
from tltk.errors import BadSpec, WeightsMissing
from tltk.nn.net import Net
from tltk.results.training import TrainingResult
from tltk.runs.private import cut_paths, folders_named
from tltk.runs.run import Run
from tltk.specs.nouns import PICTURES, ROWS, TEXTS, noun_of
from tltk.specs.training import TransferSpec
from tltk.weights import store, weightfile
from tltk.weights.fitting import told_size
from tltk.weights.load import build_net

BODY = {TEXTS: "backbone.encoder."}  # what stands before the names of the body's tensors in a run's own file
COMPARED = 8  # examples on which answers are compared
PREPARED = {
    CROP: "the {shape} in the middle, resized to {width} × {height} px (bicubic)",
    PAD: f"whole, as large as fits into {{width}} × {{height}} px (bicubic), in the middle of a ground of that size of "
    f"the colour {GROUND}",
    SQUASH: "whole, resized to {width} × {height} px whatever its shape (bicubic)",
}
TOLERANCE = 1e-4  # of an answer; float32 in another order of sums differs by less


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished training.

    Attributes:
        run: Its folder.
        spec: What was asked for.
        result: What it found.
        told: The words in the header of its weights.
        classes: Names by class number; empty where it learned without labels, so that its head knows nothing.
        net: Its network, in evaluation mode, on the CPU.
    """

    run: Run
    spec: TransferSpec
    result: TrainingResult
    told: dict[str, str]
    classes: tuple[str, ...]
    net: Net

    @property
    def file(self) -> Path:
        """Its weights."""
        return self.run.path / store.FILE

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of its pictures in pixels."""
        height, width = self.net.shape[1:]
        return height, width

    @property
    def facts(self) -> dict[str, Any]:
        """What a file of the network tells of itself: how pictures are prepared, and the names of the classes."""
        found: dict[str, Any] = {"backbone": self.named, "run": self.run.id}
        if self.noun == PICTURES:
            height, width = self.shape
            found |= {"size": height, "width": width, "fit": self.fit}
        elif self.noun == TEXTS:
            found |= {"bytes": self.room, "tokenizer": self.tokenizer_in_words}
            found |= {} if self.net.tokens is None else {"tokens": self.net.tokens.longest}
        else:
            found |= {"columns": list(self.columns)}
        return {**found, "classes": list(self.classes)} if self.classes else found

    @property
    def named(self) -> str:
        """Its backbone's name, without the folders of this machine."""
        kind, colon, where = self.spec.net.backbone.partition(":")
        return f"{kind}:{Path(where).name}" if colon and kind in ("folder", "vectors") else self.spec.net.backbone

    @property
    def noun(self) -> str:
        """What it reads: pictures, texts or rows."""
        return noun_of(self.spec.net.backbone)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that a network of rows knows; none of another."""
        return tuple(json.loads(self.net.options.get("columns", "[]")))

    @property
    def room(self) -> int:
        """Bytes of a text that are read; of another kind of example what one takes."""
        return int(math.prod(self.net.shape))

    @property
    def tokenizer_in_words(self) -> str:
        """What tells the tokenizer of a network of texts from others."""
        return "" if self.net.tokens is None else self.net.tokens.tokenizer.in_words

    @property
    def fit(self) -> str:
        """How pictures of another shape get its own: crop, pad or squash."""
        return self.told.get("fit") or self.spec.target.fit

    @property
    def preparation(self) -> str:
        """How a picture becomes one of its own, in words, for whoever does it elsewhere."""
        height, width = self.shape
        shape = "square" if height == width else f"largest {width}:{height} rectangle"
        return PREPARED[self.fit].format(height=height, width=width, shape=shape)

    @property
    def channels(self) -> int:
        """Of its pictures."""
        return self.net.shape[0]

    @property
    def answers(self) -> str:
        """What it gives for a picture, in words."""
        return "probabilities" if self.classes else "features"

    @property
    def has_own_head(self) -> bool:
        """Whether its classifier is none of timm's, so that it lies in a file of its own."""
        return bool(self.classes) and (self.spec.net.head != "linear" or not self.told.get("classifier"))

    @property
    def last(self) -> str:
        """Name of the last module of its head, among the head's tensors."""
        return f"head.{len(self.net.head) - 1}"  # type: ignore[arg-type]

    @property
    def statistics(self) -> tuple[list[float], list[float]]:
        """What is subtracted from each channel of a picture in 0 … 1, and what it is then divided by."""
        mean, std = ([round(v, 6) for v in t.flatten().tolist()] for t in (self.net.mean, self.net.std))
        return mean, std

    @property
    def timm_arguments(self) -> dict[str, Any]:
        """What `timm.create_model` takes beside the name, to build what the exported weights fit."""
        made: dict[str, Any] = {"num_classes": 0 if self.has_own_head else len(self.classes), **self.net.options}
        if self.channels != 3:
            made["in_chans"] = self.channels
        config = timm.get_pretrained_cfg(self.spec.net.backbone)
        if config is not None and config.fixed_input_size:
            made["img_size"] = self.shape
        return made

    def noise(self) -> Tensor:
        """Examples without content, (n, *shape) uint8: pictures of noise, a few words, numbers that are drawn."""
        generator = torch.Generator().manual_seed(0)
        if self.noun == PICTURES:
            return torch.randint(0, 256, (COMPARED, *self.net.shape), dtype=torch.uint8, generator=generator)
        found = self.net.sample(COMPARED, generator).to(torch.uint8)
        if self.noun == ROWS:  # one column is missing in each row
            for row in range(COMPARED):
                nan = np.frombuffer(np.float32(np.nan).tobytes(), np.uint8).copy()
                found[row, 0, 4:, row % max(len(self.columns), 1)] = torch.from_numpy(nan)
        return found

    @torch.inference_mode()
    def answer(self, pictures: Tensor) -> Tensor:
        """Probabilities (n, classes), or features (n, d).

        Args:
            pictures: (n, *shape) uint8: pictures, or bytes of texts or rows.
        """
        features, logits = self.net(self.net.normalise(pictures.float() / 255))
        found: Tensor = logits.softmax(1) if self.classes else features
        return found

    def exported_weights(self) -> dict[str, bytes]:
        """Files with its weights as timm loads them, and beside them its head where timm has none such."""
        folders = folders_named(json.loads(self.spec.to_json()))
        data = weightfile.change_told(self.file.read_bytes(), lambda word: cut_paths(word, folders))
        return weightfile.export_files(data, BODY.get(self.noun, "backbone."))


def load_trained(name: str) -> Trained:
    """The training of this id.

    Args:
        name: Its id, or the first digits of it; of a training.

    Raises:
        UnknownName: There is none.
        WeightsMissing: It has not finished, or its weights are damaged.
    """
    run = Run.open(name)
    spec = run.spec
    assert isinstance(spec, TransferSpec)  # else `check_place` has refused it
    _, path = store.run_weights(run.id)
    result = run.read(TrainingResult)
    if result is None:
        raise WeightsMissing(f"Run {run.id} must have finished to be exported. It is {run.status.state}.")
    told = weightfile.identify(path).told
    taught = told.get("labels") != "none"
    classes = tuple(json.loads(told["classes"]) if told.get("classes") else result.classes) if taught else ()
    size = told_size(told) or spec.target.picture_size
    channels = told["mean"].count(",") + (not told["mean"].endswith(",)")) if told.get("mean") else 3
    from_run = dataclasses.replace(spec.net, weights=f"run:{run.id}")
    net = build_net(from_run, max(len(classes), 2) if not taught else len(classes), size, channels, spec.seed)
    tensors = load_file(path)
    heads = {n.removeprefix("head."): t for n, t in tensors.items() if n.startswith("head.")}
    if taught:
        net.head.load_state_dict(heads)
    return Trained(run, spec, result, told, classes, net.eval())


def check_alike(trained: Trained, answers: Tensor, what: str) -> float:
    """The largest difference of answers from the network's own.

    Args:
        trained: The training.
        answers: Of what was exported, for `trained.noise()`, (n, classes or d).
        what: Its name in the sentence.

    Raises:
        BadSpec: It is more than float32 explains: the export would not be this network.
    """
    own = trained.answer(trained.noise())
    off = float("inf") if own.shape != answers.shape else float((own - answers).abs().max())
    if not off <= TOLERANCE * max(1.0, float(own.abs().max())):
        raise BadSpec(
            f"An export must answer as the network does. {what} of run {trained.run.id} differs by {off:.2g}: "
            f"{trained.spec.net.backbone} is built otherwise there. Nothing was written; export it as safetensors."
        )
    return off


def first_line(fault: Exception) -> str:
    """What another library said, short enough to stand in a sentence of ours."""
    lines = str(fault).strip().splitlines()
    return lines[0].strip().rstrip(".")[:200] if lines else "no reason given"

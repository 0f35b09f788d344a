"""The network of a finished training, head included, as it was tested; and what it says of pictures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from tltk.analyses.trained import PREFIX, TrainedRun
from tltk.data import family
from tltk.data.domain import Domain, Ints, Pixels, link_copies
from tltk.data.pictures import PICTURES
from tltk.errors import TltkError
from tltk.nn.net import Net
from tltk.nn.rows import RowBackbone
from tltk.nn.text import TextBackbone
from tltk.specs.parts import ViewSpec
from tltk.specs.size import Size
from tltk.specs.training import TransferSpec
from tltk.training.compose import Divided, Load, add_source, divide
from tltk.training.optimizer import pick_device
from tltk.weights import weightfile
from tltk.weights.load import build_net


@dataclass(frozen=True)
class TrainedNet:
    """A network to use.

    Attributes:
        net: On its device, in evaluation mode.
        size: Of the pictures that it reads, in pixels.
        fit: How pictures of another shape get theirs: crop, pad or squash.
        channels: Of them.
        precision: float32, or bfloat16 where it was tested so on this kind of device.
    """

    net: Net
    size: Size
    fit: str
    channels: int
    precision: str

    @property
    def of_words(self) -> bool:
        """Whether what it reads is told in words: texts or rows."""
        return isinstance(self.net.backbone, TextBackbone | RowBackbone)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that a network of rows knows; none of another."""
        return tuple(json.loads(self.net.options.get("columns", "[]")))

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.net.parameters()).device

    @torch.no_grad()
    def answer(
        self, images: Pixels, index: Ints, batch: int, check: Callable[[], None] = lambda: None
    ) -> tuple[Tensor, Tensor]:
        """Features (n, d) and logits (n, classes) of these pictures, float32, on the CPU.

        Args:
            images: (m, c, height, width) uint8, as a domain or the decoder gives them.
            index: Which of them, (n,).
            batch: Pictures at a time.
            check: Called before each batch; it may raise.
        """
        features: list[Tensor] = []
        logits: list[Tensor] = []
        for start in range(0, len(index), batch):
            check()
            part = torch.from_numpy(np.ascontiguousarray(images[index[start : start + batch]])).to(self.device)
            x = self.net.normalise(PICTURES.augment(part, ViewSpec(), torch.Generator()))
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                found = self.net(x.contiguous(memory_format=torch.channels_last))
            features.append(found[0].float().cpu())
            logits.append(found[1].float().cpu())
        return torch.cat(features), torch.cat(logits)


def rebuild(trained: TrainedRun) -> TrainedNet:
    """The network of a training, from its own weights alone: what it began with may be gone.

    Its normalisation is that of the header of its weights: where they came from a hub, another tag of the same
    architecture may have another.

    Args:
        trained: The training.
    """
    told = weightfile.identify(trained.weights).told
    state = load_file(trained.weights)
    mean, std = (_numbers(told.get(name, "")) for name in ("mean", "std"))
    size, fitting = trained.spec.target.picture_size, trained.result.fitting
    channels = fitting.channels if fitting is not None else len(mean) or 3
    snapshot = trained.weights.stem if trained.weights.parent.name == "snapshots" else ""
    own = f"{PREFIX}{trained.run.id}{'@' if snapshot else ''}{snapshot}"
    asked = dataclasses.replace(trained.spec.net, weights=own, reset=0, keep_head=False)
    net = build_net(asked, len(trained.result.classes), size, channels, trained.spec.seed)
    if trained.spec.labels == "none":  # whose head was not taught, and is not kept
        state = {name: value for name, value in net.state_dict().items() if name.startswith("head.")} | state
    net.load_state_dict(state)
    for buffer, values in ((net.mean, mean), (net.std, std)):
        if len(values) == channels:
            buffer.copy_(torch.tensor(values).reshape(buffer.shape))
    device = pick_device("auto")
    same = torch.device(trained.result.device or "cpu").type == device.type
    precision = "bfloat16" if same and trained.result.precision == "bfloat16" else "float32"
    net = net.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    return TrainedNet(net, size, trained.spec.target.fit, channels, precision)


def own_parts(spec: TransferSpec, load: Load) -> Divided:
    """The pictures of a training and their parts as it saw them; a second domain only where its labels were learned.

    Args:
        spec: The training.
        load: Where its domains come from.
    """
    bare = dataclasses.replace(spec, terms=())  # what they ask for, such as weights that are gone, divides nothing
    parts = divide(bare, load)
    return parts if spec.labels == "target" else add_source(bare, parts, load)


def count_seen(spec: TransferSpec, domain: Domain, index: Ints, load: Load) -> int:
    """How many of some pictures a training learned from, copies included; 0 where its own pictures are gone.

    Args:
        spec: The training.
        domain: Whose pictures.
        index: Which, (n,).
        load: Where domains come from.
    """
    if family(domain.name) not in {family(one.name) for one in (spec.target, spec.source) if one is not None}:
        return 0
    try:
        parts = own_parts(spec, load)
    except TltkError:
        return 0
    learned = [(parts.domain, parts.split)] if spec.labels != "source" or spec.terms else []
    seen = np.zeros(len(index), bool)
    for theirs, split in [*learned, *([parts.source] if parts.source else [])]:
        mine, other = link_copies(domain, theirs)
        seen |= np.isin(mine.origins[index], other.origins[split.train])
    return int(seen.sum())


def _numbers(text: str) -> list[float]:
    """`(0.5, 0.4)` → [0.5, 0.4]; none of what is no such text."""
    try:
        return [float(part) for part in text.strip("() ").split(",") if part.strip()]
    except ValueError:
        return []

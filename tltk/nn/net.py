"""Net: a timm backbone as ordered layers, and our head on its pooled features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn

from tltk.errors import BadSpec, TltkError, UnknownName
from tltk.nn.head import make_head
from tltk.nn.order import execution_order, layer_name, ordered_layers
from tltk.nn.rows import RowBackbone
from tltk.nn.text import TextBackbone
from tltk.results.training import Fitting
from tltk.specs.encoders import reads_text
from tltk.specs.mlps import parse_mlp, reads_rows
from tltk.specs.parts import NetSpec
from tltk.specs.size import Size, height_and_width, in_pixels

HEAD_SEED = 1_000_003  # added to a training's seed for its head's first weights


class Net(nn.Module):
    """A backbone of `depth` ordered layers (0 = stem) and a head, which counts as layer `depth`.

    Attributes:
        names: Names of the layers, then "head".
        layer_of: Parameter or buffer name → index of its layer; a buffer that belongs to no single
            layer is absent.
        width: Size d of the pooled features.
        shape: Of one example, such as (channels, height, width).
        frozen: Indices of the layers that `freeze` has frozen.
        locked: Modules that stay in evaluation mode whatever `.train()` says; see `freeze`.
        options: How the backbone was built beyond its name, such as its padding; kept with weights.
        notes: What there is to say of the file that its weights are from.
        tokens: The first module of a network of texts; None in one of pictures.
        fitting: How first weights were fitted to these pictures and classes; None where nobody told.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, sample: Tensor, n_classes: int, spec: NetSpec) -> None:
        super().__init__()
        backbone.eval()
        self.backbone = backbone
        self.tokens = backbone.tokens if isinstance(backbone, TextBackbone) else None
        self.shape = tuple(sample.shape[1:])
        self.ran = execution_order(backbone, sample)
        layers = ordered_layers(backbone, self.ran)
        named = (layer_name(layer, i) for i, layer in enumerate(layers))
        self.names = (*(n if self.tokens is None else n.removeprefix("encoder.") for n in named), "head")
        with torch.no_grad():
            self.width = self.pool(backbone(sample)).shape[1]
        self.head = make_head(spec.head, self.width, n_classes, spec.dropout)
        self.locked: tuple[nn.Module, ...] = ()
        self.frozen: frozenset[int] = frozenset()
        self.options: dict[str, str] = {}
        self.notes: list[str] = []
        self.fitting: Fitting | None = None
        mean, std = statistics(backbone, sample.shape[1])
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self.layer_of = {f"backbone.{n}": i for i, layer in enumerate(layers) for n in layer}
        # A parameter that two modules share has two names and one layer.
        by_id = {id(p): self.layer_of[f"backbone.{n}"] for n, p in backbone.named_parameters()}
        for name, parameter in backbone.named_parameters(remove_duplicate=False):
            self.layer_of[f"backbone.{name}"] = by_id[id(parameter)]
        self.layer_of |= {f"head.{n}": self.depth for n in self.head.state_dict()}
        self._own_buffers()

    @property
    def depth(self) -> int:
        """Layers of the backbone; the head is layer number `depth`."""
        return len(self.names) - 1

    def _own_buffers(self) -> None:
        """Give each buffer (running statistics) to the layer of the nearest module around it."""
        for name, _ in self.backbone.named_buffers():
            scope = f"backbone.{name}"
            while "." in scope:
                scope = scope.rpartition(".")[0]
                owners = {i for n, i in self.layer_of.items() if n.startswith(scope + ".")}
                if owners:
                    if len(owners) == 1:
                        self.layer_of[f"backbone.{name}"] = owners.pop()
                    break

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Examples of no content, as the network reads them, on its device: zeros, or noise from a generator.

        Args:
            n: How many.
            generator: On the CPU; None = zeros.

        Returns:
            (n, *shape), of the type of the weights.
        """
        weight = next(self.parameters())
        if isinstance(self.backbone, TextBackbone | RowBackbone):
            made = self.backbone.sample(n, generator)
        elif generator is None:
            made = torch.zeros(n, *self.shape)
        else:
            made = torch.randn(n, *self.shape, generator=generator)
        return made.to(weight.device, weight.dtype)

    def normalise(self, images: Tensor) -> Tensor:
        """Pictures in 0…1, (n, c, h, w), as the backbone's weights expect them.

        Args:
            images: (n, c, h, w) in 0 … 1.
        """
        return (images - self.mean) / self.std

    def denormalise(self, x: Tensor) -> Tensor:
        """What `normalise` was given, (n, c, h, w) in 0 … 1.

        Args:
            x: (n, c, h, w), normalised.
        """
        return (x * self.std + self.mean).clamp(0, 1)

    @staticmethod
    def pool(output: Any) -> Tensor:
        """The backbone's answer as (n, d), also where it is a map or several heads' features."""
        if isinstance(output, tuple | list):
            output = torch.stack(tuple(output)).mean(0)
        while output.ndim > 2:
            output = output.mean(-1)
        tensor: Tensor = output
        return tensor

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled features (n, d), and their logits (n, classes).

        Args:
            features: (n, d), pooled.
        """
        return features, self.head(features)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised pictures → (features, logits).

        Args:
            x: (n, c, h, w), normalised.
        """
        return self.classify(self.pool(self.backbone(x)))

    def train(self, mode: bool = True) -> Net:
        """As usual, but what `freeze` has locked stays in evaluation mode."""
        super().train(mode)
        for module in self.locked:
            module.eval()
        return self

    def tensors(self, below: int) -> dict[str, Tensor]:
        """Weights and running statistics of the layers below a boundary, by name."""
        state = {n: t for n, t in self.state_dict().items() if n in self.layer_of}
        return {n: t for n, t in state.items() if self.layer_of[n] < below}


def statistics(backbone: nn.Module, channels: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation that the architecture's weights were trained with, for any channel count.

    Where that is another count, each channel gets the average over those that timm names.

    Args:
        backbone: Its config has them.
        channels: Of a picture.

    Returns:
        Two tensors of shape (1, channels, 1, 1), for pictures in 0 … 1.
    """
    config = getattr(backbone, "pretrained_cfg", None) or {}
    mean = torch.tensor(config.get("mean", (0.5,) * 3))
    std = torch.tensor(config.get("std", (0.5,) * 3))
    if channels != len(mean):
        mean, std = mean.mean().expand(channels), std.mean().expand(channels)
    return mean.reshape(1, -1, 1, 1).clone(), std.reshape(1, -1, 1, 1).clone()


def config_value(config: Any, what: str) -> tuple[str, ...]:
    """What timm's config of a model, an object or a dictionary, names as its `first_conv` or `classifier`."""
    found = (config.get(what) if isinstance(config, dict) else getattr(config, what, None)) or ()
    return (found,) if isinstance(found, str) else tuple(found)


def input_channels(name: str, shapes: Mapping[str, Sequence[int]]) -> int:
    """How many channels a backbone's first convolution reads, by its tensors' shapes; 3 where timm does not name it."""
    for first in config_value(timm.get_pretrained_cfg(name), "first_conv"):
        if len(shape := shapes.get(f"{first}.weight", ())) == 4:
            return int(shape[1])
    return 3


def make_backbone(name: str, size: Size, channels: int, drop_path: float = 0.0, **options: Any) -> nn.Module:
    """A timm model without its classifier, for pictures of this size; or a network of texts or of rows, by its name.

    Args:
        name: timm's name, with or without a tag.
        size: Of a picture in pixels; read by architectures of a fixed input size.
        channels: Of a picture.
        drop_path: Rate of stochastic depth in 0 … 1; 0 = what the architecture has.
        **options: More for `timm.create_model`.

    Raises:
        UnknownName: timm has no such model, or none with this tag; the nearest name is offered.
        BadSpec: The architecture cannot take pictures of this size or channel count.
    """
    if reads_text(name):
        from tltk.nn.encoders import make_text_backbone  # its library is an extra

        return make_text_backbone(name, height_and_width(size)[1], drop_path)  # texts lie as their bytes, 4 × size
    if reads_rows(name):
        if drop_path:
            raise BadSpec(f"Stochastic depth is for networks of pictures. Got drop_path {drop_path:g}; set it to 0.")
        return RowBackbone(parse_mlp(name), height_and_width(size)[1])
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise UnknownName.among("backbone", name, timm.list_models())
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:  # timm's own words are of its tables
        known = [n.partition(".")[2] for n in timm.list_pretrained(architecture)]
        raise UnknownName.among(f"The tag of {architecture}", tag, known) from None
    wanted: dict[str, Any] = {"num_classes": 0, "in_chans": channels, **options}
    if drop_path:
        wanted["drop_path_rate"] = drop_path
    if config is not None and config.fixed_input_size:
        wanted["img_size"] = size
    try:
        model: nn.Module = timm.create_model(name, **wanted)
    except TypeError as fault:
        raise BadSpec(f"{name} cannot be built with these options: {fault}.") from None
    except Exception as fault:  # each architecture stumbles over a size in its own way
        raise BadSpec(
            f"{name} must be given a picture size that fits it. Got {in_pixels(size)}: {_reason(fault)}. "
            f"Try {config.input_size[-1] if config else 224}."
        ) from None
    return model


def _reason(fault: Exception) -> str:
    """The first line of what an architecture says, without a full stop; what kind of fault it was where it is mute."""
    lines = str(fault).strip().splitlines() or [f"it refuses ({type(fault).__name__})"]
    return lines[0].strip().rstrip(".:")


def make_net(backbone: nn.Module, size: Size, channels: int, n_classes: int, spec: NetSpec, seed: int) -> Net:
    """The backbone with a new head; the head's initial weights depend on the seed alone.

    Args:
        backbone: Without a classifier.
        size: Of a picture in pixels.
        channels: Of a picture.
        n_classes: Number of logits.
        spec: Says which head and with what dropout.
        seed: Of the head's first weights.

    Raises:
        BadSpec: The backbone cannot read pictures of this size and channel count.
    """
    height, width = height_and_width(size)
    sample = torch.zeros(2, *(getattr(backbone, "example_shape", None) or (channels, height, width)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + HEAD_SEED)
        try:
            return Net(backbone, sample, n_classes, spec)
        except TltkError:
            raise
        except Exception as fault:  # each architecture stumbles over a size in its own way
            raise BadSpec(
                f"{spec.backbone} must be able to read {width} × {height} pictures with {channels} channels. "
                f"It answers: {_reason(fault)}. Choose a larger picture size or another backbone."
            ) from None

"""Denoising: from a corrupted input the clean one is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.terms.term import Setting, Step, Term

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from tltk.nn.net import Net

KINDS = ("masking", "gaussian", "salt_and_pepper")


class _Enough(Exception):  # noqa: N818  (no error: what lies above is not needed)
    """Raised inside the network once the last layer that learns has answered."""


@dataclass(frozen=True)
class Denoising(Term):
    """Denoising autoencoder: the layers that learn are given a corrupted input, and learn to give back the clean one.

    ℓ = λ · mean (x − g(f(x̃)))², x the input of the lowest layer that learns in this phase (the normalised picture, or
    what the frozen layers below give), x̃ the same corrupted, f the layers that learn in this phase, g an affine decoder
    of its own, the same at all places. f ends with the last weights; an activation that follows them is not part of it.

    With the strategy layer_by_layer each layer in turn learns to denoise its own input: a stack of denoising
    autoencoders, the classical pre-training of deep networks. With fine_tune the whole network is one autoencoder. To
    undo a corruption, a layer must know what goes with what, so it does not just copy. It needs no labels (`--labels
    none`), and helps where many pictures have none and the network is trained from scratch; it learns what is frequent,
    not what tells classes apart, so newer methods usually beat it. With a level near 0 a layer that is wide enough
    copies its input and learns nothing. Each step costs at most one pass.

    Reference:
        Vincent, Larochelle, Bengio and Manzagol (2008), Extracting and composing robust features with denoising
        autoencoders, ICML, §2.3–2.4. Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010), Stacked denoising
        autoencoders, JMLR 11, §3; its corruptions §3.3, squared error with an affine decoder §2.2, stacking §3.5.
    """

    needs: ClassVar[tuple[str, ...]] = ("pictures",)
    teaches: ClassVar[bool] = True
    passes: ClassVar[int] = 1

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the squared error; 0 = off.")
    noise: str = knob(
        "masking",
        choices=KINDS,
        help="masking: numbers become 0. gaussian: noise is added. salt_and_pepper: they become the least or greatest.",
    )
    level: float = knob(
        0.25, 0.0, 1.0, help="Share of the numbers that are corrupted; the deviation of gaussian noise."
    )

    @property
    def reaches_head(self) -> bool:
        """No: what layers give, by a decoder of its own."""
        return False

    def build(self, setting: Setting) -> nn.Module:
        """A decoder for each group of layers that learns in some phase: the layers of a phase make one autoencoder.

        Args:
            setting: The network, and what the strategy plans for it.
        """
        from torch import nn

        from tltk.nn.cut import evaluation_mode
        from tltk.nn.decoder import Decoder
        from tltk.nn.taps import LayerOutputs, layer_ends

        net, phases = setting.net, setting.phases
        sample, (_, height, width) = net.sample(2), net.shape
        made: Any = nn.ModuleDict()
        made.ends = layer_ends(net, sample)
        with evaluation_mode(net), LayerOutputs(net).collect(net, 0, len(sample)) as found:
            net(sample)
        shapes = {name: found[layer].shape for layer, name in enumerate(made.ends) if name}
        for phase in phases:
            span = group(made.ends, [layer for layer, scale in enumerate(phase.lr_scale[:-1]) if scale])
            if span is not None and key(span) not in made:
                below, top = span
                made[key(span)] = Decoder(shapes[top], shapes[below] if below else sample.shape, (height, width))
        return made  # type: ignore[no-any-return]

    def __call__(self, step: Step) -> Tensor:
        """λ times the mean squared error; 0 where none of the backbone's layers learns in this phase."""
        pictures, draw = step.seen
        made: Any = step.module
        span = group(made.ends, [layer for layer in range(step.net.depth) if layer not in step.net.frozen])
        if span is None:
            return pictures.new_zeros(())
        decoder = made[key(span)]
        with self._corrupted(step.net, span, draw) as taken:
            x = pictures if span[0] else taken.start(pictures)
            with suppress(_Enough):
                step.net.backbone(x)
        clean: Tensor = decoder.target(taken.clean)
        error: Tensor = (decoder(taken.top) - clean).square().mean()
        step.report("explained", 1 - error / clean.var(correction=0).clamp(min=1e-12))
        return self.weight * error

    @contextmanager
    def _corrupted(self, net: Net, span: tuple[str, str], draw: Generator) -> Iterator[_Taken]:
        """The network with what enters the layers that learn corrupted, which stops once the last of them is done."""
        below, top = span
        taken = _Taken(self, draw)
        hooks = [net.backbone.get_submodule(top).register_forward_hook(taken.stop)]
        if below:
            hooks.append(net.backbone.get_submodule(below).register_forward_hook(taken.pass_on))
        try:
            yield taken
        finally:
            for hook in hooks:
                hook.remove()


class _Taken:
    """What a pass leaves: the clean input of the layers that learn, and their output from the corrupted one."""

    def __init__(self, term: Denoising, draw: Generator) -> None:
        self._term, self._draw = term, draw
        self.clean: Any = None
        self.top: Any = None

    def start(self, x: Tensor) -> Tensor:
        """Keep the clean input of the layers that learn, and give them a corrupted one.

        Args:
            x: What would enter them, a row for each picture.
        """
        self.clean = x.detach()
        return corrupt(self.clean, self._term.noise, self._term.level, self._draw)

    def pass_on(self, _module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        """In place of what the layer below gives: a hook.

        Args:
            _module: The layer's last.
            _inputs: Of that.
            output: What it gives.

        Raises:
            BadSpec: It gives more than one tensor.
        """
        import torch

        if not isinstance(output, torch.Tensor):
            raise BadSpec(
                "The term denoising corrupts what a layer is given, one tensor. A layer of this backbone gives "
                "several; take the strategy fine_tune with boundary 0, another backbone, or another term."
            )
        return self.start(output)

    def stop(self, _module: nn.Module, _inputs: Any, output: Any) -> None:
        """Keep what the highest layer that learns gives: a hook.

        Args:
            _module: The layer's last.
            _inputs: Of that.
            output: What it gives.
        """
        self.top = output
        raise _Enough


def group(ends: Sequence[str], layers: Sequence[int]) -> tuple[str, str] | None:
    """The modules whose outputs are the input and the output of these layers; None where they have no output.

    The first is "" where the input is the picture.

    Args:
        ends: Of each layer the module whose output is the layer's; "" where it has none.
        layers: Those that learn, in order.
    """
    top = next((ends[layer] for layer in reversed(layers) if ends[layer]), "")
    if not top:
        return None
    return next((name for name in reversed(ends[: layers[0]]) if name), ""), top


def key(span: tuple[str, str]) -> str:
    """The name of a decoder among the term's modules."""
    return " to ".join(name.replace(".", "-") for name in span)


def corrupt(x: Tensor, noise: str, level: float, draw: Generator) -> Tensor:
    """x̃ of x, each number by itself.

    Args:
        x: Of any shape.
        noise: One of `KINDS`.
        level: Share of the numbers that are corrupted, or the deviation of Gaussian noise.
        draw: On the CPU.
    """
    import torch

    if noise == "gaussian":
        return x + level * torch.randn(x.shape, generator=draw).to(x.device, x.dtype)
    hit = (torch.rand(x.shape, generator=draw) < level).to(x.device)
    if noise == "masking":
        return x.masked_fill(hit, 0.0)
    salt = (torch.rand(x.shape, generator=draw) < 0.5).to(x.device)
    return torch.where(hit, torch.where(salt, x.amax(), x.amin()), x)

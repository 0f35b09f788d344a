"""DELTA: the feature maps of each layer stay what they were, channel by channel as it matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.terms.term import Start, Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Delta(Term):
    """DELTA: feature maps are held near those of the start, the more so the more a channel matters to the target.

    ℓ = α/n Σ_x Σ_l Σ_j W_lj ‖FM_lj(w, x) − FM_lj(w⁰, x)‖² + β ‖w_head‖², over the layers l that learn and their
    channels j, each a map over places. W_l = softmax_j(L without channel j − L), with L the loss of a linear classifier
    fitted on the features of the start, so that Σ_j W_lj = 1.

    Weights may move as long as the maps that they make do not. That says better than L2-SP what should be kept, and
    leaves channels free which the target does not use. It helps with few labels and a source that is near; where the
    target needs other features than those of the start it holds the network back. Each step passes the batch through
    the network of the start as well. `attention` says how W is found: `ablation` as in the paper, by a pass for each
    channel, which takes hours where there are thousands; `gradient` estimates the same rise of the loss to first order,
    −∂L/∂FM · FM summed over places, by one pass; `uniform` takes all channels alike. All layers that learn count, not
    only the ends of stages as in the paper's residual networks.

    Reference:
        Li, Xiong, Wang, Rao, Liu and Huan (2019), DELTA: deep learning transfer using feature map with attention for
        convolutional networks, ICLR, §3. arXiv:1901.09229. First order: Molchanov, Tyree, Karras, Aila and Kautz
        (2017), Pruning convolutional neural networks for resource efficient inference, ICLR, §2.2. arXiv:1611.06440.
    """

    needs: ClassVar[tuple[str, ...]] = ("layers", "teacher")

    weight: float = knob(0.01, 0.0, 1e6, help="α: pull of the feature maps towards those of the start; 0 = off.")
    head: float = knob(0.01, 0.0, 1e6, help="β: pull of the head's weights towards zero.")
    attention: str = knob(
        "gradient",
        choices=("gradient", "ablation", "uniform"),
        help="How channels are weighed: first-order estimate, a pass for each channel as in the paper, or all alike.",
    )
    pictures: int = knob(128, 1, 1_000_000, help="Target pictures that the weights are found on, drawn by lot.")

    @property
    def reaches_head(self) -> bool:
        """Where its weights are pulled to zero."""
        return self.head > 0

    def prepare(self, start: Start) -> Mapping[str, Tensor]:
        """W of each layer that learns, (channels,), by the layer's number; nothing where all channels are alike.

        Args:
            start: The network with its first weights.

        Raises:
            BadSpec: A layer's channels cannot be left out one by one.
        """
        import torch

        if self.attention == "uniform":
            return {}
        with torch.no_grad():
            sides = list(start.batches("target", 64, most=self.pictures))
        found = {layer: _channels_last(x, start.net.shape).shape[-1] for layer, x in sides[0].layers.items()}
        if not found:
            return {}
        labels = [side.labels for side in sides if side.labels is not None]
        logits = _fit(torch.cat([side.features for side in sides]), torch.cat(labels), start.n_classes)
        rises = (
            _first_order(self, start, logits) if self.attention == "gradient" else _ablate(self, start, logits, found)
        )
        return {str(layer): rise.softmax(0) for layer, rise in rises.items()}

    def __call__(self, step: Step) -> Tensor:
        """α Ω′ + β Ω″."""
        assert step.teacher is not None
        pull = step.batch.logits.new_zeros((), dtype=step.batch.features.float().dtype)
        for layer, then in step.teacher.layers.items():
            gap = _channels_last(step.batch.layers[layer].float() - then.float(), step.net.shape).square()
            gap = gap.flatten(0, -2).sum(0) / len(then)
            held = step.prepared.get(str(layer))
            pull = pull + self.weight * (gap.mean() if held is None else (held * gap).sum())
        for name, parameter in step.net.named_parameters():
            if parameter.requires_grad and step.net.layer_of[name] == step.net.depth:
                pull = pull + self.head * parameter.square().sum()
        return pull


def _channels_last(x: Tensor, picture: Sequence[int]) -> Tensor:
    """A layer's output with its channels on the last axis."""
    from tltk.nn.taps import places

    channel = next(axis for axis in range(1, x.ndim) if axis not in places(x, picture))
    return x.movedim(channel, -1)


def _fit(features: Tensor, labels: Tensor, n_classes: int) -> Callable[[Tensor], Tensor]:
    """Features → logits of a linear classifier fitted on these, (n, d), with a little weight decay."""
    import torch
    from torch.nn.functional import cross_entropy

    mean, scale = features.mean(0), features.std(0, correction=0).clamp(min=1e-6)
    x = (features - mean) / scale
    weight = torch.zeros(n_classes, x.shape[1], dtype=x.dtype, device=x.device, requires_grad=True)
    bias = torch.zeros(n_classes, dtype=x.dtype, device=x.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = cross_entropy(x @ weight.mT + bias, labels) + 1e-3 * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    w, b = weight.detach() / scale, bias.detach()
    return lambda f: (f - mean) @ w.mT + b


def _first_order(term: Delta, start: Start, logits: Callable[[Tensor], Tensor]) -> dict[int, Tensor]:
    """By how much the mean loss rises without each channel, to first order: −Σ ∂L/∂FM · FM."""
    import torch
    from torch.nn.functional import cross_entropy

    rises: dict[int, Tensor] = {}
    n = 0
    for side in start.batches("target", 32, most=term.pictures):
        assert side.labels is not None
        loss = cross_entropy(logits(side.features), side.labels, reduction="sum")
        gradients = torch.autograd.grad(loss, list(side.layers.values()), allow_unused=True)
        for (layer, x), gradient in zip(side.layers.items(), gradients, strict=True):
            change = x.new_zeros(x.shape) if gradient is None else -gradient * x.detach()
            rises[layer] = rises.get(layer, 0) + _channels_last(change, start.net.shape).flatten(0, -2).sum(0)
        n += len(side.features)
    return {layer: rise / n for layer, rise in rises.items()}


def _ablate(
    term: Delta, start: Start, logits: Callable[[Tensor], Tensor], channels: Mapping[int, int]
) -> dict[int, Tensor]:
    """By how much the mean loss rises where each channel is zero, by a pass for each."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    from tltk.nn.taps import layer_ends

    @torch.no_grad()
    def loss() -> Tensor:
        values = [
            cross_entropy(logits(side.features), side.labels, reduction="none")
            for side in start.batches("target", 64, most=term.pictures)
            if side.labels is not None
        ]
        return torch.cat(values).mean()

    before, ends = loss(), layer_ends(start.net, start.net.sample(2))

    def rise(layer: int, channel: int) -> Tensor:
        def without(_module: nn.Module, _inputs: object, output: object) -> Tensor:
            if not isinstance(output, torch.Tensor):
                raise BadSpec(
                    "A layer must give one tensor, so that its channels can be left out one by one. "
                    f"{start.net.names[layer]} does not; take delta:attention=gradient."
                )
            output = output.clone()
            _channels_last(output, start.net.shape)[..., channel] = 0
            return output

        handle = start.net.backbone.get_submodule(ends[layer]).register_forward_hook(without)
        try:
            return loss() - before
        finally:
            handle.remove()

    return {layer: torch.stack([rise(layer, channel) for channel in range(n)]) for layer, n in channels.items()}

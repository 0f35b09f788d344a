"""The cut: `suffix(prefix(x)) == model(x)`, for any timm model.

The model's own forward runs in both halves. In the prefix, the outputs of the largest frozen
modules are recorded until the last one that the trainable part reads; in the suffix these modules
are stubs that replay the record, and all other frozen modules are stubs that return zeros which
nobody reads. No tracing, so control flow and training mode stay the model's own. Every cut is
checked on probe batches of two sizes, values and gradients, before it is trusted; and where a batch
size is given, that the rounding of what crosses does not decide what is learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from tltk.errors import CannotSplit
from tltk.nn.net import Net
from tltk.nn.text import pad_tokens

Activations = tuple[Tensor, ...]

ROUNDING = 2.0**-24  # of a number in float32, relative
MAX_GRADIENT_ERROR = 0.01  # share of the gradient that such a rounding may change
MIN_STABLE_BATCH = 8  # pictures in a batch from which on normalisation by its statistics is no matter
PROBES = 3  # batches on which that is looked at


class _Recorded(Exception):
    """Raised inside the prefix once all that crosses the cut has been recorded."""


@dataclass(frozen=True)
class _Output:
    """One tensor of one call of a frozen module: its shape is `fixed + per_item × batch`, by axis.

    `tokens` is the axis whose size is the length of the longest text, 0 where there is none; `constant` says that it is
    the same for all examples, as a table of relative positions is.
    """

    fixed: tuple[int, ...]
    per_item: tuple[int, ...]
    dtype: torch.dtype
    tokens: int = 0
    constant: bool = False

    def zeros(self, batch: int, like: Tensor, length: int = 0) -> Tensor:
        """What a stub returns where its value is not read.

        Args:
            batch: Rows to make.
            like: Gives the device, and the type of floating outputs.
            length: Tokens of the longest text; pictures have none.
        """
        shape = [a + b * batch for a, b in zip(self.fixed, self.per_item, strict=True)]
        if self.tokens:
            shape[self.tokens] = length
        dtype = like.dtype if self.dtype.is_floating_point else self.dtype
        return torch.zeros(shape, dtype=dtype, device=like.device)


@dataclass(frozen=True)
class _Call:
    """One call of one frozen module."""

    module: str
    tree: TreeSpec
    outputs: tuple[_Output | None, ...]  # None: not a tensor; kept as it is in `constants`
    constants: tuple[Any, ...]


def frozen_modules(net: Net, boundary: int) -> list[str]:
    """Names, inside the backbone, of the largest modules that lie wholly below the boundary.

    A module without parameters (an activation, a pooling, a dropout) counts when it is done before
    the first module with trainable parameters begins, so that it cannot depend on them.
    """
    frozen = {n for n, i in net.layer_of.items() if i < boundary}
    trains = [
        net.ran[name][0]
        for name, module in net.backbone.named_modules()
        if name in net.ran
        and any(_full(name, p) not in frozen for p, _ in module.named_parameters(recurse=False))
        and name
    ]
    first = min(trains, default=1 << 60)
    found: list[str] = []

    def visit(name: str, module: nn.Module) -> None:
        parameters = [_full(name, p) for p, _ in module.named_parameters()]
        if name and name in net.ran:
            whole = all(p in frozen for p in parameters)
            if whole and (parameters or net.ran[name][1] < first):
                found.append(name)
                return
        for child, inner in module.named_children():
            visit(f"{name}.{child}" if name else child, inner)

    visit("", net.backbone)
    return found


def _full(module: str, parameter: str) -> str:
    return f"backbone.{module}.{parameter}" if module else f"backbone.{parameter}"


class Cut:
    """A net cut at a boundary between its layers.

    Attributes:
        boundary: Layers 0 … boundary − 1 are in the prefix.
        numbers: How many numbers per picture cross the cut.

    Args:
        net: The network.
        boundary: Where it is cut.
        batch: Pictures in the smallest batch of the training; 0 = not known, and stability is not looked at.

    Raises:
        CannotSplit: The halves do not give back the whole; train uncached instead.
    """

    kind = "cut"

    def __init__(self, net: Net, boundary: int, batch: int = 0) -> None:
        self.net = net
        self.boundary = boundary
        self.numbers = math.prod(net.shape) if boundary == 0 else net.width
        self._trivial = boundary in (0, net.depth)
        if self._trivial:
            return
        self._names = frozen_modules(net, boundary)
        self._modules = {n: net.backbone.get_submodule(n) for n in self._names}
        generator = torch.Generator().manual_seed(0)
        probes = [net.sample(n, generator) for n in (2, 3)]
        try:
            with evaluation_mode(net):
                self._plan(probes)
                self._verify(probes)
                if batch:
                    self._steady(net.sample(PROBES * min(batch, MIN_STABLE_BATCH), generator))
        except CannotSplit:
            raise
        except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
            reason = str(e).strip().split("\n")[0]
            raise CannotSplit(f"{self._where()} cannot run its halves apart: {reason}.") from e

    # -- the two halves ------------------------------------------------------------------------

    @torch.no_grad()
    def prefix(self, x: Tensor) -> Activations:
        """Normalised pictures → what crosses the cut, one row per picture.

        Args:
            x: (n, c, h, w), normalised.
        """
        if self.boundary == 0:
            return (x,)
        if self._trivial:
            return (self.net.pool(self.net.backbone(x)),)
        record: list[list[Tensor]] = []
        last = max(self._needed)[0]

        def keep(name: str, outputs: Any) -> None:
            record.append(tree_flatten(outputs)[0])
            if len(record) > last:
                raise _Recorded

        # In evaluation mode: a trainable module that runs on the way must not move its statistics.
        with evaluation_mode(self.net), self._recording(keep), suppress(_Recorded):
            self.net.backbone(x)
        return self._padded(tuple(record[call][slot] for call, slot in self._needed))

    def suffix(self, crossing: Activations) -> tuple[Tensor, Tensor]:
        """What crossed the cut → (features, logits), as the whole net would have given them."""
        if self.boundary == 0:
            features, logits = self.net(crossing[0])
            return features, logits
        if self._trivial:
            return self.net.classify(crossing[0])
        return self.net.classify(self.net.pool(self._replay(crossing)))

    # -- machinery -----------------------------------------------------------------------------

    @contextmanager
    def _recording(self, keep: Callable[[str, Any], None]) -> Iterator[None]:
        """The backbone with its frozen modules reporting what they return."""

        inside = 0

        def wrap(name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **kwargs: Any) -> Any:
                nonlocal inside
                inside += 1
                try:
                    outputs = forward(*args, **kwargs)
                finally:
                    inside -= 1
                if not inside:  # a module shared with a frozen one around it is no call of its own
                    keep(name, outputs)
                return outputs

            return run

        with self._patch_forwards({n: wrap(n, m.forward) for n, m in self._modules.items()}):
            yield

    @contextmanager
    def _patch_forwards(self, forwards: dict[str, Callable[..., Any]]) -> Iterator[None]:
        """The backbone with these modules' `forward` replaced for a while."""
        for name, forward in forwards.items():
            self._modules[name].__dict__["forward"] = forward
        try:
            yield
        finally:
            for name in forwards:
                self._modules[name].__dict__.pop("forward", None)

    def _replay(self, crossing: Activations) -> Any:
        """The backbone's own forward, its frozen modules returning the record."""
        batch, like = self._batch(crossing), next(t for t in crossing if t.is_floating_point())
        crossing, length = self._trimmed(crossing)
        given = dict(zip(self._needed, crossing, strict=True))
        position = 0

        def stub(name: str) -> Callable[..., Any]:
            def run(*_: Any, **__: Any) -> Any:
                nonlocal position
                if position >= len(self._calls) or self._calls[position].module != name:
                    raise CannotSplit(
                        f"The cut at boundary {self.boundary} must meet the frozen modules in the order "
                        f"of the probe. {name} came out of turn; set optim.cache to 'off'."
                    )
                call = self._calls[position]
                leaves: list[Any] = []
                for slot, output in enumerate(call.outputs):
                    if output is None:
                        leaves.append(call.constants[slot])
                    else:
                        kept = given.get((position, slot))
                        if kept is None:
                            kept = output.zeros(batch, like, length)
                        # What is kept is kept as floats, the mask of a text too.
                        leaves.append(kept if output.dtype.is_floating_point else kept.to(output.dtype))
                position += 1
                return tree_unflatten(leaves, call.tree)

            return run

        with self._patch_forwards({n: stub(n) for n in self._names}):
            return self.net.backbone(self._blank(batch, like))

    def _padded(self, crossing: Activations) -> Activations:
        """What crosses, filled up to the longest text there may be, so that the rows of all batches fit together."""
        if self.net.tokens is None:
            return crossing
        axes = [self._tokens_axis(at) for at in self._needed]
        return tuple(pad_tokens(t, axis, self._longest) if axis else t for t, axis in zip(crossing, axes, strict=True))

    def _trimmed(self, crossing: Activations) -> tuple[Activations, int]:
        """The same up to the longest text of this batch, and how long that is; pictures as they are."""
        if self.net.tokens is None:
            return crossing, 0
        masks = [t for t, (call, slot) in zip(crossing, self._needed, strict=True) if self._is_mask(call, slot)]
        axes = [self._tokens_axis(at) for at in self._needed]
        longest = next((t.shape[axis] for t, axis in zip(crossing, axes, strict=True) if axis), 0)
        length = self.net.tokens.bucket(int(masks[0].sum(1).max())) if masks else longest
        return tuple(t.narrow(a, 0, length) if a else t for t, a in zip(crossing, axes, strict=True)), length

    def _tokens_axis(self, at: tuple[int, int]) -> int:
        output = self._calls[at[0]].outputs[at[1]]
        return 0 if output is None else output.tokens

    def _is_mask(self, call: int, slot: int) -> bool:
        """Whether it is what the tokenizer gives beside the numbers of the tokens."""
        return slot == 1 and self._calls[call].module == "tokens"

    @property
    def _longest(self) -> int:
        """Tokens of the longest text there may be; pictures have none."""
        return 0 if self.net.tokens is None else self.net.tokens.longest

    def _batch(self, crossing: Activations) -> int:
        for tensor, (call, slot) in zip(crossing, self._needed, strict=True):
            output = self._calls[call].outputs[slot]
            if output is not None and any(output.per_item[:1]):
                return (len(tensor) - output.fixed[0]) // output.per_item[0]
        raise CannotSplit(f"{self._where()} passes nothing that grows with the batch.")

    def _blank(self, batch: int, like: Tensor) -> Tensor:
        shape = (batch, *self._input)
        return torch.zeros(1, dtype=like.dtype, device=like.device).expand(shape)

    def _plan(self, probes: list[Tensor]) -> None:
        """Record every frozen call at two batch sizes, and find which outputs the rest reads."""
        records: list[list[tuple[str, list[Any], TreeSpec]]] = []
        self._input = tuple(probes[0].shape[1:])
        for probe in probes:
            seen: list[tuple[str, list[Any], TreeSpec]] = []

            def keep(name: str, outputs: Any, seen: list[Any] = seen) -> None:
                seen.append((name, *tree_flatten(outputs)))

            with torch.no_grad(), self._recording(keep):
                self.net.backbone(probe)
            records.append(seen)
        if [r[0] for r in records[0]] != [r[0] for r in records[1]]:
            raise CannotSplit(f"{self._where()} runs other modules for another batch size.")
        sizes = [len(p) for p in probes]
        lengths = [r[0][1][0].shape[1] if self.net.tokens is not None else 0 for r in records]
        self._calls = [
            _Call(a[0], a[2], tuple(_shape(x, y, sizes, lengths) for x, y in zip(a[1], b[1], strict=True)), tuple(a[1]))
            for a, b in zip(*records, strict=True)
        ]
        self._needed = [(i, j) for i, c in enumerate(self._calls) for j, o in enumerate(c.outputs) if o is not None]
        self._needed = self._find_read(records[0])
        if not self._needed:
            raise CannotSplit(f"{self._where()} reads nothing from its frozen layers.")
        for i, j in self._needed:
            output = self._calls[i].outputs[j]
            if output is None or output.per_item[:1] != (1,) or output.fixed[0] or any(output.per_item[1:]):
                raise CannotSplit(f"{self._where()} passes a tensor that is not one row per picture.")
        self.numbers = sum(
            math.prod(self._longest if a == o.tokens else n for a, n in enumerate(o.fixed) if a)
            for i, j in self._needed
            if (o := self._calls[i].outputs[j]) is not None
        )

    def _find_read(self, record: list[tuple[str, list[Any], TreeSpec]]) -> list[tuple[int, int]]:
        """Of all recorded tensors, those with a path to the output when every other one is given."""
        leaves = {}
        for i, j in self._needed:
            value = record[i][1][j].detach()
            leaves[i, j] = value.clone().requires_grad_(value.is_floating_point())
        counted = [] if self.net.tokens is None else self._find_counted(leaves)
        with torch.enable_grad():
            # A clone, since an operator in place may not touch a leaf.
            out = self.net.pool(self._replay(tuple(v.clone() for v in leaves.values())))
            inputs = [k for k, v in leaves.items() if v.requires_grad]
            grads = torch.autograd.grad(out.sum(), [leaves[k] for k in inputs], allow_unused=True)
        read = [k for k, g in zip(inputs, grads, strict=True) if g is not None]
        for i, j in [k for k in read if (o := self._calls[k[0]].outputs[k[1]]) is not None and o.constant]:
            outputs = tuple(None if at == j else o for at, o in enumerate(self._calls[i].outputs))
            self._calls[i] = replace(self._calls[i], outputs=outputs)
            read.remove((i, j))
        return sorted([*counted, *read])

    def _find_counted(self, leaves: dict[tuple[int, int], Tensor]) -> list[tuple[int, int]]:
        """Of whole numbers, which have no gradient, those whose change changes the output: the mask of a text."""
        with torch.no_grad():
            whole = self.net.pool(self._replay(tuple(v.clone() for v in leaves.values())))
            found = []
            for key, value in leaves.items():
                if not value.is_floating_point():
                    other = {**leaves, key: self._other_number(value)}
                    if not torch.equal(self.net.pool(self._replay(tuple(v.clone() for v in other.values()))), whole):
                        found.append(key)
        return found

    @staticmethod
    def _other_number(value: Tensor) -> Tensor:
        """Whole numbers, changed for each example behind its first; the longest text stays as long."""
        changed = value.clone()
        changed[:, 1:2] = 0
        return changed

    def _verify(self, probes: list[Tensor]) -> None:
        """Values on both probes and gradients on one must be those of the whole net."""
        for probe in probes:
            with torch.no_grad():
                whole, halves = self.net(probe)[1], self.suffix(self.prefix(probe))[1]
            self._compare(whole, halves, "other outputs")
        trained = [p for n, p in self.net.named_parameters() if self.net.layer_of[n] >= self.boundary]
        flags = [p.requires_grad for p in trained]
        try:
            for p in trained:
                p.requires_grad_(True)
            crossing = self.prefix(probes[0])
            grads: list[tuple[Tensor | None, ...]] = []
            for half in (False, True):
                self.net.eval()  # some models keep position biases, without gradient, until they are told
                with torch.enable_grad():
                    logits = (self.suffix(crossing) if half else self.net(probes[0]))[1]
                grads.append(torch.autograd.grad(logits.square().sum(), trained, allow_unused=True))
        finally:
            for p, flag in zip(trained, flags, strict=True):
                p.requires_grad_(flag)
        for a, b in zip(*grads, strict=True):
            if (a is None) != (b is None):
                raise CannotSplit(f"{self._where()} gives a layer no gradient.")
            if a is not None and b is not None:
                self._compare(a, b, "other gradients")

    def _steady(self, probe: Tensor) -> None:
        """Rounding what crosses must not make another gradient of it, in training mode.

        What is kept is rounded otherwise than what is computed in each batch, once other kernels serve other
        batch sizes. A network passes such a difference on as it is, but batch normalisation over two or three
        values divides by their difference: there the gradient is one of rounding, and the curves would part.
        """
        generator = torch.Generator().manual_seed(1)
        shares = []
        for part in probe.chunk(PROBES):
            crossing = self.prefix(part)
            noisy = tuple(
                t * (1 + ROUNDING * torch.randn(t.shape, generator=generator).to(t.device, t.dtype))
                if t.is_floating_point()
                else t
                for t in crossing
            )
            plain, other = (self._gradient(c) for c in (crossing, noisy))
            shares.append(float((plain - other).norm() / plain.norm().clamp(min=1e-30)))
        # The middle one: a single unit that is just about to switch is no fault of the network.
        share = sorted(shares)[len(shares) // 2]
        if not share <= MAX_GRADIENT_ERROR:
            raise CannotSplit(
                f"{self._where()} is not stable in batches of {len(part)}: to round what crosses it in the last "
                f"place changes {f'{share:.0%}' if share < 1 else 'all'} of the gradient."
            )

    def _gradient(self, crossing: Activations) -> Tensor:
        """The gradient of all that trains, in training mode, with the same draws each time; nothing is left moved."""
        net = self.net
        trained = [p for n, p in net.named_parameters() if net.layer_of[n] >= self.boundary]
        flags = [p.requires_grad for p in trained]
        buffers = [(b, b.clone()) for b in net.buffers()]
        device = next(net.parameters()).device
        try:
            for p in trained:
                p.requires_grad_(True)
            net.train()
            with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
                torch.manual_seed(0)
                logits = self.suffix(crossing)[1]
                labels = torch.arange(len(logits), device=device) % logits.shape[1]
                grads = torch.autograd.grad(cross_entropy(logits, labels), trained, allow_unused=True)
        finally:
            net.eval()
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
            for p, flag in zip(trained, flags, strict=True):
                p.requires_grad_(flag)
        return torch.cat([g.flatten() for g in grads if g is not None]).double()

    def _compare(self, whole: Tensor, halves: Tensor, what: str) -> None:
        scale = float(whole.abs().max().clamp(min=1.0))
        if whole.shape != halves.shape or not float((whole - halves).abs().max()) <= 1e-4 * scale:
            raise CannotSplit(f"{self._where()} gives {what} than the whole network.")

    def _where(self) -> str:
        return f"The network cut at boundary {self.boundary}"


def _shape(first: Any, second: Any, sizes: list[int], lengths: list[int]) -> _Output | None:
    """How the shape of one output grows with the batch, and with the longest text, from two probes."""
    if not isinstance(first, Tensor):
        return None
    if first.ndim != second.ndim:
        raise CannotSplit("A frozen module returns other axes for another batch size.")
    step = sizes[1] - sizes[0]
    longer = [a for a in range(1, first.ndim) if lengths[0] != lengths[1] and _sides(first, second, a) == lengths]
    per_item = tuple(
        0 if a in longer else (n - m) // step for a, (m, n) in enumerate(zip(first.shape, second.shape, strict=True))
    )
    fixed = tuple(a - p * sizes[0] for a, p in zip(first.shape, per_item, strict=True))
    constant = first.shape == second.shape and torch.equal(first, second)
    return _Output(fixed, per_item, first.dtype, longer[0] if len(longer) == 1 else 0, constant)


def _sides(first: Tensor, second: Tensor, axis: int) -> list[int]:
    return [first.shape[axis], second.shape[axis]]


@contextmanager
def evaluation_mode(net: Net) -> Iterator[None]:
    """The net in evaluation mode for a while; each module's own mode is put back after."""
    modes = [(m, m.training) for m in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode

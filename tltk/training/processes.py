"""One training in several processes: each passes its share of a batch through the network, and all see the whole batch.

Every process goes through the same loop with the same random numbers. A batch is divided by position; what leaves the
network is gathered, with its gradient, so that loss and terms are those of the whole batch in each process, and
`DistributedDataParallel` takes the mean of the gradients. A process alone passes everything through unchanged.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from tltk.errors import BadSpec, CannotSplit, RunProblem
from tltk.nn.cut import Activations
from tltk.nn.freeze import bits
from tltk.nn.net import Net
from tltk.specs.parts import OptimSpec
from tltk.training.bank import Features

T = TypeVar("T")
_BY_BATCH = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "BatchNormAct2d")  # torch's and timm's; the last with more


class _Gather(torch.autograd.Function):
    """Equal shares of all processes, stacked, (processes, …); backward sums what all of them ask."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor, rank: int, size: int) -> Tensor:
        """The shares of all.

        Args:
            ctx: What autograd keeps.
            mine: This process's, (k, …), of one shape in all.
            rank: Of this process.
            size: How many there are.
        """
        ctx.rank = rank
        parts = [torch.empty_like(mine, memory_format=torch.contiguous_format) for _ in range(size)]
        dist.all_gather(parts, mine.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """What all processes ask of this one's share.

        Args:
            ctx: What autograd keeps.
            gradient: Of all shares, (processes, k, …), as this process asks it.
        """
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total[ctx.rank], None, None


class _Step(nn.Module):
    """What `DistributedDataParallel` wraps: all that learns, and a forward pass that the loop hands in."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, compute: Callable[[], Tensor]) -> Tensor:
        """The scalar that is minimised.

        Args:
            compute: The pass.
        """
        return compute()


class Processes:
    """The processes of one training, seen from one of them.

    Attributes:
        rank: Which it is, from 0; the first alone writes.
        size: How many there are.
        divides: Whether the batch that passes now is divided; one with fewer pictures than processes is not.

    Args:
        rank: From 0.
        size: 1 = this process is alone, and all is passed through unchanged.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size, self.divides = rank, size, False
        self._parallel: DistributedDataParallel | None = None

    @classmethod
    def of(cls, optim: OptimSpec) -> Processes:
        """Those that were started for this training.

        Raises:
            BadSpec: It asks for several, and others or none were started.
        """
        if optim.processes == 1:
            return cls()
        there = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        if there != optim.processes:
            raise BadSpec(
                f"A training in {optim.processes} processes must be begun in as many. Got {there}; let a worker start "
                f"them (tltk run, tltk.launch), or set optim.processes to 1."
            )
        return cls(dist.get_rank(), there)

    def __deepcopy__(self, memo: dict[int, Any]) -> Processes:
        return self  # copies of a network are of the same processes

    # -- batches -------------------------------------------------------------------------------

    def count(self, n: int) -> int:
        """Pictures of the largest share of a batch of n."""
        return -(-n // self.size) if n >= self.size else n

    def mine(self, n: int) -> int:
        """Pictures of this process's share of a batch of n."""
        return n // self.size + (self.rank < n % self.size) if n >= self.size else n

    def share(self, positions: Tensor) -> Tensor:
        """This process's share of a batch, consecutive; the whole of one that has fewer pictures than processes.

        Args:
            positions: Of the whole batch, (n,), the same in all processes.
        """
        self.divides = 1 < self.size <= len(positions)
        return self._shares(positions)[self.rank]

    def _shares(self, positions: Tensor) -> list[Tensor]:
        """Each process's share."""
        if not 1 < self.size <= len(positions):
            return [positions] * self.size
        return list(torch.tensor_split(positions, self.size))

    def whole(self, share: Tensor, n: int) -> Tensor:
        """The whole batch of what each process has of its share, with a gradient.

        Args:
            share: A row for each picture of the share, (k, …).
            n: Pictures of the whole batch.
        """
        if not 1 < self.size <= n:
            return share
        counts = [len(part) for part in self._shares(torch.arange(n))]
        missing = max(counts) - len(share)
        filled = torch.cat([share, share.new_zeros(missing, *share.shape[1:])]) if missing else share
        every = _Gather.apply(filled, self.rank, self.size)
        return torch.cat([part[:k] for part, k in zip(every, counts, strict=True)])

    def through(
        self, forward: Callable[[Activations], tuple[Tensor, Tensor]], share: Activations, n: int
    ) -> tuple[Tensor, Tensor]:
        """(features, logits) of a whole batch, of which each process passes its share.

        Args:
            forward: Of a batch source.
            share: What enters the network of this process's share.
            n: Pictures of the whole batch.
        """
        features, logits = forward(share)
        return self.whole(features, n), self.whole(logits, n)

    def taken(self, share: Tensor, other: Tensor) -> Tensor:
        """The share that this process has of a whole batch in another order, as mixup blends it with.

        Args:
            share: (k, …) of this process.
            other: Position in the whole batch of what stands at each place, (n,).
        """
        return self.whole(share, len(other))[self._shares(other)[self.rank]]

    # -- kept features -------------------------------------------------------------------------

    def part(self, index: np.ndarray) -> np.ndarray:
        """The pictures whose features this process keeps: every so many-th; all where there are too few.

        Args:
            index: Positions in a domain, (n,).
        """
        return index[self.rank :: self.size] if len(index) >= self.size else index

    def fetch(self, kept: Features, n: int, positions: Tensor, copies: Tensor, device: torch.device) -> Activations:
        """Rows of this process's share of a batch, from whichever process keeps them.

        Args:
            kept: Of this process's part of the pictures.
            n: Pictures in all parts.
            positions: Of the whole batch among them, (b,).
            copies: Which kept view of each is wanted, (b,).
            device: Where the rows are wanted.
        """
        self.share(positions)
        if n < self.size:  # each keeps all
            at = self._shares(torch.arange(len(positions)))[self.rank]
            return kept.rows(positions[at] + copies[at] * kept.n, device)
        wanted = self._shares(torch.arange(len(positions)))
        owners, rows = positions % self.size, positions // self.size + copies * kept.n
        sent = [at[owners[at] == self.rank] for at in wanted]
        mine = owners[wanted[self.rank]]
        counts = ([int((mine == owner).sum()) for owner in range(self.size)], [len(at) for at in sent])
        places = torch.argsort(mine, stable=True).to(device)
        found = []
        for tensor, order in zip(kept.rows(rows[torch.cat(sent)], device), kept.orders, strict=True):
            stored = tensor.permute(order).contiguous()  # as it lies in memory, so no copy
            come = stored.new_empty(len(mine), *stored.shape[1:])
            dist.all_to_all_single(come, stored, *counts)
            ordered = torch.empty_like(come)
            ordered[places] = come
            found.append(ordered.permute(*np.argsort(order).tolist()))
        return tuple(found)

    def together(self, compute: Callable[[], T]) -> T:
        """What each process computes of its own, where all can; else none goes on with it.

        Args:
            compute: May raise `CannotSplit`.

        Raises:
            CannotSplit: In any of them.
        """
        if self.size == 1:
            return compute()
        found, reason = list[T](), None
        try:
            found.append(compute())
        except CannotSplit as fault:
            reason = fault
        if not bool(self._gathered(torch.tensor([float(reason is None)])).all()):
            raise reason or CannotSplit("Another process of this training could not keep its part of the features.")
        return found[0]

    def _gathered(self, numbers: Tensor) -> Tensor:
        """What each process has here, (processes, …), on the CPU."""
        device = torch.device("cuda") if dist.get_backend() == "nccl" else torch.device("cpu")
        parts = [torch.empty_like(numbers, device=device) for _ in range(self.size)]
        dist.all_gather(parts, numbers.to(device))
        return torch.stack(parts).cpu()

    # -- steps ---------------------------------------------------------------------------------

    def join_norms(self, *nets: Net) -> None:
        """Let batch normalisation of these networks take the statistics of the whole batch.

        Args:
            nets: Their training passes see shares.

        Raises:
            BadSpec: One has a layer that looks at the whole batch in a way that is not known here.
        """
        if self.size == 1:
            return
        for module in (module for net in nets for module in net.modules()):
            kind: Any = type(module)
            by_batch = isinstance(module, _BatchNorm)
            if by_batch and kind.__name__ in _BY_BATCH and kind.__module__.partition(".")[0] in ("torch", "timm"):
                module.__class__ = _joined(kind)
                module.processes = self  # type: ignore[assignment]
            elif by_batch or any(name.startswith("running_") for name, _ in module.named_buffers(recurse=False)):
                if "Frozen" in kind.__name__:
                    continue  # timm's that never moves its statistics
                raise BadSpec(
                    f"In several processes only layers can learn of which it is known how to join their batches. "
                    f"{kind.__name__} of this network or its adapter normalises in a way of its own; set "
                    f"optim.processes to 1, or take another."
                )

    def wrap(self, net: Net, modules: nn.Module) -> None:
        """From now on the gradients of what learns in these are the mean over the processes.

        Args:
            net: Frozen as its phase says.
            modules: What terms learn themselves.
        """
        if self.size == 1:
            return
        self._parallel = None  # its hooks go before new ones come
        # Terms may leave a weight out of a step, and so do some architectures; all processes leave out the same.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the argument's name of versions to come
            self._parallel = DistributedDataParallel(
                _Step(net, modules), broadcast_buffers=False, find_unused_parameters=True
            )

    def run(self, forward: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
        """What a forward pass gives, its first entry the scalar that is minimised.

        Args:
            forward: The pass.
        """
        if self._parallel is None:
            return forward()
        found: list[tuple[Any, ...]] = []

        def compute() -> Tensor:
            found.append(forward())
            total: Tensor = found[0][0]
            return total

        return self._parallel(compute), *found[0][1:]

    def require_equal(self, *modules: nn.Module) -> None:
        """See that all processes hold the same tensors, bit for bit.

        Args:
            modules: Whose.

        Raises:
            RunProblem: They do not.
        """
        if self.size == 1:
            return
        held = {f"{i}.{name}": t for i, module in enumerate(modules) for name, t in module.state_dict().items()}
        sums = self._gathered(torch.stack([bits(t).sum(dtype=torch.int64).cpu() for t in held.values()]))
        if (sums != sums[0]).any():
            first = list(held)[int((sums != sums[0]).any(0).nonzero()[0])].partition(".")[2]
            raise RunProblem(
                f"All processes of a training must hold the same weights. {first} differs among them. This is a bug "
                f"in tltk; please report it with this run's folder."
            )


@cache
def _joined(kind: type[Any]) -> type[Any]:
    """A class of batch normalisation, of the same name, that takes the statistics of all processes in training.

    Of each process's count nᵢ, mean mᵢ and sum of squared deviations Mᵢ: m = Σ nᵢ mᵢ / N and
    M = Σ Mᵢ + nᵢ (mᵢ − m)², with N = Σ nᵢ.

    Reference:
        Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, The American Statistician
        37(3), Eq. 2.1.
    """

    def forward(self: Any, x: Tensor) -> Tensor:
        joined: Processes = self.processes
        if not (self.training and joined.divides):
            plain: Tensor = kind.forward(self, x)
            return plain
        shape = (1, -1, *[1] * (x.ndim - 2))
        with torch.autocast(x.device.type, enabled=False):
            mean, squares, n = _moments(x.float(), joined)
            with torch.no_grad():
                self._follow(mean, squares / (n - 1))
            scale = (squares / n + self.eps).rsqrt()
            scale = scale if self.weight is None else scale * self.weight
            joint = (x.float() - mean.reshape(shape)) * scale.reshape(shape)
            joint = joint if self.bias is None else joint + self.bias.reshape(shape)
        y: Tensor = joint.to(x.dtype)
        for name in ("drop", "act"):  # timm's have these behind them
            if hasattr(self, name):
                y = getattr(self, name)(y)
        return y

    def follow(self: Any, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, as `torch.nn.BatchNorm2d` does."""
        if not self.track_running_stats or self.running_mean is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        for running, now in ((self.running_mean, mean), (self.running_var, variance)):
            running.mul_(1 - momentum).add_(now, alpha=momentum)

    members = {"forward": forward, "_follow": follow, "__module__": kind.__module__}
    return type(kind.__name__, (kind,), members)


def _moments(x: Tensor, processes: Processes) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, sum of squared deviations and count of each channel over all processes.

    Args:
        x: (k, c, …) of this process, float32.
        processes: All of them.
    """
    axes, c = [0, *range(2, x.ndim)], x.shape[1]
    own = x.mean(axes)
    squares = (x - own.reshape(1, c, *[1] * (x.ndim - 2))).square().sum(axes)
    counts = x.new_full((1,), x.numel() // c)
    every = _Gather.apply(torch.cat([own, squares, counts]), processes.rank, processes.size)
    n = every[:, -1:]
    mean = (n * every[:, :c]).sum(0) / n.sum()
    return mean, (every[:, c:-1] + n * (every[:, :c] - mean).square()).sum(0), n.sum()

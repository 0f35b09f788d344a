"""The learning-rate range test: the rate grows from step to step, and the loss tells where learning begins and ends.

The test of the whole network comes first, then that of the head alone, then those of the groups of layers, each alone
and behind the head as it is.

Some batches are harder than others. So each loss is taken against that of the same batch before anything was learned:
what is left is what the steps have done, and a few dozen of them make a smooth curve.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tltk import adapters
from tltk.analyses.find_rate.result import FindRateResult, RateCurve
from tltk.analyses.find_rate.spec import FindRateSpec
from tltk.analyses.sample import Context
from tltk.data.domain import Domain, Ints
from tltk.errors import BadSpec
from tltk.nn.freeze import freeze, keep_running_statistics
from tltk.nn.net import Net
from tltk.specs.parts import ViewSpec
from tltk.specs.training import TransferSpec
from tltk.strategies.phase import Phase
from tltk.tasks import Classification
from tltk.training.batches import LiveBatches, epoch_batches
from tltk.training.compose import build_network
from tltk.training.optimizer import make_optimizer, pick_device

Floats = NDArray[np.float64]

DIVERGED = 2.0  # times the first loss, or that of guessing where this is more: the test ends here
AROUND = 20  # a loss is smoothed over one part in so many of the steps to each side
WINDOW = 5  # a slope is that of one part in so many of the steps
LEAST = 0.01  # share of the loss by which it must fall
NOISE = 4.0  # deviations of a smoothed loss by which the least must lie below the first ones


def find_rate(spec: FindRateSpec, context: Context) -> FindRateResult:
    """A range test of the whole network, of its head, and of each group of layers.

    Reference:
        Smith (2017), Cyclical learning rates for training neural networks, WACV, §3.3. arXiv:1506.01186. There the
        rate grows evenly, here by the same factor in each step.

    Raises:
        UnknownName, BadSpec: What `spec.check` refuses; too few pictures.
        WeightsMissing: Weights that are not there, or do not fit.
    """
    spec.check()
    start = time.perf_counter()
    test = RangeTest(spec, context)
    net, depth = test.net, test.net.depth
    learning = range(spec.net.boundary, depth)
    curves = [test.run(net, [*learning, depth], "the whole network"), test.run(net, [depth], "the head")]
    for part in np.array_split(np.array(learning, dtype=int), min(spec.groups, len(learning)) or 1):
        if len(part) and spec.groups:
            first, last = net.names[part[0]], net.names[part[-1]]
            curves.append(test.run(net, part.tolist(), first if len(part) == 1 else f"{first} … {last}"))
    return FindRateResult(
        curves=curves,
        boundary=spec.net.boundary,
        optimizer=spec.optim.optimizer,
        batch_size=spec.optim.batch_size,
        n=len(test.index),
        device=str(test.device),
        seconds=round(time.perf_counter() - start, 3),
    )


class RangeTest:
    """Range tests on copies of one network.

    Args:
        spec: The question.
        context: For the pictures, and to be stopped.
    """

    def __init__(self, spec: FindRateSpec, context: Context) -> None:
        self.spec, self._context = spec, context
        self.device = pick_device(spec.optim.device)
        self._training = TransferSpec(spec.target, spec.net, optim=spec.optim, adapter=spec.adapter, seed=spec.seed)
        self.domain: Domain = context.load(spec.target)
        self.index: Ints = self.domain.split(spec.target, spec.seed).train
        if len(self.index) < 2:
            raise BadSpec(f"A range test needs at least two training pictures. Got {len(self.index)}.")
        net, _ = build_network(self._training, self.domain)
        self.net: Net = net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._labels = torch.from_numpy(self.domain.labels[self.index]).to(self.device)
        self._adapter = adapters.make(spec.adapter)
        self._task = Classification(len(self.domain.classes))

    def run(self, net: Net, layers: Sequence[int], group: str) -> RateCurve:
        """The test of some layers.

        Args:
            net: Where it begins; its weights stay as they are.
            layers: Numbers of those that learn.
            group: These in words.
        """
        rates = np.geomspace(self.spec.lowest, self.spec.highest, self.spec.steps)
        pairs = np.array(list(self._learn(copy.deepcopy(net), layers, rates, net))).reshape(-1, 2)
        losses = pairs[:, 0] - pairs[:, 1] + (pairs[:, 1].mean() if len(pairs) else 0.0)
        rates = rates[: len(losses)]
        smoothed = smooth(losses)
        steepest, minimum, why = suggest(rates, losses, self.spec.steps)
        if not len(losses):
            why = "None of its weights learns; choose another adapter, or a lower boundary."
        return RateCurve(
            group=group,
            layers=list(layers),
            rates=rates.tolist(),
            losses=losses.tolist(),
            smoothed=smoothed.tolist(),
            suggested=None if steepest is None or minimum is None else min(steepest, minimum / 10),
            steepest=steepest,
            minimum=minimum,
            why=why,
        )

    def _learn(self, net: Net, layers: Sequence[int], rates: Floats, before: Net) -> Iterator[tuple[float, float]]:
        """The loss of each step before it is done; it ends where the loss is no number or far above the first.

        Args:
            net: Learns.
            layers: Numbers of those of its layers that do.
            rates: Of each step.
            before: The network as it was.

        Yields:
            The loss, and that of the same batch with the network as it was.
        """
        phase = Phase(tuple(float(i in layers) for i in range(net.depth + 1)), 1)
        learns = lambda name: self._adapter.learns(net, name)  # noqa: E731
        freeze(net, phase.boundary, self.spec.net.norm, above=phase.frozen_above, learns=learns)
        if not any(p.requires_grad for p in net.parameters()):
            return
        optimizer = make_optimizer(net, phase, self._training)
        locked = set(net.locked)
        before.locked = tuple(before.get_submodule(n) for n, m in net.named_modules() if m in locked)
        before.train()
        source = LiveBatches(net, self.domain, self.index, ViewSpec(), self.device)
        first, guessing = 0.0, np.log(len(self.domain.classes))
        net.train()
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.spec.seed)
            draw = torch.Generator().manual_seed(self.spec.seed)
            for rate, positions in zip(rates, self._batches(len(rates), draw), strict=True):
                self._context.callbacks.check()
                for group in optimizer.param_groups:
                    group["lr"] = float(rate)
                inputs, labels = source.rows(positions, draw), self._labels[positions.to(self.device)]
                loss = self._task.loss(source.forward(inputs)[1], labels)
                value = float(loss.detach())
                first = first or value
                if not np.isfinite(value) or value > DIVERGED * max(first, guessing):
                    return
                yield value, self._still(before, inputs[0], labels)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()

    @torch.no_grad()
    def _still(self, net: Net, inputs: torch.Tensor, labels: torch.Tensor) -> float:
        """The loss of a batch with a network that does not learn; its running statistics stay."""
        with keep_running_statistics(net):
            return float(self._task.loss(net(inputs)[1], labels))

    def _batches(self, n: int, draw: torch.Generator) -> list[torch.Tensor]:
        """Positions of n batches, in as many epochs as it takes."""
        found: list[torch.Tensor] = []
        while len(found) < n:
            found += epoch_batches(len(self.index), 0, self.spec.optim.batch_size, draw)
        return found[:n]


def smooth(losses: Floats) -> Floats:
    """Each the mean of those around it, fewer at the ends, so that a curve is not moved to the right.

    Args:
        losses: (steps,).

    Returns:
        (steps,).
    """
    k = len(losses) // AROUND
    return np.array([losses[max(i - k, 0) : i + k + 1].mean() for i in range(len(losses))])


def suggest(rates: Floats, losses: Floats, steps: int) -> tuple[float | None, float | None, str]:
    """Where the loss falls fastest over the logarithm of the rate, and where it is least.

    Args:
        rates: (n,), rising.
        losses: (n,), at these rates.
        steps: Of a whole test; n is less where it diverged.

    Returns:
        The two rates and "", or None twice and why there are none.
    """
    window = max(steps // WINDOW, 5)
    if len(losses) < 2 * window:
        return None, None, "The loss diverges almost at once; ask again with a lower `lowest`."
    curve, still = smooth(losses), losses[:window]
    at = int(curve.argmin())
    # So far the mean of several losses falls by chance, by what the first ones differ while little is learned.
    chance = NOISE * float(still.std(ddof=1)) / (2 * (len(losses) // AROUND) + 1) ** 0.5
    fall = float(still.mean() - curve[at])
    if not fall > max(chance, LEAST * float(still.mean())) or at < window // 2:
        return None, None, _is_flat(rates, fall, steps)
    x = np.log(rates)
    slopes = [np.polyfit(x[i : i + window], curve[i : i + window], 1)[0] for i in range(max(at - window, 0) + 1)]
    best = int(np.argmin(slopes))
    return float(rates[min(best + window // 2, at)]), float(rates[at]), ""


def _is_flat(rates: Floats, fall: float, steps: int) -> str:
    """The sentence on a curve that does not fall."""
    return (
        f"The loss must fall as the rate rises. It falls by {max(fall, 0.0):.3g}, which chance alone can do: at "
        f"no rate from {rates[0]:.2g} to {rates[-1]:.2g} is anything learned in {steps} steps. Take more steps, or see "
        f"whether the labels can be learned from what is frozen."
    )

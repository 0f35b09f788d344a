"""How the batches of a step pass through the network: the target's, the source's, and the teacher's answer."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

from tltk.nn.cut import Activations, Cut, evaluation_mode
from tltk.nn.freeze import keep_running_statistics
from tltk.nn.net import Net
from tltk.nn.taps import LayerOutputs
from tltk.terms.term import Side
from tltk.training.bank import derive_seed
from tltk.training.batches import BatchSource, CachedBatches, LiveBatches
from tltk.training.processes import Processes

FEATURES, LOGITS = -2, -1  # beside the numbers of layers
SOURCE, PREPARATION = 5, 8  # names of the random streams of the source's batches, and of what terms see before them


class Passes:
    """The sides of a step: what each domain's batch became on its way through the network.

    Args:
        net: With its first weights.
        needs: What the terms need, as in `tltk.terms.term.NEEDS`.
        labels: Class numbers of the target's training pictures, (n,).
        source_labels: Of the source's, (m,); None without a source.
        hidden: Whether terms must not see the target's labels.
        seed: Of the source's augmentation.
        attributes: Domain ("target" or "source") → name → number of each of its training pictures, (n,).
        processes: Among which a batch is divided on its way; every side is of the whole batch.
    """

    def __init__(
        self,
        net: Net,
        needs: Collection[str],
        labels: Tensor,
        source_labels: Tensor | None,
        hidden: bool,
        seed: int,
        attributes: Mapping[str, Mapping[str, Tensor]] | None = None,
        processes: Processes | None = None,
    ) -> None:
        self._net, self._labels, self._source_labels = net, labels, source_labels
        self._hidden, self._seed = hidden, seed
        self._attributes = attributes or {}
        self._processes = processes or Processes()
        self.device = next(net.parameters()).device
        self._layers = LayerOutputs(net) if "layers" in needs else None
        self._teacher = copy.deepcopy(net).eval().requires_grad_(False) if "teacher" in needs else None
        self._boundary = 0

    def enter(self, boundary: int, target: BatchSource, source: BatchSource | None) -> None:
        """A new phase begins.

        Args:
            boundary: Its lowest layer that learns.
            target: Gives the target's batches.
            source: Gives the source's; None without a source.
        """
        self._boundary, self._target, self._source = boundary, target, source
        self._beside: dict[tuple[int, int], tuple[BatchSource, BatchSource]] = {}
        self._taught: BatchSource | None = None
        if self._teacher is not None:
            self._taught = _for_net(self._teacher, target)

    @contextmanager
    def layers(self, n: int, divided: bool = True) -> Iterator[Mapping[int, Tensor]]:
        """What each layer that learns gives for a batch that passes through the network meanwhile.

        Args:
            n: Examples of the batch.
            divided: Whether several processes pass their shares of it; else each passes all of it.
        """
        processes = self._processes if divided else Processes()
        if self._layers is None:
            yield {}
            return
        with self._layers.collect(self._net, self._boundary, processes.mine(n)) as found:
            yield found
        for layer, share in found.items():
            found[layer] = processes.whole(share, n)

    def target_side(
        self,
        positions: Tensor,
        features: Tensor,
        logits: Tensor,
        layers: Mapping[int, Tensor],
        inputs: Activations | None = None,
    ) -> Side:
        """The target's side of a batch that has passed.

        Args:
            positions: Among its training pictures, (n,).
            features: (n, d).
            logits: (n, classes).
            layers: Outputs of layers.
            inputs: What entered the part that learns; None = the batch cannot pass through another network.
        """
        labels = None if self._hidden else self._labels[positions].to(self.device)
        return self._side(Side(features, logits, labels, positions, layers), "target", self._target, inputs)

    def _side(self, side: Side, domain: str, feed: BatchSource, inputs: Activations | None) -> Side:
        """The same with the attributes of its pictures, and the way through another network."""
        assert side.positions is not None
        numbers = {name: of[side.positions].to(self.device) for name, of in self._attributes.get(domain, {}).items()}
        side = dataclasses.replace(side, attributes=numbers)
        if inputs is None:
            return side
        return dataclasses.replace(side, through=lambda net: self._through(net, side, feed, inputs))

    def _through(self, net: Net, side: Side, feed: BatchSource, inputs: Activations) -> Side:
        """A side's batch through another network; the first one's random draws do not hear of it."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            n = len(side.logits)
            features, logits = self._processes.through(self.for_net(net, feed).forward, inputs, n)
        return Side(features, logits, None, side.positions, attributes=side.attributes)

    def teach(self, inputs: Activations, positions: Tensor) -> Side | None:
        """The same batch through the network of the start; None where no term needs it.

        Args:
            inputs: What enters the part that learns.
            positions: Among the target's training pictures, (n,).
        """
        if self._taught is None:
            return None
        assert self._teacher is not None
        found: Mapping[int, Tensor] = {}
        n = len(positions)
        with torch.no_grad():
            if self._layers is None:
                features, logits = self._processes.through(self._taught.forward, inputs, n)
            else:
                with self._layers.collect(self._teacher, self._boundary, self._processes.mine(n)) as found:
                    features, logits = self._processes.through(self._taught.forward, inputs, n)
                found = {layer: self._processes.whole(share, n) for layer, share in found.items()}
        return Side(features, logits, None, positions, found)

    def for_net(self, net: Net, feed: BatchSource) -> BatchSource:
        """The same batches through another network, the same object while a phase lasts: a cut is checked once.

        Args:
            net: The other.
            feed: Of the first.
        """
        at = (id(net), id(feed))
        if at not in self._beside:
            with torch.enable_grad():  # a cut is checked by gradients too
                self._beside[at] = (feed, _for_net(net, feed))  # the first is held, so that its id stays its own
        return self._beside[at][1]

    def beside(self, positions: Tensor, epoch: int, step: int) -> Side:
        """A batch of the source that neither statistics nor the target's draws hear of.

        Args:
            positions: Among the source's training pictures, (n,).
            epoch: That it is in.
            step: The training's, since its start.
        """
        assert self._source is not None
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices), keep_running_statistics(self._net):
            torch.manual_seed(derive_seed(self._seed, SOURCE, epoch, step))
            draw = torch.Generator().manual_seed(derive_seed(self._seed, SOURCE, epoch, step, 1))
            inputs = self._source.rows(positions, draw)
            with self.layers(len(positions)) as found:
                features, logits = self._processes.through(self._source.forward, inputs, len(positions))
        return self._source_side(positions, features, logits, found, inputs)

    def alone(self, positions: Tensor, draw: torch.Generator) -> Side:
        """A batch of the source, which is learned from; the target is not looked at.

        Args:
            positions: Among the source's training pictures, (n,).
            draw: For its augmentation.
        """
        assert self._source is not None
        with self.layers(len(positions)) as found:
            inputs = self._source.rows(positions, draw)
            features, logits = self._processes.through(self._source.forward, inputs, len(positions))
        return self._source_side(positions, features, logits, found)

    def together(self, theirs: Tensor, positions: Tensor, draw: torch.Generator) -> tuple[Side, Side]:
        """Both domains in one batch, so that they are normalised by common statistics: source and target.

        Args:
            theirs: Positions among the source's training pictures, (n,).
            positions: Among the target's, (m,).
            draw: For their augmentation.
        """
        assert self._source is not None
        both = (self._source.rows(theirs, draw), self._target.rows(positions, draw))
        counts = [self._processes.mine(len(theirs)), self._processes.mine(len(positions))]  # that pass here
        with ExitStack() as stack:
            found: Mapping[int, Tensor] = {}
            if self._layers is not None:
                found = stack.enter_context(self._layers.collect(self._net, self._boundary, sum(counts)))
            features, logits = self._target.forward(tuple(torch.cat(pair) for pair in zip(*both, strict=True)))
        passed = {**found, FEATURES: features, LOGITS: logits}
        source = {at: self._processes.whole(x[: counts[0]], len(theirs)) for at, x in passed.items()}
        target = {at: self._processes.whole(x[counts[0] :], len(positions)) for at, x in passed.items()}
        return (
            self._source_side(theirs, source.pop(FEATURES), source.pop(LOGITS), source),
            self.target_side(positions, target.pop(FEATURES), target.pop(LOGITS), target),
        )

    def once(self, domain: str, size: int, most: int = 0) -> Iterator[Side]:
        """The training pictures of a domain, once each and in order, through the network in evaluation mode.

        Args:
            domain: "target" or "source".
            size: Pictures in a batch.
            most: How many to draw from them, the same each time; 0 = all.
        """
        source = self._source if domain == "source" else self._target
        labels = self._source_labels if domain == "source" else self._labels
        assert source is not None and labels is not None
        wanted = torch.arange(len(labels))
        if 0 < most < len(labels):
            draw = torch.Generator().manual_seed(derive_seed(self._seed, PREPARATION))
            wanted = torch.randperm(len(labels), generator=draw)[:most].sort().values
        for positions in torch.split(wanted, size):
            with evaluation_mode(self._net), self.layers(len(positions), divided=False) as found:
                features, logits = source.forward(source.rows(positions, torch.Generator()))
            if domain == "source":
                yield self._source_side(positions, features, logits, found)
            else:
                yield self.target_side(positions, features, logits, found)

    def _source_side(
        self,
        positions: Tensor,
        features: Tensor,
        logits: Tensor,
        layers: Mapping[int, Tensor],
        inputs: Activations | None = None,
    ) -> Side:
        assert self._source_labels is not None and self._source is not None
        labels = self._source_labels[positions].to(self.device)
        return self._side(Side(features, logits, labels, positions, layers), "source", self._source, inputs)


def _for_net(net: Net, source: BatchSource) -> BatchSource:
    """The same batches through another network of the same architecture."""
    if isinstance(source, CachedBatches):
        return dataclasses.replace(source, cut=Cut(net, source.cut.boundary))
    assert isinstance(source, LiveBatches)
    return dataclasses.replace(source, net=net, passes=None)

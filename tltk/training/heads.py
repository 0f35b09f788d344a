"""Trainings of which only the head learns, as one batch: frozen layers run once, and a step moves all heads.

Such trainings differ in their seeds and rates alone, as those of a study do. Each keeps its own order of pictures, its
own first weights, its own rows and its own result. They are those that it would have had alone, to within rounding:
sums over a batch of matrices round otherwise than over one. Where a rate is so high that the loss jumps about, rounding
grows from step to step, and such a training ends elsewhere, as it would on another machine.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tltk.data.domain import Domain, Split
from tltk.errors import CannotSplit, Diverged
from tltk.nn.freeze import Audit
from tltk.nn.head import make_head
from tltk.nn.net import HEAD_SEED, Net
from tltk.results.training import TrainingResult
from tltk.specs.parts import ViewSpec
from tltk.specs.training import TransferSpec
from tltk.strategies.phase import Phase
from tltk.training.bank import FeatureBank, derive_seed
from tltk.training.batches import BatchSource, epoch_batches
from tltk.training.callbacks import Callbacks, Progress
from tltk.training.loop import ORDER, Training, steps_between_rows
from tltk.training.meter import ESTIMATED, Energy
from tltk.training.optimizer import create_optimizer
from tltk.training.schedule import progress_at, schedule

OPTIMIZERS = ("adamw", "adam", "sgd", "momentum")  # that treat every number by itself: heads side by side stay apart
LINEAR = ("0.weight", "0.bias")  # the parameters of a linear head without dropout, by their names in it


def batch_key(spec: TransferSpec) -> str | None:
    """Trainings with the same key differ in seed and rate alone and can be trained as one batch; None = by itself only.

    Args:
        spec: A training.
    """
    optim, net = spec.optim, spec.net
    alone = (
        spec.strategy.name != "feature_extraction"
        or net.weights == "scratch"  # what is frozen then depends on the seed
        or (net.head, net.dropout, net.norm, net.reset, net.keep_head) != ("linear", 0.0, "frozen", 0, False)
        or spec.adapter.name != "all"
        or spec.terms
        or spec.source is not None
        or spec.labels != "target"
        or not spec.views.is_none
        or optim.optimizer not in OPTIMIZERS
        or optim.schedule == "plateau"
        or optim.weighs_classes  # by the pictures that each seed draws
        or optim.cache == "off"
        or optim.mixup
        or optim.clip
        or optim.patience
        or optim.snapshots
        or optim.first_size
        or optim.processes > 1
    )
    if alone:
        return None
    return dataclasses.replace(spec, seed=0, optim=dataclasses.replace(optim, lr=1.0)).to_json()


@dataclass
class Member:
    """One training of the batch.

    Attributes:
        spec: What was asked for.
        split: Its parts.
        callbacks: Where its rows and sentences go.
        now: How far it is.
        diverged: Why it ended early.
    """

    spec: TransferSpec
    split: Split
    callbacks: Callbacks
    now: Progress = field(default_factory=Progress)
    diverged: Diverged | None = None


@dataclass(frozen=True)
class _Rows:
    """Pooled features of some pictures; what comes out is what the network's head makes of them."""

    net: Net
    features: Tensor

    def rows(self, positions: Tensor, generator: torch.Generator) -> tuple[Tensor]:
        """Features at these positions, (b, d).

        Args:
            positions: (b,) int64 positions in the part.
            generator: Not asked: nothing is drawn.
        """
        return (self.features[positions.to(self.features.device)],)

    def forward(self, crossing: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """(features, logits) of a batch.

        Args:
            crossing: The features alone, (b, d).
        """
        return self.net.classify(crossing[0])


class _OncePerEpoch(Audit):
    """An audit that compares frozen tensors once, however many members ask, until it is told to look again."""

    def __init__(self, net: Net) -> None:
        super().__init__(net)
        self.look_again = True
        self._found: list[str] = []

    def changed_tensors(self) -> list[str]:
        if self.look_again:
            self._found, self.look_again = super().changed_tensors(), False
        return self._found

    def change(self) -> list[float]:
        """‖w − w₀‖₂ of each layer: only the head's is not 0, since `changed_tensors` is empty."""
        moved = [self._net.head.get_parameter(name).detach() - self.first[f"head.{name}"] for name in LINEAR]
        return [0.0] * self._net.depth + [float(torch.stack([delta.square().sum() for delta in moved]).sum()) ** 0.5]


class HeadBatch(Training):
    """Several trainings with one frozen backbone.

    Args:
        members: Which; their specs have one `batch_key`.
        net: The network with its first weights; heads are made here, as each seed has them.
        domain: The pictures of all.
        phase: The one phase of feature extraction.
        bank: Where features are kept.
        check: Raises `Stopped` when somebody asked for it.
        notify: Where a sentence goes that concerns all.

    Raises:
        CannotSplit: The features cannot be kept, or the parts that test differ: they are to be trained one by one.
    """

    def __init__(
        self,
        members: Sequence[Member],
        net: Net,
        domain: Domain,
        phase: Phase,
        bank: FeatureBank,
        check: Callable[[], None],
        notify: Callable[[str], None],
    ) -> None:
        first = members[0]
        tested = [np.concatenate([m.split.val, m.split.test]) for m in members]
        if any(not np.array_equal(own, tested[0]) for own in tested):
            raise CannotSplit("The trainings must be tested on the same pictures. They are not.")
        if len({len(m.split.train) for m in members}) > 1:
            raise CannotSplit("The trainings must learn from as many pictures. They do not.")
        together = np.unique(np.concatenate([m.split.train for m in members]))
        split = dataclasses.replace(first.split, train=together)
        super().__init__(first.spec, net, domain, split, [phase], bank, Callbacks(notify=notify, check=check))
        if self.precision != "float32":
            raise CannotSplit(f"Heads side by side round otherwise; in {self.precision} that is too much.")
        self.members = sorted(members, key=lambda m: m.spec.optim.lr)
        self.audit: _OncePerEpoch = _OncePerEpoch(net)
        self.audits = [self.audit]
        self._kept: dict[str, BatchSource] = {}
        self._enter(phase)
        if not self.feeds.is_cached:
            raise CannotSplit("The features of the frozen layers must be kept. They are not.")
        test = self._feed("test", self.split.test, ViewSpec())
        feeds = {"train": (self.train_feed, together), "val": (self.val_feed, split.val), "test": (test, split.test)}
        self.features = {part: self._look(feed, len(index))[0].to(self.device) for part, (feed, index) in feeds.items()}
        self._kept = {part: _Rows(net, rows) for part, rows in self.features.items()}
        self.val_feed = self._kept["val"]
        self._make_heads()

    def _feed(
        self, part: str, index: np.ndarray, view: ViewSpec, batch: int = 0, domain: Domain | None = None
    ) -> BatchSource:
        """As in a training; once all are kept, what is kept, at the cost that it has for one training."""
        if part not in self._kept:
            return super()._feed(part, index, view, batch, domain)
        assert self.feeds.cut is not None
        self._spend_once(self.feeds.cut.boundary, part, len(index))
        return self._kept[part]

    def _make_heads(self) -> None:
        """The heads' first weights, stacked by rate: an optimiser has one rate for each of its groups."""
        heads = []
        for m in self.members:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(m.spec.seed + HEAD_SEED)
                head = make_head(m.spec.net.head, self.net.width, self.task.n_outputs, m.spec.net.dropout)
            heads.append([head.get_parameter(name).detach() for name in LINEAR])
        weight, bias = (torch.stack(of_all).to(self.device) for of_all in zip(*heads, strict=True))
        self.first = (weight, bias)
        rates = Counter(m.spec.optim.lr for m in self.members)  # in the order of the members
        ends = list(accumulate(rates.values()))
        self.stacks = [
            (nn.Parameter(weight[end - n : end].clone()), nn.Parameter(bias[end - n : end].clone()))  # (n, classes, d)
            for end, n in zip(ends, rates.values(), strict=True)
        ]
        groups: list[dict[str, Any]] = []
        for (w, b), lr in zip(self.stacks, rates, strict=True):
            groups += [{"params": [w], "base": lr, "weight_decay": self.spec.optim.weight_decay}]
            groups += [{"params": [b], "base": lr, "weight_decay": 0.0}]
        self.stacked = create_optimizer(groups, self.spec)
        # Where each member's pictures stand among those of all.
        places = [np.searchsorted(self.split.train, m.split.train) for m in self.members]
        self.rows_of = torch.from_numpy(np.stack(places))

    @contextmanager
    def _member(self, k: int) -> Iterator[Member]:
        """For a while this training is the one of that member."""
        m, head = self.members[k], self.net.head
        kept = self.spec, self.split, self.callbacks, self.now
        self.spec, self.split, self.callbacks, self.now = m.spec, m.split, m.callbacks, m.now
        self.audit.first |= {f"head.{name}": first[k] for name, first in zip(LINEAR, self.first, strict=True)}
        stack, at = self._place(k)
        for name, own in zip(LINEAR, stack, strict=True):
            parameter = head.get_parameter(name)
            parameter.data.copy_(own.data[at])
            parameter.grad = None if own.grad is None else own.grad[at]
        # A member's share of the time: the batch's, divided by how many there are.
        elapsed = (time.perf_counter() - self._began) / len(self.members)
        self._clock = time.perf_counter() - elapsed
        try:
            yield m
        finally:
            self.spec, self.split, self.callbacks, self.now = kept

    def _heads(self) -> tuple[Tensor, Tensor]:
        """All heads in the order of the members: (members, classes, d) and (members, classes)."""
        return torch.cat([w for w, _ in self.stacks]), torch.cat([b for _, b in self.stacks])

    def _place(self, k: int) -> tuple[tuple[nn.Parameter, nn.Parameter], int]:
        """The stack that holds a member's head, and where in it."""
        for stack in self.stacks:
            if k < len(stack[0]):
                return stack, k
            k -= len(stack[0])
        raise IndexError(k)

    def _measure(self) -> tuple[float, Energy]:
        """As of a training, of which each member has its share."""
        seconds, energy = super()._measure()
        if energy.source != ESTIMATED:  # an estimate is of the member's seconds, which are its share already
            energy = dataclasses.replace(energy, joules=energy.joules / len(self.members))
        return seconds, energy

    def run_all(self, ended: Callable[[Member, TrainingResult | None], None]) -> None:
        """Train all members to their ends.

        Args:
            ended: Called with each member and its result while the network has its head; None = it diverged, and
                `member.diverged` says how.

        Raises:
            Stopped: `check` said so.
        """
        self._began = time.perf_counter()
        self._begin_metering()
        phase = self.phases[0]
        for k in range(len(self.members)):
            with self._member(k) as m:
                for part, n in (("train", len(m.split.train)), ("val", len(m.split.val))):
                    self._spend_once(phase.boundary, part, n)
        for epoch in range(phase.epochs):
            self._epoch_of_all(phase, epoch)
        self.audit.look_again = True
        for k, m in enumerate(self.members):
            with self._member(k):
                ended(m, None if m.diverged else self._finish(phase))

    def _epoch_of_all(self, phase: Phase, epoch: int) -> None:
        """One epoch of every member."""
        optim, start = self.spec.optim, time.perf_counter()
        n = self.rows_of.shape[1]
        orders = [torch.Generator().manual_seed(derive_seed(m.spec.seed, ORDER, epoch)) for m in self.members]
        parts = [epoch_batches(n, optim.epoch_images, optim.batch_size, order) for order in orders]
        n_steps = len(parts[0])
        tick = steps_between_rows(n_steps)
        sums = torch.zeros(len(self.members), 3, device=self.device)
        images = sum(len(batch) for batch in parts[0])
        for i in range(n_steps):
            self.callbacks.check()
            factor = schedule(optim.schedule, progress_at(self.phases, epoch + i / n_steps), optim.warmup)
            for group in self.stacked.param_groups:
                group["lr"] = group["base"] * factor
            positions = torch.stack([own[i] for own in parts])  # (members, b)
            sums += self._step_of_all(positions)
            if (i + 1) % tick == 0 or i + 1 == n_steps:
                last = i + 1 == n_steps
                for k, m in enumerate(self.members):
                    m.now.step = epoch * n_steps + i + 1
                    if m.diverged is None:
                        with self._member(k):
                            try:
                                self._tell(phase, sums[k], factor, last, images, time.perf_counter() - start)
                            except Diverged as fault:
                                m.diverged = fault
                sums.zero_()
                self.audit.look_again = True

    def _step_of_all(self, positions: Tensor) -> Tensor:
        """One batch of every member forward and back. Returns sums of loss, hits and pictures, (members, 3).

        Args:
            positions: (members, b) of each one's batch among its training pictures.
        """
        at = self.rows_of.gather(1, positions)
        labels = self.labels[torch.from_numpy(self.split.train)[at]].to(self.device)  # (members, b)
        features = self.features["train"][at.to(self.device)]  # (members, b, d)
        with self.autocast:
            weight, bias = self._heads()
            logits = torch.baddbmm(bias[:, None], features, weight.transpose(1, 2))
            smoothing = self.spec.optim.label_smoothing
            losses = torch.func.vmap(lambda o, t: self.task.loss(o, t, smoothing))(logits, labels)
        self.stacked.zero_grad(set_to_none=True)
        losses.sum().backward()  # type: ignore[no-untyped-call]  # no head is in another one's loss
        self.stacked.step()
        n = positions.shape[1]
        hits = self.task.example_scores(logits.detach().flatten(0, 1), labels.flatten()).view(-1, n).sum(1)
        return torch.stack([losses.detach().float() * n, hits, torch.full_like(hits, n)], 1)

    def _tell(self, phase: Phase, sums: Tensor, factor: float, last: bool, images: int, seconds: float) -> None:
        """The rows of the member that this training is at the moment."""
        self.now.images += int(sums[2])
        for group in self.optimizer.param_groups:
            group["lr"] = self.spec.optim.lr * factor
        rows = self._train_rows(sums)
        if last:
            self._spend(phase, images)
            self.now.epoch += 1
            if self.now.epoch % self.spec.optim.evaluate == 0 or self.now.epoch == phase.epochs:
                rows += self._validate()
            rows += self._epoch_rows(phase, images * len(self.members) / max(seconds, 1e-9))
        self.callbacks.emit(rows)

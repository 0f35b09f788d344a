"""Where a training's batches come from: what is kept of frozen layers where that can be, else pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from tltk.data.domain import Domain
from tltk.errors import BadSpec, CannotSplit
from tltk.nn.cut import Cut, evaluation_mode
from tltk.nn.net import Net
from tltk.specs.parts import ViewSpec
from tltk.specs.training import TransferSpec
from tltk.training import cost
from tltk.training.bank import FeatureBank, derive_seed
from tltk.training.batches import BatchSource, CachedBatches, LiveBatches, epoch_batches
from tltk.training.callbacks import Callbacks
from tltk.training.compiled import CompiledPass
from tltk.training.growth import sizes_px
from tltk.training.processes import Processes

COPIES = 2  # name of the random stream of the kept copies
EVALUATION_BATCH_PICTURES = 256  # pictures in a batch that is only looked at


class Feeds:
    """Makes the batches of one training, phase by phase.

    Args:
        spec: The training.
        net: The network.
        n_train: The target's training pictures.
        epochs: Of all phases.
        bank: Where features of frozen layers are kept.
        callbacks: Where sentences go, and who may stop it.
        autocast: Entered where features are computed.
        processes: Among which a batch is divided.

    Raises:
        BadSpec: The network cannot read the smaller pictures of the first epochs, or a process would have no picture of
            some batch.
    """

    def __init__(
        self,
        spec: TransferSpec,
        net: Net,
        n_train: int,
        epochs: int,
        bank: FeatureBank,
        callbacks: Callbacks,
        autocast: AbstractContextManager[object],
        processes: Processes,
    ) -> None:
        self._spec, self._net, self._bank, self._callbacks = spec, net, bank, callbacks
        self._autocast, self._processes = autocast, processes
        self._device = next(net.parameters()).device
        optim = spec.optim
        parts = epoch_batches(n_train, optim.epoch_images, optim.batch_size, torch.Generator())
        self.largest, self.smallest = len(parts[0]), len(parts[-1])  # pictures in a batch of an epoch
        self.sides_px = sizes_px(optim.first_size, net.shape[-1], epochs)  # of the training pictures, by epoch
        self.cut: Cut | None = None
        self._check_sides()
        self._check_processes()

    @property
    def is_cached(self) -> bool:
        """Whether outputs of frozen layers are kept in this phase."""
        return self.cut is not None and self.cut.boundary > 0

    def enter(self, boundary: int) -> None:
        """A phase begins that keeps what lies below this boundary, where it can be cut off; 0 = nothing."""
        self.cut = None
        if cost.caches_features(self._spec) and boundary > 0:
            try:
                self.cut = self._processes.together(lambda: Cut(self._net, boundary, batch=self.smallest))
                return
            except CannotSplit as reason:
                self._callbacks.notify(f"{reason} It trains whole, its frozen layers recomputed in each epoch.")
        if self._spec.views.copies and not self._spec.views.is_none:
            self.cut = Cut(self._net, 0)  # augmented pictures are kept

    def make(
        self,
        domain: Domain,
        index: np.ndarray,
        view: ViewSpec,
        batch: int = 0,
        side: Callable[[], int] | None = None,
    ) -> BatchSource:
        """Kept features where they can be kept, else pictures.

        Args:
            domain: The pictures.
            index: Which of them, (n,).
            view: How they are augmented.
            batch: Pictures in a batch that is drawn; 0 = they are taken in order.
            side: Tells the side of pictures that grow, in pixels.
        """
        if self.cut is not None and (self.cut.boundary > 0 or not view.is_none):
            try:
                compute = partial(
                    self._bank.features,
                    self.cut,
                    domain,
                    self._processes.part(index),
                    view=view,
                    seed=derive_seed(self._spec.seed, COPIES),
                    precision=self._spec.optim.cache.replace("off", "float32"),
                    batch=self._processes.count(batch or EVALUATION_BATCH_PICTURES),
                    full=batch > 0,
                    should_stop=self._callbacks.check,
                )
                with self._autocast:
                    kept = self._processes.together(compute)
                return CachedBatches(self.cut, kept, self._device, self._processes, len(index))
            except CannotSplit as reason:
                self._callbacks.notify(f"{reason} It trains without a bank.")
                self.cut = None
        return self.live(domain, index, view, side)

    def live(
        self, domain: Domain, index: np.ndarray, view: ViewSpec, side: Callable[[], int] | None = None
    ) -> LiveBatches:
        """Pictures, computed anew each time they are asked for.

        Args:
            domain: The pictures.
            index: Which of them, (n,).
            view: How they are augmented.
            side: Tells the side of pictures that grow, in pixels.
        """
        return LiveBatches(self._net, domain, index, view, self._device, side, self._processes)

    def compiled(self, feed: BatchSource, needs_layers: bool, both: bool) -> BatchSource:
        """The target's training batches, full ones through a compiled network where they go through a whole one.

        Args:
            feed: As they are.
            needs_layers: Whether a term looks at layers.
            both: Whether both domains go through together.
        """
        divided = self._processes.size > 1 and any(isinstance(m, _BatchNorm) for m in self._net.modules())
        if not isinstance(feed, LiveBatches) or needs_layers or divided:
            self._callbacks.notify(
                "Nothing is compiled in this phase: outputs of frozen layers are kept, a term looks at layers, or "
                "processes share the statistics of batches."
            )
            return feed
        n = self._processes.mine(self.largest) * (2 if both else 1)
        return dataclasses.replace(feed, passes=CompiledPass(self._net, n))

    def side_px(self, epoch: int) -> int:
        """Side of the training pictures in this epoch."""
        return self.sides_px[min(epoch, len(self.sides_px) - 1)]

    def _check_processes(self) -> None:
        """Refuse batches of which a process would have no picture."""
        n = self._processes.size
        if n > 1 and self.smallest < n:
            raise BadSpec(
                f"Each of {n} processes must have a picture of every batch. The smallest batch of an epoch has "
                f"{self.smallest}; take another optim.batch_size, or at most {self.smallest} processes."
            )

    def _check_sides(self) -> None:
        """Refuse smaller pictures that the network cannot read, before the first epoch."""
        for side in sorted(set(self.sides_px) - {self._net.shape[-1]}):
            try:
                with torch.no_grad(), evaluation_mode(self._net):
                    self._net(self._net.sample(2)[..., :side, :side])
            except Exception as fault:  # each architecture stumbles over a size in its own way
                raise BadSpec(
                    f"{self._spec.net.backbone} must be able to read training pictures of every size from "
                    f"optim.first_size on. Of {side} px it says: {str(fault)[:200] or type(fault).__name__}. "
                    f"Set it to 0, or take a network that reads any size."
                ) from None

"""A training from its spec: pictures, their division, network, plan. `train` is the whole of it, for a notebook."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from tltk import adapters, data, terms
from tltk.data.domain import Domain, Split, exclude_examples, held_out_origins, link_copies
from tltk.errors import DataProblem, RunProblem
from tltk.nn.net import Net
from tltk.results.rows import Row
from tltk.results.training import TrainingResult
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.strategies import make
from tltk.strategies.phase import Phase
from tltk.tasks import Classification
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.training.loop import Training
from tltk.weights import load as weights

Load = Callable[[DataSpec], Domain]


@dataclass(frozen=True)
class Divided:
    """A domain and its parts.

    Attributes:
        taken_out: Pictures that are in no part, since they validate or test another domain.
    """

    domain: Domain
    split: Split
    taken_out: int = 0


@dataclass(frozen=True)
class Trained:
    """What a training left: its network, its result and every row that it wrote."""

    spec: TransferSpec
    net: Net
    result: TrainingResult
    rows: list[Row]


def divide(spec: TransferSpec, load: Load = data.load) -> Divided:
    """The pictures of a training, divided; those that validate or test `spec.without` are in no part.

    Args:
        spec: The training.
        load: Where its domains come from.

    Raises:
        DataProblem: Too few pictures are left.
    """
    domain = load(spec.target)
    if spec.without is None:
        return Divided(domain, domain.split(spec.target, spec.seed))
    other = load(spec.without)
    mine, theirs = link_copies(domain, other)
    held = held_out_origins(theirs, other.split(spec.without, spec.seed))
    rest = exclude_examples(mine, np.arange(len(domain.labels)), held)
    taken_out = len(domain.labels) - len(rest)
    try:
        split = domain.split(spec.target, spec.seed, rest)
    except DataProblem as fault:
        raise DataProblem(
            f"{spec.target.name} must hold pictures that neither validate nor test {spec.without.name}. Without "
            f"the {taken_out:,} that do, too few are left: {fault}"
        ) from None
    return Divided(domain, split, taken_out)


def source_domain(spec: TransferSpec, parts: Divided, load: Load = data.load) -> tuple[Domain, np.ndarray] | None:
    """The second domain of a training and the positions of the pictures that its terms see; None without one.

    They are those of its training part that neither validate nor test the target.

    Args:
        spec: The training.
        parts: Its target, divided.
        load: Where domains come from.

    Raises:
        DataProblem: Too few are left, or they have other channels than the target's.
    """
    if spec.source is None:
        return None
    domain = load(spec.source)
    if domain.images.shape[1] != parts.domain.images.shape[1]:
        raise DataProblem(
            f"Source and target must have as many channels. {spec.source.name} has {domain.images.shape[1]}, "
            f"{spec.target.name} {parts.domain.images.shape[1]}; save both in colour, or both in grey."
        )
    mine, theirs = link_copies(domain, parts.domain)
    free = exclude_examples(mine, np.arange(len(domain.labels)), held_out_origins(theirs, parts.split))
    return domain, domain.split(spec.source, spec.seed, free).train


def build_network(spec: TransferSpec, domain: Domain) -> tuple[Net, list[Phase]]:
    """The network of a training with its first weights, and what the strategy plans for it.

    Args:
        spec: The training.
        domain: Whose pictures it reads.
    """
    channels, _, size = domain.modality.shape(domain)
    net = weights.build_net(spec.net, Classification(len(domain.classes)).n_outputs, size, channels, spec.seed)
    adapters.make(spec.adapter).adapt(net)
    return net, make(spec.strategy).phases(net.depth, spec.net.boundary, spec.optim.epochs)


def train(
    spec: TransferSpec,
    *,
    domain: Domain | None = None,
    split: Split | None = None,
    bank: FeatureBank | None = None,
    callbacks: Callbacks | None = None,
) -> Trained:
    """Train a network here and now, as a worker does; nothing is queued and no run folder is written.

    Args:
        spec: What is asked for.
        domain: Its pictures; None = those that `spec.target` names.
        split: Positions of the training, validation and test pictures; None = as `spec.target` says.
        bank: Where features of frozen layers are kept; None = in a new one.
        callbacks: Where rows, sentences and checkpoints go; rows are in the answer in any case.

    Raises:
        TltkError: It cannot be meant, or fails; the sentence says why.

    Example:
        >>> from tltk import DataSpec, NetSpec, OptimSpec, TransferSpec, train
        >>> spec = TransferSpec(DataSpec(n=200, size=16), NetSpec("test_resnet"), optim=OptimSpec(epochs=1))
        >>> trained = train(spec)
        >>> 0 <= trained.result.accuracy <= 1, trained.result.frozen_moved
        (True, 0)
    """
    if domain is None:
        parts = divide(spec)
        domain, split = parts.domain, split or parts.split
    split = split or domain.split(spec.target, spec.seed)
    terms.check(spec.terms, spec.source)
    other = source_domain(spec, Divided(domain, split))
    net, phases = build_network(spec, domain)
    rows: list[Row] = []
    callbacks = callbacks or Callbacks()
    emit = callbacks.emit

    def both(more: list[Row]) -> None:
        rows.extend(more)
        emit(more)

    before = torch.get_num_threads()
    torch.set_num_threads(spec.optim.threads)  # another number rounds sums otherwise
    try:
        told = dataclasses.replace(callbacks, emit=both)
        result = Training(spec, net, domain, split, phases, bank or FeatureBank(), told, other).run()
    finally:
        torch.set_num_threads(before)
    check_result(result)
    return Trained(spec, net, result, rows)


def check_result(result: TrainingResult) -> None:
    """Refuse a training that ended without a number.

    Raises:
        RunProblem: The loss on the validation or test pictures is none.
    """
    if not np.isfinite([result.loss, result.val_loss]).all():
        raise RunProblem(
            "The loss on the validation and test pictures must be a number. It is not at the end; "
            "try a tenth of the learning rate, or an optim.evaluate below optim.patience."
        )

"""A training from its spec: pictures, their division, network, plan. `train` is the whole of it, for a notebook."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tltk import adapters, data, terms
from tltk.data.classes import UNKNOWN, class_numbers, match_classes, shared_classes, union_of_classes, with_classes
from tltk.data.domain import Domain, Ints, Split, exclude_examples, held_out_origins, link_copies
from tltk.data.rows import KIND as TABLE
from tltk.data.rows import Columns, standardisation
from tltk.data.texts import decode
from tltk.data.vectors import count_unknown, describe_unknown
from tltk.errors import BadSpec, DataProblem, RunProblem, abbreviate
from tltk.nn.head import Classifier
from tltk.nn.net import Net
from tltk.nn.text import WordList
from tltk.results.rows import Row
from tltk.results.training import TrainingResult
from tltk.specs.parts import DataSpec
from tltk.specs.size import Size, channels_and_size
from tltk.specs.training import TransferSpec
from tltk.strategies import make
from tltk.strategies.phase import Phase
from tltk.tasks import Classification
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.training.check import check_kept_head, check_transfer
from tltk.training.forgetting import Known
from tltk.training.loop import Training
from tltk.weights import load as weights

Load = Callable[[DataSpec], Domain]


@dataclass(frozen=True)
class Divided:
    """A target and its parts, and its source where there is one.

    Attributes:
        domain: The target.
        split: Its parts.
        taken_out: Pictures that are in no part, since they validate or test another domain.
        source: The second domain and its parts, its labels numbered by the task's classes (−1 = none of them).
        known: What the network could do at the start: the classifier that came with the weights, and the source's
            labels as it numbers them; None where there is none, or the source's labels are learned from.
        notes: Sentences on classes that the two do not share.
        classifier: That came with the weights; None where no term asks for it.
        train: Of tables, the whole training part, before few of it were chosen for their labels; None = as in `split`.
    """

    domain: Domain
    split: Split
    taken_out: int = 0
    source: tuple[Domain, Split] | None = None
    known: Known | None = None
    notes: tuple[str, ...] = ()
    classifier: Classifier | None = None
    train: Ints | None = None


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
        return Divided(domain, domain.split(spec.target, spec.seed), train=_whole_train(spec, domain))
    other = load(spec.without)
    mine, theirs = link_copies(domain, other)
    held = held_out_origins(theirs, other.split(spec.without, spec.seed))
    rest = exclude_examples(mine, np.arange(len(domain.labels)), held)
    taken_out = len(domain.labels) - len(rest)
    try:
        split = domain.split(spec.target, spec.seed, rest)
    except DataProblem as fault:
        raise DataProblem(
            f"{spec.target.name} must hold {domain.noun} that neither validate nor test {spec.without.name}. Without "
            f"the {taken_out:,} that do, too few are left: {fault}"
        ) from None
    return Divided(domain, split, taken_out, train=_whole_train(spec, domain, rest))


def _whole_train(spec: TransferSpec, domain: Domain, among: Ints | None = None) -> Ints | None:
    """The training part without regard to shots, of tables, whose means and deviations it tells; else None."""
    if not spec.target.shots or domain.kind != TABLE:
        return None
    return domain.split(dataclasses.replace(spec.target, shots=0), spec.seed, among).train


def add_source(spec: TransferSpec, parts: Divided, load: Load = data.load) -> Divided:
    """The same with the training's second domain and its weights' classifier, where it has them.

    Classes are matched by name. None of the source's pictures validates or tests the target. Where its labels are
    learned from, the task's classes are the source's, or all of both, and pictures of the target whose class is none
    of them are in no part.

    Args:
        spec: The training.
        parts: Its target, divided.
        load: Where domains come from.

    Raises:
        DataProblem: Too few pictures are left, the two have other channels, or no class in common.
        BadSpec: A term asks for the classifier of weights that came with none.
    """
    if terms.needs_classifier(spec.terms):
        parts = dataclasses.replace(parts, classifier=_classifier(spec))
    if spec.source is None:
        return parts
    target, split = parts.domain, parts.split
    domain = load(spec.source)
    if domain.images.shape[1] != target.images.shape[1]:
        raise DataProblem(
            f"Source and target must have as many channels. {spec.source.name} has {domain.images.shape[1]}, "
            f"{spec.target.name} {target.images.shape[1]}; save both in colour, or both in grey."
        )
    mine, theirs = link_copies(domain, target)
    free = exclude_examples(mine, np.arange(len(domain.labels)), held_out_origins(theirs, split))
    theirs_split = domain.split(spec.source, spec.seed, free)
    notes, known = list[str](), None
    if spec.labels != "target":
        classes = list(domain.classes) if spec.labels == "source" else union_of_classes(domain, target)
        notes = _unshared(target, domain)
        target, split, left = with_classes(target, split, classes)
        if left:
            notes.append(f"{left:,} {target.noun} of the target are of no class of the source's and are in no part.")
        domain = dataclasses.replace(domain, labels=class_numbers(domain, classes), classes=tuple(classes))
    else:
        known = _prior_knowledge(spec, domain)
        if known is None and not terms.needs_source(spec.terms):
            raise BadSpec(
                f"The source of a training is read by its terms, by labels, or to measure what is forgotten. No term "
                f"reads {spec.source.name}, and the weights came with no classifier that knows its classes; leave "
                f"--source out."
            )
        domain = dataclasses.replace(domain, labels=class_numbers(domain, target.classes))
    return dataclasses.replace(
        parts,
        domain=target,
        split=split,
        source=(domain, theirs_split),
        known=known,
        notes=tuple(notes),
    )


def _classifier(spec: TransferSpec) -> Classifier:
    """The classifier that came with the weights, for terms that cannot do without.

    Raises:
        BadSpec: There is none.
    """
    found = weights.source_classifier(spec.net)
    if found is None:
        raise BadSpec(
            f"What the weights' own classifier knows can be kept where there is one, linear on the features. "
            f"{spec.net.weights} has none; take the weights of a run (run:ID) with a linear head, or leave out "
            f"{', '.join(term.name for term in spec.terms if terms.needs_classifier([term]))}."
        )
    return found


def _prior_knowledge(spec: TransferSpec, source: Domain) -> Known | None:
    """The classifier that came with the weights, where it knows classes of the source by name."""
    classifier = weights.source_classifier(spec.net)
    if classifier is None:
        return None
    labels = class_numbers(source, classifier.classes)
    return Known(classifier, labels) if (labels != UNKNOWN).any() else None


def _unshared(target: Domain, source: Domain) -> list[str]:
    """What is said where source and target have other classes."""
    shared = shared_classes(source, target)
    found = []
    if extra := [c for c in source.classes if c not in shared]:
        found.append(
            f"{len(extra)} of the source's {len(source.classes)} classes are not in the target "
            f"({abbreviate(', '.join(extra))}): a partial label set, on which alignment of whole domains can hurt."
        )
    if missing := [c for c in target.classes if c not in shared_classes(target, source)]:
        found.append(
            f"{len(missing)} of the target's {len(target.classes)} classes are not in the source "
            f"({abbreviate(', '.join(missing))}): nothing can be learned of them from its labels."
        )
    return found


def build_network(spec: TransferSpec, domain: Domain, parts: Divided | None = None) -> tuple[Net, list[Phase]]:
    """The network of a training with its first weights, and what the strategy plans for it.

    Args:
        spec: The training.
        domain: Whose pictures it reads.
        parts: How it is divided, with its source; of tables, rows to learn from tell means and deviations. None = as
            the spec says, without a source.
    """
    channels, size = channels_and_size(domain.modality.shape(domain))
    columns = _columns(spec, domain, parts) if domain.kind == TABLE else None
    n_outputs = Classification(len(domain.classes)).n_outputs
    net = weights.build_net(spec.net, n_outputs, size, channels, spec.seed, columns)
    if spec.net.reset and spec.net.weights != "scratch":
        _reset(net, spec, size, channels, columns)
    if spec.net.keep_head:
        _keep_head(net, spec, domain)
    if spec.net.backbone.startswith("vectors:"):
        net.notes.append(_unknown_words(net, domain))
    phases = _plan(spec, net.depth)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed + 2_000_003)  # what an adapter adds begins the same in each run of a seed
        adapters.make(spec.adapter).adapt(net, min(phase.boundary for phase in phases))
    net.notes += _without_effect(spec, net, phases)
    return net, phases


def _columns(spec: TransferSpec, domain: Domain, parts: Divided | None) -> Columns:
    """The target's columns, with mean and deviation over the rows that labels are learned from.

    All training rows count, those too whose labels few shots leave out; none that validates or tests.
    """
    parts = parts or Divided(domain, domain.split(dataclasses.replace(spec.target, shots=0), spec.seed))
    train = parts.split.train if parts.train is None else parts.train
    learned = [domain.images[train]] if spec.labels != "source" or parts.source is None else []
    if parts.source is not None and spec.labels in ("source", "both"):
        source, split = parts.source
        learned.append(source.images[split.train])
    return standardisation(domain.columns, learned)


def _unknown_words(net: Net, domain: Domain) -> str:
    """How many words of the domain the network's vectors do not know, and which most often."""
    assert net.tokens is not None and isinstance(net.tokens.tokenizer, WordList)
    known = frozenset(net.tokens.tokenizer.words)
    return describe_unknown(count_unknown(decode(domain.images), known))


def _plan(spec: TransferSpec, depth: int) -> list[Phase]:
    """What the strategy plans for a network of so many layers; without labels the head is frozen.

    Raises:
        BadSpec: A new head that never learns; without labels, a phase in which the head alone would learn, or patience
            where there are several phases.
    """
    phases = make(spec.strategy).phases(depth, spec.net.boundary, spec.optim.epochs)
    if spec.labels != "none":
        if not spec.net.keep_head and not any(phase.lr_scale[depth] for phase in phases):
            raise BadSpec(
                f"A new head must learn. The strategy {spec.strategy.name} freezes it; let it learn, or begin with the "
                f"weights' own classifier (net.keep_head)."
            )
        return phases
    if any(phase.boundary == depth for phase in phases):
        raise BadSpec(
            f"Without labels the layers below the head learn. The strategy {spec.strategy.name} with boundary "
            f"{spec.net.boundary} of {depth} trains the head alone in a phase; take a lower boundary, or fine_tune or "
            f"layer_by_layer."
        )
    if spec.optim.patience and len(phases) > 1:
        raise BadSpec(
            f"Patience compares epochs of one loss. Without labels each phase may have its own, and "
            f"{spec.strategy.name} has {len(phases)}; set optim.patience to 0."
        )
    return [phase.headless for phase in phases]


def _without_effect(spec: TransferSpec, net: Net, phases: list[Phase]) -> list[str]:
    """Sentences on what was asked for and changes nothing in this network."""
    found = []
    if min(phase.boundary for phase in phases) == net.depth:
        asked = [] if spec.adapter.name == "all" else [f"adapter {spec.adapter.name}"]
        asked += [f"term {term.name}" for term in terms.for_the_backbone(spec.terms)]
        found += [f"No layer of the backbone learns: the {one} changes nothing here." for one in asked]
    if spec.net.norm == "target" and not any(isinstance(m, _BatchNorm) for m in net.modules()):
        found.append("No layer normalises by batches: norm 'target' changes nothing here.")
    return found


def _keep_head(net: Net, spec: TransferSpec, domain: Domain) -> None:
    """Begin with the rows of the weights' own classifier whose class the domain has by name.

    Raises:
        BadSpec: They came with none that knows one of its classes.
    """
    found = weights.source_classifier(spec.net)
    numbers = match_classes(domain.classes, found.classes if found is not None else ())
    check_kept_head(spec.net, domain.name, domain.classes, None if found is None else found.classes)
    assert found is not None
    kept = np.flatnonzero(numbers != UNKNOWN)
    assert isinstance(net.head, nn.Sequential)
    linear = net.head[-1]
    assert isinstance(linear, nn.Linear)
    with torch.no_grad():
        linear.weight[kept] = found.weight[numbers[kept]]
        linear.bias[kept] = found.bias[numbers[kept]]
    net.notes.append(f"The head begins with the weights' classifier of {len(kept)} of {len(numbers)} classes.")


def _reset(net: Net, spec: TransferSpec, size: Size, channels: int, columns: Columns | None = None) -> None:
    """Give the layers from `spec.net.reset` on the weights that they would have from scratch.

    Raises:
        BadSpec: The network has no such layer.
    """
    if spec.net.reset > net.depth:
        raise BadSpec(f"net.reset must be a layer, at most {net.depth} for {spec.net.backbone}. Got {spec.net.reset}.")
    fresh = weights.build_net(spec.net.anew, 2, size, channels, spec.seed, columns).state_dict()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if spec.net.reset <= net.layer_of.get(name, 0) < net.depth:  # the head is new in any case
                tensor.copy_(fresh[name])


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
    whole = None
    if domain is None:
        parts = divide(spec)
        domain, split, whole = parts.domain, split or parts.split, parts.train if split is None else None
    check_transfer(spec)
    parts = add_source(spec, Divided(domain, split or domain.split(spec.target, spec.seed), train=whole))
    net, phases = build_network(spec, parts.domain, parts)
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
        result = Training(
            spec,
            net,
            parts.domain,
            parts.split,
            phases,
            bank or FeatureBank(),
            told,
            parts.source,
            parts.known,
            parts.classifier,
        ).run()
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

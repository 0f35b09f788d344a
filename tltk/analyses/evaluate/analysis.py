"""A finished training on other domains than it was tested on: classes by name, figures with intervals, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tltk import data
from tltk.analyses.evaluate import figures
from tltk.analyses.evaluate.figures import Floats, Ints
from tltk.analyses.evaluate.result import DomainScore, EvaluateResult, Figure, Rival, Threshold
from tltk.analyses.evaluate.spec import EvaluateSpec
from tltk.analyses.known_pictures import check_channels, known_pictures
from tltk.analyses.network import TrainedNet, count_seen, own_parts, rebuild
from tltk.analyses.predict.inputs import domain_spec
from tltk.analyses.sample import Context
from tltk.analyses.trained import TrainedRun, check_positive, open_training
from tltk.data.classes import UNKNOWN, match_classes
from tltk.data.domain import Domain
from tltk.errors import BadSpec, DataProblem, TltkError
from tltk.probes.linear import wilson
from tltk.verdicts.judge import format_points, paired_interval
from tltk.verdicts.metrics import confusion

TOP = 5


@dataclass(frozen=True)
class Asked:
    """A training with its network, and what its validation pictures decide.

    Attributes:
        trained: The training.
        net: Its network.
        val: Logits and class numbers of its validation pictures; None where they are not there.
        temperature: Fitted on them.
    """

    trained: TrainedRun
    net: TrainedNet
    val: tuple[Floats, Ints] | None = None
    temperature: float = 1.0


def evaluate(spec: EvaluateSpec, context: Context) -> EvaluateResult:
    """Figures of a training on each domain, with those of another training on the same pictures beside them.

    Raises:
        BadSpec, UnknownName, WeightsMissing: As for `open_training`; a `positive` that is not one of two classes.
        DataProblem: A domain that cannot be read, or has no class that the training knows.
    """
    spec.check()
    trained = open_training(spec.run)
    check_positive(trained, spec.positive)
    asked, remarks = _with_validation(Asked(trained, rebuild(trained)), spec, context)
    rival = None
    if spec.against:
        other = open_training(spec.against)
        rival = Asked(other, rebuild(other))
    noun = data.noun_learned(trained.spec)
    scores = [_score(name, spec, asked, rival, context) for name in spec.on or (trained.spec.target.name,)]
    remarks += [
        f"{one.seen:,} of the {one.n:,} {noun} of {one.domain} are among those that run {trained.run.id} learned "
        f"from: its figures there are optimistic."
        for one in scores
        if one.seen
    ]
    return EvaluateResult(trained.run.id, trained.spec.net.backbone, trained.result.classes, scores, remarks)


def _with_validation(asked: Asked, spec: EvaluateSpec, context: Context) -> tuple[Asked, list[str]]:
    """The same with its validation pictures and its temperature; or why there is none."""
    trained, classes = asked.trained, asked.trained.result.classes
    noun = data.noun_learned(trained.spec)
    try:
        parts = own_parts(trained.spec, context.load)
        on_source = trained.spec.labels == "source"  # the target's labels are not to be used
        domain, split = parts.source if on_source and parts.source is not None else (parts.domain, parts.split)
        names = list(domain.classes)
        numbers = domain.labels[split.val] if on_source else match_classes(names, classes)[domain.labels[split.val]]
        index, labels = split.val[numbers != UNKNOWN], numbers[numbers != UNKNOWN]
        if not len(index):
            raise DataProblem(f"there are no validation {noun}")
        logits = _logits(asked.net, domain, index, spec, context)
    except TltkError as fault:
        return asked, [f"Nothing was fitted on validation {noun}, so neither temperature nor threshold: {fault}"]
    temperature = figures.fit_temperature(logits, labels)
    of_source = " of the source" if on_source else ""
    told = f"Temperature {temperature:.3g} was fitted on {len(index):,} validation {noun}{of_source}."
    if temperature == 1:
        told = f"The {len(index):,} validation {noun}{of_source} fit no temperature: the smaller, the less their loss."
    return Asked(trained, asked.net, (logits, labels), temperature), [told]


def _logits(net: TrainedNet, domain: Domain, index: Ints, spec: EvaluateSpec, context: Context) -> Floats:
    """Logits of some pictures of a domain, (n, classes) float64."""
    check_channels(domain, net)
    logits: Floats = net.answer(domain.images, index, spec.batch, context.callbacks.check)[1].double().numpy()
    return logits


def _score(name: str, spec: EvaluateSpec, asked: Asked, rival: Asked | None, context: Context) -> DomainScore:
    """All figures of a training on a domain."""
    trained, classes = asked.trained, asked.trained.result.classes
    found = known_pictures(name, spec.part, trained, context.load)
    domain, known, labels, numbers = found.domain, found.index, found.labels, found.numbers
    context.callbacks.notify(f"Testing on {len(known):,} {domain.noun} of {domain.name}.")
    logits = _logits(asked.net, domain, known, spec, context)
    p = figures.softmax(logits)
    rates = figures.intervals(p, labels, spec.bootstrap, spec.seed, context.callbacks.check)
    right = logits.argmax(1) == labels
    top5 = None
    if len(classes) > TOP:
        above = (logits > logits[np.arange(len(labels)), labels][:, None]).sum(1)
        top5 = float((above < TOP).mean())
    matched = sorted({int(c) for c in numbers if c != UNKNOWN})
    return DomainScore(
        domain=domain.name,
        part=spec.part,
        n=len(known),
        left_out=found.left_out,
        matched=[classes[c] for c in matched],
        unknown=[one for one, number in zip(domain.classes, numbers, strict=True) if number == UNKNOWN],
        absent=[one for c, one in enumerate(classes) if c not in matched],
        seen=count_seen(trained.spec, domain, known, context.load),
        accuracy=Figure(float(right.mean()), *wilson(int(right.sum()), len(right))),
        majority=float(np.bincount(labels).max()) / len(labels),
        chance=1 / len(classes),
        balanced_accuracy=rates["balanced_accuracy"],
        macro_f1=rates["macro_f1"],
        top5=top5,
        average_precision=rates.get("average_precision"),
        auc=rates.get("auc"),
        recall_at_5_fpr=rates.get("recall_at_5_fpr"),
        classes=figures.class_scores(p, labels, classes, matched),
        confusion=confusion(logits.argmax(1).astype(np.int64), labels, len(classes)).tolist(),
        reliability=figures.reliability(logits, labels),
        scaled=None if asked.val is None else figures.reliability(logits, labels, asked.temperature),
        threshold=_threshold(p, labels, classes, spec.positive, asked),
        rival=None if rival is None else _rival(name, spec, rival, context, (domain, known, right)),
    )


def _threshold(p: Floats, labels: Ints, classes: list[str], positive: str, asked: Asked) -> Threshold | None:
    """Of two classes: the threshold that the validation pictures choose, and what it does here; else None."""
    if len(classes) != 2 or asked.val is None:
        return None
    c = classes.index(positive) if positive else 1
    logits, known = asked.val
    if len(np.unique(known)) < 2:
        return None
    t = figures.best_threshold(figures.softmax(logits)[:, c], known == c)
    taken, is_c = p[:, c] >= t, labels == c
    shares = [
        float(taken[is_c].mean()) if is_c.any() else None,
        float((~taken[~is_c]).mean()) if (~is_c).any() else None,
    ]
    there = [share for share in shares if share is not None]
    return Threshold(
        classes[c], t, len(known), float((taken == is_c).mean()), float(np.mean(there)), shares[0], shares[1]
    )


def _rival(
    name: str, spec: EvaluateSpec, rival: Asked, context: Context, mine: tuple[Domain, Ints, np.ndarray]
) -> Rival:
    """Another training on the pictures whose class both know, paired.

    Raises:
        BadSpec: It reads other pictures, so that they cannot be paired, or knows none of the classes.
    """
    domain, index, right = mine
    theirs = context.load(domain_spec(name, rival.trained.spec))
    if len(theirs.labels) != len(domain.labels) or not np.array_equal(theirs.labels, domain.labels):
        raise BadSpec(
            f"Two trainings are compared on the same {domain.noun}. Run {rival.trained.run.id} reads others of {name} "
            f"than run {spec.run.partition(':')[2]}: it was made for {len(theirs.labels):,} of them, the other for "
            f"{len(domain.labels):,}; compare trainings of one n and seed."
        )
    labels = match_classes(list(domain.classes), rival.trained.result.classes)[domain.labels[index]]
    known = labels != UNKNOWN
    if not known.any():
        raise BadSpec(f"Run {rival.trained.run.id} must know a class of {name} by name. It knows none of them.")
    logits = _logits(rival.net, theirs, index[known], spec, context)
    other = (logits.argmax(1) == labels[known]).astype(np.float64)
    gap, lo, hi = paired_interval((right[known].astype(np.float64) - other)[None])
    told = "better" if lo > 0 else "worse" if hi < 0 else "not told apart"
    sentence = (
        f"{told} on {int(known.sum()):,} {domain.noun}: {format_points(float(right[known].mean()), False)}% against "
        f"{format_points(float(other.mean()), False)}% of run {rival.trained.run.id}, {format_points(gap)} points, "
        f"95% interval {format_points(lo)} … {format_points(hi)}."
    )
    return Rival(
        rival.trained.run.id, int(known.sum()), float(other.mean()), gap, lo, hi, sentence[0].upper() + sentence[1:]
    )

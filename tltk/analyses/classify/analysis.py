"""Which classical learner does best on frozen features? Chosen on training pictures alone, tested once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np
import torch
from PIL import Image

from tltk.alignments import Alignment
from tltk.analyses.classify.features import Draw, Floats, Material, gather
from tltk.analyses.classify.ranking import accuracy_interval, sentence
from tltk.analyses.classify.result import ClassifyResult, LearnerResult, ReweightingResult, WeightedPicture
from tltk.analyses.classify.spec import ClassifySpec, make_alignments, make_reweightings
from tltk.analyses.sample import Context, Sample, contact_sheet
from tltk.data.domain import Domain, Ints
from tltk.data.texts import MAX_SHOWN_CHARS
from tltk.errors import BadSpec, TltkError
from tltk.learners import learners
from tltk.learners.learner import Value
from tltk.learners.search import fit
from tltk.learners.tradaboost import tradaboost
from tltk.reweightings import Reweighting
from tltk.reweightings.reweighting import effective_size
from tltk.specs.nouns import reword
from tltk.tasks.classification import macro_f1
from tltk.verdicts.ranking import compare_pairs, ranks

TARGET_ONLY, TRADABOOST = "target_only", "tradaboost"  # what stands in place of a reweighting, with both labels
SHOWN = 8  # pictures of the largest and of the least weights
FAULTS = (TltkError, ValueError, ArithmeticError, np.linalg.LinAlgError)  # of a learner: scikit-learn's among them


@dataclass(frozen=True, eq=False)
class Prepared:
    """What learners get of one seed, in one way.

    Attributes:
        alignment: How features were moved; empty = not at all.
        reweighting: How pictures are weighted; empty = equally.
        x: Training features, (n, d).
        labels: Their class numbers, (n,).
        test: Features of the test pictures, (t, d).
        weights: Of the training pictures, (n,), 1 on average; None = equal.
        n_boosted: The first so many are the source's, for TrAdaBoost; 0 = it is not used.
    """

    alignment: str
    reweighting: str
    x: Floats
    labels: Ints
    test: Floats
    weights: Floats | None = None
    n_boosted: int = 0

    def name(self, learner: str) -> str:
        """The learner with what was done before."""
        way = self.alignment or self.reweighting
        return f"{learner}+{way}" if way else learner


@dataclass
class Outcome:
    """What one learner in one way came to, a seed after the other."""

    learner: str
    alignment: str
    reweighting: str
    predictions: list[Ints] = field(default_factory=list)
    chosen: list[dict[str, Value]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    folds: int = 0


def classify(spec: ClassifySpec, context: Context) -> tuple[ClassifyResult, Image.Image | None]:
    """Every learner on every seed's training pictures, tested on the same pictures of the target.

    Returns:
        What each came to; and, where pictures were weighted, a contact sheet of those that count most and least.

    Raises:
        UnknownName, BadSpec: What `spec.check` refuses, a layer that is not there, domains that do not go together, or
            no learner that can be used.
    """
    spec.check()
    start = time.perf_counter()
    found = gather(spec, context)
    seconds = {"features": time.perf_counter() - start}
    outcomes: dict[str, Outcome] = {}
    left_out: dict[str, str] = {}
    weights: list[ReweightingResult] = []
    for number, one in enumerate(found.draws):
        for ready in _prepare(spec, found, one, spec.seed + number, seconds, left_out):
            if ready.weights is not None and not number:
                weights.append(_weighted(ready.reweighting, ready.weights, one, found))
            for learner in spec.learners:
                name = ready.name(learner)
                if name in left_out:
                    continue
                context.callbacks.notify(f"{name}: draw {number + 1} of {len(found.draws)}.")
                try:
                    boosted = _learn(outcomes, learner, ready, spec, spec.seed + number, context)
                    if boosted is not None and not number:
                        weights.append(_weighted(name, boosted, one, found))
                except FAULTS as fault:
                    left_out[name] = str(fault)
                    outcomes.pop(name, None)
    outcomes = {name: one for name, one in outcomes.items() if name not in left_out}
    if not outcomes:
        raise BadSpec(f"At least one learner must be usable here. None is: {next(iter(left_out.values()))}")
    weights, sheet = _shown(weights, found.labelled)
    return _result(spec, found, outcomes, left_out, weights, seconds), sheet


def _shown(weights: list[ReweightingResult], domain: Domain) -> tuple[list[ReweightingResult], Image.Image | None]:
    """The same with each picture's place on a contact sheet, and the sheet; None without weights."""
    at: list[int] = []

    def placed(pictures: list[WeightedPicture]) -> list[WeightedPicture]:
        at.extend(one.at for one in pictures)
        first = len(at) - len(pictures)
        return [msgspec.structs.replace(one, place=first + i) for i, one in enumerate(pictures)]

    weights = [msgspec.structs.replace(w, largest=placed(w.largest), least=placed(w.least)) for w in weights]
    index = np.array(at, np.int64)
    sheet = contact_sheet([Sample(domain, index, torch.from_numpy(domain.labels[index]))]) if at else None
    return weights, sheet


def _prepare(
    spec: ClassifySpec,
    found: Material,
    one: Draw,
    seed: int,
    seconds: dict[str, float],
    left_out: dict[str, str],
) -> Iterator[Prepared]:
    """The features of one seed as they are, and moved and weighted in each way that was asked for.

    What cannot be done to these features is noted beside each learner that it would have served.
    """
    if spec.source is None:
        yield Prepared("", "", one.x, one.labels, found.test)
        return
    if one.target_labels is not None:
        both = np.concatenate([one.x, one.target]), np.concatenate([one.labels, one.target_labels])
        yield Prepared("", "", *both, found.test)
        yield Prepared("", TARGET_ONLY, one.target, one.target_labels, found.test)
        yield Prepared("", TRADABOOST, *both, found.test, n_boosted=len(one.x))
        return
    mean, scale = one.x.mean(0), one.x.std(0)
    scale[scale <= 1e-12 * np.abs(mean)] = np.inf  # constant up to rounding
    source, target, test = ((x - mean) / scale for x in (one.x, one.target, found.test))
    yield Prepared("", "", source, one.labels, test)
    ways: dict[str, Alignment | Reweighting] = {**make_alignments(spec), **make_reweightings(spec)}
    for text, way in ways.items():
        begun = time.perf_counter()
        try:
            if isinstance(way, Alignment):
                aligned = way(source, one.labels, target)
                ready = Prepared(text, "", aligned.source, one.labels, aligned.move_target(test))
            else:
                found_weights = way(source, target, seed)
                effective_size(found_weights)  # refuses weights that are all 0
                ready = Prepared("", text, source, one.labels, test, found_weights / found_weights.mean())
        except FAULTS as fault:
            left_out.update({f"{learner}+{text}": str(fault) for learner in spec.learners})
            continue
        seconds[text] = seconds.get(text, 0.0) + time.perf_counter() - begun
        yield ready


def _learn(
    outcomes: dict[str, Outcome],
    learner: str,
    ready: Prepared,
    spec: ClassifySpec,
    seed: int,
    context: Context,
) -> Floats | None:
    """Fit one learner and note what it says of the test pictures; the source's weights where it is boosted."""
    begun = time.perf_counter()
    made, check = learners[learner](), context.callbacks.check
    if ready.n_boosted and not made.takes_weights:
        raise BadSpec("A learner must take weights to be boosted. It does not; leave it out.")
    fitted = fit(made, ready.x, ready.labels, folds=spec.folds, seed=seed, weights=ready.weights, check=check)
    boosted = None
    if ready.n_boosted:
        boosted = tradaboost(
            made,
            fitted.chosen,
            ready.x,
            ready.labels,
            ready.n_boosted,
            rounds=spec.rounds,
            seed=seed,
            check=check,
        )
    predictions = (boosted or fitted).predict(ready.test)
    blank = Outcome(learner, ready.alignment, ready.reweighting)
    outcome = outcomes.setdefault(ready.name(learner), blank)
    outcome.predictions.append(predictions)
    outcome.chosen.append(fitted.chosen)
    outcome.seconds.append(time.perf_counter() - begun)
    outcome.folds = fitted.folds
    return None if boosted is None else boosted.weights


def _weighted(name: str, weights: Floats, one: Draw, found: Material) -> ReweightingResult:
    """The pictures that count most and least."""
    order = np.argsort(-weights, kind="stable")

    def pictures(some: Ints, domain: Domain) -> list[WeightedPicture]:
        at = one.at[some]
        names = [domain.classes[c] for c in domain.labels[at]]
        said = [domain.modality.sentence(domain, int(i), MAX_SHOWN_CHARS) for i in at]
        rows = zip(at, weights[some], names, said, strict=True)
        return [WeightedPicture(int(i), float(w), c, text=text) for i, w, c, text in rows]

    largest, least = order[:SHOWN], order[::-1][:SHOWN]
    source = found.labelled
    return ReweightingResult(
        name, len(weights), effective_size(weights), pictures(largest, source), pictures(least, source)
    )


def _result(
    spec: ClassifySpec,
    found: Material,
    outcomes: dict[str, Outcome],
    left_out: dict[str, str],
    weights: list[ReweightingResult],
    seconds: dict[str, float],
) -> ClassifyResult:
    truth = found.test_labels
    scores = {name: (np.stack(one.predictions) == truth).astype(np.float64) for name, one in outcomes.items()}
    order = sorted(scores, key=lambda name: -float(scores[name].mean()))
    pairs, noun = compare_pairs(scores, order), found.domain.noun
    return ClassifyResult(
        rows=[_row(name, outcomes[name], scores[name], ranks(name, order, pairs), found) for name in order],
        pairs=pairs,
        sentence=reword(sentence(order, scores, pairs), noun),
        remarks=[reword(one, noun) for one in (*found.remarks, *_remarks(found, outcomes))],
        left_out=left_out,
        weights=weights,
        layer=found.layer,
        layer_name=found.layer_name,
        width=found.test.shape[1],
        labels=spec.labels,
        seeds=list(range(spec.seed, spec.seed + spec.seeds)),
        n_train=[n_train(one) for one in found.draws],
        n_test=len(truth),
        classes=len(found.domain.classes),
        majority=float(np.bincount(truth).max() / len(truth)),
        seconds={part: round(spent, 3) for part, spent in seconds.items()},
    )


def n_train(one: Draw) -> int:
    """Pictures whose labels are learned from."""
    return len(one.x) + (0 if one.target_labels is None else len(one.target))


def _row(name: str, one: Outcome, scores: Floats, places: tuple[int, int], found: Material) -> LearnerResult:
    mean, lo, hi = accuracy_interval(scores)
    labels, classes = torch.from_numpy(found.test_labels), len(found.domain.classes)
    f1 = [macro_f1(torch.from_numpy(said), labels, classes) for said in one.predictions]
    return LearnerResult(
        name=name,
        learner=one.learner,
        alignment=one.alignment,
        reweighting=one.reweighting,
        accuracy=mean,
        lo=lo,
        hi=hi,
        best_rank=places[0],
        worst_rank=places[1],
        macro_f1=float(np.mean(f1)),
        seconds=round(float(np.mean(one.seconds)), 3),
        chosen=one.chosen,
        folds=one.folds,
    )


def _remarks(found: Material, outcomes: dict[str, Outcome]) -> list[str]:
    """What the intervals hold for, and where nothing could be cross-validated."""
    said = []
    if not all(one.folds for one in outcomes.values()):
        said.append(
            "A class has a single training picture, so hyper-parameters could not be cross-validated: each learner has "
            "its usual ones."
        )
    first = found.draws[0].at
    few = found.draws[0].target
    if found.draws[0].target_labels is not None:
        said.append(
            f"Learned from {len(first):,} pictures of the source and {len(few):,} of the target, all alike; "
            f"target_only: from those of the target alone; tradaboost: boosted, so that pictures of the source that "
            f"contradict the target lose weight."
        )
        if not all(np.array_equal(one.target, few) for one in found.draws):
            return said
    if len(found.draws) > 1 and all(np.array_equal(one.at, first) for one in found.draws):
        said.append(
            f"All seeds learn from the same {n_train(found.draws[0]):,} pictures, so intervals are for other test "
            f"pictures alone."
        )
    return said

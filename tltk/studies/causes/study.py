"""Why transfer hurts, or does not help: the study that weighs causes and tests them. No torch here."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping, Sequence

import numpy as np

from tltk import data
from tltk.analyses.source_check.result import SourceCheckResult
from tltk.analyses.source_check.spec import SourceCheckSpec
from tltk.errors import BadSpec, RunProblem
from tltk.runs.run import Run
from tltk.specs.command import to_command
from tltk.specs.nouns import reword
from tltk.specs.training import TransferSpec
from tltk.studies import technique
from tltk.studies.arms import Arm, Measured, measure, n_searched, result_of, source_training
from tltk.studies.causes.facts import TECHNIQUE, YARDSTICK, Facts, Interval, apart, paired
from tltk.studies.causes.hypotheses import causes as every_cause
from tltk.studies.causes.hypotheses.cause import LEVELS, LIKELY, POSSIBLE, Cause, Counter
from tltk.studies.causes.result import CauseResult, CausesResult, OutcomeResult
from tltk.studies.causes.spec import CausesSpec
from tltk.studies.study import Stage, Study, Wanted
from tltk.verdicts.judge import classify_interval, format_points, look_level

START = {
    "helps": "Transfer helps",
    "hurts": "Transfer hurts",
    "no difference": "Transfer makes no difference",
    "cannot tell": "Whether transfer helps cannot be told",
}
NOTHING, UNKNOWN = "nothing", "unknown"
PERMUTATIONS = 1999  # at fewer no p-value is small enough for all causes and layers at once
ANSWERS = {"confirmed": 0, "": 1, "cannot tell": 1, "not confirmed": 2}  # the order in which causes are told


def source_spec(spec: CausesSpec) -> TransferSpec:
    """The training of the source network.

    Raises:
        BadSpec: There is no source.
    """
    if spec.source is None:
        raise BadSpec("Causes are looked for between a source and a target. There is no source; name one.")
    return source_training(spec.source, spec.target, spec.net, spec.source_optim, spec.views, spec.first_seed)


def arms(spec: CausesSpec) -> dict[str, Arm]:
    """Both arms: the technique, and what it is held against."""
    base = TransferSpec(
        target=spec.target, net=spec.net, views=spec.views, optim=spec.optim, source=spec.source, labels=spec.labels
    )
    trained = source_spec(spec)
    return {
        YARDSTICK: technique.arm(spec.yardstick, base, trained),
        TECHNIQUE: technique.arm(spec.technique, base, trained),
    }


def question(spec: CausesSpec) -> SourceCheckSpec:
    """The check of the source network."""
    net = dataclasses.replace(spec.net, weights=f"run:{source_spec(spec).run_id}")
    return SourceCheckSpec(
        spec.target, net, spec.pictures, permutations=PERMUTATIONS, level=level_of_all(), seed=spec.first_seed
    )


def level_of_all() -> float:
    """The level of every interval about a cause at which those of all causes hold together."""
    return look_level(len(every_cause.names()))


def examples(spec: CausesSpec) -> list[TransferSpec]:
    """A training of each arm, and that of the source: what is checked before anything is queued.

    Raises:
        BadSpec: Both arms are the same training.
    """
    words = {YARDSTICK: spec.yardstick, TECHNIQUE: spec.technique}
    made = {words[name]: make(spec.optim.lr, spec.first_seed) for name, make in arms(spec).items()}
    technique.refuse_alike(made)
    return [source_spec(spec), *made.values()]


def n_trainings(spec: CausesSpec) -> int:
    """How many children it needs at most, unless the grid of rates grows."""
    each = 1 + n_searched(2, spec.lrs) + 2 * spec.seeds
    return each * (1 + len(spec.counter)) + 1


def causes(spec: CausesSpec) -> Study[CausesResult]:
    """Train the source, measure both arms, check the source network, weigh causes, make the counter-experiments.

    Args:
        spec: What is asked.
    """
    facts, check = yield from gather(spec)
    known: dict[str, Cause] = {name: every_cause[name]() for name in every_cause}
    made: dict[str, Counter | None] = {name: cause.counter(facts) for name, cause in known.items()}
    outcomes = dict[str, OutcomeResult]()
    for name in spec.counter:
        counter = made[name]
        if counter is None:
            outcomes[name] = OutcomeResult(
                "cannot tell", facts.gap.value, 0.0, 0.0, 0.0, "There is no counter-experiment with these domains."
            )
            continue
        found = yield from measure_arms(counter.spec)
        outcomes[name] = outcome(facts, found, counter, look_level(len(spec.counter)))
    yield Stage((), "Weighing causes.")
    return weigh(facts, known, made, outcomes, check)


def measure_arms(spec: CausesSpec) -> Generator[Stage, list[Run], Measured]:
    """Train the source network, and measure both arms.

    Raises:
        RunProblem: They are not tested on the same pictures.
    """
    before = [Wanted("source", "source", source_spec(spec))]
    found = yield from measure(arms(spec), spec.lrs, spec.first_seed, spec.seeds, spec.widen, before)
    sizes = {arm: found.scores[arm].shape[1] for arm in (YARDSTICK, TECHNIQUE)}
    if len(set(sizes.values())) > 1:
        noun = data.noun_learned(spec)
        raise RunProblem(
            f"Both techniques must be tested on the same {noun}. {spec.yardstick} has "
            f"{sizes[YARDSTICK]:,}, {spec.technique} {sizes[TECHNIQUE]:,}: classes that the source lacks are in no "
            f"part where its labels are learned from. Take a target without them, as subset:…, or a yardstick that "
            f"learns from the same labels."
        )
    return found


def gather(spec: CausesSpec) -> Generator[Stage, list[Run], tuple[Facts, str]]:
    """Both arms, and the check of the source network.

    Returns:
        What causes are weighed by, and the id of the check.

    Raises:
        RunProblem: The check has no answer.
    """
    found = yield from measure_arms(spec)
    (run,) = yield Stage((Wanted("source", "question", question(spec)),), "Comparing source and target.")
    check = run.read(SourceCheckResult)
    if check is None:
        raise RunProblem(f"Run {run.id} must have an answer. It is {run.status.state}: {run.status.message}")
    gap = paired(found.scores[TECHNIQUE] - found.scores[YARDSTICK])
    label = classify_interval(gap.lo, gap.hi, spec.seeds, spec.delta)
    return Facts(spec, found, gap, label, result_of(Run.at(source_spec(spec).run_id)), check, level_of_all()), run.id


def outcome(facts: Facts, found: Measured, counter: Counter, level: float) -> OutcomeResult:
    """Whether the gap grows once the cause is taken away: confirmed, not confirmed (it does not, beyond δ) or neither.

    Args:
        facts: With the cause.
        found: Without it.
        counter: What was changed.
        level: Of the interval.
    """
    new, old = found.scores[TECHNIQUE] - found.scores[YARDSTICK], facts.difference
    same = facts.first.labels == found.results[TECHNIQUE][0].labels and facts.spec.target.n == counter.spec.target.n
    change = _twice(paired((new - old) / 2, level)) if same else apart(paired(new, level), paired(old, level))
    delta = facts.spec.delta
    answer = "confirmed" if change.lo > 0 else "not confirmed" if change.hi <= delta else "cannot tell"
    if same and not (new - old).any():
        answer = "cannot tell"  # nothing was changed by it
    gap = float(new.mean())
    sentence = (
        f"{answer.capitalize()}: where {counter.what}, the gap is {format_points(gap)} points, "
        f"{format_points(change.value)} more than before ({level:.1%} interval {format_points(change.lo)} … "
        f"{format_points(change.hi)})."
    )
    return OutcomeResult(answer, gap, change.value, change.lo, change.hi, sentence)


def _twice(half: Interval) -> Interval:
    """A difference of differences lies within −2 … 2; its interval is made of halves of it."""
    return Interval(2 * half.value, 2 * half.lo, 2 * half.hi)


def weigh(
    facts: Facts,
    known: Mapping[str, Cause],
    counters: Mapping[str, Counter | None],
    outcomes: Mapping[str, OutcomeResult],
    check: str,
) -> CausesResult:
    """Every cause, the likeliest first, in words.

    Args:
        facts: What was measured.
        known: Name → cause.
        counters: Name → its counter-experiment; None where there is none.
        outcomes: Name → what that came to, for those that were made.
        check: Id of the run that compared the domains.
    """
    spec, evidence = facts.spec, {name: cause.weigh(facts) for name, cause in known.items()}
    told = {name for name, one in evidence.items() if one.level == LIKELY}
    found, noun = [], data.noun_learned(spec)
    for name, one in evidence.items():
        counter = counters[name]
        asks = dataclasses.replace(spec, counter=(*spec.counter, name))
        found.append(
            CauseResult(
                name,
                one.level,
                one.score,
                reword(one.reason, noun),
                [other for other in known[name].before if other in told] if one.level == LIKELY else [],
                {k: float(v) for k, v in one.figures.items() if np.isfinite(v)},
                "" if counter is None else counter.what,
                "" if counter is None else to_command(asks),
                outcomes.get(name),
            )
        )
    found.sort(key=_place)
    first = found[0]
    shown = first.level == LIKELY and (first.outcome is None or first.outcome.answer != "not confirmed")
    main = NOTHING if facts.label == "helps" else first.name if shown else UNKNOWN
    result = facts.first
    return CausesResult(
        causes=found,
        found=main,
        label=facts.label,
        gap=facts.gap.value,
        lo=facts.gap.lo,
        hi=facts.gap.hi,
        accuracy=float(facts.measured.scores[TECHNIQUE].mean()),
        yardstick=float(facts.measured.scores[YARDSTICK].mean()),
        sentence=_sentence(facts, found, main, known),
        remarks=_remarks(facts, found),
        seeds=list(range(spec.first_seed, spec.first_seed + spec.seeds)),
        n_test=len(result.labels),
        n_train=result.n_train,
        check=check,
    )


def _place(one: CauseResult) -> tuple[int, int, int, float]:
    """What is confirmed first, what is not confirmed last; likely ones that stand behind no other; the larger share."""
    answer = one.outcome.answer if one.outcome else ""
    return ANSWERS[answer], LEVELS.index(one.level), len(one.behind), -one.score


def _sentence(facts: Facts, found: Sequence[CauseResult], main: str, known: Mapping[str, Cause]) -> str:
    spec = facts.spec
    text = (
        f"{START[facts.label]}: the gap of {spec.technique} to {spec.yardstick} is {format_points(facts.gap.value)} "
        f"points of test accuracy (95% interval {format_points(facts.gap.lo)} … {format_points(facts.gap.hi)})"
    )
    if main == NOTHING:
        return f"{text}; there is nothing to explain."
    if main == UNKNOWN:
        may = [known[one.name].title for one in found if one.level == POSSIBLE]
        rest = f" It cannot be ruled out: {', '.join(may)}." if may else ""
        return f"{text}. Why is unknown: nothing that was measured shows a cause.{rest}"
    first = found[0]
    title = known[main].title
    title = title[0].lower() + title[1:]
    if first.outcome is not None and first.outcome.answer == "confirmed":
        return f"{text}. The cause is confirmed: {title}. {first.reason} {first.outcome.sentence}"
    others = [known[one.name].title for one in found[1:] if one.level == LIKELY and not one.behind]
    more = f" Shown too: {', '.join(others)}." if others else ""
    return f"{text}. The likeliest cause: {title}. {first.reason}{more}"


def _remarks(facts: Facts, found: Sequence[CauseResult]) -> list[str]:
    said = []
    if facts.label != "helps" and any(one.level == LIKELY and one.outcome is None for one in found):
        said.append(
            "A cause that is likely is shown by what was measured, not proved: its counter-experiment settles it."
        )
    if facts.label == "cannot tell":
        said.append("As it cannot be told whether transfer helps, causes are of what it may fail to bring.")
    for arm, edge in facts.measured.search.at_edge.items():
        rate = facts.measured.search.best_rates[arm]
        said.append(f"The rate of the {arm}, {rate:g}, is the {edge} that was tried: another may do better.")
    if facts.check.drawn:
        said.append(facts.check.drawn)
    return [*said, *facts.first.remarks]


def follow_ups(spec: CausesSpec, found: CausesResult) -> list[tuple[str, CausesSpec]]:
    """What may be asked next: the counter-experiment of each cause that has one and was not made.

    Args:
        spec: The study.
        found: What it found.

    Returns:
        A sentence for each, and the study that goes on with it.
    """
    names = {name: every_cause[name].title for name in every_cause}
    return [
        (f"Test “{names[one.name]}”: {one.counter}", dataclasses.replace(spec, counter=(*spec.counter, one.name)))
        for one in found.causes
        if one.counter and one.outcome is None and one.name in names
    ]

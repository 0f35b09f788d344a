"""Scratch against transfer, fairly: the study that ends in a verdict. No torch here.

Both arms have the same pictures, steps, schedule and search over learning rates. A study is a run
whose children are runs: which they are is a function of the spec and of what its finished children
found, so a study that was stopped goes on where it was, also where its pictures changed meanwhile.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from tltk import data, terms
from tltk.errors import BadSpec, RunProblem
from tltk.results.curves import Curve
from tltk.results.training import TrainingResult
from tltk.results.verdict import Verdict
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.arms import (
    Arm,
    Search,
    n_searched,
    result_of,
    scores_of,
    search,
    search_seed,
    source_training,
)
from tltk.studies.budget import budget_flags
from tltk.studies.compare.result import CompareResult
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.study import Stage, Study, Wanted
from tltk.verdicts.judge import (
    advise,
    area_ratio,
    diagnose_learning,
    format_points,
    gap_clause,
    judge,
    jump_start,
    look_level,
    mean_curve,
    paired_interval,
    time_to_best,
)
from tltk.verdicts.metrics import ACCURACY, RANKED, WORDS, without_skill
from tltk.verdicts.transfer import AXES, flips, speed_up, transfer_metrics

ARMS = ("scratch", "transfer")
NAMES = {"steps": "steps", "images": "pictures"}

# What `tltk compare` and the page ask at first: rendered digits as the source, digits on photo backgrounds of which
# few are labelled as the target. A quarter of a minute on two cores.
FIRST_QUESTION = CompareSpec(
    source=DataSpec("rendered_digits", n=4000, size=36, val=0.05, test=0.05),
    source_optim=OptimSpec(epochs=5, batch_size=64, lr=3e-3, schedule="one_cycle", precision="fastest", evaluate=5),
    target=DataSpec("blended_digits", shots=10, size=36, val=0.15, test=0.44),
    net=NetSpec(backbone="test_resnet"),
    optim=OptimSpec(epochs=8, epoch_images=320, batch_size=64, lr=1e-2, precision="fastest", evaluate=2),
    lrs=(3e-3, 1e-2, 3e-2),
    widen=0,  # it is answered while one waits, and these rates are known to hold the best ones
)


# -- the children ----------------------------------------------------------------------------------------


def source_spec(spec: CompareSpec) -> TransferSpec | None:
    """The run that trains the source network; None where the weights come from elsewhere.

    Where source and target can hold the same examples, it does without those that test the target.

    Raises:
        BadSpec: There is nothing to transfer: no source domain, and weights `scratch`.
    """
    if spec.source is None:
        if spec.net.weights == "scratch":
            raise BadSpec("A comparison needs weights to transfer: a source domain, or net.weights other than scratch.")
        return None
    return source_training(spec.source, spec.target, spec.net, spec.source_optim, spec.views, spec.first_seed)


def arm_spec(spec: CompareSpec, arm: str, lr: float, seed: int, epochs: int = 0) -> TransferSpec:
    """One run of one arm. The scratch arm trains every layer; all else is equal.

    Args:
        spec: The comparison.
        arm: "scratch" or "transfer".
        lr: Learning rate of this run.
        seed: Of this run: first weights, order of batches, augmentation.
        epochs: Of this run; 0 = as many as the comparison says.
    """
    source = source_spec(spec)
    optim = dataclasses.replace(spec.optim, lr=lr, epochs=epochs or spec.optim.epochs)
    weights = spec.net.weights if source is None else f"run:{source.run_id}"
    net: NetSpec = dataclasses.replace(spec.net, weights=weights)
    if arm == "scratch":
        return TransferSpec(
            target=spec.target,
            net=spec.net.anew,
            views=spec.views,
            seed=seed,
            optim=optim,
        )
    return TransferSpec(
        target=spec.target,
        net=net,
        strategy=spec.strategy,
        adapter=spec.adapter,
        terms=spec.terms,
        source=spec.source if terms.needs_source(spec.terms) else None,
        views=spec.views,
        seed=seed,
        optim=optim,
    )


def search_rates(spec: CompareSpec) -> list[float]:
    """The learning rates to search, in order; a single one is not searched."""
    return sorted(set(spec.lrs))


def source_children(spec: CompareSpec) -> list[Wanted]:
    """The training of the source network, if there is one."""
    source = source_spec(spec)
    return [] if source is None else [Wanted("source", "source", source)]


def rate_arms(spec: CompareSpec) -> dict[str, Arm]:
    """Each arm's training at a rate and a seed."""

    def of(arm: str) -> Arm:
        return lambda lr, seed: arm_spec(spec, arm, lr, seed)

    return {arm: of(arm) for arm in ARMS}


def looks(spec: CompareSpec) -> list[int]:
    """After how many seeds the verdict is looked at: half as many more each time, up to the most that are allowed."""
    found = [spec.seeds]
    while found[-1] < spec.most_seeds:
        found.append(min(math.ceil(1.5 * found[-1]), spec.most_seeds))
    return found


def measure_children(
    spec: CompareSpec, chosen: Mapping[str, float], n_seeds: int = 0, epochs: Mapping[str, int] | None = None
) -> list[Wanted]:
    """The trainings that are compared: every seed of both arms, at the rates that were chosen.

    Args:
        spec: The comparison.
        chosen: Arm → its rate.
        n_seeds: How many seeds; 0 = as many as the spec begins with.
        epochs: Arm → how many, where these are not the comparison's.
    """
    seeds = range(spec.first_seed, spec.first_seed + (n_seeds or spec.seeds))
    own = epochs or {}
    return [
        Wanted(arm, "measure", arm_spec(spec, arm, chosen[arm], seed, own.get(arm, 0)))
        for seed in seeds
        for arm in ARMS
    ]


def counting_children(spec: CompareSpec, chosen: Mapping[str, float]) -> list[Wanted]:
    """A training of each arm that tells what its epochs cost: that of its search, where there was one."""
    seed = search_seed(spec.first_seed)
    return [Wanted(arm, "search", arm_spec(spec, arm, chosen[arm], seed)) for arm in ARMS]


def matched_epochs(runs: Mapping[str, Run], most: int = 10_000) -> dict[str, int]:
    """Arm → epochs at which all arms cost what the dearest does, as nearly as whole epochs allow.

    What a training costs is taken as once + epochs × each: features that are kept are computed once.

    Args:
        runs: Arm → a training of it.
        most: Epochs that an arm may have.

    Raises:
        RunProblem: FLOPs of an arm cannot be counted.
    """
    costs = {}
    for arm, run in runs.items():
        spent = [(r.epoch, r.value) for r in run.rows()[0] if (r.split, r.name) == ("net", "gflops")]
        if not spent:
            raise RunProblem(
                f"Budgets can be matched in FLOPs where these can be counted. Those of the {arm} arm cannot; match "
                f"them in steps."
            )
        (first, low), (last, high) = spent[0], spent[-1]
        each = (high - low) / (last - first) if last > first else high / last
        costs[arm] = (high - last * each, each, high)
    budget = max(total for _, _, total in costs.values())
    return {arm: min(max(round((budget - once) / each), 1), most) for arm, (once, each, _) in costs.items()}


def examples(spec: CompareSpec) -> list[TransferSpec]:
    """A training of each arm, and that of the source: what is checked before anything is queued."""
    source = source_spec(spec)
    found = [arm_spec(spec, arm, spec.optim.lr, spec.first_seed) for arm in ARMS]
    return found if source is None else [source, *found]


def n_trainings(spec: CompareSpec) -> int:
    """How many trainings the study needs."""
    counted = len(ARMS) if spec.matched == "flops" and len(search_rates(spec)) == 1 else 0
    return len(source_children(spec)) + n_searched(len(ARMS), spec.lrs) + counted + 2 * spec.seeds


# -- the study -------------------------------------------------------------------------------------------


def compare(spec: CompareSpec) -> Study[CompareResult]:
    """Train the source, search each arm's rate, measure both arms, judge.

    Args:
        spec: What is compared.
    """
    before = source_children(spec)
    found = yield from search(rate_arms(spec), spec.lrs, search_seed(spec.first_seed), spec.widen, before)
    source = [result_of(Run.at(one.spec.run_id)) for one in before]
    every = looks(spec)
    epochs = None
    if spec.matched == "flops":
        counting = yield Stage(tuple(counting_children(spec, found.best_rates)), "Counting what an epoch costs.")
        epochs = matched_epochs(dict(zip(ARMS, counting, strict=True)))
    wanted = measure_children(spec, found.best_rates, every[-1], epochs)
    runs = list[Run]()
    for look in every:
        more = wanted[len(runs) : 2 * look]
        runs += yield Stage(tuple(more), "Measuring both arms, seed by seed.")
        yield Stage((), "Computing the verdict.")
        arms = {arm: [r for r, w in zip(runs, wanted, strict=False) if w.arm == arm] for arm in ARMS}
        judged = verdict(spec, arms, found, source[0] if source else None)
        if judged.label != "cannot tell":
            break
    first = result_of(runs[0])  # all of them have the same target; how it was divided is told of the first seed's
    results = {arm: [result_of(r) for r in own] for arm, own in arms.items()}
    over = {x: [[r.curve("accuracy", "val", x) for r in arms[arm]] for arm in ARMS] for x in AXES}
    spent = {arm: [r.gflops for r in own if r.gflops is not None] for arm, own in results.items()}
    return CompareResult(
        judged,
        first.parts,
        first.left_out,
        first.notes,
        first.remarks,
        transfer_metrics(*over["step"]),
        [one for x in AXES if (one := speed_up(x, *over[x])) is not None],
        flips(results["scratch"], results["transfer"]),
        {arm: float(np.mean(values)) for arm, values in spent.items() if values},
        first.noun,
    )


def measuring_runs(run: Run) -> dict[str, list[Run]]:
    """The measuring runs of a study by arm, in the order of their seeds, as far as they were begun."""
    found: dict[str, list[Run]] = {arm: [] for arm in ARMS}
    for child in sorted(run.children(), key=lambda c: c.seed):
        if child.role == "measure" and child.arm in found:
            found[child.arm].append(Run(run.path.parent / child.id))
    return found


def curves(run: Run, name: str = "accuracy", split: str = "val", x: str = "step") -> dict[str, Curve]:
    """Mean curve and 95% band of each arm over its measuring runs.

    Args:
        run: A comparison.
        name: Name of a metric in its rows.
        split: "train", "val" or "test".
        x: The horizontal axis, one of `tltk.verdicts.transfer.AXES`.
    """
    return _means(measuring_runs(run), name, split, x)


def _means(arms: Mapping[str, Sequence[Run]], name: str, split: str, x: str) -> dict[str, Curve]:
    return {arm: mean_curve(arm, [r.curve(name, split, x) for r in runs]) for arm, runs in arms.items()}


# -- the verdict -----------------------------------------------------------------------------------------


def verdict(
    spec: CompareSpec, arms: Mapping[str, Sequence[Run]], searched: Search, source: TrainingResult | None
) -> Verdict:
    """Weigh what the measuring runs found.

    Args:
        spec: The comparison.
        arms: Arm → its measuring runs, in the order of the seeds.
        searched: What the search for rates found.
        source: Result of the source's training; None where there is none.

    Raises:
        RunProblem: A run has no result, or the arms differ in budget though nothing may stop them early.
    """
    results = {arm: [result_of(r) for r in runs] for arm, runs in arms.items()}
    first = results["scratch"][0]
    labels = np.array(first.labels)
    right = {
        arm: np.array([np.equal(r.predictions, r.labels) for r in runs], np.float64) for arm, runs in results.items()
    }
    seeds = range(spec.first_seed, spec.first_seed + len(arms["scratch"]))
    classes = [first.classes[i] for i in labels]
    order = {name: i for i, name in enumerate(first.classes)}
    level = look_level(len(looks(spec)))
    found = judge(right["scratch"], right["transfer"], labels=classes, seeds=seeds, delta=spec.delta, level=level)
    scores = {arm: scores_of(runs) for arm, runs in results.items()}
    if first.metric != ACCURACY:
        whole = judge(
            scores["scratch"], scores["transfer"], seeds=seeds, delta=spec.delta, level=level, metric=first.metric
        )
        found = dataclasses.replace(whole, per_class=found.per_class)
    by_step, by_second = _means(arms, "accuracy", "val", "step"), _means(arms, "accuracy", "val", "seconds")
    accuracy = {arm: [r.curve("accuracy") for r in runs] for arm, runs in arms.items()}
    ends = [c.x[-1] for curves in accuracy.values() for c in curves if c.x]
    to_step, sooner = time_to_best(by_step["scratch"], by_step["transfer"])
    to_second, quicker = time_to_best(by_second["scratch"], by_second["transfer"])
    commonest = np.bincount(labels).argmax()
    idle = without_skill(first.metric, labels, len(first.classes))
    learning = {
        arm: (
            *_learning_note(scores[arm], idle),
            *diagnose_learning(accuracy[arm], [r.curve("loss") for r in arms[arm]]),
        )
        for arm in ARMS
    }
    everything = [r for found in results.values() for r in found]
    found = dataclasses.replace(
        found,
        per_class=tuple(sorted(found.per_class, key=lambda c: order[c.name])),
        steps=max(r.steps for r in everything),
        images=max(r.images for r in everything),
        budget=_budget(spec, results),
        scratch_lr=searched.best_rates["scratch"],
        transfer_lr=searched.best_rates["transfer"],
        search=searched.accuracy,
        search_seed=search_seed(spec.first_seed) if len(search_rates(spec)) > 1 else None,
        at_edge=searched.at_edge,
        n_train=first.n_train,
        n_val=first.n_val,
        majority=float((labels == commonest).mean()),
        learning=learning,
        taken_out=0 if source is None else source.taken_out,
        seen_by_source=results["transfer"][0].seen_by_source,
        jump_start=jump_start(by_step["scratch"], by_step["transfer"]),
        area_ratio=area_ratio(by_step["scratch"], by_step["transfer"], min(ends, default=0.0)),
        steps_to_scratch_best=None if to_step is None else int(to_step),
        speed_up_steps=sooner,
        seconds_to_scratch_best=to_second,
        speed_up_seconds=quicker,
    )
    of_training = dict.fromkeys([*budget_flags(results), *first.remarks, *results["transfer"][0].remarks])
    easy = "an order by chance" if first.metric in RANKED else f"always answering {first.classes[commonest]!r}"
    easy += f", which gets {format_points(float(idle.mean()), False)}%"
    remarks = _remarks(spec, found, easy, list(of_training))
    found = dataclasses.replace(found, remarks=tuple(remarks))
    return dataclasses.replace(found, sentence=_sentence(spec, found, scores["transfer"] - scores["scratch"]))


def _budget(
    spec: CompareSpec, results: Mapping[str, Sequence[TrainingResult]]
) -> dict[str, dict[str, tuple[int, int]]]:
    """Arm → steps and images → the least and the most of its runs.

    Raises:
        RunProblem: They are not equal, though nothing may stop a run early.
    """
    found = {
        arm: {what: (min(spent), max(spent)) for what, spent in _spent(runs).items()} for arm, runs in results.items()
    }
    for what in ("steps", "images"):
        spans = [found[arm][what] for arm in ARMS]
        if len({*spans[0], *spans[1]}) > 1 and not spec.optim.patience and spec.matched == "steps":
            each = " and ".join(f"{_span(found[arm][what])} of {arm}" for arm in ARMS)
            raise RunProblem(f"Both arms must have the same budget. Their {NAMES[what]} differ: {each}.")
    return found


def _spent(runs: Sequence[TrainingResult]) -> dict[str, list[int]]:
    """Steps and images of each run."""
    return {"steps": [r.steps for r in runs], "images": [r.images for r in runs]}


def _learning_note(scores: np.ndarray, idle: np.ndarray) -> tuple[str, ...]:
    """Whether an arm cannot be told from what takes no learning, as answering the commonest class every time."""
    return ("not learned",) if paired_interval(scores - idle)[1] <= 0 else ()


def _span(span: tuple[int, int]) -> str:
    return f"{span[0]:,}" if span[0] == span[1] else f"{span[0]:,} to {span[1]:,}"


# -- in words --------------------------------------------------------------------------------------------

START = {
    "helps": "Transfer helps",
    "hurts": "Transfer hurts",
    "no difference": "No difference",
    "cannot tell": "Cannot tell",
}


def _sentence(spec: CompareSpec, v: Verdict, difference: np.ndarray) -> str:
    """The verdict in words, with every figure that it rests on."""
    shots = spec.target.shots
    labels = f"with {shots} label{'s' if shots > 1 else ''} per class" if shots else "with all labels"
    return " ".join(
        [
            f"{START[v.label]}: {labels}, the network with transferred weights {_score_in_words(spec, v)}, the one "
            f"from scratch {format_points(v.scratch, False)}%.",
            gap_clause(v),
            *_looks_in_words(spec, v),
            _budget_in_words(spec, v),
            _rates_in_words(spec, v),
            *advise(v, difference),
            *v.remarks,
        ]
    )


def _score_in_words(spec: CompareSpec, v: Verdict) -> str:
    """What the network with transferred weights reaches, and by which measure."""
    noun = data.noun_learned(spec)
    if v.metric == ACCURACY:
        return f"gets {format_points(v.transfer, False)}% of {v.n_test:,} test {noun} right"
    return f"reaches {format_points(v.transfer, False)}% {WORDS[v.metric]} on {v.n_test:,} test {noun}"


def _looks_in_words(spec: CompareSpec, v: Verdict) -> list[str]:
    """That it was looked at more than once, and what that costs."""
    every = looks(spec)
    if len(every) == 1:
        return []
    at = [str(look) for look in every if look <= len(v.seeds)]
    when = at[0] if len(at) == 1 else f"{', '.join(at[:-1])} and {at[-1]}"
    return [
        f"It was looked at after {when} seeds of at most {every[-1]}; the level is such that all {len(every)} looks "
        f"together err in at most 5% of studies."
    ]


def _budget_in_words(spec: CompareSpec, v: Verdict) -> str:
    noun = data.noun_learned(spec)
    scratch, transfer = (v.budget[arm] for arm in ARMS)
    if scratch == transfer and scratch["steps"][0] == scratch["steps"][1]:
        return f"Each run had {v.steps:,} steps and {v.images:,} {noun}."
    each = [
        f"{_span(budget['steps'])} steps and {_span(budget['images'])} {noun} {what}"
        for what, budget in (("from scratch", scratch), ("with transfer", transfer))
    ]
    if spec.matched == "flops":
        return (
            f"Budgets are matched in FLOPs, as nearly as whole epochs allow: {each[0]}, {each[1]}. Rates were searched "
            f"with {spec.optim.epochs} epochs."
        )
    return f"Runs stopped early where patience ran out, so budgets differ: {each[0]}, {each[1]}."


def _rates_in_words(spec: CompareSpec, v: Verdict) -> str:
    noun = data.noun_learned(spec)
    labels = f"{v.n_train:,} labelled {noun} were learned from and {v.n_val:,} more used for choosing"
    if not v.search["scratch"]:
        chosen = f"; {labels}, the epoch" if spec.optim.patience else f"; {labels.partition(' and ')[0]}"
        return f"The learning rate, {v.scratch_lr:g} for both, was given and not searched{chosen if v.n_train else ''}."
    text = (
        f"The learning rates, {v.scratch_lr:g} for scratch and {v.transfer_lr:g} for transfer, were each the best of "
        f"{len(v.search['scratch'])} on the validation {noun}, with a seed that is not measured"
    )
    if not v.n_train:
        return f"{text}."
    return f"{text}; {labels} {'rates and epochs' if spec.optim.patience else 'them'}."


def _arms_that(state: str, v: Verdict) -> list[str]:
    """`The scratch arm was`, `Both arms were`: the arms in this state; empty if there is none."""
    arms = [arm for arm in ARMS if state in v.learning.get(arm, ())]
    return [f"The {arms[0]} arm was" if len(arms) == 1 else "Both arms were"] if arms else []


def _remarks(spec: CompareSpec, v: Verdict, easy: str, others: Sequence[str]) -> list[str]:
    """What a reader must know before trusting the figures, and what to do about it.

    Args:
        spec: The comparison.
        v: What it found.
        easy: What takes no learning, and what it gets, in words.
        others: What trainings remarked.
    """
    found = []
    rates = {arm: v.scratch_lr if arm == "scratch" else v.transfer_lr for arm in v.at_edge}
    if len(v.at_edge) == 2 and len(set(v.at_edge.values())) == len(set(rates.values())) == 1:
        edge, rate = v.at_edge["scratch"], rates["scratch"]
        further = "lower" if edge == "lowest" else "higher"
        found.append(
            f"The rate of both arms, {rate:g}, is the {edge} that was tried: a {further} one may do better; add one to "
            f"the rates to search (lrs)."
        )
        rates = {}
    for arm in rates:
        edge = v.at_edge[arm]
        rate = v.scratch_lr if arm == "scratch" else v.transfer_lr
        further = "lower" if edge == "lowest" else "higher"
        found.append(
            f"The rate of {arm}, {rate:g}, is the {edge} that was tried: a {further} one may do better; add one to the "
            f"rates to search (lrs)."
        )
    for arm in ARMS:
        if "not learned" in v.learning.get(arm, ()):
            score = format_points(v.scratch if arm == "scratch" else v.transfer, False)
            found.append(
                f"The {arm} arm has not learned: its {score}% cannot be told from {easy}; raise the epochs or "
                f"the rates before reading anything into the gap."
            )
    if arms := _arms_that("climbing", v):
        found.append(f"{arms[0]} still improving when the budget ended; with more epochs the gap may change.")
    if arms := _arms_that("over-fitting", v):
        found.append(
            f"{arms[0]} over-fitting: the validation loss has risen since its minimum; try patience, fewer epochs, "
            f"augmentation or a lower rate."
        )
    noun = data.noun_learned(spec)
    if v.taken_out:
        found.append(
            f"{v.taken_out:,} of the source's {noun} also validate or test the target, as they are or saved again; "
            f"they were removed from the source before training."
        )
    if v.seen_by_source:
        found.append(
            f"The transferred weights were learned from {v.seen_by_source:,} of the {noun} that validate or test the "
            f"target: their accuracy is optimistic. Train the source without them."
        )
    return [*found, *others]

"""How many layers transfer: networks whose first n layers are kept, for every n. No torch here."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
from numpy.typing import NDArray

from tltk import data
from tltk.errors import RunProblem
from tltk.results.training import TrainingResult
from tltk.specs.nouns import reword
from tltk.specs.parts import DataSpec, StrategySpec
from tltk.specs.training import TransferSpec
from tltk.studies.arms import n_searched, result_of, scores_of, search, search_seed, source_training
from tltk.studies.budget import budget_flags
from tltk.studies.study import Stage, Study, Wanted
from tltk.studies.sweep.result import DepthCurveResult, SignResult, SweepResult
from tltk.studies.sweep.spec import HALVES, SweepSpec
from tltk.verdicts.judge import format_points, mean_interval, paired_interval

Floats = NDArray[np.float64]


def domains(spec: SweepSpec) -> tuple[DataSpec, DataSpec]:
    """A and B: the source and the target, or the halves of the target's classes.

    Raises:
        BadSpec: Neither a source nor halves.
    """
    spec.check()
    if spec.source is not None:
        return spec.source, spec.target
    one, two = (
        dataclasses.replace(spec.target, name=f"subset:{half}@{spec.target.name}") for half in HALVES[spec.halves]
    )
    return dataclasses.replace(one, shots=0), two


def base(spec: SweepSpec, lr: float, seed: int) -> TransferSpec:
    """A network trained on B from scratch.

    Args:
        spec: The sweep.
        lr: Learning rate.
        seed: Of its first weights.
    """
    _, target = domains(spec)
    optim = dataclasses.replace(spec.optim, lr=lr)
    return TransferSpec(target=target, net=spec.net, views=spec.views, optim=optim, seed=seed)


def on_source(spec: SweepSpec, seed: int) -> TransferSpec:
    """A network trained on A."""
    source, target = domains(spec)
    return source_training(source, target, spec.net, spec.source_optim, spec.views, seed)


def arm(spec: SweepSpec, name: str, layers: int, lr: float, seed: int) -> TransferSpec:
    """A network whose first layers are kept.

    Args:
        spec: The sweep.
        name: AnB, AnB+, BnB, BnB+ or random.
        layers: How many are kept.
        lr: Learning rate.
        seed: Of the layers that begin anew.
    """
    own = base(spec, lr, seed)
    if name == "random":
        net = dataclasses.replace(spec.net, boundary=layers)
    else:
        trained = on_source(spec, seed) if name[0] == "A" else own
        boundary = 0 if name.endswith("+") else layers
        net = dataclasses.replace(spec.net, weights=f"run:{trained.run_id}", boundary=boundary, reset=layers)
    # The layers that begin anew are not those that the network on B began with.
    return dataclasses.replace(own, net=net, strategy=StrategySpec(), seed=seed + 2**29)


def examples(spec: SweepSpec) -> list[TransferSpec]:
    """A training of each kind: what is checked before anything is queued."""
    return [base(spec, spec.lrs[0], spec.first_seed), on_source(spec, spec.first_seed)]


def n_trainings(spec: SweepSpec) -> int:
    """How many trainings it needs, unless the grid of rates grows."""
    return n_searched(1, spec.lrs) + spec.seeds * (2 + len(spec.arms) * len(spec.layers))


def sweep(spec: SweepSpec) -> Study[SweepResult]:
    """Find the rate, train networks on A and on B, then every arm at every depth.

    Args:
        spec: What is asked.
    """
    found = yield from search(
        {"base": lambda lr, seed: base(spec, lr, seed)}, spec.lrs, search_seed(spec.first_seed), spec.widen
    )
    lr, seeds = found.best_rates["base"], range(spec.first_seed, spec.first_seed + spec.seeds)
    first = [Wanted("base", "measure", base(spec, lr, seed)) for seed in seeds]
    first += [Wanted("source", "source", on_source(spec, seed)) for seed in seeds]
    runs = yield Stage(tuple(first), "Training networks on the source and on the target.")
    bases = [result_of(run) for run in runs[: spec.seeds]]
    for run in runs[spec.seeds :]:
        result_of(run)
    shallow = within(spec, bases[0])
    wanted = [
        Wanted(f"{name} {n}", "measure", arm(spec, name, n, lr, seed))
        for n in shallow.layers
        for name in spec.arms
        for seed in seeds
    ]
    runs = yield Stage(tuple(wanted), "Training every arm at every depth.")
    results = dict[str, list[TrainingResult]]()
    for one, run in zip(wanted, runs, strict=True):
        results.setdefault(one.arm, []).append(result_of(run))
    yield Stage((), "Reading the curves.")
    told = read(shallow, bases, results, lr, found.at_edge.get("base", ""))
    left = [str(n) for n in spec.layers if n not in shallow.layers]
    if left:
        said = f"{spec.net.backbone} has {_layers(bases[0].depth)} to keep: {', '.join(left)} were left out."
        told = msgspec.structs.replace(told, remarks=[said, *told.remarks])
    return told


def within(spec: SweepSpec, base: TrainingResult) -> SweepSpec:
    """The sweep over as many layers as its network has.

    Args:
        spec: The sweep.
        base: Of a training of its network, whose depth is known then.

    Raises:
        RunProblem: It has none of these depths.
    """
    layers = tuple(n for n in spec.layers if n <= base.depth)
    if not layers:
        raise RunProblem(
            f"A sweep must keep layers that its network has. {spec.net.backbone} has {_layers(base.depth)}, and "
            f"{spec.layers[0]} or more were to be kept; name fewer with --layers."
        )
    return dataclasses.replace(spec, layers=layers)


def read(
    spec: SweepSpec, bases: list[TrainingResult], results: dict[str, list[TrainingResult]], lr: float, edge: str
) -> SweepResult:
    """Curves, signs, sentence.

    Args:
        spec: The sweep.
        bases: Of the networks trained on B, a seed each.
        results: Arm and number of layers, as in `AnB 3` → results, a seed each.
        lr: The rate that all have.
        edge: "lowest" or "highest" where it lies at an edge of what was tried.
    """
    own = scores_of(bases)
    scores = {name: scores_of(found) for name, found in results.items()}
    curves = []
    for name in spec.arms:
        gaps = [paired_interval(scores[f"{name} {n}"] - own) for n in spec.layers]
        gap, lo, hi = (list(values) for values in zip(*gaps, strict=True))
        accuracy = [float(scores[f"{name} {n}"].mean()) for n in spec.layers]
        curves.append(DepthCurveResult(name, list(spec.layers), accuracy, gap, lo, hi))
    mean, low, high = mean_interval(own)
    source, target = domains(spec)
    remarks = [f"The rate, {lr:g}, is the {edge} that was tried: another may do better."] if edge else []
    remarks.append("All arms have the rate that suits a network from scratch on the target, as in the paper.")
    return SweepResult(
        mean,
        low,
        high,
        curves,
        signs(spec, own, scores),
        reword(_sentence(curves, mean), data.noun_learned(spec)),
        [*remarks, *budget_flags({"from scratch": bases, **results}), *bases[0].remarks],
        lr,
        list(range(spec.first_seed, spec.first_seed + spec.seeds)),
        len(bases[0].labels),
        bases[0].layers,
        source.name,
        target.name,
    )


def _holds(lo: float, hi: float) -> str:
    """Whether a gap is above 0 (yes), below (no), or cannot be told."""
    return "yes" if lo > 0 else "no" if hi < 0 else "cannot tell"


def signs(spec: SweepSpec, own: Floats, scores: dict[str, Floats]) -> list[SignResult]:
    """The signs that the paper describes, each with its test.

    Args:
        spec: The sweep.
        own: Scores of the networks trained on B, (seeds, examples).
        scores: Of each arm at each number of layers.
    """
    found, top = [], spec.layers[-1]
    means = {name: float(value.mean()) for name, value in scores.items()}
    if "BnB" in spec.arms and len(spec.layers) > 2:
        middle = min(spec.layers[1:-1], key=lambda n: means[f"BnB {n}"])
        gap, lo, hi = paired_interval(own - scores[f"BnB {middle}"])
        text = f"With {middle} layers of its own kept, a network on the target loses {_interval(gap, lo, hi)}."
        found.append(SignResult("co-adaptation", _holds(lo, hi), f"Layers that learned together are parted: {text}"))
    if "AnB" in spec.arms and len(spec.layers) > 1:
        gap, lo, hi = paired_interval(scores[f"AnB {spec.layers[0]}"] - scores[f"AnB {top}"])
        few = f"{_layers(spec.layers[0])} of the source, frozen, {_serve(spec.layers[0])}"
        text = f"{few} better than {top} by {_interval(gap, lo, hi)}."
        found.append(SignResult("specific", _holds(lo, hi), f"Upper layers are specific to the source: {text}"))
    if "AnB+" in spec.arms:
        every = np.mean([scores[f"AnB+ {n}"] for n in spec.layers], axis=0)
        gap, lo, hi = paired_interval(every - own)
        text = f"fine-tuned from the source, a network gains {_interval(gap, lo, hi)}, the mean over all depths."
        found.append(SignResult("boost", _holds(lo, hi), f"Transfer helps even where all layers learn: {text}"))
    if "random" in spec.arms and "AnB" in spec.arms:
        gap, lo, hi = paired_interval(scores[f"AnB {top}"] - scores[f"random {top}"])
        kept = f"{_layers(top)} of the source, frozen, {_serve(top)}"
        text = f"{kept} better than untrained ones by {_interval(gap, lo, hi)}."
        found.append(SignResult("untrained", _holds(lo, hi), f"What is frozen has learned something: {text}"))
    return found


def _layers(n: int) -> str:
    return f"{n} layer{'s' if n > 1 else ''}"


def _serve(n: int) -> str:
    return "serve" if n > 1 else "serves"


def _interval(gap: float, lo: float, hi: float) -> str:
    return f"{format_points(gap)} points (95% interval {format_points(lo)} … {format_points(hi)})"


def _sentence(curves: list[DepthCurveResult], mean: float) -> str:
    """How many layers of the source can be frozen before it costs something."""
    text = f"From scratch {format_points(mean, False)}% of the test pictures are right."
    frozen = next((c for c in curves if c.arm == "AnB"), None)
    if frozen is None:
        return text
    worse = [n for n, hi in zip(frozen.layers, frozen.hi, strict=True) if hi < 0]
    better = [n for n, lo in zip(frozen.layers, frozen.lo, strict=True) if lo > 0]
    if worse:
        first = worse[0]
        at = frozen.layers.index(first)
        text += (
            f" With {_layers(first)} of the source frozen it is worse, by {format_points(-frozen.gap[at], False)} "
            f"points."
        )
    else:
        text += " At no depth can frozen layers of the source be told to be worse."
    if better:
        text += f" It is better with {', '.join(map(str, better))} of them."
    return text

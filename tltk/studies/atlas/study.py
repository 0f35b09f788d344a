"""Every source for every target, against their measured distance. No torch here."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from tltk.analyses.profile.result import ProfileResult
from tltk.analyses.profile.spec import ProfileSpec
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.studies.arms import Arm, measure, n_searched, result_of, source_training
from tltk.studies.atlas.result import AtlasResult, JourneyResult
from tltk.studies.atlas.spec import AtlasSpec
from tltk.studies.budget import budget_flags
from tltk.studies.study import Stage, Study, Wanted
from tltk.verdicts.judge import classify_interval, format_points, paired_interval

LEVEL = 0.95


def domain(spec: AtlasSpec, name: str) -> DataSpec:
    """A domain as a target: with few labels where so many are asked for."""
    return dataclasses.replace(spec.data, name=name)


def on_source(spec: AtlasSpec, name: str, target: str) -> TransferSpec:
    """The network of a source; without the pictures that test this target, where they may hold the same.

    Args:
        spec: The atlas.
        name: Of the source.
        target: Name of the target.
    """
    source = dataclasses.replace(domain(spec, name), shots=0)
    return source_training(source, domain(spec, target), spec.net, spec.source_optim, spec.views, spec.first_seed)


def pairs(spec: AtlasSpec) -> list[tuple[str, str]]:
    """Every source and target."""
    return [(source, target) for target in spec.domains for source in spec.domains if source != target]


def cell(source: str, target: str) -> str:
    """The name of an arm: `digits → photos`, or from scratch where there is no source."""
    return f"{source or 'scratch'} → {target}"


def arms(spec: AtlasSpec) -> dict[str, Arm]:
    """From scratch, and from each source, on every target."""

    def of(source: str, target: str) -> Arm:
        def make(lr: float, seed: int) -> TransferSpec:
            weights = f"run:{on_source(spec, source, target).run_id}" if source else "scratch"
            net = dataclasses.replace(spec.net, weights=weights, boundary=spec.net.boundary if source else 0)
            optim = dataclasses.replace(spec.optim, lr=lr)
            return TransferSpec(target=domain(spec, target), net=net, views=spec.views, optim=optim, seed=seed)

        return make

    every = [("", target) for target in spec.domains] + pairs(spec)
    return {cell(source, target): of(source, target) for source, target in every}


def examples(spec: AtlasSpec) -> list[TransferSpec]:
    """A training on each domain: what is checked before anything is queued."""
    return [on_source(spec, name, name) for name in spec.domains]


def n_trainings(spec: AtlasSpec) -> int:
    """How many children it needs, unless the grid of rates grows: trainings, and a distance for each pair."""
    sources = {on_source(spec, source, target).run_id for source, target in pairs(spec)}
    every = len(arms(spec))
    return len(sources) + len(pairs(spec)) + n_searched(every, spec.lrs) + every * spec.seeds


def atlas(spec: AtlasSpec) -> Study[AtlasResult]:
    """Train a network on each source, measure distances, then every pair.

    Args:
        spec: What is asked.
    """
    sources = {one.run_id: one for one in (on_source(spec, *pair) for pair in pairs(spec))}
    runs = yield Stage(tuple(Wanted("source", "source", one) for one in sources.values()), "Training on every source.")
    for run in runs:
        result_of(run)
    asked = [Wanted(cell(*pair), "question", distance(spec, *pair)) for pair in pairs(spec)]
    distances = yield Stage(tuple(asked), "Measuring how far apart the domains are.")
    found = yield from measure(arms(spec), spec.lrs, spec.first_seed, spec.seeds, spec.widen)
    yield Stage((), "Drawing the atlas.")
    level = 1 - (1 - LEVEL) / len(pairs(spec))
    journeys = []
    for (source, target), answered in zip(pairs(spec), distances, strict=True):
        mine, scratch = found.scores[cell(source, target)], found.scores[cell("", target)]
        gap, lo, hi = paired_interval(mine - scratch, level)
        label = classify_interval(lo, hi, spec.seeds, spec.delta)
        journeys.append(JourneyResult(source, target, float(mine.mean()), gap, lo, hi, label, mmd_of(answered)))
    first = next(iter(found.results.values()))[0]
    edges = len(found.search.at_edge)
    said = f"In {edges} of {len(found.scores)} arms the best rate lies at the edge of what was tried."
    remarks = [said] if edges else []
    remarks.append(
        "Pairs share domains, so the correlation's interval, which takes them as independent, is too narrow."
    )
    flags = []
    for target in spec.domains:
        cells = [cell(source, target) for source in ("", *spec.domains) if source != target]
        flags += [f"On {target}: {flag}" for flag in budget_flags({c: found.results[c] for c in cells})]
    rho, lo_, hi_ = rank_correlation(
        [j.mmd for j in journeys if j.mmd is not None], [j.gap for j in journeys if j.mmd is not None]
    )
    return AtlasResult(
        list(spec.domains),
        {name: float(found.scores[cell("", name)].mean()) for name in spec.domains},
        journeys,
        rho,
        lo_,
        hi_,
        _sentence(journeys, rho, lo_, hi_),
        [*remarks, *flags, *first.remarks],
        list(range(spec.first_seed, spec.first_seed + spec.seeds)),
    )


def distance(spec: AtlasSpec, source: str, target: str) -> ProfileSpec:
    """The question how far two domains are apart, in the features of the source's network.

    Args:
        spec: The atlas.
        source: Name of the source.
        target: Name of the target.
    """
    return ProfileSpec(
        target=dataclasses.replace(domain(spec, target), shots=0),
        source=dataclasses.replace(domain(spec, source), shots=0),
        net=dataclasses.replace(spec.net, weights=f"run:{on_source(spec, source, target).run_id}"),
        pictures=spec.pictures,
        measures=("mmd",),
        permutations=19,
    )


def mmd_of(answered: Run) -> float | None:
    """The distance of what enters the head; None where it could not be computed."""
    result = answered.read(ProfileResult)
    if result is None:
        return None
    column = next((c for c in result.columns if c.name == "mmd"), None)
    value = column.values[-1] if column is not None else None
    return None if value is None else float(value)


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Spearman's ρ with its 95% interval.

    z = artanh ρ has the standard error √((1 + ρ²/2)/(n − 3)).

    Reference:
        Bonett and Wright (2000), Sample size requirements for estimating Pearson, Kendall and Spearman correlations,
        Psychometrika 65(1), Eq. 3 and 4.

    Args:
        x: n figures.
        y: n others.

    Returns:
        ρ and its interval; None below four pairs, or where one side is constant.
    """
    from scipy.stats import norm, spearmanr

    n = len(x)
    if n < 4 or len(set(x)) < 2 or len(set(y)) < 2:
        return None, None, None
    rho = float(spearmanr(x, y).statistic)
    z = math.atanh(max(min(rho, 1 - 1e-12), -1 + 1e-12))
    half = float(norm.ppf(0.975)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return rho, math.tanh(z - half), math.tanh(z + half)


def _sentence(journeys: Sequence[JourneyResult], rho: float | None, lo: float | None, hi: float | None) -> str:
    of = {label: [j for j in journeys if j.label == label] for label in ("helps", "hurts")}
    text = f"Of {len(journeys)} pairs, transfer helps in {len(of['helps'])} and hurts in {len(of['hurts'])}"
    worst = min(journeys, key=lambda j: j.gap)
    if of["hurts"]:
        text += f", most from {worst.source} to {worst.target} ({format_points(worst.gap)} points)"
    text += "; of the others it cannot be told, or it makes no difference."
    if rho is None or lo is None or hi is None:
        return text
    told = "A larger distance goes with a smaller gap" if hi < 0 else "Distance does not tell the gap here"
    told = "A larger distance goes with a larger gap" if lo > 0 else told
    return f"{text} {told}: rank correlation {rho:+.2f} (95% interval {lo:+.2f} … {hi:+.2f}).".replace("-", "−")

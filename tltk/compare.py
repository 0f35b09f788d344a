"""Scratch against transfer, fairly: the study that ends in a verdict. No torch here.

Both arms have the same pictures, steps, schedule and search over learning rates. A study is a run
whose children are runs; a child that is already done is not run again, so a study that was stopped
goes on where it was, and the search run with the chosen rate is the first seed's measurement.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from tltk.errors import BadSpec, RunProblem
from tltk.results import Curve, Verdict
from tltk.runs import Child, Run
from tltk.spec import CompareSpec, NetSpec, StrategySpec, TransferSpec
from tltk.verdict import judge, mean_curve

ARMS = ("scratch", "transfer")


def source_spec(spec: CompareSpec) -> TransferSpec | None:
    """The run that trains the source network; None where the weights come from elsewhere."""
    if spec.source is None:
        if spec.net.weights == "scratch":
            raise BadSpec("A comparison needs weights to transfer: a source domain, or net.weights other than scratch.")
        return None
    net = dataclasses.replace(spec.net, weights="scratch", boundary=0)
    return TransferSpec(
        target=spec.source, net=net, optim=spec.source_optim, views=spec.views, seed=spec.first_seed
    )


def arm_spec(spec: CompareSpec, arm: str, lr: float, seed: int, weights: str) -> TransferSpec:
    """One run of one arm. The scratch arm trains every layer; all else is equal."""
    net: NetSpec = dataclasses.replace(spec.net, weights=weights)
    strategy = spec.strategy
    if arm == "scratch":
        net, strategy = dataclasses.replace(spec.net, weights="scratch", boundary=0), StrategySpec()
    return TransferSpec(
        target=spec.target, net=net, strategy=strategy, views=spec.views, seed=seed,
        optim=dataclasses.replace(spec.optim, lr=lr),
    )


def count(spec: CompareSpec) -> int:
    """How many trainings the study needs at most."""
    return (spec.source is not None) + 2 * (len(set(spec.lrs)) + spec.seeds - 1)


def study(
    run: Run,
    spec: CompareSpec,
    train_all: Callable[[list[Run], Callable[[Run], None]], None],
    tell: Callable[[int, str], None],
) -> Verdict:
    """Train the source, search, measure, judge.

    Args:
        run: The study's folder; its children are noted there before they start.
        spec: What is compared.
        train_all: Trains several runs, in any order, and calls back with each that is done.
        tell: Told how many trainings are done, and what comes next.
    """
    done: set[str] = set()

    def children(wanted: list[tuple[str, TransferSpec]], role: str) -> dict[tuple[str, float], Run]:
        """These trainings, finished, by arm and learning rate."""
        runs = {}
        for arm, one in wanted:
            runs[arm, one.optim.lr, one.seed] = Run.create(one)
            run.add_child(Child(one.run_id, arm, role, one.seed, one.optim.lr))
        tell(len(done), WHAT[role])

        def ended(finished: Run) -> None:
            done.add(finished.id)
            tell(len(done), WHAT[role])

        train_all(list(runs.values()), ended)
        return {(arm, lr): found for (arm, lr, _), found in runs.items()}

    weights, source = spec.net.weights, source_spec(spec)
    if source is not None:
        children([("source", source)], "source")
        weights = f"run:{source.run_id}"
    rates = sorted(set(spec.lrs))
    tried = children(
        [(arm, arm_spec(spec, arm, lr, spec.first_seed, weights)) for lr in rates for arm in ARMS], "search"
    )
    chosen: dict[str, float] = {}
    search: dict[str, dict[str, float]] = {}
    for arm in ARMS:
        # A rate at which the loss stopped being a number has lost; that is what a search is for.
        held = [lr for lr in rates if "diverged" not in (tried[arm, lr].result() or {})]
        if not held:
            raise RunProblem(f"At every rate that was tried, the {arm} arm diverged. Lower the rates to search.")
        results = {lr: _result(tried[arm, lr]) for lr in held}
        chosen[arm] = max(held, key=lambda lr: (results[lr]["val_accuracy"], -results[lr]["val_loss"]))
        search[arm] = {f"{lr:g}": results[lr]["val_accuracy"] if lr in results else 0.0 for lr in rates}
    seeds = range(spec.first_seed, spec.first_seed + spec.seeds)
    children([(arm, arm_spec(spec, arm, chosen[arm], s, weights)) for s in seeds for arm in ARMS], "measure")
    tell(len(done), "Weighing the evidence.")
    return verdict(run, spec, chosen, search)


WHAT = {
    "source": "Training the source network.",
    "search": "Searching for each arm's learning rate.",
    "measure": "Measuring both arms, seed by seed.",
}


def _result(run: Run) -> dict[str, Any]:
    result = run.result()
    if result is None or "diverged" in result:
        raise RunProblem(f"Run {run.id} must have a result. It is {run.status.state}: {run.status.message}")
    return result


def measured(run: Run) -> dict[str, list[Run]]:
    """The measuring runs of a study by arm, in the order of their seeds."""
    found: dict[str, list[Run]] = {arm: [] for arm in ARMS}
    for child in sorted(run.children(), key=lambda c: c.seed):
        if child.role == "measure" and child.arm in found:
            found[child.arm].append(Run(run.path.parent / child.id))
    return found


def curves(run: Run, name: str = "accuracy", split: str = "val", x: str = "step") -> dict[str, Curve]:
    """Mean curve and 95 % band of each arm over its measuring runs."""
    return {arm: mean_curve(arm, [r.curve(name, split, x) for r in runs]) for arm, runs in measured(run).items()}


def verdict(run: Run, spec: CompareSpec, lrs: dict[str, float], search: dict[str, dict[str, float]]) -> Verdict:
    """Weigh what the measuring runs found."""
    results = {arm: [_result(r) for r in runs] for arm, runs in measured(run).items()}
    first = results["scratch"][0]
    labels = np.array(first["labels"])
    right = {
        arm: np.array([np.array(r["predictions"]) == labels for r in found]) for arm, found in results.items()
    }
    budgets = {(r["steps"], r["images"]) for found in results.values() for r in found}
    if len(budgets) > 1 and not spec.optim.patience:
        raise RunProblem(f"Both arms must have the same budget. Got steps and pictures {sorted(budgets)}.")
    return judge(
        right["scratch"], right["transfer"], labels, first["classes"],
        list(range(spec.first_seed, spec.first_seed + spec.seeds)),
        steps=max(b[0] for b in budgets), images=max(b[1] for b in budgets), lrs=lrs, search=search,
        by_step=curves(run), by_second=curves(run, x="seconds"), shots=spec.target.shots,
    )  # fmt: skip

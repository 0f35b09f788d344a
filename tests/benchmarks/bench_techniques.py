"""What the literature says of techniques, measured here: one table for each claim.

Each claim is a study or several (race, labels, plane) on digits; `tests/benchmarks/overhead.py` measures the time that
terms and adapters take, `tests/benchmarks/few_shot.py` measures episodes, `unseen.py` combinations that were never
shown. A study's figures are written to a file as it ends (`--rows`), so what was cut off goes on with the next.
`--write FILE` puts the tables into the page. Everything runs on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from tests.benchmarks import few_shot, overhead, unseen
from tests.benchmarks.rounds import SHARED, digit_arrays, own_home
from tltk.analyses.zero_shot.result import ZeroShotResult
from tltk.jobs import launch
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.studies.arms import scores_of
from tltk.studies.labels.spec import LabelsSpec
from tltk.studies.plane.spec import PlaneSpec
from tltk.studies.race.spec import RaceSpec
from tltk.training.compose import train
from tltk.verdicts.judge import classify_interval, mean_interval, paired_interval

Row = dict[str, Any]
SEEDS, TASK_SEEDS = 5, 4
TRAIN, TEST = 3500, 1000
GROUP_NORM = NetSpec("test_efficientnet_gn")  # no running statistics that follow the target by themselves
BATCH_NORM = NetSpec("test_resnet")
SHIPPED = NetSpec("resnet10t", weights="store:resnet10t_formulas")
# The rate is that of docs/adaptation.md. What is tested is the last epoch, so nothing is evaluated before it.
ADAPTING = OptimSpec(lr=3e-3, epochs=8, epoch_images=2000, batch_size=64, evaluate=8, device="cpu")
SOURCE = OptimSpec(lr=3e-3, epochs=6, batch_size=64, evaluate=6, device="cpu")
# As many steps with any number of labels.
FEW = OptimSpec(epochs=10, epoch_images=500, batch_size=32, evaluate=10, device="cpu")
SHOTS = (2, 10, 50)
# Without labels: eight epochs of the same pictures.
TEACHING = OptimSpec(lr=3e-3, epochs=8, batch_size=128, evaluate=8, device="cpu")
FIRST, LAST = "surgical:width=2@0", "surgical:width=2@3"


def partial_sets(domains: dict[str, str]) -> dict[str, Spec]:
    """DANN with all classes in the target, and with five of the source's ten."""
    found: dict[str, Spec] = {}
    for (source, target), subset in product(
        [("mnist", "usps"), ("mnist, in colour", "mnistm")], ["all ten", "0 to 4 alone"]
    ):
        name = domains[target] if subset == "all ten" else f"subset:0-4@{domains[target]}"
        found[f"{source} → {target}, {subset}"] = RaceSpec(
            target=DataSpec(name, size=32),
            source=DataSpec(domains[source]),
            net=GROUP_NORM,
            optim=ADAPTING,
            arms=("source_only", "dann"),
            labels="source",
            lrs=(ADAPTING.lr,),
            seeds=SEEDS,
        )
    return found


def few_labels(domains: dict[str, str]) -> dict[str, Spec]:
    """L2-SP and DELTA, at their defaults and ten times as strong, against the number of labels."""
    spec = LabelsSpec(
        target=DataSpec(domains["usps"], size=28),
        source=DataSpec(domains["mnist"]),
        source_optim=SOURCE,
        net=BATCH_NORM,
        optim=FEW,
        arms=(
            "fine_tune",
            "l2_sp",
            "l2_sp:weight=1",
            "delta",
            "delta:weight=0.1",
        ),
        shots=SHOTS,
        lrs=(3e-4, 1e-3, 3e-3),
        widen=0,
        seeds=4,
    )
    return {"mnist → usps": spec}


def few_labels_sgd(domains: dict[str, str]) -> dict[str, Spec]:
    """L2-SP as its paper trains it, by SGD: AdamW divides a gradient by its size, and the penalty's weight with it."""
    [spec] = few_labels(domains).values()
    assert isinstance(spec, LabelsSpec)
    optim = dataclasses.replace(FEW, optimizer="sgd")
    arms = ("fine_tune", "l2_sp", "l2_sp:head=0", "l2_sp:weight=1", "l2_sp:weight=1,head=0", "delta")
    return {"mnist → usps, SGD": dataclasses.replace(spec, optim=optim, arms=arms, lrs=(0.01, 0.03, 0.1), seeds=6)}


def forgetting(domains: dict[str, str]) -> dict[str, Spec]:
    """EWC against plain fine-tuning, and L2-SP beside it: five digits, then the other five."""
    spec = PlaneSpec(
        target=DataSpec(f"subset:5-9@{domains['mnist']}", size=32, shots=100),
        source=DataSpec(f"subset:0-4@{domains['mnist']}"),
        source_optim=SOURCE,
        net=GROUP_NORM,
        optim=FEW,
        arms=("fine_tune", "ewc:weight=40|400|4000|40000", "l2_sp:weight=0.1|1", "feature_extraction"),
        lrs=(FEW.lr,),
        seeds=SEEDS,
    )
    return {"mnist, 0 to 4 → 5 to 9": spec}


def low_rank(domains: dict[str, str]) -> dict[str, Spec]:
    """LoRA against full fine-tuning of shipped weights, each with a rate of its own."""
    return {
        target: RaceSpec(
            target=DataSpec(domains[target], size=32, shots=50),
            net=SHIPPED,
            optim=FEW,
            arms=("fine_tune", "lora:rank=4", "feature_extraction"),
            lrs=(1e-3, 3e-3, 1e-2),
            widen=2,
            seeds=8,
        )
        for target in ("mnist", "fashion")
    }


def surgery(domains: dict[str, str]) -> dict[str, Spec]:
    """The first two of five layers against the last two: corrupted pictures, and clean ones of which 9 − y is asked."""
    other = domains["mnist, other pictures"]
    targets = {f"{name}, severity 3": f"{other}~{name}:3" for name in ("fog", "gaussian_noise", "contrast")}
    targets["clean, labels turned round"] = domains["mnist, turned round"]
    return {
        name: RaceSpec(
            target=DataSpec(target, size=28, shots=10),
            source=DataSpec(domains["mnist"]),
            source_optim=SOURCE,
            net=BATCH_NORM,
            optim=FEW,
            arms=(LAST, FIRST, "feature_extraction", "fine_tune"),
            lrs=(1e-3, 3e-3),
            widen=1,
            seeds=SEEDS,
        )
        for name, target in targets.items()
    }


def surgery_kept(domains: dict[str, str]) -> dict[str, Spec]:
    """The same with the source's own classifier kept and frozen in every arm but two, as Lee et al. have it."""
    found: dict[str, Spec] = {}
    for name, spec in surgery(domains).items():
        if name in ("fog, severity 3", "clean, labels turned round"):
            assert isinstance(spec, RaceSpec)
            net = dataclasses.replace(spec.net, keep_head=True)
            arms = tuple(f"surgical:width=2,head=false@{at}" for at in (3, 0)) + ("feature_extraction", "fine_tune")
            found[f"{name}, head kept"] = dataclasses.replace(spec, net=net, arms=arms)
    return found


def several_tasks(domains: dict[str, str]) -> dict[str, dict[str, TransferSpec]]:
    """Setting → technique → training: five labels of the class, and an attribute of those pictures or of thousands."""
    found = {}
    for setting, name, n, task in (
        ("mnist, parity", domains["mnist"], 0, "parity"),
        ("shapes, texture", "shapes", TRAIN, "texture"),
    ):
        plain = TransferSpec(
            DataSpec(name, size=28, n=n, shots=5), BATCH_NORM, optim=dataclasses.replace(FEW, lr=ADAPTING.lr)
        )
        found[setting] = {"fine_tune": plain}
        for arm in (
            "multi_task",
            "multi_task:pictures=source",
            "multi_task:pictures=source,weighting=uncertainty",
            "soft_sharing:pictures=source",
        ):
            term, _, text = arm.partition(":")
            knobs = dict(part.split("=") for part in text.split(",") if part)
            source = dataclasses.replace(plain.target, shots=0) if knobs else None
            terms = (TermSpec(term, {"task": task, **knobs}),)
            found[setting][arm] = dataclasses.replace(plain, source=source, terms=terms)
    return found


def unlike_sizes(domains: dict[str, str]) -> dict[str, dict[str, TransferSpec]]:
    """Setting → what is done about it → training: digits of which the first has a hundred times as many as the last."""
    net = dataclasses.replace(BATCH_NORM)
    plain = TransferSpec(
        DataSpec(domains["mnist, long tail"], size=28), net, optim=dataclasses.replace(FEW, lr=ADAPTING.lr)
    )
    asked: dict[str, dict[str, Any]] = {
        "cross-entropy": {},
        "class_weights=balanced": {"class_weights": "balanced"},
        "class_weights=effective": {"class_weights": "effective"},
        "sampling=balanced": {"sampling": "balanced"},
        "logit_adjustment=1": {"logit_adjustment": 1.0},
        "focal=2": {"focal": 2.0},
    }
    optim = dataclasses.replace(plain.optim, metric="balanced_accuracy")
    made = {name: dataclasses.replace(plain, optim=dataclasses.replace(optim, **more)) for name, more in asked.items()}
    return {"mnist, long tail": made}


def measure_sizes(arms: dict[str, TransferSpec]) -> Iterator[Row]:
    """A row for each way, the first being held against the others, by balanced accuracy; rare digits by themselves."""
    plain: Any = None
    for arm, spec in arms.items():
        results = [train(dataclasses.replace(spec, seed=seed)).result for seed in range(SEEDS)]
        scores = scores_of(results)
        plain = scores if plain is None else plain
        right = np.array([np.equal(r.predictions, r.labels) for r in results], float)
        rare = np.array(results[0].labels) >= RARE
        yield {
            "arm": arm,
            "lr": spec.optim.lr,
            "accuracy": mean_interval(scores),
            "gap": None if scores is plain else paired_interval(scores - plain),
            "frequent": mean_interval(right[:, ~rare]),
            "rare": mean_interval(right[:, rare]),
            "seeds": len(results),
        }


def sizes_table(rows: Sequence[Row]) -> Iterator[str]:
    """Balanced accuracy, and the accuracy of frequent and of rare digits."""
    yield "| setting | what is done | balanced accuracy, % | points more than the first | verdict | 0 to 5, % | 6 to 9, % |"
    yield "|---|---|---:|---:|---|---:|---:|"
    for r in rows:
        yield (
            f"| {r['setting']} | `{r['arm']}` | {share(r['accuracy'])} | {points(r['gap'])} | {verdict(r)} | "
            f"{share(r['frequent'])} | {share(r['rare'])} |"
        )


def measure_tasks(arms: dict[str, TransferSpec]) -> Iterator[Row]:
    """A row for each technique, the first being held against the others."""
    plain: Any = None
    for arm, spec in arms.items():
        results = [train(dataclasses.replace(spec, seed=seed)).result for seed in range(TASK_SEEDS)]
        scores = scores_of(results)
        plain = scores if plain is None else plain
        weights = [r.tasks[0].weights[-1] / r.class_weights[spec.terms[0].name][-1] for r in results if r.class_weights]
        yield {
            "arm": arm,
            "lr": spec.optim.lr,
            "accuracy": paired_interval(scores),
            "gap": None if arm == "fine_tune" else paired_interval(scores - plain),
            "task": over_seeds([r.tasks[0].accuracy for r in results]) if spec.terms else None,
            "majority": statistics.fmean(r.tasks[0].majority for r in results) if spec.terms else None,
            "weight": statistics.fmean(weights) if weights else None,
            "seeds": len(results),
        }


def tasks_table(rows: Sequence[Row]) -> Iterator[str]:
    """The class, and the attribute beside it."""
    yield "| setting | technique | class, % | points more than the first | verdict | attribute, % | weight at the end |"
    yield "|---|---|---:|---:|---|---:|---:|"
    for r in rows:
        weight = "" if r["weight"] is None else f"{r['weight']:.2f}"
        yield (
            f"| {r['setting']} | `{r['arm']}` | {share(r['accuracy'])} | {points(r['gap'])} | {verdict(r)} | "
            f"{share(r['task'])} | {weight} |"
        )


def self_taught(domains: dict[str, str]) -> dict[str, tuple[TransferSpec, Spec]]:
    """Networks that were taught without labels, then fine-tuned with ten labels per class, against new ones.

    Flips change digits, so views of digits are not flipped; all else is at its defaults.
    """
    found: dict[str, tuple[TransferSpec, Spec]] = {}
    for name, unlike in (("fashion", {}), ("mnistm", {"flip": 0.0})):
        methods = {
            "denoising": (TermSpec("denoising"), "layer_by_layer"),
            "masked_patches": (TermSpec("masked_patches"), "fine_tune"),
            "rotation": (TermSpec("rotation"), "fine_tune"),
            "simclr": (TermSpec("simclr", unlike), "fine_tune"),
        }
        for method, (term, strategy) in methods.items():
            taught = TransferSpec(
                DataSpec(domains[name], size=28),
                BATCH_NORM,
                strategy=StrategySpec(strategy),
                optim=TEACHING,
                terms=(term,),
                labels="none",
            )
            study = RaceSpec(
                target=DataSpec(domains[name], size=28, shots=10),
                net=dataclasses.replace(BATCH_NORM, weights=f"run:{taught.run_id}"),
                optim=FEW,
                arms=("scratch", "fine_tune", "feature_extraction"),
                lrs=(1e-3, 3e-3),
                widen=0,
                seeds=3,
            )
            found[f"{name}, {method}"] = taught, study
    return found


@dataclass(frozen=True)
class Claim:
    """What is asked, of which studies, and against which arm the others are held.

    Attributes:
        studies: Domains → setting → study.
        yardstick: The arm.
        table: Rows → lines.
    """

    studies: Callable[[dict[str, str]], dict[str, Spec]]
    yardstick: str
    table: Callable[[Sequence[Row]], Iterator[str]]


def read(run: Run, yardstick: str) -> list[Row]:
    """A row for each arm of a study, and where labels differ in number, for each number of them."""
    found: dict[str, list[TrainingResult]] = {}
    rates: dict[str, float] = {}
    for child in run.children():
        if child.role == "measure":
            result = Run.at(child.id).read(TrainingResult)
            assert result is not None
            found.setdefault(child.arm, []).append(result)
            rates[child.arm] = child.lr
    rows = []
    for arm, results in found.items():
        name, _, shots = arm.partition(", ")
        yard = found[f"{yardstick}, {shots}" if shots else yardstick]
        rows.append(
            {
                "arm": name,
                "shots": int(shots.split()[0]) if shots else None,
                "lr": rates[arm],
                "accuracy": mean_interval(scores_of(results)),
                "gap": paired_interval(scores_of(results) - scores_of(yard)) if name != yardstick else None,
                "source": over_seeds([r.source_accuracy for r in results]),
                "source_gap": over_seeds(
                    [
                        None
                        if a.source_accuracy is None or b.source_accuracy is None
                        else a.source_accuracy - b.source_accuracy
                        for a, b in zip(results, yard, strict=True)
                    ]
                ),
                "learned": results[0].n_learned,
                "parameters": results[0].n_parameters,
                "seconds": sum(r.seconds for r in results),
                "seeds": len(results),
            }
        )
    return [*rows, *_shrinkage(found, yardstick)]


def _shrinkage(found: dict[str, list[TrainingResult]], yardstick: str) -> Iterator[Row]:
    """The gain with the fewest labels less that with the most, by technique; nothing where all have as many."""
    names = list(dict.fromkeys(arm.partition(", ")[0] for arm in found))
    if f"{yardstick}, {SHOTS[0]} per class" not in found:
        return
    for name in names:
        if name != yardstick:
            few, many = (
                scores_of(found[f"{name}, {n} per class"]) - scores_of(found[f"{yardstick}, {n} per class"])
                for n in (SHOTS[0], SHOTS[-1])
            )
            yield {"arm": name, "shrinks": paired_interval(few - many)}


def over_seeds(values: Sequence[float | None]) -> list[float] | None:
    """Mean and 95% interval, Student's t over the seeds; None where it was not measured."""
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return None
    mean = statistics.fmean(known)
    half = float(student.ppf(0.975, len(known) - 1)) * statistics.stdev(known) / len(known) ** 0.5
    return [mean, mean - half, mean + half]


def share(found: Sequence[float] | None) -> str:
    """Mean and interval in per cent."""
    return "" if found is None else f"{100 * found[0]:.1f} ({100 * found[1]:.1f} … {100 * found[2]:.1f})"


def points(found: Sequence[float] | None) -> str:
    """A difference and its interval in points."""
    return "" if found is None else f"{100 * found[0]:+.1f} ({100 * found[1]:+.1f} … {100 * found[2]:+.1f})"


def verdict(row: Row) -> str:
    """helps, hurts, no difference or cannot tell, as a study says it of two arms."""
    return "" if row["gap"] is None else classify_interval(row["gap"][1], row["gap"][2], row["seeds"], 0.01)


def gaps_table(rows: Sequence[Row]) -> Iterator[str]:
    """Accuracy, and the difference from the yardstick."""
    yield "| setting | technique | target, % | points more than the first | verdict | rate |"
    yield "|---|---|---:|---:|---|---:|"
    for r in rows:
        yield (
            f"| {r['setting']} | `{r['arm']}` | {share(r['accuracy'])} | {points(r['gap'])} | {verdict(r)} | "
            f"{r['lr']:g} |"
        )


def learned_table(rows: Sequence[Row]) -> Iterator[str]:
    """The same with the share of parameters that learn."""
    yield "| target | technique | learns | target, % | points more than `fine_tune` | rate |"
    yield "|---|---|---:|---:|---:|---:|"
    for r in rows:
        learned = f"{r['learned'] / r['parameters']:.1%}"
        yield (
            f"| {r['setting']} | `{r['arm']}` | {learned} | {share(r['accuracy'])} | {points(r['gap'])} | {r['lr']:g} |"
        )


def source_table(rows: Sequence[Row]) -> Iterator[str]:
    """Both accuracies, and both differences."""
    yield "| technique | target, % | points more than `fine_tune` | source, % | points more than `fine_tune` |"
    yield "|---|---:|---:|---:|---:|"
    for r in rows:
        more = None if r["gap"] is None else r["source_gap"]
        yield f"| `{r['arm']}` | {share(r['accuracy'])} | {points(r['gap'])} | {share(r['source'])} | {points(more)} |"


def shots_table(rows: Sequence[Row]) -> Iterator[str]:
    """Gains by the number of labels."""
    head = [f"{n} per class" for n in SHOTS]
    yield f"| technique | {' | '.join(head)} | gain with {SHOTS[0]} less gain with {SHOTS[-1]} |"
    yield f"|---|{'---:|' * len(head)}---:|"
    for name in dict.fromkeys(r["arm"] for r in rows):
        own = {r["shots"]: r for r in rows if r["arm"] == name and "shots" in r}
        cells = [points(own[n]["gap"]) or share(own[n]["accuracy"]) for n in SHOTS]
        shrinks = [r["shrinks"] for r in rows if r["arm"] == name and "shrinks" in r]
        yield f"| `{name}` | {' | '.join(cells)} | {points(shrinks[0]) if shrinks else ''} |"


def overhead_table(rows: Sequence[Row]) -> Iterator[str]:
    """Time of an epoch, by kind."""
    yield "| kind | technique | epoch, s | plain, s | times plain | before the first step, s | goal | met |"
    yield "|---|---|---:|---:|---:|---:|---:|---|"
    goals = {"penalty": 1.1, "two domains": 2.3}
    for r in sorted(rows, key=lambda r: (r["kind"], r["ratio"])):
        goal = goals.get(r["kind"])
        met = "" if goal is None else "yes" if r["ratio"] <= goal else "no"
        yield (
            f"| {r['kind']} | `{r['arm']}` | {r['own']:.2f} | {r['plain']:.2f} | {r['ratio']:.2f} ({r['lo']:.2f} … "
            f"{r['hi']:.2f}) | {r['before']:.1f} | {goal or ''} | {met} |"
        )


def taught_table(rows: Sequence[Row]) -> Iterator[str]:
    """What each method is worth before and after, and with few labels against new weights."""
    yield "| pictures, taught by | 20 nearest, before → after, % | technique | target, % | points more than `scratch` | verdict |"
    yield "|---|---|---|---:|---:|---|"
    last = ""
    for r in rows:
        probe = f"{100 * r['knn'][0]:.1f} → {100 * r['knn'][1]:.1f}" if r["setting"] != last else ""
        last = r["setting"]
        yield (
            f"| {r['setting']} | {probe} | `{r['arm']}` | {share(r['accuracy'])} | {points(r['gap'])} | {verdict(r)} |"
        )


CLAIMS = {
    "partial": Claim(partial_sets, "source_only", gaps_table),
    "labels": Claim(few_labels, "fine_tune", shots_table),
    "labels_sgd": Claim(few_labels_sgd, "fine_tune", shots_table),
    "ewc": Claim(forgetting, "fine_tune", source_table),
    "lora": Claim(low_rank, "fine_tune", learned_table),
    "surgical": Claim(surgery, LAST, gaps_table),
    "surgical_kept": Claim(surgery_kept, "surgical:width=2,head=false@3", gaps_table),
}
OVERHEAD, SHIFT, TASKS, TAUGHT = "overhead", "shift", "multi_task", "self_taught"
EPISODES, UNSEEN, SIZES = "episodes", "zero_shot", "imbalance"
RARE = 6  # digits from this on have at most 23 pictures


def answer(name: str, domains: dict[str, str], done: set[tuple[str, str]]) -> Iterator[list[Row]]:
    """The rows of each study of a claim that was not done before."""
    if name == OVERHEAD:
        plain = overhead.base()
        for kind, arm, spec in overhead.arms(plain):
            if (name, arm) not in done:
                yield [{"setting": arm, "arm": arm, "kind": kind, **overhead.measure(plain, spec)}]
        return
    if name == SHIFT:
        for setting, study in surgery(domains).items():
            if (name, setting) not in done:
                yield [{"setting": setting, "accuracy": unadapted(study)}]
        return
    if name == TASKS:
        for setting, trainings in several_tasks(domains).items():
            if (name, setting) not in done:
                yield [{"setting": setting, **row} for row in measure_tasks(trainings)]
        return
    if name == SIZES:
        for setting, trainings in unlike_sizes(domains).items():
            if (name, setting) not in done:
                yield [{"setting": setting, **row} for row in measure_sizes(trainings)]
        return
    if name == TAUGHT:
        for setting, (first, study) in self_taught(domains).items():
            if (name, setting) not in done:
                result = launch(first).read(TrainingResult)
                assert result is not None and result.self_taught is not None
                knn = next([p.before, p.after] for p in result.self_taught.probes if p.name == "knn")
                yield [{"setting": setting, "knn": knn, **row} for row in read(launch(study), "scratch")]
        return
    if name == EPISODES:
        for setting in few_shot.TARGETS:
            if (name, setting) not in done:
                yield [_episodes_row(setting, *found) for found in few_shot.measure(setting)]
        return
    if name == UNSEEN:
        for setting in unseen.SETTINGS:
            if (name, setting) not in done:
                yield [_unseen_row(setting, unseen.measure(setting))]
        return
    claim = CLAIMS[name]
    for setting, study in claim.studies(domains).items():
        if (name, setting) not in done:
            yield [{"setting": setting, **row} for row in read(launch(study), claim.yardstick)]


def unadapted(study: Spec) -> list[float] | None:
    """What a network that knows the source alone, its own classifier kept, gets right of a race's target."""
    assert isinstance(study, RaceSpec)
    target = dataclasses.replace(study.target, shots=0)
    spec = TransferSpec(target, study.net, optim=study.source_optim, source=study.source, labels="source")
    return over_seeds([train(dataclasses.replace(spec, seed=seed)).result.accuracy for seed in range(3)])


def shift_table(rows: Sequence[Row]) -> Iterator[str]:
    """How far each target is for the source's network as it is."""
    yield "| setting | learned from the source alone, % |"
    yield "|---|---:|"
    for r in rows:
        yield f"| {r['setting']} | {share(r['accuracy'])} |"


def _episodes_row(setting: str, arm: str, own: dict[str, list[float]], random: dict[str, list[float]]) -> Row:
    """Accuracy with weights and without, and what they gain, seed by seed."""
    gains = {column: [a - b for a, b in zip(own[column], random[column], strict=True)] for column in own}
    figures = {"accuracy": own, "random": random, "gain": gains}
    return {"setting": setting, "arm": arm} | {
        what: {column: over_seeds(values) for column, values in columns.items()} for what, columns in figures.items()
    }


def episodes_table(rows: Sequence[Row]) -> Iterator[str]:
    """Accuracy of prototypes by the number of shots, with weights and at random; templates beside."""
    (first, _, _), (second, _, _), (third, _, _) = few_shot.COLUMNS
    yield (
        f"| pictures | weights | {first}, % | random, % | gain | {second}, % | random, % | gain | {third}, % | random, % |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for r in rows:
        cells = [
            cell
            for column in (first, second)
            for cell in (share(r["accuracy"][column]), share(r["random"][column]), points(r["gain"][column]))
        ]
        cells += [share(r["accuracy"][third]), share(r["random"][third])]
        yield f"| {r['setting']} | {r['arm']} | {' | '.join(cells)} |"


def _unseen_row(setting: str, found: ZeroShotResult) -> Row:
    """Accuracy on combinations that were not shown, and of each attribute."""
    told = {one.name: [one.seen, one.unseen, one.majority] for one in found.attributes}
    figures = {"accuracy": [found.accuracy, found.lo, found.hi], "chance": found.chance, "n": found.n_unseen}
    names, weights = unseen.SETTINGS[setting]
    return {"setting": setting, "arm": weights, "names": names, "attributes": told} | figures


def unseen_table(rows: Sequence[Row]) -> Iterator[str]:
    """Accuracy on combinations that were not shown, and of each attribute on shown ones and on them."""
    yield "| attributes | weights | unseen | right, % | chance, % | each attribute: seen → unseen (most frequent), % |"
    yield "|---|---|---:|---:|---:|---|"
    for r in rows:
        told = [
            f"{name} {100 * seen:.0f} → {100 * own:.0f} ({100 * most:.0f})"
            for name, (seen, own, most) in r["attributes"].items()
        ]
        yield (
            f"| {' × '.join(r['names'])} | `{r['arm']}` | {r['n']} | {share(r['accuracy'])} | {100 * r['chance']:.1f} | "
            f"{', '.join(told)} |"
        )


TABLES = {name: claim.table for name, claim in CLAIMS.items()} | {
    SHIFT: shift_table,
    TASKS: tasks_table,
    TAUGHT: taught_table,
    OVERHEAD: overhead_table,
    SIZES: sizes_table,
    EPISODES: episodes_table,
    UNSEEN: unseen_table,
}


def arrays(folder: Path) -> dict[str, str]:
    """The domains: digits, clothes, and other digits of MNIST than those of the source, with 9 − y too."""
    found = digit_arrays(folder, TRAIN, TEST)
    with np.load(SHARED / "npz" / "fashion_12k.npz") as read_:
        parts = {
            f"{key}_{part}": read_[f"{key}_{part}"][:n]
            for part, n in (("train", TRAIN), ("test", TEST))
            for key in "xy"
        }
    np.savez(folder / "fashion.npz", **parts)
    with np.load(SHARED / "npz" / "mnist.npz") as read_:
        kept = np.random.default_rng(0).permutation(len(read_["x_train"]))[TRAIN : 2 * TRAIN]
        parts = {"x_train": read_["x_train"][kept], "y_train": read_["y_train"][kept]}
        parts |= {"x_test": read_["x_test"][:TEST], "y_test": read_["y_test"][:TEST]}
    np.savez(folder / "mnist_other.npz", **parts)
    np.savez(folder / "mnist_turned.npz", **{k: 9 - v if k.startswith("y") else v for k, v in parts.items()})
    with np.load(SHARED / "npz" / "mnist.npz") as read_:
        x, y = read_["x_train"], read_["y_train"]
        each = (500 * 100 ** (-np.arange(10) / 9)).astype(int)  # an exponential profile, 500 … 5
        kept = np.concatenate([np.flatnonzero(y == c)[:n] for c, n in enumerate(each)])
        np.savez(
            folder / "mnist_long.npz",
            **{
                "x_train": x[kept],
                "y_train": y[kept],
                "x_test": read_["x_test"][:TEST],
                "y_test": read_["y_test"][:TEST],
            },
        )
    found["mnist, long tail"] = f"npz:{folder / 'mnist_long'}.npz"
    more = {"fashion": "fashion", "mnist, other pictures": "mnist_other", "mnist, turned round": "mnist_turned"}
    return found | {name: f"npz:{folder / file}.npz" for name, file in more.items()}


def main() -> None:
    names = [*CLAIMS, SHIFT, TASKS, SIZES, TAUGHT, EPISODES, UNSEEN, OVERHEAD]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", nargs="*", choices=names, default=names)
    parser.add_argument("--rows", type=Path, help="a file of JSON lines that is added to; default: none is kept")
    parser.add_argument("--write", type=Path, help="write the tables into this page, in place of those it has")
    options = parser.parse_args()
    if not SHARED.is_dir():
        print("The folder of shared data is not there; TLTK_SHARED_DATA may name it.")
        return
    os.environ["TLTK_THREADS"] = "1"
    rows: list[Row] = []
    if options.rows and options.rows.exists():
        rows = [json.loads(line) for line in options.rows.read_text("utf-8").splitlines()]
    with own_home() as folder:
        domains = arrays(folder)
        for name in options.claims:
            for found in answer(name, domains, {(r["claim"], r["setting"]) for r in rows}):
                new = [{"claim": name, **row} for row in found]
                rows += new
                if options.rows:
                    with options.rows.open("a", encoding="utf-8") as file:
                        file.writelines(json.dumps(row) + "\n" for row in new)
    text = options.write.read_text("utf-8") if options.write else ""
    for name in options.claims:
        own = [r for r in rows if r["claim"] == name]
        table = "\n".join(TABLES[name](own))
        print(f"### {name}\n\n{table}\n", flush=True)
        if options.write:
            first, rest = text.split(f"<!-- {name} -->\n", 1)
            _, last = rest.split(f"<!-- end of {name} -->", 1)
            text = f"{first}<!-- {name} -->\n\n{table}\n\n<!-- end of {name} -->{last}"
    if options.write:
        options.write.write_text(text, "utf-8")


if __name__ == "__main__":
    main()

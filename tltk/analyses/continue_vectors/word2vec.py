"""Word vectors trained on with texts, by gensim; which is imported when it is asked, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from tltk.analyses.continue_vectors.spec import ContinueVectorsSpec
from tltk.data.texts import words
from tltk.data.vectors import WordVectors, known_form
from tltk.errors import DataProblem

END_LR = 1e-4  # of word2vec


def vocabulary(said: Sequence[str], known: WordVectors, least: int) -> dict[str, int]:
    """Word → how often these texts say it, frequent ones first: those that have a vector, and those said often enough.

    Args:
        said: The texts.
        known: Words that have a vector.
        least: How often another must be said.
    """
    counts, have = Counter(word for text in said for word in words(text)), frozenset(known.words)
    kept = ((word, n) for word, n in counts.items() if word in have or n >= least)
    return dict(sorted(kept, key=lambda one: (-one[1], one[0])))


def starts(said: Sequence[str], known: WordVectors, seed: int) -> dict[str, np.ndarray]:
    """The vector that each of these words begins with, (d,).

    That is its own, else that of a simpler form, such as phone for phones, else drawn from U(−1/2d, 1/2d).

    Reference:
        Mikolov, Sutskever, Chen, Corrado and Dean (2013), word2vec.c, `InitNet` (the range that is drawn from).

    Args:
        said: The words.
        known: Words that have a vector, d wide.
        seed: Of the draws.
    """
    number = {word: i for i, word in enumerate(known.words)}
    width, draw = known.vectors.shape[1], np.random.default_rng(seed)
    found = {}
    for word in said:
        form = known_form(word, number)
        found[word] = known.vectors[number[form]] if form else (draw.random(width, np.float32) - 0.5) / width
    return found


def merge(known: WordVectors, learned: dict[str, np.ndarray]) -> WordVectors:
    """All words of the file, those that were learned with their new vector, and the added ones behind them.

    Args:
        known: Words and vectors of the file.
        learned: Word → its vector now, (d,).
    """
    vectors = known.vectors.copy()
    number = {word: i for i, word in enumerate(known.words)}
    added = [word for word in learned if word not in number]
    for word in learned.keys() - set(added):
        vectors[number[word]] = learned[word]
    more = [np.stack([learned[word] for word in added])] if added else []
    return WordVectors((*known.words, *added), np.concatenate([vectors, *more]).astype(np.float32))


def continue_training(
    said: Sequence[str], known: WordVectors, spec: ContinueVectorsSpec, seed: int, progress: Callable[[int], None]
) -> WordVectors:
    """The vectors after some epochs of skip-gram or CBOW with negative sampling on these texts.

    For a word w, one beside it c, and k drawn words n: maximise log σ(u_c · v_w) + Σ log σ(−u_n · v_w). The file holds
    the v alone, so the u begin at 0, as in word2vec. Words that the texts do not say keep their vector.

    Reference:
        Mikolov, Sutskever, Chen, Corrado and Dean (2013), Distributed representations of words and phrases and their
        compositionality, NeurIPS, eq. 4. arXiv:1310.4546.

    Args:
        said: The texts.
        known: Words and vectors to go on from.
        spec: Method, epochs, rate, window, draws and count.
        seed: Of first vectors and draws; one thread, so that it decides all.
        progress: Told after each epoch how many are done; may raise to stop.

    Raises:
        DataProblem: The texts say fewer than two words that can be learned.
    """
    from gensim.models import Word2Vec
    from gensim.models.callbacks import CallbackAny2Vec

    class Told(CallbackAny2Vec):  # type: ignore[misc]
        def __init__(self) -> None:
            self.done = 0

        def on_epoch_end(self, _: Word2Vec) -> None:
            self.done += 1
            progress(self.done)

    counts = vocabulary(said, known, spec.least)
    if len(counts) < 2:
        raise DataProblem(
            f"Texts to learn from must say two words at least that have a vector or are said {spec.least} times. "
            f"These say {len(counts)}; give more texts, or lower --least."
        )
    model = Word2Vec(
        vector_size=known.vectors.shape[1],
        sg=int(spec.method == "skip_gram"),
        window=spec.window,
        negative=spec.negative,
        hs=0,
        min_count=1,
        alpha=spec.lr,
        min_alpha=min(END_LR, spec.lr),
        seed=seed,
        workers=1,
    )
    model.build_vocab_from_freq(counts)
    first = starts(list(counts), known, seed)
    for word, at in model.wv.key_to_index.items():
        model.wv.vectors[at] = first[word]
    told = [[word for word in words(text) if word in counts] for text in said]
    model.train(told, total_examples=len(told), epochs=spec.epochs, callbacks=[Told()])
    return merge(known, {word: model.wv.vectors[model.wv.key_to_index[word]] for word in counts})

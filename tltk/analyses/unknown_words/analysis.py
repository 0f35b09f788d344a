"""Which words of a domain have no vector, class by class."""

from __future__ import annotations

import numpy as np

from tltk.analyses.sample import Context
from tltk.analyses.unknown_words.result import ClassVocabulary, UnknownWordsResult, WordCount
from tltk.analyses.unknown_words.spec import UnknownWordsSpec
from tltk.data.texts import KIND as TEXT
from tltk.data.texts import decode
from tltk.data.vectors import Unknown, count_unknown, describe_unknown, read_vectors
from tltk.errors import BadSpec
from tltk.specs.encoders import vectors_file


def unknown_words(spec: UnknownWordsSpec, context: Context) -> UnknownWordsResult:
    """The answer to `tltk unknown-words`.

    Raises:
        BadSpec: The domain holds no texts.
        WeightsMissing: No such file or run.
        DataProblem: The file cannot be read as vectors.
    """
    spec.check()
    domain = context.load(spec.target)
    if domain.kind != TEXT:
        raise BadSpec(f"Words are of texts. {spec.target.name} holds {domain.noun}; name a domain of texts.")
    read = read_vectors(vectors_file(f"vectors:{spec.file}"))
    known, said = frozenset(read.words), np.array(decode(domain.images), object)
    every = count_unknown(said.tolist(), known)
    classes = [count_unknown(said[domain.labels == c].tolist(), known) for c in range(len(domain.classes))]
    return UnknownWordsResult(
        target=spec.target.name,
        texts=len(said),
        vectors=len(read.words),
        width=read.vectors.shape[1],
        words=every.words,
        unknown=every.unknown,
        share=every.share,
        by_form=every.by_form,
        most=_most(every),
        classes=[
            ClassVocabulary(name, one.words, one.unknown, one.share, one.by_form, _most(one))
            for name, one in zip(domain.classes, classes, strict=True)
        ],
        sentence=describe_unknown(every),
    )


def _most(found: Unknown) -> list[WordCount]:
    return [WordCount(word, n) for word, n in found.most]

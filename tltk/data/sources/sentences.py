"""The shift lab of texts: short opinions made by a small grammar, with a dial for every shift.

`sentences`, or `sentences:vocabulary=1,negation=0.5`: source and target are two settings of the dials, so the true
shift is known. The class of a sentence is whether it praises. Licence: CC0 1.0 (made here).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tltk.data import texts
from tltk.data.attributes import Attribute
from tltk.data.dials import NamedDials
from tltk.data.domain import Domain, Progress
from tltk.data.identity import find_copies
from tltk.specs.knobs import knob
from tltk.specs.parts import DataSpec

MODALITY = texts.KIND
LICENCE, SOURCE = "CC0 1.0", "made here from a grammar of opinions"
DEFAULT_N = 2000
CLASSES = ("complaint", "praise")
# Two vocabularies of the same meaning: complaints, then praise.
JUDGEMENTS = (
    (("bad", "poor", "weak", "dull", "awful", "broken"), ("good", "great", "fine", "strong", "lovely", "superb")),
    (
        ("dreadful", "shoddy", "lousy", "tedious", "inferior", "faulty"),
        ("splendid", "excellent", "admirable", "brilliant", "delightful", "first-rate"),
    ),
)
THINGS = (
    ("the phone", "the cable", "the case", "the battery", "the screen", "the charger"),
    ("the film", "the plot", "the cast", "the music", "the ending", "the dialogue"),
)
TOPICS = ("product", "film")
DEGREES = ("", "very", "really", "quite", "rather", "truly")
OPENINGS = ("", "I think", "we found that", "to me", "in the end", "after a week")
TAILS = (
    ("as my sister said", "as I told everyone", "as the box shows", "as you can see"),
    ("when I first saw it", "when it came", "when we looked again", "when all was done"),
    ("on the second day", "on most days", "on the whole", "on a closer look"),
)


@dataclass(frozen=True)
class Dials(NamedDials):
    """What is shifted, and by how much. At the defaults sentences are short, plain and of one vocabulary.

    Example:
        >>> Dials.parse("negation=0.5, vocabulary=1").text()
        'vocabulary=1,negation=0.5'
    """

    domain: ClassVar[str] = "sentences"
    example: ClassVar[str] = "sentences:vocabulary=1,negation=0.5"

    vocabulary: float = knob(0.0, 0.0, 1.0, help="Share of the judging words that come from a second vocabulary.")
    order: float = knob(0.0, 0.0, 1.0, help="Share of sentences in another word order: great was the film.")
    negation: float = knob(0.0, 0.0, 1.0, help="Share of sentences that negate: not bad is praise.")
    length: float = knob(0.0, 0.0, 3.0, help="Clauses added to a sentence, on average.")
    correlation: float = knob(
        0.0,
        -1.0,
        1.0,
        help="How topic and class go together: 1 = films are praised, products are not; −1 = turned.",
    )


def check(argument: str) -> str:
    """The argument as it is written in names and keys: dials in one order, defaults left out.

    Raises:
        UnknownName, BadSpec: As `Dials.parse`.
    """
    return Dials.parse(argument).text()


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Opinions made by a small grammar, with dials for every shift, as in sentences:vocabulary=1,negation=0.5.

    Sentence i depends on i, `spec.seed` and the dials only, so a smaller set is the beginning of a larger one. Two
    sentences of the same words are one example. Topic and negation are attributes.

    Args:
        spec: n (0 = 2,000), size and seed.
        argument: The dials.
        progress: Called with (done, total).
    """
    dials, n = Dials.parse(argument), spec.n or DEFAULT_N
    made = [write(i, spec.seed, dials) for i in range(n)]
    said = [text for text, *_ in made]
    if progress:
        progress(n, n)
    origins = texts.origins(said)
    return Domain.of(
        spec.name,
        texts.encode(said, spec.size),
        (np.arange(n) % 2).astype(np.int64),
        CLASSES[:n],
        licence=LICENCE,
        source=SOURCE,
        origins=origins,
        twins=find_copies(origins),
        attributes={
            "topic": Attribute(TOPICS, np.array([topic for _, topic, _ in made], np.int64)),
            "negated": Attribute(("no", "yes"), np.array([negated for *_, negated in made], np.int64)),
        },
        kind=texts.KIND,
    )


def attribute_names(argument: str) -> tuple[str, ...]:
    """What is known of each sentence beside its class."""
    return ("topic", "negated")


def write(i: int, seed: int, dials: Dials) -> tuple[str, int, int]:
    """Sentence i, its topic, and whether it negates.

    Args:
        i: Decides the class and, with the seed, the words.
        seed: Of the domain.
        dials: How it is said.
    """
    # A stream for the words, and one for each dial: none disturbs what the others decide.
    rng, order, negation, length, topics, vocabulary = (np.random.default_rng((seed, i, s)) for s in range(6))
    label = i % 2
    topic = label if topics.random() < (1 + dials.correlation) / 2 else 1 - label
    negated = bool(negation.random() < dials.negation)
    which = int(vocabulary.random() < dials.vocabulary)
    word = str(rng.choice(JUDGEMENTS[which][label != negated]))
    thing, degree, opening = (str(rng.choice(from_)) for from_ in (THINGS[topic], DEGREES, OPENINGS))
    judgement = " ".join(filter(None, ("not" if negated else "", degree, word)))
    turned = order.random() < dials.order
    said = f"{judgement} was {thing}" if turned else f"{thing} was {judgement}"
    n_tails = min(int(length.poisson(dials.length)), len(TAILS))
    tails = [str(rng.choice(TAILS[t])) for t in range(n_tails)]
    whole = " ".join(filter(None, (opening, said, *tails)))
    return f"{whole[0].upper()}{whole[1:]}.", topic, int(negated)

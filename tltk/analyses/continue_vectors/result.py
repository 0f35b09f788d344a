"""Word vectors before and after they were trained on with the texts of a domain."""

from __future__ import annotations

import msgspec

from tltk.results.verdict import Verdict


class UnknownShare(msgspec.Struct, frozen=True):
    """What vectors do not know of the test texts.

    Attributes:
        words: Of the test texts, each as often as it is said.
        unknown: Those without a vector, and without one of a simpler form.
        share: Of all, 0 … 1.
        most: The unknown ones that are said most often.
    """

    words: int
    unknown: int
    share: float
    most: list[str]


class MovedWord(msgspec.Struct, frozen=True):
    """A word whose vector has changed much.

    Attributes:
        word: In small letters.
        n: How often the training texts say it.
        cosine: Of its vector before and after, −1 … 1.
        before: The words that were nearest to it, by cosine.
        after: Those that are now.
    """

    word: str
    n: int
    cosine: float
    before: list[str]
    after: list[str]


class ContinueVectorsResult(msgspec.Struct, frozen=True):
    """Word vectors before and after they were trained on with the texts of a domain.

    Attributes:
        target: Name of the domain.
        texts: Training texts, whose labels were not looked at.
        vectors: Words that had a vector.
        width: Numbers of a vector.
        learned: Of these words those that the training texts say, whose vectors were trained on.
        added: Words that were given a vector.
        before: What the vectors that came do not know of the test texts.
        after: What the new ones do not know.
        moved: Words that moved most.
        labels: Labelled texts that each probe learned from.
        verdict: Whether a probe on the new vectors names the test texts better than one on those that came.
        remarks: What must be known before the figures are trusted.
        sentence: What is found, in words.
        seconds: That it took.
    """

    target: str
    texts: int
    vectors: int
    width: int
    learned: int
    added: int
    before: UnknownShare
    after: UnknownShare
    moved: list[MovedWord]
    labels: int
    verdict: Verdict
    remarks: list[str]
    sentence: str
    seconds: float

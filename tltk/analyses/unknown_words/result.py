"""Which words of a domain have no vector."""

from __future__ import annotations

import msgspec


class WordCount(msgspec.Struct, frozen=True):
    """A word, and how often it is said.

    Attributes:
        word: In small letters.
        n: How often.
    """

    word: str
    n: int


class ClassVocabulary(msgspec.Struct, frozen=True):
    """What is unknown of a class.

    Attributes:
        name: The class.
        words: Its words, each as often as it is said.
        unknown: Those without a vector.
        share: Of all, 0 … 1.
        by_form: Those that are known by a simpler form alone, such as phones by phone.
        most: The unknown ones that are said most often.
    """

    name: str
    words: int
    unknown: int
    share: float
    by_form: int
    most: list[WordCount]


class UnknownWordsResult(msgspec.Struct, frozen=True):
    """Words of a domain that a file of vectors does not know.

    Attributes:
        target: Name of the domain.
        texts: How many texts it has.
        vectors: Words that the file knows.
        width: Numbers of a vector.
        words: Of the domain, each as often as it is said.
        unknown: Those without a vector.
        share: Of all, 0 … 1.
        by_form: Those that are known by a simpler form alone.
        most: The unknown ones that are said most often.
        classes: The same, class by class.
        sentence: What is found, in words.
    """

    target: str
    texts: int
    vectors: int
    width: int
    words: int
    unknown: int
    share: float
    by_form: int
    most: list[WordCount]
    classes: list[ClassVocabulary]
    sentence: str

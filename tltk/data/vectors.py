"""Files of word vectors, and which words of a domain they do not know. Not a domain; no torch here.

The text form of word2vec, GloVe and fastText (.vec): a word and its numbers a line, perhaps after a line that says how
many words and numbers there are. Files of words that are frequent come first, as those programs write them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tltk.data.names import escape_name, escape_text
from tltk.data.texts import words
from tltk.errors import DataProblem

MAX_WORDS = 200_000  # of a file; the rest are seldom met
MAX_NUMBERS = 4096  # of a vector
ENDINGS = ("'s", "ies", "es", "s", "ied", "ed", "ing", "ly", "er", "est")
INSTEAD = {"ies": "y", "ied": "y"}
LEAST_STEM = 3  # letters
SHOWN = 12  # words of a class that are listed


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors.

    Attributes:
        words: In the order of the file.
        vectors: (n, d) float32.
        left: How many words of the file were not read, since there are more than `MAX_WORDS`.
    """

    words: tuple[str, ...]
    vectors: NDArray[np.float32]
    left: int = 0


@dataclass(frozen=True)
class Unknown:
    """What vectors do not know of some texts.

    Attributes:
        words: All words, each as often as it is said.
        unknown: Those that have no vector, and none of a simpler form.
        by_form: Those that are known by a simpler form alone, such as phones by phone.
        most: The unknown ones that are said most often, with how often.
    """

    words: int
    unknown: int
    by_form: int
    most: tuple[tuple[str, int], ...]

    @property
    def share(self) -> float:
        """Of all words, 0 … 1."""
        return self.unknown / max(self.words, 1)


def read_vectors(path: Path) -> WordVectors:
    """The vectors in a file, the first of each word.

    Raises:
        DataProblem: No such file, no text, or lines that are no word with as many numbers as the others.
    """
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except OSError as fault:
        raise DataProblem(
            f"A file of word vectors must be readable. {escape_name(str(path))} is not: {fault.strerror or fault}."
        ) from None


@lru_cache(maxsize=2)
def _read(path: Path, changed: int, size: int) -> WordVectors:
    found: dict[str, NDArray[np.float32]] = {}
    left = width = promised = n = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            word, *cells = raw.decode(errors="replace").rstrip("\r\n\t ").replace("\t", " ").split(" ")
            if number == 1 and len(cells) == 1 and word.isdecimal() and cells[0].isdecimal():
                promised, width = int(word), int(cells[0])
                continue
            if not word and not any(cells):
                continue  # an empty line
            n += 1
            width = width or _trailing_numbers(cells)
            if len(found) >= MAX_WORDS:
                left += 1
                continue
            word = " ".join([word, *cells[:-width]])  # GloVe's from 840 billion words has some like ". . ."
            if len(cells) < width or not 2 <= width <= MAX_NUMBERS:
                raise _odd(path, number, len(cells), width)
            try:
                vector = np.array(cells[-width:], np.float32)
            except ValueError:
                raise _odd(path, number, len(cells), width) from None
            if np.isfinite(vector).all():
                found.setdefault(word.casefold(), vector)
    if n < promised:
        raise DataProblem(
            f"A file of word vectors must hold as many words as its first line says. {escape_name(path.name)} says "
            f"{promised:,} and has {n:,}: it is cut off. Get it again, or mend its first line."
        )
    if not found:
        raise DataProblem(f"A file of word vectors must hold words. {escape_name(path.name)} holds none.")
    return WordVectors(tuple(found), np.stack(list(found.values())), left)


def _trailing_numbers(cells: Sequence[str]) -> int:
    """How many cells at the end of the first line are numbers."""
    n = 0
    for cell in reversed(cells):
        try:
            float(cell)
        except ValueError:
            break
        n += 1
    return n


def _odd(path: Path, line: int, n: int, width: int) -> DataProblem:
    return DataProblem(
        f"Each line of word vectors must be a word and as many numbers as the first has, with blanks between. Line "
        f"{line:,} of {escape_name(path.name)} has {n} cells after the word, the first {width}; save them as text."
    )


def known_form(word: str, known: Collection[str]) -> str:
    """The word, or the first simpler form of it, that is known; "" where none is.

    Args:
        word: In small letters.
        known: Words that have a vector.

    Example:
        >>> known_form("phones", {"phone"}), known_form("batteries", {"battery"}), known_form("x", {"phone"})
        ('phone', 'battery', '')
    """
    if word in known:
        return word
    for ending in ENDINGS:
        if word.endswith(ending) and len(stem := word.removesuffix(ending)) >= LEAST_STEM:
            for form in (stem + INSTEAD.get(ending, ""), stem + "e"):
                if form in known:
                    return form
    return ""


def mean_vectors(said: Sequence[str], read: WordVectors) -> NDArray[np.float64]:
    """(n, d) mean of the vectors of each text's words, or of their simpler forms; 0 where none is known.

    Args:
        said: n texts.
        read: Words and their vectors, d wide.
    """
    number = {word: i for i, word in enumerate(read.words)}
    found = np.zeros((len(said), read.vectors.shape[1]))
    for row, text in zip(found, said, strict=True):
        at = [number[form] for word in words(text) if (form := known_form(word, number))]
        if at:
            row[:] = read.vectors[at].mean(0, dtype=np.float64)
    return found


def nearest_words(word: str, read: WordVectors, k: int) -> list[str]:
    """The k words of largest cosine to a word, itself left out.

    Args:
        word: One that has a vector.
        read: Words and their vectors.
        k: How many, at most.
    """
    at, lengths = read.words.index(word), np.linalg.norm(read.vectors, axis=1)
    cosines = read.vectors @ read.vectors[at] / np.maximum(lengths * lengths[at], np.finfo(np.float32).tiny)
    cosines[at] = -np.inf
    return [read.words[i] for i in np.argsort(-cosines, kind="stable")[: min(k, len(cosines) - 1)]]


def as_word2vec(read: WordVectors) -> bytes:
    """Vectors in the text form of word2vec; read again, they are the same numbers.

    Args:
        read: Words and their vectors.
    """
    width = read.vectors.shape[1]
    form = " ".join(["%.9g"] * width)  # nine digits tell all numbers of 32 bits apart
    rows = (f"{word} {form % tuple(vector)}\n" for word, vector in zip(read.words, read.vectors.tolist(), strict=True))
    return f"{len(read.words)} {width}\n{''.join(rows)}".encode()


def count_unknown(said: Sequence[str], known: Collection[str]) -> Unknown:
    """How many words of these texts have no vector, and which most often.

    Args:
        said: The texts.
        known: Words that have a vector.
    """
    counts = Counter(word for text in said for word in words(text))
    forms = {word: known_form(word, known) for word in counts}
    lost = Counter({word: n for word, n in counts.items() if not forms[word]})
    by_form = sum(n for word, n in counts.items() if forms[word] and forms[word] != word)
    most = tuple(sorted(lost.items(), key=lambda one: (-one[1], one[0]))[:SHOWN])
    return Unknown(counts.total(), lost.total(), by_form, most)


def describe_unknown(found: Unknown) -> str:
    """How many words are unknown, and which most often, in a sentence."""
    often = ", ".join(f"{escape_text(word)} ({n:,})" for word, n in found.most[:6])
    told = f"{found.share:.0%} of the words of this domain are unknown to these vectors"
    more = found.by_form / max(found.words, 1)
    forms = f" {more:.0%} more are known by a simpler form alone." if found.by_form else ""
    return f"{told}; most often {often}.{forms}" if often else f"{told}.{forms}"

"""Networks that read texts: a tokenizer, an encoder of `transformers` and the mean of its tokens, as one backbone.

The tokenizer is the first module, so the backbone reads what a domain of texts holds, bytes; it has no parameters, so
the cut replays what it gives, and the padding mask is among that. Lengths are those of the longest text of a batch,
rounded up to a multiple of eight.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tltk.data.texts import words
from tltk.data.vectors import known_form
from tltk.specs.encoders import BYTES_PER_TOKEN

NO_WORD = -1
BUCKET = 8  # lengths are multiples of it
MAX_KEPT_TEXTS = 100_000  # whose tokens are remembered
PAD, START, END, FIRST_WORD = 0, 1, 2, 3  # of hashed words
PIECE = re.compile(r"\w+|[^\w\s]")
# Of what a cut is tried on: two texts are short, and of three one is long, so that it is seen what grows with length.
PROBE_LENGTHS = (1, 3, 20)
PROBE_WORDS = ("the", "a", "good", "bad", "film", "phone", "was", "not", "very", "I", "it", "we", "said", "and", "this")


class Words(NamedTuple):
    """The words of a text, as a reader tells them apart, beside the tokens that a network reads.

    Attributes:
        said: The words, in order.
        of_token: Of each token, its word; `NO_WORD` = a mark that is no word.
    """

    said: list[str]
    of_token: list[int]


class HashedWords:
    """A tokenizer without a vocabulary: each word, in small letters, has the number of its hash.

    Reference:
        Weinberger, Dasgupta, Langford, Smola and Attenberg (2009), Feature hashing for large scale multitask learning,
        ICML. arXiv:0902.2206.

    Args:
        n: Of the vocabulary, three marks among them; two words in about n may share a number.
    """

    pad = PAD

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, text: str, most: int) -> list[int]:
        """The numbers of a text, its beginning and end marked.

        Args:
            text: To be read.
            most: Numbers at most.
        """
        pieces = PIECE.findall(text.casefold())[: most - 2]
        hashed = [FIRST_WORD + zlib.crc32(piece.encode()) % (self.n - FIRST_WORD) for piece in pieces]
        return [START, *hashed, END]

    def words_of(self, text: str, most: int) -> Words:
        """The words of a text, each of one token, and which of these each token is of.

        Args:
            text: To be read.
            most: Tokens at most.
        """
        told, kept = PIECE.findall(text.casefold()), PIECE.findall(text)
        said = (kept if len(kept) == len(told) else told)[: most - 2]  # small letters may fall apart otherwise
        return Words(said, [NO_WORD, *range(len(said)), NO_WORD])

    @property
    def mark(self) -> str:
        """What tells it from another tokenizer."""
        return f"words hashed to {self.n}"

    @property
    def in_words(self) -> str:
        """What it is."""
        return f"which gives each word the number of its hash, below {self.n:,}"


class Vocabulary:
    """A tokenizer as `tokenizers` keeps it in tokenizer.json.

    Args:
        json: Its text.
        pad: The number that fills short texts.
    """

    def __init__(self, json: str, pad: int) -> None:
        from tokenizers import Tokenizer

        self._own: Any = Tokenizer.from_str(json)
        self._own.no_padding()
        self._most = 0
        self.pad, self.mark = pad, hashlib.sha256(json.encode()).hexdigest()[:16]
        self.json = json

    @property
    def pad_token(self) -> str:
        """The piece whose number fills short texts."""
        return str(self._own.id_to_token(self.pad))

    @property
    def in_words(self) -> str:
        """What it is."""
        return f"a vocabulary of {self._own.get_vocab_size():,} pieces of words"

    def __call__(self, text: str, most: int) -> list[int]:
        """The numbers of a text, with the marks of its beginning and end.

        Args:
            text: To be read.
            most: Numbers at most.
        """
        if most != self._most:
            self._own.enable_truncation(most)
            self._most = most
        found: list[int] = self._own.encode(text).ids
        return found or [self.pad]

    def words_of(self, text: str, most: int) -> Words:
        """The words of a text, of one token or several, and which of them each token is of.

        Args:
            text: To be read.
            most: Tokens at most.
        """
        self(text, most)  # which sets where texts are cut
        encoding = self._own.encode(text)
        places: dict[int, tuple[int, int]] = {}
        for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
            if word is not None:
                first, last = places.get(word, (start, end))
                places[word] = (min(first, start), max(last, end))
        numbers = {word: i for i, word in enumerate(places)}
        of = [NO_WORD if word is None else numbers[word] for word in encoding.word_ids]
        return Words([text[start:end].strip() for start, end in places.values()], of or [NO_WORD])


class WordList:
    """A tokenizer of word vectors: the number of each word that is known, or of a simpler form; others are passed.

    Args:
        known: The words, whose numbers begin at 2; 0 fills short texts, 1 stands for a text of unknown words alone.
    """

    pad = PAD

    def __init__(self, known: Sequence[str]) -> None:
        self.words = tuple(known)
        self._number = {word: i for i, word in enumerate(known, start=2)}
        self.mark = hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]

    @property
    def in_words(self) -> str:
        """What it is."""
        return f"a list of {len(self.words):,} words"

    def __call__(self, text: str, most: int) -> list[int]:
        """The numbers of the words of a text.

        Args:
            text: To be read.
            most: Numbers at most.
        """
        forms = (known_form(word, self._number) for word in words(text))
        return [self._number[form] for form in forms if form][:most] or [1]

    def words_of(self, text: str, most: int) -> Words:
        """The words of a text, those that are not known among them, and which of them each token is of.

        Args:
            text: To be read.
            most: Tokens at most.
        """
        said = words(text)
        of = [i for i, word in enumerate(said) if known_form(word, self._number)][:most]
        return Words(said, of or [NO_WORD])


class MeanVectors(nn.Module):
    """Word vectors as an encoder: each word's own, whatever stands beside it.

    Args:
        n: Words, two marks among them.
        width: Numbers of a vector.
    """

    def __init__(self, n: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(n, width, padding_idx=PAD)
        with torch.no_grad():
            self.vectors.weight[:2] = 0

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor]:
        """(n, t, d): the vectors.

        Args:
            input_ids: Numbers of words, (n, t).
            attention_mask: Not asked.
        """
        return (self.vectors(input_ids),)


Tokenizer = HashedWords | Vocabulary | WordList


class Tokens(nn.Module):
    """Bytes of texts → numbers of tokens (n, t) and the mask (n, t), 1 where there is one; both int64.

    Args:
        tokenizer: From text to numbers.
        longest: t at most.
    """

    def __init__(self, tokenizer: Tokenizer, longest: int) -> None:
        super().__init__()
        self.tokenizer, self.longest = tokenizer, longest
        self._kept: dict[bytes, list[int]] = {}

    def extra_repr(self) -> str:
        """What tells it from others, also in the key of what is kept of the network."""
        return f"{self.tokenizer.mark}, longest={self.longest}"

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers and mask.

        Args:
            x: Bytes as numbers in 0 … 255, (n, 1, 4, size).
        """
        if x.is_meta:  # of which costs are counted: all as long as can be
            ids = x.new_zeros(len(x), self.longest, dtype=torch.long)
            return ids, ids
        rows = x.detach().float().round().clamp(0, 255).to(torch.uint8).flatten(1).cpu().numpy()
        found = [self._read(row.tobytes().rstrip(b"\0")) for row in rows]
        length = self.bucket(max(map(len, found)))
        ids = torch.full((len(found), length), self.tokenizer.pad)
        mask = torch.zeros(len(found), length, dtype=torch.long)
        for i, numbers in enumerate(found):
            ids[i, : len(numbers)] = torch.tensor(numbers)
            mask[i, : len(numbers)] = 1
        return ids.to(x.device), mask.to(x.device)

    def bucket(self, length: int) -> int:
        """The length that texts of this length are filled up to."""
        return min(-(-length // BUCKET) * BUCKET, self.longest)

    def _read(self, data: bytes) -> list[int]:
        kept = self._kept.get(data)
        if kept is None:
            kept = self.tokenizer(data.decode(errors="ignore"), self.longest)
            if len(self._kept) < MAX_KEPT_TEXTS:
                self._kept[data] = kept
        return kept

    def __deepcopy__(self, memo: dict[int, Any]) -> Tokens:
        """The same tokenizer, which learns nothing, in a module of its own."""
        return Tokens(self.tokenizer, self.longest)


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """(n, d): the mean over the tokens that are there.

    Args:
        hidden: (n, t, d).
        mask: (n, t), 1 where there is a token.
    """
    there = mask.to(hidden.dtype)[..., None]
    return (hidden * there).sum(1) / there.sum(1).clamp(min=1)


def spread_evenly(hidden: Tensor, mask: Tensor) -> Tensor:
    """Outputs of a layer with nought where there is no token, scaled so that a plain mean is that over the tokens.

    Args:
        hidden: (n, t, …).
        mask: (n, t), 1 where there is a token.
    """
    there = mask.to(hidden.dtype)
    share = there * (mask.shape[1] / there.sum(1, keepdim=True).clamp(min=1))
    return hidden * share.reshape(*share.shape, *(1,) * (hidden.ndim - 2))


class TextBackbone(nn.Module):
    """A tokenizer, an encoder, and the mean of its last hidden states.

    Attributes:
        example_shape: Of one example: one channel, four bytes, size.
        pretrained_cfg: Mean and deviation that turn bytes over 255 into bytes.

    Args:
        tokens: The first module.
        encoder: Takes `input_ids` and `attention_mask` and answers the hidden states first.
        size: As `DataSpec.size`.
    """

    def __init__(self, tokens: Tokens, encoder: nn.Module, size: int) -> None:
        super().__init__()
        self.tokens, self.encoder = tokens, encoder
        self.example_shape = (1, BYTES_PER_TOKEN, size)
        self.pretrained_cfg = {"mean": (0.0,), "std": (1 / 255,)}

    def forward(self, x: Tensor) -> Tensor:
        """(n, d): the mean of the last layer over the tokens of each text.

        Args:
            x: Bytes as numbers in 0 … 255, (n, 1, 4, size).
        """
        ids, mask = self.tokens(x)
        # Where costs are counted there are no numbers, and so nothing to be told by the mask.
        return masked_mean(self.encoder(input_ids=ids, attention_mask=None if x.is_meta else mask)[0], mask)

    def longest(self, n: int) -> Tensor:
        """Texts as long as there may be, by which costs are counted, (n, 1, 4, size).

        Args:
            n: How many.
        """
        row = torch.tensor(list(b"a "), dtype=torch.float32).repeat(math.prod(self.example_shape) // 2)
        return row.reshape(1, *self.example_shape).repeat(n, 1, 1, 1)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Texts of a few words, of unlike lengths where a generator is given; without one they are empty.

        Args:
            n: How many.
            generator: Draws the words.
        """
        _, height, size = self.example_shape
        rows = torch.zeros(n, height * size)
        if generator is not None:
            for i, row in enumerate(rows):
                chosen = torch.randint(len(PROBE_WORDS), (PROBE_LENGTHS[i % 3],), generator=generator)
                text = " ".join(PROBE_WORDS[at] for at in chosen.tolist()).encode()[: height * size]
                row[: len(text)] = torch.tensor(list(text), dtype=rows.dtype)
        return rows.reshape(n, *self.example_shape)


def pad_tokens(x: Tensor, axis: int, longest: int) -> Tensor:
    """The tensor with zeros behind, up to this length along an axis.

    Args:
        x: (n, …).
        axis: That counts tokens.
        longest: How many.
    """
    missing = longest - x.shape[axis]
    return F.pad(x, (0, 0) * (x.ndim - 1 - axis) + (0, missing)) if missing > 0 else x

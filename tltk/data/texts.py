"""Texts: UTF-8 bytes as uint8 arrays (1, 4, size), padded with zeros, all of a domain of one size. No torch at import.

A text of size s keeps its first 4 s bytes: about s tokens of English. Bytes, not tokens, lie in a domain, so that it is
the same for every network; the network's own tokenizer is its first module.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tltk.data.identity import Origins
from tltk.data.modality import stored
from tltk.data.names import escape_name
from tltk.specs.encoders import BYTES_PER_TOKEN

if TYPE_CHECKING:
    from torch import Generator, Tensor, device

    from tltk.data.domain import Domain
    from tltk.specs.parts import ViewSpec

KIND = "text"
WORD = re.compile(r"\w+(?:['’]\w+)*")
MAX_SHOWN_CHARS = 160  # of a sentence in a list
FONT_PX, MARGIN_PX, LINE_PX = 11, 5, 13  # of a tile with a sentence on it


def encode(texts: Sequence[str], size: int) -> NDArray[np.uint8]:
    """Texts as (n, 1, 4, size) uint8: the first 4 · size bytes of each in UTF-8, then zeros.

    Args:
        texts: Without null characters.
        size: About how many tokens are kept.
    """
    room = BYTES_PER_TOKEN * size
    rows = np.zeros((len(texts), room), np.uint8)
    for row, text in zip(rows, texts, strict=True):
        kept = clip(text, room).encode()
        row[: len(kept)] = np.frombuffer(kept, np.uint8)
    return rows.reshape(len(texts), 1, BYTES_PER_TOKEN, size)


def clip(text: str, room: int) -> str:
    """As much of the beginning of a text as has at most so many bytes in UTF-8."""
    return text.encode()[:room].decode(errors="ignore")


def decode(rows: NDArray[np.uint8]) -> list[str]:
    """The texts of (n, …) bytes, without the zeros behind them."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    return [row.tobytes().rstrip(b"\0").decode(errors="replace") for row in flat]


def sentence(domain: Domain, at: int, most: int = MAX_SHOWN_CHARS) -> str:
    """What a text says, on one line, cut where it is long.

    Args:
        domain: Of texts.
        at: Position.
        most: Characters at most.
    """
    return shorten(decode(domain.images[at : at + 1])[0], most)


def shorten(text: str, most: int = MAX_SHOWN_CHARS) -> str:
    """A text on one line, cut where it is long, without marks that a screen would act on.

    Args:
        text: As it is.
        most: Characters at most.
    """
    said = escape_name(" ".join(text.split()))
    return said if len(said) <= most else said[: most - 1] + "…"


def tile(text: str, side_px: int) -> Image.Image:
    """The beginning of a text, written on a white square.

    Args:
        text: On one line.
        side_px: Side of the square, in pixels.
    """
    drawn = Image.new("RGB", (side_px, side_px), "white")
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(FONT_PX)
    lines, line = list[str](), ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > side_px - 2 * MARGIN_PX:
            lines.append(line)
            longer = word
        line = longer
    for number, said in enumerate([*lines, line]):
        draw.text((MARGIN_PX, MARGIN_PX + LINE_PX * number), said, fill="black", font=font)
    return drawn


def words(text: str) -> list[str]:
    """The words of a text in small letters, without marks."""
    return WORD.findall(text.casefold().replace("’", "'"))


def origins(texts: Sequence[str]) -> Origins:
    """(n,) equal for texts of the same words in the same order, whatever their marks, blanks and capitals."""
    marks = (hashlib.blake2b(" ".join(words(t) or t.split()).encode(), digest_size=8).digest() for t in texts)
    return np.fromiter((int.from_bytes(mark, "little") for mark in marks), np.uint64, len(texts))


class Texts:
    """The modality of texts."""

    def tensors(self, domain: Domain, index: Tensor | np.ndarray, device: device) -> Tensor:
        """Bytes at these positions, uint8 (n, 1, 4, size), on the device.

        Args:
            domain: Whose texts.
            index: Positions, (n,).
            device: Where to.
        """
        return stored(domain, index, device)

    def augment(self, examples: Tensor, view: ViewSpec, generator: Generator) -> Tensor:
        """Bytes over 255, (n, 1, 4, size), which a network of texts multiplies by 255 again; words dropped and swapped.

        A word is dropped with probability `word_dropout`, and changes places with the next with `word_swap`; a text
        keeps one word at least.

        Args:
            examples: uint8 (n, 1, 4, size).
            view: How; all zero = as they are.
            generator: Decides the draws.

        Reference:
            Wei and Zou (2019), EDA: easy data augmentation techniques, EMNLP, §2 (random deletion, random swap, here of
            neighbours). arXiv:1901.11196.
        """
        import torch

        if not (view.word_dropout or view.word_swap):
            return examples.float() / 255
        told = decode(examples.cpu().numpy())
        drawn = [self._view(text.split(), view, generator) for text in told]
        return torch.from_numpy(encode(drawn, examples.shape[-1])).to(examples.device).float() / 255

    @staticmethod
    def _view(said: list[str], view: ViewSpec, generator: Generator) -> str:
        import torch

        if not said:
            return ""
        chances = torch.rand(2, len(said), generator=generator)
        kept = [word for word, chance in zip(said, chances[0].tolist(), strict=True) if chance >= view.word_dropout]
        kept = kept or [said[int(chances[0].argmax())]]
        for i, chance in enumerate(chances[1, : len(kept) - 1].tolist()):
            if chance < view.word_swap:
                kept[i], kept[i + 1] = kept[i + 1], kept[i]
        return " ".join(kept)

    def order(self, domain: Domain, index: np.ndarray) -> np.ndarray:
        """By length: a batch is as wide as its longest text.

        Args:
            domain: Whose texts.
            index: Positions, (n,).
        """
        lengths = (np.asarray(domain.images[index]).reshape(len(index), -1) != 0).sum(1)
        return np.argsort(lengths, kind="stable")

    def shape(self, domain: Domain) -> tuple[int, ...]:
        """One channel, four bytes, size."""
        _, channels, height, width = domain.images.shape
        return channels, height, width

    def thumbnail(self, domain: Domain, at: int, largest_px: int) -> Image.Image:
        """The beginning of the text, written on a square.

        Args:
            domain: Whose text.
            at: Its position.
            largest_px: Its side, in pixels.
        """
        return tile(sentence(domain, at), largest_px)

    def sentence(self, domain: Domain, at: int, most: int = MAX_SHOWN_CHARS) -> str:
        """What a text says; see `sentence`.

        Args:
            domain: Whose text.
            at: Its position.
            most: Characters at most.
        """
        return sentence(domain, at, most)


TEXTS = Texts()

"""What `tltk unknown-words` asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import DataSpec


@dataclass(frozen=True)
class UnknownWordsSpec(Spec):
    """A question to a worker: which words of a domain of texts does a file of word vectors not know, by class?"""

    kind: ClassVar[str] = "unknown_words"
    verb: ClassVar[str] = "unknown-words"
    of_rows: ClassVar[bool] = False
    about: ClassVar[str] = "Words of a domain of texts that a file of word vectors does not know, class by class."

    target: DataSpec = field(default_factory=lambda: DataSpec("sentences"))
    file: str = knob("", help="File of word vectors as text (word2vec, GloVe, fastText .vec), or run:ID of new ones.")

    def check(self) -> None:
        """Refuse a question without vectors.

        Raises:
            BadSpec: None are named.
        """
        super().check()
        if not self.file.strip():
            raise BadSpec("Words are unknown to a file of vectors. None is named; name one with --file.")

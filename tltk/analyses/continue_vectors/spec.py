"""What `tltk continue-vectors` asks for."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.encoders import vectors_file
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import DataSpec

EXTRA = 'Word vectors are continued by gensim, which is not installed; pip install "tltk[vectors]".'


@dataclass(frozen=True)
class ContinueVectorsSpec(Spec):
    """A question to a worker: do word vectors serve a domain better, once they were trained on with its texts?"""

    kind: ClassVar[str] = "continue_vectors"
    verb: ClassVar[str] = "continue-vectors"
    of_rows: ClassVar[bool] = False
    about: ClassVar[str] = (
        "Word vectors trained on with a domain's unlabelled training texts, kept as vectors:run:ID; before and after."
    )

    target: DataSpec = field(default_factory=lambda: DataSpec("sentences"))
    file: str = knob("", help="File of word vectors as text (word2vec, GloVe, fastText .vec), or run:ID of such a run.")
    method: str = knob(
        "skip_gram", choices=("skip_gram", "cbow"), help="A word tells those beside it, or those beside it tell it."
    )
    epochs: int = knob(5, 1, 1000, help="Passes over the training texts.")
    lr: float = knob(0.025, 1e-5, 1.0, help="Learning rate at the start; it falls to 0.0001.", log=True)
    window: int = knob(5, 1, 100, help="Words on each side that count as beside a word, at most.")
    negative: int = knob(5, 1, 100, help="Drawn words that a true neighbour is told from.")
    least: int = knob(2, 1, 10_000, help="A word without a vector is added if the training texts say it so often.")
    seeds: int = knob(5, 1, 100, help="How often it is done anew, with other draws, for the interval.")
    seed: int = knob(0, 0, 2**31 - 1, help="The first of them; the vectors kept are this one's.")

    def check(self) -> None:
        """Refuse a question without vectors, and one that nothing here can answer.

        Raises:
            BadSpec: No vectors are named, or gensim is not installed.
            WeightsMissing: No such file or run.
        """
        super().check()
        if not self.file.strip():
            raise BadSpec("There must be word vectors to go on from. None are named; name a file with --file.")
        vectors_file(f"vectors:{self.file}")
        if importlib.util.find_spec("gensim") is None:
            raise BadSpec(EXTRA)

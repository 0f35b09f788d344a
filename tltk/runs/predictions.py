"""What somebody predicted of a run before it ended; `predicted.json` in its folder. It changes no result."""

from __future__ import annotations

import msgspec

FILE = "predicted.json"


class Prediction(msgspec.Struct, frozen=True):
    """One person's answer to the question of a lesson.

    Attributes:
        lesson: Name of its file.
        choice: Name of the answer.
        by: Who predicts; empty = whoever uses this home.
        late: Whether the run had ended by then.
        at: When, in seconds since 1970.
    """

    lesson: str
    choice: str
    by: str = ""
    late: bool = False
    at: float = 0.0

"""Results in words."""

from __future__ import annotations

from typing import Any

UNEVEN = 0.02  # by how much the most frequent class must exceed its even share to be worth naming


def guessing(result: dict[str, Any]) -> tuple[float, str] | None:
    """The accuracy that takes no learning, and what it is of; None where the result does not tell (of before).

    Always naming the most frequent class, where that is right more often than guessing by `UNEVEN`.
    """
    chance, majority = (
        float(v) if isinstance(v := result.get(name), int | float) and 0 < v <= 1 else None
        for name in ("chance", "majority")
    )
    if majority is not None and (chance is None or majority - chance > UNEVEN):
        return majority, "always the most frequent class"
    return None if chance is None else (chance, "guessing")


def accuracy_in_words(result: dict[str, Any]) -> str:
    """The test accuracy of a training with what it must be held against: its interval, and knowing nothing."""
    text = f"{result['accuracy']:.3f}"
    if "accuracy_lo" not in result:  # of a version that had no interval
        return text
    low, high, n = result["accuracy_lo"], result["accuracy_hi"], len(result["labels"])
    chance, majority = result["chance"], result["majority"]
    idle = f"chance {chance:.3f}"
    if majority - chance > UNEVEN:
        idle = f"always naming the most frequent class {majority:.3f}"
    return f"{text} (95 % interval {low:.3f} … {high:.3f}, {n:,} pictures; {idle})"

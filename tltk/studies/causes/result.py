"""What a study of causes found."""

from __future__ import annotations

import msgspec


class OutcomeResult(msgspec.Struct, frozen=True):
    """What a counter-experiment came to.

    Attributes:
        answer: confirmed, not confirmed or cannot tell.
        gap: Of the technique to its yardstick with the cause taken away, −1 … 1.
        change: That gap less the one with the cause.
        lo: Lower end of its interval, at a level at which those of all counter-experiments hold together.
        hi: Upper end.
        sentence: That in words.
    """

    answer: str
    gap: float
    change: float
    lo: float
    hi: float
    sentence: str


class CauseResult(msgspec.Struct, frozen=True):
    """One possible cause.

    Attributes:
        name: Of the cause.
        level: likely (an interval or a test shows it), possible (it cannot be ruled out), unlikely (it is ruled out,
            or nothing speaks for it) or not judged (it cannot be measured here).
        score: Share of what is lost that it accounts for at least, 0 … 1; what share that is stands in the reason.
        reason: What was measured, in words.
        behind: Causes that are shown and would bring this one about.
        figures: Name → what was measured.
        counter: The experiment that would settle it, in words; empty where there is none here.
        command: The same as a command of the shell.
        outcome: What that experiment came to; None where it was not made.
    """

    name: str
    level: str
    score: float
    reason: str
    behind: list[str]
    figures: dict[str, float]
    counter: str
    command: str
    outcome: OutcomeResult | None = None


class CausesResult(msgspec.Struct, frozen=True):
    """Causes, the likeliest first.

    Attributes:
        causes: Every cause that was looked at.
        found: The first one, where it is likely; "nothing" where transfer helps; "unknown" where no cause is likely.
        label: helps, hurts, no difference or cannot tell.
        gap: Accuracy of the technique less that of its yardstick, −1 … 1.
        lo: Lower end of its 95% interval.
        hi: Upper end.
        accuracy: Of the technique on the target's test, 0 … 1.
        yardstick: Of the yardstick.
        sentence: What is found, in words.
        remarks: What must be known before the figures are trusted.
        seeds: The seeds that were measured.
        n_test: Test pictures.
        n_train: Training pictures of the target.
        check: The run that compared source and target, whose figures the evidence rests on.
    """

    causes: list[CauseResult]
    found: str
    label: str
    gap: float
    lo: float
    hi: float
    accuracy: float
    yardstick: float
    sentence: str
    remarks: list[str]
    seeds: list[int]
    n_test: int
    n_train: int
    check: str

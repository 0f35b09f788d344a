"""What a search for settings found."""

from __future__ import annotations

import msgspec


class SettingResult(msgspec.Struct, frozen=True):
    """What was tried at once.

    Attributes:
        technique: As it was asked for.
        lr: Learning rate of the head.
        boundary: Lowest layer that learns.
        augmentation: given, none, or what is drawn.
    """

    technique: str
    lr: float
    boundary: int
    augmentation: str


class TrialResult(msgspec.Struct, frozen=True):
    """A trial.

    Attributes:
        number: From 1, in the order in which they were proposed; 1 is the default.
        setting: What was tried.
        run: Id of its training.
        score: Validation score of the weights that would be tested, or of the last epoch where it was pruned; None
            where it diverged.
        ended: done, pruned or diverged.
        epochs: That were trained.
        seconds: That they took.
    """

    number: int
    setting: SettingResult
    run: str
    score: float | None
    ended: str
    epochs: int
    seconds: float


class TuneResult(msgspec.Struct, frozen=True):
    """Every trial, the best of them, and what it is worth on pictures that chose nothing.

    Scores are 0 … 1.

    Attributes:
        trials: In the order in which they were proposed.
        best: Number of the trial with the best validation score among those that were not pruned.
        searched_gain: Its validation score less that of the default, as the search saw them.
        default: Test score of the default, the mean over the seeds.
        default_lo: Lower end of its 95% interval, for other seeds and other pictures.
        default_hi: Upper end.
        tuned: Of what was found.
        tuned_lo: Lower end.
        tuned_hi: Upper end.
        gap: Test score of what was found less that of the default, paired; 0 where the default is best.
        lo: Lower end of its 95% interval.
        hi: Upper end.
        label: helps, hurts, no difference or cannot tell.
        noise: `searched_gain` less `gap`: what the search promised and the test did not hold.
        metric: What the scores are of.
        seeds: That were measured; the search has another.
        n_test: Test pictures.
        n_val: Validation pictures, which chose.
        sentence: All of it in words.
        remarks: What must be known before the figures are trusted.
    """

    trials: list[TrialResult]
    best: int
    searched_gain: float
    default: float
    default_lo: float
    default_hi: float
    tuned: float
    tuned_lo: float
    tuned_hi: float
    gap: float
    lo: float
    hi: float
    label: str
    noise: float
    metric: str
    seeds: list[int]
    n_test: int
    n_val: int
    sentence: str
    remarks: list[str]

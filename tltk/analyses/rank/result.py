"""What `tltk rank` finds, and what one's own trainings say of it."""

from __future__ import annotations

import msgspec


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A network with its scores.

    Attributes:
        backbone: timm's name.
        weights: Where its weights come from.
        scores: Score → its value; what cannot be computed is not there.
        why: Score → why it cannot be computed.
        seconds: That it took.
        interval: Score → its 95% interval.
        places: Score → the best and the worst place that the candidate may have, from 1.
        notes: Score → what is to be known of it.
        width: Features that enter the head; not there where the network cannot be built.
        parameters: Of the backbone; likewise.
    """

    backbone: str
    weights: str
    scores: dict[str, float]
    why: dict[str, str]
    seconds: float
    interval: dict[str, tuple[float, float]] = {}
    places: dict[str, tuple[int, int]] = {}
    notes: dict[str, str] = {}
    width: int | msgspec.UnsetType = msgspec.UNSET
    parameters: int | msgspec.UnsetType = msgspec.UNSET


class RankResult(msgspec.Struct, frozen=True, kw_only=True):
    """Candidates, best first, as a worker scores them.

    Attributes:
        rows: A candidate each.
        n: Pictures that the scores are of.
        classes: Of the target.
        scores: Names of the scores; empty in results of earlier versions.
        by: The score that orders; empty likewise.
        order: What can be told of the order, in a sentence; empty likewise.
        fewest: Pictures of the smallest class; None likewise.
        majority: Share of the most frequent class, 0 … 1; None likewise.
    """

    rows: tuple[Candidate, ...]
    n: int
    classes: int
    scores: list[str] = []
    by: str = ""
    order: str = ""
    fewest: int | None = None
    majority: float | None = None


class Agreement(msgspec.Struct, frozen=True):
    """How well a score ranked the candidates that one has trained too.

    Attributes:
        n: So many candidates.
        tau: Weighted Kendall τ of score and accuracy, −1 … 1.
        lo: Lower end of its 95% interval.
        hi: Upper end.
        p: The probability of so large a τ if the scores were assigned at random.
        regret: Points of accuracy lost by taking the score's first choice, 0 … 100.
    """

    n: int
    tau: float
    lo: float
    hi: float
    p: float
    regret: float


class TrainedCandidate(Candidate, frozen=True, kw_only=True):
    """A candidate, and how well it has been trained by now.

    Attributes:
        trained: Mean test accuracy of its best setting, 0 … 1; None where it has not been trained.
        trained_runs: Runs of that setting.
        trained_settings: Settings of which it is the best.
    """

    trained: float | None
    trained_runs: int
    trained_settings: int


class JudgedRanking(RankResult, frozen=True, kw_only=True):
    """A ranking as it is shown: with how well it agrees with what has been trained by now.

    Attributes:
        rows: A candidate each.
        marks: Score → its agreement with one's own trainings; or why there is none.
        trained_is: What the accuracies of trained candidates are, in a sentence.
    """

    rows: tuple[TrainedCandidate, ...]
    marks: dict[str, Agreement | str]
    trained_is: str

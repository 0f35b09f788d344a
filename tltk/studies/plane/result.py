"""What a stability–plasticity plane found."""

from __future__ import annotations

import msgspec

from tltk.studies.race.result import RaceResult


class PointResult(msgspec.Struct, frozen=True):
    """One technique in the plane.

    Attributes:
        name: The technique.
        path: The technique without the value that a path changes; techniques of one path have the same.
        target: Accuracy on the target's test, mean over the seeds, 0 … 1.
        target_lo: Lower end of its 95% interval, for other seeds and other pictures.
        target_hi: Upper end.
        source: Accuracy on the source's test at the end, of the classifier that came with the weights.
        source_lo: Lower end of its 95% interval over the seeds (Student's t).
        source_hi: Upper end.
        forgotten: Accuracy on the source at the start less that at the end.
        on_front: Whether no other technique has both means higher.
    """

    name: str
    path: str
    target: float
    target_lo: float
    target_hi: float
    source: float
    source_lo: float
    source_hi: float
    forgotten: float
    on_front: bool


class PlaneResult(msgspec.Struct, frozen=True):
    """Techniques by both accuracies, and their race on the target.

    Attributes:
        points: Best on the target first.
        race: The same techniques ranked on the target.
        source_before: Accuracy on the source at the start.
        sentence: What the front is made of.
    """

    points: list[PointResult]
    race: RaceResult
    source_before: float
    sentence: str

    @property
    def remarks(self) -> list[str]:
        """What must be known before the figures are trusted: that of the race."""
        return self.race.remarks

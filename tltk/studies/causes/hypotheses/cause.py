"""What a cause is: what speaks for it, and the study with it taken away."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from tltk.studies.causes.facts import Facts
    from tltk.studies.causes.spec import CausesSpec

LIKELY, POSSIBLE, UNLIKELY, NOT_JUDGED = "likely", "possible", "unlikely", "not judged"
LEVELS = (LIKELY, POSSIBLE, NOT_JUDGED, UNLIKELY)  # in the order in which they are told


@dataclass(frozen=True)
class Evidence:
    """What speaks for a cause.

    Attributes:
        level: One of `LEVELS`: an interval or a test decides, never a size alone.
        score: Share of what is lost that it accounts for at least, 0 … 1.
        reason: What was measured, in words; what it says, its figures carry.
        figures: Name → figure.
    """

    level: str
    score: float
    reason: str
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Counter:
    """A counter-experiment: the study with one cause taken away. The gap must grow if that was the cause.

    Attributes:
        what: What is changed, in words.
        spec: The study that is changed so.
    """

    what: str
    spec: CausesSpec


class Cause(ABC):
    """A possible cause: a subclass in a file of its name."""

    title: ClassVar[str] = ""  # as it stands in a table
    before: ClassVar[tuple[str, ...]] = ()  # causes that would bring this one about: it is told after them

    @abstractmethod
    def weigh(self, facts: Facts) -> Evidence:
        """What speaks for it.

        Args:
            facts: What was measured.
        """

    def counter(self, facts: Facts) -> Counter | None:
        """The study with this cause taken away; None where it cannot be.

        Args:
            facts: What was measured.
        """
        return None


def points(share: float) -> str:
    """A share as points, with the minus of print."""
    return f"{100 * share:.1f}".replace("-", "−")

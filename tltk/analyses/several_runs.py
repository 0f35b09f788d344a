"""Questions about several finished runs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec


@dataclass(frozen=True)
class SeveralRuns(Spec):
    """A question about several finished runs, of which the class has a field `runs`."""

    needs: ClassVar[str]  # the beginning of the sentence that refuses others

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "runs", tuple(str(one).strip() for one in self._named()))

    def _named(self) -> tuple[str, ...]:
        found: tuple[str, ...] = getattr(self, "runs")  # noqa: B009 – each class has its own, with its own help
        return found

    def check(self) -> None:
        """Refuse fewer than two runs, or one that is named twice.

        Raises:
            BadSpec: It is so.
        """
        super().check()
        runs = self._named()
        if len(runs) < 2 or len(set(runs)) < len(runs):
            raise BadSpec(f"{self.needs} or more, each named once with --runs. Got {', '.join(runs) or 'none'}.")

"""What an alignment is: features of two domains in, and where both lie after it out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tltk.specs.knobs import Spec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Aligned:
    """Both domains after an alignment, in one space.

    Attributes:
        source: The source's features, (n, k).
        move_target: Any features of the target, (m, d), to where they lie now, (m, k).
    """

    source: Floats
    move_target: Callable[[Floats], Floats]


@dataclass(frozen=True)
class Alignment(Spec, ABC):
    """The base of all alignments; their knobs are set as in `tca:mu=0.1`."""

    @abstractmethod
    def __call__(self, source: Floats, labels: Ints, target: Floats) -> Aligned:
        """Learn from both domains' training pictures where to move them.

        Args:
            source: (n, d), standardised.
            labels: Class numbers of the source, (n,).
            target: (m, d), in the same units; nobody knows its labels.
        """

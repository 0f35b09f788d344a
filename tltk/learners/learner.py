"""What a learner is: a classifier of feature vectors, and the hyper-parameters that are worth trying."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tltk.specs.knobs import Spec

Value = int | float | str  # of a hyper-parameter
Grid = Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Learner(Spec, ABC):
    """The base of all learners. Features come standardised: mean 0 and deviation 1 over the training pictures."""

    takes_weights: ClassVar[bool] = True  # whether `fit` knows `sample_weight`

    @abstractmethod
    def grid(self, n: int, d: int) -> Grid:
        """Hyper-parameters and the values to try; of values that do equally well the one that comes first is taken.

        The first value of each is also the one that is used where there are too few pictures for cross-validation.

        Args:
            n: Training pictures of the smallest fit.
            d: Features of a picture.
        """

    @abstractmethod
    def estimator(self, seed: int, **chosen: Any) -> Any:
        """Scikit-learn's classifier with these hyper-parameters, not fitted.

        Args:
            seed: Of what it draws at random.
            chosen: A value for each hyper-parameter of the grid.
        """

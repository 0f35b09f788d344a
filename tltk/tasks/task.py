"""What a task is. The loop, the results and the verdicts speak to it alone. No torch at import."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from tltk.results.training import TrainingResult


@dataclass(frozen=True)
class Outcome:
    """One evaluation over a split.

    Attributes:
        figures: Name → value, as they are written into rows: "loss", and the task's metrics.
        main: The metric that picks the best epoch; higher is better.
        predictions: One for each example, (n, …).
        margins: How far each example lies on the side of the second of two classes; empty of others.
    """

    figures: dict[str, float]
    main: float
    predictions: Tensor
    margins: list[float] = field(default_factory=list)

    @property
    def loss(self) -> float:
        """The mean loss."""
        return self.figures["loss"]


class Task(Protocol):
    """Target type, loss, metrics, and a score per example."""

    @property
    def n_outputs(self) -> int:
        """How many numbers the head gives for an example."""

    def loss(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """The mean loss of a batch, a scalar with a gradient.

        Args:
            outputs: Of the head, (n, n_outputs).
            targets: What is to be learned, (n, …).
            smoothing: Share of the target that is spread over all classes, where the task has classes.
        """

    def example_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The score of each example of a batch, (n,), 0 … 1; on the device, without a gradient.

        Args:
            outputs: (n, n_outputs), as the head gives them.
            targets: n targets of this task’s type.
        """

    def evaluate(self, outputs: Tensor, targets: Tensor) -> Outcome:
        """One evaluation.

        Args:
            outputs: Of the head for all examples of a split, (n, n_outputs).
            targets: (n, …).
        """

    def without_learning(self, targets: Tensor) -> dict[str, float]:
        """Accuracies that take no learning, by name: "chance" and "majority", 0 … 1; none where there are none.

        Args:
            targets: Of the test, (n, …).
        """

    def result(self, outcome: Outcome, targets: Tensor) -> dict[str, Any]:
        """Fields of `TrainingResult` on the test: figures with their intervals, and what `scores` needs.

        Args:
            outcome: Of the test split.
            targets: (n, …).
        """

    def scores(self, result: TrainingResult) -> NDArray[np.float64]:
        """The score of each test example from a result, (n,): what verdicts are made of. Their mean is the metric."""

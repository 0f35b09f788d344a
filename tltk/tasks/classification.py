"""One class of several for each example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tltk.tasks.task import Outcome

if TYPE_CHECKING:
    from torch import Tensor

    from tltk.results.training import TrainingResult


@dataclass(frozen=True)
class Classification:
    """Classes are numbered; the loss is cross-entropy, the metrics are top-1 accuracy and macro-F1.

    Args:
        n_classes: How many there are.
    """

    n_classes: int

    @property
    def n_outputs(self) -> int:
        """A logit for each class."""
        return self.n_classes

    def loss(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean cross-entropy of logits (n, classes) against class numbers (n,).

        Args:
            outputs: Logits, (n, classes).
            targets: Class numbers, (n,).
            smoothing: Share of the target that is spread over all classes, 0 … 1.
        """
        import torch.nn.functional as F

        return F.cross_entropy(outputs, targets, label_smoothing=smoothing)

    def example_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 where the largest logit is the class's, else 0; (n,).

        Args:
            outputs: (n, classes) logits.
            targets: (n,) class numbers.
        """
        return (outputs.argmax(1) == targets).float()

    def evaluate(self, outputs: Tensor, targets: Tensor) -> Outcome:
        """Mean cross-entropy, top-1 accuracy and macro-F1 of logits (n, classes) against class numbers (n,).

        Args:
            outputs: (n, classes) logits.
            targets: (n,) class numbers.
        """
        predictions = outputs.argmax(1)
        accuracy = float((predictions == targets).float().mean())
        figures = {
            "loss": float(self.loss(outputs, targets)),
            "accuracy": accuracy,
            "macro_f1": macro_f1(predictions, targets, self.n_classes),
        }
        return Outcome(figures, accuracy, predictions)

    def result(self, outcome: Outcome, targets: Tensor) -> dict[str, Any]:
        """Accuracy with its interval, chance and majority, macro-F1, loss; predictions and labels of each example.

        Args:
            outcome: Of the test split.
            targets: Class numbers, (n,).
        """
        from tltk.probes.linear import wilson

        n = len(targets)
        low, high = wilson(int((outcome.predictions.cpu() == targets).sum()), n)
        return {
            "accuracy": outcome.figures["accuracy"],
            "accuracy_lo": low,
            "accuracy_hi": high,
            "chance": 1 / self.n_classes,
            "majority": int(targets.bincount().max()) / n,
            "macro_f1": outcome.figures["macro_f1"],
            "loss": outcome.loss,
            "predictions": outcome.predictions.tolist(),
            "labels": targets.tolist(),
        }

    def scores(self, result: TrainingResult) -> NDArray[np.float64]:
        """1 where a test example was named right, else 0; (n,)."""
        right: NDArray[np.float64] = np.equal(result.predictions, result.labels).astype(np.float64)
        return right


def macro_f1(predictions: Tensor, labels: Tensor, n_classes: int) -> float:
    """Mean over the classes that occur of F1 = 2·TP / (2·TP + FP + FN); 0…1.

    Args:
        predictions: Class numbers, (n,).
        labels: Class numbers, (n,).
        n_classes: How many there are.

    Example:
        >>> import torch
        >>> macro_f1(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 3)
        0.6666666865348816
    """
    table = (labels * n_classes + predictions).bincount(minlength=n_classes**2).reshape(n_classes, n_classes)
    hits, total = table.diag().float(), (table.sum(0) + table.sum(1)).float()
    present = total > 0
    return float((2 * hits[present] / total[present]).mean())

"""One class of several for each example."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.tasks.losses import ClassLoss
from tltk.tasks.task import Outcome
from tltk.verdicts import metrics

if TYPE_CHECKING:
    from torch import Tensor

    from tltk.results.training import TrainingResult


@dataclass(frozen=True)
class Classification:
    """Classes are numbered; the loss is cross-entropy or one for classes of unlike size; one metric chooses and scores.

    Args:
        n_classes: How many there are.
        criterion: What a step minimises.
        metric: That picks epochs and rates, and is what verdicts weigh: accuracy, balanced_accuracy, macro_f1, auc,
            average_precision or recall_at_5_fpr.
    """

    n_classes: int
    criterion: ClassLoss = field(default_factory=ClassLoss)
    metric: str = metrics.ACCURACY

    def __post_init__(self) -> None:
        """Refuse a metric of two classes where there are others.

        Raises:
            BadSpec: There are.
        """
        if self.metric in metrics.RANKED and self.n_classes != 2:
            raise BadSpec(
                f"The {metrics.WORDS[self.metric]} needs two classes. There are {self.n_classes}; take optim.metric "
                f"balanced_accuracy."
            )

    @property
    def n_outputs(self) -> int:
        """A logit for each class."""
        return self.n_classes

    def loss(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """What a step minimises, of logits (n, classes) against class numbers (n,).

        Args:
            outputs: Logits, (n, classes).
            targets: Class numbers, (n,).
            smoothing: Share of the target that is spread over all classes, 0 … 1.
        """
        return self.criterion(outputs, targets, smoothing)

    def example_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 where the largest logit is the class's, else 0; (n,).

        Args:
            outputs: (n, classes) logits.
            targets: (n,) class numbers.
        """
        return (outputs.argmax(1) == targets).float()

    def evaluate(self, outputs: Tensor, targets: Tensor) -> Outcome:
        """Mean cross-entropy, whatever is minimised, and metrics of logits (n, classes) against class numbers (n,).

        Args:
            outputs: (n, classes) logits.
            targets: (n,) class numbers.

        Raises:
            BadSpec: The metric goes by the order of the examples, and these are all of one class.
        """
        import torch.nn.functional as F

        predictions = outputs.argmax(1)
        figures = {
            "loss": float(F.cross_entropy(outputs, targets)),
            "accuracy": float((predictions == targets).float().mean()),
            "macro_f1": macro_f1(predictions, targets, self.n_classes),
        }
        margins = self._margins(outputs)
        if self.metric == metrics.BALANCED:
            table = metrics.confusion(predictions.cpu().numpy(), targets.cpu().numpy(), self.n_classes)
            figures[self.metric] = float(metrics.balanced_accuracy(table))
        elif self.metric in metrics.RANKED:
            known, scores = targets.cpu().numpy(), np.array(margins)
            positive = known == 1
            if positive.all() or not positive.any():
                raise BadSpec(
                    f"The {metrics.WORDS[self.metric]} needs examples of both classes. All {len(positive)} of these "
                    f"are of one; take optim.metric balanced_accuracy."
                )
            if self.metric == metrics.AUC:
                figures[self.metric] = metrics.area_under_curve(scores, positive)
            else:
                rare = metrics.rarer_class(known)
                ranked = scores if rare[positive].any() else -scores
                precise = self.metric == metrics.AVERAGE_PRECISION
                figure = metrics.average_precision if precise else metrics.recall_at_false_positives
                figures[self.metric] = figure(ranked, rare)
        return Outcome(figures, figures[self.metric], predictions, margins)

    def without_learning(self, targets: Tensor) -> dict[str, float]:
        """Accuracy of guessing among the classes, and of always naming the most frequent one; 0 … 1.

        Args:
            targets: Class numbers of the test, (n,).
        """
        return {"chance": 1 / self.n_classes, "majority": int(targets.bincount().max()) / len(targets)}

    def _margins(self, outputs: Tensor) -> list[float]:
        """Logit of class 1 less that of class 0, of two classes; else none."""
        return (outputs[:, 1] - outputs[:, 0]).double().tolist() if self.n_classes == 2 else []

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
            **self.without_learning(targets),
            "macro_f1": outcome.figures["macro_f1"],
            "metric": self.metric,
            "score": outcome.main,
            "margins": outcome.margins,
            "loss": outcome.loss,
            "predictions": outcome.predictions.tolist(),
            "labels": targets.tolist(),
        }

    def scores(self, result: TrainingResult) -> NDArray[np.float64]:
        """1 where a test example was named right, else 0; of another metric, its pseudo-values; (n,)."""
        return metrics.example_scores(result.metric, result.predictions, result.labels, self.n_classes, result.margins)


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

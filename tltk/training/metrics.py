"""How good predictions are, and how a run's rows say it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Score:
    """One evaluation: mean cross-entropy, top-1, macro-F1, and the predicted class of each picture."""

    loss: float
    accuracy: float
    macro_f1: float
    predictions: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor, n_classes: int) -> Score:
        """The score of (n, classes) logits against (n,) labels."""
        predictions = logits.argmax(1)
        return cls(
            float(F.cross_entropy(logits, labels)),
            float((predictions == labels).float().mean()),
            macro_f1(predictions, labels, n_classes),
            predictions,
        )

    @property
    def figures(self) -> dict[str, float]:
        """What is written as rows."""
        return {"loss": self.loss, "accuracy": self.accuracy, "macro_f1": self.macro_f1}


def macro_f1(predictions: Tensor, labels: Tensor, n_classes: int) -> float:
    """Mean over the classes that occur of F1 = 2·TP / (2·TP + FP + FN); 0…1.

    Example:
        >>> macro_f1(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 3)
        0.6666666865348816
    """
    table = torch.bincount(labels * n_classes + predictions, minlength=n_classes**2).reshape(n_classes, n_classes)
    hits, total = table.diag().float(), (table.sum(0) + table.sum(1)).float()
    present = total > 0
    return float((2 * hits[present] / total[present]).mean())

"""What is forgotten: how well the classifier that came with the weights still does on the source."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tltk.data.classes import UNKNOWN
from tltk.data.domain import Ints
from tltk.nn.head import Classifier


@dataclass(frozen=True)
class Known:
    """What the network could do at the start.

    Attributes:
        classifier: That came with the weights.
        labels: Of all the source's examples as it numbers them, (n,); −1 where it does not know the class.
    """

    classifier: Classifier
    labels: Ints

    def accuracy(self, features: Tensor, index: Ints) -> float:
        """Share of the examples whose class it knows that it still names right, 0 … 1.

        Args:
            features: What enters the head, (n, d).
            index: Positions of these examples in the source.
        """
        labels = torch.from_numpy(self.labels[index])
        counted = labels != UNKNOWN
        right = self.classifier.logits(features.float().cpu()).argmax(1) == labels
        return float(right[counted].float().mean())

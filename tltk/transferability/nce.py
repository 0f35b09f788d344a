"""NCE: how much the source head's predicted class says about the target's label."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64
from tltk.transferability import check_numbers


def nce(source_classes: Tensor, labels: Tensor) -> float:
    """Negative conditional entropy, −H(Y|Z) = Σ_{y,z} P̂(y, z) log P̂(y|z).

    Reference: Tran, Nguyen & Hassner (2019), Transferability and hardness of supervised classification
    tasks, ICCV, definition of NCE, arXiv:1908.08142.

    Args:
        source_classes: (n,) classes that the source head predicts for target pictures.
        labels: (n,) target class numbers.

    Returns:
        From −log C to 0, in nats.

    Raises:
        BadSpec: Lengths that do not fit, no sample, classes that are no integers, or labels of one class.

    Example:
        >>> nce(torch.tensor([3, 3, 7]), torch.tensor([0, 0, 1]))
        0.0
    """
    if labels.ndim != 1 or source_classes.shape != labels.shape or not len(labels):
        raise BadSpec(
            f"Predicted classes and labels must be (n,) and of one length. Got {tuple(source_classes.shape)} "
            f"and {tuple(labels.shape)}."
        )
    check_numbers("Predicted classes", source_classes)
    check_numbers("Labels", labels)
    if bool((labels == labels[0]).all()):
        raise BadSpec("A score needs samples of two classes. All labels are of one; give it another class.")
    z = torch.unique(source_classes, return_inverse=True)[1]
    y = torch.unique(labels, return_inverse=True)[1]
    cells = (z.max() + 1) * y + z
    counts = torch.bincount(cells, minlength=int((y.max() + 1) * (z.max() + 1))).reshape(-1, int(z.max()) + 1)
    joint = as_float64(counts.float()) / len(labels)
    conditional = joint / joint.sum(0)
    return float(torch.xlogy(joint, conditional).sum())

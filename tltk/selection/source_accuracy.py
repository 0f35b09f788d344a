"""Accuracy on the source."""

from __future__ import annotations

from tltk.selection.unlabelled import Unlabelled


def source_accuracy(found: Unlabelled) -> float:
    """The accuracy on the source's validation pictures, 0 … 1: the target is not looked at.

    Args:
        found: What the network says.

    Reference:
        Gulrajani and Lopez-Paz (2021), In search of lost domain generalization, ICLR, §3 (training-domain validation
        set). arXiv:2007.01434.
    """
    return float((found.source_logits.argmax(1) == found.source_labels).double().mean())

"""Which backbone will transfer best, before any is trained? One score a file; more is better.

`tltk/transferability/logme.py` holds `logme(features, labels)`, and so on. `leep` takes the source
head's probabilities instead of features, and `nce` its predicted classes. `weighted_tau` marks a
ranking against what training gave in the end, `jackknife` says what other pictures would give.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tltk.errors import BadSpec
from tltk.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

scores: Registry[Callable[..., float]] = Registry(
    "transferability score",
    "tltk.transferability",
    lambda name: name,
    skip=("weighted_tau", "jackknife"),
    group="tltk.scores",
)


def centre_and_scale(features: Tensor) -> Tensor:
    """Centred rows divided by one number, their root mean square: (n, d) in float64, mean variance of a feature 1.

    One number for all features, so that directions keep their shares; constant features stay 0.

    Args:
        features: (n, d) floating.
    """
    from tltk.features import as_float64, split_scale

    _, (x,) = split_scale(as_float64(features))
    x = x - x.mean(0)
    _, (x,) = split_scale(x)  # what is left of a large common offset may be small
    size = x.square().mean().sqrt()
    return x / size if bool(size > 0) else x


def check_labelled(features: Tensor, labels: Tensor, least: int = 1) -> Tensor:
    """The labels renumbered 0 … C − 1, if each row has one and the rows can be used.

    Args:
        features: (n, d) floating.
        labels: (n,) integers; numbers may be left out.
        least: Rows that each class must have.

    Returns:
        (n,) int64.

    Raises:
        BadSpec: Says what does not fit.
    """
    import torch  # here: listing the names must stay light

    if features.ndim != 2 or not features.is_floating_point() or labels.shape != features.shape[:1]:
        raise BadSpec(
            f"Features must be a floating (n, d) tensor with a label per row. Got {tuple(features.shape)} of "
            f"{features.dtype} and labels {tuple(labels.shape)}."
        )
    if not bool(features.isfinite().all()):
        raise BadSpec("Features must be finite. Got NaN or infinity; look for a diverged layer.")
    check_numbers("Labels", labels)
    numbered: Tensor
    _, numbered, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    if len(counts) < 2 or int(counts.min()) < least:
        raise BadSpec(
            f"A score needs two classes with at least {least} samples each. Got counts {counts.tolist()}; "
            f"take more samples or leave small classes out."
        )
    return numbered


def check_numbers(name: str, classes: Tensor) -> None:
    """They are integers.

    Args:
        name: The tensor as error sentences name it.
        classes: (n,) class numbers.

    Raises:
        BadSpec: Says what came.
    """
    if classes.is_floating_point() or classes.is_complex():
        raise BadSpec(f"{name} must be class numbers. Got {classes.dtype}; convert them to integers.")

"""TransRate: coding rate of the features less the coding rate within classes."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64
from tltk.transferability import centre_and_scale, check_labelled


def transrate(
    features: Tensor, labels: Tensor, *, eps: float = 1e-4, equal_classes: bool = False, standardise: bool = True
) -> float:
    """Mutual information of features and labels, by coding rates: R(Z, ε) − R(Z, ε | Y).

    R(Z, ε) = ½ log det(I + 1/(nε) ZᵀZ),  R(Z, ε | Y) = Σ_c (n_c / n) R(Z_c, ε),
    Z centred by the mean of all rows, Z_c its rows of class c.

    ε is a length, so the score depends on the scale of the features: at a hundredth of it 0.69 becomes 0.15, and at
    10⁻⁴ nothing is left. So that networks with small features do not rank low for that alone, Z is first divided
    by one number, its root mean square, which the paper does not do.

    Reference: Huang et al. (2022), Frustratingly easy transferability estimation, ICML, definition in
    §3; source code in appendix A.7, arXiv:2106.09362.

    Args:
        features: (n, d).
        labels: (n,) class numbers.
        eps: Distortion ε.
        equal_classes: 1/C in place of n_c/n, as in the authors' code; the same for balanced classes.
        standardise: Divide by the root mean square first; False = as in the paper.

    Returns:
        In nats.

    Raises:
        BadSpec: Labels that do not fit, or ε that is not positive.

    Example:
        >>> x = torch.tensor([[-3.0], [3.0]])  # ½ log(1 + 10⁴), and as much in each class
        >>> transrate(x, torch.tensor([0, 1]))
        0.0
    """
    labels = check_labelled(features, labels)
    if not eps > 0:
        raise BadSpec(f"eps must be positive. Got {eps}.")
    z = centre_and_scale(features) if standardise else as_float64(features) - as_float64(features).mean(0)
    counts = torch.bincount(labels)
    within = sum(
        coding_rate(z[labels == c], eps) * (1 / len(counts) if equal_classes else float(counts[c]) / len(z))
        for c in range(len(counts))
    )
    return coding_rate(z, eps) - within


def coding_rate(z: Tensor, eps: float) -> float:
    """½ log det(I + ZᵀZ / nε), by whichever of ZᵀZ and ZZᵀ is smaller (Sylvester).

    Args:
        z: (n, d) floating.
        eps: Distortion ε above 0, in the units of z².
    """
    n, d = z.shape
    gram = z @ z.mT if n < d else z.mT @ z
    eye = torch.eye(len(gram), dtype=z.dtype, device=z.device)
    return 0.5 * float(torch.linalg.slogdet(eye + gram / (n * eps)).logabsdet)

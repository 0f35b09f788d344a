"""N-LEEP: LEEP with a Gaussian mixture over features in place of the source head."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.transferability import centre_and_scale, check_labelled
from tltk.transferability.leep import leep


def nleep(features: Tensor, labels: Tensor, *, components: int = 0, energy: float = 0.8, seed: int = 0) -> float:
    """LEEP of the mixture's posteriors P(v | x), v a Gaussian component fitted to PCA features.

    Any backbone will do, whatever its head was trained for. The features are first divided by one number, their
    root mean square: scikit-learn adds 10⁻⁶ to each variance, which is much or nothing by the scale that they have.

    Reference: Li et al. (2021), Ranking neural checkpoints, CVPR, §3 (N-LEEP: PCA to a share of the
    energy, then a mixture of five components per target class), arXiv:2011.11200.

    Args:
        features: (n, d).
        labels: (n,) class numbers.
        components: Gaussians; 0 = five per class.
        energy: Share of the variance that PCA keeps.
        seed: Of the mixture's start.

    Returns:
        Not above 0.

    Raises:
        BadSpec: Labels that do not fit, fewer samples than components, or a mixture that cannot be fitted.

    Example:
        >>> x = torch.cat([torch.zeros(20, 2), torch.ones(20, 2)]) + torch.linspace(0, 0.1, 40)[:, None]
        >>> round(nleep(x, torch.arange(40) // 20, components=2), 6)
        0.0
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    labels = check_labelled(features, labels)
    components = components or 5 * (int(labels.max()) + 1)
    if components > len(features) or not 0 < energy <= 1:
        raise BadSpec(
            f"N-LEEP needs as many samples as components ({components}) and a share of energy in (0, 1]. Got "
            f"{len(features)} samples, energy={energy}."
        )
    x = project(centre_and_scale(features), energy)
    mixture = GaussianMixture(components, random_state=seed)
    with warnings.catch_warnings():  # an unsettled mixture still has posteriors
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            posterior = mixture.fit(x.numpy()).predict_proba(x.numpy())
        except ValueError as fault:
            raise BadSpec(
                f"N-LEEP needs features that a Gaussian mixture can be fitted to. It cannot: {fault}"
            ) from None
    return leep(torch.from_numpy(posterior), labels.cpu())


def project(features: Tensor, energy: float) -> Tensor:
    """Features on the fewest principal axes that hold this share of the variance, (n, k) on the CPU.

    Args:
        features: (n, d) floating.
        energy: Share of the variance to keep, above 0, at most 1.
    """
    x = features.detach().cpu().double()
    u, s, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    share = s.square().cumsum(0) / s.square().sum().clamp_min(torch.finfo(x.dtype).tiny)
    kept = int((share < energy - 1e-12).sum()) + 1
    kept_axes: Tensor = u[:, :kept] * s[:kept]
    return kept_axes

"""How much denser the target is than the source where a picture lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 2000  # of each domain that the classifier learns from


def density_ratio(points: Tensor, source: Tensor, target: Tensor, seed: int = 0) -> Tensor:
    """w(x) = p_T(x) / p_S(x) ≈ (n_S / n_T) · P(target | x) / P(source | x), by a logistic regression.

    The features are standardised first; the regression has scikit-learn's ridge, C = 1.

    Args:
        points: (m, d), where to evaluate it; of pictures of the source that the regression has not seen.
        source: (n_S, d), to learn from.
        target: (n_T, d), to learn from.
        seed: Which 2,000 rows of each domain are learned from where there are more.

    Returns:
        (m,), positive; NaN where features are not finite, since then there is nothing to tell.

    Reference:
        Bickel, Brückner and Scheffer (2007), Discriminative learning for differing training and test distributions,
        ICML, §3; as You et al. (2019), Towards accurate model selection in deep unsupervised domain adaptation, ICML,
        use it, §3.
    """
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not all(x.isfinite().all() for x in (points, source, target)):
        return points.new_full((len(points),), torch.nan)
    generator = torch.Generator().manual_seed(seed)
    parts = [x if len(x) <= ROWS else x[torch.randperm(len(x), generator=generator)[:ROWS]] for x in (source, target)]
    domain = [0] * len(parts[0]) + [1] * len(parts[1])
    told = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    told.fit(torch.cat(parts).numpy(), domain)
    logits = torch.from_numpy(told.decision_function(points.numpy()))
    return len(parts[0]) / len(parts[1]) * logits.exp()

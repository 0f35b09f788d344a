"""Reverse validation."""

from __future__ import annotations

from tltk.selection.unlabelled import Unlabelled

ROWS = 2000  # of the target's pictures that the reverse classifier learns from


def reverse_validation(found: Unlabelled) -> float:
    """Reverse accuracy: of a classifier of the target by predicted classes, on the source's true ones, 0 … 1.

    (1/m) Σ_i 1[g(x_i) = y_i] over the source's validation pictures, g = argmin Σ_j −log g_{ŷ_j}(z_j) + ½ ‖W‖² over the
    target's pictures z_j, ŷ_j = what the network says of them. If the network is right about the target, and its
    features mean the same in both domains, the way back leads to the source's labels. Adaptation that sends a class of
    the target to another one of the source comes back just as well, and is not seen.

    The papers train the whole method once more, with the domains' parts exchanged. Here the network's features stay as
    they are, and g is a logistic regression on them (standardised, scikit-learn's ridge, C = 1): one fit an epoch in
    place of one training. So it judges the features with the predictions, not the method that made them.

    Args:
        found: What the network says.

    Reference:
        Zhong, Fan, Yang, Verscheure and Ren (2010), Cross validation framework to choose amongst models and datasets
        for transfer learning, ECML PKDD; as Ganin et al. (2016), Domain-adversarial training of neural networks,
        JMLR 17, use it, §5.1. arXiv:1505.07818.
    """
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    z, said = found.target_features, found.target_logits.argmax(1)
    if not all(x.isfinite().all() for x in (z, found.source_features)):
        return float("nan")
    if len(z) > ROWS:
        drawn = torch.randperm(len(z), generator=torch.Generator().manual_seed(found.seed))[:ROWS]
        z, said = z[drawn], said[drawn]
    if bool((said == said[0]).all()):  # the way back knows one class alone
        return float((found.source_labels == said[0]).double().mean())
    back = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    back.fit(z.numpy(), said.numpy())
    return float((back.predict(found.source_features.numpy()) == found.source_labels.numpy()).mean())

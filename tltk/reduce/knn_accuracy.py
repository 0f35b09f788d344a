"""kNN accuracy: how well labelled samples name others by cosine similarity."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import check_features, split_scale

TILE_ROWS = 1024


def knn_accuracy(
    gallery: Tensor,
    gallery_labels: Tensor,
    queries: Tensor,
    query_labels: Tensor,
    *,
    k: int = 20,
    temperature: float = 0.07,
) -> float:
    """Share of queries named rightly by their k nearest gallery rows, votes weighted by exp(s/τ).

    w_c = Σ_{i ∈ N_k} exp(s_i/τ) 1[c_i = c], s_i the cosine similarity.

    Reference: Wu et al. (2018), Unsupervised feature learning via non-parametric instance
    discrimination, CVPR, §3.4, arXiv:1805.01978.

    Args:
        gallery: (n, d).
        gallery_labels: (n,) class numbers.
        queries: (q, d).
        query_labels: (q,) class numbers.
        k: Neighbours that vote; at most n do.
        temperature: τ.

    Returns:
        From 0 to 1.

    Raises:
        BadSpec: Shapes, or numbers, that cannot be meant.

    Example:
        >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
        >>> knn_accuracy(x, y, 3 * x, y, k=1)
        1.0
    """
    check_features("gallery", gallery, 1)
    check_features("queries", queries, 1)
    if gallery_labels.shape != gallery.shape[:1] or query_labels.shape != queries.shape[:1]:
        raise BadSpec("Gallery and queries must have a label per row. Lengths differ.")
    if k < 1 or not temperature > 0 or gallery.shape[1] != queries.shape[1]:
        raise BadSpec(
            f"k and temperature must be positive and the features as many on both sides. Got k={k}, "
            f"temperature={temperature}, {gallery.shape[1]} and {queries.shape[1]} features."
        )
    (_, (gallery,)), (_, (queries,)) = (
        split_scale(gallery),
        split_scale(queries),
    )  # lengths do not matter, but must not overflow
    known = torch.nn.functional.normalize(gallery, dim=1)
    classes = int(torch.maximum(gallery_labels.max(), query_labels.max())) + 1
    right = 0
    for rows, truth in zip(torch.split(queries, TILE_ROWS), torch.split(query_labels, TILE_ROWS), strict=True):
        similarity, near = (torch.nn.functional.normalize(rows, dim=1) @ known.mT).topk(min(k, len(known)))
        # Relative to the nearest, or a small temperature overflows.
        weight = ((similarity - similarity[:, :1]) / temperature).exp()
        votes = weight.new_zeros(len(rows), classes).scatter_add_(1, gallery_labels[near].long(), weight)
        right += int((votes.argmax(1) == truth).sum())
    return right / len(queries)

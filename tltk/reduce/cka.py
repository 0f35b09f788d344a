"""CKA: are two layers' features alike, up to rotation and scale?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64, check_features
from tltk.reduce import check_rows


def cka(x: Tensor, y: Tensor, *, unbiased: bool = False) -> float:
    """Linear centred kernel alignment, HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)), K = XXᵀ, L = YYᵀ.

    Biased: HSIC = tr(KHLH) / (n − 1)², H = I − 11ᵀ/n. Unbiased: HSIC₁ = 1/n(n−3) [tr(K̃L̃) +
    1ᵀK̃1 1ᵀL̃1 / (n−1)(n−2) − 2/(n−2) 1ᵀK̃L̃1], the tilde meaning a zero diagonal.

    Reference: Kornblith et al. (2019), Similarity of neural network representations revisited, ICML,
    eq. 3–4, arXiv:1905.00414; HSIC₁: Song et al. (2012), Feature selection via dependence maximization,
    JMLR 13, the unbiased estimator.

    Args:
        x: (n, d₁).
        y: (n, d₂), of the same samples.
        unbiased: HSIC₁, without which few samples of many features look alike.

    Returns:
        From 0 to 1; unbiased it may fall a little below 0. NaN if x or y is constant.

    Raises:
        BadSpec: Shapes that do not fit, or fewer than two rows (four if unbiased).

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 3.0]])
        >>> round(cka(x, 5 * x.flip(1)), 6)  # scaled and mirrored
        1.0
    """
    check_rows(x, y, 4 if unbiased else 2)
    k, l = _centre(x, unbiased), _centre(y, unbiased)  # noqa: E741 – the paper's letters
    return float(_ratio((k * l).sum(), (k * k).sum(), (l * l).sum()))


def cka_matrix(xs: Sequence[Tensor], ys: Sequence[Tensor], *, unbiased: bool = True) -> Tensor:
    """CKA between all pairs of layers, (len(xs), len(ys)), each (n, d) on the same n samples.

    Every layer's (n, n) Gram matrix is held in memory: take some thousand samples, or `cka_minibatch`.

    Args:
        xs: Layers, each (n, d); d may differ between layers.
        ys: Layers of the same samples.
        unbiased: Whether HSIC is estimated without bias; this needs at least 4 samples.
    """
    for x in [*xs, *ys]:
        check_rows(x, xs[0], 4 if unbiased else 2)
    a = torch.stack([_centre(x, unbiased).flatten() for x in xs])
    b = a if ys is xs else torch.stack([_centre(y, unbiased).flatten() for y in ys])
    return _ratio(a @ b.mT, a.square().sum(1)[:, None], b.square().sum(1)[None])


def cka_minibatch(batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """CKA of a large set from batches: Σ_b HSIC₁(K_b, L_b) / √(Σ_b HSIC₁(K_b, K_b) Σ_b HSIC₁(L_b, L_b)).

    Reference: Nguyen, Raghu & Kornblith (2021), Do wide and deep networks learn the same things?, ICLR,
    minibatch CKA, arXiv:2010.15327.

    Args:
        batches: Pairs (n_b, d₁), (n_b, d₂) of at least four rows; batches of one size weigh alike.

    Raises:
        BadSpec: No batch, or shapes that do not fit.
    """
    sums: list[Tensor] = []
    for x, y in batches:
        check_rows(x, y, 4)
        k, l = _centre(x, True), _centre(y, True)  # noqa: E741
        parts = torch.stack([(k * l).sum(), (k * k).sum(), (l * l).sum()])
        sums.append(parts / (len(x) * (len(x) - 3)))
    if not sums:
        raise BadSpec("Minibatch CKA needs a batch. Got none.")
    across, own_x, own_y = torch.stack(sums).sum(0)
    return float(_ratio(across, own_x, own_y))


def _centre(x: Tensor, unbiased: bool) -> Tensor:
    """Gram matrix so centred that HSIC of two is their inner product, up to a factor that cancels."""
    check_features("features", x)
    x = as_float64(x)
    x = x - x.mean(0)  # XXᵀ is then HKH already
    gram = x @ x.mT
    if not unbiased:
        return gram
    # U-centring (Székely & Rizzo 2014): its inner product is n(n−3) HSIC₁.
    n = len(x)
    gram.fill_diagonal_(0)
    rows = gram.sum(1) / (n - 2)
    gram = gram - rows[:, None] - rows[None] + rows.sum() / (n - 1)
    return gram.fill_diagonal_(0)


def _ratio(across: Tensor, own_x: Tensor, own_y: Tensor) -> Tensor:
    return across / (own_x * own_y).sqrt()

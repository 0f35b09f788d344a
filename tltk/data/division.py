"""Pictures dealt out to parts or folds: every class in its share, what belongs together in one. No torch here."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def shuffle(indices: Ints, *seed: int) -> Ints:
    """The indices in an order that the seed decides, the same under every version of NumPy."""
    # Raw PCG64 words are fixed by NumPy's promise; Generator.permutation's stream is not.
    keys = np.random.PCG64(seed).random_raw(len(indices))
    return indices[np.argsort(keys, kind="stable")]


def bundles(twins: Ints, groups: Ints | None) -> Ints:
    """A number for each picture, equal where pictures must go to one part.

    That is for copies, for pictures of one group, and for all that hang together by a chain of these.

    Args:
        twins: (n,) position of the first picture of which each is a copy.
        groups: (n,) number of its group; None = copies alone belong together.
    """
    if groups is None:
        return twins
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(twins)
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    ends = np.concatenate([twins, first[inverse]])
    links = coo_matrix((np.ones(2 * n, np.int8), (np.tile(np.arange(n), 2), ends)), shape=(n, n))
    found: Ints = connected_components(links, directed=False)[1].astype(np.int64)
    return found


def count_bundles(labels: Ints, bundle: Ints, n_classes: int) -> Ints:
    """In how many bundles each class occurs, (n_classes,).

    Args:
        labels: (n,) class of each picture.
        bundle: (n,) as `bundles` numbers them.
        n_classes: How many classes.
    """
    pairs = np.unique(np.stack([labels, bundle]), axis=1)
    found: Ints = np.bincount(pairs[0], minlength=n_classes)
    return found


def fewest(folds: int, n_parts: int) -> int:
    """In how many bundles a class must occur to be in every part, or in every fold and twice beside each.

    Args:
        folds: How many; 0 = none.
        n_parts: Parts that are made where there are no folds.
    """
    if not folds:
        return n_parts
    return 4 if folds == 2 else folds  # of 3 in 2 folds, one alone would be left to train and to validate on


def deal(labels: Ints, bundle: Ints, shares: Sequence[float], *seed: int) -> Ints:
    """A part for each picture, (n,) from 0: bundles stay whole, and every class is divided nearly as the shares say.

    Bundles are dealt from the largest to the smallest, each to the part where Pearson's
    Σ (have − wanted)² / wanted over parts and classes grows least; a part that would else get none of a class goes
    first. Single pictures follow, class by class. Equal ones are in an order that the seed decides.

    Reference:
        Sechidis, Tsoumakas and Vlahavas (2011), On the stratification of multi-label data, ECML PKDD, §3 (greedy, what
        is rarest and most wanted first); here a bundle stands for an example with several labels.

    Args:
        labels: (n,) class of each picture.
        bundle: (n,) equal for pictures that belong together.
        shares: Of each part, greater than 0; their sum is 1.
        seed: Decides.
    """
    n_classes, n_parts = int(labels.max()) + 1, len(shares)
    share = np.array(shares, np.float64)
    wanted = share[:, None] * np.bincount(labels, minlength=n_classes)
    have, total = np.zeros((n_parts, n_classes)), np.zeros(n_parts)
    left = count_bundles(labels, bundle, n_classes)
    part = np.full(len(labels), -1, np.int64)

    mixed = shuffle(np.arange(len(labels)), *seed)
    order = mixed[np.argsort(bundle[mixed], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(bundle[order])) + 1)
    several = [group for group in groups if len(group) > 1]
    several = [several[i] for i in shuffle(np.arange(len(several)), *seed, 1).tolist()]
    for group in sorted(several, key=len, reverse=True):
        classes, counts = np.unique(labels[group], return_counts=True)
        here, aim = have[:, classes], wanted[:, classes]
        cost = ((2 * (here - aim) * counts + counts**2) / aim).sum(1)
        lacks = here == 0
        urgent = (lacks & (left[classes] <= lacks.sum(0))).sum(1)
        best = min(range(n_parts), key=lambda k: (-urgent[k], round(float(cost[k]), 9), total[k] / share[k], k))
        part[group] = best
        have[best, classes] += counts
        total[best] += len(group)
        left[classes] -= 1

    single = np.array([group[0] for group in groups if len(group) == 1], np.int64)
    for c in range(n_classes):
        mine = shuffle(np.sort(single[labels[single] == c]), *seed, 2, c)
        if not len(mine):
            continue

        def rank(k: int, c: int = c) -> tuple[bool, float, float, int]:
            cost = (2 * (have[k, c] - wanted[k, c]) + 1) / wanted[k, c]
            return bool(have[k, c]), round(float(cost), 9), total[k] / share[k], k

        heap = [rank(k) for k in range(n_parts)]
        heapq.heapify(heap)
        for i in mine.tolist():
            k = heap[0][-1]
            part[i] = k
            have[k, c] += 1
            total[k] += 1
            heapq.heapreplace(heap, rank(k))
    return part
